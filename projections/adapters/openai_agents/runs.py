"""One run under way: which turn is open, and what is written when.

A run is a chain of turns, one for each agent that takes part. An agent that hands over ends
its turn, and the other agent begins its own.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from agents import Agent, RunContextWrapper

from projections.adapters.context import CallContext, enter_context
from projections.adapters.mirroring import Mirroring
from projections.adapters.openai_agents.contents import (
    Refused,
    error_text_in,
    handoff_call,
    hosted_calls,
    input_text,
    known_id,
    local_calls,
    output_text,
    response_text,
)
from projections.adapters.texts import error_text
from projections.adapters.turns import Status, Turn

SessionOf: TypeAlias = Callable[[Agent[Any]], str]


class Ending(NamedTuple):
    """How a run ended. `waiting` are the calls for whose approval it was interrupted."""

    status: Status = "completed"
    error: object = None
    waiting: Iterable[Any] = ()

    @classmethod
    def by(cls, error: BaseException) -> "Ending":
        """The end by an exception. One that is not an `Exception` cancels the run."""
        if isinstance(error, Exception):
            return cls("error", error)
        return cls("cancelled")


class MirroredRun:
    """A run: hooks report how it goes, and `end` reports how it ended.

    If nobody reports the end, the run is not `watched`: the turn of an agent is then closed as
    soon as it has its output. `session_id` is the session of the latest turn. `refused` are
    calls that the user rejected before the run went on.
    """

    def __init__(self, mirroring: Mirroring, session_of: SessionOf, watched: bool) -> None:
        self.mirroring = mirroring
        self.session_id: str | None = None
        self.refused: Sequence[Refused] = ()
        self.has_output = False
        self._over = False
        self._recorder = mirroring.recorder
        self._session_of = session_of
        self._watched = watched
        self._started_at = mirroring.here()
        self._turn: Turn | None = None
        self._written = False  # whether `_turn` has been written
        self._awaited: Agent[Any] | None = None  # its turn has begun, its hook is to come
        self._output: list[Any] = []  # the items of the latest response
        self._unsaid = ""  # its words, while they are not in the transcript yet
        self._raised: dict[str, tuple[Status, str | None]] = {}  # errors of calls under way

    async def follow(self, step: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Take a step that a hook reports. Nothing once the run is over; tools may go on then."""
        if not (self._over or self.mirroring.stopped):
            try:
                await step(*args)
            except Exception as error:  # noqa: BLE001 - of ours: the agent goes on
                self._recorder.note_failure(error)

    def follow_now(self, step: Callable[..., None], *args: Any) -> None:
        """Like `follow`, where nothing can be awaited."""
        if not (self._over or self.mirroring.stopped):
            self.mirroring.guard(step, *args)

    # Steps that hooks report

    async def agent_started(self, context: RunContextWrapper[Any], agent: Agent[Any]) -> None:
        """An agent begins: at the start of the run, or after a handoff."""
        if self._turn is not None and self._awaited is agent:
            self._awaited = None
            return
        if self._turn is not None:  # a run before this one ended without a hook
            await self._close(self._turn, "error", "the run ended early")
        if not self._watched:
            self._started_at = self.mirroring.here()
        await self._save(self._turn_of(context, agent))
        self._awaited = None

    async def model_answered(self, output: Iterable[Any]) -> None:
        """The model has answered."""
        self._output = list(output)
        self._unsaid = response_text(self._output)
        calls = hosted_calls(self._output)
        if self._turn is not None and calls:
            for call in calls:
                self._turn.call_started(call.id, call.name)
                self._turn.call_ended(call.id, call.status, call.error)
            await self._save(self._turn)

    async def handed_over(
        self, context: RunContextWrapper[Any], source: Agent[Any], target: Agent[Any]
    ) -> None:
        """An agent hands over to another: its turn is over, and the other's begins."""
        before = self._turn_of(context, source)
        call = handoff_call(self._output, source)
        if call is not None:
            before.call_started(call.id, call.name)
            before.call_ended(call.id)
        before.says("assistant", self._unsaid)
        after = self._new_turn(context, target)
        after.parent, after.for_good = before, True
        after.parent_call_id = None if call is None else call.id
        before.handed_to(after)
        await self._close(before)
        self._begin(after, target)
        await self._save(after)

    def call_begins(self, context: RunContextWrapper[Any], agent: Agent[Any], tool: Any) -> None:
        """A tool is about to be called; we are in the context in which it will run."""
        turn = self._turn_of(context, agent)
        call_id = known_id(context, tool) or self._next_id(turn, tool)
        turn.call_started(call_id, tool.name)
        enter_context(CallContext(self._recorder, self, turn, call_id))

    async def call_began(self) -> None:
        """A tool call has begun: write it."""
        if self._turn is not None:
            await self._save(self._turn)

    async def call_ended(
        self, context: RunContextWrapper[Any], agent: Agent[Any], tool: Any, result: object
    ) -> None:
        """A tool has returned, or the SDK has put a result in place of its error."""
        turn = self._turn_of(context, agent)
        call_id = known_id(context, tool) or self._going_on(turn, tool)
        words = error_text_in(context, tool, result)
        known: tuple[Status, str | None] = ("completed" if words is None else "error", words)
        turn.call_started(call_id, tool.name)  # a call approved since began in another run
        turn.call_ended(call_id, *self._raised.pop(call_id, known))
        await self._save(turn)

    def call_raised(self, call_id: str, error: BaseException) -> None:
        """A tool has raised; the SDK's result for it is not known yet."""
        status = Ending.by(error).status
        self._raised[call_id] = (status, error_text(error) if status == "error" else None)

    async def agent_ended(self, output: object) -> None:
        """An agent has its final output, which guardrails may still withhold."""
        self.has_output, self._unsaid = True, ""
        if self._turn is not None:
            self._turn.says("assistant", output_text(output))
            if not self._watched:
                await self._close(self._turn)

    # Ends that the runner reports

    async def aend(self, ending: Ending) -> None:
        """The run is over."""
        turn = self._last_turn(ending)
        if turn is not None:
            await self._recorder.aclose(turn, ending.status, ending.error)

    def end(self, ending: Ending) -> None:
        """The run is over, outside of event loops."""
        turn = self._last_turn(ending)
        if turn is not None:
            self._recorder.close(turn, ending.status, ending.error)

    def end_soon(self, ending: Ending) -> None:
        """Like `end`, without waiting."""
        turn = self._last_turn(ending)
        if turn is not None:
            self._recorder.close_soon(turn, ending.status, ending.error)

    def defer_end(self, ending: Ending) -> None:
        """Like `end_soon`, for a coroutine that is closed, perhaps by the garbage collector."""
        self._recorder.defer(lambda: self.end_soon(ending))

    # Inside

    def _turn_of(self, context: RunContextWrapper[Any], agent: Agent[Any]) -> Turn:
        """The agent's turn. It is begun if need be: a run after an approval starts in mid-turn."""
        if self._turn is None:
            turn = self._new_turn(context, agent)
            if self._started_at is not None:
                self._started_at.calls_for(turn)
            self._begin(turn, agent)
            return turn
        return self._turn

    def _new_turn(self, context: RunContextWrapper[Any], agent: Agent[Any]) -> Turn:
        self.session_id = self._session_of(agent)
        turn = self._recorder.turn(self.session_id, agent.name)
        turn.says("user", input_text(context.turn_input))
        return turn

    def _begin(self, turn: Turn, agent: Agent[Any]) -> None:
        for call in self.refused:
            if call.agent == agent.name:
                turn.call_started(call.id, call.name)
                turn.call_ended(call.id, "cancelled")
        self.refused = [call for call in self.refused if call.agent != agent.name]
        self._turn, self._awaited, self._written = turn, agent, False
        self._output, self._unsaid = [], ""

    async def _save(self, turn: Turn) -> None:
        if self._written:
            await self._recorder.asave(turn)
        else:
            self._written = True
            await self._recorder.aopen(turn)

    async def _close(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        self._turn = None
        await self._recorder.aclose(turn, status, error)

    def _last_turn(self, ending: Ending) -> Turn | None:
        """The turn in which the run ends, with its end noted; None if there is no open turn."""
        turn, self._turn, self._over = self._turn, None, True
        if turn is None or self.mirroring.stopped:
            return None
        self.mirroring.guard(self._note_end, turn, ending)
        return turn

    def _note_end(self, turn: Turn, ending: Ending) -> None:
        turn.says("assistant", self._unsaid)
        for call_id, (status, error) in self._raised.items():
            turn.call_ended(call_id, status, error)
        for item in ending.waiting:
            if item.call_id and item.agent.name == turn.runtime_id:
                turn.call_started(item.call_id, str(item.name))

    def _next_id(self, turn: Turn, tool: Any) -> str:
        """The id of the tool's next call in the response, or one that is made up."""
        for call_id in local_calls(self._output, tool):
            if call_id not in turn.calls:
                return call_id
        return f"{tool.name}-{len(turn.calls) + 1}"

    def _going_on(self, turn: Turn, tool: Any) -> str:
        """The id of the tool's call under way; these tools are called one at a time."""
        ids = [each.id for each in turn.calls if each.name == tool.name]
        return ids[-1] if ids else self._next_id(turn, tool)
