"""The exclusive lock between processes on an open file: `flock`.

It belongs to the open file description: it is released when the last process that has it
open dies, and it is shared with children that a fork made.
"""

import os

from journal.engines.files.storage import Storage
from journal.forking import tell_after_fork
from journal.waiting import attempts


def acquire(storage: Storage, fd: int, timeout: float, what: str) -> None:
    """Take the exclusive lock on `fd`. Raises `LockTimeoutError` after `timeout` seconds."""
    for _ in attempts(timeout, what):
        if storage.lock(fd):
            return


class LockFile:
    """A file that is there to be locked. Released by `release`, or by a fork's child."""

    def __init__(self, storage: Storage, path: str) -> None:
        """Open it, or make it. Raises the `OSError` of that."""
        self._storage = storage
        self._path = path
        self._fd: int | None = storage.open(path, os.O_RDWR | os.O_CREAT)
        tell_after_fork(self)

    def acquire(self, timeout: float) -> None:
        """Raises `LockTimeoutError` after `timeout` seconds."""
        if self._fd is not None:
            acquire(self._storage, self._fd, timeout, self._path)

    def release(self) -> None:
        """Unlock and close. A child that a fork made meanwhile may still have it open."""
        fd, self._fd = self._fd, None
        if fd is not None:
            for step in (self._storage.unlock, self._storage.close):
                try:
                    step(fd)
                except OSError:
                    pass  # closing unlocks too, and closes whatever it says

    def after_fork(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            self._storage.close(fd)
