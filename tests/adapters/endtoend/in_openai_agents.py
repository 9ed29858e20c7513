"""Agents of the OpenAI Agents SDK."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from agents import Agent, Runner, Usage, function_tool, set_tracing_disabled
from agents.testing import ModelStep, ScriptedModel, assistant_message, function_call
from openai.types.responses.response_usage import InputTokensDetails

from projections.adapters.openai_agents import mirror
from tests.adapters.endtoend.scripts import ANSWER_USAGE, Ask, Script, Step


class OpenAIAgents:
    def offline(self) -> AbstractContextManager[object]:
        set_tracing_disabled(True)
        return nullcontext()

    def mirror(self, folder: str, session_id: Callable[[Any], str] | None) -> Any:
        return mirror(folder, session_id=session_id)

    def agent(self, script: Script) -> Ask:
        return _asks(_agent(script))

    def passing_on(self, first: Script, second: Script) -> Ask:
        """For good: the first one does not answer any more."""
        return _asks(_agent(first, handoffs=[_agent(second)]))

    def guarded(self, script: Script, refused: str | None) -> Ask:
        each = _agent(script, needs_approval=True)

        async def ask(prompt: str) -> str:
            state = (await Runner.run(each, prompt)).to_state()
            (waiting,) = state.get_interruptions()
            if refused is None:
                state.approve(waiting)
            else:
                state.reject(waiting, rejection_message=refused)
            return str((await Runner.run(each, state)).final_output)

        return ask


def _agent(script: Script, needs_approval: bool = False, **options: Any) -> Agent[Any]:
    details = InputTokensDetails(
        cached_tokens=ANSWER_USAGE["cache_read_tokens"], cache_write_tokens=0
    )
    usage = Usage(
        requests=1,
        input_tokens=ANSWER_USAGE["input_tokens"],
        output_tokens=ANSWER_USAGE["output_tokens"],
        input_tokens_details=details,
    )

    def answer(step: Step) -> ModelStep:
        def respond(_: object) -> ModelStep:
            script.think()
            return ModelStep(output=_answer(step), usage=usage)

        return ModelStep.respond(respond)

    model = ScriptedModel(map(answer, script.steps))
    tools: Any = [function_tool(each, needs_approval=needs_approval) for each in script.tools]
    return Agent(name=script.name, model=model, tools=tools, **options)


def _answer(step: Step) -> list[Any]:
    if isinstance(step, str):
        return [assistant_message(step)]
    return [function_call(each.name, each.arguments, call_id=each.id) for each in step]


def _asks(each: Agent[Any]) -> Ask:
    async def ask(prompt: str) -> str:
        return str((await Runner.run(each, prompt, max_turns=100)).final_output)

    return ask
