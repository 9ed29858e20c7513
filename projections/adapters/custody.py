"""Who has a session as far as one recorder knows, and when that is to be handed over. Pure."""

import threading
from collections import OrderedDict
from typing import Any, NamedTuple

from journal.locking import tell_after_fork, tell_after_stop
from projections.adapters.turns import Turn

_MOST_SESSIONS = 4096  # remembered; who had another one is looked up again
_NEXT = "the turn before is over"


class Handover(NamedTuple):
    """One runtime gives the session to another, which takes it."""

    source: str
    target: str
    reason: str


class Custody:
    """Which runtime has each session, and which turns are open there. Safe for threads.

    A forked child knows nothing: the turns that are open are its parent's.
    """

    def __init__(self) -> None:
        self.after_fork()
        tell_after_fork(self)
        tell_after_stop(self)

    def after_fork(self) -> None:
        """Begin anew."""
        self._lock = threading.RLock()  # reentrant for finalizers at the program's end
        self._holders: OrderedDict[str, str | None] = OrderedDict()
        self._open: dict[str, list[Turn]] = {}

    def after_stop(self) -> None:
        """The turns that are open may still end."""
        self._lock = threading.RLock()
        for turns in self._open.values():
            for turn in turns:
                turn.after_stop()

    def knows(self, session_id: str) -> bool:
        """Whether it is known who has the session, if anyone."""
        with self._lock:
            return session_id in self._holders

    def learn(self, session_id: str, view: dict[str, dict[str, Any]]) -> None:
        """Take from the view of an older session who had it last."""
        holder = _latest(view)
        with self._lock:
            if session_id not in self._holders:
                self._remember(session_id, holder)

    def opened(self, turn: Turn) -> list[Handover]:
        """A turn opens: the handovers that come before its first state."""
        with self._lock:
            holder = self._holders.get(turn.session_id)
            others = self._open.setdefault(turn.session_id, [])
            parent = _caller(turn)
            if parent is not None:
                holder = parent.runtime_id
            elif any(other.runtime_id != turn.runtime_id for other in others):
                holder = None  # side by side: nobody hands over to anybody
            others.append(turn)
            self._remember(turn.session_id, turn.runtime_id)
        if holder is None or holder == turn.runtime_id:
            return []
        return [Handover(holder, turn.runtime_id, _reason(turn))]

    def closed(self, turn: Turn) -> list[Handover]:
        """A turn has closed: the handovers that come after its last state."""
        with self._lock:
            others = self._open.get(turn.session_id, [])
            if turn in others:
                others.remove(turn)
            if not others:
                self._open.pop(turn.session_id, None)
            caller = None if turn.handed_on else _returns_to(turn)
            holder = turn.runtime_id if caller is None else caller.runtime_id
            self._remember(turn.session_id, holder)
        if holder == turn.runtime_id:
            return []
        return [Handover(turn.runtime_id, holder, f"{turn.turn_id} is {turn.status}")]

    def _remember(self, session_id: str, holder: str | None) -> None:
        self._holders[session_id] = holder
        self._holders.move_to_end(session_id)
        while len(self._holders) > _MOST_SESSIONS:
            self._holders.popitem(last=False)


def _caller(turn: Turn) -> Turn | None:
    """The turn that called for this one, if that is in the same session."""
    parent = turn.parent
    return parent if parent is not None and parent.session_id == turn.session_id else None


def _returns_to(turn: Turn) -> Turn | None:
    """The turn that gets the session back: of those handed over to for good, the caller's."""
    first = turn
    while first.for_good and first.parent is not None:
        first = first.parent
    caller = first.parent
    return caller if caller is not None and caller.session_id == turn.session_id else None


def _reason(turn: Turn) -> str:
    caller = _caller(turn)
    if caller is None:
        return _NEXT
    return turn.parent_call_id or f"called for by {caller.turn_id}"


def _latest(view: dict[str, dict[str, Any]]) -> str | None:
    """The runtime of the turn that closed last; None if there is one that never closed."""
    latest, holder = "", None
    for runtime_id, turns in view.items():
        for state in turns.values():
            closed_at = state.get("closed_at") if isinstance(state, dict) else None
            if not isinstance(closed_at, str):
                return None
            if closed_at > latest:
                latest, holder = closed_at, runtime_id
    return holder
