"""How a store writes, and what the adapters and the event loops need of that beyond its API.

Not public: users call the store's methods. The others make events at another time than they
save them, must not wait, or have the session file written by another thread.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from journal.config import Limits
from journal.events import Event, Head, Set
from projections.store.compacting import Compactor
from projections.store.encoder import StateEncoder
from projections.store.limits import LimitCheck
from projections.store.open_sessions import OpenSessions

if TYPE_CHECKING:
    from projections.store.pruning.schedule import PruneSchedule


class StoreWriter:
    """Writes into the sessions of one store. Safe for threads.

    `mirrors` says whether the store records anything: callers ask it before they write.
    `limits` are those of the store, and `encoder` makes events of states.
    """

    def __init__(
        self,
        sessions: OpenSessions,
        encoder: StateEncoder,
        limits: Limits,
        compactor: Compactor,
        pruning: "PruneSchedule | None",
        *,
        mirrors: bool,
    ) -> None:
        self._sessions = sessions
        self._limit_check = LimitCheck(limits)
        self._compactor = compactor
        self._pruning = pruning
        self.encoder = encoder
        self.limits = limits
        self.mirrors = mirrors

    def append(self, session_id: str, events: Sequence[Set], *, refresh: bool = True) -> None:
        """Save what `encoder` made of states, with one write and one sync.

        Without `refresh`, for callers in threads of their own, the session file is left to
        `refresh_file_if_due`, and what others have appended is folded, which the next
        `append_at_once` needs. Raises as `DefaultSessionStore.set_runtime_state`.
        """
        if not events:
            return
        session = self._sessions.get(session_id)
        check = self._limit_check
        if check.rejects:
            if not session.log.refresh():
                check.check(session, events)  # before there is a file
            session.append(lambda: check.check(session, events), None, refresh)
        else:
            session.append(events, None, refresh)
            if not refresh and session.log.unfolded:
                session.log.refresh()
            check.warn(session, events)
        if self._compactor.is_automatic and session.bloat.is_due():
            self._compactor.schedule(session_id)
        if self._pruning is not None:
            self._pruning.look()

    def append_if(
        self,
        session_id: str,
        events: Sequence[Event],
        expect: Head | str | None = None,
        once: str | None = None,
    ) -> bool:
        """Save events, unless others have appended since `expect`, or any under the key `once`.

        Returns False where there is an event with that key: nothing was written then, and what
        is there is as durable as the store promises. Raises `ConflictError` where the newest
        event is another than `expect`, TypeError and ValueError where that is no head, and as
        `append`.
        """
        from projections.store.heads import head_of  # most programs do without

        session = self._sessions.get(session_id)
        head = head_of(expect, "expect") if expect is not None else None
        sets = [event for event in events if isinstance(event, Set)]
        seen: int | None = None

        def make() -> Sequence[Event]:
            nonlocal seen
            seen = session.folded.keys.seq_of(once) if once is not None else None
            if seen is not None:
                return ()
            if head is not None:
                session.check_head(head)
            if self._limit_check.rejects:
                self._limit_check.check(session, sets)
            return events

        session.append(make)
        if seen is not None:
            session.make_durable()
            return False
        self._limit_check.warn(session, sets)
        if self._compactor.is_automatic and session.bloat.is_due():
            self._compactor.schedule(session_id)
        if self._pruning is not None:
            self._pruning.look()
        return True

    def append_at_once(
        self, session_id: str, events: Sequence[Set], *, by_owner: bool = False
    ) -> bool:
        """As `append`, if that waits for nobody; else False, and nothing is saved.

        For event loops. It would wait for a sync, for a lock that another thread or process
        has, or for a log to be opened, read or repaired. With `by_owner`, nothing is saved
        either where another runtime than that of the first event owns the session. Leaves the
        session file to `refresh_file_if_due`, in a thread.
        """
        session = self._sessions.find(session_id)
        if session is None or self._limit_check.rejects:
            return False
        if by_owner and session.folded.owner.runtime_id not in (None, events[0].runtime_id):
            return False
        if not session.append_at_once(events):
            return False
        self._limit_check.warn(session, events)
        if self._compactor.is_automatic and session.bloat.is_due():
            self._compactor.schedule(session_id)
        if self._pruning is not None:
            self._pruning.look()
        return True

    def owner(self, session_id: str) -> tuple[str, str | None] | None:
        """The runtime that owns the session, and the turn that it wrote last since it does.

        None if none does. The turn is None if it wrote none. Sees what any process has
        written. O(1) where the session is open. Raises as
        `DefaultSessionStore.get_runtime_state`.
        """
        return self._sessions.get(session_id).owner()

    def refresh_file_if_due(self, session_id: str) -> None:
        """Write the session file if it may take time now. Trouble is logged, not raised.

        Nothing happens where the session, or the store, is closed: closing has done it or
        remembers it.
        """
        session = self._sessions.find(session_id)
        if session is not None:
            session.refresher.refresh_if_due()
