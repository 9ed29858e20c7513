"""Which tool calls a state names, and which of them it shows finished. Pure: no I/O.

A runtime may mirror any state, so calls are recognised by the shapes in common use. An id is
a string that is not empty; ids are one namespace per session.

A call is **named** under a key `tool_calls`, at any depth (in messages too):

- a list of ids: `["call-1"]`;
- a list of objects, each with the id under the first of `tool_call_id`, `call_id`,
  `tool_use_id` or `id` that holds one: `[{"id": "call-1", "function": {…}}]`;
- one such object by itself;
- an object keyed by id, whose values are objects, statuses or null:
  `{"call-1": {"status": "running"}, "call-2": "done", "call-3": null}`.

A call counts as **finished** when the state has any of:

a. in the object that names it, a `result`, `output` or `error` that is not null;
b. there, a final `status` (`FINAL`, in any case of letters);
c. anywhere, an object that refers to it by `tool_call_id`, `call_id` or `tool_use_id` and
   is a result: its `role` or `type` is `tool`, `tool_result` or `function_call_output`, or
   it has a `content`, `output`, `result` or `error` that is not null;
d. anywhere under a key `tool_results` or `tool_outputs`, an object keyed by id with a value
   for it that is not null, or a list of objects one of which has its id (keys as above);
e. a final `status` of the state itself, at the top: then every call named in the state is
   finished, except those whose own `status` says that they are not.

A result counts even if the state does not name the call: an earlier state may have named it,
perhaps one of another runtime. Values of any other type or shape are ignored.
"""

from collections.abc import Iterator
from typing import Any

FINAL = frozenset(
    {
        *("completed", "complete", "done", "finished", "success", "succeeded", "ok"),
        *("error", "errored", "failed", "failure"),
        *("cancelled", "canceled", "timeout", "timed_out", "rejected", "denied", "aborted"),
    }
)
"""Statuses after which nothing more is to come, in lower case."""

_REFERENCES = ("tool_call_id", "call_id", "tool_use_id")
_IDS = (*_REFERENCES, "id")  # OpenAI's responses have both: results refer to `call_id`
_RESULT_KEYS = ("tool_results", "tool_outputs")
_RESULT_KINDS = ("tool", "tool_result", "function_call_output")
_OUTCOMES = ("result", "output", "error")


def calls_in(state: Any) -> dict[str, bool]:
    """`{id: finished}` of the calls that a state names, or has a result of.

    In the order in which they are met, outer objects first. Never raises. O(size of the
    state), without recursion.
    """
    found = _Found()
    for node in _objects(state):
        found.look_at(node)
    if isinstance(state, dict) and _is_final(state.get("status")):
        found.finish_all()
    return found.calls


class _Found:
    """The calls of one state; `running` are those whose own status is not final."""

    def __init__(self) -> None:
        self.calls: dict[str, bool] = {}
        self.running: set[str] = set()

    def look_at(self, node: dict[Any, Any]) -> None:
        if "tool_calls" in node:
            self._name_all(node["tool_calls"])
        for key in _RESULT_KEYS:
            if key in node:
                self._finish_those_in(node[key])
        if any(key in node for key in _REFERENCES) and _is_result(node):
            for key in _REFERENCES:
                self._finish(node.get(key))

    def finish_all(self) -> None:
        for call_id in self.calls:
            if call_id not in self.running:
                self.calls[call_id] = True

    def _name_all(self, value: Any) -> None:
        if isinstance(value, dict) and not any(key in value for key in _IDS):
            for call_id, own in value.items():
                self._name_keyed(call_id, own)
            return
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, dict):
                self._name(_id_of(item), item, item.get("status"))
            elif item is not value:  # a bare string is not a list of ids
                self._name(item, {}, None)

    def _name_keyed(self, call_id: Any, own: Any) -> None:
        if isinstance(own, dict):
            self._name(call_id, own, own.get("status"))
        elif own is None or isinstance(own, str):
            self._name(call_id, {}, own)

    def _name(self, call_id: Any, own: dict[Any, Any], status: Any) -> None:
        if not _is_id(call_id):
            return
        self.calls.setdefault(call_id, False)
        if _is_final(status) or _has_any(own, _OUTCOMES):
            self.calls[call_id] = True
        elif isinstance(status, str):
            self.running.add(call_id)

    def _finish_those_in(self, value: Any) -> None:
        if isinstance(value, dict):
            for call_id, result in value.items():
                if result is not None:
                    self._finish(call_id)
        elif isinstance(value, list | tuple):
            for item in value:
                if isinstance(item, dict):
                    self._finish(_id_of(item))

    def _finish(self, call_id: Any) -> None:
        if _is_id(call_id):
            self.calls[call_id] = True


def _objects(state: Any) -> Iterator[dict[Any, Any]]:
    """Every object in a state, in the order in which they are written."""
    stack: list[Any] = [state]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            stack.extend(reversed([item for item in value.values() if _is_container(item)]))
        elif isinstance(value, list | tuple):
            stack.extend(reversed([item for item in value if _is_container(item)]))


def _is_container(value: Any) -> bool:
    return isinstance(value, dict | list | tuple)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _id_of(node: dict[Any, Any]) -> Any:
    """The first id in an object, None if it has none."""
    return next((node[key] for key in _IDS if _is_id(node.get(key))), None)


def _is_final(status: Any) -> bool:
    return isinstance(status, str) and status.lower() in FINAL


def _is_result(node: dict[Any, Any]) -> bool:
    kinds = (node.get("role"), node.get("type"))
    return any(kind in _RESULT_KINDS for kind in kinds) or _has_any(node, ("content", *_OUTCOMES))


def _has_any(node: dict[Any, Any], keys: tuple[str, ...]) -> bool:
    return any(node.get(key) is not None for key in keys)
