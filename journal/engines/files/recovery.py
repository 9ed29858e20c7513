"""Repair of a torn tail.

Called with the log's lock held: whoever could have written the tail is dead, so
nothing in it was ever acknowledged. Corrupt lines with intact events after them are
not touched by anything here.
"""

from collections.abc import Callable
from hashlib import sha256

from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import Storage, chunks, create_anew, write_all
from journal.errors import AppendError
from journal.names import Paths, is_archived_log, unfinished
from journal.scan import Scanner

_LAST_BYTES = 64  # enough of a line's end to hold its hash
_MOST_BYTES = 1 << 12  # of a line's end and the blank lines after it
_LINE_END = b'"}\n'
_NOTHING = b"\0 \t\r\n"
_BOM = b"\xef\xbb\xbf"
_HEADER_START = b'{"op":"open",'


def cut_torn_tail(storage: Storage, file: LogFile, scanner: Scanner, paths: Paths) -> int:
    """Set the bytes after the last intact line aside in the archive, then cut them off.

    Returns how many there were. The copy is named after its place and content, so an
    interrupted repair that is run again does not leave a second one. Tails of nothing
    but NULs and blanks hold no evidence and are not copied. Raises `AppendError`.
    """
    end, size = scanner.end, file.size()
    if size <= end:
        return 0
    try:
        set_aside(storage, file, end, size, paths)
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


def is_still_there(storage: Storage, file: LogFile, scanner: Scanner) -> bool:
    """Whether what `scanner` has read without the lock is in the file to stay.

    A reader may see lines of a batch whose write then fails and is cut back, and other
    lines in their place later. The newest hash at its place shows that everything
    before it is what was read. So it does where another program has written into the file.
    """
    if scanner.end == 0:
        return True
    place = max(0, scanner.end - scanner.padding - _LAST_BYTES)
    found = storage.read(file.fd, min(scanner.end - place, _MOST_BYTES), place)
    last = scanner.line_hash.encode()
    if found.endswith(last + _LINE_END):  # just there, to the byte
        return True
    text = found.rstrip().removesuffix(b"}").rstrip()
    return text.endswith(last + b'"') and found.endswith(b"\n") is not scanner.is_unended


def is_at_end(storage: Storage, file: LogFile, scanner: Scanner) -> bool:
    """Whether the file ends where `scanner` has read it to, and with the line that it read.

    As an append finds it nearly always: one read tells. False too for lines that do not end
    as we write them; whoever needs to know more reads on.
    """
    last = scanner.line_hash.encode() + _LINE_END
    length = len(last)
    return storage.read(file.fd, length + 1, max(0, scanner.end - length)) == last


def is_unfinished_header(beginning: bytes) -> bool:
    """Whether a file that holds nothing intact is one whose creation was cut short.

    `beginning` is its first bytes. Anything else is not ours to repair.
    """
    text = beginning.removeprefix(_BOM).lstrip().rstrip(b"\0")[: len(_HEADER_START)]
    return _HEADER_START.startswith(text)


def lost_its_beginning(storage: Storage, file: LogFile, paths: Paths) -> bool:
    """Whether a file that holds nothing intact is anything but a log that never began.

    Either it holds other bytes than an unfinished header, or there are archives: a log
    that was compacted has begun, so this is what is left of one.
    """
    if not is_unfinished_header(storage.read(file.fd, _LAST_BYTES, 0)):
        return True
    return any(map(is_archived_log, storage.names_of(paths.archive, paths.stem)))


def set_aside(storage: Storage, file: LogFile, start: int, stop: int, paths: Paths) -> None:
    """Copy these bytes to the archive as evidence, unless all are blank or it has them."""
    digest = sha256()
    blank = True
    for data in chunks(storage, file.fd, start, stop):
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
        for data in chunks(storage, file.fd, start, stop):
            write_all(storage, copy, data)
        storage.sync(copy)
    finally:
        storage.close(copy)
    storage.rename(unfinished(target), target)
    storage.sync_folder(paths.archive)
    storage.sync_folder(paths.folder)
