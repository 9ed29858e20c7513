"""Calls of many sessions carried out in threads, the writes of each session in order.

A session that has anything waiting has a queue. One thread at a time works on it: it takes
what waits at the front, sets that follow each other as one append, and goes to the back of
the line for the next. What only reads waits for the writes before it and then leaves the
queue for another thread, so that a long look does not hold up what is written after it.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeAlias

from journal.errors import ReentryError
from journal.events import Set
from journal.locking import tell_after_fork

WRITERS = 64
"""Sessions that can wait for their disk, or for another process, at the same time."""

READERS = 32
"""Calls that can read at the same time."""

_MOST_JOINED = 512  # appends that share a write and a sync …
_MOST_BYTES = 8 << 20  # … and bytes of their states
_MOMENT = 0.1  # seconds

Call: TypeAlias = Callable[[], None]


Done: TypeAlias = Callable[[BaseException | None], None]
"""Told what came of something: None, or what was raised."""


@dataclass(frozen=True, slots=True)
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

    def after_fork(self) -> None:
        """Begin anew: the threads and what waited for them stayed with the parent."""
        self._lock = threading.Lock()
        self._inside: set[int] = set()  # threads that are in one of our methods
        self._ending = threading.Lock()  # held by who closes
        self._waiting: dict[str, deque[Append | Call]] = {}
        self._soon: dict[str, Call] = {}
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="journal-write")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="journal-read")

    def is_idle(self, session_id: str) -> bool:
        """Whether nothing of the session is waiting or being carried out."""
        return session_id not in self._waiting

    def write(self, session_id: str, entry: Append | Call) -> None:
        """After all that was called for in this session before."""
        with self._entered():
            with self._lock:
                waiting = self._waiting.get(session_id)
                if waiting is not None:
                    waiting.append(entry)
                    return
                self._waiting[session_id] = deque((entry,))
            started = _started(self._writers, lambda: self._work(session_id))
        if not started:
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
            started = not is_first or self._wait_a_moment()
        if not started:
            self._make_calls()

    def _wait_a_moment(self) -> bool:
        """Whether a thread does."""
        try:
            threading.Timer(_MOMENT, self._make_calls).start()
        except RuntimeError:
            return False
        return True

    def _make_calls(self) -> None:
        with self._lock:
            calls, self._soon = self._soon, {}
        for call in calls.values():
            call()

    def join(self, session_id: str | None = None) -> None:
        """Wait for the writes of a session, or of all sessions, so far."""
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

    @contextmanager
    def _entered(self) -> Iterator[None]:
        """A thread that is in here already would wait for itself."""
        me = threading.get_ident()
        if me in self._inside:
            raise ReentryError(
                "a call came in the middle of a call on the same thread, from a finalizer or a "
                "signal handler. Nothing was done; leave a note there and call afterwards"
            )
        self._inside.add(me)
        try:
            yield
        finally:
            self._inside.discard(me)

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
        while self._work_once(session_id):
            if _started(self._writers, lambda: self._work(session_id)):
                return

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

    None does on the interpreter's way out. Where the system refuses a new thread, those that
    are there may still take the call up, unless they are forestalled.
    """
    taken = threading.Lock()

    def take() -> None:
        if taken.acquire(blocking=False):
            call()

    try:
        threads.submit(take)
    except RuntimeError:
        return not taken.acquire(blocking=False)
    return True
