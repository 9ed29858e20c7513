"""Repair of a torn tail.

Called with the log's lock held: the writer of the tail is dead, so nothing in it was ever
acknowledged. Corrupt lines with intact events after them are
not touched by anything here.
"""

from hashlib import sha256

from journal.engines.files.segment import Segment
from journal.engines.files.storage import create_anew, write_all
from journal.errors import AppendError
from journal.names import unfinished

_FIRST_BYTES = 64  # more than `_HEADER_START`
_NOTHING = b"\0 \t\r\n"
_BOM = b"\xef\xbb\xbf"
_HEADER_START = b'{"op":"open",'


def cut_torn_tail(segment: Segment) -> int:
    """Set the bytes after the last intact line aside in the archive, then cut them off.

    Returns how many there were. The copy is named after its place and content, so an
    interrupted repair that is run again does not leave a second one. Tails of nothing
    but NULs and blanks hold no evidence and are not copied. Raises `AppendError`.
    """
    storage, file = segment.storage, segment.file
    end, size = segment.scanner.end, file.size()
    if size <= end:
        return 0
    try:
        set_aside(segment, end, size)
        storage.truncate(file.fd, end)
        storage.sync(file.fd)
    except OSError as error:
        raise AppendError(
            error.errno,
            f"{file.path}: a torn tail of {size - end} bytes at offset {end} could not be "
            f"repaired ({error.strerror}). Nothing was appended; free space or mend the "
            "permissions, then try again",
        ) from error
    return size - end


def set_aside(segment: Segment, start: int, stop: int) -> None:
    """Copy these bytes to the archive as evidence, unless all are blank or it has them."""
    storage, paths = segment.storage, segment.paths
    digest = sha256()
    blank = True
    for data in segment.pieces(start, stop):
        digest.update(data)
        blank = blank and not data.strip(_NOTHING)
    if blank:
        return
    storage.make_folder(paths.archive)
    target = paths.torn(start, digest.hexdigest()[:8])
    if storage.find(target) is not None:
        return
    copy = create_anew(storage, unfinished(target))
    try:
        for data in segment.pieces(start, stop):
            write_all(storage, copy, data)
        storage.sync(copy)
    finally:
        storage.close(copy)
    storage.rename(unfinished(target), target)
    storage.sync_folder(paths.archive)
    storage.sync_folder(paths.folder)


def is_unfinished_header(beginning: bytes) -> bool:
    """Whether a file that holds nothing intact is one whose creation was cut short.

    `beginning` is its first bytes. Anything else is not ours to repair.
    """
    text = beginning.removeprefix(_BOM).lstrip().rstrip(b"\0")[: len(_HEADER_START)]
    return _HEADER_START.startswith(text)


def lost_its_beginning(segment: Segment) -> bool:
    """Whether a file that holds nothing intact is anything but a log that never began.

    Either it holds other bytes than an unfinished header, or there are archives: a log
    that was compacted has begun, so this is what is left of one.
    """
    beginning = segment.storage.read(segment.file.fd, _FIRST_BYTES, 0)
    return not is_unfinished_header(beginning) or segment.has_archives()
