"""A line for each session that has anything waiting. No threads, no I/O."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from projections.store.async_store.entries import Action, Append, LineItem

_MOST_JOINED = 512  # appends that share a write and a sync …
MOST_BYTES = 8 << 20  # … and bytes of their states


class SessionLines:
    """Entries in the order in which they were put in, by session. Safe for threads.

    A session has a line from the first `put` until `finish` finds nothing more in it, so while
    its last entry is carried out, too. Memory: what waits; `bytes` of it are states.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # reentrant for finalizers at the program's end
        self._lines: dict[str, deque[LineItem]] = {}
        self.bytes = 0

    def is_idle(self, session_id: str) -> bool:
        """Whether the session has no line."""
        return session_id not in self._lines

    def put(self, session_id: str, entry: LineItem) -> bool:
        """To the end of the line. Whether that makes it the first: then nobody works on it yet."""
        with self._lock:
            if self.put_behind(session_id, entry):
                return False
            self._lines[session_id] = deque((entry,))
            self.bytes += _size(entry)
            return True

    def put_behind(self, session_id: str, entry: LineItem) -> bool:
        """To the end of the line, if there is one; whether there is."""
        with self._lock:
            line = self._lines.get(session_id)
            if line is not None:
                line.append(entry)
                self.bytes += _size(entry)
            return line is not None

    def put_behind_all(self, call: Action) -> bool:
        """Have `call` made once, when all that is in any line by now has been carried out.

        Whether there is a line; if there is none, the call is left to the caller.
        """
        with self._lock:
            lines = list(self._lines.values())
            last = _Last(len(lines), call)
            for line in lines:
                line.append(last)
        return bool(lines)

    def take(self, session_id: str) -> Action | Sequence[Append]:
        """What is at the front: one call, or the appends up to the next call."""
        with self._lock:
            line = self._lines[session_id]
            first = line.popleft()
            if not isinstance(first, Append):
                return first
            joined = self._joined_locked(first, line)
            self.bytes -= sum(map(_size, joined))
            return joined

    def _joined_locked(self, first: Append, line: deque[LineItem]) -> Sequence[Append]:
        joined = [first]
        room = MOST_BYTES - first.size
        while line and len(joined) < _MOST_JOINED:
            following = line[0]
            if not isinstance(following, Append) or following.size > room:
                break
            room -= following.size
            joined.append(following)
            line.popleft()
        return joined

    def drop_first(self, session_id: str) -> None:
        """Take what is at the front: it has been carried out already."""
        with self._lock:
            self.bytes -= _size(self._lines[session_id].popleft())

    def finish(self, session_id: str) -> bool:
        """What was taken has been carried out. Whether there is more; if not, the line goes."""
        with self._lock:
            if self._lines.get(session_id):
                return True
            self._lines.pop(session_id, None)
            return False

    def drop(self, session_id: str) -> Sequence[LineItem]:
        """Do away with the line. Returns what waited in it."""
        with self._lock:
            dropped = self._lines.pop(session_id, ())
            self.bytes -= sum(map(_size, dropped))
            return dropped


def _size(entry: LineItem) -> int:
    return entry.size if isinstance(entry, Append) else 0


class _Last:
    """Put into several lines, it makes its call when it has been reached in the last one."""

    def __init__(self, count: int, call: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._left = count
        self._call = call

    def __call__(self) -> None:
        with self._lock:
            self._left -= 1
            reached = self._left == 0
        if reached:
            self._call()
