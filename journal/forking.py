"""Letting go of what belongs to threads: after a fork, at the end, and when interrupted.

A child that was forked has one thread only. A lock that another thread held stays locked in
it for ever, and its descriptors are the parent's too: an open file's `flock` is shared. So a
child starts with new locks and drops every descriptor, without unlocking it.

At the end of the program the other threads are stopped, whatever locks they hold; finalizers
still run, and may append. They start with new locks as well.

Whatever has locks or descriptors registers here when it is made. Only weak references are
kept.

A thread that is interrupted by Ctrl-C goes on, and has to let go by itself of what it holds. A
signal handler may raise after any call, and in any of our functions. It cannot between a `with`
and the lock of C that it takes or gives back; nor between an instruction that is no call and
the next. So what belongs to a thread for a while is held by such a `with`, or noted by one
instruction in a `try` whose `finally` looks for the note. A class of ours with `__enter__` and
`__exit__`, as `threading.Condition` is, would not do: they are functions themselves. To take a
lock only if nobody has it, take it and note it in one step:

    has_lock: list[bool] = []
    try:
        has_lock += map(lock.acquire, AT_ONCE)
        if has_lock[0]:
            …
    finally:
        if has_lock and has_lock[0]:
            lock.release()
"""

import logging
import os
import sys
import threading
import weakref
from itertools import count
from time import monotonic
from typing import Protocol

logger = logging.getLogger("journal")


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
stopped_at: float | None = None
"""When we saw that no other thread runs any more, on the monotonic clock; None while they do."""


def tell_after_stop(stoppable: Stoppable) -> None:
    """Have `stoppable.after_stop()` called if it is used by finalizers at the program's end."""
    _stoppables[next(_numbers)] = stoppable


def leave_stopped_threads() -> None:
    """Take from threads that were stopped at the program's end what they will not give back.

    To be called before any lock is taken once `exiting.begun`; does nothing while others run.
    """
    global stopped_at
    if stopped_at is not None or not sys.is_finalizing():
        return
    stopped_at = monotonic()
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


AT_ONCE = (False,)
"""The argument of `acquire`: do not wait."""


class ThreadMark(threading.local):
    """A mark that each thread has for itself: set within `with mark.lock:`, and not after it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    @property
    def is_set(self) -> bool:
        """Whether the calling thread is within such a block."""
        return self.lock.locked()
