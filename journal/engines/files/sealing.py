"""The seal: the line that says to every process with the file open that it is no longer the log.

All of this happens with the log's lock held.
"""

import os
from errno import ENOSPC

from journal.codec import Clock, control_line
from journal.engines.files.recovery import set_aside
from journal.engines.files.segment import Segment
from journal.errors import StorageError
from journal.events import Sealed


def seal(
    segment: Segment,
    *,
    reason: str,
    writer: str,
    session_file: str | None = None,
    durable: bool = True,
) -> None:
    """Seal a log that was read to its end, and sync that if it is to be `durable`.

    OSError: it is as it was, or, with `StorageError`, the seal is there.
    """
    storage, scanner, fd = segment.storage, segment.scanner, segment.file.fd
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
    if scanner.is_unended:
        line = b"\n" + line
    try:
        if storage.write(fd, line) != len(line):
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        if durable:
            storage.sync(fd)
    except BaseException:
        take_back(segment)
        raise


def check_can_be_cut(segment: Segment) -> None:
    """Raise `OSError` for a file that a seal could be written to but not taken off again.

    So it is with the append-only attribute. Cuts the file to the size that it has.
    """
    segment.storage.truncate(segment.file.fd, segment.file.size())


def take_back(segment: Segment) -> None:
    """Take off again what stands after all that was read: a seal. Raises `StorageError`."""
    end = segment.scanner.end
    try:
        segment.storage.truncate(segment.file.fd, end)
    except OSError as error:
        raise StorageError(
            error.errno,
            f"{segment.file.path}: failed after it was sealed, and the seal at offset {end} could "
            f"not be taken off ({error.strerror}). No event is lost: readers and writers go on",
        ) from error


def unseal(segment: Segment) -> None:
    """Take off a compaction's seal that nothing came of: it died before the rename.

    The file is still the log, for the path leads to it. Every event is before the seal;
    anything else after it is set aside in the archive. Where the file cannot be cut, the log
    goes on after the seal.
    """
    storage, scanner, file = segment.storage, segment.scanner, segment.file
    if file.size() > scanner.seal_end:
        set_aside(segment, scanner.seal_start, file.size())
    try:
        storage.truncate(file.fd, scanner.seal_start)
    except OSError:
        if file.size() != scanner.seal_end:
            raise
        scanner.pass_seal()
        return
    storage.sync(file.fd)
    scanner.rewind()
