"""A run, and what its turn keeps of it. Pure: writes nothing.

Calls are noted as soon as the response that asks for them is there, before any of them runs. Of
a streamed response that is not so, since it is whole only when its reader has left it: there, a
call is noted when its arguments are validated, which comes before any call of the response runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai import DeferredToolRequests, RunContext
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred, SkipToolExecution
from pydantic_ai.messages import ModelMessage, ModelResponse, NativeToolCallPart, ToolCallPart
from pydantic_ai.models import ModelRequestContext

from projections.adapters.calls import CallStatus
from projections.adapters.pydantic_ai.contents import (
    ToolAnswer,
    answers_in,
    arguments_of,
    cause_of,
    denial_in,
    is_stop,
    native_answers,
    output_text,
    prompt_of,
    result_of,
    said_by_user,
    stop_reason_of,
    usage_of,
)
from projections.adapters.turns import Status, Turn


@dataclass(slots=True, eq=False)
class TrackedRun:
    """A run, and its turn. One that answers a turn that waited goes on with that turn.

    `running` has the ids of the calls whose tools run. A run that `is_stopped` was cancelled; its
    turn can be closed once none of them runs any more.
    """

    run_id: str
    turn: Turn
    running: set[str] = field(default_factory=set)
    is_stopped: bool = False
    _prompt: list[str] = field(default_factory=list)  # said already, not yet in a request
    _asked: set[str] = field(default_factory=set)  # calls of the response at hand
    _words: str = ""  # of the last response
    _output: str | None = None

    @property
    def session_id(self) -> str:
        return self.turn.session_id

    # What is said

    def begins(self, ctx: RunContext[Any]) -> None:
        """The user has said something, or nothing."""
        self._prompt = prompt_of(ctx)
        for text in self._prompt:
            self.turn.says("user", text)

    def model_is_asked(self, ctx: RunContext[Any], request: ModelRequestContext) -> None:
        """A request to the model: it has the results of all calls, and what the user added."""
        self._asked.clear()
        self.turn.resume()
        output_tools = {tool.name for tool in request.model_request_parameters.output_tools}
        for message in ctx.messages[-1:]:
            self._note_answers(
                each for each in answers_in(message) if each.name not in output_tools
            )
            self._note_user(message)

    def model_answered(self, request: ModelRequestContext, response: ModelResponse) -> None:
        """The model has answered, with words or calls."""
        turn = self.turn
        turn.model_answered(response.model_name, usage_of(response), stop_reason_of(response))
        self._words = response.text or ""
        if self._output is None or not self._words.strip().endswith(self._output.strip()):
            turn.says("assistant", self._words)
        output_tools = {tool.name for tool in request.model_request_parameters.output_tools}
        for call in response.tool_calls:
            if call.tool_name not in output_tools:
                self.asks_for(call)
        self._note_native_calls(response)

    def puts_out(self, output: object) -> Status:
        """The run has come to its output: words, which the model may have said, or calls to wait.

        Returns the status of its turn.
        """
        if isinstance(output, DeferredToolRequests):
            for call in (*output.calls, *output.approvals):
                self.waits(call)
            return "waiting"
        if self._output is None:
            text = self._output = output_text(output)
            if not text.strip() or not self._words.strip().endswith(text.strip()):
                self.turn.says("assistant", text)
        return "completed"

    def ends(self, messages: list[ModelMessage], output: object) -> Status:
        """The run has ended well: the status of its turn, which waits if there is something left.

        A call that was asked for and never begun is one that Pydantic AI skipped.
        """
        for message in messages[-1:]:
            known = (each for each in answers_in(message) if each.call_id in self.turn.calls)
            self._note_answers(known)
        status = self.puts_out(output)
        for each in list(self.turn.calls.unfinished.values()):
            if each.status == "open" and each.started_at is None:
                self.turn.call_ended(each.id, "cancelled")
        return status

    def _note_user(self, message: ModelMessage) -> None:
        for text in said_by_user(message):
            if text in self._prompt:
                self._prompt.remove(text)
            else:
                self.turn.says("user", text)

    # Its calls

    def asks_for(self, call: ToolCallPart) -> None:
        """The model asks for a call: told when that is known for the first time."""
        if call.tool_call_id not in self._asked:
            self._asked.add(call.tool_call_id)
            self.turn.call_asked(call.tool_call_id, call.tool_name, arguments_of(call), again=True)

    def waits(self, call: ToolCallPart) -> None:
        """A call waits for a person, or for somebody else to carry it out."""
        self.turn.call_waits(call.tool_call_id, call.tool_name, arguments_of(call))

    def starts(self, call: ToolCallPart) -> None:
        """A tool is about to run."""
        self.running.add(call.tool_call_id)
        self._asked.add(call.tool_call_id)
        self.turn.resume()
        self.turn.call_started(call.tool_call_id, call.tool_name, arguments_of(call), again=True)

    def returned(self, call: ToolCallPart, result: object) -> None:
        """A tool has returned, or something else has in its place."""
        self.running.discard(call.tool_call_id)
        denial = denial_in(result)
        if denial is not None:
            self.turn.call_ended(call.tool_call_id, "denied", denial.message)
        else:
            self.turn.call_ended(call.tool_call_id, result=result_of(result))

    def raised(self, call: ToolCallPart, error: BaseException) -> None:
        """A tool has raised an error, or an exception by which the call is deferred or skipped."""
        self.running.discard(call.tool_call_id)
        if isinstance(error, SkipToolExecution):
            self.returned(call, error.result)
        elif isinstance(error, CallDeferred | ApprovalRequired):
            self.waits(call)
        elif is_stop(error):
            self.turn.call_ended(call.tool_call_id, "cancelled")
        else:
            self.turn.call_ended(call.tool_call_id, "error", cause_of(error))

    def _note_answers(self, answers: Iterable[ToolAnswer]) -> None:
        """Calls that have ended without a hook: refused, done elsewhere, unknown, or skipped."""
        for answer in answers:
            known = self.turn.calls.get(answer.call_id)
            if known is None:
                self.turn.call_asked(answer.call_id, answer.name)
            elif known.ended_at is not None:
                continue
            was_skipped = (
                known is not None
                and answer.status == "completed"
                and known.asked_at is None
                and known.started_at is None
            )
            self._ended(answer, "cancelled" if was_skipped else answer.status)

    def _ended(self, answer: ToolAnswer, status: CallStatus) -> None:
        content = result_of(answer.content)
        if status == "completed":
            self.turn.call_ended(answer.call_id, status, result=content)
        else:
            self.turn.call_ended(answer.call_id, status, error=content)

    def _note_native_calls(self, response: ModelResponse) -> None:
        """Tools that the provider has run by itself, before it answered."""
        answers = native_answers(response)
        for part in response.parts:
            if isinstance(part, NativeToolCallPart):
                self.asks_for(part)  # type: ignore[arg-type]
                answer = answers.get(part.tool_call_id)
                if answer is not None:
                    self._ended(answer, answer.status)
                elif response.state == "complete":
                    self.turn.call_ended(part.tool_call_id)
