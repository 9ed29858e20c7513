"""Waiting for a lock between processes, and dropping what a fork inherited.

`flock` belongs to the open file description: it is released when the last process
that has it open dies, and it is shared with children that a fork made. A child must
therefore let go of every descriptor it inherited, without unlocking it, and start
with fresh thread locks, because the thread that held one may not exist in the child.
"""

import os
import weakref
from itertools import count
from random import random
from time import monotonic, sleep
from typing import Protocol

from journal.errors import LockTimeoutError
from journal.storage import Storage

_FIRST_PAUSE = 0.000_05
_LONGEST_PAUSE = 0.005
_GROWTH = 1.5

DEFAULT_TIMEOUT = 30.0
"""Seconds to wait for another writer before giving up."""


def acquire(storage: Storage, fd: int, timeout: float, what: str) -> None:
    """Take the exclusive lock on `fd`, waiting up to `timeout` seconds for it.

    Polls in growing steps with jitter, since `flock` itself has no timeout. Raises
    `LockTimeoutError`, in which `what` names the file.
    """
    if storage.lock(fd):
        return
    deadline = monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        left = deadline - monotonic()
        if left <= 0:
            raise LockTimeoutError(
                f"{what}: another writer has held the lock for {timeout:g} s. Nothing was "
                "written; try again, or find the process that holds the file open"
            )
        sleep(min(pause * (0.5 + random()), left))  # noqa: S311 - jitter, no secret
        if storage.lock(fd):
            return
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)


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
        forkable.after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)


def default_writer() -> str:
    """`host:pid` of this process: who an event says it was appended by."""
    return f"{os.uname().nodename}:{os.getpid()}"
