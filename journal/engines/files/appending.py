"""The steps of an append that touch the disk: open or begin the file, write all or nothing.

With the log's lock held, but for the opening, which comes before it.
"""

from errno import ENOSPC

from journal.engines.files.logfile import LogFile
from journal.engines.files.segment import Segment
from journal.engines.files.storage import Storage, make_folders
from journal.errors import AppendError, ReadError, ReentryError, StorageError
from journal.names import Paths


def open_or_begin(storage: Storage, paths: Paths) -> LogFile:
    """The log's file; `is_new` if it was not there before. Raises `AppendError`."""
    try:
        try:
            return LogFile(storage, paths.log, create=False, write=True)
        except FileNotFoundError:
            file = _begin(storage, paths)
            file.is_new = True
            return file
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


def put(segment: Segment, data: bytes) -> None:
    """One write at the tip. All of it or, with `AppendError`, none.

    Raises `StorageError` if what was written in part could not be taken back.
    """
    try:
        written = segment.storage.write(segment.file.fd, data)
    except OSError as error:
        _take_back(segment)
        raise AppendError(
            error.errno,
            f"{_place_in(segment)}: write at offset {segment.tip.end} failed "
            f"({error.strerror}). Nothing was appended; try again once that is mended",
        ) from error
    except BaseException:
        cut_back(segment)
        raise
    if written != len(data):
        _take_back(segment)
        raise AppendError(
            ENOSPC,  # what a short write to a file means
            f"{_place_in(segment)}: only {written} of {len(data)} bytes could be written at "
            f"offset {segment.tip.end}; the disk is probably full. Nothing was appended; free "
            "space and try again",
        )


def _place_in(segment: Segment) -> str:
    return f"session {segment.paths.session_id!r}: {segment.file.path}"


def _take_back(segment: Segment) -> None:
    """`cut_back`, after a write that failed. Raises `StorageError` if that fails too."""
    if not cut_back(segment):
        raise StorageError(
            None,
            f"{_place_in(segment)}: the write at offset {segment.tip.end} failed, and so did "
            "taking back what there is of it. Whether it was appended is unknown; read it back",
        )


def cut_back(segment: Segment) -> bool:
    """Make the file end again where it did; one that would be empty is removed.

    Says whether nothing is left of what was written.
    """
    storage, file, end = segment.storage, segment.file, segment.tip.end
    try:
        if file.size() > end:
            storage.truncate(file.fd, end)
        if end == 0 and file.is_current():
            storage.unlink(file.path)
    except OSError:  # the next writer finds a torn tail, or an empty file, and mends it
        return False
    return True


def reentry_error(paths: Paths) -> ReentryError:
    """For an append inside of another."""
    return ReentryError(
        f"session {paths.session_id!r}: an append came in the middle of an append "
        "or a read on the same thread, from a signal handler or from what that calls. "
        "Nothing was written; set a flag there and append afterwards"
    )


def unknown_outcome(paths: Paths, error: OSError) -> StorageError:
    """For an append of which a step failed that nothing else accounts for."""
    return StorageError(
        error.errno,
        f"session {paths.session_id!r}: {paths.log}: {error.strerror}. "
        "Whether it was appended is unknown; read it back",
    )
