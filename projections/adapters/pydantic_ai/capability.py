"""`JournalCapability`: an agent's runs as turns, with their tool calls.

Pydantic AI calls `wrap_run` around every run, however it starts and ends; it cancels a stream
that is left in the middle. The hooks only say when something happens; `tracker` does the rest.
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

    `source` is a source as for `mirror`, or the handle that `mirror` returned. Agents that work
    in one session share one capability. Its attribute `mirror` is the handle: it has the store,
    counts failures, and ends the mirroring when it is closed.

    A run is a turn: the agent's name is its runtime, the run id its turn id. Its session is the
    first of: `session_id`, or what `session_id` returns for the run; the session of the turn
    that called for the run; Pydantic AI's conversation id, which the message history carries on.

    Raises TypeError and ValueError for an invalid source.
    """

    _safe_at_runtime = True  # adds nothing to a run; durable execution refuses others

    def __init__(
        self, source: Source | Mirror, *, session_id: str | SessionOf | None = None
    ) -> None:
        choice: SessionChoice[RunContext[Any]] = SessionChoice("pydantic-ai", session_id)
        self.mirror = source if isinstance(source, Mirror) else Mirror(source)
        self._tracker = RunTracker(self.mirror.recorder, choice)
        self.mirror.on_close(self._tracker.stop)

    def get_ordering(self) -> CapabilityOrdering:
        """Around all other capabilities, so that the final outcome of a run is mirrored."""
        return CapabilityOrdering(position="outermost")

    async def wrap_run(
        self, ctx: RunContext[Any], *, handler: WrapRunHandler
    ) -> AgentRunResult[Any]:
        """Mirror a run; its result and its errors pass as they are."""
        tracker = self._tracker
        context = tracker.begin(ctx)
        if context is None or context.turn is None:
            return await handler()
        turn = context.turn
        with use_context(context):
            try:
                await tracker.recorder.aopen(turn)
                result = await handler()
            except (Exception, asyncio.CancelledError) as error:
                await tracker.fail(turn, error)
                raise
            except BaseException:  # it is closed, or the process ends: nothing can be awaited
                tracker.abandon(turn)
                raise
            await tracker.complete(turn, result)
            return result

    async def before_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Mirror the answers to calls that an earlier run deferred: the request has them."""
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
        """Mirror a call that ends here because its arguments are invalid."""
        try:
            return await handler(args)
        except (ValidationError, ModelRetry, ToolFailed) as error:
            context = self._tracker.start_call(ctx, call)
            if context is not None:
                await self._tracker.call_raised(context, error)
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
        context = tracker.start_call(ctx, call)
        if context is None or context.turn is None:
            return await handler(args)
        with use_context(context):
            try:
                await tracker.recorder.asave(context.turn)
                result = await handler(args)
            except (Exception, asyncio.CancelledError) as error:
                await tracker.call_raised(context, error)
                raise
            await tracker.end_call(context)
            return result
