"""The scratch file beside a log: what is to take the log's place is written there first.

Its `flock` is also the lock against a second one: as long as a process holds it, no other
compacts, restores or begins the log.
"""

from collections.abc import Callable

from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import Storage, write_all
from journal.errors import AppendError


def begin_whole(storage: Storage, file: LogFile, scratch: str, data: bytes) -> LogFile:
    """Let a log begin with all of `data` or not at all, in place of the empty `file`.

    For logs that begin with the events of an older session: with only a part of them in
    the log, the rest would be forgotten. `file` is locked, which keeps others away;
    they find another file at the path afterwards. Returns that file, locked.
    """
    new: LogFile | None = None
    try:
        # One that is locked is of a compaction of a log that is gone.
        new = open_scratch(storage, scratch, lambda: storage.unlink(scratch))
        write_all(storage, new.fd, data)
        storage.sync(new.fd)
        storage.rename(scratch, file.path)
    except BaseException as error:
        if new is not None:
            discard(storage, new)
            new.close()
        if file.is_current():
            storage.unlink(file.path)
        if isinstance(error, OSError):
            raise AppendError(
                error.errno,
                f"{file.path}: cannot be begun ({error.strerror}). Nothing was appended",
            ) from error
        raise
    new.path = file.path
    file.close()
    return new


def open_scratch(storage: Storage, scratch: str, when_taken: Callable[[], None]) -> LogFile:
    """The scratch file, empty and locked; what a dead process has left there is removed.

    It is not written into: it may be a hard link to any other file. Where another process
    has the scratch file locked, `when_taken` raises, or takes its name away.
    """
    while True:
        new = LogFile(storage, scratch, create=True)
        try:
            if not storage.lock(new.fd):
                when_taken()
            elif new.is_current():
                if not new.size():
                    return new
                storage.unlink(scratch)
        except BaseException:
            new.close()
            raise
        new.close()  # it has just become the log, or lost its name


def discard(storage: Storage, new: LogFile) -> None:
    """Remove a scratch file, which is locked, unless it has become the log."""
    try:
        if new.is_current():
            storage.unlink(new.path)
    except OSError:
        pass  # the next one to need it uses it again
