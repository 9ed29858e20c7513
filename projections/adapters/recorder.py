"""Writes agents' turns into the journal, and keeps trouble with the journal from the agents.

What is written:

- a turn when it opens, whenever one of its tool calls starts or ends, and when it closes, so
  that a crash in its middle leaves an open turn with what was done so far;
- a handoff and its takeover when a turn opens inside a tool call of another runtime's turn,
  the same back when it closes, and when one runtime goes on after another has finished.

Runtimes whose turns are open at the same time, none called by the other, are not handed
over: the audit then shows that they ran side by side in one session, as it should.
"""

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from journal import exiting
from journal.events import Set
from journal.locking import leave_stopped_threads, tell_after_fork, tell_after_stop
from projections.adapters.custody import Custody, Handover
from projections.adapters.leftovers import Leftovers
from projections.adapters.turns import Status, Turn
from projections.store import DefaultSessionStore
from projections.store_async import AsyncSessionStore

logger = logging.getLogger("journal")

_PATIENCE = 1.0  # seconds that an agent waits for a disk or for another process


class Recorder:
    """Mirrors turns into a store: `open`, `save` and `close` a `Turn`.

    `aopen`, `asave` and `aclose` do the same for an event loop, which they never block. Once
    called they are carried out, even if the task that awaits them is cancelled. They wait for
    the disk where somebody could miss it: before a tool runs, and when the turn is over, all
    of the turn so far is written, unless that takes longer than a second. The rest is queued,
    and written within milliseconds. Loops of other libraries than asyncio are blocked meanwhile.

    `save_soon` and `close_soon` wait for nothing, in whatever thread. Where the garbage
    collector may be at work, in a coroutine or generator that is being closed, even that is
    too much: `leave` has them called by another thread.

    A turn may end when the program does, in a function of `atexit` or in a finalizer: then it is
    written by the thread that ends it, while it waits, or counted as a failure.

    Whatever goes wrong with the journal is counted in `failures`, kept in `last_failure` and
    logged the first time; it is never raised. The agent goes on, and the journal has a gap.
    The session file is brought up to date after a turn, in a thread: that takes longer than
    all the rest. Safe for threads and for several event loops.
    """

    def __init__(self, store: DefaultSessionStore) -> None:
        self.store = store
        self.failures = 0
        self.last_failure: Exception | None = None
        self._async_store = AsyncSessionStore(store)
        self._custody = Custody()
        self._leftovers = Leftovers()
        self.after_fork()
        tell_after_fork(self)
        tell_after_stop(self)

    def after_fork(self) -> None:
        """The thread that counts a failure may not be in the child."""
        self._lock = threading.RLock()  # reentrant for finalizers at the program's end

    def after_stop(self) -> None:
        """Nor does it run any more when the program ends."""
        self.after_fork()

    def open(self, turn: Turn) -> None:
        """A turn begins."""
        self._come_in()
        try:
            if not self._custody.knows(turn.session_id):
                self._custody.learn(turn.session_id, self.store.state_at(turn.session_id))
        except Exception as error:  # noqa: BLE001 - trouble with the journal is not the agent's
            self._failed(turn, error)
        self._write(turn, self._custody.opened(turn))

    async def aopen(self, turn: Turn) -> None:
        """As `open`."""
        self._come_in()
        try:
            if not self._custody.knows(turn.session_id):
                self._custody.learn(turn.session_id, await self._view(turn.session_id))
        except Exception as error:  # noqa: BLE001 - trouble with the journal is not the agent's
            self._failed(turn, error)
        finally:  # also when we are cancelled
            self._queue(turn, self._custody.opened(turn))

    def save(self, turn: Turn) -> None:
        """Write the turn as it is now."""
        self.settle()
        self._write(turn)

    async def asave(self, turn: Turn) -> None:
        """As `save`."""
        self.settle()
        if self._queue(turn) and turn.has_open_calls:
            await self._written(turn)

    def save_soon(self, turn: Turn) -> None:
        """As `save`, without waiting."""
        if exiting.begun:
            leave_stopped_threads()
        self._queue(turn)

    def close(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        """A turn has ended. Again for the same turn: nothing happens."""
        self.settle()
        if turn.close(status, error):
            self._write(turn, after=self._custody.closed(turn))

    async def aclose(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        """As `close`."""
        self.settle()
        if self._close_in_queue(turn, status, error):
            await self._written(turn)

    def close_soon(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        """As `close`, without waiting."""
        if exiting.begun:
            leave_stopped_threads()
        self._close_in_queue(turn, status, error)

    def leave(self, note: Callable[[], object]) -> None:
        """Have it called by another thread, or by the next call here that is not a `…_soon`.

        May be called from anywhere. `note` may call `save_soon` and `close_soon`, and raises
        nothing.
        """
        self._leftovers.leave(note)

    def settle(self) -> None:
        """Have done what was left. Not for finalizers."""
        self._leftovers.settle()

    def join(self) -> None:
        """Block until what was called for is written, also by tasks that are gone."""
        self.settle()
        self._async_store.join()

    def end(self) -> None:
        """Join, and let the threads go."""
        self._leftovers.end()
        self._async_store.join()

    def note_failure(self, error: Exception) -> None:
        """Count trouble in an adapter's own code like trouble with the journal."""
        if self._count(error):
            logger.error(
                "a turn is not mirrored, or not all of it: %s: %s. The agent goes on; further "
                "failures are counted, not logged",
                type(error).__name__,
                error,
                exc_info=error,
            )

    def _come_in(self) -> None:
        self._leftovers.watch()
        self._leftovers.settle()

    def _write(
        self, turn: Turn, before: Sequence[Handover] = (), after: Sequence[Handover] = ()
    ) -> None:
        try:
            with turn.being_written():
                self._async_store.join(turn.session_id)  # what event loops have left in the queue
                self._hand_over(turn.session_id, before)
                self.store.append(turn.session_id, self._events(turn), refresh=False)
            self._hand_over(turn.session_id, after)
            if turn.status != "open":
                self._async_store.refresh_soon(turn.session_id)
        except Exception as error:  # noqa: BLE001 - trouble with the journal is not the agent's
            self._failed(turn, error)

    def _hand_over(self, session_id: str, handovers: Sequence[Handover]) -> None:
        for source, target, reason in handovers:
            self.store.hand_off(session_id, source, target, reason=reason)
            self.store.take_over(session_id, target)

    def _queue(
        self, turn: Turn, before: Sequence[Handover] = (), after: Sequence[Handover] = ()
    ) -> bool:
        """All at once, so that no cancellation parts them. They are carried out in order."""
        session_id, store = turn.session_id, self._async_store
        done = functools.partial(self._note, turn)

        def hand_over(handovers: Sequence[Handover]) -> None:
            for each in handovers:
                once = functools.partial(self._hand_over, session_id, (each,))
                store.write_then(session_id, once, done)

        try:
            with turn.being_written():
                hand_over(before)
                refresh = turn.status != "open"
                store.append_then(session_id, self._events(turn), done, refresh=refresh)
            hand_over(after)
        except Exception as error:  # noqa: BLE001 - trouble with the journal is not the agent's
            self._failed(turn, error)
            return False
        return True

    def _close_in_queue(self, turn: Turn, status: Status, error: object) -> bool:
        closes = turn.close(status, error)
        return closes and self._queue(turn, after=self._custody.closed(turn))

    async def _written(self, turn: Turn) -> None:
        """Wait for what is queued, but not for ever; being cancelled cancels none of it."""
        try:
            if _in_event_loop():
                await asyncio.wait({self._async_store.joined(turn.session_id)}, timeout=_PATIENCE)
            else:
                self._async_store.join(turn.session_id)
        except Exception as error:  # noqa: BLE001 - trouble with the journal is not the agent's
            self._failed(turn, error)

    async def _view(self, session_id: str) -> dict[str, dict[str, Any]]:
        if _in_event_loop():
            return await self._async_store.state_at(session_id)
        return self.store.state_at(session_id)

    def _events(self, turn: Turn) -> Sequence[Set]:
        if not self.store.mirrors:
            return ()
        state = turn.state(self.store.limits)
        return (self.store.intake.event(turn.runtime_id, turn.turn_id, state),)

    def _note(self, turn: Turn, error: BaseException | None) -> None:
        if isinstance(error, Exception):
            self._failed(turn, error)

    def _count(self, error: Exception) -> bool:
        """Whether this is the first failure."""
        with self._lock:
            self.failures += 1
            self.last_failure = error
            return self.failures == 1

    def _failed(self, turn: Turn, error: Exception) -> None:
        if self._count(error):
            logger.error(
                "turn %r of %r in session %r is not mirrored: %s: %s. The agent goes on; further "
                "failures are counted, not logged",
                turn.turn_id,
                turn.runtime_id,
                turn.session_id,
                type(error).__name__,
                error,
            )


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
