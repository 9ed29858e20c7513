"""One run under way: which turn is open, and what is written when.

A run is a chain of turns, one for each agent that takes part. An agent that hands over ends
its turn, and the other agent begins its own. A run that was interrupted goes on in the turn that
waits.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from agents import Agent, ModelResponse, RunContextWrapper, ToolApprovalItem

from projections.adapters.context import CallContext, enter_context
from projections.adapters.mirroring import Mirroring
from projections.adapters.openai_agents.contents import (
    error_text_in,
    input_text,
    model_of,
    output_text,
    response_texts,
    usage_of,
)
from projections.adapters.openai_agents.response_calls import ResponseCalls
from projections.adapters.openai_agents.resuming import Interrupted, find_turn
from projections.adapters.texts import text_of
from projections.adapters.turns import Status, Turn

SessionOf: TypeAlias = Callable[[Agent[Any]], str]


class Ending(NamedTuple):
    """How a run ended. `items` are what it made, `waiting` are the calls that need approval."""

    status: Status = "completed"
    error: object = None
    items: Sequence[Any] = ()
    waiting: Iterable[ToolApprovalItem] = ()

    @classmethod
    def by(cls, error: BaseException) -> "Ending":
        """The end by an exception. One that is not an `Exception` cancels the run."""
        if not isinstance(error, Exception):
            return cls("cancelled")
        items = getattr(getattr(error, "run_data", None), "new_items", ())
        return cls("error", error, items)


class MirroredRun:
    """A run: hooks report how it goes, and `end` reports how it ended.

    If nobody reports the end, the run is not `watched`: the turn of an agent is then closed as
    soon as it has its output. `session_id` is the session of the latest turn. `config` is the
    run's `run_config`, if it is known.
    """

    def __init__(
        self,
        mirroring: Mirroring,
        session_of: SessionOf,
        watched: bool,
        config: object = None,
        called_in: CallContext | None = None,
    ) -> None:
        self.mirroring = mirroring
        self.session_id: str | None = None
        self.has_output = False
        self._over = False
        self._recorder = mirroring.recorder
        self._session_of = session_of
        self._watched = watched
        self._config = config
        self._started_at = called_in or mirroring.here()
        self._turn: Turn | None = None
        self._calls: ResponseCalls | None = None  # of `_turn`
        self._written = False  # whether `_turn` has been written
        self._awaited: Agent[Any] | None = None  # its turn has begun, its hook is to come
        self._words: list[str] = []  # of the latest response
        self._where: Interrupted | None = None  # it goes on there, in a turn that is not found

    @property
    def turn(self) -> Turn | None:
        """The turn that is open now."""
        return self._turn

    @property
    def has_running_calls(self) -> bool:
        """Whether tools run of which it is not known how they end."""
        return self._calls is not None and self._calls.has_running

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

    # Steps that the runner reports before the first hook

    async def aresume(self, where: Interrupted) -> None:
        """The run goes on where another was interrupted."""
        session_id = self._session_of(where.agent)
        turn = await self._recorder.awaiting_turn(session_id, where.agent.name, where.waiting)
        self._go_on(where, turn)

    def resume(self, where: Interrupted) -> None:
        """As `aresume`; in an event loop, this blocks it until the turn is read."""
        self._go_on(where, find_turn(self._recorder, self._session_of(where.agent), where))

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
        await self._save(self._calls_of(context, agent).turn)
        self._awaited = None

    async def model_is_asked(self, items: Sequence[Any]) -> None:
        """The model is shown what became of the calls that it asked for."""
        if self._calls is not None and self._calls.answered(items):
            await self._save(self._calls.turn)

    async def model_answered(self, agent: Agent[Any], response: ModelResponse) -> None:
        """The model has answered. The calls that it asks for are written as they begin."""
        calls = self._calls
        if calls is None:
            return
        self._words = response_texts(response.output)
        calls.turn.model_answered(model_of(agent, self._config), usage_of(response.usage))
        calls.turn.says("assistant", "\n".join(self._words))
        if calls.asked(agent, response.output):
            await self._save(calls.turn)

    async def handed_over(
        self, context: RunContextWrapper[Any], source: Agent[Any], target: Agent[Any]
    ) -> None:
        """An agent hands over to another: its turn is over, and the other's begins."""
        calls = self._calls_of(context, source)
        before = calls.turn
        call_id = calls.handed_over(context, source)
        after = self._new_turn(context, target)
        after.parent, after.for_good, after.parent_call_id = before, True, call_id
        before.handed_to(after)
        await self._close(before)
        self._begin(after, target)
        await self._save(after)

    def call_begins(self, context: RunContextWrapper[Any], agent: Agent[Any], tool: Any) -> None:
        """A tool is about to be called; we are in the context in which it will run."""
        calls = self._calls_of(context, agent)
        call_id = calls.begins(context, agent, tool)
        enter_context(CallContext(self._recorder, self, calls.turn, call_id))

    async def call_began(self) -> None:
        """A tool call has begun: write it."""
        if self._turn is not None:
            await self._save(self._turn)

    async def call_ended(
        self, context: RunContextWrapper[Any], agent: Agent[Any], tool: Any, result: object
    ) -> None:
        """A tool has returned, or the SDK has put a result in place of its error."""
        calls = self._calls_of(context, agent)
        calls.ends(context, tool, result, error_text_in(context, tool, result))
        await self._save(calls.turn)

    def call_raised(self, call_id: str, error: BaseException) -> None:
        """A tool has raised; the SDK's result for it is not known yet."""
        if self._calls is not None:
            self._calls.raised(call_id, error)

    async def agent_ended(self, output: object) -> None:
        """An agent has its final output, which guardrails may still withhold."""
        self.has_output = True
        if self._turn is None:
            return
        in_words = output in self._words if isinstance(output, str) else bool(self._words)
        if not in_words:
            self._turn.says("assistant", text_of(output_text(output)))
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

    def _go_on(self, where: Interrupted, turn: Turn | None) -> None:
        if turn is None:
            self._where = where
            return
        if self._started_at is not None:
            self._started_at.called_for(turn)
        turn.resume()
        turn.says("user", where.added)
        self._begin(turn, where.agent).go_on(where)
        self._written = True
        self._recorder.open_soon(turn)

    def _calls_of(self, context: RunContextWrapper[Any], agent: Agent[Any]) -> ResponseCalls:
        """The calls of the agent's turn, which is begun if need be: hooks may come in mid-turn."""
        if self._calls is None:
            turn = self._new_turn(context, agent)
            if self._started_at is not None:
                self._started_at.calls_for(turn)
            return self._begin(turn, agent)
        return self._calls

    def _new_turn(self, context: RunContextWrapper[Any], agent: Agent[Any]) -> Turn:
        self.session_id = self._session_of(agent)
        turn = self._recorder.turn(self.session_id, agent.name)
        turn.says("user", input_text(context.turn_input))
        return turn

    def _begin(self, turn: Turn, agent: Agent[Any]) -> ResponseCalls:
        calls = ResponseCalls(turn, agent)
        if self._where is not None:
            calls.go_on(self._where)
        self._turn, self._calls, self._awaited, self._written = turn, calls, agent, False
        self._words, self._where = [], None
        return calls

    async def _save(self, turn: Turn) -> None:
        if self._written:
            await self._recorder.asave(turn)
        else:
            self._written = True
            await self._recorder.aopen(turn)

    async def _close(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        self._turn = self._calls = None
        await self._recorder.aclose(turn, status, error)

    def _last_turn(self, ending: Ending) -> Turn | None:
        """The turn in which the run ends, with its end noted; None if there is no open turn."""
        calls, self._turn, self._calls, self._over = self._calls, None, None, True
        if calls is None or self.mirroring.stopped:
            return None
        self.mirroring.guard(self._note_end, calls, ending)
        return calls.turn

    def _note_end(self, calls: ResponseCalls, ending: Ending) -> None:
        raw_items = [getattr(item, "raw_item", None) for item in ending.items]
        calls.answered(raw_items)
        calls.stopped_by(ending.error)
        calls.waits(ending.waiting)
