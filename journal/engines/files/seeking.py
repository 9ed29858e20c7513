"""Finding a point in a log without reading all of it: its end, or a certain event.

After the header and what compaction has kept, the lines of a log are sorted by seq. So its
first and last lines tell where it ends, and an event is found by halving. Wherever a line is
not as it should be, the answer is that nothing is known, and all of the log is read instead.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from journal.codec import decode_line
from journal.engines.files.ends import scan_beginning
from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import CHUNK, Storage, chunks
from journal.events import Event, Open, Record, Sealed
from journal.scan import Scanner

_WINDOW = 1 << 16  # bytes read at a time while halving; a longer line is not searched for


class ReadPoint(NamedTuple):
    """A point in a log from which to read on, after an event; `scanner` goes on from there.

    The event was appended together with those before it that have the same timestamp `ts`.
    `hashes` are theirs and its own, the last one last; `settled` is the hash of the event
    before these. See `journal.position.Position.jump`.
    """

    scanner: Scanner
    settled: str
    hashes: deque[str]
    ts: str


def find_end(storage: Storage, file: LogFile, size: int) -> ReadPoint:
    """The point after the last event. Reads 2 MiB, or all of a log that ends in no event."""
    return _end_by_lines(storage, file, size) or _end_by_reading(storage, file, size)


def _end_by_lines(storage: Storage, file: LogFile, size: int) -> ReadPoint | None:
    scanner = scan_beginning(chunks(storage, file.fd, 0, size))
    start = max(0, size - CHUNK)
    *lines, unfinished = storage.read(file.fd, size - start, start).split(b"\n")
    if unfinished.rstrip().endswith(b"}"):
        return None  # perhaps a whole line that lacks its newline
    return _point_after(scanner, lines, size - len(unfinished))


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

    O(log size) reads of 64 KiB.
    """
    scanner = scan_beginning(chunks(storage, file.fd, 0, size))
    if scanner.header is None or seq <= scanner.header.base_seq:
        return None
    low, high = 0, size  # where its line begins
    while high - low > _WINDOW:
        middle = (low + high) // 2
        found = _first_line_after(storage, file, middle)
        if found is None:
            return None
        start, record = found
        if start >= high or _is_beyond(record, seq):
            high = middle + 1
        else:
            low = start
    return _point_in_window(storage, file, scanner, low, seq)


def _first_line_after(storage: Storage, file: LogFile, place: int) -> tuple[int, Record] | None:
    """The first line that begins after a byte of the file, and where it begins."""
    begun, _, rest = storage.read(file.fd, 2 * _WINDOW, place).partition(b"\n")
    line, newline, _ = rest.partition(b"\n")
    record = decode_line(line) if newline else None
    return (place + len(begun) + 1, record) if record is not None else None


def _is_beyond(record: Record, seq: int) -> bool:
    """Whether a line comes after that of event `seq`. What was kept has lower seqs."""
    return isinstance(record, Sealed) or (not isinstance(record, Open) and record.seq > seq)


def _point_in_window(
    storage: Storage, file: LogFile, scanner: Scanner, low: int, seq: int
) -> ReadPoint | None:
    """Its line begins in the window after `low`; those that were appended with it, before it."""
    start = max(0, low - _WINDOW)
    lines: list[bytes] = []
    end = start
    for line in storage.read(file.fd, 4 * _WINDOW, start).split(b"\n")[:-1]:
        lines.append(line)
        end += len(line) + 1
        event = _event_in(line) if end > low else None
        if event is not None and event.seq == seq:
            return _point_after(scanner, lines, end)
    return None


def _point_after(scanner: Scanner, lines: Sequence[bytes], end: int) -> ReadPoint | None:
    """The point after the last of these lines, which ends at `end`; the first may be a part."""
    last = _event_in(lines[-1]) if lines else None
    if scanner.header is None or last is None or last.seq <= scanner.header.base_seq:
        return None
    settled, hashes = last.prev, deque([last.hash])
    for line in reversed(lines[:-1]):
        event = _event_in(line)
        if event is None or (event.seq, event.ts) != (last.seq - len(hashes), last.ts):
            break
        hashes.appendleft(event.hash)
        settled = event.prev
    scanner.skip_to(last, end)
    return ReadPoint(scanner, settled, hashes, last.ts)


def _event_in(line: bytes) -> Event | None:
    record = decode_line(line)
    return None if isinstance(record, Open | Sealed) else record
