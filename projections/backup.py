"""A complete copy of a folder of sessions, made while they are in use."""

import os
import shutil
import tempfile
from collections.abc import Iterable
from errno import EEXIST, EINVAL

from msgspec.structs import replace

from journal.engines.files.storage import Storage
from journal.errors import JournalError, ReadError, StorageError
from journal.names import (
    NEW_SUFFIX,
)
from projections.copying import Backup, FolderCopy

_NOTHING = "Nothing was backed up"
_HINT = "mend the file, or name the sessions to copy"


def back_up(
    storage: Storage, folder: str, to: str, session_ids: Iterable[str] | None = None
) -> Backup:
    """Copy the sessions of a folder, or those named, and verify the copy.

    Everything that had been acknowledged before is in the copy; damage is copied as it is.
    Other processes may write, compact and delete meanwhile; a session that is deleted
    meanwhile may be missing. `to` appears when the whole copy is on the disk. It must be
    absent or an empty folder, and not inside `folder`. Reads each byte three times and writes
    it once, in bounded memory.

    Raises `StorageError`, and then leaves nothing behind.
    """
    to = os.path.realpath(to)
    if is_within(to, folder):
        raise StorageError(EINVAL, f"{to}: is inside the folder of the sessions; name another")
    if not can_be_made(to):
        raise StorageError(EEXIST, f"{to}: exists, and is not an empty folder; name another")
    parent, name = os.path.split(to)
    try:
        scratch = tempfile.mkdtemp(prefix=f".{name}.", suffix=NEW_SUFFIX, dir=parent)
    except OSError as error:
        raise StorageError(
            error.errno, f"{parent}: no folder can be made in it: {error.strerror}"
        ) from error
    made = scratch
    try:
        backup = FolderCopy(storage, folder, scratch).run(session_ids)
        os.rename(scratch, to)
        made = to
        storage.sync_folder(parent)
    except BaseException as error:
        shutil.rmtree(made, ignore_errors=True)
        failure = _failure(error, folder, to)
        if failure is None:
            raise
        raise failure from error
    return _moved(backup, scratch, to)


def _failure(error: BaseException, folder: str, to: str) -> StorageError | None:
    """The error to raise for one of the system, with the path and what to do; None for others."""
    if isinstance(error, ReadError) and error.errno is not None:
        return ReadError(error.errno, f"{error}. {_NOTHING}; {_HINT}")
    if isinstance(error, OSError) and not isinstance(error, JournalError):
        where = error.filename or to
        hint = f"; {_HINT}" if is_within(where, folder) else ""
        return StorageError(error.errno, f"{where}: {error.strerror}. {_NOTHING}{hint}")
    return None


def can_be_made(to: str) -> bool:
    """Whether a backup can be made at a path: nothing is there, or an empty folder."""
    return not os.path.lexists(to) or (os.path.isdir(to) and not os.listdir(to))


def is_within(path: str, folder: str) -> bool:
    """Whether a path is a folder or something inside it, with links resolved."""
    folder = os.path.realpath(folder)
    return os.path.commonpath((os.path.realpath(path), folder)) == folder


def _moved(backup: Backup, scratch: str, to: str) -> Backup:
    """The backup with the paths that its files have now."""
    reports = [
        replace(
            report,
            problems=[
                replace(
                    problem,
                    where=problem.where.replace(scratch, to),
                    reason=problem.reason.replace(scratch, to),
                )
                for problem in report.problems
            ],
        )
        for report in backup.reports
    ]
    return replace(backup, folder=to, reports=reports)
