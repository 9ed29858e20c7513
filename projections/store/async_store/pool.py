"""The threads that carry out calls."""

import threading
from concurrent.futures import ThreadPoolExecutor

from journal import exiting
from journal.room import share
from projections.store.async_store.entries import Action

_FILES_SHARE = 8  # a call may have several open: log, archive, session file, lock, folder


class ThreadPool:
    """At most `most` threads, and less if the process may not have eight times as many files."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._pool = self._new_pool()

    def _new_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(share(self._most, _FILES_SHARE), thread_name_prefix=self._name)

    def try_submit(self, call: Action) -> bool:
        """Whether one of them makes the call; if not, nobody has, and it is left to the caller.

        None does at the end of the program. Where the system refuses a new thread, those that
        are there may still take the call up, unless False has been returned before.
        """
        if exiting.begun:
            return False
        taken = threading.Lock()

        def make() -> None:
            if taken.acquire(blocking=False):
                call()

        pool = self._pool
        try:
            pool.submit(make)
        except RuntimeError:
            return not taken.acquire(blocking=False)
        except BaseException:  # it may have a thread now of which it does not know
            self._pool = self._new_pool()
            pool.shutdown(wait=False)  # its threads make their calls and go
            raise
        return True

    def shutdown(self, *, wait: bool) -> None:
        """Let them go when they have made all calls; `wait` for that."""
        self._pool.shutdown(wait=wait)
