"""The seal: the line that tells everyone who has a log open that it is the log no more.

All of this happens with the log's lock held.
"""

from journal.codec import Clock, control_line, decode_line
from journal.events import Sealed
from journal.handle import LogFile
from journal.recovery import set_aside
from journal.scan import Scanner
from journal.storage import Storage

_SEAL_BYTES = 1 << 12  # more than any seal


def seal(
    storage: Storage,
    file: LogFile,
    scanner: Scanner,
    *,
    reason: str,
    writer: str,
    session_file: str | None = None,
) -> None:
    """Seal a log that `scanner` has read to its end, durably. OSError: it is as it was."""
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
            raise OSError(28, "No space left on device")
        storage.sync(file.fd)
    except BaseException:
        storage.truncate(file.fd, end)
        raise


def last_seal(storage: Storage, file: LogFile) -> Sealed | None:
    """The seal that a file ends in, if it does. OSError."""
    size = file.size()
    last = storage.read(file.fd, _SEAL_BYTES, size - min(size, _SEAL_BYTES)).rstrip()
    found = decode_line(last.rpartition(b"\n")[2])
    return found if isinstance(found, Sealed) else None


def unseal(storage: Storage, file: LogFile, scanner: Scanner, archive: str) -> None:
    """Take off a compaction's seal that nothing came of: it died before the rename.

    The file is still the log, for the path leads to it. Every event is before the seal;
    anything else after it is set aside in `archive`.
    """
    if file.size() > scanner.seal_end:
        set_aside(storage, file, scanner.seal_start, file.size(), archive)
    storage.truncate(file.fd, scanner.seal_start)
    storage.sync(file.fd)
    scanner.rewind()
