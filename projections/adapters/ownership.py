"""Which handovers come before a turn's first state and after its last one. Pure.

The log says who owns a session. This module knows what the log does not say: which turns of this
process are open, and which turn called for which.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from projections.adapters.open_turns import OpenTurns
from projections.adapters.turns import Turn

NEXT = "the turn before is over"
"""Why the owner of a session hands it to the next runtime."""

WAITS = "the turn before waits for a person"
"""Why else: nobody works in the session."""


class Handover(NamedTuple):
    """One runtime gives the session to another, which takes it."""

    source: str
    target: str
    reason: str


class FromOwner(NamedTuple):
    """The owner of the session gives it to `target`, if the owner's turn is over, or waits."""

    target: str


Before: TypeAlias = Handover | FromOwner | None


class SessionOwner:
    """Which turns are open in each session of this process. Safe for threads."""

    def __init__(self) -> None:
        self._open: OpenTurns[str, Turn] = OpenTurns()
        self._settled: OpenTurns[str, Turn] = OpenTurns()

    def opened(self, turn: Turn) -> Before:
        """A turn opens: the handover that comes before its first state.

        None where the caller's runtime is the turn's own, and where turns work side by side:
        beside those of other runtimes, or as one of several that a turn called for at a time.
        Then nobody hands over to anybody, and the caller keeps the session. A turn that goes on
        after it has waited gets the session from who called, whoever handed over for good since.
        """
        first = turn if turn.parent_reference is None else _first_of(turn)
        caller = _caller_from(turn.session_id, first)
        for other in self._settled.of(turn.session_id):
            if _caller(other) is None and other not in _callers(turn):
                self._settled.remove(turn.session_id, other)
        beside = self._open.add(turn.session_id, turn)
        if caller is not None:
            turn.is_beside = caller.is_beside or _is_one_of_several(first, caller, beside)
            if turn.is_beside:
                return None
            reason = _tool(first, caller) or f"called for by {caller.runtime_id}"
            return _handover(caller, turn, reason)
        if any(other.runtime_id != turn.runtime_id for other in beside):
            return None
        return FromOwner(turn.runtime_id)

    def settled(self, turn: Turn) -> None:
        """A turn has ended, but not been closed. It may be added to until another has the session.

        One that was called for keeps the session from its caller until it is closed.
        """
        self._open.remove(turn.session_id, turn)
        self._settled.add(turn.session_id, turn)

    def may_add(self, turn: Turn) -> bool:
        """Whether a turn that was settled may still be added to. Once."""
        found = turn in self._settled.of(turn.session_id)
        self._settled.remove(turn.session_id, turn)
        return found

    def closed(self, turn: Turn) -> Handover | None:
        """A turn has closed: the handover that comes after its last state."""
        self._open.remove(turn.session_id, turn)
        if turn.handed_on or turn.is_beside:
            return None
        first = _first_of(turn)
        caller = _caller_from(turn.session_id, first)
        if caller is None:
            return None
        reason = _tool(first, caller) or f"{turn.runtime_id} is {turn.status}"
        return _handover(turn, caller, reason)


def _handover(source: Turn, target: Turn, reason: str) -> Handover | None:
    if source.runtime_id == target.runtime_id:
        return None
    return Handover(source.runtime_id, target.runtime_id, reason)


def _tool(turn: Turn, caller: Turn) -> str | None:
    """The name of the tool in which the caller has called for a turn, if it is known."""
    call = None if turn.parent_call_id is None else caller.calls.get(turn.parent_call_id)
    return None if call is None else call.name


def _is_one_of_several(turn: Turn, caller: Turn, beside: Iterable[Turn]) -> bool:
    """Whether its caller has called for others at the same time."""
    if turn.for_good:
        return False
    others = len(caller.calls.unfinished.keys() - {turn.parent_call_id})
    return others > 0 or any(_first_of(other).parent is caller for other in beside)


def _caller(turn: Turn) -> Turn | None:
    """The turn that called for this one, if that is in the same session."""
    return _caller_from(turn.session_id, turn)


def _caller_from(session_id: str, turn: Turn) -> Turn | None:
    parent = turn.parent
    return parent if parent is not None and parent.session_id == session_id else None


def _callers(turn: Turn) -> Iterator[Turn]:
    """The turn that called for this one, the one that called for that, and so on."""
    while turn.parent is not None:
        turn = turn.parent
        yield turn


def _first_of(turn: Turn) -> Turn:
    """Of turns that were handed over to for good, one after the other, the first."""
    while turn.for_good and turn.parent is not None:
        turn = turn.parent
    return turn
