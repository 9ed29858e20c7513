"""What is missing in one file of a log: where, and which events.

A file is runs of intact events with gaps between. A gap is bytes that should not be there,
events that should, or both. Only the place in the chain tells which: the hash of the event
before a gap, and the `prev` of the one after it.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from journal.codec import digest_of
from journal.events import Event, Open
from journal.scan import Scanner


def digest_of_hashes(hashes: Iterable[str]) -> str:
    """The digest that a header has of the events that compaction kept, by their hashes."""
    return digest_of("".join(hashes).encode())


class Gap(NamedTuple):
    """The bytes from `start` to `stop`, and the events from `first` to `last`.

    `before` is the hash of the event before the gap, `after` the `prev` of the one after it,
    None at the end of the file. `kept` says that the events which compaction kept are in it,
    not all of them or not as they were; the gap then begins right after the header.
    """

    start: int
    stop: int
    first: int
    last: int
    before: str
    after: str | None
    kept: bool

    @property
    def seqs(self) -> range:
        return range(self.first, self.last + 1)


class Survey:
    """One file, read to its end by `read`; `scanner` is its reader, `header_end` in bytes."""

    def __init__(self, scanner: Scanner | None = None) -> None:
        self.scanner = scanner or Scanner()
        self.gaps: list[Gap] = []
        self.kept: dict[str, tuple[int, int]] = {}  # where those are that are intact, by hash
        self.header_end = 0
        self._noted = 0  # damage before the last chained event
        self._end = 0
        self._seq = 0
        self._hash = ""
        self._chained = False  # an event after the base was read
        self._kept_end = 0  # where the kept part ends, as long as nothing is wrong in it

    @property
    def header(self) -> Open | None:
        return self.scanner.header

    @property
    def kept_is_whole(self) -> bool:
        """Whether all that compaction kept is there, whatever else may be."""
        header = self.header
        if header is None or len(self.kept) != header.kept:
            return False
        return digest_of_hashes(self.kept) == header.kept_digest

    def read(self, pieces: Iterator[bytes]) -> Iterator[Event]:
        """Yield the intact events; the gaps are known when it ends."""
        apart = (data for piece in pieces for data in self._first_lines_apart(piece))
        for event in self.scanner.read(apart):
            self._take(event)
            yield event
        self.scanner.finish()
        if self.scanner.damage_count > self._noted and self.header is not None:
            last = self._seq if self._chained else self.header.base_seq
            self._note(self.scanner.end, last + 1, None)

    def _first_lines_apart(self, piece: bytes) -> Iterator[bytes]:
        """The piece, in lines as long as the header has not come: to know where it ends."""
        while piece and self.header is None and not self.scanner.count:
            end = piece.find(b"\n") + 1 or len(piece)
            yield piece[:end]
            piece = piece[end:]
            self.header_end = self.scanner.end
        yield piece

    def _take(self, event: Event) -> None:
        if self.header is None:
            return
        if event.seq <= self.header.base_seq:
            self.kept[event.hash] = (self.scanner.start, self.scanner.end)
            self._kept_end = self.scanner.end if not self.scanner.damage_count else 0
            return
        if self.scanner.damage_count > self._noted:
            self._note(self.scanner.start, event.seq, event.prev)
        self._chained = True
        self._noted = self.scanner.damage_count
        self._end, self._seq, self._hash = self.scanner.end, event.seq, event.hash

    def _note(self, stop: int, next_seq: int, after: str | None) -> None:
        start, seq, digest, kept = self._end, self._seq, self._hash, False
        if not self._chained and self.header is not None:
            start, seq, digest = self.header_end, self.header.base_seq, self.header.base_hash
            kept = self.header.kept > 0
            if self._kept_end and self.kept_is_whole:
                start, kept = self._kept_end, False
        self.gaps.append(Gap(start, stop, seq + 1, next_seq - 1, digest, after, kept))
