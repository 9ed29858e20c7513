"""Stands for LiteLLM, which PraisonAI asks for models of all other providers.

It gives what `model` says, as chat completions in objects that are dicts as well, as LiteLLM's
are. PraisonAI's own code around it is what it is.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any

from tests.adapters.praisonai.chat_server import USAGE, Answer, Fails, Model, Says

MODEL = "stub/large"
COST = 0.25
"""US dollars for an answer."""


class Data(dict[str, Any]):
    """A dict whose items are attributes, too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def data(value: Any) -> Any:
    """Any JSON value, as `Data`."""
    if isinstance(value, dict):
        return Data({key: data(item) for key, item in value.items()})
    return [data(item) for item in value] if isinstance(value, list) else value


def litellm(model: Model) -> ModuleType:
    """The module."""
    found: Any = ModuleType("litellm")
    found.callbacks, found.success_callback, found._async_success_callback = [], [], []
    found.get_model_info = lambda *args, **kwargs: {}

    def completion(**request: Any) -> Any:
        answer = _says(model(request))
        return iter(_chunks(answer)) if request.get("stream") else _completion(answer)

    async def acompletion(**request: Any) -> Any:
        await asyncio.sleep(0)
        found = completion(**request)
        return _in_steps(found) if request.get("stream") else found

    found.completion, found.acompletion = completion, acompletion
    found.completion_cost = lambda completion_response: COST
    return found  # type: ignore[no-any-return]


async def _in_steps(chunks: Iterator[Any]) -> AsyncIterator[Any]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


def _completion(answer: Says) -> Any:
    message = {"role": "assistant", "content": answer.words, "tool_calls": _calls(answer) or None}
    choice = {"message": message, "finish_reason": _reason(answer)}
    hidden = {"response_cost": COST}
    return data({"model": MODEL, "choices": [choice], "usage": USAGE, "_hidden_params": hidden})


def _chunks(answer: Says) -> list[Any]:
    deltas: list[dict[str, Any]] = [{"content": word + " "} for word in answer.words.split()]
    deltas += [
        {"content": None, "tool_calls": [{"index": index, **call}]}
        for index, call in enumerate(_calls(answer))
    ]
    chunks: list[dict[str, Any]] = [
        {"model": MODEL, "choices": [{"delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    end = {"delta": {"content": None}, "finish_reason": _reason(answer)}
    chunks.append({"model": MODEL, "choices": [end], "usage": USAGE})
    return [data(chunk) for chunk in chunks]


def _calls(answer: Says) -> list[dict[str, Any]]:
    return [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
        }
        for call in answer.calls
    ]


def _says(answer: Answer) -> Says:
    if isinstance(answer, Fails):
        raise RuntimeError("made to fail")
    if isinstance(answer, str):
        return Says(answer)
    return answer if isinstance(answer, Says) else Says("", answer)


def _reason(answer: Says) -> str:
    return answer.stop_reason or ("tool_calls" if answer.calls else "stop")
