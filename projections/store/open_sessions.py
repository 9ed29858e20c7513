"""The sessions that a store has open: a bounded set of those used last."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from time import monotonic

from journal import exiting
from journal.errors import ClosedError, JournalError
from journal.forking import leave_stopped_threads, tell_after_fork, tell_after_stop
from journal.room import Answer, offer, share
from journal.state import check_text
from projections.store.dirty import Dirty
from projections.store.refreshing import PATIENCE
from projections.store.session import Session

_LEAST_PATIENCE = 1e-3  # seconds for each session file once `PATIENCE` is over: one attempt
_FILES_SHARE = 4  # no more than one in so many of the files we may have open is a store's log
_WEIGH_EVERY = 32  # openings between looks at the memory of all views


class OpenSessions:
    """At most `most` open sessions; the least recently used one makes room. For threads.

    Making room costs the caller one `close` and no more: `stale` and `unsynced`
    remember which sessions a flush has to work on, open or not.
    """

    def __init__(
        self, make: Callable[[str, Dirty, Dirty], Session], most: int, most_bytes: int
    ) -> None:
        """`make` opens a session that is to be marked in `stale` and `unsynced`.

        `most_bytes` bounds the states that are held in memory.
        """
        self._make = make
        self._most = most
        self._most_bytes = most_bytes
        self._opened = 0
        self._lock = threading.RLock()  # reentrant for signal handlers; guards `_opened`, and
        # the next but for single calls, of which each is one step for all threads
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self.stale = Dirty()  # whose session files are not what their logs say
        self.unsynced = Dirty()  # that hold what only a flush makes durable
        self.is_closed = False  # for callers of the store; its own work goes on until `close`
        tell_after_fork(self)
        tell_after_stop(self)
        offer(self)

    def after_fork(self) -> None:
        """A thread that has a lock, or refreshes a session file, is not in the child."""
        self._lock = threading.RLock()
        for session in self._sessions.values():
            session.refresher.is_refreshing = False

    def after_stop(self) -> None:
        """Nor does it run any more."""
        self.after_fork()

    def check_open(self) -> None:
        """Raises `ClosedError` once the store is closed."""
        if self.is_closed:
            raise ClosedError("the store is closed; make a new one")

    def get(self, session_id: str) -> Session:
        """The session, opened if need be. O(1) where it is open.

        Raises `ClosedError`, and `StateTypeError` if the id is no string.
        """
        if self.is_closed:
            self.check_open()
        if type(session_id) is not str:
            check_text(session_id, "session_id")
        try:
            self._sessions.move_to_end(session_id)
            return self._sessions[session_id]
        except KeyError:
            pass  # another thread may have closed it just now
        return self.open(session_id)

    def find(self, session_id: str) -> Session | None:
        """The session if it is open, and the store too."""
        if self.is_closed:
            return None
        try:
            self._sessions.move_to_end(session_id)
            return self._sessions[session_id]
        except KeyError:
            return None

    def open(self, session_id: str) -> Session:
        """The session, opened if need be, also while the store is being closed."""
        if exiting.begun:
            leave_stopped_threads()
        with self._lock:
            session = self._sessions.get(session_id)
        if session is not None:
            return session
        session = self._make(session_id, self.stale, self.unsynced)
        with self._lock:
            session = self._sessions.setdefault(session_id, session)
            evicted = self._evict_locked()
        for other in evicted:
            other.log.close()
        return session

    def _evict_locked(self) -> list[Session]:
        evicted = []
        while len(self._sessions) > share(self._most, _FILES_SHARE):
            evicted.append(self._evict_one_locked())
        self._opened += 1
        if self._opened % _WEIGH_EVERY == 0:
            used = sum(session.view.bytes for session in self._sessions.values())
            while used > self._most_bytes and len(self._sessions) > 1:
                evicted.append(self._evict_one_locked())
                used -= evicted[-1].view.bytes
        return evicted

    def _evict_one_locked(self) -> Session:
        return self._sessions.popitem(last=False)[1]

    def close_idle(self) -> Answer:
        """Close one log; its session stays open. See `journal.room.Holder`."""
        with self._lock:
            sessions = list(self._sessions.values())  # least recently used first
        found = Answer.NONE
        for session in sessions:
            answer = session.log.close_idle()
            if answer is Answer.CLOSED:
                return answer
            if answer is Answer.BUSY:
                found = answer
        return found

    def flush(self) -> None:
        """Make all that was appended durable and bring the session files up to date.

        Does all it can, then raises the first `JournalError`. Sessions that are not open are
        opened one by one, so no more than ever are open.
        """
        first: JournalError | None = None
        for session in self._each(self._unfinished() | self.unsynced.ids()):
            for step in (self._sync, _refresh):
                try:
                    step(session)
                except JournalError as error:
                    first = first or error  # not all: each holds its session
        if first is not None:
            raise first

    def _unfinished(self) -> set[str]:
        """Whose session files are behind, and what is to be saved while it is open."""
        with self._lock:
            return self.stale.ids() | (self.stale.unsaved & self._sessions.keys())

    def _sync(self, session: Session) -> None:
        """Whichever descriptor a thread appended through: a sync is of the file."""
        mark = self.unsynced.mark_of(session.session_id)
        if mark is not None:
            session.log.flush()
            self.unsynced.clean(session.session_id, mark)

    def _each(self, session_ids: set[str]) -> Iterator[Session]:
        """Those that are open come first; the others are opened one by one."""
        with self._lock:
            opened = session_ids & self._sessions.keys()
        for session_id in (*opened, *(session_ids - opened)):
            yield self.open(session_id)

    def delete(self, session_id: str, delete: Callable[[], bool]) -> bool:
        """Close a session and have it deleted: then nothing is left to do about it.

        Returns and raises as `delete`.
        """
        marks = [(dirty, dirty.mark_of(session_id)) for dirty in (self.stale, self.unsynced)]
        with self._lock:
            session = self._sessions.pop(session_id, None)
        if session is not None:
            session.log.close()
        deleted = delete()
        for dirty, mark in marks:
            dirty.clean(session_id, mark)  # unless it was written again meanwhile
        return deleted

    def delete_many(
        self, session_ids: Sequence[str], delete: Callable[[], list[JournalError | None]]
    ) -> list[JournalError | None]:
        """Like `delete`, for many: `delete` returns None for each that it has deleted."""
        marks = [
            [(dirty, dirty.mark_of(session_id)) for dirty in (self.stale, self.unsynced)]
            for session_id in session_ids
        ]
        with self._lock:
            opened = [self._sessions.pop(session_id, None) for session_id in session_ids]
        for session in opened:
            if session is not None:
                session.log.close()
        outcomes = delete()
        for session_id, outcome, noted in zip(session_ids, outcomes, marks, strict=True):
            for dirty, mark in noted if outcome is None else ():
                dirty.clean(session_id, mark)
        return outcomes

    def close(self) -> None:
        """Bring session files up to date as far as they let us, and close all logs.

        Waits `PATIENCE` seconds for the locks of all session files together.
        """
        until = monotonic() + PATIENCE
        for session in self._each(self._unfinished()):
            session.refresher.refresh_or_warn(max(_LEAST_PATIENCE, until - monotonic()))
        with self._lock:
            sessions = list(self._sessions.values())
            self._sessions.clear()
        for session in sessions:
            session.log.close()


def _refresh(session: Session) -> None:
    session.refresher.refresh()
