"""The forms in which SDKs write tool calls, their results, and messages: one table. Pure: no I/O.

| Whose | A call | Its result |
|---|---|---|
| a recorded turn | an object in `tool_calls` | its `result`, `error`, `status` |
| any | an id in `tool_calls`, an object there | under `tool_results` |
| OpenAI, chat completions; PraisonAI | in `tool_calls`; `function_call` | role `tool` |
| OpenAI, Responses API | `type`: `function_call` … | `type`: `function_call_output` … |
| Anthropic | `type`: `tool_use`, `server_tool_use` | `tool_result`, `…_tool_result` |
| Pydantic AI | `part_kind`: `tool-call` … | `tool-return` …, `retry-prompt` |
| LangChain | in `tool_calls`; `type`: `tool_call` | `type`: `tool` |
| Gemini | `functionCall`, `function_call` | `functionResponse`, `function_response` |
| Vercel's AI SDK, pi | `type`: `tool-call`, `toolCall` | `tool-result`, role `toolResult` |

In the Responses API, the `status` of a call says how far the model got with asking for it, not
whether the call ran. It counts for what the provider runs itself, such as a web search.
"""

from typing import Any

from projections.turns.statuses import call_status, is_over

REQUESTS = frozenset(
    {
        *("function_call", "custom_tool_call", "local_shell_call", "shell_call", "program"),
        *("apply_patch_call", "computer_call", "tool_search_call", "mcp_approval_request"),
    }
)
"""Kinds of calls whose own `status` is that of the request."""

CALLS = REQUESTS | {
    *("tool_use", "server_tool_use", "mcp_tool_use"),
    *("tool_call", "server_tool_call", "tool-call", "builtin-tool-call", "toolCall"),
    *("web_search_call", "file_search_call", "code_interpreter_call", "mcp_call"),
    "image_generation_call",
}
"""Every `type` or `part_kind` of an object that is a call."""

RESULTS = frozenset(
    {
        *("tool", "tool_result", "server_tool_result", "tool-result", "tool-error", "toolResult"),
        *("function_call_output", "custom_tool_call_output", "local_shell_call_output"),
        *("shell_call_output", "apply_patch_call_output", "computer_call_output"),
        *("tool_search_output", "mcp_approval_response", "program_output"),
        *("tool-return", "builtin-tool-return", "retry-prompt"),
    }
)
"""Every `role`, `type` or `part_kind` of an object that is a result."""

_RESULT_SUFFIX = "_tool_result"  # Anthropic has one for each tool that it runs
_RESULT_ROLE = "function"  # as a type, it is a definition of a tool

CALL_KEYS = ("functionCall", "function_call")
RESULT_KEYS = ("functionResponse", "function_response")
LIST_OF_CALLS = "tool_calls"
LISTS_OF_RESULTS = ("tool_results", "tool_outputs")

REFERENCES = ("tool_call_id", "call_id", "tool_use_id", "toolCallId", "toolUseId")
"""Where a result has the id of its call; a call may have its id there, too."""

_IDS_OF_CALLS = (*REFERENCES, "id")  # in the Responses API, results refer to `call_id`
_IDS_OF_RESULTS = (*REFERENCES, "approval_request_id")
_IDS_OF_SHELL_RESULTS = (*_IDS_OF_RESULTS, "id")
_ID_IS_REFERENCE = "local_shell_call_output"  # has the id of its call as its own
_NAMES = ("name", "tool_name", "toolName", "tool")
_OUTCOMES = ("result", "output", "error", "exit_code")
_CONTENTS = ("content", "output", "result", "response", "error")

DATA = frozenset(
    {
        *("arguments", "args", "input", "parameters", "function", "action", "artifact"),
        *("result", "output", "content", "response", "error"),
    }
)
"""Keys of a call or a result whose values are its own: no calls are looked for in these."""

_ROLES = frozenset({"user", "assistant", "system", "developer", "model", "human", "ai"})
_MESSAGES = frozenset({"message", "human", "ai", "system", "HumanMessage", "AIMessage"})
_PARTS = frozenset(
    {
        *("text", "input_text", "output_text", "refusal", "thinking", "redacted_thinking"),
        *("reasoning", "image", "image_url", "input_image", "input_file", "input_audio"),
        *("audio", "document", "file", "compaction"),
    }
)
TELLING = frozenset({"part_kind", "type", "role", "kind", *REFERENCES})
"""An object with none of these keys is no call, no result and no message itself."""

BODIES = ("content", "parts", "data", "text")
"""Where a message has what it says."""


def kind_of(node: dict[Any, Any]) -> str | None:
    """The `part_kind` or `type` of an object, if it is a text."""
    found = node.get("part_kind", node.get("type"))
    return found if isinstance(found, str) else None


def is_result(node: dict[Any, Any]) -> bool:
    """Whether an object that is no call is a result: by its kind, or by what it refers to.

    Without a kind, it refers to a call and has an outcome. One whose own status says that more
    is to come is none yet.
    """
    if not _is_over_yet(node):
        return False
    kind, role = kind_of(node), node.get("role")
    if kind in RESULTS or (kind or "").endswith(_RESULT_SUFFIX):
        return True
    if isinstance(role, str) and (role in RESULTS or role == _RESULT_ROLE):
        return not _holds_results(node.get("content"))
    return _has_any(node, REFERENCES) and _has_any(node, _CONTENTS)


def is_result_of_key(node: dict[Any, Any]) -> bool:
    """The same of Gemini's `functionResponse`, which may say that it will go on."""
    return not (node.get("willContinue") or node.get("will_continue"))


def is_message(node: dict[Any, Any]) -> bool:
    """Whether an object is a message, or a part of one, that holds no call itself."""
    kind, role = kind_of(node), node.get("role")
    has_body = any(key in node for key in BODIES)
    if isinstance(role, str) and role in _ROLES and (has_body or LIST_OF_CALLS in node):
        return True
    if node.get("kind") in ("request", "response") and isinstance(node.get("parts"), list):
        return True
    return (kind in _MESSAGES and has_body) or kind in _PARTS or "part_kind" in node


def id_of_call(node: dict[Any, Any]) -> str | None:
    """The id of a call; None if it has none, or an empty one."""
    return next((node[key] for key in _IDS_OF_CALLS if is_id(node.get(key))), None)


def ids_of_result(node: dict[Any, Any]) -> list[str]:
    """The ids that a result refers to."""
    is_shell = kind_of(node) == _ID_IS_REFERENCE
    keys = _IDS_OF_SHELL_RESULTS if is_shell else _IDS_OF_RESULTS
    return [node[key] for key in keys if is_id(node.get(key))]


def name_of(node: dict[Any, Any]) -> str | None:
    """The name of the tool, None if it is not there."""
    inner = node.get("function")
    found = [node.get(key) for key in _NAMES]
    if isinstance(inner, dict):
        found.append(inner.get("name"))
    return next((name for name in found if isinstance(name, str) and name), None)


def has_outcome(node: dict[Any, Any]) -> bool:
    """Whether a call has its result with it."""
    return _has_any(node, _OUTCOMES)


def has_content(node: dict[Any, Any]) -> bool:
    """Whether a result that names no call is one: not just an envelope of one."""
    return any(key in node for key in _CONTENTS)


def is_id(value: Any) -> bool:
    """Whether a value can be the id of a call."""
    return isinstance(value, str) and value != ""


def _is_over_yet(node: dict[Any, Any]) -> bool:
    status = call_status(node.get("status"))
    return status is None or is_over(status)


def _holds_results(content: Any) -> bool:
    """Whether the content of a message is a list of results: then it is none itself."""
    return isinstance(content, list) and any(
        isinstance(part, dict) and kind_of(part) in RESULTS for part in content
    )


def _has_any(node: dict[Any, Any], keys: tuple[str, ...]) -> bool:
    return any(node.get(key) is not None for key in keys)
