"""The events that a compaction has kept: the beginning of a compacted log.

They stand out of the order of their seqs, so no chain guards them. The header has their number
and the digest of their hashes.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from journal.codec import HASH_DIGITS, NEWEST, decode_line
from journal.events import Open, Record, Sealed
from journal.state import MAX_LINE

_SHORTEST_LINE = 32  # bytes; the hash alone is as long


class KeptCheck:
    """Compares the kept events that are read with what the header says of them.

    `left` is how many are still to come.
    """

    def __init__(self) -> None:
        self.left = 0
        self._header: Open | None = None
        self._digest = sha256()

    def begin(self, header: Open) -> str | None:
        """What is wrong already; None if nothing is."""
        self._header, self.left = header, header.kept
        if not header.kept and header.kept_digest != self._digest_so_far():
            return "the digest of no kept events is another"
        return None

    def skip(self) -> None:
        """Read on after the kept events, without having read them."""
        self.left = 0

    def take(self, digest: str) -> str | None:
        """The next one, by its hash. What is wrong once all were read; None if nothing is."""
        self.left -= 1
        self._digest.update(digest.encode())
        if self.left or self._header is None or self._is_as_it_was(self._header):
            return None
        return _not_as_they_were(self._header)

    def finish(self) -> str | None:
        """No more come. What is wrong if more were to; None if nothing is."""
        left, self.left = self.left, 0
        return _not_as_they_were(self._header) if left and self._header is not None else None

    def _is_as_it_was(self, header: Open) -> bool:
        return self._digest_so_far() == header.kept_digest

    def _digest_so_far(self) -> str:
        return self._digest.hexdigest()[:HASH_DIGITS]


def _not_as_they_were(header: Open) -> str:
    return f"the {header.kept} events kept by compaction are not all as they were"


class KeptPart(NamedTuple):
    """The beginning of a compacted log: up to `end` there are the header and what was kept."""

    header: Open
    last_hash: str
    end: int


def find_kept(pieces: Iterable[bytes]) -> KeptPart | None:
    """What compaction has kept, found by counting its lines rather than reading them.

    `pieces` are the bytes of a file from its beginning. None if nothing was kept, or if the
    first or the last of these lines is not intact.
    """
    header: Open | None = None
    last, end, left, carry = b"", 0, 1, b""
    for piece in pieces:
        *lines, carry = (carry + piece).split(b"\n")
        if len(carry) > MAX_LINE:
            return None
        if header is None and lines:
            first = decode_line(lines[0])
            if not isinstance(first, Open) or first.format > NEWEST or not first.kept:
                return None
            header, left = first, first.kept + 1
        kept = lines[:left]
        if min(map(len, kept), default=_SHORTEST_LINE) < _SHORTEST_LINE:
            return None  # a blank line, which does not count
        left -= len(kept)
        end += sum(map(len, kept)) + len(kept)
        last = kept[-1] if kept else last
        if not left:
            return _kept_up_to(header, decode_line(last), end)
    return None


def _kept_up_to(header: Open | None, last: Record | None, end: int) -> KeptPart | None:
    """None if the last line is not a kept one: where a newline was lost, too few are counted."""
    if header is None or last is None or isinstance(last, Open | Sealed):
        return None
    return KeptPart(header, last.hash, end) if last.seq <= header.base_seq else None
