"""What the state of a turn says, in the terms of a recorded turn. Pure: no I/O."""

from typing import Any

from msgspec import Struct, field

from projections.turns.calls import CallKey, SeenCall
from projections.turns.parents import Parent, parent_in
from projections.turns.search import calls_in
from projections.turns.statuses import TurnStatus, is_over, turn_status

FORM = 1
"""The version of the form of a recorded turn, under `turn`."""

_WITHOUT_CALLS = frozenset(
    {"usage", "parent", "forked_from", "handoffs", "omitted", "source", "cut"}
)
"""Keys of a recorded turn whose values hold no calls."""


class TurnState(Struct, kw_only=True):
    """What a turn's state says.

    - `status` is None if the state says nothing of it that is understood.
    - `calls` are those that it names. `answers` are the ids of results whose calls it does not
      name: an earlier state may have named them, or another turn.
    - `open_omitted` is how many open calls it says it has left out.
    - `agent` is the name for people. `opened_at` and `closed_at` are texts as they are written.
    - `is_imported`: it was read from another program's file.
    - `is_understood` is False if the state may hold calls in a form that is not known: it has
      lists or objects, and none of them is a message, a part of one, a call or a result.
    """

    status: TurnStatus | None = None
    calls: dict[CallKey, SeenCall] = field(default_factory=dict)
    answers: tuple[str, ...] = ()
    parent: Parent | None = None
    open_omitted: int = 0
    agent: str | None = None
    opened_at: str | None = None
    closed_at: str | None = None
    is_imported: bool = False
    is_understood: bool = True

    @property
    def is_over(self) -> bool:
        return is_over(self.status)


def unreadable() -> TurnState:
    """What is known of a state that is no JSON."""
    return TurnState(is_understood=False)


def read_turn(state: Any) -> TurnState:
    """What a decoded state says. Never raises. O(size of the state)."""
    found = calls_in(state)
    turn = state if isinstance(state, dict) else {}
    return TurnState(
        status=status_of(turn),
        calls=found.calls,
        answers=tuple(found.answers),
        parent=parent_in(turn),
        open_omitted=_open_omitted(turn),
        agent=_text(turn, "agent"),
        opened_at=_text(turn, "opened_at"),
        closed_at=_text(turn, "closed_at"),
        is_imported=isinstance(turn.get("source"), dict),
        is_understood=found.is_understood or not _may_hold_calls(state),
    )


def status_of(turn: dict[str, Any]) -> TurnStatus | None:
    status = turn_status(turn.get("status"))
    if turn.get("object") == "response" and status == "completed":
        return None  # a response of OpenAI's: the model has answered, its calls are yet to run
    return status


def _may_hold_calls(state: Any) -> bool:
    if not isinstance(state, dict):
        return bool(state) and isinstance(state, list)
    if type(state.get("turn")) is int and state["turn"] == FORM:
        return False
    return any(
        bool(value) and isinstance(value, dict | list) and key not in _WITHOUT_CALLS
        for key, value in state.items()
    )


def _open_omitted(turn: dict[str, Any]) -> int:
    omitted = turn.get("omitted")
    number = omitted.get("open_calls") if isinstance(omitted, dict) else None
    return number if type(number) is int and number > 0 else 0


def _text(turn: dict[str, Any], key: str) -> str | None:
    found = turn.get(key)
    return found if isinstance(found, str) and found else None
