"""A tool call with its values, put together from the objects that speak of it. Pure: no I/O."""

from typing import Any

import msgspec
from msgspec import Struct

from projections.turns.calls import CallKey, SeenCall
from projections.turns.shapes import kind_of, name_of
from projections.turns.statuses import CallStatus, is_over

_ARGUMENTS = ("arguments", "args", "input", "parameters", "action")
_RESULTS = ("result", "output")
_CONTENTS = ("content", "output", "result", "response")
_FAILED = frozenset({"retry-prompt", "tool-error"})
_FACTS = ("exit_code", "asked_at", "answer", "started_at", "ended_at")
_LONGEST_JSON = 1 << 20  # characters of a text that is read as JSON


class TurnCall(Struct, kw_only=True):
    """A call as a state shows it, with its values.

    `at` is its place in the state, and `answered_at` that of its result, if this is elsewhere.
    `cut` has, by field, what a value was like before it was cut.
    """

    key: CallKey
    id: str | None
    name: str | None
    status: CallStatus | None
    is_over: bool
    at: int = 0
    answered_at: int | None = None
    arguments: Any = None
    result: Any = None
    error: Any = None
    exit_code: Any = None
    asked_at: str | None = None
    answer: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    cut: dict[str, Any] | None = None

    @property
    def outcome(self) -> CallStatus:
        """How a call ended that is over."""
        if self.status is not None and is_over(self.status):
            return self.status
        return "error" if self.error is not None else "completed"


class CallDetails:
    """What the objects that speak of one call say. The first to say something counts."""

    def __init__(self, at: int) -> None:
        self.tool: str | None = None
        self._at = at
        self._answered_at: int | None = None
        self._values: dict[str, Any] = {}

    def named_by(self, node: dict[Any, Any]) -> None:
        if not node:
            return  # an id alone
        inner = node.get("function")
        for each in (node, inner) if isinstance(inner, dict) else (node,):
            self._keep("arguments", parsed(_first(each, _ARGUMENTS)))
        self._keep("result", _first(node, _RESULTS))
        self._keep("error", node.get("error"))
        for name in _FACTS:
            value = node.get(name)
            if name == "exit_code" or isinstance(value, str):
                self._keep(name, value)
        cut = node.get("cut")
        self._keep("cut", cut if isinstance(cut, dict) else None)

    def answered_by(self, node: Any, at: int) -> None:
        self._answered_at = self._answered_at or at
        if not isinstance(node, dict):
            self._keep("result", node)
            return
        self.tool = self.tool or name_of(node)
        failed = node.get("is_error") or kind_of(node) in _FAILED
        self._keep("error", node.get("error"))
        self._keep("error" if failed else "result", _said(_first(node, _CONTENTS)))
        self._keep("exit_code", node.get("exit_code"))

    def _keep(self, name: str, value: Any) -> None:
        if value is not None:
            self._values.setdefault(name, value)

    def call(self, key: CallKey, seen: SeenCall) -> TurnCall:
        return TurnCall(
            key=key,
            id=seen.id,
            name=seen.name,
            status=seen.status,
            is_over=seen.is_over,
            at=self._at,
            answered_at=self._answered_at,
            **self._values,
        )


def _first(node: dict[Any, Any], keys: tuple[str, ...]) -> Any:
    return next((node[key] for key in keys if node.get(key) is not None), None)


def parsed(arguments: Any) -> Any:
    """Arguments that are the JSON of an object, as this object."""
    if not isinstance(arguments, str) or arguments.lstrip()[:1] != "{":
        return arguments
    if len(arguments) > _LONGEST_JSON:
        return arguments
    try:
        return msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return arguments


def _said(content: Any) -> Any:
    """The text of a result that is written as a list with one part of text."""
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        part = content[0]
        if kind_of(part) in ("text", "input_text", "output_text") and set(part) <= {
            "type",
            "text",
        }:
            return part.get("text", content)
    return content
