"""The tool calls of a turn's latest response: which of them a hook is about, and how each ends."""

from collections.abc import Iterable, Sequence
from typing import Any

from agents import (
    Agent,
    ModelBehaviorError,
    RunContextWrapper,
    ToolApprovalItem,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
)

from projections.adapters.calls import CallStatus, ToolCall
from projections.adapters.openai_agents.model_calls import (
    HostedCall,
    ModelCall,
    Output,
    asked_calls,
    executed_last,
    handoff_calls,
    hosted_calls,
    is_unknown,
    known_id,
    local_calls,
    outputs_of,
)
from projections.adapters.openai_agents.resuming import Interrupted, is_own
from projections.adapters.texts import error_text
from projections.adapters.turns import Turn


class ResponseCalls:
    """The calls that a model asked for in the latest response of a turn.

    `agent` is the agent of the turn, once it is known.
    """

    def __init__(self, turn: Turn, agent: Agent[Any] | None = None) -> None:
        self.turn = turn
        self.agent = agent
        self._output: Sequence[Any] = ()
        self._unanswered: set[str] = set()  # of which the model has not been told anything
        self._raised: dict[str, BaseException] = {}  # by calls under way

    def asked(self, agent: Agent[Any], output: Sequence[Any]) -> bool:
        """A response is there. Returns whether calls are over by it."""
        self._go_on(agent, output)
        for call in asked_calls(output, agent):
            self.turn.call_asked(*call)
            self._unanswered.add(call.id)
        hosted = hosted_calls(output)
        for done in hosted:
            self._hosted(done)
        return self.answered(output) or bool(hosted)

    def go_on(self, where: Interrupted) -> None:
        """The turn goes on after it has waited; what the user refused is over."""
        self._go_on(where.agent, where.output)
        self._unanswered = {call.id for call in asked_calls(where.output, where.agent)}
        for call, reason in where.refused:
            self.turn.call_asked(*call)
            self.turn.call_ended(call.id, "denied", reason)

    def _go_on(self, agent: Agent[Any], output: Sequence[Any]) -> None:
        self.agent, self._output, self._unanswered = agent, output, set()

    @property
    def has_running(self) -> bool:
        """Whether tools run that have not raised."""
        running = (call.id for call in self._unfinished() if call.started_at is not None)
        return any(call_id not in self._raised for call_id in running)

    # What hooks tell of

    def begins(self, context: RunContextWrapper[Any], agent: Agent[Any], tool: Any) -> str:
        """A tool is about to run. Returns the id of its call, which may be made up."""
        call = self._call_of(context, agent, tool)
        self.turn.call_started(*call)
        return call.id

    def ends(
        self, context: RunContextWrapper[Any], tool: Any, result: object, words: str | None
    ) -> None:
        """A tool has returned, or the SDK has put a result in place of its error.

        `words` are the result if it says that the tool has failed.
        """
        call_id = known_id(context, tool) or self._under_way(tool)
        self.turn.call_started(call_id, tool.name)  # it began where no hook was told
        error = self._raised.pop(call_id, None)
        if error is not None:
            self._failed(call_id, error, None if words else result)
        elif words is not None:
            self.turn.call_ended(call_id, "error", words)
        else:
            self.turn.call_ended(call_id, result=result)

    def raised(self, call_id: str, error: BaseException) -> None:
        """A tool has raised; the SDK's result for it is not known yet."""
        self._raised[call_id] = error

    def handed_over(self, context: RunContextWrapper[Any], source: Agent[Any]) -> str | None:
        """One of the calls was a handoff; others that asked for one are not carried out."""
        calls = handoff_calls(self._output, source)
        taken = executed_last(context, calls)
        for call in calls:
            self.turn.call_started(*call)
            self.turn.call_ended(call.id, "completed" if call is taken else "cancelled")
        return None if taken is None else taken.id

    # What items and errors tell of

    def answered(self, items: Sequence[Any]) -> bool:
        """Items that the model is shown, or that a run returns. Returns whether they end calls.

        O(items after the response) where all its calls have an answer, else O(items).
        """
        changed = False
        for output in outputs_of(reversed(items)) if self._unanswered else ():
            if output.id in self._unanswered:
                self._unanswered.discard(output.id)
                changed |= self._answered(output)
            if not self._unanswered:
                break
        return changed

    def stopped_by(self, error: object) -> None:
        """A run has failed: calls that made it fail are over, if it is known which they are."""
        for call in self._stopped_by(error):
            denied = isinstance(error, ToolInputGuardrailTripwireTriggered)
            self.turn.call_ended(call.id, "denied" if denied else "error", error)
        for call_id, raised in self._raised.items():
            self._failed(call_id, raised)

    def waits(self, interruptions: Iterable[ToolApprovalItem]) -> None:
        """The run was interrupted: these calls, if they are of this turn, wait for approval."""
        asked = {} if self.agent is None else asked_calls(self._output, self.agent)
        calls = {call.id: call for call in asked}
        for item in interruptions:
            if is_own(item, self.turn.runtime_id, calls):
                self.turn.call_waits(*calls[item.call_id or ""])

    # Inside

    def _call_of(self, context: RunContextWrapper[Any], agent: Agent[Any], tool: Any) -> ModelCall:
        call_id = known_id(context, tool)
        if call_id is not None:
            return ModelCall(call_id, tool.name, getattr(context, "tool_arguments", None))
        calls = local_calls(self._output, tool, agent)
        waiting = [each for each in calls if not self._has_begun(each.id)]
        found = executed_last(context, waiting)
        return found or ModelCall(f"{tool.name}-{len(self.turn.calls) + 1}", tool.name)

    def _has_begun(self, call_id: str) -> bool:
        call = self.turn.calls.get(call_id)
        return call is not None and (call.started_at is not None or call.ended_at is not None)

    def _under_way(self, tool: Any) -> str:
        """The id of the tool's call that runs; tools whose hooks get none run one at a time."""
        running = [call.id for call in self._unfinished() if call.name == tool.name]
        begun = [call_id for call_id in running if self._has_begun(call_id)]
        return (begun or running or [f"{tool.name}-{len(self.turn.calls) + 1}"])[-1]

    def _unfinished(self) -> list[ToolCall]:
        return list(self.turn.calls.unfinished.values())

    def _failed(self, call_id: str, error: BaseException, result: object = None) -> None:
        if isinstance(error, Exception):
            self.turn.call_ended(call_id, "error", error_text(error), result)
        else:
            self.turn.call_ended(call_id, "cancelled")

    def _hosted(self, done: HostedCall) -> None:
        call, request = done.call, done.request
        if request is not None and self.turn.calls.get(request) is not None:
            call = call._replace(id=request)  # it was asked for as a request for approval
        self.turn.call_started(*call)
        status: CallStatus = "error" if done.failed else "completed"
        self.turn.call_ended(call.id, status, done.error, done.result)

    def _answered(self, output: Output) -> bool:
        call = self.turn.calls.get(output.id)
        if call is None:
            return False
        if output.approved is not None:
            self._permitted(call, output)
        elif call.ended_at is not None:
            if not (output.failed and call.status == "completed"):
                return False
            self.turn.call_ended(call.id, "error", output.value)  # not known to its hook
        elif call.started_at is None:
            unknown = is_unknown(call.name, self.agent, output.value)
            self.turn.call_ended(call.id, "error" if unknown else "denied", output.value)
        elif output.failed:
            self.turn.call_ended(call.id, "error", output.value)
        else:
            self.turn.call_ended(call.id, result=output.value)
        return True

    def _permitted(self, call: ToolCall, output: Output) -> None:
        if output.approved:
            self.turn.call_started(call.id, call.name)  # the model's provider carries it out
        elif call.ended_at is None:
            self.turn.call_ended(call.id, "denied", output.value)

    def _stopped_by(self, error: object) -> list[ToolCall]:
        """The calls that an error of the SDK is about; none if there are several candidates."""
        calls = self._unfinished()
        match error:
            case ToolInputGuardrailTripwireTriggered() | ToolOutputGuardrailTripwireTriggered():
                found = [call for call in calls if self._is_guarded(call, error.guardrail)]
            case ModelBehaviorError():
                found = [call for call in calls if str(error).startswith(f"Tool {call.name} not")]
            case _:
                found = []
        return found if len(found) == 1 else []

    def _is_guarded(self, call: ToolCall, guardrail: object) -> bool:
        """Whether a guardrail looks at the arguments, or the results, of a call's tool."""
        for tool in () if self.agent is None else self.agent.tools:
            if getattr(tool, "name", None) == call.name:
                before = getattr(tool, "tool_input_guardrails", None) or ()
                after = getattr(tool, "tool_output_guardrails", None) or ()
                chosen = after if call.started_at is not None else before
                return any(each is guardrail for each in chosen)
        return False
