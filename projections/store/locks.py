"""A lock for each session."""

import threading
from weakref import WeakValueDictionary

from journal.forking import tell_after_fork, tell_after_stop


class SessionLocks:
    """Reentrant locks by session id, each kept only as long as it is referred to.

    Between the threads of a store, whichever of them has the session open. A forked child
    begins with all of them free, and so does what is left when other threads were stopped.
    """

    def __init__(self) -> None:
        self.after_fork()
        tell_after_fork(self)
        tell_after_stop(self)

    def after_fork(self) -> None:
        self._lock = threading.RLock()  # reentrant for signal handlers; guards the next one
        self._locks: WeakValueDictionary[str, threading.RLock] = WeakValueDictionary()

    def after_stop(self) -> None:
        self.after_fork()

    def of(self, session_id: str) -> "threading.RLock":
        """The session's lock: keep it in a variable while it is held."""
        with self._lock:
            lock = self._locks.get(session_id)
            if lock is None:
                lock = self._locks[session_id] = threading.RLock()
            return lock
