"""`JournalCapability`: an agent's runs as turns, with their tool calls.

Pydantic AI calls `wrap_run` around a run, however it is started and however it ends: a stream
that is left in the middle is cancelled. The hooks only say when; `tracker` does the rest.
"""

import asyncio
from typing import Any

from pydantic import ValidationError
from pydantic_ai import AgentRunResult, RunContext, ToolDefinition
from pydantic_ai.capabilities import (
    AbstractCapability,
    CapabilityOrdering,
    RawToolArgs,
    ValidatedToolArgs,
    WrapRunHandler,
    WrapToolExecuteHandler,
    WrapToolValidateHandler,
)
from pydantic_ai.exceptions import ModelRetry, ToolFailed
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.models import ModelRequestContext

from projections.adapters.context import use_context
from projections.adapters.mirroring import Mirror, Source
from projections.adapters.pydantic_ai.tracker import RunTracker, SessionOf
from projections.adapters.session_choice import SessionChoice


class JournalCapability(AbstractCapability[Any]):
    """Mirrors the runs of the agents that have it: `Agent(…, capabilities=[journal])`.

    `source` is where to write, as for `mirror`, or what `mirror` returned. Agents that work in
    one session share one capability. Its attribute `mirror` is the handle: it has the store,
    counts failures, and ends the mirroring when it is closed.

    A run is a turn, the agent's name its runtime, the run id its id. Its session is
    `session_id`, or what that returns for the run; else the one of the turn that called for
    the run; else Pydantic AI's conversation id, which the message history carries on.

    Raises TypeError and ValueError for what cannot be a source.
    """

    _safe_at_runtime = True  # adds nothing to a run; durable execution refuses what may

    def __init__(
        self, source: Source | Mirror, *, session_id: str | SessionOf | None = None
    ) -> None:
        choice: SessionChoice[RunContext[Any]] = SessionChoice("pydantic-ai", session_id)
        self.mirror = source if isinstance(source, Mirror) else Mirror(source)
        self._tracker = RunTracker(self.mirror.recorder, choice)
        self.mirror.on_close(self._tracker.stop)

    def get_ordering(self) -> CapabilityOrdering:
        """Around all others: what is mirrored is what came of a run in the end."""
        return CapabilityOrdering(position="outermost")

    async def wrap_run(
        self, ctx: RunContext[Any], *, handler: WrapRunHandler
    ) -> AgentRunResult[Any]:
        """Mirror a run; its result and its errors pass as they are."""
        tracker = self._tracker
        place = tracker.begin(ctx)
        if place is None or place.turn is None:
            return await handler()
        turn = place.turn
        with use_context(place):
            try:
                await tracker.recorder.aopen(turn)
                result = await handler()
            except (Exception, asyncio.CancelledError) as error:
                await tracker.fail(turn, error)
                raise
            except BaseException:  # the process or the coroutine ends: nothing can be awaited
                tracker.abandon(turn)
                raise
            await tracker.complete(turn, result)
            return result

    async def before_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Mirror the answers to calls that an earlier run has deferred: they are in there."""
        self._tracker.note_answers(ctx)
        return request_context

    async def wrap_tool_validate(
        self,
        ctx: RunContext[Any],
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,  # noqa: ARG002 - as the framework calls it
        args: RawToolArgs,
        handler: WrapToolValidateHandler,
    ) -> ValidatedToolArgs:
        """Mirror a call that goes no further: its arguments do not fit."""
        try:
            return await handler(args)
        except (ValidationError, ModelRetry, ToolFailed) as error:
            place = self._tracker.start_call(ctx, call)
            if place is not None:
                await self._tracker.call_raised(place, error)
            raise

    async def wrap_tool_execute(
        self,
        ctx: RunContext[Any],
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,  # noqa: ARG002 - as the framework calls it
        args: ValidatedToolArgs,
        handler: WrapToolExecuteHandler,
    ) -> Any:
        """Mirror a tool call; its result and its errors pass as they are."""
        tracker = self._tracker
        place = tracker.start_call(ctx, call)
        if place is None or place.turn is None:
            return await handler(args)
        with use_context(place):
            try:
                await tracker.recorder.asave(place.turn)
                result = await handler(args)
            except (Exception, asyncio.CancelledError) as error:
                await tracker.call_raised(place, error)
                raise
            await tracker.end_call(place)
            return result
