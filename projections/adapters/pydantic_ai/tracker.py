"""Tracks the runs of one capability: which are under way, and what is written of them when.

Code that a run calls finds the run in the context, as in Pydantic AI's own tracing. A run
inside a tool knows its caller's turn and call. A run inside an output function, or in the
block of a stream, knows the turn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic_ai import AgentRunResult, RunContext
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred, SkipToolExecution
from pydantic_ai.messages import ToolCallPart

from projections.adapters.context import CallContext, current
from projections.adapters.mirroring import Mirroring
from projections.adapters.pydantic_ai.contents import (
    answers_in,
    cause_of,
    deferred_calls,
    output_text,
    prompt_of,
    status_of,
)
from projections.adapters.recorder import Recorder
from projections.adapters.session_choice import SessionChoice
from projections.adapters.turns import Status, Turn, new_turn_id

SessionOf: TypeAlias = Callable[[RunContext[Any]], str | None]


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A run, and its turn."""

    run_id: str
    turn: Turn

    @property
    def session_id(self) -> str:
        return self.turn.session_id


class RunTracker(Mirroring):
    """Tracks the runs that are under way. No `Exception` of its own ever reaches an agent."""

    def __init__(self, recorder: Recorder, choice: SessionChoice[RunContext[Any]]) -> None:
        super().__init__(recorder)
        self._choice = choice
        self._turns: dict[str, Turn] = {}

    def stop(self) -> None:
        super().stop()
        self._turns.clear()

    def begin(self, ctx: RunContext[Any]) -> CallContext | None:
        """The context for a run that begins; None if it is not mirrored, or is already.

        Runs in a durable workflow are not mirrored: the workflow replays them from a journal of
        its own, and must not do anything that is not in that journal.
        """
        if self.stopped or ctx.in_durable_context:
            return None
        return self.guard(self._begin, ctx)

    async def complete(self, turn: Turn, result: AgentRunResult[Any]) -> None:
        """The run has ended well. Calls that it deferred stay open."""
        self.guard(self._complete, turn, result)
        if self._drop(turn):
            await self.recorder.aclose(turn)

    async def fail(self, turn: Turn, error: BaseException) -> None:
        """The run has raised, or was cancelled."""
        if not self._drop(turn):
            return
        status = status_of(error)
        if status == "error":
            await self.recorder.aclose(turn, status, error)
        else:  # a caller that cancels does not wait for us
            self.recorder.close_soon(turn, status)

    def abandon(self, turn: Turn) -> None:
        """The run is closed, perhaps by the garbage collector, or the process ends."""

        def close() -> None:
            if self._drop(turn):
                self.recorder.close_soon(turn, "cancelled")

        self.recorder.defer(close)

    def note_answers(self, ctx: RunContext[Any]) -> None:
        """The model is about to be asked: note the answers to calls of an earlier run."""
        self.guard(self._note_answers, ctx)

    def start_call(self, ctx: RunContext[Any], call: ToolCallPart) -> CallContext | None:
        """Note a call as open. Returns its context; None if its run is not mirrored."""
        return self.guard(self._start_call, ctx, call)

    async def end_call(
        self, context: CallContext, status: Status = "completed", error: object = None
    ) -> None:
        """The call has ended."""
        turn, call_id = context.turn, context.call_id
        if turn is None or call_id is None or turn.turn_id not in self._turns:
            return  # the turn has ended without it
        turn.call_ended(call_id, status, error)
        await self.recorder.asave(turn)

    async def call_raised(self, context: CallContext, error: BaseException) -> None:
        """The call has raised an error, or an exception by which it is deferred or skipped."""
        if isinstance(error, SkipToolExecution):  # it carries the result
            await self.end_call(context)
        elif not isinstance(error, CallDeferred | ApprovalRequired):
            status = status_of(error)
            await self.end_call(context, status, cause_of(error) if status == "error" else None)

    def _begin(self, ctx: RunContext[Any]) -> CallContext | None:
        run_id = ctx.run_id
        if run_id is None or _is_tracked(run_id):
            return None
        here = self.here()
        name = ctx.agent.name if ctx.agent is not None else None
        session_id = self._choice.of(ctx, None, here, last=ctx.conversation_id)
        turn = self.recorder.turn(session_id, name or "agent", self._turn_id(run_id))
        turn.says("user", prompt_of(ctx))
        if here is not None:
            here.calls_for(turn)
        self._turns[turn.turn_id] = turn
        return CallContext(self.recorder, TrackedRun(run_id, turn), turn)

    def _complete(self, turn: Turn, result: AgentRunResult[Any]) -> None:
        for call in deferred_calls(result.output):
            turn.call_waits(call.tool_call_id, call.tool_name)
        turn.says("assistant", output_text(result.output))

    def _note_answers(self, ctx: RunContext[Any]) -> None:
        run = self._run_of(ctx)
        for answer in answers_in(ctx.messages[-1:]):
            if run is not None and answer.call_id not in run.turn.calls:
                run.turn.call_started(answer.call_id, answer.name)
                run.turn.call_ended(answer.call_id, answer.status)

    def _start_call(self, ctx: RunContext[Any], call: ToolCallPart) -> CallContext | None:
        run = self._run_of(ctx)
        if run is None:
            return None
        run.turn.call_started(call.tool_call_id, call.tool_name, again=True)
        return CallContext(self.recorder, run, run.turn, call.tool_call_id)

    def _drop(self, turn: Turn) -> bool:
        return self._turns.pop(turn.turn_id, None) is turn

    def _run_of(self, ctx: RunContext[Any]) -> TrackedRun | None:
        """The run of `ctx`; if several have its id, the one in whose context we are."""
        here = self.here()
        run = here.work if here is not None else None
        if isinstance(run, TrackedRun) and (run.run_id, run.turn.status) == (ctx.run_id, "open"):
            return run
        turn = self._turns.get(ctx.run_id or "")
        return None if turn is None else TrackedRun(turn.turn_id, turn)

    def _turn_id(self, run_id: str) -> str:
        """The run's id; another id if a run with that id, which a program may choose, is open."""
        return run_id if run_id not in self._turns else f"{run_id}-{new_turn_id()}"


def _is_tracked(run_id: str) -> bool:
    """Whether another capability of the agent already tracks the run that begins here."""
    here = current()
    if here is None or not isinstance(here.work, TrackedRun):
        return False
    run = here.work
    return (run.run_id, here.call_id, run.turn.status) == (run_id, None, "open")
