"""Carries out what waits in the sessions' lines, each line by one thread at a time."""

import threading
from collections.abc import Callable, Sequence
from errno import EINTR

from journal.errors import StorageError
from projections.store.async_store.entries import Append
from projections.store.async_store.lines import SessionLines
from projections.store.async_store.pool import ThreadPool

_INTERRUPTED = "the thread that was to write it was interrupted. It was not appended"


class Worker:
    """Takes what is at the front of a line, then lets a thread go on at the back of theirs."""

    def __init__(
        self,
        lines: SessionLines,
        threads: ThreadPool,
        append: Callable[[str, Sequence[Append]], None],
    ) -> None:
        """`append` carries out one or more appends to a session, in order."""
        self._lines = lines
        self._threads = threads
        self._append = append
        self._working: set[int] = set()  # threads that carry out what waits

    def is_this_thread(self) -> bool:
        """Whether the calling thread carries out what waits: it must not wait for that."""
        return threading.get_ident() in self._working

    def start(self, session_id: str) -> bool:
        """Have a thread work on the session's line; whether one does."""
        return self._threads.try_submit(lambda: self.work(session_id))

    def work(self, session_id: str) -> None:
        """Work on the line, which nobody does yet, here and then in other threads."""
        me = threading.get_ident()
        is_outermost = me not in self._working
        self._working.add(me)
        try:
            while self._work_once(session_id):
                if self.start(session_id):
                    return
        except BaseException:  # Ctrl-C, where the caller's own thread works
            if self._lines.finish(session_id) and not self.start(session_id):
                self._abandon(session_id)
            raise
        finally:
            if is_outermost:
                self._working.discard(me)

    def _work_once(self, session_id: str) -> bool:
        """Carry out what is at the front; whether there is more."""
        taken = self._lines.take(session_id)
        if callable(taken):
            taken()
        else:
            self._append(session_id, taken)
        return self._lines.finish(session_id)

    def _abandon(self, session_id: str) -> None:
        """Report of what waits that it is not done, so that nobody waits for ever."""
        for entry in self._lines.drop(session_id):
            if isinstance(entry, Append):
                entry.done(StorageError(EINTR, _INTERRUPTED))
            else:
                entry()
