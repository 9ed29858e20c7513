"""Which handovers come before a turn's first state and after its last one. Pure.

The log says who owns a session. This module knows what the log does not say: which turns of this
process are open, and which turn called for which.
"""

import threading
from typing import NamedTuple, TypeAlias

from journal.forking import tell_after_fork, tell_after_stop
from projections.adapters.turns import Turn

NEXT = "the turn before is over"
"""Why the owner of a session hands it to the next runtime."""


class Handover(NamedTuple):
    """One runtime gives the session to another, which takes it."""

    source: str
    target: str
    reason: str


class FromOwner(NamedTuple):
    """The owner of the session gives it to `target`, if the owner's turn is over."""

    target: str


Before: TypeAlias = Handover | FromOwner | None


class SessionOwner:
    """Which turns are open in each session. Safe for threads.

    A forked child knows of none: the turns that are open are its parent's. Memory: the open turns.
    """

    def __init__(self) -> None:
        self.after_fork()
        tell_after_fork(self)
        tell_after_stop(self)

    def after_fork(self) -> None:
        """Begin anew."""
        self._lock = threading.RLock()  # reentrant for finalizers at the program's end
        self._open: dict[str, list[Turn]] = {}

    def after_stop(self) -> None:
        """The turns that are open may still end."""
        self._lock = threading.RLock()
        for turns in self._open.values():
            for turn in turns:
                turn.after_stop()

    def opened(self, turn: Turn) -> Before:
        """A turn opens: the handover that comes before its first state.

        None where the caller's runtime is the turn's own, and where turns of other runtimes are
        open beside it: they work side by side, and nobody hands over to anybody.
        """
        caller = _caller(turn)
        with self._lock:
            others = self._open.setdefault(turn.session_id, [])
            alone = all(other.runtime_id == turn.runtime_id for other in others)
            others.append(turn)
        if caller is None:
            return FromOwner(turn.runtime_id) if alone else None
        return _handover(caller, turn, turn.parent_call_id or f"called for by {caller.turn_id}")

    def closed(self, turn: Turn) -> Handover | None:
        """A turn has closed: the handover that comes after its last state."""
        with self._lock:
            others = self._open.get(turn.session_id, [])
            if turn in others:
                others.remove(turn)
            if not others:
                self._open.pop(turn.session_id, None)
        caller = None if turn.handed_on else _returns_to(turn)
        if caller is None:
            return None
        return _handover(turn, caller, f"{turn.turn_id} is {turn.status}")


def _handover(source: Turn, target: Turn, reason: str) -> Handover | None:
    if source.runtime_id == target.runtime_id:
        return None
    return Handover(source.runtime_id, target.runtime_id, reason)


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
