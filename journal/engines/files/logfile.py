"""An open log file: its descriptor, its lock, and the syncs its writers share."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from errno import EBADF, ELOOP, EROFS

from journal.engines.files.locking import acquire
from journal.engines.files.storage import CHUNK, Storage
from journal.errors import ReadError, SyncError
from journal.forking import tell_after_fork

_CLOSED = (1 << 31) - 1  # a number that no file ever has: an OSError of whatever is called with it


class LogFile:
    """One open log file. Its owner serialises everything but `sync_through`.

    Once the file is closed, `fd` is no file's number: a call that comes too late raises OSError,
    and never reaches another file that has the old number by now. At the end of the program the
    file is not closed at all.
    """

    fd = _CLOSED  # also of one that is dropped before it was made, deep in calls

    def __init__(self, storage: Storage, path: str, *, create: bool, write: bool = False) -> None:
        """Open for reading; with `write` or `create` for writing too, where we may.

        Raises FileNotFoundError when it is not there and `create` is False, and
        `ReadError` when it cannot be opened at all.
        """
        self.path = path
        self.is_new = False  # set by a writer that has just made it; the next look clears it
        self.write_error: OSError | None = None
        self.writes = write or create  # open for writing, or we may not write
        self.storage = storage
        self._written = 0  # tickets given out; guarded by the owner's lock
        self._turn = threading.RLock()  # held while it is synced; guards the rest
        self._syncing: int | None = None  # the thread whose sync is under way
        self._synced = 0  # the last ticket covered
        self._in_place = 0  # the last one covered while the path led here
        self.sync_error: OSError | None = None  # once set, nothing more may be promised here
        self._folder_synced = False
        self.fd = self._open(create)
        try:
            self.id = storage.identify(self.fd)
        except OSError as error:
            self._close()
            raise ReadError(error.errno, f"{path}: {error.strerror}") from error
        tell_after_fork(self)

    def _open(self, create: bool) -> int:
        if self.writes:
            fd = self._open_to_write(os.O_CREAT if create else 0)
            if fd is not None:
                return fd
        try:
            return self.storage.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            if create and self.write_error is not None:
                raise self.write_error from None
            raise
        except OSError as error:
            raise ReadError(error.errno, _why_not(self.path, error)) from error

    def _open_to_write(self, create: int) -> int | None:
        """None where we may not, which `write_error` explains then."""
        try:
            return self.storage.open(self.path, os.O_RDWR | os.O_APPEND | create)
        except FileNotFoundError:
            raise
        except OSError as error:
            if not isinstance(error, PermissionError) and error.errno != EROFS:
                raise ReadError(error.errno, _why_not(self.path, error)) from error
            self.write_error = error
            return None

    def allow_writing(self) -> bool:
        """Open for writing what is open for reading, without the lock between processes held.

        Once: three calls. False when the path leads elsewhere by now. Where we may not write,
        `write_error` says so. Raises `ReadError` when the system refuses to look.
        """
        if self.writes:
            return True
        try:
            fd = self._open_to_write(0)
        except FileNotFoundError:
            return False
        self.writes = True
        if fd is not None:
            self._exchange(fd)
        return self.is_open

    def _exchange(self, fd: int) -> None:
        """Go on with another descriptor of the same file; close if it is of another file."""
        try:
            same = self.storage.identify(fd) == self.id
        except OSError:
            same = False  # no regular file is there now
        with self._turn:
            self.fd, fd = (fd, self.fd) if same else (self.fd, fd)
            _close_quietly(self.storage, fd)
        if not same:
            self.close()

    @property
    def is_open(self) -> bool:
        return self.fd != _CLOSED

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for a sync of it."""
        return self._syncing is None and self._synced >= self._written

    @property
    def is_synced_here(self) -> bool:
        """Whether this very thread is syncing it."""
        return self._syncing == threading.get_ident()

    def chunks(self, start: int, stop: int) -> Iterator[bytes]:
        """Like `storage.chunks`, for a reader that pauses in between: OSError once closed."""
        while start < stop:
            data = self.storage.read(self.fd, min(CHUNK, stop - start), start)
            if not data:
                return
            start += len(data)
            yield data

    def size(self) -> int:
        return self.storage.size(self.fd)

    def try_lock(self) -> bool:
        """Take the lock between processes if it is free; says whether it did."""
        return self.storage.lock(self.fd)

    def lock(self, timeout: float) -> None:
        """Take the lock between processes. Raises `LockTimeoutError`."""
        acquire(self.storage, self.fd, timeout, self.path)

    def unlock(self) -> None:
        self.storage.unlock(self.fd)

    def is_current(self) -> bool:
        """Whether the path still leads here. Raises `ReadError`."""
        try:
            return self.storage.find(self.path) == self.id
        except OSError as error:
            raise ReadError(error.errno, _why_not(self.path, error)) from error

    def mark_written(self) -> int:
        """A ticket for `sync_through`: it stands for everything in the file so far.

        Tickets rather than offsets, since a file may become shorter and grow again.
        """
        self._written += 1
        return self._written

    def sync_through(self, ticket: int) -> bool:
        """Return once all that `ticket` stands for is on the disk, syncing if it is not.

        False: it is on the disk, but after the sync the path led elsewhere, or nowhere.
        Callers share: a sync covers all that was written before it began, so many threads that
        wait here need one or two syncs between them. Raises
        `SyncError`; after that, all later calls on this file do too.
        """
        if self._synced < ticket or self.sync_error is not None:
            self._sync_through(ticket)
            if self.sync_error is not None:
                raise SyncError(
                    self.sync_error.errno,
                    f"{self.path}: sync failed ({self.sync_error.strerror}). Whether what was "
                    "written before it survives a power cut is unknown. The file was closed; "
                    "check the disk, then read back what matters",
                )
        return self._in_place >= ticket

    def _sync_through(self, ticket: int) -> None:
        """Sync, unless somebody else's sync covers `ticket` or has failed.

        A signal handler may come here in the middle of this very thread's sync. It must not wait
        for that, and one sync more does no harm.
        """
        with self._turn:
            if self._synced >= ticket or self.sync_error is not None:
                return
            outer, self._syncing = self._syncing, threading.get_ident()
            try:
                target = self._written
                error = self._sync()
                self._note_sync(target, error, error is None and self._is_here())
            finally:
                self._syncing = outer

    def _note_sync(self, target: int, error: OSError | None, here: bool) -> None:
        if error is None:
            self._synced = max(self._synced, target)
            if here:
                self._in_place = max(self._in_place, target)
        elif self._synced < target or self.is_open:  # else a handler has synced and closed it
            self.sync_error = error

    def _sync(self) -> OSError | None:
        try:
            if not self._folder_synced:
                self.storage.sync_folder(os.path.dirname(self.path))
                self._folder_synced = True
            self.storage.sync(self.fd)
        except OSError as error:
            return error
        return None

    def _is_here(self) -> bool:
        """Whether the path leads here; False too if that cannot be found out.

        As it cannot once the file is closed: another file may have its inode by then.
        """
        try:
            return self.is_current() and self.is_open
        except ReadError:
            return False

    def close(self) -> None:
        """Unlock and close, after covering for those who still wait in `sync_through`."""
        with self._turn:
            if not self.is_open:
                return
            try:
                self.unlock()
            except OSError:
                pass  # closing unlocks too
            if self._synced < self._written and self.sync_error is None:
                error = self._sync()
                self._note_sync(self._written, error, error is None and self._is_here())
            self._close()

    def _close(self) -> None:
        fd, self.fd = self.fd, _CLOSED
        if fd != _CLOSED:
            _close_quietly(self.storage, fd)

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        """Close, but not at the end of the program, where a stopped thread may be about to use
        the number.
        """
        if not is_finalizing():
            self._close()

    def after_fork(self) -> None:
        self._turn = threading.RLock()
        self._syncing = None
        self.sync_error = OSError(EBADF, "the file was closed by a fork")
        self._close()


def _close_quietly(storage: Storage, fd: int) -> None:
    try:
        storage.close(fd)
    except OSError:
        pass  # nothing depends on a close: what had to be durable was synced


def _why_not(path: str, error: OSError) -> str:
    if error.errno == ELOOP:  # what O_NOFOLLOW gives
        return f"{path}: is a symbolic link, which the journal does not follow"
    return f"{path}: {error.strerror}"
