"""What the state of a turn holds, in full: calls with their values, words, and the rest.

`reading` says how far a turn and its calls are; this is for those who show what happened.
Pure: no I/O.
"""

from typing import Any

from msgspec import Struct, field

from projections.turns.calls import CallKey, FoundCalls, SeenCall
from projections.turns.details import CallDetails, TurnCall
from projections.turns.messages import Message, message_in, parts_of
from projections.turns.parents import Parent, parent_in
from projections.turns.reading import FORM, status_of
from projections.turns.recorded import recorded_calls, recorded_messages
from projections.turns.search import look_through
from projections.turns.shapes import BODIES, LIST_OF_CALLS, LISTS_OF_RESULTS, is_message
from projections.turns.statuses import TurnStatus

_OF_THE_FORM = frozenset(
    {
        *("turn", "agent", "status", "stop_reason", "opened_at", "closed_at", "model", "usage"),
        *("parent", "handoffs", "error", "omitted", "cut", "provisional", "source"),
    }
)
"""Keys of a recorded turn that are no words and no calls."""

_TRANSCRIPT = "transcript"
_OF_THE_BODY = frozenset({LIST_OF_CALLS, _TRANSCRIPT})
_LISTS = frozenset({LIST_OF_CALLS, *LISTS_OF_RESULTS})
_ENVELOPE = frozenset({"role", "type", "kind", "part_kind"})
_OF_MESSAGES = _ENVELOPE | _LISTS | frozenset(BODIES)
_DEEPEST = 8  # levels of values in which words and calls are told from the rest


class TurnContents(Struct, kw_only=True):
    """What a `state` holds. `rest` is what is none of the others: any JSON, None for nothing.

    Words and calls have their place in the state, as `order` says: the numbers of messages and
    those of calls go up together. `answers` are results whose calls are not named.
    `usage` has numbers only; `omitted` counts what was left out.
    """

    is_form: bool = False
    status: TurnStatus | None = None
    stop_reason: str | None = None
    agent: str | None = None
    opened_at: str | None = None
    closed_at: str | None = None
    model: str | None = None
    usage: dict[str, float] = field(default_factory=dict)
    error: Any = None
    parent: Parent | None = None
    handoffs: list[dict[str, Any]] = field(default_factory=list)
    omitted: dict[str, int] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    calls: dict[CallKey, TurnCall] = field(default_factory=dict)
    answers: dict[str, TurnCall] = field(default_factory=dict)
    rest: Any = None
    state: Any = None


def contents_of(state: Any) -> TurnContents:
    """What a decoded state holds. Never raises. O(size of the state)."""
    if not isinstance(state, dict):
        found = _look(state)
        return _filled(TurnContents(rest=_pruned(state, found.seen, _DEEPEST), state=state), found)
    is_form = type(state.get("turn")) is int and state["turn"] == FORM
    head = _head_of(state, is_form)
    known = _OF_THE_FORM if is_form else _known_in(state, head)
    body = {key: value for key, value in state.items() if key not in known}
    if is_form and _is_filled_at_once(head, body):
        return head
    found = _look(body)
    head.rest = _pruned(body, found.seen, _DEEPEST) if body or not state else None
    return _filled(head, found)


def _head_of(state: dict[str, Any], is_form: bool) -> TurnContents:
    if _OF_THE_FORM.isdisjoint(state):
        return TurnContents(state=state)
    handoffs, usage, omitted = (state.get(key) for key in ("handoffs", "usage", "omitted"))
    return TurnContents(
        state=state,
        is_form=is_form,
        status=status_of(state),
        stop_reason=_text(state, "stop_reason"),
        agent=_text(state, "agent"),
        opened_at=_text(state, "opened_at"),
        closed_at=_text(state, "closed_at"),
        model=_text(state, "model"),
        usage=_numbers(usage),
        error=state.get("error"),
        parent=parent_in(state),
        handoffs=[each for each in handoffs if _is_reference(each)]
        if isinstance(handoffs, list)
        else [],
        omitted={key: int(count) for key, count in _numbers(omitted).items() if count > 0},
    )


def _known_in(state: dict[str, Any], head: TurnContents) -> set[str]:
    """The keys of a state of another form that are understood as those of a recorded turn."""
    if _OF_THE_FORM.isdisjoint(state):
        return set()
    found = {
        key for key in ("stop_reason", "opened_at", "closed_at", "model") if _text(state, key)
    }
    found |= {"status"} if head.status is not None else set()
    found |= {"error"} if head.status == "error" and "error" in state else set()
    found |= {"usage"} if head.usage else set()
    handoffs = state.get("handoffs")
    if isinstance(handoffs, list) and handoffs and len(head.handoffs) == len(handoffs):
        found.add("handoffs")
    else:
        head.handoffs = []
    return found


def _numbers(value: Any) -> dict[str, float]:
    if not isinstance(value, dict):
        return {}
    return {
        key: number
        for key, number in value.items()
        if isinstance(number, int | float) and not isinstance(number, bool)
    }


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("runtime"), str)


def _text(state: dict[str, Any], key: str) -> str | None:
    found = state.get(key)
    return found if isinstance(found, str) and found else None


# Words, calls and the rest


def _is_filled_at_once(head: TurnContents, body: dict[str, Any]) -> bool:
    """Whether all of a recorded turn is as our adapters write it; then it is read."""
    calls = recorded_calls(body.get(LIST_OF_CALLS, ()))
    messages = recorded_messages(body.get(_TRANSCRIPT, ()))
    if calls is None or messages is None or not body.keys() <= _OF_THE_BODY:
        return False
    head.calls, head.messages = calls, messages
    head.order = list(range(len(calls) + 1, len(calls) + len(messages) + 1))
    return True


class _Found(FoundCalls):
    """The calls of a state with their values, and its messages, each with its place."""

    def __init__(self) -> None:
        super().__init__()
        self.details: dict[int, CallDetails] = {}  # by the identity of the call
        self.unnamed: dict[str, CallDetails] = {}
        self.messages: list[Message] = []
        self.order: list[int] = []
        self.seen: set[int] = set()  # identities of the objects that are understood
        self._inner: set[int] = set()  # and of parts of messages
        self._count = 0

    def _next(self) -> int:
        self._count += 1
        return self._count

    def note_message(self, node: dict[Any, Any]) -> None:
        self.seen.add(id(node))
        self._inner.update(map(id, parts_of(node)))
        message = message_in(node) if id(node) not in self._inner else None
        if message is not None:
            self.messages.append(message)
            self.order.append(self._next())

    def note_named(self, call: SeenCall, node: dict[Any, Any]) -> None:
        self.seen.add(id(node))
        details = self.details.get(id(call))
        if details is None:
            details = self.details[id(call)] = CallDetails(self._next())
        details.named_by(node)

    def note_answered(self, call: SeenCall, node: Any) -> None:
        self.seen.add(id(node))
        self.details[id(call)].answered_by(node, self._next())

    def note_unnamed(self, call_id: str, node: Any) -> None:
        self.seen.add(id(node))
        details = self.unnamed[call_id] = CallDetails(self._next())
        details.answered_by(node, self._next())


def _look(state: Any) -> _Found:
    return look_through(state, _Found())


def _filled(contents: TurnContents, found: _Found) -> TurnContents:
    contents.messages, contents.order = found.messages, found.order
    contents.calls = {
        key: found.details[id(call)].call(key, call) for key, call in found.calls.items()
    }
    contents.answers = {
        call_id: details.call(
            (call_id,), SeenCall(id=call_id, name=details.tool, number=1, has_result=True)
        )
        for call_id, details in found.unnamed.items()
    }
    return contents


def _pruned(value: Any, seen: set[int], deepest: int) -> Any:
    """A value without the objects that are understood; None if nothing is left of it."""
    if not deepest or not value:
        return value
    if isinstance(value, dict):
        is_state = deepest == _DEEPEST
        if id(value) in seen and not is_state:
            return None
        words = _OF_MESSAGES if is_state and is_message(value) else _LISTS
        return _without_nothing(value, words, seen, deepest)
    if isinstance(value, list | tuple):
        pairs = ((item, _pruned(item, seen, deepest - 1)) for item in value)
        return [left for item, left in pairs if left is not None or item is None] or None
    return value


def _without_nothing(
    node: dict[str, Any], words: frozenset[str], seen: set[int], deepest: int
) -> dict[str, Any] | None:
    """An object without what is understood in it; None if only its envelope is left."""
    kept = {}
    for key, item in node.items():
        if key not in words or (key in _LISTS and not isinstance(item, dict | list | tuple)):
            left = _pruned(item, seen, deepest - 1)
            if left is not None or item is None:
                kept[key] = left
    is_less = len(kept) < len(node)
    return None if is_less and kept.keys() <= _ENVELOPE else kept
