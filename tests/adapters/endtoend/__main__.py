"""Plays all scenarios with the agents of a framework, and then hangs to be killed."""

import asyncio
import json
import sys
from contextlib import ExitStack

from tests.adapters.endtoend.in_openai_agents import OpenAIAgents
from tests.adapters.endtoend.in_praisonai import PraisonAI
from tests.adapters.endtoend.in_pydantic_ai import PydanticAI
from tests.adapters.endtoend.scenarios import CRASH, SCENARIOS, Play, a_crash, nested
from tests.adapters.endtoend.scripts import Framework

FRAMEWORKS: dict[str, Framework] = {
    "openai-agents": OpenAIAgents(),
    "pydantic-ai": PydanticAI(),
    "praisonai": PraisonAI(),
}


def main(framework: str, folder: str) -> None:
    """Prints each scenario's name and answer, as a line of JSON."""
    of = FRAMEWORKS[framework]
    others = [each for each in FRAMEWORKS.values() if each is not of]
    scenarios: dict[str, Play] = {**SCENARIOS, "nested": nested(*others), CRASH: a_crash}
    with ExitStack() as held:
        for each in (of, *others):
            held.enter_context(each.offline())
        session = ""
        handle = held.enter_context(of.mirror(folder, lambda _: session))
        for each in others:  # without a session of their own
            held.enter_context(each.mirror(folder, None))
        for session, play in scenarios.items():  # the mirror asks for it
            answer = asyncio.run(_answer(of, play))
            print(json.dumps([session, answer, handle.failures]), flush=True)


async def _answer(of: Framework, play: Play) -> str:
    try:
        return await play(of)
    except ValueError as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main(*sys.argv[1:])
