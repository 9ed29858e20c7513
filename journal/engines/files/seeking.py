"""Finding a point in a log without reading all of it: its end, or a certain event.

After the header and what compaction has kept, the lines of a log are sorted by seq. So its
first and last lines tell where it ends, and an event is found where it should be if all lines
had the same length, and near there. Wherever a line is not as it should be, the answer is that
nothing is known, and all of the log is read instead.
"""

import math
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from journal.codec import decode_line
from journal.engines.files.backwards import lines_back
from journal.engines.files.ends import scan_beginning
from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import CHUNK, FIRST, Storage, chunks
from journal.events import Event, Open, Record, Sealed
from journal.scan import Scanner

_WINDOW = 24 << 10  # bytes read of the events of one append; twice as much of a single line
_PROBE = 1 << 12  # bytes read where the line may be


class ReadPoint(NamedTuple):
    """A point in a log from which to read on, after an event; `scanner` goes on from there.

    The event was appended together with those before it that have the same timestamp `ts`.
    `hashes` are theirs and its own, the last one last; `settled` is the hash of the event
    before these. See `journal.position.Position.jump`. Where one append is longer than what is
    read of it (1 MiB at the end of a log, else 24 KiB), these are of the last of its events.
    """

    scanner: Scanner
    settled: str
    hashes: deque[str]
    ts: str


def find_end(storage: Storage, file: LogFile, size: int) -> ReadPoint:
    """The point after the last event. Reads its append, or all of a log that ends in no event."""
    return _end_by_lines(storage, file, size) or _end_by_reading(storage, file, size)


def _end_by_lines(storage: Storage, file: LogFile, size: int) -> ReadPoint | None:
    scanner = scan_beginning(chunks(storage, file.fd, 0, size, FIRST))
    lines = lines_back(storage, file.fd, size)
    unfinished = next(lines, b"")
    if unfinished.rstrip().endswith(b"}"):
        return None  # perhaps a whole line that lacks its newline
    return _point_after(scanner, lines, size - len(unfinished), CHUNK)


def _end_by_reading(storage: Storage, file: LogFile, size: int) -> ReadPoint:
    scanner = Scanner()
    settled, hashes = "", deque[str]()
    next_one = (0, "")  # what an event must have that was appended with the last
    for event in scanner.read(chunks(storage, file.fd, 0, size)):
        if (event.seq, event.ts) != next_one:
            hashes.clear()
            settled = event.prev
        hashes.append(event.hash)
        next_one = (event.seq + 1, event.ts)
    if scanner.hash not in hashes:  # it is that of the log's base
        return ReadPoint(scanner, scanner.hash, deque(), "")
    return ReadPoint(scanner, settled, hashes, next_one[1])


def find_event(storage: Storage, file: LogFile, size: int, seq: int) -> ReadPoint | None:
    """The point after event `seq`. None if it was not found, which says nothing of the log.

    A few reads of 4 KiB where lines are about as long as each other, else O(log size) of them,
    and up to 24 KiB of the events that were appended with it.
    """
    scanner = scan_beginning(chunks(storage, file.fd, 0, size, FIRST))
    if scanner.header is None or seq <= scanner.header.base_seq:
        return None
    end = _Search(storage, file, size, scanner.header.base_seq).end_of(seq)
    if end is None:
        return None
    lines = lines_back(storage, file.fd, end)
    next(lines, b"")  # what follows the newline of its own line: nothing
    return _point_after(scanner, lines, end, _WINDOW)


class _Line(NamedTuple):
    """An intact line: its seq, and where it begins and ends in the file."""

    seq: float
    start: int
    end: int


class _Search:
    """The line of an event in a file; it begins at `low` or later, before `high`.

    What compaction has kept is out of order, but all of it is before the event.
    """

    def __init__(self, storage: Storage, file: LogFile, size: int, base: int) -> None:
        self._storage = storage
        self._fd = file.fd
        self._low, self._high = 0, size
        self._low_seq, self._high_seq = base, math.inf  # of the lines before and from there

    def end_of(self, seq: int) -> int | None:
        """Where its line ends. None if it was not found."""
        probe, is_halving = min(_PROBE, _WINDOW), False
        place = max(0, self._high - probe)  # most often it is one of the last
        while probe <= 4 * _WINDOW:  # then any two of the lines are seen whole
            lines = self._lines_at(place, probe)
            if lines is None:
                return None
            for line in lines:
                if line.seq == seq:
                    return line.end
            width = self._high - self._low
            self._narrow(lines, seq)
            left = self._high - self._low
            if left >= width:
                probe *= 2  # no line begins there: a long one goes on
            is_halving = not is_halving and left > width // 2
            place = self._place_of(seq, probe, is_halving)
        return None

    def _narrow(self, lines: list[_Line], seq: int) -> None:
        for line in lines:
            if line.seq < seq and line.end > self._low:
                self._low, self._low_seq = line.end, max(self._low_seq, int(line.seq))
            elif line.seq > seq and line.start < self._high:
                self._high, self._high_seq = line.start, line.seq

    def _place_of(self, seq: int, probe: int, is_halving: bool) -> int:
        """Where to look next: there the line begins if all are of one length."""
        share = (seq - self._low_seq) / (self._high_seq - self._low_seq)
        share = 0.5 if is_halving or not 0 <= share <= 1 else share
        middle = self._low + int((self._high - self._low) * share)
        return max(self._low, min(middle - probe // 2, self._high - probe))

    def _lines_at(self, place: int, length: int) -> list[_Line] | None:
        """The lines that begin and end there; None if one of them is not intact."""
        *lines, _ = self._storage.read(self._fd, length, place).split(b"\n")
        found, start = [], place
        for number, line in enumerate(lines):
            end = start + len(line) + 1
            if (number or place == self._low) and line and not line.isspace():
                record = decode_line(line)
                if record is None:
                    return None
                found.append(_Line(_order_of(record), start, end))
            start = end
        return found


def _order_of(record: Record) -> float:
    """Its seq. Before all events is the header, after them a seal."""
    match record:
        case Open():
            return 0
        case Sealed():
            return math.inf
        case _:
            return record.seq


def _point_after(
    scanner: Scanner, lines: Iterator[bytes], end: int, most: int
) -> ReadPoint | None:
    """The point after the last of the lines before `end`, of which at most so many are read."""
    last = _event_in(next(lines, b""))
    if scanner.header is None or last is None or last.seq <= scanner.header.base_seq:
        return None
    settled, hashes = last.prev, deque([last.hash])
    for line in lines:
        most -= len(line)
        event = _event_in(line) if most > 0 else None
        if event is None or (event.seq, event.ts) != (last.seq - len(hashes), last.ts):
            break
        hashes.appendleft(event.hash)
        settled = event.prev
    scanner.skip_to(last, end)
    return ReadPoint(scanner, settled, hashes, last.ts)


def _event_in(line: bytes) -> Event | None:
    record = decode_line(line)
    return None if isinstance(record, Open | Sealed) else record
