"""What is open of each session or agent: turns that have begun here and not ended."""

import threading
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

from journal.forking import tell_after_fork, tell_after_stop


class Interruptible(Protocol):
    """Something with a lock that a thread may have held when the program's end stopped it."""

    def after_stop(self) -> None:
        """See `journal.forking.Stoppable`."""
        ...


K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound=Interruptible)


class OpenTurns(Generic[K, T]):
    """Turns, or what an adapter knows of them, by key, in the order in which they were opened.

    Safe for threads. A forked child knows of none: what is open is open in its parent. At the
    program's end, what is open may still end. Memory: what is open.
    """

    def __init__(self) -> None:
        self.after_fork()
        tell_after_fork(self)
        tell_after_stop(self)

    def after_fork(self) -> None:
        """Begin anew."""
        self._lock = threading.RLock()  # reentrant for finalizers at the program's end
        self._open: dict[K, list[T]] = {}

    def after_stop(self) -> None:
        """The thread that had the lock does not run any more."""
        self._lock = threading.RLock()
        for turns in self._open.values():
            for turn in turns:
                turn.after_stop()

    def add(self, key: K, turn: T) -> list[T]:
        """It is open now. Returns those that were open under the key before."""
        with self._lock:
            turns = self._open.setdefault(key, [])
            before = list(turns)
            turns.append(turn)
            return before

    def remove(self, key: K, turn: T) -> None:
        """It has ended. Nothing happens if it is not open."""
        with self._lock:
            turns = self._open.get(key, [])
            if turn in turns:
                turns.remove(turn)
            if not turns:
                self._open.pop(key, None)

    def of(self, key: K) -> list[T]:
        """Those that are open under a key."""
        with self._lock:
            return list(self._open.get(key, ()))
