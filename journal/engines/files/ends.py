"""The first and the last line of a log: read without what is between them."""

from collections.abc import Iterable

from journal.codec import decode_line
from journal.engines.files.storage import FIRST, Storage, chunks
from journal.events import Open, Record, Sealed
from journal.scan import Scanner
from journal.state import MAX_LINE

_LAST_BYTES = 1 << 12  # more than a seal has, unless its writer has a long name


def scan_beginning(pieces: Iterable[bytes]) -> Scanner:
    """A scanner that has read the first line that is not blank, or at most `MAX_LINE` bytes.

    `pieces` are the bytes of a file from its beginning.
    """
    scanner = Scanner()
    left = MAX_LINE
    for data in pieces:
        for _ in scanner.feed(data):
            break
        left -= len(data)
        if left <= 0 or scanner.header is not None or scanner.count or scanner.end:
            return scanner
    for _ in scanner.rest():
        break
    return scanner


def header_of(pieces: Iterable[bytes]) -> Open | None:
    """The header at the beginning of a log; None if it is not intact. Like `scan_beginning`."""
    return scan_beginning(pieces).header


def begins_elsewhere(storage: Storage, log: int, size: int) -> bool:
    """Whether a short log is a fork's, whose beginning is in a file of its origin. OSError."""
    if b',"origin":{' not in storage.read(log, min(size, FIRST), 0):
        return False  # as nearly always, and at once
    header = header_of(chunks(storage, log, 0, size, FIRST))
    return header is not None and header.shares


def last_record(storage: Storage, fd: int) -> Record | None:
    """What the last line that is not blank says; None if it is not intact. OSError.

    Reads 4 KiB, and more only for a longer line.
    """
    size, length = storage.size(fd), _LAST_BYTES
    last = _end_of(storage, fd, size, length)
    while b"\n" not in last and length < min(size, MAX_LINE):
        length *= 16
        last = _end_of(storage, fd, size, length)
    return decode_line(last.rpartition(b"\n")[2])


def _end_of(storage: Storage, fd: int, size: int, length: int) -> bytes:
    return b"".join(chunks(storage, fd, size - min(size, length), size)).rstrip()


def last_seal(storage: Storage, fd: int) -> Sealed | None:
    """The seal that a file ends in, if it does. OSError."""
    found = last_record(storage, fd)
    return found if isinstance(found, Sealed) else None


def ends_deleted(storage: Storage, fd: int) -> bool:
    """Whether a deletion's seal is the last line: then there is no such session. OSError."""
    found = last_seal(storage, fd)
    return found is not None and found.reason == "deleted"
