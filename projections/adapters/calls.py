"""The tool calls of one turn, and which of them its state has room for. Pure: no I/O."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypeAlias

from msgspec import Raw

from journal.redaction import may_hold_secrets
from projections.adapters.texts import shorten
from projections.adapters.values import Slice, json_of

CallStatus: TypeAlias = Literal[
    "open", "waiting", "completed", "error", "denied", "cancelled", "interrupted"
]
"""How a tool call is going; all but `open` and `waiting` are final."""

UNFINISHED = frozenset({"open", "waiting"})

NAME_LENGTH = 120  # characters of a tool's, an agent's or a model's name

COMMA = 1
"""Bytes after an item of a list."""

_VALUES = ("arguments", "result", "error")
_FACTS = ("exit_code", "asked_at", "answer", "started_at", "ended_at")


class ToolCall:
    """One tool call of a turn. `number` is its place among them, from 0.

    Times are texts as in states. `fields` has what is kept of arguments, result and error.
    """

    __slots__ = (
        "_least",
        "_whole",
        "answer",
        "asked_at",
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
        self._whole: Raw | None = None
        self._least: Raw | None = None

    def changed(self) -> None:
        """Its state is to be made anew."""
        self._whole = self._least = None

    def begin_again(self) -> None:
        """What is known of it is of the time before."""
        self.status = "open"
        self.exit_code = None
        self.asked_at = self.answer = self.started_at = self.ended_at = None
        self.fields.clear()

    def whole(self) -> Raw:
        """The call as it is in the turn's state, in JSON. O(1) if unchanged."""
        if self._whole is None:
            self._whole = self._made()
        return self._whole

    def least(self) -> Raw:
        """The call as it is where there is little room. O(1) if unchanged."""
        if self._least is None:
            self._least = json_of({"id": self.id, "name": self.name, "status": self.status})
        return self._least

    def _made(self) -> Raw:
        found: dict[str, Any] = {"id": self.id, "name": self.name, "status": self.status}
        cut = {}
        for name in _VALUES:
            kept = self.fields.get(name)
            if kept is not None:
                found[name] = kept.encoded
                if kept.cut is not None:
                    cut[name] = kept.cut
        for name in _FACTS:
            value = getattr(self, name)
            if value is not None:
                found[name] = value
        if cut:
            found["cut"] = cut
        return json_of(found)


class ToolCalls:
    """All calls of a turn, by id, in the order in which they were first named.

    Memory: all of them, for any of them may still end. What a state costs depends on how many
    it shows, not on how many there are.

    They are plain while no secret can be in any of them: ids and names are searched here.
    """

    def __init__(self) -> None:
        self.are_plain = True
        self._did_fit = True  # all of them, so far
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
            self.are_plain = self.are_plain and not may_hold_secrets(bytes(found.least()))
        return found

    def keep(self, call: ToolCall, name: str, value: Slice) -> None:
        """What is known of its arguments, its result or its error."""
        call.fields[name] = value
        call.changed()
        self.are_plain = self.are_plain and value.is_plain

    def restore(self, state: dict[str, Any]) -> None:
        """Name a call as it is in the state of its turn. Raises KeyError and TypeError."""
        self.are_plain = False  # it may be anybody's
        call = self.named(state["id"], state["name"])
        cut = state.get("cut", {})
        call.fields = {
            name: Slice.of(state[name], cut.get(name)) for name in _VALUES if name in state
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

    def all(self, room: int) -> list[Raw] | None:
        """The states of all, if `room` bytes have room for them. O(what there is room for).

        None if not; then it is not tried again, since calls grow.
        """
        found: list[Raw] = []
        self._did_fit = self._did_fit and room >= 0
        for call in self._all.values() if self._did_fit else ():
            state = call._whole or call.whole()
            room -= len(state) + COMMA
            if room < 0:
                self._did_fit = False
                break
            found.append(state)
        return found if self._did_fit else None

    def shown(self, room: int) -> tuple[dict[int, Raw], int]:
        """What `room` bytes have room for of those that are not over: states by number.

        Whole if all of them fit so, else the least of each. Also the bytes that they take.
        """
        found, taken = _whole(room, self.unfinished.values())
        if len(found) < len(self.unfinished):
            found, taken = _least(room, self.unfinished.values())
        return found, taken

    def shown_finished(self, room: int) -> tuple[dict[int, Raw], int]:
        """The same of those that are over, the one that ended last first."""
        return _whole(room, reversed(self._finished.values()))


def _whole(room: int, calls: Iterable[ToolCall]) -> tuple[dict[int, Raw], int]:
    """As many as fit whole, by number, and the bytes that they take."""
    found: dict[int, Raw] = {}
    left = room
    for call in calls:
        state = call._whole or call.whole()  # a turn may have many, and few have changed
        cost = len(state) + COMMA
        if cost > left:
            break
        found[call.number] = state
        left -= cost
    return found, room - left


def _least(room: int, calls: Iterable[ToolCall]) -> tuple[dict[int, Raw], int]:
    """The same of the least of each."""
    found: dict[int, Raw] = {}
    left = room
    for call in calls:
        state = call._least or call.least()
        cost = len(state) + COMMA
        if cost > left:
            break
        found[call.number] = state
        left -= cost
    return found, room - left
