"""The matches in a part of a log, and what shows whether the log is all there.

Lines in which the pattern cannot match are counted, but not decoded. So a sweep notices lines
that are missing, too many, or torn apart, since there are as many lines as events; and it notices
when a line that it decodes is not intact. Where anything is amiss, the log has to be read as all
other readers read it.
"""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from journal.codec import decode_line
from journal.engines.files.storage import FileId, Storage, chunks
from journal.events import Event, Open, Record, Sealed, Set
from journal.state import MAX_LINE
from projections.search.pattern import Pattern
from projections.search.prefilter import Candidate
from projections.search.strings import STATE, TAIL

_CHUNK = 1 << 19  # bytes at once: they stay in the processor's cache
_FEW, _LONG = 64, 512  # lines, and bytes of a line, from which on finding its end beats counting
_NEWLINE = 0x0A


def keep_memory() -> None:
    """Have the memory of a piece used again for the next.

    The C library gives a block back to the kernel as soon as it is free, unless one as large
    was freed before: then each piece would be on pages that the kernel has to clear first.
    """
    bytes(16 * _CHUNK)


class LogPart(NamedTuple):
    """The lines of a log that begin from `start` on, before `stop`; `size` is the log's.

    `file` says which file was there when the log was divided into parts.
    """

    path: str
    file: FileId
    start: int
    stop: int
    size: int


class FoundLine(NamedTuple):
    """A line that matches, and whose state it has; None if it has none."""

    runtime_id: str | None
    turn_id: str | None
    line: bytes

    @classmethod
    def of(cls, event: Record, line: bytes) -> "FoundLine":
        if type(event) is Set:
            return cls(event.runtime_id, event.turn_id, line)
        return cls(None, None, line)


class Swept(NamedTuple):
    """What a sweep found. `first` and `last` are the first and the last whole line.

    `is_odd`: something is amiss, and so the rest says nothing.
    """

    found: list[FoundLine]
    lines: int
    first: bytes
    last: bytes
    is_odd: bool


ODD = Swept([], 0, b"", b"", True)


class Sweep:
    """Looks for a pattern. `chosen` says which events count, None all; `invert` turns it round.

    With `first_only`, one match is enough.
    """

    def __init__(
        self,
        storage: Storage,
        pattern: Pattern,
        chosen: Callable[[Event], bool] | None = None,
        *,
        invert: bool = False,
        first_only: bool = False,
    ) -> None:
        self._storage = storage
        self._pattern = pattern
        self._chosen = chosen
        self._invert = invert
        self._first_only = first_only

    def part(self, part: LogPart) -> Swept:
        """Sweep through a part. A log that is gone by now, or cannot be read, is odd."""
        try:
            fd = self._storage.open(part.path, os.O_RDONLY)
        except OSError:
            return ODD
        try:
            return self._part(fd, part) if self._storage.identify(fd) == part.file else ODD
        except OSError:
            return ODD  # whoever reads it says why
        finally:
            self._storage.close(fd)

    def _part(self, fd: int, part: LogPart) -> Swept:
        found: list[FoundLine] = []
        lines, first, last = 0, b"", b""
        for data, stop in _pieces(self._storage, fd, part):
            if data[stop - 1] != _NEWLINE:
                return ODD
            lines += _count(data, stop)
            first = first or data[: data.index(b"\n")]
            last = data[data.rfind(b"\n", 0, stop - 1) + 1 : stop - 1]
            for begin, end, is_sure in self._lines(data, stop):
                if self._first_only and found:
                    break
                line = data[begin:end]
                record = decode_line(line)
                if record is None:
                    return ODD
                if self._holds(record, line, is_sure):
                    found.append(FoundLine.of(record, line))
        return Swept(found, lines, first, last, False)

    def _lines(self, data: bytes, stop: int) -> Iterator[Candidate]:
        candidates = self._pattern.candidates(data, stop)
        return _inverted(data, stop, candidates) if self._invert else candidates

    def matches(self, event: Event, line: bytes) -> bool:
        """Whether an event is looked for; `line` is its own."""
        may_match = next(iter(self._pattern.candidates(line, len(line))), None) is not None
        does = may_match and self._pattern.matches(event)
        return does is not self._invert and self._is_chosen(event)

    def matches_decrypted(self, event: Event) -> bool:
        """As `matches`, of an event of whose state the line has nothing."""
        return self._pattern.matches(event) is not self._invert and self._is_chosen(event)

    def _holds(self, record: Record, line: bytes, is_sure: bool) -> bool:
        """The same for a line about which something is known."""
        if isinstance(record, Open | Sealed):
            return False
        if self._invert:
            does = is_sure or not self._pattern.matches(record)
        else:
            does = (is_sure and _is_plain(record, line)) or self._pattern.matches(record)
        return does and self._is_chosen(record)

    def _is_chosen(self, event: Event) -> bool:
        return self._chosen is None or self._chosen(event)


def _inverted(data: bytes, stop: int, candidates: Iterator[Candidate]) -> Iterator[Candidate]:
    """All lines, and whether the pattern surely does not match."""
    begins = {candidate.begin for candidate in candidates}
    start = 0
    while start < stop:
        end = data.index(b"\n", start)
        yield Candidate(start, end, start not in begins)
        start = end + 1


def _is_plain(event: Record, line: bytes) -> bool:
    """Whether the state fills all that was taken for the state when the pattern was tried."""
    if type(event) is not Set:
        return False
    state = len(line) - TAIL - len(event.state)
    return line.startswith(STATE, state - len(STATE))


def _pieces(storage: Storage, fd: int, part: LogPart) -> Iterator[tuple[bytes, int]]:
    """The bytes of the part's lines, piece by piece, and where in each its last whole line ends.

    What stands after that comes again. Only the last piece may lack a newline at its end, and
    what is longer than any line may be.
    """
    place = _line_from(storage, fd, part.start, part.size)
    stop = _line_from(storage, fd, part.stop, part.size)
    length = _CHUNK
    while place < stop and (data := storage.read(fd, min(length, stop - place), place)):
        end = data.rfind(b"\n") + 1
        if end:
            yield data, end
            place, length = place + end, _CHUNK
        elif place + len(data) >= stop or len(data) > MAX_LINE:
            yield data, len(data)
            return
        else:
            length *= 4


def _line_from(storage: Storage, fd: int, place: int, size: int) -> int:
    """Where the first line begins from `place` on."""
    if place in (0, size):
        return place
    place -= 1
    for data in chunks(storage, fd, place, size, first=1 << 13):
        found = data.find(b"\n")
        if found >= 0:
            return place + found + 1
        place += len(data)
    return size


def _count(data: bytes, stop: int) -> int:
    """How many lines end before `stop`."""
    count, place = 0, data.find(b"\n", 0, stop)
    while place >= 0:
        count += 1
        if count == _FEW and place < _FEW * _LONG:
            return count + data.count(b"\n", place + 1, stop)
        place = data.find(b"\n", place + 1, stop)
    return count
