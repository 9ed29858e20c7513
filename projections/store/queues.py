"""Calls of many sessions carried out in threads, the writes of each session in order.

A session that has anything waiting has a queue. One thread at a time works on it: it takes
what waits at the front, sets that follow each other as one append, and goes to the back of
the line for the next. What only reads waits for the writes before it and then leaves the
queue for another thread, so that a long look does not hold up what is written after it.

At the end of the program no pool takes anything more: each call is carried out by the thread
that makes it. Once `exiting.begun` nothing is left to another thread either, which may never
run again.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from errno import EINTR
from time import monotonic
from typing import TypeAlias

from journal import exiting
from journal.errors import ReentryError, StorageError
from journal.events import Set
from journal.forking import leave_stopped_threads, tell_after_fork, tell_after_stop
from journal.room import share

WRITERS = 64
"""Sessions that can wait for their disk, or for another process, at the same time, where the
process may have eight times as many open files."""

READERS = 32
"""Calls that can read at the same time; likewise."""

_FILES_SHARE = 8  # a call may have several open: log, archive, session file, lock, folder

_MOST_JOINED = 512  # appends that share a write and a sync …
_MOST_BYTES = 8 << 20  # … and bytes of their states
_MOMENT = 0.1  # seconds
_INTERRUPTED = "the thread that was to write it was interrupted. It was not appended"

Call: TypeAlias = Callable[[], None]


Done: TypeAlias = Callable[[BaseException | None], None]
"""Told what came of something: None, or what was raised."""


@dataclass(slots=True)
class Append:
    """Events for the end of a session's log, and who wants to know what came of it.

    `refresh` asks for the session file. `since` is when it was asked for, on the monotonic
    clock.
    """

    events: Sequence[Set]
    done: Done
    refresh: bool
    since: float = field(default_factory=monotonic)

    @property
    def size(self) -> int:
        """Bytes of its states."""
        return sum(len(event.state) for event in self.events)


class Queues:
    """Carries out calls as the module says. Calls report to whom they concern; none raises.

    Safe for threads. Not for finalizers and signal handlers: those may come in the middle of
    a call on the same thread, and get `ReentryError` then. A forked child begins with nothing
    waiting: that is its parent's.
    """

    def __init__(self, append: Callable[[str, Sequence[Append]], None]) -> None:
        """`append` carries out one or more appends to a session, in order."""
        self._append = append
        self.after_fork()
        tell_after_fork(self)
        tell_after_stop(self)
        exiting.tell_at_exit(self)

    def after_fork(self) -> None:
        """Begin anew: the threads and what waited for them stayed with the parent."""
        self._lock = threading.RLock()  # reentrant for finalizers at the program's end
        self._entrance = _Entrance()
        self._working: set[int] = set()  # threads that carry out what waits
        self._ending = threading.Lock()  # held by the thread that closes
        self._waiting: dict[str, deque[Append | Call]] = {}
        self._soon: dict[str, Call] = {}
        self._writers = ThreadPoolExecutor(
            share(WRITERS, _FILES_SHARE), thread_name_prefix="journal-write"
        )
        self._readers = ThreadPoolExecutor(
            share(READERS, _FILES_SHARE), thread_name_prefix="journal-read"
        )

    def after_stop(self) -> None:
        """What waits was called for by threads that were stopped in their calls."""
        self.after_fork()

    def at_exit(self) -> None:
        """Have all done that was put off, while the threads that may be at it still run."""
        self._make_calls()
        self.join()

    def is_idle(self, session_id: str) -> bool:
        """Whether nothing of the session is waiting or being carried out."""
        return session_id not in self._waiting

    def write(self, session_id: str, entry: Append | Call) -> None:
        """After all that was called for in this session before."""
        self.begin(session_id, self.put(session_id, entry))

    def put(self, session_id: str, entry: Append | Call) -> bool:
        """Give it its place in line, and do no more, for a caller that holds a lock.

        The caller passes the answer to `begin` next, without the lock: whether nobody works on
        the session yet.
        """
        with self._entered(), self._lock:
            waiting = self._waiting.get(session_id)
            if waiting is not None:
                waiting.append(entry)
                return False
            self._waiting[session_id] = deque((entry,))
            return True

    def begin(
        self,
        session_id: str,
        is_first: bool,
        at_once: Callable[[], bool] | None = None,
        *,
        here: bool = False,
    ) -> None:
        """Have carried out what was `put`: by a thread, or `here`, by this one.

        If it is the first in line, `at_once` may carry it out, and says whether it did. What
        `at_once` raises passes, and counts as carried out.
        """
        if not is_first:
            if exiting.begun and threading.get_ident() not in self._working:
                self.join(session_id)
        elif at_once is None or not self._done_at_once(session_id, at_once):
            self._have_worked(session_id, here)

    def _done_at_once(self, session_id: str, at_once: Callable[[], bool]) -> bool:
        """Whether it was. Then a thread goes on with what came behind it."""
        is_done = True
        try:
            is_done = at_once()
        finally:
            if is_done and self._has_more(session_id):
                self._have_worked(session_id, here=False)
        return is_done

    def _has_more(self, session_id: str) -> bool:
        """The first in line was carried out where it was; whether others wait behind it."""
        with self._lock:
            waiting = self._waiting[session_id]
            waiting.popleft()
            if not waiting:
                del self._waiting[session_id]
        return bool(waiting)

    def _have_worked(self, session_id: str, here: bool) -> None:
        if not here:
            with self._entered():
                here = not _started(self._writers, lambda: self._work(session_id))
        if here:
            self._work(session_id)

    def read(self, session_id: str, call: Call) -> None:
        """After the writes of this session so far; later ones need not wait for it."""
        with self._entered(), self._lock:
            waiting = self._waiting.get(session_id)
            if waiting is not None:
                waiting.append(lambda: self.aside(call))
                return
        self.aside(call)

    def after_all(self, call: Call) -> None:
        """By a reading thread, after the writes of all sessions so far."""
        self._reach_all(lambda: self.aside(call))

    def aside(self, call: Call) -> None:
        """As soon as a reading thread is free, whatever waits to be written."""
        with self._entered():
            started = _started(self._readers, call)
        if not started:
            call()

    def soon(self, session_id: str, call: Call) -> None:
        """In a moment, and once for all who ask for it of a session meanwhile."""
        with self._entered():
            with self._lock:
                is_first = not self._soon
                self._soon[session_id] = call
            started = not exiting.begun and (not is_first or self._wait_a_moment())
        if not started:
            self._make_calls()

    def _wait_a_moment(self) -> bool:
        """Whether a thread does."""
        return exiting.started(threading.Timer(_MOMENT, self._make_calls))

    def _make_calls(self) -> None:
        with self._lock:
            calls, self._soon = self._soon, {}
        for call in calls.values():
            call()

    def join(self, session_id: str | None = None) -> None:
        """Wait for the writes of a session, or of all sessions, so far."""
        if threading.get_ident() in self._working:
            raise ReentryError(
                "a thread that carries out writes would wait for itself; a finalizer cannot wait"
            )
        reached = threading.Event()
        if session_id is None:
            self._reach_all(reached.set)
        else:
            with self._entered(), self._lock:
                waiting = self._waiting.get(session_id)
                if waiting is None:
                    return
                waiting.append(reached.set)
        reached.wait()

    def close(self, call: Call) -> None:
        """After all that was called for so far; then let the threads go. Can be called twice."""

        def end() -> None:
            with self._ending:
                self._readers.shutdown()
                call()
                self._writers.shutdown(wait=False)

        def begin() -> None:
            if not _started(self._writers, end):
                call()

        self.after_all(begin)

    def _entered(self) -> "_Entrance":
        if exiting.begun:
            leave_stopped_threads()
        return self._entrance

    def _reach_all(self, call: Call) -> None:
        """Make the call when the writes of all sessions so far are done."""
        with self._entered(), self._lock:
            queues = list(self._waiting.values())
            last = _Last(len(queues), call)
            for waiting in queues:
                waiting.append(last)
        if not queues:
            call()

    def _work(self, session_id: str) -> None:
        me = threading.get_ident()
        is_outermost = me not in self._working
        self._working.add(me)
        try:
            while self._work_once(session_id):
                if _started(self._writers, lambda: self._work(session_id)):
                    return
        except BaseException:  # Ctrl-C, where the caller's own thread works
            self._leave(session_id)
            raise
        finally:
            if is_outermost:
                self._working.discard(me)

    def _leave(self, session_id: str) -> None:
        """Another thread goes on with what waits, if anything does."""
        with self._lock:
            if not self._waiting.get(session_id):
                self._waiting.pop(session_id, None)
                return
        if not _started(self._writers, lambda: self._work(session_id)):
            self._abandon(session_id)

    def _abandon(self, session_id: str) -> None:
        """Say of what waits that it is not done, so that nobody waits for ever."""
        with self._lock:
            left = self._waiting.pop(session_id, deque())
        for entry in left:
            if isinstance(entry, Append):
                entry.done(StorageError(EINTR, _INTERRUPTED))
            else:
                entry()

    def _work_once(self, session_id: str) -> bool:
        """Carry out what is at the front; whether there is more."""
        entry, *more = self._take(session_id)
        if isinstance(entry, Append):
            self._append(session_id, [entry, *more])  # type: ignore[list-item]
        else:
            entry()
        with self._lock:
            if not self._waiting[session_id]:
                del self._waiting[session_id]
                return False
        return True

    def _take(self, session_id: str) -> list[Append | Call]:
        """What is at the front: one call, or the appends up to the next call."""
        with self._lock:
            waiting = self._waiting[session_id]
            first = waiting.popleft()
            taken = [first]
            if not isinstance(first, Append):
                return taken
            room = _MOST_BYTES - first.size
            while waiting and len(taken) < _MOST_JOINED:
                following = waiting[0]
                if not isinstance(following, Append) or following.size > room:
                    break
                room -= following.size
                taken.append(waiting.popleft())
            return taken


class _Entrance:
    """A thread that is in one of our methods already would wait for itself in another.

    A class, since every write comes by: a context manager made of a generator takes 1 µs more.
    """

    def __init__(self) -> None:
        self._inside: set[int] = set()

    def __enter__(self) -> None:
        me = threading.get_ident()
        if me in self._inside:
            raise ReentryError(
                "a call came in the middle of a call on the same thread, from a finalizer or a "
                "signal handler. Nothing was done; leave a note there and call afterwards"
            )
        self._inside.add(me)

    def __exit__(self, *_: object) -> None:
        self._inside.discard(threading.get_ident())


class _Last:
    """Put into several queues, it makes its call when it has been reached in the last."""

    def __init__(self, count: int, call: Call) -> None:
        self._lock = threading.Lock()
        self._left = count
        self._call = call

    def __call__(self) -> None:
        with self._lock:
            self._left -= 1
            reached = self._left == 0
        if reached:
            self._call()


def _started(threads: ThreadPoolExecutor, call: Call) -> bool:
    """Whether one of the threads makes the call; if not, nobody has and it is the caller's.

    None does at the end of the program. Where the system refuses a new thread, those that
    are there may still take the call up, unless they are forestalled.
    """
    if exiting.begun:
        return False
    taken = threading.Lock()

    def take() -> None:
        if taken.acquire(blocking=False):
            call()

    try:
        threads.submit(take)
    except RuntimeError:
        return not taken.acquire(blocking=False)
    return True
