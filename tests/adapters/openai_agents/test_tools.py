"""Tool calls that fail, take too long, or are carried out elsewhere."""

import asyncio

import pytest
from agents import (
    ShellTool,
    UserError,
    function_tool,
)
from openai.types.responses import ResponseFunctionWebSearch
from openai.types.responses.response_output_item import McpCall

from projections import DefaultSessionStore
from projections.adapters.openai_agents import mirror
from tests.adapters.openai_agents.agents import (
    CALL_BROKEN,
    EACH_RUN,
    Run,
    agent,
    calls,
    failing,
    item,
    run,
    says,
    shell_call,
)
from tests.adapters.reported import ONE_CALL, call, turns, versions


@EACH_RUN
def test_a_tool_error_that_the_program_words_itself_is_an_error_all_the_same(
    run: Run, store: DefaultSessionStore
) -> None:
    tool = failing(lambda context, error: f"sorry: {error}")
    each = agent(calls(CALL_BROKEN), says("sorry"), tools=[tool])
    with mirror(store, session_id="s"):
        result = run(each)
    assert result.new_items[1].output == "sorry: no such city"
    assert versions(store) == [*ONE_CALL[:2], ["open", "error"], ["completed", "error"]]
    (turn,) = turns(store)
    assert turn["tool_calls"] == [
        call("c-broken", "broken", "error", error="ValueError: no such city")
    ]


@EACH_RUN
def test_a_tool_error_that_is_raised_ends_the_turn(run: Run, store: DefaultSessionStore) -> None:
    each = agent(calls(CALL_BROKEN), tools=[failing(None)])
    with mirror(store, session_id="s"), pytest.raises(UserError) as raised:
        run(each)
    assert isinstance(raised.value.__cause__, ValueError)
    (turn,) = turns(store)
    assert turn["status"] == "error"
    assert turn["error"] == "UserError: Error running tool broken: no such city"
    assert turn["tool_calls"] == [
        call("c-broken", "broken", "error", error="ValueError: no such city")
    ]


def test_a_tool_that_takes_too_long_is_an_error(store: DefaultSessionStore) -> None:
    @function_tool(timeout=0.01)
    async def broken() -> str:
        await asyncio.Event().wait()
        return "never"

    with mirror(store, session_id="s"):
        run(agent(calls(CALL_BROKEN), says("sorry"), tools=[broken]))
    (turn,) = turns(store)
    assert turn["tool_calls"] == [
        call("c-broken", "broken", "error", error="Tool 'broken' timed out after 0.01 seconds.")
    ]


def test_calls_that_the_models_side_carries_out_are_there(store: DefaultSessionStore) -> None:
    search = item(
        "web_search_call",
        id="ws-1",
        status="completed",
        action={"type": "search", "query": "Rome", "queries": ["Rome"]},
    )
    remote = item(
        "mcp_call",
        id="mcp-1",
        name="lookup",
        arguments="{}",
        server_label="maps",
        error={"type": "mcp_protocol_error", "code": 404, "message": "no route"},
    )
    assert isinstance(search, ResponseFunctionWebSearch)
    assert isinstance(remote, McpCall)
    with mirror(store, session_id="s"):
        run(agent([search, remote, *says("found")]))
    (turn,) = turns(store)
    error = '{"code":404,"message":"no route","type":"mcp_protocol_error"}'
    assert turn["tool_calls"] == [
        call("ws-1", "web_search"),
        call("mcp-1", "lookup", "error", error=error),
    ]
    assert versions(store)[1] == ["open", "completed", "error"]


def test_calls_whose_hooks_do_not_get_their_id_are_found_in_the_response(
    store: DefaultSessionStore,
) -> None:
    """Also inside an agent that is a tool, where the hooks' context has that tool's id."""
    asked = [shell_call("sh-1"), shell_call("sh-2")]
    inner = agent(asked, says("done"), name="inner", tools=[ShellTool(executor=lambda _: "ok")])
    outer = agent(
        calls(("c-ask", "ask", {"input": "run it"})), says("ok"), tools=[inner.as_tool("ask", "")]
    )
    with mirror(store, session_id="s") as handle:
        run(outer)
    assert handle.failures == 0
    (turn,) = turns(store, "inner")
    assert turn["tool_calls"] == [call("sh-1", "shell"), call("sh-2", "shell")]
    assert versions(store, "inner") == [
        ["open"],
        ["open", "open", "open"],
        ["open", "completed", "open"],
        ["open", "completed", "open"],
        ["open", "completed", "completed"],
        ["completed", "completed", "completed"],
    ]
