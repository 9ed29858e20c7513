"""Saving what was folded from a log, so that the next opening need not read all of it.

For each log there is at most one process at a time that saves: the scratch file's lock says who.
"""

import logging
from collections.abc import Callable

from journal.engines.files.ends import ends_deleted, header_of
from journal.engines.files.logfile import LogFile
from journal.engines.files.reader import LogReader
from journal.engines.files.scratch import discard, open_scratch
from journal.engines.files.segment import SLICE, Segment
from journal.engines.files.snapshot import Anchor, encoded, remove_snapshot
from journal.engines.files.storage import FIRST, chunks, write_all
from journal.errors import JournalError, ReadError
from journal.names import unfinished
from journal.snapshots import Freezable, Frozen

logger = logging.getLogger("journal")


class _GivenUpError(Exception):
    """Another process is saving, or the log is gone."""


def save(reader: LogReader, projection: Freezable, pause: Callable[[], object]) -> None:
    """Fold what is new and save what is folded; see `journal.backend.Log.save`.

    Not where the log is damaged, or ends in what is no intact event: such a log is to be read.
    """
    try:
        if not reader.refresh(pause):  # which may find another file in the place of ours
            return
        if reader.catchup.is_carried:
            _save_anew(reader, projection.fresh(), pause)
        else:
            _save(reader, projection, pause)
    except (_GivenUpError, FileNotFoundError):
        pass
    except (JournalError, OSError) as error:
        logger.debug("%s could not be saved: %s", reader.paths.snapshot, error)


def _save_anew(reader: LogReader, projection: Freezable, pause: Callable[[], object]) -> None:
    """What the file holds by itself. What we hold comes from one that it has replaced.

    It may know more, such as events that were damaged before a compaction had read them.
    """
    fresh = LogReader(reader.storage, reader.paths, projection)
    try:
        with fresh.lock:
            _read(fresh, pause)
        _save(fresh, projection, pause)
        reader.catchup.note_saved(fresh.catchup)
    finally:
        fresh.close()


def _read(reader: LogReader, pause: Callable[[], object]) -> None:
    """Read the file at the path, a little at a time; more, if a line is longer than that."""
    segment = reader.use_locked(LogFile(reader.storage, reader.paths.log, create=False))
    size, stop, step = segment.file.size(), 0, SLICE
    while stop < size:
        before = segment.scanner.end
        stop = min(size, max(stop, before) + step)
        reader.catchup.read_on(segment, stop)
        step = SLICE if segment.scanner.end > before else 2 * step
        pause()


def _save(reader: LogReader, projection: Freezable, pause: Callable[[], object]) -> None:
    frozen = _freeze(reader, projection)
    if frozen is not None:
        pause()
        _write(*frozen, pause)
        _remove_if_gone(frozen[0])


def _freeze(reader: LogReader, projection: Freezable) -> tuple[Segment, Anchor, Frozen] | None:
    with reader.lock:
        segment = reader.catchup.segment
        if reader.busy or segment is None or not reader.is_open or reader.catchup.is_carried:
            return None
        reader.busy = True  # a signal handler must not append between the two
        try:
            place = _place_in(segment, reader.catchup.shared_size)
            if place is None:
                return None
            reader.catchup.saved_end = place.end  # if it fails, not at once again
            return segment, place, projection.freeze()
        finally:
            reader.busy = False


def _place_in(segment: Segment, shared: int) -> Anchor | None:
    """Where the scanner is; None where a snapshot would not say the whole truth."""
    scanner, file = segment.scanner, segment.file
    if (
        not segment.is_read
        or scanner.damage_count
        or scanner.is_torn
        or scanner.seal is not None
        or scanner.newer_format is not None
        or not segment.is_at_tip()
    ):
        return None
    header = header_of(chunks(segment.storage, file.fd, 0, scanner.end, FIRST))
    if header is None or header.log_id != scanner.log_id:
        return None
    place = Anchor(
        session_id=segment.paths.session_id,
        log_id=header.log_id,
        opened=header.hash,
        seq=scanner.seq,
        hash=scanner.hash,
        line_hash=scanner.line_hash,
        end=scanner.end,
        count=scanner.count,
        shared=shared,
    )
    return place if place.has_all(header) else None


def _write(segment: Segment, place: Anchor, frozen: Frozen, pause: Callable[[], object]) -> None:
    storage, paths = segment.storage, segment.paths
    new = open_scratch(storage, unfinished(paths.snapshot), _refuse_a_second)
    try:
        if not segment.file.is_current():  # a deletion would not find what we leave if we die
            raise _GivenUpError
        summary = frozen.summary(place.seq)
        for piece in encoded(place, frozen.turns, frozen.rest, summary, pause):
            write_all(storage, new.fd, piece)
            pause()
        storage.rename(new.path, paths.snapshot)
    except BaseException:
        discard(storage, new)
        raise
    finally:
        new.close()


def _refuse_a_second() -> None:
    raise _GivenUpError


def _remove_if_gone(segment: Segment) -> None:
    """Take the snapshot away again if the log was deleted, or replaced, meanwhile.

    A deletion seals the log before it removes anything: it does not miss what we do not see.
    """
    if not _is_there(segment):
        remove_snapshot(segment.storage, segment.paths)


def _is_there(segment: Segment) -> bool:
    """Whether the path leads to the log, and no deletion has begun; False if unknown."""
    try:
        log = LogFile(segment.storage, segment.paths.log, create=False)
    except (FileNotFoundError, ReadError):
        return False
    try:
        return log.id == segment.file.id and not ends_deleted(segment.storage, log.fd)
    except OSError:
        return False
    finally:
        log.close()
