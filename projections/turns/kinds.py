"""The kinds of happenings in a turn: plain data. `happenings` finds them. Pure: no I/O."""

from typing import Any, TypeAlias

from msgspec import Struct

from projections.turns.calls import CallKey
from projections.turns.parents import Parent
from projections.turns.statuses import CallStatus, TurnStatus


class Opened(Struct, frozen=True):
    """The turn is new. `parent` called for it."""

    agent: str | None = None
    parent: Parent | None = None


class Said(Struct, frozen=True):
    """Words: `role` is `user`, `assistant`, `system`, `thinking` … `cut` as in the state."""

    role: str
    text: str
    cut: dict[str, Any] | None = None


class Asked(Struct, frozen=True):
    """The model asks for a tool. `arguments` are an object, a text, or None if not known."""

    call: CallKey
    name: str | None
    arguments: Any = None


class Rephrased(Struct, frozen=True):
    """The arguments of a call came, or were changed, after it was asked for."""

    call: CallKey
    name: str | None
    arguments: Any = None


class Waits(Struct, frozen=True):
    """A call waits for a person's approval, or for a result from outside."""

    call: CallKey
    name: str | None


class Answered(Struct, frozen=True):
    """A person answered a call that waited: `allowed`, or in other words. Not for `denied`."""

    call: CallKey
    name: str | None
    answer: str


class Started(Struct, frozen=True):
    """A tool that was asked for earlier begins to run."""

    call: CallKey
    name: str | None


class Ended(Struct, frozen=True):
    """A call is over. `seconds` is None if that is not known.

    `is_kept` is False if the state has no room for it: then `status` is not known either.
    """

    call: CallKey
    name: str | None
    status: CallStatus
    seconds: float | None = None
    result: Any = None
    error: Any = None
    exit_code: Any = None
    is_kept: bool = True
    cut: dict[str, Any] | None = None


class Used(Struct, frozen=True):
    """A model answered: its name if it is another than before, and what `usage` grew by."""

    model: str | None
    usage: dict[str, float]


class HandedOver(Struct, frozen=True):
    """The turn called for, or handed over to, a turn of another runtime."""

    runtime_id: str
    turn_id: str | None = None
    session_id: str | None = None
    tool_call_id: str | None = None


class NotKept(Struct, frozen=True):
    """Calls and messages for which the state had no room: that they were is all that is known."""

    calls: int = 0
    messages: int = 0


class TurnWaits(Struct, frozen=True):
    """The turn waits for a person."""


class Resumed(Struct, frozen=True):
    """A turn that waited, or had ended, goes on."""


class TurnEnded(Struct, frozen=True):
    """The turn is over, with all it used. `seconds` is None if that is not known."""

    status: TurnStatus
    seconds: float | None
    stop_reason: str | None
    error: Any
    model: str | None
    usage: dict[str, float]


class Changed(Struct, frozen=True):
    """What no word above is for: the part of the two states that is none of these."""

    old: Any
    new: Any


class Unchanged(Struct, frozen=True):
    """The state was written again as it was."""


Happening: TypeAlias = (
    Opened
    | Said
    | Asked
    | Rephrased
    | Waits
    | Answered
    | Started
    | Ended
    | Used
    | HandedOver
    | NotKept
    | TurnWaits
    | Resumed
    | TurnEnded
    | Changed
    | Unchanged
)
