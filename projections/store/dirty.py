"""Which sessions were written since they were last synced, or shown in their session files.

It is remembered by session id, apart from the sessions that a store has open: those come
and go, and a thread may write through one that was closed meanwhile.
"""

import threading
from itertools import count

from journal import exiting
from journal.forking import leave_stopped_threads, tell_after_fork, tell_after_stop

new_mark = count().__next__
"""A mark that nobody has used."""


class Dirty:
    """Session ids, each with a mark that every write changes. Safe for threads.

    A writer puts a new mark into `marks` before the write and after it. That takes no lock: it
    is a single step, and every append does it. A cleaner takes `mark_of` first, does its work,
    and then gives that mark to `clean`: a session that was written in between stays dirty.
    Memory is that of the ids written since they were last cleaned.

    `failing` are those whose last cleaning failed. The failure was logged. `unsaved` are those
    that are clean, but that a flush or a close has to save for the next opening.
    """

    def __init__(self) -> None:
        self.marks: dict[str, int] = {}
        self.failing: set[str] = set()
        self.unsaved: set[str] = set()
        self._lock = threading.RLock()  # a mark that `clean` puts back is missed by no other
        tell_after_fork(self)
        tell_after_stop(self)

    def after_fork(self) -> None:
        self._lock = threading.RLock()

    def after_stop(self) -> None:
        self.after_fork()

    def mark_of(self, session_id: str) -> int | None:
        """What to give to `clean`; None when the session is clean."""
        with self._lock:
            return self.marks.get(session_id)

    def clean(self, session_id: str, mark: int | None) -> None:
        """Note that all is done about what was written before `mark` was taken."""
        with self._lock:
            found = self.marks.pop(session_id, None)
            if found is not None and found != mark:
                self.marks.setdefault(session_id, found)  # or what was marked just now

    def ids(self) -> set[str]:
        """The sessions that are dirty."""
        if exiting.begun:
            leave_stopped_threads()
        with self._lock:
            return set(self.marks)
