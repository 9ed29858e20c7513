"""Reading a log from its end: the newest events, without what is before them.

After the header and what compaction has kept, the lines are sorted by seq, and each names the
hash of the one before. So of two neighbours that fit, nothing is missing in between. Wherever a
line is not as it should be, reading backwards ends, and whoever needs more reads all of the log.
"""

from collections.abc import Iterator
from itertools import chain

from journal.codec import NEWEST, decode_line
from journal.engines.files.ends import header_of
from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import FIRST, Storage, chunks
from journal.events import GENESIS, Event, Open, Sealed
from journal.past import Entry, Newest
from journal.state import MAX_LINE

_SHORT = 1 << 18  # bytes of a log that is read from its beginning, so that all damage is noticed
_LONGEST_PIECE = 1 << 17


def lines_back(storage: Storage, fd: int, end: int, first: int = FIRST) -> Iterator[bytes]:
    """The lines of a file before `end`, without their newlines, the last one first.

    Begins with what follows the last newline, which is mostly nothing. Reads `first` bytes, then
    twice as many as before, up to 128 KiB at a time. Ends early at a line that is longer than
    any may be, and where the file turns out to be shorter. OSError.
    """
    length, carry = first, b""
    while end > 0 and len(carry) <= MAX_LINE:
        start = max(0, end - length)
        data = storage.read(fd, end - start, start)
        if len(data) < end - start:
            return
        carry, *lines = (data + carry).split(b"\n")
        yield from reversed(lines)
        end, length = start, min(2 * length, max(length, _LONGEST_PIECE))
    if end == 0:
        yield carry


def newest_in(log: LogFile, session_id: str) -> Newest | None:
    """See `journal.backend.Backend.newest`. Closes the log, if not before its entries end."""
    try:
        found = _newest_in(log, session_id)
    except BaseException as error:
        log.close()
        if isinstance(error, OSError):
            return None
        raise
    if found is None:
        log.close()
    return found


def _newest_in(log: LogFile, session_id: str) -> Newest | None:
    size = log.size()
    if size <= _SHORT:
        return None
    header = header_of(chunks(log.storage, log.fd, 0, size, FIRST))
    if header is None or header.format > NEWEST or header.session_id != session_id:
        return None
    entries = _closing(log, _entries(log, header, size))
    first = next(entries, None)
    return Newest(header.log_id, header.base_seq, chain([first], entries)) if first else None


def events_back(log: LogFile, header: Open, end: int) -> Iterator[Entry]:
    """The events before the byte `end`, each once the one before it is known to be there.

    Closes the log. Ends before the first event that may not be right.
    """
    return _closing(log, _entries(log, header, end))


def _closing(log: LogFile, entries: Iterator[Entry]) -> Iterator[Entry]:
    try:
        yield from entries
    except OSError:
        return  # whoever reads all of the log is told
    finally:
        log.close()


def _entries(log: LogFile, header: Open, size: int) -> Iterator[Entry]:
    """The events at the end, each once the event before it is known to be its predecessor."""
    lines = lines_back(log.storage, log.fd, size)
    if next(lines, b""):
        return  # torn, or a line that lacks its newline
    newer: Entry | None = None
    base = (header.base_seq, header.base_hash) if header.shares else None
    for line in lines:
        if not line or line.isspace():
            continue
        event = _event_in(line)
        if event is None or event.seq <= header.base_seq:
            if newer is not None and (newer.event.seq - 1, newer.event.prev) == base:
                yield newer  # a fork's first event; what is before it is in another file
            return
        if newer is not None:
            if (event.seq, event.hash) != (newer.event.seq - 1, newer.event.prev):
                return
            yield newer
        newer = Entry(event, line)
        if event.seq == 1 and event.prev == GENESIS:
            yield newer
            return


def _event_in(line: bytes) -> Event | None:
    record = decode_line(line)
    return None if isinstance(record, Open | Sealed) else record
