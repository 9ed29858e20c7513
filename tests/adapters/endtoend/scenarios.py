"""The scenarios: who does what, in which framework."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.adapters.endtoend.scripts import (
    Ask,
    Asks,
    Framework,
    Script,
    Step,
    Tool,
    broken,
    lookup,
    refund,
)

PATIENCE = 30  # seconds for what runs side by side to meet
IN_THE_CALL = "in the call"

Play = Callable[[Framework], Coroutine[Any, Any, str]]


def asking(name: str, ask: Ask, after: asyncio.Event | None = None) -> Tool:
    """A tool that asks another agent."""

    async def tool(question: str) -> str:
        """Asks somebody else."""
        if after is not None:
            await asyncio.wait_for(after.wait(), PATIENCE)
        return await ask(question)

    tool.__name__ = name
    return tool


async def two_agents(of: Framework) -> str:
    triage: list[Step] = [
        [Asks("call-1", "lookup", {"order": 17})],
        [Asks("call-2", "transfer_to_billing", {})],
        "It is shipped and paid.",
    ]
    billing: list[Step] = [[Asks("call-3", "lookup", {"order": 18})], "It is paid."]
    ask = of.passing_on(Script("triage", triage, [lookup]), Script("billing", billing, [lookup]))
    return await ask("Is order 17 paid?")


async def parallel_calls(of: Framework) -> str:
    """Neither ends before both have begun."""
    begun = asyncio.Barrier(2)

    async def lookup(order: int) -> str:
        """Where an order is, once two have been asked for."""
        async with asyncio.timeout(PATIENCE):
            await begun.wait()
        return f"order {order} is shipped"

    both = [Asks(f"call-{order}", "lookup", {"order": order}) for order in (17, 18)]
    return await of.agent(Script("desk", [both, "Both."], [lookup]))("Where are they?")


async def an_error(of: Framework) -> str:
    asked = [Asks("call-1", "broken", {"order": 99})]
    return await of.agent(Script("desk", [asked, "Sorry."], [broken]))("Where is order 99?")


async def an_approval(of: Framework) -> str:
    asked = [Asks("call-1", "refund", {"euro": 5})]
    return await of.guarded(Script("desk", [asked, "Done."], [refund]), None)("I want it back.")


async def a_refusal(of: Framework) -> str:
    asked = [Asks("call-1", "refund", {"euro": 5000})]
    script = Script("desk", [asked, "Not possible."], [refund])
    return await of.guarded(script, "too much")("I want it back.")


async def a_fan_out(of: Framework) -> str:
    """The agents that are asked have a call each, of the same id. Rome's begins first."""
    cities = ("rome", "bern")
    together, rome_is_asked = asyncio.Barrier(2), asyncio.Event()

    def knowing(city: str) -> Ask:
        async def weather(day: str) -> str:
            """The weather."""
            rome_is_asked.set()
            async with asyncio.timeout(PATIENCE):
                await together.wait()
            return f"sunny in {city}"

        steps: list[Step] = [[Asks("call-1", "weather", {"day": "today"})], f"Sun in {city}."]
        return of.agent(Script(city, steps, [weather]))

    tools = [
        asking("ask_rome", knowing("rome")),
        asking("ask_bern", knowing("bern"), after=rome_is_asked),
    ]
    both = [Asks(f"call-{city}", f"ask_{city}", {"question": f"And {city}?"}) for city in cities]
    return await of.agent(Script("desk", [both, "Sunny."], tools))("Will it rain?")


def nested(*others: Framework) -> Play:
    """An agent of each framework inside one of the one before."""

    async def play(of: Framework) -> str:
        ask, asked = None, ""
        for depth, each in reversed(list(enumerate((of, *others), 1))):
            script = Script(f"agent-{depth}", [f"{depth} says so."])
            if ask is not None:
                calls = [Asks(f"call-{depth}", asked, {"question": f"What says {depth + 1}?"})]
                script = Script(script.name, [calls, *script.steps], [asking(asked, ask)])
            ask, asked = each.agent(script), f"ask_agent_{depth}"
        assert ask is not None
        return await ask("What do you say?")

    return play


async def a_crash(of: Framework) -> str:
    """Whoever started the process kills it in the call of the inner agent."""

    async def charge(euro: int) -> str:
        """Never comes back."""
        print(IN_THE_CALL, flush=True)
        await asyncio.Event().wait()
        return "never"

    calls = [Asks("call-1", "lookup", {"order": 17})], [Asks("call-2", "charge", {"euro": 5})]
    billing = of.agent(Script("billing", calls, [lookup, charge]))
    asked = [Asks("call-1", "ask_billing", {"question": "Charge 5 euro."})]
    triage = of.agent(Script("triage", [asked], [asking("ask_billing", billing)]))
    return await triage("Charge me.")


SCENARIOS: dict[str, Play] = {
    "two agents": two_agents,
    "parallel calls": parallel_calls,
    "an error": an_error,
    "an approval": an_approval,
    "a refusal": a_refusal,
    "a fan-out": a_fan_out,
}
CRASH = "a crash"
