"""From the beginning to the end of a turn and of a tool call: what is written when.

A scope is entered before the agent's own code runs and left after it. It never raises an
`Exception`, whatever the agent's objects look like: what goes wrong in here is counted like
trouble with the journal. Where a stream or a coroutine is closed, which the garbage collector
may do at any moment, all that is left to another thread.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Any, NamedTuple, Self

from projections.adapters.praisonai.running import (
    Inside,
    Place,
    Running,
    RunningTurns,
    error_in,
    outcome_of,
    place,
)
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Status, Turn


class Keeper:
    """Opens scopes, and knows which runtime and which session an agent belongs to."""

    def __init__(
        self,
        recorder: Recorder,
        runtime_of: Callable[[Any], str],
        session_of: Callable[[Any, Turn | None], str],
    ) -> None:
        self.recorder = recorder
        self.turns = RunningTurns()
        self.stopped = False
        self._runtime_of = runtime_of
        self._session_of = session_of

    def stop(self) -> None:
        """Write nothing any more, whatever is still running."""
        self.stopped = True

    def begin(self, agent: Any, prompt: object, here: Place | None) -> Running:
        """A turn of the agent, called for from `here`. Nothing is written yet."""
        parent, call_id = (None, None) if here is None else (here.running.turn, here.call_id)
        session_id = self._session_of(agent, parent)
        turn = Turn(session_id, self._runtime_of(agent), parent=parent, parent_call_id=call_id)
        turn.says("user", prompt)
        if parent is not None:
            parent.handed_to(turn)
        running = Running(agent, turn)
        self.turns.add(running)
        return running


class Entry(NamedTuple):
    """What there is to write: by a method of the recorder, or by one of its twins.

    That for what is left to another thread is there for what comes at an end.
    """

    what: tuple[Any, ...]
    write: Callable[..., None]
    awrite: Callable[..., Awaitable[None]]
    write_soon: Callable[..., None] | None = None


class Scope:
    """What those of turns and of calls have in common.

    `result` is to be set to what the agent's code returned.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._recorder = keeper.recorder
        self._place: Place | None = None
        self.result: Any = None

    def inside(self) -> Inside:
        """Where the agent's code is to run."""
        return Inside(self._place)

    def _begin(self) -> Entry | None:
        """What there is to write before the agent's code runs."""
        raise NotImplementedError

    def _end(self, error: BaseException | None) -> Entry | None:
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
            self._leave(error)
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
            self._leave(error)  # closed, or the process is about to end: nothing can be awaited
            return
        entry = self._guarded(lambda: self._end(error))
        if entry is None:
            return
        if isinstance(error, asyncio.CancelledError) and entry.write_soon is not None:
            entry.write_soon(*entry.what)  # whoever cancels does not wait for us
        else:
            await entry.awrite(*entry.what)

    def _leave(self, error: BaseException) -> None:
        def end() -> None:
            entry = self._guarded(lambda: self._end(error))
            if entry is not None and entry.write_soon is not None:
                entry.write_soon(*entry.what)

        self._recorder.leave(end)

    def _guarded(self, action: Callable[[], Entry | None]) -> Entry | None:
        if self._keeper.stopped:
            return None
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - trouble of ours is not the agent's
            self._recorder.note_failure(error)
            return None


class TurnScope(Scope):
    """An agent's turn. Where it runs inside another method of the same turn, it is that one."""

    def __init__(self, keeper: Keeper, agent: Any, prompt: object) -> None:
        super().__init__(keeper)
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

    def _begin(self) -> Entry | None:
        here = place()
        if here is not None and here.running.agent is self._agent and here.call_id is None:
            self._outer = here.running
            return None
        running = self._keeper.begin(self._agent, self._prompt, here)
        self._running, self._place = running, Place(running)
        return Entry((running.turn,), self._recorder.open, self._recorder.aopen)

    def _end(self, error: BaseException | None) -> Entry | None:
        if self._outer is not None and self._outer.streams:
            self._outer.came_to_nothing = self.result is None
        running = self._running
        if running is None:
            return None
        self._keeper.turns.remove(running)
        running.turn.says("assistant", self._answer(running))
        ending = running.outcome(self.result) if error is None else (outcome_of(error), error)
        to = self._recorder
        return Entry((running.turn, *ending), to.close, to.aclose, to.close_soon)

    def _answer(self, running: Running) -> object:
        return "".join(map(str, self._said)) if running.streams else self.result


class CallScope(Scope):
    """A tool call of the turn that the agent is in, if that is known."""

    def __init__(self, keeper: Keeper, agent: Any, name: object, call_id: object) -> None:
        super().__init__(keeper)
        self._agent = agent
        self._name = name
        self._given_id = call_id
        self._call_id = ""

    def _begin(self) -> Entry | None:
        running = self._keeper.turns.of(self._agent)
        if running is None:
            return None
        self._call_id = running.start_call(self._given_id, self._name)
        self._place = Place(running, self._call_id)
        return self._entry(running.turn)

    def _end(self, error: BaseException | None) -> Entry | None:
        if self._place is None:
            return None
        turn = self._place.running.turn
        if turn.status != "open":
            return None  # it did not wait for the call
        status, reason = self._outcome() if error is None else (outcome_of(error), error)
        turn.call_ended(self._call_id, status, reason)
        return self._entry(turn)

    def _entry(self, turn: Turn) -> Entry:
        to = self._recorder
        return Entry((turn,), to.save, to.asave, to.save_soon)

    def _outcome(self) -> tuple[Status, object]:
        error = error_in(self.result)
        return ("completed", None) if error is None else ("error", error)
