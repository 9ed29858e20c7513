"""Changes of busy turns, joined: a turn that changes often is written a few times a second."""

import threading
from collections.abc import Callable
from time import monotonic, sleep

from journal import exiting
from journal.forking import tell_after_fork, tell_after_stop
from projections.adapters.turns import Turn

MOST = 0.2  # seconds that a change waits for others
_TICK = 0.025  # seconds between two looks, as long as anything waits
_LINGER = 1.0  # seconds after which the thread goes if nothing more waits


class Joiner:
    """Turns with changes that are not written yet, each with the time of the first of them.

    `write` is called by a daemon thread, or at the program's end, and must not raise. Takes no
    lock: a finalizer may interrupt any of this.
    """

    def __init__(self, write: Callable[[Turn], object]) -> None:
        self._write = write
        self.after_fork()
        tell_after_fork(self)
        tell_after_stop(self)
        exiting.tell_at_exit(self)

    def after_fork(self) -> None:
        """What waits is the parent's to write."""
        self._waiting: dict[Turn, float] = {}
        self._thread: threading.Thread | None = None

    def after_stop(self) -> None:
        """The thread may be gone."""
        self._thread = None

    def put(self, turn: Turn) -> None:
        """Have it written within a moment."""
        if exiting.begun:
            self._write(turn)
            return
        self._waiting.setdefault(turn, monotonic() + MOST)
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="journal-joining", daemon=True)
            self._thread = thread
            try:
                is_started = exiting.started(thread)
            except BaseException:  # Ctrl-C: the next one sees to a thread
                self._thread = None
                raise
            if not is_started:
                self._thread = None
                self.flush()

    def forget(self, turn: Turn) -> None:
        """It is being written."""
        self._waiting.pop(turn, None)

    def flush(self) -> None:
        """Have all of it written now."""
        self._write_until(float("inf"))

    def at_exit(self) -> None:
        """The program ends."""
        self.flush()

    def _write_until(self, moment: float) -> None:
        for turn, due in list(self._waiting.items()):
            if due <= moment and self._waiting.pop(turn, None) is not None:
                self._write(turn)

    def _run(self) -> None:
        idle_since = monotonic()
        while (now := monotonic()) - idle_since < _LINGER:
            if self._waiting:
                idle_since = now
                self._write_until(now)
            sleep(_TICK)
        self._thread = None
        if self._waiting:  # it came just now
            self.flush()
