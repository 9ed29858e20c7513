"""Our default runner for the SDK, in front of the one that was there before."""

import asyncio
from typing import Any

from agents import (
    Agent,
    InputGuardrailTripwireTriggered,
    MaxTurnsExceeded,
    OutputGuardrailTripwireTriggered,
    RunResult,
    RunResultStreaming,
)
from agents.lifecycle import RunHooksBase
from agents.run import AgentRunner

from projections.adapters.context import CallContext, use_context
from projections.adapters.mirroring import Mirroring
from projections.adapters.openai_agents.contents import refused_in
from projections.adapters.openai_agents.hooks import JournalHooks, RunJournal
from projections.adapters.openai_agents.runs import Ending, MirroredRun
from projections.adapters.openai_agents.sessions import Sessions


class MirroringRunner(AgentRunner):
    """Lets another runner do the work, with our hooks around the given ones."""

    def __init__(self, before: AgentRunner, mirroring: Mirroring, sessions: Sessions) -> None:
        self.before = before
        self._mirroring = mirroring
        self._sessions = sessions

    async def run(self, starting_agent: Agent[Any], input: Any, **kwargs: Any) -> RunResult:  # noqa: A002
        run = self._begin(starting_agent, input, kwargs)
        if run is None:
            return await self.before.run(starting_agent, input, **kwargs)
        try:
            with use_context(CallContext(self._mirroring.recorder, run)):
                result = await self.before.run(starting_agent, input, **kwargs)
        except asyncio.CancelledError as error:  # a caller that cancels does not wait for us
            run.end_soon(Ending.by(error))
            raise
        except Exception as error:
            await run.aend(Ending.by(error))
            raise
        except BaseException as error:  # it is closed, or the process ends
            run.defer_end(Ending.by(error))
            raise
        await run.aend(_complete(result))
        return result

    def run_sync(self, starting_agent: Agent[Any], input: Any, **kwargs: Any) -> RunResult:  # noqa: A002
        run = self._begin(starting_agent, input, kwargs)
        if run is None:
            return self.before.run_sync(starting_agent, input, **kwargs)
        try:
            with use_context(CallContext(self._mirroring.recorder, run)):
                result = self.before.run_sync(starting_agent, input, **kwargs)
        except BaseException as error:
            run.end(Ending.by(error))
            raise
        run.end(_complete(result))
        return result

    def run_streamed(
        self,
        starting_agent: Agent[Any],
        input: Any,  # noqa: A002
        **kwargs: Any,
    ) -> RunResultStreaming:
        run = self._begin(starting_agent, input, kwargs)
        if run is None:
            return self.before.run_streamed(starting_agent, input, **kwargs)
        with use_context(CallContext(self._mirroring.recorder, run)):
            result = self.before.run_streamed(starting_agent, input, **kwargs)
        self._mirroring.guard(_end_with, run, result)
        return result

    def _begin(self, agent: Agent[Any], given: Any, kwargs: dict[str, Any]) -> MirroredRun | None:
        """A run, with our hooks put into its options; None if it is not mirrored."""
        hooks = kwargs.get("hooks")
        if self._mirroring.stopped or isinstance(hooks, JournalHooks):
            return None
        if not (hooks is None or isinstance(hooks, RunHooksBase)):
            return None  # the SDK will refuse it
        try:
            run = MirroredRun(self._mirroring, self._sessions.of_run(kwargs, given), watched=True)
            run.session_id = self._sessions.known(agent, kwargs, given)
            run.refused = refused_in(given)
        except Exception as error:  # noqa: BLE001 - of ours: the agent goes on
            self._mirroring.recorder.note_failure(error)
            return None
        kwargs["hooks"] = RunJournal(run, hooks)
        return run


def _complete(result: RunResult | RunResultStreaming) -> Ending:
    """The end of a run that returned, with its output or with calls to approve."""
    return Ending(waiting=getattr(result, "interruptions", ()))


def _end_with(run: MirroredRun, result: RunResultStreaming) -> None:
    """End the run when its task ends, whether or not anybody reads its stream."""

    def ended(task: asyncio.Task[Any]) -> None:
        run.mirroring.recorder.drain()
        run.mirroring.guard(lambda: run.end_soon(_ending(run, result, task)))

    task = result.run_loop_task
    if task is not None:
        task.add_done_callback(ended)


def _ending(run: MirroredRun, result: RunResultStreaming, task: asyncio.Task[Any]) -> Ending:
    """How a streamed run ended. Some errors are raised for its reader, but not in its task."""
    if task.cancelled():
        return Ending("cancelled")
    # `task.exception()` would mark it as retrieved, and asyncio would not report it any more.
    error = getattr(task, "_exception", None) or _raised_later(result)
    if error is not None:
        return Ending.by(error)
    if run.has_output or result.interruptions:
        return _complete(result)
    if result.max_turns is not None and result.current_turn > result.max_turns:
        return Ending("error", MaxTurnsExceeded(f"Max turns ({result.max_turns}) exceeded"))
    return Ending("cancelled")  # by `result.cancel("after_turn")`


def _raised_later(result: RunResultStreaming) -> Exception | None:
    """The error that a guardrail raises for the reader of the stream."""
    for before in result.input_guardrail_results:
        if before.output.tripwire_triggered:
            return InputGuardrailTripwireTriggered(before)
    for after in result.output_guardrail_results:
        if after.output.tripwire_triggered:
            return OutputGuardrailTripwireTriggered(after)
    return None
