"""Tool calls in models' responses, and what the SDK's items say became of them. Pure: no I/O.

Hooks tell of the calls that the SDK runs. All others are found here: in the responses, in what
the model is shown next, and in what a run returns. Those are calls that the model's provider
carries out, and calls that were answered without running: refused by a person or a guardrail, or
of tools that do not exist.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from agents import (
    Agent,
    ApplyPatchTool,
    ComputerTool,
    Handoff,
    LocalShellTool,
    RunContextWrapper,
    ShellTool,
)

from projections.adapters.openai_agents.contents import get, output_text, plain

_ARGUMENTS = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "computer_call": "action",
    "local_shell_call": "action",
    "shell_call": "action",
    "apply_patch_call": "operation",
    "program": "code",
    "mcp_approval_request": "arguments",
}
"""The calls that wait for an answer, and where their items have what they are called with."""

_HOSTED = {
    "mcp_call": ("arguments", "output"),
    "web_search_call": ("action", None),
    "file_search_call": ("queries", "results"),
    "code_interpreter_call": ("code", "outputs"),
    "image_generation_call": ("revised_prompt", None),  # an image is long, and no text
    "tool_search_call": ("arguments", None),
}
"""The calls that the model's provider has carried out itself, with where the result is."""

_NAMES = {"computer_call": "computer_use_preview", "program": "programmatic_tool_calling"}

_LOCAL: dict[type, tuple[str, ...]] = {
    ComputerTool: ("computer_call",),
    LocalShellTool: ("local_shell_call",),
    ShellTool: ("shell_call", "local_shell_call"),
    ApplyPatchTool: ("apply_patch_call", "custom_tool_call", "function_call"),
}
"""The tools whose hooks do not get the id of the call, and the types that their calls may have."""

_FAILED = ("failed", "incomplete")
_NOT_FOUND = "Tool {!r} not found."  # what the SDK says to the model


class ModelCall(NamedTuple):
    """A tool call that a model asks for."""

    id: str
    name: str
    arguments: object = None


class HostedCall(NamedTuple):
    """A tool call that is over when it is seen. `request` is its id as one to be approved."""

    call: ModelCall
    result: object
    error: object
    failed: bool
    request: str | None


class Output(NamedTuple):
    """What the model is told of a call. `approved` is the answer to a request for approval."""

    id: str
    value: object
    failed: bool
    approved: bool | None = None


def asked_calls(output: Iterable[Any], agent: Agent[Any]) -> list[ModelCall]:
    """The calls in a response that the SDK has to answer."""
    found = []
    for item in output:
        kind = get(item, "type")
        call_id = get(item, "id" if kind == "mcp_approval_request" else "call_id")
        if kind in _ARGUMENTS and isinstance(call_id, str):
            arguments = get(item, _ARGUMENTS[kind])
            if kind == "computer_call":
                arguments = arguments or get(item, "actions")
            found.append(ModelCall(call_id, _name(item, kind, agent), plain(arguments)))
    return found


def hosted_calls(output: Iterable[Any]) -> list[HostedCall]:
    """The calls in a response that the model's provider has carried out itself."""
    return [_hosted(item, kind) for item in output if (kind := get(item, "type")) in _HOSTED]


def outputs_of(items: Iterable[Any]) -> Iterator[Output]:
    """What items of an input, of a response or of a run's result say of calls."""
    for item in items:
        kind = get(item, "type")
        if kind == "mcp_approval_response":
            approved = bool(get(item, "approve"))
            yield Output(get(item, "approval_request_id"), get(item, "reason"), False, approved)
        elif isinstance(kind, str) and kind.endswith(("_call_output", "program_output")):
            value = get(item, "result" if kind == "program_output" else "output")
            yield Output(get(item, "call_id"), value, get(item, "status") in _FAILED)


def handoff_calls(output: Iterable[Any], source: Agent[Any]) -> list[ModelCall]:
    """The calls in a response that ask for a handoff; the SDK carries out one of them."""
    names = _handoff_names(source)
    return [
        each
        for each in asked_calls(_of_types(output, ("function_call",)), source)
        if each.name in names
    ]


def executed_last(context: RunContextWrapper[Any], calls: Iterable[ModelCall]) -> ModelCall | None:
    """Of these calls, the last that the SDK has begun to carry out; the first if it does not say.

    It notes that in `context` just before it calls the hook of a tool.
    """
    all_calls = list(calls)
    noted = getattr(context, "_tool_invocations", {})
    begun = [each for each in all_calls if getattr(noted.get(each.id), "executed", False)]
    return next(reversed(begun or all_calls[:1]), None)


def local_calls(output: Iterable[Any], tool: Any, agent: Agent[Any]) -> list[ModelCall]:
    """A response's calls of this tool, if its hooks do not get the id."""
    kinds = _kinds(tool)
    return [
        each for each in asked_calls(_of_types(output, kinds), agent) if each.name == tool.name
    ]


def known_id(context: RunContextWrapper[Any], tool: object) -> str | None:
    """The id of the call that a hook is about, if the SDK gives it.

    For tools in `_LOCAL` it does not: inside an agent used as a tool, their context carries
    the id of the outer call.
    """
    return None if _kinds(tool) else getattr(context, "tool_call_id", None)


def is_unknown(name: str, agent: Agent[Any] | None, answer: object) -> bool:
    """Whether an agent has no tool of this name. `answer` is what the model was told instead."""
    if agent is None or agent.mcp_servers:  # whose tools only the servers know
        return answer == _NOT_FOUND.format(name)
    tools = {getattr(tool, "name", None) for tool in agent.tools}
    return name not in tools | _handoff_names(agent)


def _kinds(tool: object) -> tuple[str, ...]:
    return next((kinds for each, kinds in _LOCAL.items() if isinstance(tool, each)), ())


def _of_types(output: Iterable[Any], kinds: tuple[str, ...]) -> Iterator[Any]:
    return (item for item in output if get(item, "type") in kinds)


def _handoff_names(agent: Agent[Any]) -> set[str | None]:
    return {
        each.tool_name if isinstance(each, Handoff) else Handoff.default_tool_name(each)
        for each in agent.handoffs
    }


def _name(item: Any, kind: str, agent: Agent[Any]) -> str:
    """The name of the tool, which the hooks use too."""
    named = get(item, "name")
    if isinstance(named, str):
        return named
    tools = (tool for tool in agent.tools if kind in _kinds(tool))
    return getattr(next(tools, None), "name", None) or _NAMES.get(kind) or kind[: -len("_call")]


def _hosted(item: Any, kind: str) -> HostedCall:
    error = get(item, "error")
    arguments, result = _HOSTED[kind]
    name = get(item, "name") or kind.removesuffix("_call")
    return HostedCall(
        ModelCall(get(item, "id") or get(item, "call_id"), str(name), plain(get(item, arguments))),
        None if result is None else plain(get(item, result)),
        output_text(error),
        error is not None or get(item, "status") in _FAILED,
        get(item, "approval_request_id"),
    )
