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
from projections.adapters.openai_agents.hooks import JournalHooks, RunJournal
from projections.adapters.openai_agents.resuming import Interrupted, interrupted_in
from projections.adapters.openai_agents.runs import Ending, MirroredRun
from projections.adapters.openai_agents.sessions import Sessions

_ROUNDS = 8  # of an event loop, in which a cancellation comes through the SDK's tasks


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
                if (where := self._interrupted_in(input)) is not None:
                    await run.follow(run.aresume, where)
                result = await self.before.run(starting_agent, input, **kwargs)
        except asyncio.CancelledError as error:  # a caller that cancels does not wait for a disk
            try:
                await _tools_are_cancelled(run)
            finally:
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
                if (where := self._interrupted_in(input)) is not None:
                    run.follow_now(run.resume, where)
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
            if (where := self._interrupted_in(input)) is not None:
                run.follow_now(run.resume, where)
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
            run = MirroredRun(
                self._mirroring,
                self._sessions.of_run(kwargs, given),
                watched=True,
                config=kwargs.get("run_config"),
                called_in=_caller(self._mirroring.here(), kwargs.get("context")),
            )
            run.session_id = self._sessions.known(agent, kwargs, given)
        except Exception as error:  # noqa: BLE001 - of ours: the agent goes on
            self._mirroring.recorder.note_failure(error)
            return None
        kwargs["hooks"] = RunJournal(run, hooks)
        return run

    def _interrupted_in(self, given: Any) -> Interrupted | None:
        return self._mirroring.guard(interrupted_in, given)


def _caller(here: CallContext | None, context: object) -> CallContext | None:
    """Where a run begins. No hook tells of a call that goes on; its agent gets its context."""
    if here is None or here.turn is not None or not isinstance(here.work, MirroredRun):
        return here
    call_id = getattr(context, "tool_call_id", None)
    return here if call_id is None else here._replace(turn=here.work.turn, call_id=call_id)


async def _tools_are_cancelled(run: MirroredRun) -> None:
    """Let the event loop go round until the tools are cancelled too; those in threads go on."""
    for _ in range(_ROUNDS):
        if not run.has_running_calls:
            break
        await asyncio.sleep(0)


def _complete(result: RunResult | RunResultStreaming) -> Ending:
    """The end of a run that returned, with its output or with calls to approve."""
    waiting = getattr(result, "interruptions", ())
    return Ending("waiting" if waiting else "completed", None, result.new_items, waiting)


def _end_with(run: MirroredRun, result: RunResultStreaming) -> None:
    """End the run when its task ends, whether or not anybody reads its stream."""

    def ended(task: asyncio.Task[Any], rounds: int = _ROUNDS) -> None:
        if task.cancelled() and rounds and run.has_running_calls:
            task.get_loop().call_soon(ended, task, rounds - 1)
            return
        run.mirroring.recorder.drain()
        run.mirroring.guard(lambda: run.end_soon(_ending(run, result, task)))

    task = result.run_loop_task
    if task is not None:
        task.add_done_callback(ended)


def _ending(run: MirroredRun, result: RunResultStreaming, task: asyncio.Task[Any]) -> Ending:
    """How a streamed run ended. Some errors are raised for its reader, but not in its task."""
    if task.cancelled():
        return Ending("cancelled", items=result.new_items)
    # `task.exception()` would mark it as retrieved, and asyncio would not report it any more.
    error = getattr(task, "_exception", None) or _raised_later(result)
    if error is not None:
        return Ending.by(error)._replace(items=result.new_items)
    if run.has_output or result.interruptions:
        return _complete(result)
    if result.max_turns is not None and result.current_turn > result.max_turns:
        error = MaxTurnsExceeded(f"Max turns ({result.max_turns}) exceeded")
        return Ending("error", error, result.new_items)
    return Ending("cancelled", items=result.new_items)  # by `result.cancel("after_turn")`


def _raised_later(result: RunResultStreaming) -> Exception | None:
    """The error that a guardrail raises for the reader of the stream."""
    for before in result.input_guardrail_results:
        if before.output.tripwire_triggered:
            return InputGuardrailTripwireTriggered(before)
    for after in result.output_guardrail_results:
        if after.output.tripwire_triggered:
            return OutputGuardrailTripwireTriggered(after)
    return None
