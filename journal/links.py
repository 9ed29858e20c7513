"""The hashes that the events of a session have when the digests of its erased states go. No I/O.

An event whose line is another has another hash, and so has every one after it. The files of a
session come from the oldest to the newest, and each comes twice: first to be looked at, for its
header says things that only its last line can tell, then to be rewritten.
"""

from msgspec.structs import replace

from journal.codec import control_line, digest_of, erase_state, forget_digest, relinked
from journal.events import Event, Open, Sealed, was_relinked

_NO_SEQ = 1 << 62


class Links:
    """What links the lines of a session anew. For one thread.

    Memory is that of a hash for each event that is linked anew, and of a line without its state
    for each that a compaction has kept in the file.
    """

    def __init__(self) -> None:
        self.hashes: dict[int, str] = {}  # of events that are linked anew, by seq
        self._header: Open | None = None  # of the file
        # What a compaction has kept in it comes in another order than it was linked in:
        self._kept: list[tuple[int, str]] = []  # seq and hash as it was
        self._waiting: dict[int, tuple[bytes, int, str, str, bool]] | None = None  # see `_link`

    def begin(self, header: Open | None) -> bool:
        """A file comes, to be looked at. Whether its header has to be another already."""
        self._header = header
        self._kept = []
        self._waiting = {}
        return header is not None and self._base_hash(header) != header.base_hash

    def line(self, line: bytes, event: Event) -> bytes:
        """The line of an event, after whatever the event before it has become."""
        new = forget_digest(line)
        is_other = new != line
        if self._waiting is not None:
            if self._header is not None and event.seq <= self._header.base_seq:
                self._kept.append((event.seq, event.hash))
                without = erase_state(new)  # which has the same hash
                self._waiting[event.seq] = (without, event.seq, event.prev, event.hash, is_other)
                return new
            self.link_kept()
        return self._link(new, event.seq, event.prev, event.hash, is_other)

    def _link(self, line: bytes, seq: int, prev: str, digest: str, is_other: bool) -> bytes:
        before, new = self.hashes.get(seq - 1, prev), digest
        if before != prev or is_other:
            line, new = relinked(line, before)
        if new != digest or was_relinked(self._header, seq):
            self.hashes[seq] = new
        return line

    def link_kept(self) -> bool:
        """All kept events have come, if there are any. Whether one has another hash now."""
        found, self._waiting = self._waiting or {}, None
        for seq in sorted(found):
            self._link(*found[seq])
        return any(self.hashes.get(seq, digest) != digest for seq, digest in self._kept)

    def seal(self, line: bytes, seal: Sealed) -> bytes:
        """The line of a seal."""
        digest = self.hashes.get(seal.last_seq)
        if digest is None:
            return line
        return control_line(replace(seal, last_hash=digest))[:-1]

    def header(self, header: Open) -> Open:
        """The header, once the file was looked at."""
        kept_digest = header.kept_digest
        if len(self._kept) == header.kept:
            hashes = [self.hashes.get(seq, digest) for seq, digest in self._kept]
            kept_digest = digest_of("".join(hashes).encode())
        return replace(
            header,
            base_hash=self._base_hash(header),
            kept_digest=kept_digest,
            relinked=self._relinked(header),
        )

    def _base_hash(self, header: Open) -> str:
        return self.hashes.get(header.base_seq, header.base_hash)

    def _relinked(self, header: Open) -> tuple[int, int] | None:
        first, last = header.relinked or (_NO_SEQ, 0)
        if self.hashes:
            first, last = min(first, min(self.hashes)), max(last, max(self.hashes))
        return (first, last) if last else None
