"""Calls of many sessions carried out in threads, the writes of each session in order.

A session that has anything waiting has a line. One thread at a time works on it: it takes
what waits at the front, sets that follow each other as one append. A thread that was called for
that goes to the back of the queue of threads for the next; one that waits for its own write
works until that is done. A call that only reads waits for the writes before it and
then leaves the line for another thread, so a long look does not hold up later writes.

At the end of the program no pool takes anything more: each call is carried out by the thread
that makes it. Once `exiting.begun` nothing is left to another thread either, which may never
run again.
"""

import threading
from collections.abc import Callable, Sequence

from journal import exiting
from journal.errors import ClosedError, ReentryError
from journal.forking import ThreadMark, leave_stopped_threads, tell_after_fork, tell_after_stop
from journal.state import check_text
from projections.store.async_store.coalescing import CoalescedCalls
from projections.store.async_store.entries import Action, Append, LineItem
from projections.store.async_store.lines import SessionLines
from projections.store.async_store.pool import ThreadPool
from projections.store.async_store.reentry import ReentryGuard
from projections.store.async_store.worker import Worker

WRITERS = 64
"""Sessions that can wait for their disk, or for another process, at the same time, where the
process may have eight times as many open files."""

READERS = 32
"""Calls that can read at the same time; likewise."""


class Queues:
    """Carries out calls as the module says. Calls report by themselves what came of them.

    Safe for threads. Not for finalizers and signal handlers: those may come in the middle of
    a call on the same thread, and get `ReentryError` then. A forked child begins with nothing
    waiting: that is its parent's.
    """

    def __init__(self, append: Callable[[str, Sequence[Append]], None]) -> None:
        """`append` carries out one or more appends to a session, in order."""
        self._append = append
        self._is_closed = False
        self.after_fork()
        tell_after_fork(self)
        tell_after_stop(self)
        exiting.tell_at_exit(self)

    def after_fork(self) -> None:
        """Begin anew: the threads and what waited for them stayed with the parent."""
        self._guard = ReentryGuard()
        self._at_once = _AtOnce()
        self._ending = threading.Lock()  # held by the thread that closes
        self._lines = SessionLines()
        self._soon = CoalescedCalls()
        self._writers = ThreadPool(WRITERS, "journal-write")
        self._readers = ThreadPool(READERS, "journal-read")
        self._worker = Worker(self._lines, self._writers, self._append)

    def after_stop(self) -> None:
        """What waits was called for by threads that were stopped in their calls."""
        self.after_fork()

    def at_exit(self) -> None:
        """Have all done that was put off, while the threads that may be at it still run."""
        self._soon.make_calls()
        self.join()

    def check_open(self) -> None:
        """Raises `ClosedError` once `close` was called."""
        if self._is_closed:
            raise ClosedError("the store is closed; make a new one")

    def check(self, session_id: str) -> None:
        """Raises `ClosedError`, and `StateTypeError` for an id that is no string."""
        self.check_open()
        check_text(session_id, "session_id")

    def is_idle(self, session_id: str) -> bool:
        """Whether nothing of the session is waiting or being carried out."""
        return self._lines.is_idle(session_id)

    @property
    def bytes(self) -> int:
        """Of the states that wait to be written."""
        return self._lines.bytes

    def write(self, session_id: str, entry: LineItem) -> None:
        """After all that was called for in this session before."""
        try:
            self.begin(session_id, self.put(session_id, entry))
        except BaseException:
            self.see_to(session_id)
            raise

    def is_made_at_once(self, session_id: str, call: Callable[[], bool]) -> bool:
        """Make a call instead of a write that gets in line, if nothing is in line before it.

        What `call` answers or raises: whether it has written. What this thread puts in line
        meanwhile, in finalizers and signal handlers, is carried out after it.
        """
        mark = self._at_once
        lock, later = mark.lock, mark.later
        if not self._lines.is_idle(session_id) or lock.locked():
            return False
        try:
            with lock:
                return call()
        finally:
            while later:
                self.begin(*later.pop(0))

    def put(self, session_id: str, entry: LineItem) -> int:
        """Give it its place in line, and do no more, for a caller that holds a lock.

        The caller passes the answer, its number, to `begin` next, without the lock. If anything
        is raised before that, it calls `see_to` instead.
        """
        with self._entered():
            return self._lines.put(session_id, entry)

    def begin(self, session_id: str, number: int, *, here: bool = False) -> None:
        """Have carried out what was `put`: by a thread, or `here`, by this one.

        Here, it has been carried out on return, unless this is in the middle of a call of the
        same session.
        """
        if self._at_once.is_set:
            self._at_once.later.append((session_id, number))
        elif here or not self._called(session_id):
            self._worker.work(session_id, number)

    def see_to(self, session_id: str) -> None:
        """After an interrupt: let a thread carry out what is in line, if one can be had."""
        try:
            self._called(session_id)
        except ReentryError:
            pass  # whoever joins carries it out

    def _called(self, session_id: str) -> bool:
        with self._entered():
            return self._worker.call(session_id)

    def read(self, session_id: str, call: Action) -> None:
        """After the writes of this session so far; later ones do not wait for it."""
        with self._entered():
            waits = self._lines.put_behind(session_id, lambda: self.aside(call))
        if waits:
            self._have_carried_out(session_id)
        else:
            self.aside(call)

    def after_all(self, call: Action) -> None:
        """By a reading thread, after the writes of all sessions so far."""
        self._after_all_writes(lambda: self.aside(call))

    def aside(self, call: Action) -> None:
        """As soon as a reading thread is free, whatever waits to be written."""
        with self._entered():
            started = self._readers.try_submit(call)
        if not started:
            call()

    def soon(self, session_id: str, call: Action) -> None:
        """In a moment; once, if it is asked for several times for a session meanwhile."""
        with self._entered():
            waits = self._soon.put(session_id, call)
        if not waits:
            self._soon.make_calls()

    def join(self, session_id: str | None = None) -> None:
        """Wait for the writes of a session, or of all sessions, so far.

        Raises `ReentryError` in a thread that carries them out.
        """
        if self._worker.is_this_thread():
            raise ReentryError(
                "a thread that carries out writes would wait for itself; a finalizer cannot wait"
            )
        with self._entered():
            sessions = self._lines.sessions() if session_id is None else [session_id]
            last = [(each, self._lines.last_number(each)) for each in sessions]
        for each, number in last:
            if number is not None:
                self._worker.work(each, number)

    def close(self, call: Action) -> None:
        """After all that was called for so far; then let the threads go. Can be called twice."""
        self._is_closed = True

        def end() -> None:
            with self._ending:
                self._readers.shutdown(wait=True)
                call()
                self._writers.shutdown(wait=False)

        def begin() -> None:
            if not self._writers.try_submit(end):
                call()

        self.after_all(begin)

    def _entered(self) -> threading.Lock:
        if exiting.begun:
            leave_stopped_threads()  # which makes a new guard
        return self._guard.entered()

    def _have_carried_out(self, session_id: str) -> None:
        """What is in line by now."""
        number = self._lines.last_number(session_id)
        if number is not None:
            self.begin(session_id, number)

    def _after_all_writes(self, call: Action) -> None:
        with self._entered():
            sessions = self._lines.put_behind_all(call)
        for session_id in sessions:
            self._have_carried_out(session_id)
        if not sessions:
            call()


class _AtOnce(ThreadMark):
    """Set while the thread writes what never was in line; `later` is what it has put there."""

    def __init__(self) -> None:
        super().__init__()
        self.later: list[tuple[str, int]] = []
