"""The tool calls that a state names, and which of them it shows finished. Pure: no I/O.

`search` finds them; here is what makes one call of what a state says in several places.

Within a state, a call is known by its id. If one list names an id again after that call is
over, or for another tool, it is another call: many models count from `call_0` each time they
are asked. Calls without an id are told apart by their list, their tool and their place.

A call is **over** when the state has any of: its `result`, `output`, `error` or `exit_code`, in
the object that names it; a final status of its own; a message, part or entry that is its result.
"""

from collections import OrderedDict, defaultdict, deque
from typing import Any, TypeAlias

from msgspec import Struct

from projections.turns.shapes import has_outcome, name_of
from projections.turns.statuses import CallStatus, call_status, is_over

CallKey: TypeAlias = tuple[object, ...]
"""Which call of a turn it is: the same in each of the turn's states."""

Path: TypeAlias = tuple[str, ...]
"""The keys that lead to a list in a state: which list it is, from state to state."""


class SeenCall(Struct, kw_only=True):
    """A call as a state shows it.

    `id` is None for a call without one, and `name` is the tool's. `number` counts the calls of
    a turn that have the same id; without an id, those of one list and tool. `status` is what
    the call says of itself.
    """

    id: str | None
    name: str | None
    number: int
    status: CallStatus | None = None
    has_result: bool = False

    @property
    def is_over(self) -> bool:
        return self.has_result or is_over(self.status)


class FoundCalls:
    """The calls of one state, and the `answers`: ids of results whose calls it does not name.

    `is_understood` tells whether anything in it is a message, a part, a call or a result.
    """

    def __init__(self) -> None:
        self.calls: dict[CallKey, SeenCall] = {}
        self.answers: dict[str, None] = {}
        self.is_understood = False
        self._latest: dict[tuple[Path, str], SeenCall] = {}  # by list and id
        self._by_id: dict[str, list[SeenCall]] = defaultdict(list)
        self._early: dict[str, Any] = {}  # ids whose result comes before any call in its list
        self._without_id: dict[Path, OrderedDict[CallKey, SeenCall]] = defaultdict(OrderedDict)
        self._of_tool: dict[tuple[Path, str | None], deque[CallKey]] = defaultdict(deque)
        self._counts: dict[tuple[Path, str | None], int] = defaultdict(int)

    def name(self, node: dict[Any, Any], at: Path, call_id: str | None, status: Any) -> None:
        """The state names a call in the list `at`; `node` is what it says of it."""
        self.is_understood = True
        tool, own = name_of(node) if node else None, call_status(status)
        found = (
            self._with_id(call_id, tool, at) if call_id is not None else self._anonymous(tool, at)
        )
        found.name = found.name or tool
        if not found.is_over:
            found.status = own or found.status
        found.has_result = found.has_result or (bool(node) and has_outcome(node))
        self.note_named(found, node)

    def _with_id(self, call_id: str, tool: str | None, at: Path) -> SeenCall:
        before = self._latest.get((at, call_id))
        number = before.number if before is not None else 1
        if before is not None and (before.is_over or _differ(before.name, tool)):
            number += 1
        same = self._by_id[call_id]
        if number > len(same):
            found = SeenCall(id=call_id, name=tool, number=number)
            same.append(found)
            self.calls[call_id, number] = found
        self._latest[at, call_id] = same[number - 1]
        return same[number - 1]

    def _anonymous(self, tool: str | None, at: Path) -> SeenCall:
        self._counts[at, tool] += 1
        number = self._counts[at, tool]
        found = SeenCall(id=None, name=tool, number=number)
        key = (None, at, tool, number)
        self.calls[key] = found
        self._without_id[at][key] = found
        self._of_tool[at, tool].append(key)
        return found

    def answer(self, ids: list[str], tool: str | None, at: Path, node: Any) -> None:
        """The list `at` has the result of these calls; without an id, of the next of the tool.

        `node` is what it says of the result.
        """
        self.is_understood = True
        for call_id in ids:
            call = self._latest.get((at, call_id))
            if call is None:
                self._early[call_id] = node
            else:
                call.has_result = True
                self.note_answered(call, node)
        if not ids:
            self._answer_anonymous(tool, at, node)

    def _answer_anonymous(self, tool: str | None, at: Path, node: Any) -> None:
        waiting = self._without_id[at]
        while waiting:
            keys = self._of_tool[at, tool] or self._of_tool[at, None]
            if tool is not None and not keys:
                return
            key = keys.popleft() if tool is not None else next(iter(waiting))
            call = waiting.pop(key, None)
            if call is not None and not call.is_over:
                call.has_result = True
                self.note_answered(call, node)
                return

    def finish(self) -> None:
        """All of the state was looked at."""
        for call_id, node in self._early.items():
            calls = self._by_id.get(call_id)
            if calls:
                calls[-1].has_result = True
                self.note_answered(calls[-1], node)
            else:
                self.answers[call_id] = None
                self.note_unnamed(call_id, node)

    # What more a subclass keeps

    def note_message(self, node: dict[Any, Any]) -> None:
        """`node` is a message, or a part of one, that is no call and no result."""

    def note_named(self, call: SeenCall, node: dict[Any, Any]) -> None:
        """`node`, which may be empty, is one of the objects that name a call."""

    def note_answered(self, call: SeenCall, node: Any) -> None:
        """`node` is one of the results of a call."""

    def note_unnamed(self, call_id: str, node: Any) -> None:
        """`node` is the result of a call that the state does not name."""


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other
