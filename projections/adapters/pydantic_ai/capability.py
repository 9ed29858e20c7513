"""`JournalCapability`: an agent's runs as turns, with their tool calls.

Pydantic AI calls `wrap_run` around every run, however it starts and ends; it cancels a stream
that is left in the middle. The hooks only say when something happens; `tracker` does the rest.
"""

import asyncio
from typing import Any

from pydantic import ValidationError
from pydantic_ai import Agent, AgentRunResult, DeferredToolRequests, RunContext, ToolDefinition
from pydantic_ai.capabilities import (
    AbstractCapability,
    AgentNode,
    CapabilityOrdering,
    NodeResult,
    RawToolArgs,
    ValidatedToolArgs,
    WrapModelRequestHandler,
    WrapRunHandler,
    WrapToolExecuteHandler,
    WrapToolValidateHandler,
)
from pydantic_ai.exceptions import ModelRetry, SkipModelRequest, ToolFailed
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.models import ModelRequestContext
from pydantic_graph import End

from projections.adapters.context import use_context
from projections.adapters.mirroring import Mirror, Source
from projections.adapters.pydantic_ai.tracker import RunTracker, SessionOf
from projections.adapters.session_choice import SessionChoice
from projections.adapters.values import Record


class JournalCapability(AbstractCapability[Any]):
    """Mirrors the runs of the agents that have it: `Agent(…, capabilities=[journal])`.

    `source` is a source as for `mirror`, or the handle that `mirror` returned. Agents that work
    in one session share one capability. Its attribute `mirror` is the handle: it has the store,
    counts failures, and ends the mirroring when it is closed.

    A run is a turn: the agent's name is its runtime, the run id its turn id. A run that brings
    the answers to calls that wait goes on with the turn that waits for them, which may have been
    written by another process. The session is the first of: `session_id`, or what `session_id`
    returns for the run; the session of the turn that called for the run; Pydantic AI's
    conversation id, which the message history carries on. `record` says how much is kept, as in
    `mirror`; it is not used where `source` is a handle.

    Raises TypeError and ValueError for an invalid source, and ValueError for such a `record`.
    """

    _safe_at_runtime = True  # adds nothing to a run; durable execution refuses others

    def __init__(
        self,
        source: Source | Mirror,
        *,
        session_id: str | SessionOf | None = None,
        record: Record = "slices",
    ) -> None:
        choice: SessionChoice[RunContext[Any]] = SessionChoice("pydantic-ai", session_id)
        self.mirror = source if isinstance(source, Mirror) else Mirror(source, record)
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
        begun = await tracker.begin(ctx)
        if begun is None:
            return await handler()
        run, context = begun
        with use_context(context):
            try:
                await tracker.recorder.aopen(run.turn)
                result = await handler()
            except (Exception, asyncio.CancelledError) as error:
                await tracker.fail(run, error)
                raise
            except BaseException:  # it is closed, or the process ends: nothing can be awaited
                tracker.abandon(run)
                raise
            await tracker.complete(run, result)
            return result

    async def after_node_run(
        self, ctx: RunContext[Any], *, node: "AgentNode[Any]", result: "NodeResult[Any]"
    ) -> "NodeResult[Any]":
        """Mirror the end of a stream that was read to its end, whether or not it is left."""
        if isinstance(result, End) and not Agent.is_call_tools_node(node):
            await self._tracker.settle(ctx, result.data.output)
        return result

    async def before_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Mirror what the request has: what users added, and how calls have ended."""
        self._tracker.model_is_asked(ctx, request_context)
        return request_context

    async def wrap_model_request(
        self,
        ctx: RunContext[Any],
        *,
        request_context: ModelRequestContext,
        handler: WrapModelRequestHandler,
    ) -> ModelResponse:
        """Mirror what the model has answered, or what is taken in place of its answer."""
        try:
            response = await handler(request_context)
        except SkipModelRequest as skip:
            self._tracker.model_answered(ctx, request_context, skip.response)
            raise
        self._tracker.model_answered(ctx, request_context, response)
        return response

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
        self._tracker.ask_for(ctx, call)
        try:
            return await handler(args)
        except (ValidationError, ModelRetry, ToolFailed) as error:
            await self._tracker.call_refused(ctx, call, error)
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
                await tracker.call_raised(context, call, error)
                raise
            except BaseException as error:  # as in `wrap_run`
                tracker.call_abandoned(context, call, error)
                raise
            await tracker.call_returned(context, call, result)
            return result

    async def handle_deferred_tool_calls(
        self, ctx: RunContext[Any], *, requests: DeferredToolRequests
    ) -> None:
        """Mirror calls that wait, before other capabilities ask somebody about them."""
        await self._tracker.wait_for(ctx, [*requests.calls, *requests.approvals])
