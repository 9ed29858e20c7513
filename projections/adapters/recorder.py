"""Writes agents' turns into the journal, and keeps trouble with the journal from the agents.

What is written:

- a turn when it opens, whenever one of its tool calls starts or ends, and when it closes, so
  that a crash in its middle leaves an open turn with what was done so far;
- a handoff and its takeover when a turn opens inside a tool call of another runtime's turn,
  the same back when it closes, and when one runtime goes on after another has finished.

Runtimes whose turns are open at the same time, none called by the other, are not handed
over: the audit then shows that they ran side by side in one session, as it should.

A state and its place in the queue of its session are taken under the turn's lock; what may
wait for a disk or for another process comes after that, with no lock held.
"""

import asyncio
import functools
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from journal import exiting
from journal.forking import leave_stopped_threads
from projections.adapters.deferred import Deferred
from projections.adapters.failures import Failures
from projections.adapters.ownership import Before, Handover, SessionOwner
from projections.adapters.turns import Status, Turn
from projections.adapters.writing import Write
from projections.store.async_store.entries import Done
from projections.store.async_store.writer import AsyncWriter, Begin
from projections.store.store import DefaultSessionStore, writer_of

_PATIENCE = 1.0  # seconds that an agent waits for a disk or for another process


class Recorder:
    """Mirrors turns into a store: `open`, `save` and `close` a `Turn`.

    `aopen`, `asave` and `aclose` do the same for an event loop, which they never block. Once
    called they are carried out, even if the task that awaits them is cancelled. They wait for
    the disk before a tool runs, and when the turn is over: then all of the turn so far is
    written, unless that takes longer than a second. All other states are queued, and written
    within milliseconds. Event loops of other libraries than asyncio are blocked meanwhile.

    `save_soon` and `close_soon` wait for nothing, in any thread. A coroutine or generator that
    is being closed must not even do that, since the garbage collector may be closing it:
    `defer` has them called by another thread.

    A turn may end when the program does, in a function of `atexit` or in a finalizer. Then the
    thread that ends it writes it, or it is counted as a failure.

    Whatever goes wrong with the journal is counted in `failures`, kept in `last_failure` and
    logged the first time; it is never raised. The agent goes on, and the journal has a gap.
    The session file is brought up to date after a turn, in a thread: that takes longer than
    all the rest. Safe for threads and for several event loops.
    """

    def __init__(self, store: DefaultSessionStore) -> None:
        self.store = store
        self.users = 0  # how many mirrors share it; the last one closes a store that it owns
        self.owns_store = False
        self._writer = writer_of(store)
        self._async_writer = AsyncWriter(self._writer)
        self._owner = SessionOwner()
        self._deferred = Deferred()
        self._failures = Failures()

    @property
    def mirrors(self) -> bool:
        """Whether the store records anything."""
        return self._writer.mirrors

    @property
    def failures(self) -> int:
        """How many writes failed, and adapters' own steps."""
        return self._failures.count

    @property
    def last_failure(self) -> Exception | None:
        """What went wrong last."""
        return self._failures.last

    def open(self, turn: Turn) -> None:
        """A turn begins."""
        self._deferred.watch()
        self.drain()
        self._write(turn, before=self._owner.opened(turn))

    async def aopen(self, turn: Turn) -> None:
        """As `open`."""
        self._deferred.watch()
        self.drain()
        self._write_soon(turn, before=self._owner.opened(turn))

    def save(self, turn: Turn) -> None:
        """Write the turn as it is now."""
        self.drain()
        self._write(turn)

    async def asave(self, turn: Turn) -> None:
        """As `save`."""
        self.drain()
        if self._write_soon(turn) and turn.has_open_calls:
            await self._written(turn)

    def save_soon(self, turn: Turn) -> None:
        """As `save`, without waiting."""
        if exiting.begun:
            leave_stopped_threads()
        self._write_soon(turn)

    def close(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        """A turn has ended. Again for the same turn: nothing happens."""
        self.drain()
        if turn.close(status, error):
            self._write(turn, after=self._owner.closed(turn))

    async def aclose(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        """As `close`."""
        self.drain()
        if turn.close(status, error) and self._write_soon(turn, after=self._owner.closed(turn)):
            await self._written(turn)

    def close_soon(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        """As `close`, without waiting."""
        if exiting.begun:
            leave_stopped_threads()
        if turn.close(status, error):
            self._write_soon(turn, after=self._owner.closed(turn))

    def defer(self, work: Callable[[], object]) -> None:
        """Have it called by another thread, or by the next call here that is not a `…_soon`.

        May be called from anywhere. `work` may call `save_soon` and `close_soon`, and raises
        nothing.
        """
        self._deferred.put(work)

    def drain(self) -> None:
        """Return when what was deferred is done. Not for finalizers."""
        self._deferred.drain()

    def join(self) -> None:
        """Block until all that was called for is written, also for tasks that are gone."""
        self.drain()
        self._async_writer.join()

    def end(self) -> None:
        """Join, and let the threads go."""
        self._deferred.end()
        self._async_writer.join()

    def note_failure(self, error: Exception) -> None:
        """Count trouble in an adapter's own code like trouble with the journal."""
        self._failures.of_adapter(error)

    def _write(self, turn: Turn, before: Before = None, after: Handover | None = None) -> None:
        """Write, and wait for it. What ends the program passes."""
        outcome: SimpleQueue[BaseException | None] = SimpleQueue()
        if self._put(turn, before, after, outcome.put, here=True):
            error = outcome.get()
            self._note(turn, error)
            if error is not None and not isinstance(error, Exception):
                raise error

    def _write_soon(
        self, turn: Turn, before: Before = None, after: Handover | None = None
    ) -> bool:
        """Have it written; whether that could be called for."""
        return self._put(turn, before, after, functools.partial(self._note, turn), here=False)

    def _put(
        self, turn: Turn, before: Before, after: Handover | None, done: Done, *, here: bool
    ) -> bool:
        """The one way to the journal. All is queued together, so that no cancellation parts it."""
        if not self.mirrors:
            return False

        def line_up(state: dict[str, Any]) -> Begin:
            session_id, refresh = turn.session_id, turn.status != "open"
            event = self._writer.encoder.event(session_id, turn.runtime_id, turn.turn_id, state)
            write = Write(
                self.store, self._async_writer, session_id, event, before, after, refresh, done
            )
            return self._async_writer.line_up(session_id, write.entry, write.at_once)

        try:
            begin = turn.put_in_line(self._writer.limits, line_up)
            begin(here=here)
        except Exception as error:  # noqa: BLE001 - trouble with the journal is not the agent's
            self._failures.of_write(turn, error)
            return False
        return True

    async def _written(self, turn: Turn) -> None:
        """Wait until the queue is written, a second at most. To cancel this cancels no write."""
        try:
            if _in_event_loop():
                await asyncio.wait({self._async_writer.joined(turn.session_id)}, timeout=_PATIENCE)
            else:
                self._async_writer.join(turn.session_id)
        except Exception as error:  # noqa: BLE001 - trouble with the journal is not the agent's
            self._failures.of_write(turn, error)

    def _note(self, turn: Turn, error: BaseException | None) -> None:
        if isinstance(error, Exception):
            self._failures.of_write(turn, error)


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
