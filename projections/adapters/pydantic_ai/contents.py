"""Reads Pydantic AI's objects for what a turn keeps of them. Pure: no I/O."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pydantic_ai import DeferredToolRequests, RunContext
from pydantic_ai.exceptions import RunCancelled, ToolFailedError, ToolRetryError
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_core import to_json

from projections.adapters.turns import Status

_STATUSES: dict[str, Status] = {"success": "completed", "denied": "cancelled"}


class DeferredAnswer(NamedTuple):
    """How a tool call of an earlier run ended."""

    call_id: str
    name: str
    status: Status


def prompt_of(ctx: RunContext[Any]) -> str:
    """What the user said to this run, or at the end of the history that it was given."""
    if ctx.prompt is not None:
        return _text(ctx.prompt)
    last = ctx.messages[-1] if ctx.messages else None
    parts = last.parts if isinstance(last, ModelRequest) else ()
    return "\n".join(_text(part.content) for part in parts if isinstance(part, UserPromptPart))


def output_text(output: object) -> str:
    """The output of a run: a string as it is, anything else as Pydantic's JSON."""
    return output if isinstance(output, str) else to_json(output, fallback=str).decode()


def deferred_calls(output: object) -> Sequence[ToolCallPart]:
    """The tool calls that a run left to somebody else, to approve or to carry out."""
    if isinstance(output, DeferredToolRequests):
        return [*output.calls, *output.approvals]
    return ()


def answers_in(messages: Sequence[ModelMessage]) -> Iterator[DeferredAnswer]:
    """How tool calls ended, by the results in messages to the model."""
    for message in messages:
        for part in message.parts if isinstance(message, ModelRequest) else ():
            if isinstance(part, ToolReturnPart):
                yield DeferredAnswer(
                    part.tool_call_id, part.tool_name, _STATUSES.get(part.outcome, "error")
                )


def status_of(error: BaseException) -> Status:
    """The status of a run or a tool call that ended by an exception."""
    stopped = isinstance(error, RunCancelled | asyncio.CancelledError)
    return "cancelled" if stopped or not isinstance(error, Exception) else "error"


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
