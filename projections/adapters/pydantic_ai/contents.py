"""Reads Pydantic AI's objects for what a turn keeps of them. Pure: no I/O."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_ai import BinaryContent, RunContext, ToolDenied, ToolReturn
from pydantic_ai.exceptions import RunCancelled, ToolFailedError, ToolRetryError
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    NativeToolReturnPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_core import to_json

from projections.adapters.calls import CallStatus
from projections.adapters.turns import Status

_STATUSES: dict[str, CallStatus] = {
    "success": "completed",
    "denied": "denied",
    "interrupted": "interrupted",
}


class ToolAnswer(NamedTuple):
    """How a tool call ended that no hook told of: by what the model is told of it."""

    call_id: str
    name: str
    status: CallStatus
    content: Any


def prompt_of(ctx: RunContext[Any]) -> list[str]:
    """What the user said to this run, or at the end of the history that it was given."""
    if ctx.prompt is not None:
        return [_text(ctx.prompt)]
    return said_by_user(ctx.messages[-1]) if ctx.messages else []


def said_by_user(message: ModelMessage) -> list[str]:
    """The user's words in a request to the model."""
    parts = message.parts if isinstance(message, ModelRequest) else ()
    return [_text(part.content) for part in parts if isinstance(part, UserPromptPart)]


def output_text(output: object) -> str:
    """The output of a run: a string as it is, anything else as Pydantic's JSON."""
    return output if isinstance(output, str) else to_json(output, fallback=str).decode()


def arguments_of(call: ToolCallPart) -> object:
    """The arguments that the model gave, as it gave them: an object, or its JSON text."""
    return call.args or {}


def result_of(result: object) -> object:
    """What a tool has returned, as far as it can be shown: of pictures and the like their type."""
    if isinstance(result, ToolReturn):
        return result_of(result.return_value)
    if isinstance(result, list | tuple):
        return [result_of(item) for item in result]
    return f"[{type(result).__name__}]" if isinstance(result, BinaryContent) else result


def unanswered_calls(messages: Sequence[ModelMessage]) -> set[str]:
    """The ids of the calls in the last response of a history that it has no results of."""
    answered: set[str] = set()
    for message in reversed(messages):
        if isinstance(message, ModelResponse):
            return {call.tool_call_id for call in message.tool_calls} - answered
        answered |= {answer.call_id for answer in answers_in(message)}
    return set()


def answers_in(message: ModelMessage) -> Iterator[ToolAnswer]:
    """How tool calls ended, by the results in a message to the model."""
    for part in message.parts if isinstance(message, ModelRequest) else ():
        if isinstance(part, ToolReturnPart):
            yield _answer_in(part)
        elif part.part_kind == "retry-prompt" and part.tool_name is not None:
            yield ToolAnswer(part.tool_call_id, part.tool_name, "error", part.content)


def native_answers(response: ModelResponse) -> Mapping[str, ToolAnswer]:
    """How the provider's own tools ended, which it ran before it answered. By call id."""
    parts = (part for part in response.parts if isinstance(part, NativeToolReturnPart))
    return {part.tool_call_id: _answer_in(part) for part in parts}


def _answer_in(part: ToolReturnPart | NativeToolReturnPart) -> ToolAnswer:
    status = _STATUSES.get(part.outcome, "error")
    return ToolAnswer(part.tool_call_id, part.tool_name, status, part.content)


def usage_of(response: ModelResponse) -> dict[str, float | None]:
    """The tokens of one answer, and what it cost where Pydantic AI knows."""
    usage = response.usage
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cost_usd": None if usage.cost is None else float(usage.cost),
    }


def stop_reason_of(response: ModelResponse) -> str | None:
    """Why the model stopped, in the provider's words if they are known."""
    found = (response.provider_details or {}).get("finish_reason")
    return found if isinstance(found, str) else response.finish_reason


def denial_in(result: object) -> ToolDenied | None:
    """The refusal that came in place of a result, if one did."""
    return result if isinstance(result, ToolDenied) else None


def status_of(error: BaseException) -> Status:
    """The status of a run that ended by an exception."""
    return "cancelled" if is_stop(error) else "error"


def is_stop(error: BaseException) -> bool:
    """Whether an exception says that a run or a tool call was stopped."""
    stopped = isinstance(error, RunCancelled | asyncio.CancelledError)
    return stopped or not isinstance(error, Exception)


def cause_of(error: BaseException) -> BaseException:
    """The exception of the tool itself, if Pydantic AI has wrapped it for the model."""
    wrapped = isinstance(error, ToolRetryError | ToolFailedError)
    return error.__cause__ if wrapped and error.__cause__ is not None else error


def _text(content: object) -> str:
    """Text as it is; pictures, documents and the like as the name of their type."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "\n".join(_text(item) for item in content)
    text = getattr(content, "content", None)
    return text if isinstance(text, str) else f"[{type(content).__name__}]"
