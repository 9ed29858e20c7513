"""Trying again until another writer is done: growing pauses, and a deadline."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

from journal import forking
from journal.errors import LockTimeoutError
from journal.exiting import LAST_PATIENCE

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

    For a thread that works on behalf of callers who have been waiting since then. However long
    ago that is, one attempt is made.
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
    if forking.stopped_at is not None:
        timeout = min(timeout, forking.stopped_at + LAST_PATIENCE - monotonic())
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
