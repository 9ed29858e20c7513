"""Finds the turn that code belongs to: by the context, or else by the agent.

PraisonAI copies the context into the threads and tasks in which it runs tools. So a tool call
knows its turn there, and a turn that begins inside a tool call knows its caller. Code without
that context is taken to belong to the agent's turn, if the agent has just one.
"""

from dataclasses import dataclass, field
from typing import Any

from projections.adapters.calls import UNFINISHED, CallStatus
from projections.adapters.context import current
from projections.adapters.open_turns import OpenTurns
from projections.adapters.praisonai.answers import ModelAnswer
from projections.adapters.praisonai.asked import AskedCalls
from projections.adapters.praisonai.outcomes import reported_error
from projections.adapters.turns import Status, Turn


@dataclass(slots=True, eq=False)
class Running:
    """An agent's turn under way, with what PraisonAI reveals of how it goes.

    `shown_error` is the last error that PraisonAI showed instead of raising it. `blocked` is
    the reason why a guardrail withheld the answer. `cancel` is PraisonAI's token of the turn:
    it knows whether the turn was asked to stop. `streamed` is what a turn that streams has
    given since its model last asked for calls. Such a turn may fall back to an answer without
    a stream; `came_to_nothing` says that it did, and that there was no answer. `questions` are
    the calls of which it is being decided whether they may run.
    """

    agent: Any
    turn: Turn
    shown_error: str | None = None
    blocked: str | None = None
    cancel: Any = None
    streamed: list[Any] | None = None
    came_to_nothing: bool = False
    questions: set[str] = field(default_factory=set, repr=False)
    calls: AskedCalls = field(init=False, repr=False)
    _words: str = field(default="", repr=False)  # said as calls were asked for

    def __post_init__(self) -> None:
        self.calls = AskedCalls(self.turn)

    @property
    def session_id(self) -> str:
        return self.turn.session_id

    def after_stop(self) -> None:
        """See `journal.forking.Stoppable`."""
        self.turn.after_stop()

    def heard(self, answer: ModelAnswer) -> None:
        """A model has answered. What it says is the turn's answer unless it asks for calls."""
        self.turn.model_answered(answer.model, answer.usage, answer.stop_reason)
        if answer.calls:
            self.calls.ask(answer.calls)
        self._words = answer.words if answer.calls else ""
        if self._words:
            self.turn.says("assistant", self._words)
            if self.streamed is not None:
                self.streamed.clear()

    def end(self, result: object, status: Status) -> None:
        """The turn has come to its end, with this answer or with what it has streamed."""
        if self.streamed is not None:
            result = "".join(map(str, self.streamed))
        if result != self._words:  # PraisonAI may stop there, and give that as the answer
            self.turn.says("assistant", result)
        if status != "cancelled":
            self.calls.end()

    def call_ended(
        self, call_id: str, status: CallStatus, error: object = None, result: object = None
    ) -> None:
        """A call is over; what goes wrong in one that somebody refused is the refusal."""
        turn = self.turn
        with turn.lock:
            call = turn.calls.get(call_id)
            if status == "error" and call is not None and call.answer == "denied":
                status = "denied"
            turn.call_ended(call_id, status, error, result)
            self.go_on()

    def go_on(self) -> None:
        """The turn goes on if it waited, and none of its calls still waits."""
        turn = self.turn
        with turn.lock:
            if turn.status == "waiting" and not any(
                each.status == "waiting" for each in turn.calls.unfinished.values()
            ):
                turn.resume()

    def outcome(self, result: object) -> tuple[Status, str | None]:
        """How a turn that returned `result` ended, and what went wrong.

        PraisonAI swallows errors and returns None, so None counts as an error.
        """
        if getattr(self.cancel, "_observed", False):
            return "cancelled", self.shown_error
        if self.blocked is not None:
            return "error", self.blocked
        if result is None or self.came_to_nothing:
            return "error", self.shown_error or "no answer"
        error = reported_error(result)
        return ("completed", None) if error is None else ("error", error)


def running_here() -> tuple[Running, str | None] | None:
    """The turn in which this code runs, and its call; None outside a turn, or once it is over."""
    here = current()
    if (
        here is None
        or not isinstance(here.work, Running)
        or here.work.turn.status not in UNFINISHED
    ):
        return None
    return here.work, here.call_id


class RunningTurns:
    """The open turns of each agent. Thread-safe."""

    def __init__(self) -> None:
        self._open: OpenTurns[int, Running] = OpenTurns()

    def add(self, running: Running) -> None:
        self._open.add(id(running.agent), running)

    def remove(self, running: Running) -> None:
        self._open.remove(id(running.agent), running)

    def of(self, agent: object) -> Running | None:
        """The turn of the agent to which this code belongs, None if that is not clear."""
        here = running_here()
        if here is not None and here[0].agent is agent:
            return here[0]
        turns = self._open.of(id(agent))
        return turns[0] if len(turns) == 1 else None
