"""One session as a store has it open, and the bounded set of those.

A `Session` joins a log, the view that follows it and the session file. Which sessions
are open changes nothing but speed: an evicted one is read again from its log.
"""

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from journal import exiting
from journal.backend import Backend, EventFactory, Log
from journal.errors import DamagedError, JournalError, LockTimeoutError, SessionFileError
from journal.events import Event, Set
from journal.forking import leave_stopped_threads, tell_after_fork, tell_after_stop
from journal.room import Answer, offer, share
from journal.state import check_text
from projections.handoffs.owner import LatestOwner
from projections.handoffs.pending import PendingHandoffs
from projections.store.dirty import Dirty, new_mark
from projections.store.session_file import SessionFile
from projections.view import View

logger = logging.getLogger("journal")

_PATIENCE = 5.0  # seconds that a flush waits for each session file's lock, close for all of them
_LEAST_PATIENCE = 1e-3  # seconds for each that is left then: one attempt, and a warning
_SHARE = 20  # refreshes after sets may take one part in this many of the time …
_SAVED = 0.1  # … and seconds of it may be saved up while a store rests
DEAD_BYTES = 1 << 20  # a log is compacted by itself when more than this is dead …
DEAD_SHARE = 4  # … and it is more than so many times what lives …
DEAD_SPREAD = 1.5  # … or up to so many times that: not all processes are to begin at once
_FILES_SHARE = 4  # no more than one in so many of the files we may have open is a store's log
_WEIGH_EVERY = 32  # openings between looks at the memory of all views
RECHECK = 1 << 18  # bytes a log grows before it is looked at again


class _Both:
    """What a session folds: the view, which handoffs wait for an answer, and who has it."""

    def __init__(self, view: View, pending: PendingHandoffs, owner: LatestOwner) -> None:
        self._view = view
        self._pending = pending
        self._owner = owner

    def fold(self, event: Event) -> None:
        owner = self._owner
        if type(event) is not Set:
            owner.fold(event, self._view.turns)
            self._pending.fold(event)
        elif event.runtime_id == owner.runtime_id and event.seq > owner.seq:  # as it would do
            owner.seq, owner.turn_id = event.seq, event.turn_id
        else:
            owner.fold(event, self._view.turns)
        self._view.fold(event)

    def reset(self) -> None:
        self._view.reset()
        self._pending.reset()
        self._owner.reset()


class Budget:
    """What refreshes after sets may take of a whole store's time, whatever the session.

    Each is paid for by the rest of the store until `_SHARE` times as long has gone by. What
    was saved up before lets sets of a few hundred sessions show at once; only a storm over
    more of them leaves session files to `flush` and `close`. Without a lock: where threads
    meet in `spend`, one refresh too many is the worst.
    """

    def __init__(self) -> None:
        self._paid_at = float("-inf")  # on the monotonic clock: when all of them are paid for

    def allows(self, now: float) -> bool:
        """Whether a refresh may begin."""
        return now >= self._paid_at

    def spend(self, started: float, ended: float) -> None:
        """Note a refresh."""
        saved_from = started - _SHARE * _SAVED
        self._paid_at = max(self._paid_at, saved_from) + _SHARE * (ended - started)


class Session:
    """An open session. Safe for threads; `log.lock` guards the view."""

    def __init__(
        self,
        backend: Backend,
        session_id: str,
        file: SessionFile | None,
        import_events: EventFactory | None,
        budget: Budget,
        stale: Dirty | None,
        unsynced: Dirty | None,
    ) -> None:
        """`stale` is told that a session file is not what the log says, where there are such
        files, and `unsynced`, where appends are not synced, what only a flush makes durable.
        """
        self.session_id = session_id
        self.view = View()
        self.pending = PendingHandoffs()
        self.owner = LatestOwner()
        folded = _Both(self.view, self.pending, self.owner)
        self.log: Log = backend.open(session_id, folded)
        self.file = file
        self._import_events = import_events
        self._budget = budget
        self._stale = stale
        self._unsynced = unsynced
        self._compact_at = DEAD_BYTES
        self._refresh_after = 0.0  # on the monotonic clock
        self.is_refreshing = False  # after a set

    def flush(self) -> None:
        """Make all that was appended durable. Raises `SyncError`.

        No system call if it is already. Whichever object, and whichever descriptor, a thread
        appended through: a sync is of the file.
        """
        mark = _mark_of(self._unsynced, self.session_id)
        if self._unsynced is None or mark is None:
            return
        self.log.flush()
        self._unsynced.clean(self.session_id, mark)

    def _mark(self) -> None:
        """Before a write, for the session may be closed meanwhile, and after it, for a flush
        or a refresh may have come in between.
        """
        mark = new_mark()
        if self._stale is not None:
            self._stale.marks[self.session_id] = mark
        if self._unsynced is not None:
            self._unsynced.marks[self.session_id] = mark

    def import_events(self) -> Sequence[Event]:
        """The events that the first write will import, if there is no log yet."""
        return self._import_events() if self._import_events is not None else ()

    def append(
        self,
        events: Sequence[Event] | EventFactory,
        on_appended: Callable[[], None] | None = None,
        *,
        refresh: bool = True,
    ) -> None:
        """Append and, when it is due, refresh the session file. Raises as `Log.append`."""
        self._mark()
        try:
            self.log.append(events, self._import_events, on_appended)
        finally:
            self._mark()
        if refresh:
            self.refresh_file_if_due()

    def append_at_once(self, events: Sequence[Event]) -> bool:
        """As `append`, if that waits for nobody; else False, and nothing is written.

        The session file is for somebody else to refresh: `refresh_file_if_due`.
        """
        self._mark()
        try:
            return self.log.append_at_once(events, self._import_events)
        finally:
            self._mark()

    def append_and_show(self, events: EventFactory) -> dict[str, dict[str, Any]]:
        """As `append`. Returns the view as of then, whoever has appended more by now."""
        view: dict[str, dict[str, Any]] = {}
        self.append(events, lambda: view.update(self._shown()))
        return view

    def refresh_file_if_due(self) -> None:
        """Show what was appended in the session file, if that may take time now."""
        started = monotonic()
        if started < self._refresh_after or not self._budget.allows(started):
            return
        if self.is_refreshing or _mark_of(self._stale, self.session_id) is None:
            return  # another thread is at it, or we are in its signal handler
        self.is_refreshing = True
        try:
            self.refresh_file_or_warn(timeout=0.0)
            self._budget.spend(started, monotonic())
        finally:
            self.is_refreshing = False

    def exists(self) -> bool:
        """Whether there is a log, or an older session file."""
        if self.log.refresh():
            return True
        return not self.log.is_deleted and self.file is not None and self.file.name() is not None

    def has_files(self) -> bool:
        """Whether there is anything to delete: what `exists` sees, what a deletion that was cut
        short has left, and damaged files of which nothing can be read.
        """
        try:
            if self.log.refresh() or self.log.is_deleted:
                return True
        except DamagedError:
            return True
        return self.file is not None and self.file.name() is not None

    def runtime(self, runtime_id: str) -> dict[str, Any]:
        """All turns of a runtime, from the log or from an older session file."""
        with self.log.lock:
            if self.log.refresh():
                return self.view.runtime(runtime_id)
        return self._older_state().get(runtime_id, {})

    def turn(self, runtime_id: str, turn_id: str) -> Any:
        """One turn's state, from the log or from an older session file."""
        with self.log.lock:
            if self.log.refresh():
                return self.view.turn(runtime_id, turn_id)
        return self._older_state().get(runtime_id, {}).get(turn_id, {})

    def owned_by(self) -> tuple[str, str | None] | None:
        """The runtime that has the session and the turn it wrote last; None if nobody has it.

        Of an older session, as it will be once it has been imported.
        """
        with self.log.lock:
            if self.log.refresh():
                runtime_id = self.owner.runtime_id
                return None if runtime_id is None else (runtime_id, self.owner.turn_id)
        imported = [event for event in self.import_events() if type(event) is Set]
        return (imported[-1].runtime_id, imported[-1].turn_id) if imported else None

    def whole(self) -> dict[str, dict[str, Any]]:
        """The whole view, from the log or from an older session file."""
        with self.log.lock:
            if self.log.refresh():
                return self._shown()
        return self._older_state()

    def _shown(self) -> dict[str, dict[str, Any]]:
        view = self.view
        return {runtime_id: view.runtime(runtime_id) for runtime_id in list(view.turns)}

    def document(self) -> bytes:
        """The session file as a refresh would write it now. Raises `SessionFileError`."""
        if self.file is None:
            raise SessionFileError(
                f"session {self.session_id!r} is kept in memory: it has no session file"
            )
        with self.log.lock:
            return self.file.document(self.view.to_json() if self.log.refresh() else None)

    def holds(self, runtime_id: str | None) -> bool:
        """Whether a runtime, or any, has turns."""
        with self.log.lock:
            turns = self.view.turns if self.log.refresh() else self._older_state()
            return bool(turns) if runtime_id is None else runtime_id in turns

    def _older_state(self) -> dict[str, dict[str, Any]]:
        if self.log.is_deleted:  # its session file is as good as gone
            return {}
        return self.file.runtime_state() if self.file is not None else {}

    def refresh_file(self, timeout: float | None = None, *, anyway: bool = False) -> None:
        """Write the view to the session file if we have appended since the last time.

        Or `anyway`: others may have. Without a need it makes no system call.
        Raises `SessionFileError`, and `LockTimeoutError` after `timeout` seconds.
        """
        mark = _mark_of(self._stale, self.session_id)
        if self.file is None or self._stale is None or (mark is None and not anyway):
            return
        started = monotonic()
        try:
            self.file.write(self._render, _PATIENCE if timeout is None else timeout)
            self._stale.clean(self.session_id, mark)
        finally:
            ended = monotonic()
            self._refresh_after = ended + _SHARE * (ended - started)

    def _render(self) -> bytes | None:
        with self.log.lock:
            return self.view.to_json() if self.log.refresh() else None

    def refresh_file_or_warn(self, timeout: float | None = None) -> None:
        """The session file is derived: that it cannot be written fails nothing else.

        It is logged once, until it works again.
        """
        if self._stale is None:
            return
        try:
            self.refresh_file(timeout)
            self._stale.failing.discard(self.session_id)
        except (JournalError, OSError) as error:
            if isinstance(error, LockTimeoutError) and timeout == 0:
                return  # PraisonAI is at it; a later append, flush or close comes back to it
            if self.log.head is None:
                return  # nothing was ever written, so there is nothing to show
            if self.session_id not in self._stale.failing:
                logger.warning(
                    "session %r: the session file is out of date: %s", self.session_id, error
                )
                self._stale.failing.add(self.session_id)

    def is_bloated(self) -> bool:
        """Whether the log is worth compacting. Looks closely only as the log grows."""
        size = self.log.size
        if size < self._compact_at or not self.log.lock.acquire(blocking=False):
            return False  # somebody is at the log: another set will look
        live = self.view.live_bytes
        self.log.lock.release()
        self._compact_at = size + RECHECK
        chance = os.urandom(1)[0] / 256  # anew at each look: forked children differ too
        return size - live > dead_limit(live) * (1 + (DEAD_SPREAD - 1) * chance)

    def is_still_bloated(self) -> bool:
        """The same for a log that others may have compacted since. Raises as `Log.refresh`."""
        with self.log.lock:
            self.log.refresh()
            size, live = self.log.size, self.view.live_bytes
        if size - live > dead_limit(live):
            return True
        self.compacted(size)
        return False

    def compacted(self, size: int) -> None:
        """The log is `size` bytes after a compaction; wait until it has doubled."""
        self._compact_at = 2 * size + DEAD_BYTES


def dead_limit(live: int) -> int:
    """Of a log with so many living bytes, how many more may be dead before it is compacted."""
    return max(DEAD_BYTES, DEAD_SHARE * live)


def _mark_of(dirty: Dirty | None, session_id: str) -> int | None:
    return dirty.mark_of(session_id) if dirty is not None else None


class OpenSessions:
    """At most `most` open sessions; the least recently used one makes room. For threads.

    Making room costs the caller one `close` and no more: `stale` and `unsynced`
    remember what is to be done about sessions, open or not.
    """

    def __init__(self, make: Callable[[str], Session], most: int, most_bytes: int) -> None:
        self._make = make
        self._most = most
        self._most_bytes = most_bytes
        self._opened = 0
        self._lock = threading.RLock()  # reentrant for signal handlers; guards the next two
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self.stale = Dirty()  # whose session files are not what their logs say
        self.unsynced = Dirty()  # that hold what only a flush makes durable
        tell_after_fork(self)
        tell_after_stop(self)
        offer(self)

    def after_fork(self) -> None:
        self._lock = threading.RLock()
        for session in self._sessions.values():
            session.is_refreshing = False  # by a thread that is not in the child

    def after_stop(self) -> None:
        self.after_fork()

    def get(self, session_id: str) -> Session:
        """The session, opened if need be. Raises `StateTypeError` if the id is no string."""
        check_text(session_id, "session_id")
        if exiting.begun:
            leave_stopped_threads()
        with self._lock:
            session = self._sessions.get(session_id)
            if session is not None:
                self._sessions.move_to_end(session_id)
                return session
        session = self._make(session_id)
        with self._lock:
            session = self._sessions.setdefault(session_id, session)
            evicted = self._evict()
        for other in evicted:
            other.log.close()
        return session

    def get_open(self, session_id: str) -> Session | None:
        """The session if it is open."""
        if exiting.begun:
            leave_stopped_threads()
        with self._lock:
            session = self._sessions.get(session_id)
            if session is not None:
                self._sessions.move_to_end(session_id)
            return session

    def _evict(self) -> list[Session]:
        evicted = []
        while len(self._sessions) > share(self._most, _FILES_SHARE):
            evicted.append(self._evict_one())
        self._opened += 1
        if self._opened % _WEIGH_EVERY == 0:
            used = sum(session.view.bytes for session in self._sessions.values())
            while used > self._most_bytes and len(self._sessions) > 1:
                evicted.append(self._evict_one())
                used -= evicted[-1].view.bytes
        return evicted

    def _evict_one(self) -> Session:
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

    def flush(self, each: Callable[[Session], None]) -> None:
        """Call `each` with every session that was written since the last flush or refresh.

        Those that are open come first; the others are opened one by one, so that no more
        than ever are open.
        """
        self._for_each(self.stale.ids() | self.unsynced.ids(), each)

    def _for_each(self, session_ids: set[str], each: Callable[[Session], None]) -> None:
        with self._lock:
            opened = session_ids & self._sessions.keys()
        for session_id in (*opened, *(session_ids - opened)):
            each(self.get(session_id))

    def delete(self, session_id: str, delete: Callable[[], bool]) -> bool:
        """Close a session and have it deleted: then nothing is left to do about it.

        Returns and raises as `delete`.
        """
        check_text(session_id, "session_id")
        marks = [(dirty, dirty.mark_of(session_id)) for dirty in (self.stale, self.unsynced)]
        with self._lock:
            session = self._sessions.pop(session_id, None)
        if session is not None:
            session.log.close()
        deleted = delete()
        for dirty, mark in marks:
            dirty.clean(session_id, mark)  # unless it was written again meanwhile
        return deleted

    def close(self) -> None:
        """Bring session files up to date as far as they let us, and close all logs.

        Waits 5 s for the locks of all session files together.
        """
        until = monotonic() + _PATIENCE

        def refresh(session: Session) -> None:
            session.refresh_file_or_warn(max(_LEAST_PATIENCE, until - monotonic()))

        self._for_each(self.stale.ids(), refresh)
        with self._lock:
            sessions = list(self._sessions.values())
            self._sessions.clear()
        for session in sessions:
            session.log.close()
