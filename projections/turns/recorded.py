"""Reads the lists of a recorded turn straight away, where they are as our adapters write them.

It gives what the search through all forms would find, in a fraction of the time: displays read
every state of a log. What is not quite of the form is left to the search. Pure: no I/O.
"""

from typing import Any

from projections.turns.calls import CallKey
from projections.turns.details import TurnCall, parsed
from projections.turns.messages import Message
from projections.turns.statuses import CallStatus, is_over

_STATUSES: dict[Any, CallStatus] = {
    "open": "open",
    "waiting": "waiting",
    "completed": "completed",
    "error": "error",
    "denied": "denied",
    "cancelled": "cancelled",
    "interrupted": "interrupted",
}
_FACTS = frozenset({"exit_code", "asked_at", "answer", "started_at", "ended_at"})
_OF_CALLS = _FACTS | {"id", "name", "status", "arguments", "result", "error", "cut"}
_TEXTS = ("asked_at", "answer", "started_at", "ended_at")
_OF_MESSAGES = frozenset({"role", "content", "cut"})
_ROLES = frozenset({"user", "assistant", "system", "developer"})


def recorded_calls(nodes: Any) -> dict[CallKey, TurnCall] | None:
    """The calls of a list; None if one of them is not of the form, or an id comes twice."""
    if not isinstance(nodes, list | tuple):
        return None
    found: dict[CallKey, TurnCall] = {}
    for number, node in enumerate(nodes, 1):
        if type(node) is not dict or not node.keys() <= _OF_CALLS:
            return None
        call_id, name, status = node.get("id"), node.get("name"), _STATUSES.get(node.get("status"))
        if not (type(call_id) is str and call_id and type(name) is str and name and status):
            return None
        found[call_id, 1] = _call(node, call_id, name, status, number)
    return found if len(found) == len(nodes) else None


def _call(node: dict[str, Any], call_id: str, name: str, status: CallStatus, at: int) -> TurnCall:
    get = node.get
    result, error, exit_code = get("result"), get("error"), get("exit_code")
    has_outcome = result is not None or error is not None or exit_code is not None
    call = TurnCall(
        key=(call_id, 1),
        id=call_id,
        name=name,
        status=status,
        is_over=has_outcome or is_over(status),
        at=at,
        arguments=parsed(get("arguments")),
        result=result,
        error=error,
        exit_code=exit_code,
    )
    for each in _TEXTS:
        value = get(each)
        if type(value) is str:
            setattr(call, each, value)
    cut = get("cut")
    if type(cut) is dict:
        call.cut = cut
    return call


def recorded_messages(nodes: Any) -> list[Message] | None:
    """The messages of a list; None if one of them is not of the form."""
    if not isinstance(nodes, list | tuple):
        return None
    found: list[Message] = []
    for node in nodes:
        if type(node) is not dict or not node.keys() <= _OF_MESSAGES:
            return None
        role, content, cut = node.get("role"), node.get("content"), node.get("cut")
        if type(role) is not str or role not in _ROLES or type(content) is not str or not content:
            return None
        own = cut.get("content") if isinstance(cut, dict) else None
        found.append(Message(role, content, own if isinstance(own, dict) else None))
    return found
