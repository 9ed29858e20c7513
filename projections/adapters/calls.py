"""The tool calls of one turn, and which of them its state has room for. Pure: no I/O."""

from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import msgspec

from projections.adapters.texts import shorten
from projections.adapters.values import Slice

CallStatus: TypeAlias = Literal[
    "open", "waiting", "completed", "error", "denied", "cancelled", "interrupted"
]
"""How a tool call is going; all but `open` and `waiting` are final."""

UNFINISHED = frozenset({"open", "waiting"})

NAME_LENGTH = 120  # characters of a tool's, an agent's or a model's name

_VALUES = ("arguments", "result", "error")
_FACTS = ("exit_code", "asked_at", "answer", "started_at", "ended_at")


class ToolCall:
    """One tool call of a turn. `number` is its place among them, from 0.

    Times are texts as in states. `cost` is how many bytes its `state` takes, once that was
    asked for. `fields` has what is kept of arguments, result and error.
    """

    __slots__ = (
        "_state",
        "answer",
        "asked_at",
        "cost",
        "ended_at",
        "exit_code",
        "fields",
        "id",
        "name",
        "number",
        "started_at",
        "status",
    )

    def __init__(self, call_id: str, name: str, number: int) -> None:
        self.id = call_id
        self.name = shorten(name, NAME_LENGTH)
        self.number = number
        self.status: CallStatus = "open"
        self.fields: dict[str, Slice] = {}
        self.exit_code: int | None = None
        self.asked_at: str | None = None
        self.answer: str | None = None
        self.started_at: str | None = None
        self.ended_at: str | None = None
        self.cost = 0
        self._state: dict[str, Any] | None = None

    def changed(self) -> None:
        """Its state is to be made anew."""
        self._state = None

    def begin_again(self) -> None:
        """What is known of it is of the time before."""
        self.status = "open"
        self.exit_code = None
        self.asked_at = self.answer = self.started_at = self.ended_at = None
        self.fields.clear()

    @property
    def state(self) -> dict[str, Any]:
        """The call as it is in the turn's state, which must not be changed. O(1) if unchanged."""
        if self._state is None:
            self._state = self._made()
            self.cost = size_of(self._state) + 1  # and a comma
        return self._state

    @property
    def least(self) -> dict[str, Any]:
        """The call as it is where there is little room."""
        return {"id": self.id, "name": self.name, "status": self.status}

    def _made(self) -> dict[str, Any]:
        found = self.least
        for name in _VALUES:
            if name in self.fields:
                found[name] = self.fields[name].value
        for name in _FACTS:
            value = getattr(self, name)
            if value is not None:
                found[name] = value
        cut = {name: kept.cut for name, kept in self.fields.items() if kept.cut is not None}
        if cut:
            found["cut"] = cut
        return found


class ToolCalls:
    """All calls of a turn, by id, in the order in which they were first named.

    Memory: all of them, for any of them may still end. What a state costs depends on how many
    it shows, not on how many there are.
    """

    def __init__(self) -> None:
        self._all: dict[str, ToolCall] = {}
        self.unfinished: dict[str, ToolCall] = {}
        self._finished: dict[str, ToolCall] = {}  # in the order in which they ended

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[ToolCall]:
        return iter(self._all.values())

    def __contains__(self, call_id: object) -> bool:
        return call_id in self._all

    def get(self, call_id: str) -> ToolCall | None:
        """The call of this id."""
        return self._all.get(call_id)

    def named(self, call_id: str, name: str) -> ToolCall:
        """The call of this id, which is new if there was none."""
        found = self._all.get(call_id)
        if found is None:
            found = self._all[call_id] = ToolCall(call_id, name, len(self._all))
            self.unfinished[call_id] = found
        return found

    def restore(self, state: dict[str, Any]) -> None:
        """Name a call as it is in the state of its turn. Raises KeyError and TypeError."""
        call = self.named(state["id"], state["name"])
        cut = state.get("cut", {})
        call.fields = {
            name: Slice(state[name], cut.get(name)) for name in _VALUES if name in state
        }
        for name in _FACTS:
            setattr(call, name, state.get(name))
        self.set_status(call, state["status"])

    def set_status(self, call: ToolCall, status: CallStatus) -> None:
        """It goes on, or is over."""
        call.status = status
        call.changed()
        if status in UNFINISHED:
            self._finished.pop(call.id, None)
            self.unfinished[call.id] = call
        else:
            self.unfinished.pop(call.id, None)
            self._finished[call.id] = call

    def shown(self, room: int) -> tuple[dict[int, dict[str, Any]], int, int]:
        """What `room` bytes have room for of those that are not over: states by number.

        Whole if all of them fit so, else the least of each. Returns the bytes they take and how
        many had to be left out, too.
        """
        found, taken = self._fitting(room, lambda call: (call.state, call.cost))
        if len(found) < len(self.unfinished):
            found, taken = self._fitting(room, lambda call: (call.least, size_of(call.least) + 1))
        return found, taken, len(self.unfinished) - len(found)

    def _fitting(
        self, room: int, form: Callable[[ToolCall], tuple[dict[str, Any], int]]
    ) -> tuple[dict[int, dict[str, Any]], int]:
        """As many of those that are not over as fit, and the bytes that they take."""
        found: dict[int, dict[str, Any]] = {}
        taken = 0
        for call in self.unfinished.values():
            state, cost = form(call)
            if taken + cost > room:
                break
            found[call.number] = state
            taken += cost
        return found, taken

    def newest_finished(self) -> Iterator[ToolCall]:
        """Those that are over, the one that ended last first."""
        return reversed(self._finished.values())


def size_of(value: object) -> int:
    """Bytes of a value as JSON."""
    return len(msgspec.json.encode(value))
