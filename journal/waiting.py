"""Trying again until another writer is done: growing pauses, and a deadline."""

import math
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
_FIRST_PAUSE_AMONG_MANY = 0.001  # at the most
_CALM = 0.02  # seconds without a wait, after which a lock counts as free again

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


class Pauses:
    """What is remembered of the waits for one lock: how long the next one is to pause first.

    A single other writer is done in a moment. Where many write without a rest, whoever wakes
    up takes the processor from the one that has the lock, and finds it taken: a wait that
    comes soon after another goes on with its pauses. Threads that meet here do no harm.
    """

    def __init__(self) -> None:
        self._next = _FIRST_PAUSE
        self._noted = -math.inf  # on the monotonic clock

    def first(self, now: float) -> float:
        """Seconds to pause before the second attempt of a wait."""
        return self._next if now - self._noted < _CALM else _FIRST_PAUSE

    def note(self, pause: float, now: float) -> None:
        """A wait is about to pause so long."""
        self._next = min(pause, _FIRST_PAUSE_AMONG_MANY)
        self._noted = now


def attempts(
    timeout: float, what: str, since: float | None = None, pauses: Pauses | None = None
) -> Iterator[None]:
    """Yield whenever it is time to try for the lock, at first at once.

    Waits in growing steps with jitter between, since `flock` itself has no timeout, and
    raises `LockTimeoutError`, in which `what` names the file, `timeout` seconds after `since`
    on the monotonic clock, or as `waiting_since` says, or after the first attempt. `pauses`
    are those of the earlier waits for this lock.
    """
    pauses = pauses or Pauses()
    yield
    if forking.stopped_at is not None:
        timeout = min(timeout, forking.stopped_at + LAST_PATIENCE - monotonic())
    begun = [moment for moment in (since, _patience.since) if moment is not None]
    now = monotonic()
    deadline = min(begun, default=now) + timeout
    pause = pauses.first(now)
    while (left := deadline - (now := monotonic())) > 0:
        pauses.note(pause, now)
        jitter = os.urandom(1)[0] / 256  # the module `random` takes 1 ms to import
        sleep(min(pause * (0.5 + jitter), left))
        yield
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)
    raise LockTimeoutError(
        f"{what}: another writer has held the lock for {max(timeout, 0.0):.3g} s. Nothing was "
        "written; try again, or find the process that holds the file open"
    )
