"""Waiting for a lock between processes, and dropping what a fork inherited.

`flock` belongs to the open file description: it is released when the last process
that has it open dies, and it is shared with children that a fork made. A child must
therefore let go of every descriptor it inherited, without unlocking it, and start
with fresh thread locks, because the thread that held one may not exist in the child.
"""

import logging
import os
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from time import monotonic, sleep
from typing import Protocol

from journal.engines.files.storage import Storage
from journal.errors import LockTimeoutError
from journal.exiting import LAST_PATIENCE

logger = logging.getLogger("journal")

_FIRST_PAUSE = 0.000_05
_LONGEST_PAUSE = 0.005
_GROWTH = 1.5

DEFAULT_TIMEOUT = 30.0
"""Seconds to wait for another writer before giving up."""


class _Patience(threading.local):
    """When the wait of this thread began, on the monotonic clock; None: when it waits."""

    since: float | None = None


_patience = _Patience()


@contextmanager
def waiting_since(moment: float) -> Iterator[None]:
    """In the block, timeouts of locks count from `moment` on the monotonic clock.

    For who carries out what others have asked for, and have waited for since then. An
    attempt is made however long ago that is.
    """
    before, _patience.since = _patience.since, moment
    try:
        yield
    finally:
        _patience.since = before


def attempts(timeout: float, what: str, since: float | None = None) -> Iterator[None]:
    """Yield whenever it is time to try for the lock, at first at once.

    Waits in growing steps with jitter between, since `flock` itself has no timeout, and
    raises `LockTimeoutError`, in which `what` names the file, `timeout` seconds after `since`
    on the monotonic clock, or as `waiting_since` says, or after the first attempt.
    """
    yield
    if _stopped_at is not None:
        timeout = min(timeout, _stopped_at + LAST_PATIENCE - monotonic())
    begun = [moment for moment in (since, _patience.since) if moment is not None]
    deadline = min(begun, default=monotonic()) + timeout
    pause = _FIRST_PAUSE
    while (left := deadline - monotonic()) > 0:
        jitter = os.urandom(1)[0] / 256  # the module `random` takes 1 ms to import
        sleep(min(pause * (0.5 + jitter), left))
        yield
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)
    raise LockTimeoutError(
        f"{what}: another writer has held the lock for {max(timeout, 0.0):.3g} s. Nothing was "
        "written; try again, or find the process that holds the file open"
    )


def acquire(storage: Storage, fd: int, timeout: float, what: str) -> None:
    """Take the exclusive lock on `fd`. Raises `LockTimeoutError` after `timeout` seconds."""
    for _ in attempts(timeout, what):
        if storage.lock(fd):
            return


class Forkable(Protocol):
    """Something with descriptors or locks that a child must not use."""

    def after_fork(self) -> None:
        """Called in the child, before any of its code runs."""
        ...


_forkables: "weakref.WeakValueDictionary[int, Forkable]" = weakref.WeakValueDictionary()
_numbers = count()


def tell_after_fork(forkable: Forkable) -> None:
    """Have `forkable.after_fork()` called in every child forked from now on.

    In the order of these calls, so what others stand on is mended first.
    """
    _forkables[next(_numbers)] = forkable


def _after_fork_in_child() -> None:
    for forkable in list(_forkables.values()):
        try:
            forkable.after_fork()
        except Exception:
            logger.exception("a forked child could not let go of %r", forkable)


os.register_at_fork(after_in_child=_after_fork_in_child)


class Stoppable(Protocol):
    """Something with locks that a thread may have held when the program's end stopped it."""

    def after_stop(self) -> None:
        """Called when no other thread will ever run again, and this one has none of the locks.

        Descriptors are not to be closed: a stopped thread may be about to use their numbers.
        """
        ...


_stoppables: "weakref.WeakValueDictionary[int, Stoppable]" = weakref.WeakValueDictionary()
_stopped_at: float | None = None  # on the monotonic clock: when we saw that no other thread runs


def tell_after_stop(stoppable: Stoppable) -> None:
    """Have `stoppable.after_stop()` called if it is used by finalizers at the program's end."""
    _stoppables[next(_numbers)] = stoppable


def leave_stopped_threads() -> None:
    """Take from threads that were stopped at the program's end what they will not give back.

    To be called before any lock is taken once `exiting.begun`; does nothing while others run.
    """
    global _stopped_at
    if _stopped_at is not None or not sys.is_finalizing():
        return
    _stopped_at = monotonic()
    for stoppable in list(_stoppables.values()):
        stoppable.after_stop()
    _renew_locks_of_handlers()


def _renew_locks_of_handlers() -> None:
    """Or to log that something was not written could wait for a thread that was logging."""
    source: logging.Logger | None = logger
    while source is not None:
        for handler in source.handlers:
            handler.createLock()
        source = source.parent if source.propagate else None
    if logging.lastResort is not None:
        logging.lastResort.createLock()


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


def default_writer() -> str:
    """`host:pid` of this process: who an event says it was appended by."""
    return f"{os.uname().nodename}:{os.getpid()}"
