"""A turn of an agent with two tool calls, mirrored, on top of the same turn without us.

The models are stubs that answer at once, and PraisonAI's is left out altogether, so that what
is left is the frameworks' own work. The turns follow each other without a pause.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from time import perf_counter
from typing import Any, TypeAlias

from journal.config import Limits
from projections import DefaultSessionStore
from projections.adapters.mirroring import Mirror
from tests.benchmarks.measure import Stats, in_turn
from tests.benchmarks.results import OURS, Goal, Row, at_most
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

Turn: TypeAlias = Callable[[], object]
Mirroring: TypeAlias = Callable[[DefaultSessionStore], Mirror]

_WITHOUT = "without"
_BLOCK = 10
_GOAL = 0.001  # seconds


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """A row for each way to run an agent."""
    found = []
    loop = asyncio.new_event_loop()
    try:
        for name, (turn, mirror) in _frameworks(loop).items():
            with DefaultSessionStore(
                f"{folder}/{name}", durability="os", limits=Limits(runtime_bytes=1 << 30)
            ) as store:
                figures = _compared(turn, mirror, store, sizes.slow_rounds)
            found.append(Row(f"a mirrored turn, {name}", figures, [_goal(figures)]))
    finally:
        loop.close()
    return found


def _goal(figures: dict[str, Stats]) -> Goal:
    more = figures[OURS].median - figures[_WITHOUT].median
    return at_most("on top of the turn itself", more, _GOAL, "s")


def _compared(
    turn: Turn, mirror: Mirroring, store: DefaultSessionStore, rounds: int
) -> dict[str, Stats]:
    """A block of turns with and a block without; the first round warms up."""
    taken: dict[str, list[float]] = {OURS: [], _WITHOUT: []}
    for _, name in in_turn(list(taken), rounds + 1):
        with ExitStack() as held:
            if name == OURS:
                held.enter_context(mirror(store))
            for _ in range(_BLOCK):
                start = perf_counter()
                turn()
                taken[name].append(perf_counter() - start)
    return {name: Stats.of(seconds[_BLOCK:]) for name, seconds in taken.items()}


def _frameworks(loop: asyncio.AbstractEventLoop) -> dict[str, tuple[Turn, Mirroring]]:
    return {
        "PraisonAI chat": _praisonai(None),
        "PraisonAI achat": _praisonai(loop),
        "OpenAI Agents SDK": _openai_agents(loop),
        "Pydantic AI": _pydantic_ai(loop),
    }


def _cities() -> Iterator[str]:
    """PraisonAI takes the same call again and again for an agent that is stuck."""
    return (f"city {number}" for number in itertools.count())


def _praisonai(loop: asyncio.AbstractEventLoop | None) -> tuple[Turn, Mirroring]:
    from praisonaiagents import Agent

    from projections.adapters.praisonai import mirror

    def weather(city: str) -> str:
        """The weather."""
        return f"sunny in {city}"

    agent = Agent(name="native", instructions="Be brief.", model="stub", tools=[weather])
    cities = _cities()

    def answer(*_: object, **__: object) -> str:
        for call_id in ("call-1", "call-2"):
            agent.execute_tool("weather", {"city": next(cities)}, tool_call_id=call_id)
        return "It is sunny."

    async def answer_async(*_: object, **__: object) -> str:
        for call_id in ("call-1", "call-2"):
            await agent.execute_tool_async("weather", {"city": next(cities)}, tool_call_id=call_id)
        return "It is sunny."

    agent._chat_impl, agent._achat_impl = answer, answer_async

    def turn() -> object:
        if loop is None:
            return agent.chat("Where is it sunny?")
        return loop.run_until_complete(agent.achat("Where is it sunny?"))

    return turn, lambda store: mirror(store, session_id="s")


def _openai_agents(loop: asyncio.AbstractEventLoop) -> tuple[Turn, Mirroring]:
    from agents import Agent, Runner, function_tool, set_tracing_disabled
    from agents.testing import ScriptedModel, assistant_message, function_call

    from projections.adapters.openai_agents import mirror

    set_tracing_disabled(True)

    @function_tool
    async def weather(city: str) -> str:
        return f"sunny in {city}"

    calls = [function_call("weather", {"city": "Rome"}, call_id=f"call-{n}") for n in (1, 2)]

    def turn() -> object:
        model = ScriptedModel([calls, [assistant_message("It is sunny.")]])
        agent: Agent[Any] = Agent(name="native", model=model, tools=[weather])
        return loop.run_until_complete(Runner.run(agent, "Where is it sunny?"))

    return turn, lambda store: mirror(store, session_id="s")


def _pydantic_ai(loop: asyncio.AbstractEventLoop) -> tuple[Turn, Mirroring]:
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

    calls = [ToolCallPart("weather", {"city": "Rome"}, f"call-{n}") for n in (1, 2)]

    async def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        first = sum(isinstance(message, ModelRequest) for message in messages) == 1
        return ModelResponse(calls if first else [TextPart("It is sunny.")])

    agent = Agent(FunctionModel(model), name="native")

    @agent.tool_plain
    async def weather(city: str) -> str:
        return f"sunny in {city}"

    def turn() -> object:
        return loop.run_until_complete(agent.run("Where is it sunny?"))

    return turn, lambda store: mirror(store, session_id="s")
