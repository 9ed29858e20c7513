"""Spans of turns and of tool calls: what is written at their beginning and at their end.

A span is entered before the agent's own code runs and left after it. It never raises an
`Exception`, whatever the agent's objects look like: errors in here are counted like failures of
the journal. If a stream or a coroutine is closed, the end of its span is deferred to another
thread: the garbage collector may close it at any moment.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Any, NamedTuple, Self

from projections.adapters.calls import UNFINISHED
from projections.adapters.context import CallContext, use_context
from projections.adapters.praisonai.outcomes import outcome_of, outcome_of_call
from projections.adapters.praisonai.running import Running, running_here
from projections.adapters.praisonai.tracker import TurnTracker
from projections.adapters.turns import Turn


class PendingWrite(NamedTuple):
    """A write to make by one of three methods of the recorder, which differ in how they wait.

    `write_soon` does not wait. Only writes at the end of a span have it.
    """

    arguments: tuple[Any, ...]
    write: Callable[..., None]
    awrite: Callable[..., Awaitable[None]]
    write_soon: Callable[..., None] | None = None


class AgentSpan:
    """What spans of turns and of calls have in common.

    Set `result` to what the agent's code returned.
    """

    def __init__(self, tracker: TurnTracker) -> None:
        self._tracker = tracker
        self._recorder = tracker.recorder
        self._context: CallContext | None = None
        self.result: Any = None

    def inside(self) -> use_context:
        """The context in which the agent's code must run."""
        return use_context(self._context)

    def _begin(self) -> PendingWrite | None:
        """The write before the agent's code runs, if there is one."""
        raise NotImplementedError

    def _end(self, error: BaseException | None) -> PendingWrite | None:
        """The write after it has returned `result` or raised `error`, if there is one."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        pending = self._guarded(self._begin)
        if pending is not None:
            pending.write(*pending.arguments)
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
        pending = self._guarded(lambda: self._end(error))
        if pending is not None:
            pending.write(*pending.arguments)

    async def __aenter__(self) -> Self:
        pending = self._guarded(self._begin)
        if pending is not None:
            await pending.awrite(*pending.arguments)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not (error is None or isinstance(error, Exception | asyncio.CancelledError)):
            self._defer(error)  # it is closed, or the process ends: nothing can be awaited
            return
        pending = self._guarded(lambda: self._end(error))
        if pending is None:
            return
        if isinstance(error, asyncio.CancelledError) and pending.write_soon is not None:
            pending.write_soon(*pending.arguments)  # a caller that cancels does not wait for us
        else:
            await pending.awrite(*pending.arguments)

    def _defer(self, error: BaseException) -> None:
        def end() -> None:
            pending = self._guarded(lambda: self._end(error))
            if pending is not None and pending.write_soon is not None:
                pending.write_soon(*pending.arguments)

        self._recorder.defer(end)

    def _guarded(self, action: Callable[[], PendingWrite | None]) -> PendingWrite | None:
        return None if self._tracker.stopped else self._tracker.guard(action)


class TurnSpan(AgentSpan):
    """An agent's turn. Inside another method of the same turn, it is that turn."""

    def __init__(self, tracker: TurnTracker, agent: Any, prompt: object) -> None:
        super().__init__(tracker)
        self._agent = agent
        self._prompt = prompt
        self._running: Running | None = None
        self._outer: Running | None = None

    def steps(self, inner: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """Like `yield from inner`, but `inner` runs inside the turn and its user outside.

        `result` becomes True, or stays None if `inner` yielded nothing.
        """
        running = self._running
        if running is not None:
            running.streamed = []
        step: Callable[..., Any] = inner.send
        argument: Any = None
        while True:
            try:
                with self.inside():
                    chunk = step(argument)
            except StopIteration as stop:
                return stop.value
            self.result = True
            if running is not None and running.streamed is not None:
                running.streamed.append(chunk)
            try:
                step, argument = inner.send, (yield chunk)
            except GeneratorExit:
                with self.inside():
                    inner.close()
                raise
            except BaseException as error:  # noqa: BLE001 - `inner` decides about it
                step, argument = inner.throw, error

    def _begin(self) -> PendingWrite | None:
        here = running_here()
        if here is not None and here[0].agent is self._agent and here[1] is None:
            self._outer = here[0]
            return None
        running = self._tracker.begin(self._agent, self._prompt)
        self._running = running
        self._context = CallContext(self._recorder, running, running.turn)
        return PendingWrite((running.turn,), self._recorder.open, self._recorder.aopen)

    def _end(self, error: BaseException | None) -> PendingWrite | None:
        if self._outer is not None and self._outer.streamed is not None:
            self._outer.came_to_nothing = self.result is None
        running = self._running
        if running is None:
            return None
        self._tracker.turns.remove(running)
        ending = running.outcome(self.result) if error is None else (outcome_of(error), error)
        running.end(self.result, ending[0])
        to = self._recorder
        return PendingWrite((running.turn, *ending), to.close, to.aclose, to.close_soon)


class CallSpan(AgentSpan):
    """A tool call of the agent's present turn, if that turn is known."""

    def __init__(
        self, tracker: TurnTracker, agent: Any, name: object, arguments: object, call_id: object
    ) -> None:
        super().__init__(tracker)
        self._agent = agent
        self._given_name = name
        self._name = ""
        self._arguments = arguments
        self._given_id = call_id
        self._call_id = ""
        self._running: Running | None = None

    def _begin(self) -> PendingWrite | None:
        running = self._tracker.turns.of(self._agent)
        if running is None:
            return None
        self._name = str(self._given_name)
        self._call_id = running.calls.begin(self._given_id, self._name, self._arguments)
        self._running = running
        self._context = CallContext(self._recorder, running, running.turn, self._call_id)
        return self._save(running.turn)

    def _end(self, error: BaseException | None) -> PendingWrite | None:
        running = self._running
        if running is None or running.turn.status not in UNFINISHED:
            return None  # the turn is not known, or ended without waiting for the call
        status, reason = outcome_of_call(self._name, self.result, error)
        running.call_ended(
            self._call_id, status, reason, self.result if status == "completed" else None
        )
        return self._save(running.turn)

    def _save(self, turn: Turn) -> PendingWrite:
        to = self._recorder
        return PendingWrite((turn,), to.save, to.asave, to.save_soon)
