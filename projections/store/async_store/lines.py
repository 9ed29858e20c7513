"""A line for each session that has anything waiting. No threads, no I/O.

A signal handler may raise between any two instructions. So what an entry goes through are single
steps: it is in the line as soon as it is in its `entries`, begun once `begun` has its number,
and leaves when it has been carried out and reported. Whoever comes next finds what an
interrupted thread has left: what it had begun, and what nobody has.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import count

from projections.store.async_store.entries import Action, Append, LineItem

_MOST_JOINED = 512  # appends that share a write and a sync …
MOST_BYTES = 8 << 20  # … and bytes of their states


class SessionLine:
    """What waits in one session, by number, in order.

    `working` is held by the thread that carries it out. That guards `begun`, the last number
    that was taken, `worker`, the thread, and `until`, the last number that it is to carry out.
    `is_called` says that another thread will come, or is at it.
    """

    __slots__ = ("begun", "entries", "is_called", "until", "worker", "working")

    def __init__(self) -> None:
        self.entries: deque[tuple[int, LineItem]] = deque()
        self.working = threading.Lock()
        self.worker = self.begun = self.until = -1
        self.is_called = False

    @property
    def first(self) -> int | None:
        """The number of what is at the front."""
        try:
            return self.entries[0][0]
        except IndexError:
            return None

    def waits_for(self, number: int) -> bool:
        """Whether anything up to this number has not been carried out."""
        first = self.first
        return first is not None and first <= number

    def left(self) -> Iterator[LineItem]:
        """What was begun and is still there. With `working` held; each is dropped after it."""
        while self.waits_for(self.begun):
            try:
                yield self.entries[0][1]
            finally:
                self.entries.popleft()


class SessionLines:
    """Entries in the order in which they were put in, by session. Safe for threads.

    A session has a line from the first `put` until `finish` finds nothing more in it, so while
    its last entry is carried out, too. Memory: what waits; `bytes` of it are states.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # reentrant for finalizers at the program's end
        self._lines: dict[str, SessionLine] = {}
        self._numbers = count()
        self.bytes = 0

    def is_idle(self, session_id: str) -> bool:
        """Whether the session has no line."""
        return session_id not in self._lines

    def sessions(self) -> list[str]:
        """Those that have a line."""
        return list(self._lines)

    def of(self, session_id: str) -> SessionLine | None:
        """The session's line, if there is one."""
        return self._lines.get(session_id)

    def put(self, session_id: str, entry: LineItem) -> int:
        """To the end of the line. Returns its number; the caller sees that a thread comes."""
        with self._lock:
            line = self._lines.get(session_id) or SessionLine()
            number = self._add_locked(line, entry)
            self._lines[session_id] = line
            return number

    def put_behind(self, session_id: str, entry: LineItem) -> bool:
        """As `put`, if there is a line; whether there is."""
        with self._lock:
            line = self._lines.get(session_id)
            if line is not None:
                self._add_locked(line, entry)
            return line is not None

    def put_behind_all(self, call: Action) -> list[str]:
        """Have `call` made once, when all that is in any line by now has been carried out.

        The sessions that have a line; if there is none, the call is left to the caller.
        """
        with self._lock:
            sessions = self.sessions()
            last = _Last(sessions, call)
            for session_id in sessions:
                self._add_locked(self._lines[session_id], last.of(session_id))
        return sessions

    def last_number(self, session_id: str) -> int | None:
        """That of the last entry; None if there is no line."""
        with self._lock:
            line = self._lines.get(session_id)
            return line.entries[-1][0] if line is not None and line.entries else None

    def _add_locked(self, line: SessionLine, entry: LineItem) -> int:
        number = next(self._numbers)
        line.entries.append((number, entry))
        self.bytes += _size(entry)
        return number

    def take(self, line: SessionLine) -> Action | Sequence[Append]:
        """Begin what is at the front: one call, or the appends up to the next call.

        With `working` held, and something in line.
        """
        with self._lock:
            entries = iter(line.entries)
            number, first = next(entries)
            if not isinstance(first, Append):
                line.begun = number
                return first
            joined = [first]
            room = MOST_BYTES - first.size
            for following, entry in entries:
                if (
                    not isinstance(entry, Append)
                    or entry.size > room
                    or len(joined) == _MOST_JOINED
                ):
                    break
                room -= entry.size
                joined.append(entry)
                number = following
            self.bytes -= sum(map(_size, joined))
            line.begun = number
            return joined

    def finish(self, session_id: str, line: SessionLine) -> bool:
        """What was begun has been carried out. Whether there is more; if not, the line goes.

        With `working` held.
        """
        with self._lock:
            while line.waits_for(line.begun):
                line.entries.popleft()
            if line.entries:
                return True
            if self._lines.get(session_id) is line:
                del self._lines[session_id]
            if not self._lines:
                self.bytes = 0  # also what interrupts have left of it
            return False


def _size(entry: LineItem) -> int:
    return entry.size if isinstance(entry, Append) else 0


class _Last:
    """An action for each of several lines: when all were reached, it makes its call."""

    def __init__(self, sessions: Sequence[str], call: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._left = set(sessions)
        self._call = call

    def of(self, session_id: str) -> Action:
        """The action for the line of a session."""
        return lambda: self._reached(session_id)

    def _reached(self, session_id: str) -> None:
        with self._lock:
            self._left.discard(session_id)
            is_last = not self._left
        if is_last:
            self._call()
