"""Carries out what waits in the sessions' lines, each line by one thread at a time.

Whoever puts something in line works on it until it is done, or calls a thread that does. So
nobody depends on a thread that may be interrupted before it begins: the next one that comes
begins what nobody has. What a thread had begun when it was interrupted is reported, by it or by
the next one.
"""

import threading
from collections.abc import Callable, Sequence
from errno import EINTR
from functools import partial

from journal import exiting
from journal.errors import StorageError
from journal.forking import ThreadMark
from projections.store.async_store.entries import Append, LineCall, LineItem
from projections.store.async_store.lines import SessionLine, SessionLines
from projections.store.async_store.pool import ThreadPool

_INTERRUPTED = (
    "the thread that was writing it was interrupted. Whether it was appended is unknown; read it "
    "back"
)


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
        self._at_work = ThreadMark()

    def is_this_thread(self) -> bool:
        """Whether the calling thread carries out what waits: it must not wait for that."""
        return self._at_work.is_set

    def call(self, session_id: str) -> bool:
        """Have a thread carry out what is in line; whether one does, or nothing is."""
        line = self._lines.of(session_id)
        if line is None:
            return True
        if exiting.begun:
            return False
        if not line.is_called:
            line.is_called = True
            try:
                line.is_called = self._threads.try_submit(partial(self._come, session_id, line))
            except BaseException:  # if it was submitted all the same, two threads take turns
                line.is_called = False
                raise
        return line.is_called

    def work(self, session_id: str, until: int) -> None:
        """Return when all up to this number has been carried out, by others or here.

        In the middle of work on the same line, that goes on with it instead.
        """
        line = self._lines.of(session_id)
        if line is None:
            return
        if not self.is_this_thread():
            with self._at_work.lock:
                self._work(session_id, line, until)
        elif line.worker == threading.get_ident() and line.working.locked():
            if not self.call(session_id):
                line.until = max(line.until, until)
        else:
            self._work(session_id, line, until)

    def _work(self, session_id: str, line: SessionLine, until: int) -> None:
        me = threading.get_ident()
        with line.working:
            line.worker, line.until = me, until
            while line.waits_for(line.until):
                self._work_once(session_id, line)

    def _come(self, session_id: str, line: SessionLine) -> None:
        """As the thread that was called: work on what is at the front, then come anew."""
        try:
            with self._at_work.lock:
                while self._work_in_turn(session_id, line):
                    if self._threads.try_submit(partial(self._come, session_id, line)):
                        return
        except BaseException:
            line.is_called = False
            self.call(session_id)
            raise

    def _work_in_turn(self, session_id: str, line: SessionLine) -> bool:
        """Whether there is more in the line."""
        me = threading.get_ident()
        with line.working:
            line.worker, line.until = me, -1
            return bool(line.entries) and self._work_once(session_id, line)

    def _work_once(self, session_id: str, line: SessionLine) -> bool:
        """Carry out what is at the front; whether there is more. With `working` held."""
        try:
            if line.waits_for(line.begun):
                self._report_interrupted(line)
            elif callable(taken := self._lines.take(line)):
                taken()
            else:
                self._append(session_id, taken)
        except BaseException:  # Ctrl-C, where the caller's own thread works
            self._report_interrupted(line)
            self._lines.finish(session_id, line)
            raise
        return self._lines.finish(session_id, line)

    def _report_interrupted(self, line: SessionLine) -> None:
        """Report of what was begun that it may not be done, so that nobody waits for ever."""
        for entry in line.left():
            _report(entry)


def _report(entry: LineItem) -> None:
    if isinstance(entry, Append | LineCall):
        entry.report(StorageError(EINTR, _INTERRUPTED))
    else:
        entry()
