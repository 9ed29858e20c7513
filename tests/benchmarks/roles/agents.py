"""Turns of agents, mirrored or not, timed here, a block at a time. Also run with the older build.

The models are stubs that answer at once, and PraisonAI's is left out altogether, so that what
is left is the frameworks' own work. The turns follow each other without a pause.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

from journal.config import Limits
from projections import DefaultSessionStore
from projections.adapters.mirroring import Mirror
from tests.benchmarks.measure import timed
from tests.benchmarks.roles.blocks import serve

Turn: TypeAlias = Callable[[], object]
Mirroring: TypeAlias = Callable[[DefaultSessionStore], Mirror]

LIMITS = Limits(turn_bytes=1 << 20, runtime_bytes=1 << 40)
"""More than any of the benchmarks saves."""


def turns(framework: str, folder: str, mirrored: bool, calls: int) -> None:
    """Turns of an agent with so many tool calls."""
    loop = asyncio.new_event_loop()
    turn, mirror = _FRAMEWORKS[framework](loop, calls)
    with ExitStack() as held:
        if mirrored:
            store = held.enter_context(DefaultSessionStore(folder, durability="os", limits=LIMITS))
            held.enter_context(mirror(store))
        serve(timed(lambda _: turn()))
    loop.close()


def _cities() -> Iterator[str]:
    """PraisonAI takes the same call again and again for an agent that is stuck."""
    return (f"city {number}" for number in itertools.count())


def _praisonai_chat(_: asyncio.AbstractEventLoop, calls: int) -> tuple[Turn, Mirroring]:
    return _praisonai(None, calls)


def _praisonai(loop: asyncio.AbstractEventLoop | None, calls: int) -> tuple[Turn, Mirroring]:
    from praisonaiagents import Agent

    from projections.adapters.praisonai import mirror

    def weather(city: str) -> str:
        """The weather."""
        return f"sunny in {city}"

    agent = Agent(name="native", instructions="Be brief.", model="stub", tools=[weather])
    cities, ids = _cities(), [f"call-{number}" for number in range(calls)]

    def answer(*_: object, **__: object) -> str:
        for call_id in ids:
            agent.execute_tool("weather", {"city": next(cities)}, tool_call_id=call_id)
        return "It is sunny."

    async def answer_async(*_: object, **__: object) -> str:
        for call_id in ids:
            await agent.execute_tool_async("weather", {"city": next(cities)}, tool_call_id=call_id)
        return "It is sunny."

    agent._chat_impl, agent._achat_impl = answer, answer_async

    def turn() -> object:
        if loop is None:
            return agent.chat("Where is it sunny?")
        return loop.run_until_complete(agent.achat("Where is it sunny?"))

    return turn, lambda store: mirror(store, session_id="s")


def _openai_agents(loop: asyncio.AbstractEventLoop, calls: int) -> tuple[Turn, Mirroring]:
    from agents import Agent, Runner, function_tool, set_tracing_disabled
    from agents.testing import ScriptedModel, assistant_message, function_call

    from projections.adapters.openai_agents import mirror

    set_tracing_disabled(True)

    @function_tool
    async def weather(city: str) -> str:
        return f"sunny in {city}"

    asked = [function_call("weather", {"city": "Rome"}, call_id=f"call-{n}") for n in range(calls)]

    def turn() -> object:
        model = ScriptedModel([asked, [assistant_message("It is sunny.")]])
        agent: Agent[Any] = Agent(name="native", model=model, tools=[weather])
        return loop.run_until_complete(Runner.run(agent, "Where is it sunny?"))

    return turn, lambda store: mirror(store, session_id="s")


def _pydantic_ai(loop: asyncio.AbstractEventLoop, calls: int) -> tuple[Turn, Mirroring]:
    from pydantic_ai import Agent
    from pydantic_ai.messages import (
        ModelMessage,
        ModelRequest,
        ModelResponse,
        TextPart,
        ToolCallPart,
    )
    from pydantic_ai.models.function import AgentInfo, FunctionModel

    from projections.adapters.pydantic_ai import mirror

    asked = [ToolCallPart("weather", {"city": "Rome"}, f"call-{n}") for n in range(calls)]

    async def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        first = sum(isinstance(message, ModelRequest) for message in messages) == 1
        return ModelResponse(asked if first else [TextPart("It is sunny.")])

    agent = Agent(FunctionModel(model), name="native")

    @agent.tool_plain
    async def weather(city: str) -> str:
        return f"sunny in {city}"

    def turn() -> object:
        return loop.run_until_complete(agent.run("Where is it sunny?"))

    return turn, lambda store: mirror(store, session_id="s")


_FRAMEWORKS: dict[str, Callable[[asyncio.AbstractEventLoop, int], tuple[Turn, Mirroring]]] = {
    "PraisonAI chat": _praisonai_chat,
    "PraisonAI achat": _praisonai,
    "OpenAI Agents SDK": _openai_agents,
    "Pydantic AI": _pydantic_ai,
}
