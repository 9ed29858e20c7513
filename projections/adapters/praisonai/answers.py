"""What a model answered, read from whatever PraisonAI's client of it returns. Pure: no I/O.

Two forms are known, each as objects or as dicts: OpenAI's chat completions, which LiteLLM gives
for all models, and OpenAI's responses. A stream of chunks is put together to the first of them.
What is missing, or of a kind that is not expected, is left out.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple


class AskedCall(NamedTuple):
    """A tool call that a model asks for; `arguments` are usually a text that should be JSON."""

    id: str | None
    name: str
    arguments: object


class ModelAnswer(NamedTuple):
    """One answer of a model: what it says, and what it asks for. Usage as in a turn's state."""

    model: str | None
    usage: dict[str, float]
    stop_reason: str | None
    words: str
    calls: tuple[AskedCall, ...]


def answer_of(response: object) -> ModelAnswer | None:
    """The answer in a response; None if it is none, as a response in raw bytes is not."""
    choices, output = _get(response, "choices"), _get(response, "output")
    if isinstance(choices, list) and choices:
        message = _get(choices[0], "message")
        stop_reason = _get(choices[0], "finish_reason")
        words, calls = _get(message, "content"), _chat_calls(_get(message, "tool_calls"))
    elif isinstance(output, list):
        stop_reason = _get(response, "incomplete_details", "reason") or _get(response, "status")
        words, calls = _spoken(output), _response_calls(output)
    else:
        return None
    return ModelAnswer(
        _text(_get(response, "model")),
        _usage(response),
        _text(stop_reason),
        _text(words) or "",
        tuple(calls),
    )


class Chunks:
    """The chunks of a streamed chat completion, put together. O(1) for each piece of one."""

    def __init__(self) -> None:
        self._model: object = None
        self._usage: object = None
        self._stop_reason: object = None
        self._words: list[str] = []
        self._calls: list[_StreamedCall] = []
        self._at: dict[int, _StreamedCall] = {}  # the one that comes at an index

    def add(self, chunk: object) -> None:
        """The next one."""
        self._model = _get(chunk, "model") or self._model
        self._usage = _get(chunk, "usage") or self._usage
        choices = _get(chunk, "choices")
        if not isinstance(choices, list) or not choices:
            return
        self._stop_reason = _get(choices[0], "finish_reason") or self._stop_reason
        delta = _get(choices[0], "delta")
        words = _get(delta, "content")
        if isinstance(words, str):
            self._words.append(words)
        for piece in _list(_get(delta, "tool_calls")):
            self._call(piece).add(piece)

    def _call(self, piece: object) -> "_StreamedCall":
        """The call that a piece is of: another id at the same index is of another call."""
        index = _get(piece, "index")
        place = index if isinstance(index, int) else 0
        found = self._at.get(place)
        if found is None or found.is_other(_get(piece, "id")):
            found = self._at[place] = _StreamedCall()
            self._calls.append(found)
        return found

    def whole(self) -> dict[str, Any]:
        """The response that they are."""
        message = {
            "content": "".join(self._words),
            "tool_calls": [call.whole() for call in self._calls],
        }
        choice = {"message": message, "finish_reason": self._stop_reason}
        return {"model": self._model, "usage": _plain(self._usage), "choices": [choice]}


class _StreamedCall:
    def __init__(self) -> None:
        self._id: object = None
        self._name: object = None
        self._arguments: list[str] = []

    def is_other(self, call_id: object) -> bool:
        return bool(call_id) and bool(self._id) and call_id != self._id

    def add(self, piece: object) -> None:
        self._id = _get(piece, "id") or self._id
        self._name = _get(piece, "function", "name") or self._name
        arguments = _get(piece, "function", "arguments")
        if isinstance(arguments, str):
            self._arguments.append(arguments)

    def whole(self) -> dict[str, Any]:
        function = {"name": self._name, "arguments": "".join(self._arguments)}
        return {"id": self._id, "function": function}


def whole_of(streamed: object) -> object:
    """The response in what LiteLLM's responses are put together to: text, calls, last event."""
    if not isinstance(streamed, tuple) or len(streamed) < 3:
        return streamed
    words, calls, last = streamed[:3]
    stop_reason = _get(last, "incomplete_details", "reason") or _get(last, "status")
    choice = {"message": {"content": words, "tool_calls": calls}, "finish_reason": stop_reason}
    return {"model": _get(last, "model"), "usage": _get(last, "usage"), "choices": [choice]}


def reported_results(messages: object) -> dict[str, str]:
    """The results of calls that a model is given, by the calls' ids: the last of each. O(n)."""
    return {
        call_id: content
        for message in _list(messages)
        for call_id, content in [_result(message)]
        if isinstance(call_id, str) and isinstance(content, str)
    }


def _result(message: object) -> tuple[object, object]:
    if _get(message, "role") == "tool":
        return _get(message, "tool_call_id"), _get(message, "content")
    if _get(message, "type") == "function_call_output":
        return _get(message, "call_id"), _get(message, "output")
    return None, None


def is_error(text: str) -> bool:
    """Whether it is a result by which PraisonAI reports an error to a model."""
    if text.startswith("Error"):
        return True
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and bool(found.get("error"))


def _chat_calls(calls: object) -> Iterator[AskedCall]:
    for call in _list(calls):
        name = _get(call, "function", "name")
        if isinstance(name, str) and name:
            yield AskedCall(_text(_get(call, "id")), name, _get(call, "function", "arguments"))


def _response_calls(output: Iterable[object]) -> Iterator[AskedCall]:
    for item in output:
        name = _get(item, "name")
        if _get(item, "type") == "function_call" and isinstance(name, str):
            yield AskedCall(_text(_get(item, "call_id")), name, _get(item, "arguments"))


def _spoken(output: Iterable[object]) -> str:
    parts = (part for item in output for part in _list(_get(item, "content")))
    texts = (_get(part, "text") for part in parts if _get(part, "type") == "output_text")
    return "".join(text for text in texts if isinstance(text, str))


def _usage(response: object) -> dict[str, float]:
    usage = _get(response, "usage")
    found = {
        "input_tokens": _number(usage, "prompt_tokens", "input_tokens"),
        "output_tokens": _number(usage, "completion_tokens", "output_tokens"),
        "cache_read_tokens": _number(_get(usage, "prompt_tokens_details"), "cached_tokens")
        or _number(_get(usage, "input_tokens_details"), "cached_tokens"),
        "cost_usd": _number(_get(response, "_hidden_params"), "response_cost"),  # LiteLLM's
    }
    return {name: amount for name, amount in found.items() if amount}


def _number(source: object, *names: str) -> float:
    for name in names:
        value = _get(source, name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
    return 0


def _get(source: Any, *names: str) -> Any:
    for name in names:
        is_dict = isinstance(source, Mapping)
        source = source.get(name) if is_dict else getattr(source, name, None)
    return source


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _plain(usage: object) -> object:
    """Usage as a dict, as those who know prices want it."""
    dump = getattr(usage, "model_dump", None)
    return dump() if callable(dump) else usage
