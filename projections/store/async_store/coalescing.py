"""Calls that can wait a moment: those asked for several times meanwhile are made once."""

import threading

from journal import exiting
from projections.store.async_store.entries import Action

_MOMENT = 0.1  # seconds


class CoalescedCalls:
    """Calls by name, made together by a thread of their own. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # reentrant for finalizers at the program's end
        self._calls: dict[str, Action] = {}
        self._is_timed = False  # a thread will come for them

    def put(self, name: str, call: Action) -> bool:
        """Have it made in a moment, in place of one of the same name that waits.

        False where no thread will: then the caller has to `make_calls`.
        """
        with self._lock:
            self._calls[name] = call
            if exiting.begun:
                return False
            if not self._is_timed:
                self._is_timed = True
                try:
                    self._is_timed = exiting.started(threading.Timer(_MOMENT, self.make_calls))
                except BaseException:  # Ctrl-C: the next one sees to a thread
                    self._is_timed = False
                    raise
            return self._is_timed

    def make_calls(self) -> None:
        """Make those that wait, now."""
        with self._lock:
            self._is_timed = False
            calls, self._calls = self._calls, {}
        for call in calls.values():
            call()
