"""Reading a log's new file ahead: a little at a time, with others at the log in between.

After a compaction most of the file was folded before, from the file that it has replaced; what is
left is to find that out. That is done here, beside the log, which knows nothing of it until all of
it is taken over at once. Whatever is not plain is left to the usual reading.
"""

from collections.abc import Callable
from typing import NamedTuple

from journal.engines.files.logfile import LogFile
from journal.engines.files.segment import Segment
from journal.engines.files.storage import FileId
from journal.errors import ReadError
from journal.events import Event, Head, Open
from journal.kept import find_kept
from journal.scan import Scanner

LEAST = 1 << 17  # bytes of a file that are worth it
_MOST = 1 << 26  # bytes of events that are held until they are folded


class ReadAhead(NamedTuple):
    """What was read of a file: up to where `scanner` is, and the events from `place` on.

    `place` is the newest event that was folded before, which the file holds or has kept.
    """

    file: FileId
    place: Head
    scanner: Scanner
    events: list[Event]


def read_ahead(
    segment: Segment, place: Head | None, erasures: int, pause: Callable[[], object]
) -> ReadAhead | None:
    """Read the file of a segment that was not read yet, for who has folded up to `place`.

    That was in a file with so many `erasures`. Calls `pause` every few tenths of a millisecond.
    None where that gains nothing, or where anything is not plain. OSError.
    """
    if place is None or segment.scanner.end > 0 or segment.file.size() < LEAST:
        return None
    try:
        file = LogFile(segment.storage, segment.paths.log, create=False)
    except (FileNotFoundError, ReadError):
        return None
    try:
        if file.id != segment.file.id:
            return None
        return _read(Segment(segment.paths, file), place, erasures, pause)
    finally:
        file.close()


def _read(
    segment: Segment, place: Head, erasures: int, pause: Callable[[], object]
) -> ReadAhead | None:
    size, scanner = segment.file.size(), segment.scanner
    found = find_kept(segment.pieces(0, size))
    if found is None or found.header.session_id != segment.paths.session_id:
        return None
    if not goes_on(place, erasures, found.header):
        return None
    scanner.skip_kept(found.header, found.last_hash, found.end)
    events: list[Event] = []
    held = 0
    for data in segment.slices(size, pause):
        for event in scanner.feed(data):
            if event.seq >= place.seq:
                events.append(event)
                held += scanner.end - scanner.start
        if scanner.damage_count or scanner.seal is not None or held > _MOST:
            return None
    scanner.rewind()
    return ReadAhead(segment.file.id, place, scanner, events)


def goes_on(place: Head, erasures: int, header: Open) -> bool:
    """Whether a projection that has folded up to `place` is past the base of such a log.

    Not if states were erased since: it may hold them.
    """
    base = (header.base_seq, header.base_hash)
    return (header.log_id, header.erasures) == (place.log_id, erasures) and (
        header.base_seq < place.seq or base == (place.seq, place.hash)
    )
