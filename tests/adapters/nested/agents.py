"""An agent of each framework: asked by itself, or asking somebody else in a tool call."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import agents
import praisonaiagents
import pydantic_ai
from agents.testing import ScriptedModel, assistant_message, function_call
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from projections.adapters import openai_agents, praisonai
from projections.adapters import pydantic_ai as pydantic_ai_adapter

CALL = "call-1"
Asking: TypeAlias = Callable[[], Coroutine[Any, Any, str]]
"""Asks an agent, which answers."""


def of_openai(name: str, ask: Asking | None = None) -> Asking:
    async def ask_other() -> str:
        assert ask is not None
        return await ask()

    def answers() -> list[Any]:
        answer = [assistant_message("done")]
        return (
            [answer] if ask is None else [[function_call("ask_other", {}, call_id=CALL)], answer]
        )

    async def run() -> str:
        each: agents.Agent[Any] = agents.Agent(
            name=name,
            model=ScriptedModel(answers()),
            tools=[agents.function_tool(ask_other)],
        )
        return str((await agents.Runner.run(each, "go")).final_output)

    return run


def of_pydantic_ai(name: str, ask: Asking | None = None) -> Asking:
    def respond(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        asks = ask is not None and len(messages) == 1
        return ModelResponse([ToolCallPart("ask_other", {}, CALL) if asks else TextPart("done")])

    each = pydantic_ai.Agent(FunctionModel(respond), name=name)

    @each.tool_plain
    async def ask_other() -> str:
        assert ask is not None
        return await ask()

    async def run() -> str:
        return str((await each.run("go")).output)

    return run


def of_praisonai(name: str, ask: Asking | None = None) -> Asking:
    async def ask_other() -> str:
        """Asks somebody else."""
        assert ask is not None
        return await ask()

    each = praisonaiagents.Agent(
        name=name, instructions="Be brief.", model="stub", tools=[ask_other]
    )

    async def answer(*_: object, **__: object) -> str:
        if ask is not None:
            await each.execute_tool_async("ask_other", {}, tool_call_id=CALL)
        return "done"

    each._achat_impl = answer  # in place of the model

    async def run() -> str:
        return str(await each.achat("go"))

    return run


FRAMEWORKS: dict[str, Callable[[str, Asking | None], Asking]] = {
    "OpenAI": of_openai,
    "Pydantic AI": of_pydantic_ai,
    "PraisonAI": of_praisonai,
}

MIRRORS: dict[str, Callable[..., Any]] = {
    "OpenAI": openai_agents.mirror,
    "Pydantic AI": pydantic_ai_adapter.mirror,
    "PraisonAI": praisonai.mirror,
}
