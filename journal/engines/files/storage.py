"""The operating system calls the journal makes, behind one narrow Protocol.

Everything that touches a disk goes through a `Storage`, so that tests can fail,
shorten or record each call. What we trust the real one to do: `write` at the end
of an `O_APPEND` file does not mix with other writes, `flock` is released when its
holder dies, `rename` replaces atomically, and what was synced is there after power
loss. Paths are strings; descriptors are ints; offsets and sizes are bytes.

Errors are the `OSError` of the call, not interpreted here. One kind is mended first: when too
many files are open, an idle log is closed and the call made again (`journal.room`).

No call needs to be made again because of a signal: Python does so itself (PEP 475), unless the
signal's handler raises. Then the call may have happened or not.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from errno import EINVAL
from typing import NamedTuple, Protocol, TypeAlias

from journal.engines.files.modes import (
    PRIVATE,
    is_shared,
    make_shared_folder,
    open_shared,
    refuse_link,
    restrict,
)
from journal.room import NO_ROOM, leave_some, try_again

CHUNK = 1 << 20
"""Bytes read at a time: what bounds the memory of reading a log of any size."""

FIRST = 1 << 12
"""Bytes read first by whoever may need no more: some lines, or the header of a log."""

_GROWTH = 4  # of the pieces after a small first one


class FileId(NamedTuple):
    """Which file it is, whatever its name."""

    device: int
    inode: int


class FileEntry(NamedTuple):
    """One regular file of a folder; `modified` is in seconds since the epoch."""

    name: str
    size: int
    modified: float


Names: TypeAlias = list[str]


class Storage(Protocol):
    """The calls. Each is one operating system call, or a loop of one.

    All raise OSError; what is said below is what callers rely on besides. The times are of one
    call on a 2-core machine with ext4.
    """

    def open(self, path: str, flags: int) -> int:
        """A new descriptor, which children of `exec` do not get. Follows no symbolic link.

        A new file gets mode 0600; 0660 in a folder that is shared, see `is_shared`. Does not
        wait for a FIFO. Raises FileNotFoundError without O_CREAT where nothing is, or no
        folder; FileExistsError with O_EXCL; ELOOP for a link.
        """
        ...

    def close(self, fd: int) -> None:
        """Unlock and close. On Linux the number is free afterwards, even if this raises."""
        ...

    def read(self, fd: int, length: int, offset: int) -> bytes:
        """The bytes from `offset`, fewer than `length` only at the end of the file."""
        ...

    def write(self, fd: int, data: bytes) -> int:
        """Append, in one piece, to a file opened with O_APPEND. 2 µs for 400 bytes.

        Returns how many bytes were written. Fewer than `len(data)` means that the disk, a quota
        or a limit of file sizes is full; if not even the first fits, it raises (ENOSPC, EDQUOT,
        EFBIG).
        """
        ...

    def truncate(self, fd: int, length: int) -> None:
        """Make the file `length` bytes long. Refused for append-only files, with EPERM."""
        ...

    def size(self, fd: int) -> int:
        """Bytes of the file. 0.4 µs."""
        ...

    def sync(self, fd: int) -> None:
        """Return once the file's bytes and its size are on the disk: 0.1 to some milliseconds.

        After an error nobody knows what is there, and a second call may succeed falsely.
        """
        ...

    def sync_folder(self, path: str) -> None:
        """Return once the names in a folder are on the disk, as `sync` for the bytes."""
        ...

    def lock(self, fd: int) -> bool:
        """Take the exclusive `flock` if it is free; says whether it did. Never waits. 0.8 µs."""
        ...

    def unlock(self, fd: int) -> None:
        """Let go of the `flock`; nothing happens if it was not held."""
        ...

    def identify(self, fd: int) -> FileId:
        """Which file it is. Raises EINVAL when the descriptor is no regular file."""
        ...

    def find(self, path: str) -> FileId | None:
        """The file a path leads to now, links not followed; None when there is none. 2 µs."""
        ...

    def modified(self, path: str) -> float:
        """When the file was last written, in seconds since the epoch. FileNotFoundError."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Give a file another name, atomically, in place of what had it. FileNotFoundError."""
        ...

    def link(self, source: str, target: str) -> None:
        """Give a file a second name. FileExistsError; EPERM where there are no such links."""
        ...

    def unlink(self, path: str) -> None:
        """Take away a name. FileNotFoundError."""
        ...

    def make_folder(self, path: str) -> None:
        """Create a folder with mode 0700, or 02770 in one that is shared.

        Fine if it is there already, but no link to one: ELOOP.
        """
        ...

    def list(self, path: str, suffix: str = "") -> list[FileEntry]:
        """The regular files of a folder in no order; none when there is no folder.

        Only those whose names end in `suffix`: looking at one takes 3 µs.
        """
        ...

    def names(self, path: str, suffix: str) -> Names:
        """Like `list`, names only: takes a third of its time."""
        ...

    def names_of(self, path: str, stem: str) -> Names:
        """The names of one session's files in a folder: those that begin with `stem` and a dot.

        Nothing but the name is looked at of the files of others.
        """
        ...

    def own_names(self, path: str, stem: str) -> Names:
        """Like `names_of`, for a caller that is about to change the files.

        Raises ELOOP if the folder is a link.
        """
        ...


_seek, _lstat = os.lseek, os.lstat
_new = tuple.__new__  # a third of the time: every append looks for its file


def _open(path: str, flags: int, mode: int = 0o600) -> int:
    try:
        return os.open(path, flags, mode)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        return try_again(error, os.open, path, flags, mode)


def _open_shared(path: str, flags: int) -> int:
    try:
        return open_shared(path, flags)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        return try_again(error, open_shared, path, flags)


def _scan(path: str) -> "os._ScandirIterator[str]":
    try:
        return os.scandir(path)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        return try_again(error, os.scandir, path)


class DiskStorage:
    """The real one."""

    close = staticmethod(os.close)
    read = staticmethod(os.pread)
    write = staticmethod(os.write)
    truncate = staticmethod(os.ftruncate)
    sync = staticmethod(os.fdatasync)
    rename = staticmethod(os.replace)
    unlink = staticmethod(os.unlink)

    @staticmethod
    def open(path: str, flags: int) -> int:
        flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        if flags & os.O_CREAT and is_shared(os.path.dirname(path)):
            fd = _open_shared(path, flags)
            leave_some(fd)
            return fd
        fd = _open(path, flags, 0o600)
        leave_some(fd)
        if flags & os.O_CREAT and os.fstat(fd).st_mode != PRIVATE:
            restrict(fd, 0o600)
        return fd

    @staticmethod
    def size(fd: int) -> int:
        return _seek(fd, 0, os.SEEK_END)

    @staticmethod
    def sync_folder(path: str) -> None:
        fd = _open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    @staticmethod
    def lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @staticmethod
    def unlock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)

    @staticmethod
    def identify(fd: int) -> FileId:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(EINVAL, "not a regular file")
        return FileId(found.st_dev, found.st_ino)

    @staticmethod
    def find(path: str) -> FileId | None:
        try:
            found = _lstat(path)  # a fifth quicker than `stat` without following links
        except FileNotFoundError:
            return None
        return _new(FileId, (found.st_dev, found.st_ino))

    @staticmethod
    def modified(path: str) -> float:
        return os.stat(path, follow_symlinks=False).st_mtime

    @staticmethod
    def link(source: str, target: str) -> None:
        os.link(source, target, follow_symlinks=False)

    @staticmethod
    def make_folder(path: str) -> None:
        if is_shared(os.path.dirname(path)):
            make_shared_folder(path)
            return
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            refuse_link(path)
            return
        os.chmod(path, 0o700)

    @staticmethod
    def list(path: str, suffix: str = "") -> list[FileEntry]:
        try:
            with _scan(path) as entries:
                return [
                    entry
                    for item in entries
                    if item.name.endswith(suffix) and (entry := _entry_of(item))
                ]
        except FileNotFoundError:
            return []

    @staticmethod
    def names(path: str, suffix: str) -> Names:
        try:
            with _scan(path) as entries:
                return [
                    item.name
                    for item in entries
                    if item.name.endswith(suffix) and item.is_file(follow_symlinks=False)
                ]
        except FileNotFoundError:
            return []

    @staticmethod
    def names_of(path: str, stem: str) -> Names:
        beginning = f"{stem}."
        try:
            with _scan(path) as entries:
                return [
                    item.name
                    for item in entries
                    if item.name.startswith(beginning) and item.is_file(follow_symlinks=False)
                ]
        except FileNotFoundError:
            return []

    @staticmethod
    def own_names(path: str, stem: str) -> Names:
        refuse_link(path)
        return DiskStorage.names_of(path, stem)


def _entry_of(item: "os.DirEntry[str]") -> FileEntry | None:
    try:
        if item.is_file(follow_symlinks=False):
            info = item.stat(follow_symlinks=False)
            return FileEntry(item.name, info.st_size, info.st_mtime)
    except FileNotFoundError:
        pass  # deleted while we looked
    return None


def chunks(
    storage: Storage,
    fd: int,
    start: int,
    stop: int,
    first: int | None = None,
    most: int | None = None,
) -> Iterator[bytes]:
    """The bytes of a file from `start` to `stop` in pieces of at most `most`, or `CHUNK`.

    Whoever may need no more than the beginning says how long the `first` piece is; each of the
    next is four times as long. Ends early when the file turns out to be shorter.
    """
    most = most or CHUNK
    length = first or most
    while start < stop:
        data = storage.read(fd, min(length, most, stop - start), start)
        if not data:
            return
        start += len(data)
        length *= _GROWTH
        yield data


def create_anew(storage: Storage, path: str) -> int:
    """A file of our own, open for writing, under a name that only we use.

    What is there is taken away, not written into: besides what a crash has left it may be a
    hard link, and with that any other file.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        return storage.open(path, flags)
    except FileExistsError:
        storage.unlink(path)
        return storage.open(path, flags)


def write_all(storage: Storage, fd: int, data: bytes) -> None:
    """Write all of `data` to a file that nobody reads yet, however often it takes."""
    view = memoryview(data)
    while view:
        view = view[storage.write(fd, bytes(view[: 8 * CHUNK])) :]


def make_folders(storage: Storage, path: str) -> None:
    """Create `path` and what is missing above it, and sync their entries.

    Mode 0700; 02770 below a folder that its owner shares with a group.

    Raises the `OSError` of the call that failed.
    """
    parent = os.path.dirname(path)
    if storage.find(path) is not None:
        return
    if parent and parent != path:
        make_folders(storage, parent)
    storage.make_folder(path)
    storage.sync_folder(parent or ".")
