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
import logging
import threading
from asyncio import Future
from collections.abc import Sequence
from typing import Any

from journal.events import Set
from projections.adapters.custody import Custody, Handover
from projections.adapters.turns import Status, Turn
from projections.store import DefaultSessionStore
from projections.store_async import AsyncSessionStore

logger = logging.getLogger("journal")


class Recorder:
    """Mirrors turns into a store: `open`, `save` and `close` a `Turn`.

    `aopen`, `asave` and `aclose` do the same for an event loop, which they never block. Once
    called they are carried out, even if the task that awaits them is cancelled. They wait for
    the disk where somebody could miss it: before a tool runs, and when the turn is over, all
    of the turn so far is written. The rest is queued, and written within milliseconds.

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
        self._lock = threading.Lock()

    def open(self, turn: Turn) -> None:
        """A turn begins."""
        try:
            if not self._custody.knows(turn.session_id):
                self._custody.learn(turn.session_id, self.store.state_at(turn.session_id))
        except Exception as error:  # noqa: BLE001 - trouble with the journal is not the agent's
            self._failed(turn, error)
        self._write(turn, self._custody.opened(turn))

    async def aopen(self, turn: Turn) -> None:
        """As `open`."""
        try:
            if not self._custody.knows(turn.session_id):
                view = await self._async_store.state_at(turn.session_id)
                self._custody.learn(turn.session_id, view)
        except Exception as error:  # noqa: BLE001 - trouble with the journal is not the agent's
            self._failed(turn, error)
        finally:  # also when we are cancelled
            self._queue(turn, self._custody.opened(turn))

    def save(self, turn: Turn) -> None:
        """Write the turn as it is now."""
        self._write(turn)

    async def asave(self, turn: Turn) -> None:
        """As `save`."""
        queued = self._queue(turn)
        if turn.has_open_calls:
            await _settled(queued)

    def close(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        """A turn has ended. Again for the same turn: nothing happens."""
        if turn.close(status, error):
            self._write(turn, after=self._custody.closed(turn))

    async def aclose(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        """As `close`."""
        if turn.close(status, error):
            await _settled(self._queue(turn, after=self._custody.closed(turn)))

    def close_soon(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        """As `aclose`, from a callback of the event loop, which cannot wait."""
        if turn.close(status, error):
            self._queue(turn, after=self._custody.closed(turn))

    def join(self) -> None:
        """Block until what was called for is written, also by tasks that are gone."""
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

    def _write(
        self, turn: Turn, before: Sequence[Handover] = (), after: Sequence[Handover] = ()
    ) -> None:
        try:
            with turn.writing:  # or an older state could be written over a newer one
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
    ) -> "Sequence[Future[Any]]":
        """All at once, so that no cancellation parts them. They are carried out in order."""
        session_id, store = turn.session_id, self._async_store
        queued: list[Future[Any]] = []

        def hand_over(handovers: Sequence[Handover]) -> None:
            for source, target, reason in handovers:
                queued.append(store.hand_off(session_id, source, target, reason=reason))
                queued.append(store.take_over(session_id, target))

        try:
            with turn.writing:  # as above
                hand_over(before)
                refresh = turn.status != "open"
                queued.append(store.append(session_id, self._events(turn), refresh=refresh))
            hand_over(after)
        except Exception as error:  # noqa: BLE001 - trouble with the journal is not the agent's
            self._failed(turn, error)
        for future in queued:
            if future.done():
                self._note(turn, future)
            else:
                future.add_done_callback(lambda done: self._note(turn, done))
        return queued

    def _events(self, turn: Turn) -> Sequence[Set]:
        if not self.store.mirrors:
            return ()
        state = turn.state(self.store.limits)
        return (self.store.intake.event(turn.runtime_id, turn.turn_id, state),)

    def _note(self, turn: Turn, done: "Future[Any]") -> None:
        error = None if done.cancelled() else done.exception()
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


async def _settled(queued: "Sequence[Future[Any]]") -> None:
    """Wait until they are done, whatever came of them; being cancelled cancels none."""
    waiting = [future for future in queued if not future.done()]
    if waiting:
        await asyncio.wait(waiting)
