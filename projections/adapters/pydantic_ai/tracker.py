"""Tracks the runs of one capability: which are under way, and what is written of them when.

Code that a run calls finds the run in the context, as in Pydantic AI's own tracing. A run
inside a tool knows its caller's turn and call. A run inside an output function, or in the
block of a stream, knows the turn.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from pydantic_ai import AgentRunResult, RunContext
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.models import ModelRequestContext

from projections.adapters.context import CallContext, current
from projections.adapters.mirroring import Mirroring
from projections.adapters.pydantic_ai.contents import status_of, unanswered_calls
from projections.adapters.pydantic_ai.runs import TrackedRun
from projections.adapters.recorder import Recorder
from projections.adapters.session_choice import SessionChoice
from projections.adapters.turns import Turn, new_turn_id

SessionOf: TypeAlias = Callable[[RunContext[Any]], str | None]


class RunTracker(Mirroring):
    """Tracks the runs that are under way. No `Exception` of its own ever reaches an agent."""

    def __init__(self, recorder: Recorder, choice: SessionChoice[RunContext[Any]]) -> None:
        super().__init__(recorder)
        self._choice = choice
        self._runs: dict[str, TrackedRun] = {}  # by turn id

    def stop(self) -> None:
        super().stop()
        self._runs.clear()

    # Runs

    async def begin(self, ctx: RunContext[Any]) -> tuple[TrackedRun, CallContext] | None:
        """A run that begins, and its context; None if it is not mirrored, or is already.

        Runs in a durable workflow are not mirrored: the workflow replays them from a journal of
        its own, and must not do anything that is not in that journal.
        """
        if self.stopped or ctx.in_durable_context:
            return None
        try:
            return await self._begin(ctx)
        except Exception as error:  # noqa: BLE001 - of ours, or of the user's `session_id`
            self.recorder.note_failure(error)
            return None

    async def complete(self, run: TrackedRun, result: AgentRunResult[Any]) -> None:
        """The run has ended well, or left calls to somebody else: then its turn waits."""
        status = self.guard(lambda: run.ends(result.all_messages(), result.output))
        if self._drop(run):
            await self.recorder.aclose(run.turn, status or "completed")

    async def fail(self, run: TrackedRun, error: BaseException) -> None:
        """The run has raised, or was cancelled."""
        if status_of(error) == "cancelled":
            self._stop(run)
        elif self._drop(run):
            await self.recorder.aclose(run.turn, "error", error)

    def abandon(self, run: TrackedRun) -> None:
        """The run is closed, perhaps by the garbage collector, or the process ends."""
        self.recorder.defer(lambda: self._stop(run))

    def _stop(self, run: TrackedRun) -> None:
        """A caller that cancels does not wait for us. Its calls may still tell how they end."""
        run.is_stopped = True
        if run.running and self._tracks(run):
            self.recorder.settle_soon(run.turn, "cancelled")
        self._close_stopped(run)

    def _close_stopped(self, run: TrackedRun) -> None:
        if run.is_stopped and not run.running and self._drop(run):
            self.recorder.close_soon(run.turn, "cancelled")

    async def settle(self, ctx: RunContext[Any], output: object) -> None:
        """A stream was read to its end. It may be kept, and closed much later or never."""
        run = self._run_of(ctx)
        if run is not None:
            status = self.guard(run.puts_out, output)
            await self.recorder.asettle(run.turn, status or "completed")

    # What happens in them

    def model_is_asked(self, ctx: RunContext[Any], request: ModelRequestContext) -> None:
        """A request to the model is about to be made."""
        run = self._run_of(ctx)
        if run is not None:
            self.guard(run.model_is_asked, ctx, request)

    def model_answered(
        self, ctx: RunContext[Any], request: ModelRequestContext, response: ModelResponse
    ) -> None:
        """The model has answered, and none of the calls that it asks for has run."""
        run = self._run_of(ctx)
        if run is not None:
            self.guard(run.model_answered, request, response)

    def ask_for(self, ctx: RunContext[Any], call: ToolCallPart) -> None:
        """The arguments of a call are about to be validated."""
        run = self._run_of(ctx)
        if run is not None:
            self.guard(run.asks_for, call)

    async def wait_for(self, ctx: RunContext[Any], calls: list[ToolCallPart]) -> None:
        """The run may ask a person about calls, while it is under way."""
        run = self._run_of(ctx)
        if run is not None:
            for call in calls:
                self.guard(run.waits, call)
            run.turn.close("waiting")
            await self.recorder.asave(run.turn)

    def start_call(self, ctx: RunContext[Any], call: ToolCallPart) -> CallContext | None:
        """Note that a call begins. Returns its context; None if its run is not mirrored."""
        run = self._run_of(ctx)
        if run is None:
            return None
        self.guard(run.starts, call)
        return CallContext(self.recorder, run, run.turn, call.tool_call_id)

    async def call_returned(
        self, context: CallContext, call: ToolCallPart, result: object
    ) -> None:
        """The tool has returned. No change if the turn has ended without it."""
        run = self._run_in(context)
        if run is not None:
            self.guard(run.returned, call, result)
            await self._save(run)

    async def call_raised(
        self, context: CallContext, call: ToolCallPart, error: BaseException
    ) -> None:
        """The tool has raised an error, or an exception by which it is deferred or skipped."""
        run = self._run_in(context)
        if run is not None:
            self.guard(run.raised, call, error)
            await self._save(run)

    def call_abandoned(
        self, context: CallContext, call: ToolCallPart, error: BaseException
    ) -> None:
        """The call is closed, perhaps by the garbage collector, or the process ends."""

        def end() -> None:
            run = self._run_in(context)
            if run is not None:
                self.guard(run.raised, call, error)
                self._close_stopped(run)

        self.recorder.defer(end)

    async def call_refused(
        self, ctx: RunContext[Any], call: ToolCallPart, error: BaseException
    ) -> None:
        """The arguments of a call are invalid."""
        run = self._run_of(ctx)
        if run is not None:
            self.guard(run.raised, call, error)
            await self._save(run)

    async def _save(self, run: TrackedRun) -> None:
        if run.is_stopped:
            self._close_stopped(run)
        else:
            await self.recorder.asave(run.turn)

    # Which run it is

    async def _begin(self, ctx: RunContext[Any]) -> tuple[TrackedRun, CallContext] | None:
        run_id = ctx.run_id
        if run_id is None or _is_tracked(run_id):
            return None
        here = self.here()
        name = (ctx.agent.name if ctx.agent is not None else None) or "agent"
        session_id = self._choice.of(ctx, None, here, last=ctx.conversation_id)
        turn = await self._waiting_turn(session_id, name, ctx)
        if turn is None:
            turn = self.recorder.turn(session_id, name, self._turn_id(run_id))
        run = TrackedRun(run_id, turn)
        run.begins(ctx)
        if here is not None:
            here.called_for(turn)
        self._runs[turn.turn_id] = run
        return run, CallContext(self.recorder, run, turn)

    async def _waiting_turn(
        self, session_id: str, runtime_id: str, ctx: RunContext[Any]
    ) -> Turn | None:
        """The turn that waits for what this run brings. None if it is not found."""
        call_ids = unanswered_calls(ctx.messages)
        try:
            found = await self.recorder.awaiting_turn(session_id, runtime_id, call_ids)
        except Exception as error:  # noqa: BLE001 - of the journal
            self.recorder.note_failure(error)
            return None
        if found is None or found.turn_id in self._runs:
            return None
        found.resume()
        return found

    def _tracks(self, run: TrackedRun) -> bool:
        return self._runs.get(run.turn.turn_id) is run

    def _drop(self, run: TrackedRun) -> bool:
        return self._runs.pop(run.turn.turn_id, None) is run

    def _run_of(self, ctx: RunContext[Any]) -> TrackedRun | None:
        """The run of `ctx`; if several have its id, the one in whose context we are."""
        here = self.here()
        run = here.work if here is not None else None
        if not isinstance(run, TrackedRun) or run.run_id != ctx.run_id:
            run = next((each for each in self._runs.values() if each.run_id == ctx.run_id), None)
        return run if run is not None and self._tracks(run) else None

    def _run_in(self, context: CallContext) -> TrackedRun | None:
        run = context.work
        return run if isinstance(run, TrackedRun) and self._tracks(run) else None

    def _turn_id(self, run_id: str) -> str:
        """The run's id; another id if a run with that id, which a program may choose, is open."""
        return run_id if run_id not in self._runs else f"{run_id}-{new_turn_id()}"


def _is_tracked(run_id: str) -> bool:
    """Whether another capability of the agent already tracks the run that begins here."""
    here = current()
    if here is None or not isinstance(here.work, TrackedRun):
        return False
    run = here.work
    return run.run_id == run_id and here.call_id is None and not run.turn.is_over
