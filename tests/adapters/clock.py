"""A clock that moves only when a test says so, for what adapters write when: no test waits for it.

It stands for the monotonic clock of turns and of the thread that writes joined changes. Whatever
that thread does at a moment is done before the clock moves on, however slow the machine is.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from journal.engines.files.storage import DiskStorage
from projections.adapters import joining, turns

_LOOK = 0.005  # seconds between two looks at whether a thread has ended


class Clock:
    """`now` is in seconds. Threads that `sleep` go on once `advance` has come to their moment."""

    def __init__(self) -> None:
        self.now = 0.0
        self._changed = threading.Condition()
        self._sleeping: dict[threading.Thread, float] = {}
        self._is_over = False

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        me = threading.current_thread()
        with self._changed:
            self._sleeping[me] = self.now + seconds
            self._changed.notify_all()
            self._changed.wait_for(lambda: me not in self._sleeping or self._is_over)

    def advance(self, seconds: float) -> None:
        """Let it be so much later, and everything between happen at its moment."""
        end = self.now + seconds
        while True:
            with self._changed:
                while not self._all_sleep():
                    self._changed.wait(_LOOK)
                moment = min(self._sleeping.values(), default=end)
                if moment >= end:
                    self.now = end
                    return
                self.now = moment
                for thread in [each for each, due in self._sleeping.items() if due <= moment]:
                    del self._sleeping[thread]
                self._changed.notify_all()

    def end(self) -> None:
        """Nobody sleeps any more."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _all_sleep(self) -> bool:
        joiners = [each for each in threading.enumerate() if each.name == "journal-joining"]
        for ended in set(self._sleeping) - set(joiners):
            del self._sleeping[ended]
        return all(each in self._sleeping for each in joiners)


@contextmanager
def stopped_clock() -> Iterator[Clock]:
    """The clock of all turns, until it is left."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "monotonic", clock.monotonic)
        patch.setattr(joining, "monotonic", clock.monotonic)
        patch.setattr(joining, "sleep", clock.sleep)
        try:
            yield clock
        finally:
            clock.end()


class LogWrites:
    """What is written to logs, and when: every append, whatever a compaction makes of it."""

    def __init__(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes = 0
        self.moments: list[float] = []  # of each line, the header's included
        write = DiskStorage.write

        def noted(fd: int, data: bytes) -> int:
            if os.readlink(f"/proc/self/fd/{fd}").endswith(".jsonl"):
                self.bytes += len(data)
                self.moments += [clock.now] * data.count(b"\n")
            return write(fd, data)

        monkeypatch.setattr(DiskStorage, "write", staticmethod(noted))
