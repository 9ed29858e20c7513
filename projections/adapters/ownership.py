"""Which handovers come before a turn's first state and after its last one. Pure.

The log says who owns a session. This module knows what the log does not say: which turns of this
process are open, and which turn called for which.
"""

from typing import NamedTuple, TypeAlias

from projections.adapters.open_turns import OpenTurns
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
    """Which turns are open in each session of this process. Safe for threads."""

    def __init__(self) -> None:
        self._open: OpenTurns[str, Turn] = OpenTurns()

    def opened(self, turn: Turn) -> Before:
        """A turn opens: the handover that comes before its first state.

        None where the caller's runtime is the turn's own, and where turns of other runtimes are
        open beside it: they work side by side, and nobody hands over to anybody.
        """
        caller = _caller(turn)
        beside = self._open.add(turn.session_id, turn)
        if caller is not None:
            return _handover(
                caller, turn, turn.parent_call_id or f"called for by {caller.turn_id}"
            )
        if any(other.runtime_id != turn.runtime_id for other in beside):
            return None
        return FromOwner(turn.runtime_id)

    def closed(self, turn: Turn) -> Handover | None:
        """A turn has closed: the handover that comes after its last state."""
        self._open.remove(turn.session_id, turn)
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
