"""The seal: the line that tells everyone who has a log open that it is the log no more.

All of this happens with the log's lock held.
"""

import os
from errno import ENOSPC

from journal.codec import Clock, control_line, decode_line
from journal.engines.files.logfile import LogFile
from journal.engines.files.recovery import set_aside
from journal.engines.files.storage import Storage, chunks
from journal.errors import StorageError
from journal.events import Sealed
from journal.names import Paths
from journal.scan import Scanner
from journal.state import MAX_LINE

_SEAL_BYTES = 1 << 12  # more than a seal has, unless its writer has a long name


def seal(
    storage: Storage,
    file: LogFile,
    scanner: Scanner,
    *,
    reason: str,
    writer: str,
    session_file: str | None = None,
) -> None:
    """Seal a log that `scanner` has read to its end, durably.

    OSError: it is as it was, or, with `StorageError`, the seal is there.
    """
    line = control_line(
        Sealed(
            reason=reason,
            last_seq=scanner.seq,
            last_hash=scanner.hash,
            ts=Clock().now(),
            writer=writer,
            session_file=session_file,
        )
    )
    end = scanner.end
    if scanner.is_unended:
        line = b"\n" + line
    try:
        if storage.write(file.fd, line) != len(line):
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        storage.sync(file.fd)
    except BaseException:
        take_back(storage, file, end)
        raise


def check_can_be_cut(storage: Storage, file: LogFile) -> None:
    """Raise `OSError` for a file that a seal could be written to but not taken off again.

    So it is with the append-only attribute. Cuts the file to the size that it has.
    """
    storage.truncate(file.fd, file.size())


def take_back(storage: Storage, file: LogFile, end: int) -> None:
    """Take off a seal again, which is at `end`. Raises `StorageError`."""
    try:
        storage.truncate(file.fd, end)
    except OSError as error:
        raise StorageError(
            error.errno,
            f"{file.path}: failed after it was sealed, and the seal at offset {end} could not be "
            f"taken off ({error.strerror}). No event is lost: readers and writers go on",
        ) from error


def last_seal(storage: Storage, file: LogFile) -> Sealed | None:
    """The seal that a file ends in, if it does. OSError."""
    size, length = file.size(), _SEAL_BYTES
    last = _end_of(storage, file, size, length)
    while b"\n" not in last and length < min(size, MAX_LINE):
        length *= 16
        last = _end_of(storage, file, size, length)
    found = decode_line(last.rpartition(b"\n")[2])
    return found if isinstance(found, Sealed) else None


def _end_of(storage: Storage, file: LogFile, size: int, length: int) -> bytes:
    return b"".join(chunks(storage, file.fd, size - min(size, length), size)).rstrip()


def ends_deleted(storage: Storage, file: LogFile) -> bool:
    """Whether a deletion's seal is the last line: then there is no such session. OSError."""
    found = last_seal(storage, file)
    return found is not None and found.reason == "deleted"


def unseal(storage: Storage, file: LogFile, scanner: Scanner, paths: Paths) -> None:
    """Take off a compaction's seal that nothing came of: it died before the rename.

    The file is still the log, for the path leads to it. Every event is before the seal;
    anything else after it is set aside in the archive. Where the file cannot be cut, the log
    goes on after the seal.
    """
    if file.size() > scanner.seal_end:
        set_aside(storage, file, scanner.seal_start, file.size(), paths)
    try:
        storage.truncate(file.fd, scanner.seal_start)
    except OSError:
        if file.size() != scanner.seal_end:
            raise
        scanner.pass_seal()
        return
    storage.sync(file.fd)
    scanner.rewind()
