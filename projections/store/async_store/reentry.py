"""No call of a finalizer or signal handler in the middle of one on the same thread."""

import threading

from journal.errors import ReentryError
from journal.forking import ThreadMark


class ReentryGuard:
    """`with guard.entered():` lets a thread in once. Another time, it would wait for itself."""

    def __init__(self) -> None:
        self._mark = ThreadMark()

    def entered(self) -> threading.Lock:
        """What to hold within. Raises `ReentryError` in the middle of such a block."""
        lock: threading.Lock = self._mark.lock
        if lock.locked():
            raise ReentryError(
                "a call came in the middle of a call on the same thread, from a finalizer or a "
                "signal handler. Nothing was done; leave a note there and call afterwards"
            )
        return lock
