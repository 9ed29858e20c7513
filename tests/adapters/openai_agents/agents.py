"""Agents whose model says what a test tells it, and the ways to run them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from agents import (
    Agent,
    FunctionTool,
    Runner,
    function_tool,
)
from agents.testing import ScriptedModel, assistant_message, function_call
from openai.types.responses import ResponseOutputItem
from pydantic import TypeAdapter

from tests.adapters.reported import call, said


@function_tool
def weather(city: str) -> str:
    """The weather."""
    return f"sunny in {city}"


@function_tool
async def broken() -> str:
    """Never works."""
    raise ValueError("no such city")


def says(text: str) -> list[Any]:
    return [assistant_message(text)]


def calls(*wanted: tuple[str, str, dict[str, Any]]) -> list[Any]:
    return [function_call(name, arguments, call_id=call_id) for call_id, name, arguments in wanted]


_ITEMS: TypeAdapter[Any] = TypeAdapter(ResponseOutputItem)


def item(kind: str, **fields: Any) -> Any:
    """An item of a response, of any type."""
    return _ITEMS.validate_python({"type": kind, **fields})


def shell_call(call_id: str, command: str = "true") -> Any:
    return item(
        "shell_call",
        id=f"item-{call_id}",
        call_id=call_id,
        status="completed",
        action={"commands": [command]},
    )


def patch_call(call_id: str, kind: str = "create_file") -> Any:
    operation = {"type": kind, "path": f"{call_id}.txt", "diff": "+x"}
    return item(
        "apply_patch_call",
        id=f"i-{call_id}",
        call_id=call_id,
        status="completed",
        operation=operation,
    )


def custom_call(call_id: str) -> Any:
    return item("custom_tool_call", id=f"i-{call_id}", call_id=call_id, name="query", input="7")


CALL_ROME = ("c-rome", "weather", {"city": "Rome"})


CALL_BERN = ("c-bern", "weather", {"city": "Bern"})


CALL_BROKEN: tuple[str, str, dict[str, Any]] = ("c-broken", "broken", {})


ASK_ROME = [calls(CALL_ROME), says("sunny")]


def agent(*steps: Any, name: str = "native", **options: Any) -> Agent[Any]:
    """An agent whose model answers with one step after the other."""
    options.setdefault("tools", [weather, broken])
    return Agent(name=name, model=ScriptedModel(steps or [says("hello")]), **options)


def run(each: Agent[Any], prompt: Any = "you", **options: Any) -> Any:
    return asyncio.run(Runner.run(each, prompt, **options))


def run_sync(each: Agent[Any], prompt: Any = "you", **options: Any) -> Any:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # the SDK leaves one open otherwise
    try:
        return Runner.run_sync(each, prompt, **options)
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def run_streamed(each: Agent[Any], prompt: Any = "you", **options: Any) -> Any:
    async def main() -> Any:
        result = Runner.run_streamed(each, prompt, **options)
        async for _ in result.stream_events():
            pass
        return result

    return asyncio.run(main())


Run = Callable[..., Any]


RUNS: list[Run] = [run, run_sync, run_streamed]


EACH_RUN = pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)


def failing(how: Any) -> FunctionTool:
    async def broken() -> str:
        raise ValueError("no such city")

    return function_tool(broken, failure_error_function=how)


class Waiting:
    """A tool that says that it has begun, and never ends."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.tool = function_tool(self._wait, name_override="waiting")

    async def _wait(self) -> str:
        self.begun.set()
        await asyncio.Event().wait()
        return "never"


CALL_WAITING = calls(("c-wait", "waiting", {}))


CANCELLED = {
    "status": "cancelled",
    "tool_calls": [call("c-wait", "waiting", "cancelled")],
    "transcript": said("you"),
}


def guarded(approve: Any = True, name: str = "weather") -> FunctionTool:
    """The weather, which needs approval."""

    def sunny(city: str) -> str:
        return f"sunny in {city}"

    return function_tool(sunny, name_override=name, needs_approval=approve)


def inside(asked: str, inner: Agent[Any], name: str = "outer") -> Agent[Any]:
    """An agent that has another one as its tool."""
    tool = inner.as_tool("ask", "asks")
    return agent(calls((asked, "ask", {"input": "please"})), says("done"), name=name, tools=[tool])


class ModelError(Exception):
    pass


HOOKS = ["agent_start", "llm_start", "llm_end", "tool_start", "tool_end", "handoff", "agent_end"]
