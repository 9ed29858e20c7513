"""The turns of one capability: which there are, where code runs, and what is written when.

What a run calls finds the run in the context, as in Pydantic AI's own tracing: a run inside a
tool knows the turn and the call that it is for, one inside an output function or in the block
of a stream knows the turn.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeAlias

from pydantic_ai import AgentRunResult, RunContext
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred, SkipToolExecution
from pydantic_ai.messages import ToolCallPart

from projections.adapters.pydantic_ai.contents import (
    answers_in,
    cause_of,
    deferred_calls,
    output_text,
    prompt_of,
    status_of,
)
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Status, Turn, new_turn_id

SessionOf: TypeAlias = Callable[[RunContext[Any]], str | None]


class Place(NamedTuple):
    """Where code is running: in which turn, of which run, and in which tool call of it."""

    recorder: Recorder
    turn: Turn
    run_id: str | None
    call_id: str | None = None


_place: ContextVar[Place | None] = ContextVar("journal_pydantic_ai_place", default=None)


@contextmanager
def inside(place: Place) -> Iterator[None]:
    """Run the block there."""
    token = _place.set(place)
    try:
        yield
    finally:
        try:
            _place.reset(token)
        except ValueError:
            pass  # closed from another context, as an abandoned coroutine is


class Keeper:
    """Keeps the turns that are open. No `Exception` of its own ever reaches an agent."""

    def __init__(self, recorder: Recorder, session_id: str | SessionOf | None) -> None:
        self.recorder = recorder
        self._session_id = session_id
        self._turns: dict[str, Turn] = {}
        self._stopped = not recorder.store.mirrors

    def stop(self) -> None:
        """Write nothing any more, whatever is still running."""
        self._stopped = True
        self._turns.clear()

    def begin(self, ctx: RunContext[Any]) -> Turn | None:
        """The turn of a run that begins; None if it is not mirrored, or is already.

        Not mirrored is what a durable workflow replays: it has a journal of its own, and
        must not do anything that is not in there.
        """
        try:
            return None if self._stopped or ctx.in_durable_context else self._new_turn(ctx)
        except Exception as error:  # noqa: BLE001 - trouble of ours is not the agent's
            self.recorder.note_failure(error)
            return None

    async def complete(self, turn: Turn, result: AgentRunResult[Any]) -> None:
        """The run has ended well. What it deferred stays open."""
        try:
            for call in deferred_calls(result.output):
                turn.call_started(call.tool_call_id, call.tool_name)
            turn.says("assistant", output_text(result.output))
        except Exception as error:  # noqa: BLE001 - as above
            self.recorder.note_failure(error)
        if self._drop(turn):
            await self.recorder.aclose(turn)

    async def fail(self, turn: Turn, error: BaseException) -> None:
        """The run has raised, or was cancelled."""
        if not self._drop(turn):
            return
        status = status_of(error)
        if status == "error":
            await self.recorder.aclose(turn, status, error)
        else:  # whoever cancels does not wait for us
            self.recorder.close_soon(turn, status)

    def abandon(self, turn: Turn) -> None:
        """The run is closed, by the garbage collector maybe, or the process is about to end."""

        def close() -> None:
            if self._drop(turn):
                self.recorder.close_soon(turn, "cancelled")

        self.recorder.leave(close)

    def note_answers(self, ctx: RunContext[Any]) -> None:
        """The model is about to be asked: note what that says of calls of an earlier run."""
        try:
            turn = self._turn_of(ctx)
            for answer in answers_in(ctx.messages[-1:]):
                if turn is not None and answer.call_id not in turn.calls:
                    turn.call_started(answer.call_id, answer.name)
                    turn.call_ended(answer.call_id, answer.status)
        except Exception as error:  # noqa: BLE001 - as above
            self.recorder.note_failure(error)

    def start_call(self, ctx: RunContext[Any], call: ToolCallPart) -> Place | None:
        """Where a call runs, which is open now; None if its run is not mirrored."""
        try:
            turn = self._turn_of(ctx)
            if turn is None:
                return None
            turn.call_started(call.tool_call_id, call.tool_name)
            turn.call_ended(call.tool_call_id, "open")  # if it had been made before
            return Place(self.recorder, turn, ctx.run_id, call.tool_call_id)
        except Exception as error:  # noqa: BLE001 - as above
            self.recorder.note_failure(error)
            return None

    async def end_call(
        self, place: Place, status: Status = "completed", error: object = None
    ) -> None:
        """The call has ended."""
        turn, call_id = place.turn, place.call_id
        if call_id is not None and turn.turn_id in self._turns:  # else nobody waited for it
            turn.call_ended(call_id, status, error)
            await self.recorder.asave(turn)

    async def call_raised(self, place: Place, error: BaseException) -> None:
        """The call has raised: for the model or the program to see, or to be done later."""
        if isinstance(error, SkipToolExecution):  # it brings the result
            await self.end_call(place)
        elif not isinstance(error, CallDeferred | ApprovalRequired):
            status = status_of(error)
            await self.end_call(place, status, cause_of(error) if status == "error" else None)

    def _drop(self, turn: Turn) -> bool:
        return self._turns.pop(turn.turn_id, None) is turn

    def _turn_of(self, ctx: RunContext[Any]) -> Turn | None:
        """The run's turn: the one in whose context we are, if several have its id."""
        here = _here()
        if here is not None and here.recorder is self.recorder and here.run_id == ctx.run_id:
            return here.turn
        return self._turns.get(ctx.run_id or "")

    def _new_turn(self, ctx: RunContext[Any]) -> Turn | None:
        here = _here()
        run_id = ctx.run_id
        if run_id is None or (here is not None and (here.run_id, here.call_id) == (run_id, None)):
            return None  # by another capability
        if here is not None and here.recorder is not self.recorder:
            here = None  # in another journal
        name = ctx.agent.name if ctx.agent is not None else None
        turn = Turn(self._session_of(ctx, here), name or "agent", self._turn_id(run_id))
        turn.says("user", prompt_of(ctx))
        if here is not None:
            turn.parent, turn.parent_call_id = here.turn, here.call_id
            here.turn.handed_to(turn)
        self._turns[turn.turn_id] = turn
        return turn

    def _turn_id(self, run_id: str) -> str:
        """The run's id, which a program may have chosen; another one while that is going on."""
        return run_id if run_id not in self._turns else f"{run_id}-{new_turn_id()}"

    def _session_of(self, ctx: RunContext[Any], here: Place | None) -> str:
        chosen = self._session_id
        found = chosen(ctx) if callable(chosen) else chosen
        if found is None:
            found = here.turn.session_id if here is not None else ctx.conversation_id
        if not isinstance(found, str):
            raise TypeError(f"session_id must return a string, not {type(found).__name__}")
        return found


def _here() -> Place | None:
    """Where this code is running; None outside of turns, and in what a turn has left behind."""
    place = _place.get()
    return place if place is not None and place.turn.status == "open" else None
