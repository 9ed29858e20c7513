"""The SDK's run hooks, which report how a run goes."""

from collections.abc import Coroutine
from typing import Any

from agents import Agent, AgentHookContext, ModelResponse, RunContextWrapper, RunHooks, Tool
from agents.items import TResponseInputItem

from projections.adapters.mirroring import Mirror, Mirroring
from projections.adapters.openai_agents.runs import MirroredRun
from projections.adapters.openai_agents.sessions import Chosen, Sessions, choice_of


class RunJournal(RunHooks[Any]):
    """Hooks that report to a `MirroredRun`, and then call the user's hooks.

    When an agent's turn ends, by a handoff or an output, the user's hooks come first: if they
    raise, the turn ends as an error.
    """

    def __init__(self, run: MirroredRun, hooks: RunHooks[Any] | None = None) -> None:
        self._run = run
        self._hooks: RunHooks[Any] = RunHooks() if hooks is None else hooks

    async def on_agent_start(self, context: AgentHookContext[Any], agent: Agent[Any]) -> None:
        await self._run.follow(self._run.agent_started, context, agent)
        await self._hooks.on_agent_start(context, agent)

    async def on_llm_start(
        self,
        context: RunContextWrapper[Any],
        agent: Agent[Any],
        system_prompt: str | None,
        input_items: list[TResponseInputItem],
    ) -> None:
        await self._run.follow(self._run.model_is_asked, input_items)
        await self._hooks.on_llm_start(context, agent, system_prompt, input_items)

    async def on_llm_end(
        self, context: RunContextWrapper[Any], agent: Agent[Any], response: ModelResponse
    ) -> None:
        await self._run.follow(self._run.model_answered, agent, response)
        await self._hooks.on_llm_end(context, agent, response)

    def on_tool_start(
        self, context: RunContextWrapper[Any], agent: Agent[Any], tool: Tool
    ) -> Coroutine[Any, Any, None]:
        # Not a coroutine function: the SDK calls it in the tool's own context, but runs the
        # coroutine that it returns in another one.
        self._run.follow_now(self._run.call_begins, context, agent, tool)
        return self._tool_starts(context, agent, tool)

    async def _tool_starts(
        self, context: RunContextWrapper[Any], agent: Agent[Any], tool: Tool
    ) -> None:
        await self._run.follow(self._run.call_began)
        await self._hooks.on_tool_start(context, agent, tool)

    async def on_tool_end(
        self, context: RunContextWrapper[Any], agent: Agent[Any], tool: Tool, result: object
    ) -> None:
        await self._run.follow(self._run.call_ended, context, agent, tool, result)
        await self._hooks.on_tool_end(context, agent, tool, result)

    async def on_handoff(
        self, context: RunContextWrapper[Any], from_agent: Agent[Any], to_agent: Agent[Any]
    ) -> None:
        await self._hooks.on_handoff(context, from_agent, to_agent)
        await self._run.follow(self._run.handed_over, context, from_agent, to_agent)

    async def on_agent_end(
        self, context: AgentHookContext[Any], agent: Agent[Any], output: Any
    ) -> None:
        await self._hooks.on_agent_end(context, agent, output)
        await self._run.follow(self._run.agent_ended, output)


class JournalHooks(RunJournal):
    """Mirrors the runs that it is passed to, one after the other: `Runner.run(…, hooks=…)`.

    Use these hooks to mirror only some runs of a process. Runs at the same time each need hooks
    of their own. Hooks see less than `mirror` does:

    - If a run fails, is cancelled, is stopped by a guardrail or waits for approvals, they do not
      see its end. Its turn stays open until these hooks see another run; then it is closed as an
      error. Calls that wait for approval stay open, and a run that goes on has a turn of its own.
    - If a tool raises, they only see that it failed, if the SDK's own words are its result.
    - They do not know the model that a run's `run_config` names, and take the agent's.

    `handle` is where the turns go. `hooks` are called as well. The session of a turn is the
    first of: `session_id`, or what `session_id` returns for its agent; the session of the run
    that it is part of; one that is made up for these hooks. Raises TypeError for any other
    `session_id`.
    """

    def __init__(
        self, handle: Mirror, *, session_id: Chosen = None, hooks: RunHooks[Any] | None = None
    ) -> None:
        choice = choice_of(session_id)
        mirroring = Mirroring(handle.recorder)
        sessions = Sessions(mirroring, choice)
        handle.on_close(mirroring.stop)
        super().__init__(MirroredRun(mirroring, sessions.of_agent, False), hooks)
