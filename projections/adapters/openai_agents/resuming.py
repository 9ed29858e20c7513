"""Where a run goes on that was interrupted, because calls had to wait for a person's approval.

A run goes on from a `RunState`, which may have been restored in another process. Its turn goes on
as the same turn, which is found in the journal by the calls that wait.
"""

import threading
from concurrent.futures import Future
from typing import Any, NamedTuple

from agents import Agent, ModelBehaviorError, RunState, ToolApprovalItem

from journal import exiting
from projections.adapters.openai_agents.contents import input_text
from projections.adapters.openai_agents.model_calls import ModelCall, asked_calls, outputs_of
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Turn
from projections.adapters.writing import PATIENCE


class Refused(NamedTuple):
    """A tool call that waited for approval and did not get it; `reason` if one was given."""

    call: ModelCall
    reason: str | None


class Interrupted(NamedTuple):
    """Where a run goes on: in a turn of `agent`, whose calls `waiting` are not over.

    `output` is the response that asked for them, `added` what the user says now.
    """

    agent: Agent[Any]
    output: list[Any]
    waiting: frozenset[str]
    refused: list[Refused]
    added: str


def interrupted_in(given: object) -> Interrupted | None:
    """Where a run goes on with this input; None if it begins."""
    agent = getattr(given, "_current_agent", None)
    if not isinstance(given, RunState) or agent is None:
        return None
    interruptions = given.get_interruptions()
    responses = given._model_responses
    if not interruptions or not responses:
        return None
    output = list(responses[-1].output)
    asked = {call.id: call for call in asked_calls(output, agent)}
    own = [item for item in interruptions if is_own(item, agent.name, asked)]
    return Interrupted(
        agent,
        output,
        frozenset(item.call_id for item in own if item.call_id) or _unanswered(given, asked),
        [
            Refused(asked[item.call_id or ""], _reason(given, item))
            for item in own
            if _is_refused(given, item)
        ],
        input_text(given.pending_input),
    )


def is_own(item: ToolApprovalItem, agent: str, calls: dict[str, Any]) -> bool:
    """Whether an interruption is of one of these calls of an agent, not of an agent in a tool."""
    call = calls.get(item.call_id or "")
    return item.agent.name == agent and call is not None and item.tool_name == call.name


def find_turn(recorder: Recorder, session_id: str, where: Interrupted) -> Turn | None:
    """The turn that waits there; None if it is not found within a second.

    As `recorder.awaiting_turn`, outside of coroutines: an event loop may be running here.
    """
    answer: Future[Turn | None] = Future()

    def carry_out() -> None:
        try:
            found = recorder.waiting_turn(session_id, where.agent.name, where.waiting)
            answer.set_result(found)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            answer.set_exception(error)

    # Neither the event loop nor the program's end waits for this thread.
    thread = threading.Thread(target=carry_out, name="journal-resuming", daemon=True)
    if not exiting.started(thread):
        carry_out()
    try:
        return answer.result(PATIENCE)
    except TimeoutError:
        return None


def _unanswered(given: RunState[Any, Any], asked: dict[str, ModelCall]) -> frozenset[str]:
    """The calls without an output: those in which agents run that wait for approval."""
    items = [getattr(item, "raw_item", None) for item in given._generated_items]
    return frozenset(asked) - {output.id for output in outputs_of(items)}


def _is_refused(given: RunState[Any, Any], item: ToolApprovalItem) -> bool:
    """Whether a person said no. The SDK does not say of a question that has changed since.

    It raises then: the id is of another call. The run goes on or fails by itself, and where the
    call was refused, the model is told so.
    """
    context = given._context
    if context is None or item.call_id is None:
        return False
    try:
        answer = context.get_approval_status(
            item.tool_name or "",
            item.call_id,
            tool_namespace=item.tool_namespace,
            existing_pending=item,
        )
    except ModelBehaviorError:
        return False
    return answer is False


def _reason(given: RunState[Any, Any], item: ToolApprovalItem) -> str | None:
    context = given._context
    if context is None or item.call_id is None:
        return None
    return context.get_rejection_message(
        item.tool_name or "",
        item.call_id,
        tool_namespace=item.tool_namespace,
        existing_pending=item,
    )
