"""Reads the SDK's own objects: inputs, outputs, tool calls. Pure: no I/O.

Items of an input are dicts, items of a response are objects; both are read in the same way.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from agents import (
    Agent,
    ApplyPatchTool,
    ComputerTool,
    Handoff,
    ItemHelpers,
    LocalShellTool,
    RunContextWrapper,
    RunState,
    ShellTool,
    default_tool_error_function,
)
from agents.tool import default_tool_timeout_error_message
from pydantic import BaseModel

from projections.adapters.turns import Status

_HOSTED = (
    "mcp_call",
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
)
_LOCAL: dict[type, str] = {
    ComputerTool: "computer_call",
    LocalShellTool: "local_shell_call",
    ShellTool: "shell_call",
    ApplyPatchTool: "apply_patch_call",
}
"""The tools whose hooks do not get the id of the call, and the type of their calls."""


class Refused(NamedTuple):
    """A tool call that waited for approval and did not get it, and the agent that made it."""

    agent: str
    id: str
    name: str


class ModelCall(NamedTuple):
    """A tool call in a response: its id, the tool, and its status if that is known."""

    id: str
    name: str
    status: Status = "open"
    error: object = None


def input_text(items: object) -> str:
    """The latest message of the user in an input; parts that are not text as `[type]`."""
    for item in reversed(items) if isinstance(items, list) else ():
        if _get(item, "role") == "user":
            content = _get(item, "content")
            return content if isinstance(content, str) else "\n".join(_texts(content))
    return ""


def output_text(output: object) -> object:
    """An output in a form that can be shown."""
    return output.model_dump_json() if isinstance(output, BaseModel) else output


def response_text(output: Iterable[Any]) -> str:
    """The words of a response; they may be a refusal."""
    texts = (
        ItemHelpers.extract_text(item) or ItemHelpers.extract_refusal(item) for item in output
    )
    return "\n".join(text for text in texts if text)


def hosted_calls(output: Iterable[Any]) -> list[ModelCall]:
    """The calls in a response that the model's provider has carried out itself."""
    return [_hosted(item) for item in output if _get(item, "type") in _HOSTED]


def local_calls(output: Iterable[Any], tool: object) -> list[str]:
    """The ids of a response's calls of this kind of tool, if its hooks do not get the id."""
    kind = _kind(tool)
    return [item.call_id for item in output if kind is not None and _get(item, "type") == kind]


def handoff_call(output: Iterable[Any], source: Agent[Any]) -> ModelCall | None:
    """The call by which an agent hands over; the SDK uses the first one."""
    names = {
        each.tool_name if isinstance(each, Handoff) else Handoff.default_tool_name(each)
        for each in source.handoffs
    }
    for item in output:
        if _get(item, "type") == "function_call" and _get(item, "name") in names:
            return ModelCall(item.call_id, item.name)
    return None


def known_id(context: RunContextWrapper[Any], tool: object) -> str | None:
    """The id of the call that a hook is about, if the SDK gives it.

    For tools in `_LOCAL` it does not: inside an agent used as a tool, their context carries
    the id of the outer call.
    """
    return getattr(context, "tool_call_id", None) if _kind(tool) is None else None


def error_text_in(context: RunContextWrapper[Any], tool: Any, result: object) -> str | None:
    """The result, if it is a text that the SDK puts in place of an error."""
    texts = [default_tool_error_function(context, Exception())]
    seconds = getattr(tool, "timeout_seconds", None)
    if seconds is not None:
        texts.append(
            default_tool_timeout_error_message(tool_name=tool.name, timeout_seconds=seconds)
        )
    return result if isinstance(result, str) and result in texts else None


def _kind(tool: object) -> str | None:
    return next((kind for each, kind in _LOCAL.items() if isinstance(tool, each)), None)


def _hosted(item: Any) -> ModelCall:
    error = _get(item, "error")
    failed = error is not None or _get(item, "status") in ("failed", "incomplete")
    name = _get(item, "name") or item.type.removesuffix("_call")
    return ModelCall(item.id, str(name), "error" if failed else "completed", output_text(error))


def _texts(parts: object) -> Iterator[str]:
    for part in parts if isinstance(parts, list | tuple) else ():
        text = _get(part, "text")
        yield text if isinstance(text, str) else f"[{_get(part, 'type')}]"


def _get(item: object, name: str) -> Any:
    return item.get(name) if isinstance(item, dict) else getattr(item, name, None)


def refused_in(given: object) -> list[Refused]:
    """The calls that the user rejected, in a state from which a run goes on."""
    context = getattr(given, "_context", None)
    if not isinstance(given, RunState) or context is None:
        return []
    return [
        Refused(item.agent.name, item.call_id, str(item.name))
        for item in given.get_interruptions()
        if item.call_id and context.is_tool_approved(str(item.name), item.call_id) is False
    ]
