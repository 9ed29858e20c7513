"""Agents of Pydantic AI."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, Tool, ToolDenied
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import override_allow_model_requests
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage

from projections.adapters.pydantic_ai import mirror
from tests.adapters.endtoend.scripts import ANSWER_USAGE, Ask, Script, Step

MODEL = "stub"


class PydanticAI:
    def offline(self) -> AbstractContextManager[object]:
        return override_allow_model_requests(False)

    def mirror(self, folder: str, session_id: Callable[[Any], str] | None) -> Any:
        return mirror(folder, session_id=session_id)

    def agent(self, script: Script) -> Ask:
        return _asks(_agent(script))

    def passing_on(self, first: Script, second: Script) -> Ask:
        """In a tool: Pydantic AI has no handoffs of its own."""
        second_agent = _agent(second)

        async def transfer_to_billing() -> str:
            return str((await second_agent.run("Is it paid?")).output)

        return _asks(_agent(Script(first.name, first.steps, [*first.tools, transfer_to_billing])))

    def guarded(self, script: Script, refused: str | None) -> Ask:
        each = _agent(script, requires_approval=True, output_type=[str, DeferredToolRequests])

        async def ask(prompt: str) -> str:
            asked = await each.run(prompt)
            (waiting,) = asked.output.approvals
            answer = True if refused is None else ToolDenied(refused)
            results = DeferredToolResults(approvals={waiting.tool_call_id: answer})
            history = asked.all_messages()
            return str(
                (await each.run(message_history=history, deferred_tool_results=results)).output
            )

        return ask


def _agent(script: Script, requires_approval: bool = False, **options: Any) -> Agent[None, Any]:
    steps = iter(script.steps)

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        script.think()
        return _answer(next(steps))

    tools = [Tool(each, requires_approval=requires_approval) for each in script.tools]
    return Agent(
        FunctionModel(respond, model_name=MODEL), name=script.name, tools=tools, **options
    )


def _answer(step: Step) -> ModelResponse:
    usage = RequestUsage(
        input_tokens=ANSWER_USAGE["input_tokens"],
        output_tokens=ANSWER_USAGE["output_tokens"],
        cache_read_tokens=ANSWER_USAGE["cache_read_tokens"],
    )
    if isinstance(step, str):
        return ModelResponse([TextPart(step)], usage=usage, finish_reason="stop")
    calls = [ToolCallPart(each.name, each.arguments, each.id) for each in step]
    return ModelResponse(calls, usage=usage, finish_reason="tool_call")


def _asks(each: Agent[None, Any]) -> Ask:
    async def ask(prompt: str) -> str:
        return str((await each.run(prompt)).output)

    return ask
