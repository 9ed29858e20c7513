"""The messages of SDKs around tool calls, as their own classes write them.

Each function gives a conversation in which a model asks for two calls: the messages up to there,
and the results of both. LangChain, Anthropic and Gemini are written as they document it.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple


class Conversation(NamedTuple):
    """Messages that ask for calls, the results of each, and the calls' ids and tools."""

    asked: list[Any]
    results: list[Any]
    calls: list[tuple[str | None, str | None]]


def chat_completions() -> Conversation:
    from openai.types.chat import ChatCompletionMessage
    from openai.types.chat.chat_completion_message_function_tool_call import (
        ChatCompletionMessageFunctionToolCall,
        Function,
    )

    message = ChatCompletionMessage(
        role="assistant",
        content=None,
        tool_calls=[
            ChatCompletionMessageFunctionToolCall(
                id=call_id, type="function", function=Function(name=name, arguments="{}")
            )
            for call_id, name in [("call_0", "read"), ("call_1", "charge_card")]
        ],
    )
    return Conversation(
        [{"role": "user", "content": "Charge it."}, message.model_dump()],
        [{"role": "tool", "tool_call_id": f"call_{n}", "content": "x"} for n in (0, 1)],
        [("call_0", "read"), ("call_1", "charge_card")],
    )


def a_whole_chat_completion() -> Conversation:
    from openai.types.chat import ChatCompletion
    from openai.types.chat.chat_completion import Choice

    asked, results, calls = chat_completions()
    completion = ChatCompletion(
        id="c",
        created=1,
        model="m",
        object="chat.completion",
        choices=[Choice.model_validate(
            {"finish_reason": "tool_calls", "index": 0, "logprobs": None, "message": asked[1]}
        )],
    )  # fmt: skip
    return Conversation([completion.model_dump()], results, calls)


def legacy_functions() -> Conversation:
    from openai.types.chat import ChatCompletionMessage
    from openai.types.chat.chat_completion_message import FunctionCall

    first, second = (
        ChatCompletionMessage(
            role="assistant", content=None, function_call=FunctionCall(name=name, arguments="{}")
        ).model_dump()
        for name in ("read", "charge_card")
    )
    return Conversation(
        [first, second],
        [{"role": "function", "name": name, "content": "x"} for name in ("read", "charge_card")],
        [(None, "read"), (None, "charge_card")],
    )


def responses() -> Conversation:
    """`status` says that the model has finished asking."""
    from openai.types.responses import ResponseCustomToolCall, ResponseFunctionToolCall

    function = ResponseFunctionToolCall(
        id="fc_1", call_id="call_9", type="function_call", name="charge_card", arguments="{}",
        status="completed",
    )  # fmt: skip
    custom = ResponseCustomToolCall(
        id="ct_1", call_id="call_8", type="custom_tool_call", name="sql", input="select 1"
    )
    return Conversation(
        [function.model_dump(), custom.model_dump()],
        [
            {"type": "function_call_output", "call_id": "call_9", "output": "x"},
            {"type": "custom_tool_call_output", "call_id": "call_8", "output": "x"},
        ],
        [("call_9", "charge_card"), ("call_8", "sql")],
    )


def a_whole_response() -> Conversation:
    from openai.types.responses import Response

    asked, results, calls = responses()
    response = Response.model_construct(
        id="resp_1", object="response", status="completed", output=asked, model="m"
    )
    return Conversation([response.model_dump(warnings=False)], results, calls)


def shells() -> Conversation:
    """The output of a local shell names its call by an `id`."""
    from openai.types.responses.response_input_item import (
        ApplyPatchCallOutput,
        LocalShellCallOutput,
    )
    from openai.types.responses.response_output_item import LocalShellCall, LocalShellCallAction

    shell = LocalShellCall(
        id="lsh_1", call_id="call_1", status="completed", type="local_shell_call",
        action=LocalShellCallAction(type="exec", command=["ls"], env={}),
    )  # fmt: skip
    patch = {"type": "apply_patch_call", "id": "ap_1", "call_id": "call_2", "status": "completed"}
    return Conversation(
        [shell.model_dump(), patch],
        [
            LocalShellCallOutput(
                id="call_1", type="local_shell_call_output", output="x"
            ).model_dump(),
            ApplyPatchCallOutput(
                call_id="call_2", type="apply_patch_call_output", status="failed"
            ).model_dump(),
        ],
        [("call_1", None), ("call_2", None)],
    )


def approvals() -> Conversation:
    from openai.types.responses.response_input_item import McpApprovalResponse
    from openai.types.responses.response_output_item import McpApprovalRequest

    asked = [
        McpApprovalRequest(
            id=f"mcpr_{n}", arguments="{}", name="charge", server_label="s",
            type="mcp_approval_request",
        ).model_dump()
        for n in (1, 2)
    ]  # fmt: skip
    results = [
        McpApprovalResponse(
            approval_request_id=f"mcpr_{n}", approve=n == 1, type="mcp_approval_response"
        ).model_dump()
        for n in (1, 2)
    ]
    return Conversation(asked, results, [("mcpr_1", "charge"), ("mcpr_2", "charge")])


def agents_sdk() -> Conversation:
    """What `RunItem.to_input_item` gives."""
    from agents import Agent, ToolCallItem, ToolCallOutputItem
    from openai.types.responses import ResponseFunctionToolCall

    agent = Agent(name="triage")
    raw = [
        ResponseFunctionToolCall(
            id=f"fc_{n}", call_id=f"call_{n}", type="function_call", name=name, arguments="{}",
            status="completed",
        )
        for n, name in enumerate(("read", "charge_card"))
    ]  # fmt: skip
    asked = [ToolCallItem(agent=agent, raw_item=item).to_input_item() for item in raw]
    results = [
        ToolCallOutputItem(
            agent=agent,
            output="x",
            raw_item={"type": "function_call_output", "call_id": item.call_id, "output": "x"},
        ).to_input_item()
        for item in raw
    ]
    return Conversation(asked, results, [("call_0", "read"), ("call_1", "charge_card")])


def anthropic() -> Conversation:
    uses = [
        {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": {"tool_calls": ["no"]}}
        for n, name in enumerate(("read", "charge_card"))
    ]
    asked = [
        {"role": "user", "content": [{"type": "text", "text": "Charge it."}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "…"}, *uses]},
    ]
    results = [
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": f"toolu_{n}", "content": [], "is_error": n}
            ],
        }
        for n in (0, 1)
    ]
    return Conversation(asked, results, [("toolu_0", "read"), ("toolu_1", "charge_card")])


def anthropic_server() -> Conversation:
    """Tools that Anthropic runs have results of a kind of their own."""
    kinds = ["web_search", "bash_code_execution"]
    uses = [
        {"type": "server_tool_use", "id": f"srvtoolu_{n}", "name": kind, "input": {}}
        for n, kind in enumerate(kinds)
    ]
    results = [
        {
            "role": "assistant",
            "content": [
                {"type": f"{kind}_tool_result", "tool_use_id": f"srvtoolu_{n}", "content": {}}
            ],
        }
        for n, kind in enumerate(kinds)
    ]
    calls = [(f"srvtoolu_{n}", kind) for n, kind in enumerate(kinds)]
    return Conversation([{"role": "assistant", "content": uses}], results, list(calls))


def pydantic_ai() -> Conversation:
    from pydantic_ai.messages import (
        ModelMessage,
        ModelMessagesTypeAdapter,
        ModelRequest,
        ModelResponse,
        NativeToolCallPart,
        NativeToolReturnPart,
        ToolCallPart,
        ToolReturnPart,
        UserPromptPart,
    )

    def dumped(*messages: ModelMessage) -> list[Any]:
        found: list[Any] = json.loads(ModelMessagesTypeAdapter.dump_json(list(messages)))
        return found

    asked = dumped(
        ModelRequest(parts=[UserPromptPart("Charge it.")]),
        ModelResponse(
            parts=[
                ToolCallPart("charge_card", {"sum": 7}, tool_call_id="p1"),
                ToolCallPart("read", "{}", tool_call_id="p2"),
                NativeToolCallPart("web_search", {}, tool_call_id="p3"),
            ]
        ),
    )
    results = dumped(
        ModelRequest(parts=[ToolReturnPart("charge_card", None, tool_call_id="p1")]),
        ModelRequest(
            parts=[ToolReturnPart("read", "x", tool_call_id="p2", outcome="interrupted")]
        ),
        ModelResponse(parts=[NativeToolReturnPart("web_search", "x", tool_call_id="p3")]),
    )
    return Conversation(
        asked, results, [("p1", "charge_card"), ("p2", "read"), ("p3", "web_search")]
    )


def pydantic_ai_retry() -> Conversation:
    """As earlier versions wrote it: the call has failed, and the model is to ask again."""
    of_call = [{"tool_name": "charge_card", "tool_call_id": call_id} for call_id in ("p1", "p2")]
    asked = [
        {"kind": "response", "parts": [{"part_kind": "tool-call", **each} for each in of_call]}
    ]
    results = [
        {"kind": "request", "parts": [{"part_kind": "retry-prompt", "content": "no", **each}]}
        for each in of_call
    ]
    return Conversation(asked, results, [("p1", "charge_card"), ("p2", "charge_card")])


def langchain() -> Conversation:
    """`message.model_dump()`; a provider's own form stands beside LangChain's."""
    calls = [
        {"name": name, "args": {}, "id": f"call_{n}", "type": "tool_call"}
        for n, name in enumerate(("read", "charge_card"))
    ]
    asked = [
        {"content": "Charge it.", "type": "human"},
        {
            "content": "",
            "type": "ai",
            "tool_calls": calls,
            "invalid_tool_calls": [],
            "additional_kwargs": {
                "function_call": {"name": "read", "arguments": "{}"},
                "tool_calls": [{"id": "call_0", "function": {"name": "read"}}],
            },
        },
    ]
    results = [
        {"content": "x", "type": "tool", "tool_call_id": f"call_{n}", "status": status}
        for n, status in enumerate(("success", "error"))
    ]
    return Conversation(asked, results, [("call_0", "read"), ("call_1", "charge_card")])


def langchain_dicts() -> Conversation:
    """`messages_to_dict`: each in an envelope with its type."""
    asked, results, calls = langchain()
    first, second = (
        [{"type": each["type"], "data": each} for each in part] for part in (asked, results)
    )
    return Conversation(first, second, calls)


def gemini() -> Conversation:
    """As it is sent; most models give no ids."""
    names = ["read", "charge_card", "charge_card"]
    args = {"function": {"name": "not this"}}
    asked = [
        {"role": "user", "parts": [{"text": "Charge it."}]},
        {"role": "model", "parts": [{"functionCall": {"name": n, "args": args}} for n in names]},
    ]
    results = [
        {"role": "user", "parts": [{"functionResponse": {"name": n, "response": {}}}]}
        for n in names
    ]
    return Conversation(asked, results, [(None, name) for name in names])


def google_genai() -> Conversation:
    """As google-genai dumps its contents: every field, most of them null."""
    nothing = {"text": None, "thought": None, "function_call": None, "function_response": None}

    def part(**fields: Any) -> dict[str, Any]:
        return {**nothing, **fields}

    names = ["read", "charge_card"]
    asked = [
        {
            "role": "model",
            "parts": [part(function_call={"id": None, "name": n, "args": {}}) for n in names],
        }
    ]
    results = [
        {
            "role": "user",
            "parts": [part(function_response={"id": None, "name": n, "response": {"result": 1}})],
        }
        for n in names
    ]
    return Conversation(asked, results, [(None, name) for name in names])


def praisonai() -> Conversation:
    from praisonaiagents.llm.openai_client import ToolCall

    calls = [
        vars(ToolCall(id=f"call_{n}", type="function", function={"name": name, "arguments": "{}"}))
        for n, name in enumerate(("read", "charge_card"))
    ]
    asked = [{"role": "assistant", "content": "", "tool_calls": calls}]
    results = [
        {"role": "tool", "tool_call_id": "call_0", "content": "x"},
        {"tool_call_id": "call_1", "result": {"sum": 7}},  # its journal of runs
    ]
    return Conversation(asked, results, [("call_0", "read"), ("call_1", "charge_card")])


def camel() -> Conversation:
    """Ids that are there, and empty."""
    names = ["read", "charge_card"]
    asked = [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "", "type": "function", "function": {"name": n}} for n in names],
        }
    ]
    results = [{"role": "tool", "content": "x", "tool_call_id": ""} for _ in names]
    return Conversation(asked, results, [(None, name) for name in names])


def ollama() -> Conversation:
    names = ["read", "charge_card"]
    asked = [{"role": "assistant", "tool_calls": [{"function": {"name": n}} for n in names]}]
    results = [{"role": "tool", "tool_name": n, "content": "x"} for n in names]
    return Conversation(asked, results, [(None, name) for name in names])


def ai_sdk() -> Conversation:
    asked = [
        {
            "role": "assistant",
            "content": [
                {"type": "tool-call", "toolCallId": f"c{n}", "toolName": "read", "input": {}}
                for n in (0, 1)
            ],
        }
    ]
    results = [
        {
            "role": "tool",
            "content": [{"type": kind, "toolCallId": f"c{n}", "toolName": "read", "output": None}],
        }
        for n, kind in enumerate(("tool-result", "tool-error"))
    ]
    return Conversation(asked, results, [("c0", "read"), ("c1", "read")])


CONVERSATIONS: dict[str, Callable[[], Conversation]] = {
    each.__name__: each
    for each in (
        *(chat_completions, a_whole_chat_completion, legacy_functions),
        *(responses, a_whole_response, shells, approvals, agents_sdk),
        *(anthropic, anthropic_server, pydantic_ai, pydantic_ai_retry),
        *(langchain, langchain_dicts, gemini, google_genai),
        *(praisonai, camel, ollama, ai_sdk),
    )
}
