"""Being at the end of the right file with its `flock` held: what every append begins with.

Other programs may do anything to the file, lock or no lock. So every append looks first, with
the lock held: does the path lead here, and does the file end as it did (its size, and the hash
of its last line)? What others have appended since is not read but counted, see `skimming`, so
that writers do not wait for each other's reading; readers fold it. Only with the lock held is a
tail torn rather than in the middle of being written, and a seal that the path still leads to a
dead process's.
"""

import logging

from journal.engines.files.appending import allow_writing, open_or_begin
from journal.engines.files.deletion import finish_deletion, list_unlocked
from journal.engines.files.reader import LogReader
from journal.engines.files.recovery import cut_torn_tail
from journal.engines.files.resuming import anchor
from journal.engines.files.sealing import unseal
from journal.engines.files.segment import Segment
from journal.engines.files.skimming import skim
from journal.engines.files.storage import CHUNK
from journal.engines.files.validation import newer_format_error
from journal.errors import AppendError

logger = logging.getLogger("journal")

_SHORT = 1 << 12  # bytes: no less than a header
_FEW = 1 << 12  # bytes: some lines of others
_MOMENT = 0.005  # seconds


def lock_at_end(reader: LogReader) -> Segment | None:
    """What the path leads to, locked and writable, its tip at its end. Creates it if need be.

    None if another process has the lock. Raises `AppendError`, `UnsupportedFormatError` and
    their siblings; the file is then still locked.
    """
    while True:
        segment = _open_to_write(reader)
        if segment is None:
            continue
        file = segment.file
        if not (segment.tip.end or file.is_new):
            _look_at_beginning(reader, segment)
        if not file.try_lock():
            if file.is_current():
                return None
            reader.leave_locked(segment)  # an archive by now, and being packed
        elif (
            (segment.is_at_end() or skim(segment, reader.catchup.losses.known))
            and file.is_current()
        ) or _settle(reader, segment):
            reader.note_look()
            if segment.scanner.newer_format is not None or file.write_error is not None:
                _refuse(segment)
            return segment
        else:
            reader.leave_locked(segment)


def lock_after_pause(reader: LogReader) -> Segment | None:
    """Like `lock_at_end`, for a writer that has waited for others.

    They have appended meanwhile. Most of that is counted before the lock is taken, so that
    nobody waits for it; with the lock held, it is looked whether it is still there.
    """
    segment = reader.catchup.segment
    if segment is not None and reader.is_open and segment.file.writes:
        file = segment.file
        if 0 < segment.tip.end < file.size() - _FEW:
            skim(segment, reader.catchup.losses.known)
        if reader.has_looked_within(_MOMENT) and not file.try_lock():
            return None
    return lock_at_end(reader)


def lock_at_once(reader: LogReader) -> Segment | None:
    """Like `lock_at_end`, if nothing has to be opened, read or mended for it; else None.

    All that others have appended was folded then.
    """
    segment = reader.catchup.segment
    if segment is None or not reader.is_open or segment.tip is not segment.scanner:
        return None
    file = segment.file
    if file.sync_error is not None or not file.writes:
        return None
    try:
        if not reader.storage.lock(file.fd):
            return None
        there = False
        try:
            there = segment.is_at_end() and file.is_current()
        finally:
            if not there:
                file.unlock()
    except OSError:
        return None  # an append says it better
    if not there:
        return None
    if segment.scanner.newer_format is not None or file.write_error is not None:
        _refuse(segment)
    return segment


def _open_to_write(reader: LogReader) -> Segment | None:
    """What is open, or what the path leads to; None if that has just changed."""
    segment = reader.catchup.segment
    if segment is not None and reader.is_open:
        file = segment.file
        if file.sync_error is not None:
            reader.forget_locked()
        elif file.writes or (file.is_current() and allow_writing(file)):
            return segment
        else:
            reader.leave_locked(segment)
            return None
    return reader.use_locked(open_or_begin(reader.storage, reader.paths))


def _look_at_beginning(reader: LogReader, segment: Segment) -> None:
    """Do before the lock is taken what would take long with it.

    Come near the end of the file; or list the archive, which may hold the files of many
    sessions, if no line of the file is whole: it shows whether the log ever began.
    """
    file = segment.file
    if not reader.catchup.losses.looks:
        anchor(segment)
    size = file.size()
    if size <= _SHORT and b"\n" not in segment.storage.read(file.fd, size, 0):
        segment.look_for_archives()
    elif not (segment.is_at_end() or skim(segment, reader.catchup.losses.known)) and size > CHUNK:
        reader.catchup.read_on(segment, size)


def _settle(reader: LogReader, segment: Segment) -> bool:
    """Read to the end of the file, and mend it. False: it is not the log; open it again."""
    # To compact, delete or fail to begin a log takes its lock, so from here on the path leads
    # here until we let go.
    file = segment.file
    if not file.is_current():
        return False
    size, is_new = file.size(), file.is_new
    file.is_new = False
    if size == 0 and is_new:
        reader.catchup.note_gone()
        return True
    reader.catchup.read_on(segment, size)
    return _settle_seal(reader, segment) and _settle_tail(segment)


def _settle_seal(reader: LogReader, segment: Segment) -> bool:
    seal, file = segment.scanner.seal, segment.file
    if seal is None:
        return True
    _refuse(segment)
    if seal.reason != "deleted":
        unseal(segment)
        reader.catchup.read_on(segment, file.size())
        return True
    names = list_unlocked(segment)
    if file.try_lock() and file.is_current():  # else another process is at it
        finish_deletion(segment, names, seal.session_file)
    return False


def _settle_tail(segment: Segment) -> bool:
    if segment.file.size() > segment.scanner.end:
        _refuse(segment)
        cut = cut_torn_tail(segment)
        segment.scanner.rewind()  # what it has read of that is nothing to decide on any more
        logger.warning(
            "session %r: %s: cut off %d bytes at offset %d that are no intact event; unless "
            "they were blank, %s has them",
            segment.paths.session_id,
            segment.paths.log,
            cut,
            segment.scanner.end,
            segment.paths.archive,
        )
    return True


def _refuse(segment: Segment) -> None:
    """Raise if we may not, or should not, write into the file."""
    if segment.scanner.newer_format is not None:
        raise newer_format_error(segment.paths, segment.scanner)
    error = segment.file.write_error
    if error is not None:
        raise AppendError(
            error.errno, f"{segment.paths.log}: cannot be written: {error.strerror}"
        ) from error
