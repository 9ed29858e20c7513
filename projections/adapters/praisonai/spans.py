"""From the beginning to the end of a turn and of a tool call: what is written when.

A span is entered before the agent's own code runs and left after it. It never raises an
`Exception`, whatever the agent's objects look like: what goes wrong in here is counted like
trouble with the journal. Where a stream or a coroutine is closed, which the garbage collector
may do at any moment, all that is deferred to another thread.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Any, NamedTuple, Self

from projections.adapters.context import CallContext, use_context
from projections.adapters.mirroring import Mirroring
from projections.adapters.praisonai.running import (
    Running,
    RunningTurns,
    outcome_of,
    reported_error,
    running_here,
)
from projections.adapters.recorder import Recorder
from projections.adapters.session_choice import SessionChoice
from projections.adapters.turns import Status, Turn


class TurnTracker(Mirroring):
    """Begins turns, and knows which are open, and which session an agent belongs to."""

    def __init__(self, recorder: Recorder, choice: SessionChoice[Any]) -> None:
        super().__init__(recorder)
        self.turns = RunningTurns()
        self._choice = choice

    def begin(self, agent: Any, prompt: object) -> Running:
        """A turn of the agent. Nothing is written yet.

        Its runtime is the name that PraisonAI shows for the agent, `Agent 1` if it was given none.
        """
        here = self.here()
        own = getattr(agent, "_session_id", None)
        turn = Turn(self._choice.of(agent, own, here), str(agent.display_name))
        turn.says("user", prompt)
        if here is not None:
            here.calls_for(turn)
        running = Running(agent, turn)
        self.turns.add(running)
        return running


class ToWrite(NamedTuple):
    """What there is to write: by a method of the recorder, or by one of its twins.

    That for what is deferred to another thread is there for what comes at an end.
    """

    what: tuple[Any, ...]
    write: Callable[..., None]
    awrite: Callable[..., Awaitable[None]]
    write_soon: Callable[..., None] | None = None


class AgentSpan:
    """What spans of turns and of calls have in common.

    `result` is to be set to what the agent's code returned.
    """

    def __init__(self, tracker: TurnTracker) -> None:
        self._tracker = tracker
        self._recorder = tracker.recorder
        self._context: CallContext | None = None
        self.result: Any = None

    def inside(self) -> use_context:
        """Where the agent's code is to run."""
        return use_context(self._context)

    def _begin(self) -> ToWrite | None:
        """What there is to write before the agent's code runs."""
        raise NotImplementedError

    def _end(self, error: BaseException | None) -> ToWrite | None:
        """The same after it has returned `result` or raised `error`."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        entry = self._guarded(self._begin)
        if entry is not None:
            entry.write(*entry.what)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, GeneratorExit):
            self._defer(error)
            return
        entry = self._guarded(lambda: self._end(error))
        if entry is not None:
            entry.write(*entry.what)

    async def __aenter__(self) -> Self:
        entry = self._guarded(self._begin)
        if entry is not None:
            await entry.awrite(*entry.what)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not (error is None or isinstance(error, Exception | asyncio.CancelledError)):
            self._defer(error)  # closed, or the process is about to end: nothing can be awaited
            return
        entry = self._guarded(lambda: self._end(error))
        if entry is None:
            return
        if isinstance(error, asyncio.CancelledError) and entry.write_soon is not None:
            entry.write_soon(*entry.what)  # a caller that cancels does not wait for us
        else:
            await entry.awrite(*entry.what)

    def _defer(self, error: BaseException) -> None:
        def end() -> None:
            entry = self._guarded(lambda: self._end(error))
            if entry is not None and entry.write_soon is not None:
                entry.write_soon(*entry.what)

        self._recorder.defer(end)

    def _guarded(self, action: Callable[[], ToWrite | None]) -> ToWrite | None:
        return None if self._tracker.stopped else self._tracker.guard(action)


class TurnSpan(AgentSpan):
    """An agent's turn. Where it runs inside another method of the same turn, it is that one."""

    def __init__(self, tracker: TurnTracker, agent: Any, prompt: object) -> None:
        super().__init__(tracker)
        self._agent = agent
        self._prompt = prompt
        self._running: Running | None = None
        self._outer: Running | None = None
        self._said: list[Any] = []

    def steps(self, inner: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """As `yield from inner`, with `inner` running inside the turn and its user outside.

        What was said is what it yields; `result` is that in the end, None if it was nothing.
        """
        if self._running is not None:
            self._running.streams = True
        step: Callable[..., Any] = inner.send
        argument: Any = None
        while True:
            try:
                with self.inside():
                    chunk = step(argument)
            except StopIteration as stop:
                self.result = self._said or None
                return stop.value
            self._said.append(chunk)
            try:
                step, argument = inner.send, (yield chunk)
            except GeneratorExit:
                with self.inside():
                    inner.close()
                raise
            except BaseException as error:  # noqa: BLE001 - `inner` decides about it
                step, argument = inner.throw, error

    def _begin(self) -> ToWrite | None:
        here = running_here()
        if here is not None and here[0].agent is self._agent and here[1] is None:
            self._outer = here[0]
            return None
        running = self._tracker.begin(self._agent, self._prompt)
        self._running = running
        self._context = CallContext(self._recorder, running, running.turn)
        return ToWrite((running.turn,), self._recorder.open, self._recorder.aopen)

    def _end(self, error: BaseException | None) -> ToWrite | None:
        if self._outer is not None and self._outer.streams:
            self._outer.came_to_nothing = self.result is None
        running = self._running
        if running is None:
            return None
        self._tracker.turns.remove(running)
        running.turn.says("assistant", self._answer(running))
        ending = running.outcome(self.result) if error is None else (outcome_of(error), error)
        to = self._recorder
        return ToWrite((running.turn, *ending), to.close, to.aclose, to.close_soon)

    def _answer(self, running: Running) -> object:
        return "".join(map(str, self._said)) if running.streams else self.result


class CallSpan(AgentSpan):
    """A tool call of the turn that the agent is in, if that is known."""

    def __init__(self, tracker: TurnTracker, agent: Any, name: object, call_id: object) -> None:
        super().__init__(tracker)
        self._agent = agent
        self._name = name
        self._given_id = call_id
        self._call_id = ""
        self._turn: Turn | None = None

    def _begin(self) -> ToWrite | None:
        running = self._tracker.turns.of(self._agent)
        if running is None:
            return None
        self._call_id = running.start_call(self._given_id, self._name)
        self._turn = running.turn
        self._context = CallContext(self._recorder, running, running.turn, self._call_id)
        return self._entry(running.turn)

    def _end(self, error: BaseException | None) -> ToWrite | None:
        turn = self._turn
        if turn is None or turn.status != "open":
            return None  # it is not known, or did not wait for the call
        status, reason = self._outcome() if error is None else (outcome_of(error), error)
        turn.call_ended(self._call_id, status, reason)
        return self._entry(turn)

    def _entry(self, turn: Turn) -> ToWrite:
        to = self._recorder
        return ToWrite((turn,), to.save, to.asave, to.save_soon)

    def _outcome(self) -> tuple[Status, object]:
        error = reported_error(self.result)
        return ("completed", None) if error is None else ("error", error)
