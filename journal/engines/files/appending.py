"""The steps of an append that touch the disk: open or begin the file, write all or nothing.

With the log's lock held, but for the opening, which comes before it.
"""

from errno import ENOSPC

from journal.engines.files.folder import make_folders
from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import Storage
from journal.errors import AppendError, ReadError, StorageError
from journal.names import Paths


def open_or_begin(storage: Storage, paths: Paths) -> tuple[LogFile, bool]:
    """The log's file, and whether it was not there before. Raises `AppendError`."""
    try:
        try:
            return LogFile(storage, paths.log, create=False, write=True), False
        except FileNotFoundError:
            return _begin(storage, paths), True
    except AppendError:
        raise
    except ReadError as error:
        raise AppendError(error.errno, f"cannot append to {error}") from error
    except OSError as error:
        raise AppendError(
            error.errno, f"{paths.log}: cannot be created: {error.strerror}"
        ) from error


def allow_writing(file: LogFile) -> bool:
    """See `LogFile.allow_writing`. Raises `AppendError`."""
    try:
        return file.allow_writing()
    except ReadError as error:
        raise AppendError(error.errno, f"cannot append to {error}") from error


def _begin(storage: Storage, paths: Paths) -> LogFile:
    try:
        return LogFile(storage, paths.log, create=True)
    except FileNotFoundError:
        pass  # not even the folder is there
    try:
        make_folders(storage, paths.folder)
    except OSError as error:
        raise AppendError(
            error.errno,
            f"the folder {paths.folder} cannot be created: {error.strerror}. "
            "Choose another, or mend the permissions",
        ) from error
    return LogFile(storage, paths.log, create=True)


def put(storage: Storage, file: LogFile, data: bytes, start: int, session_id: str) -> None:
    """One write at the end, which is at `start`. All of it or, with `AppendError`, none.

    Raises `StorageError` if what was written in part could not be taken back.
    """
    try:
        written = storage.write(file.fd, data)
    except OSError as error:
        _take_back(storage, file, start, session_id)
        raise AppendError(
            error.errno,
            f"session {session_id!r}: {file.path}: write at offset {start} failed "
            f"({error.strerror}). Nothing was appended; try again once that is mended",
        ) from error
    except BaseException:
        cut_back(storage, file, start)
        raise
    if written != len(data):
        _take_back(storage, file, start, session_id)
        raise AppendError(
            ENOSPC,  # what a short write to a file means
            f"session {session_id!r}: {file.path}: only {written} of {len(data)} bytes could be "
            f"written at offset {start}; the disk is probably full. Nothing was appended; free "
            "space and try again",
        )


def _take_back(storage: Storage, file: LogFile, start: int, session_id: str) -> None:
    """`cut_back`, after a write that failed. Raises `StorageError` if that fails too."""
    if not cut_back(storage, file, start):
        raise StorageError(
            None,
            f"session {session_id!r}: {file.path}: the write at offset {start} failed, and so did "
            "taking back what there is of it. Whether it was appended is unknown; read it back",
        )


def cut_back(storage: Storage, file: LogFile, start: int) -> bool:
    """Make the file end at `start` again; one that would be empty is removed.

    Says whether nothing is left of what was written.
    """
    try:
        if file.size() > start:
            storage.truncate(file.fd, start)
        if start == 0 and file.is_current():
            storage.unlink(file.path)
    except OSError:  # the next writer finds a torn tail, or an empty file, and mends it
        return False
    return True
