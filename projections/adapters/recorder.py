"""Writes agents' turns into the journal, and keeps trouble with the journal from the agents.

What is written:

- a turn when it opens, when one of its tool calls starts or ends, and when it closes, so that
  a crash in its middle leaves an open turn with what was done so far. Of a turn with very many
  calls, changes are joined: see `Turn.is_due`;
- a handoff and its takeover when a turn opens inside a tool call of another runtime's turn,
  the same back when it closes, and when one runtime goes on after another has finished.

Runtimes whose turns are open at the same time, none called by the other, are not handed
over: the audit then shows that they ran side by side in one session, as it should.
"""

import asyncio
import functools
import threading
from collections.abc import Callable, Collection

from journal import exiting
from journal.forking import leave_stopped_threads
from projections.adapters.deferred import Deferred
from projections.adapters.failures import Failures
from projections.adapters.joining import Joiner
from projections.adapters.ownership import SessionOwner
from projections.adapters.resuming import latest_waiting, made_anew
from projections.adapters.turns import Status, Turn
from projections.adapters.values import Record, Slicer, detail_of
from projections.adapters.writing import PATIENCE, TurnWriter
from projections.store.async_store.reply import Reply
from projections.store.store import DefaultSessionStore


class Recorder:
    """Mirrors turns into a store: `open`, `save` and `close` a `Turn`.

    `aopen`, `asave` and `aclose` do the same for an event loop, which they never block. Once
    called they are carried out, even if the task that awaits them is cancelled. They wait for
    the disk before a tool runs, and when the turn is over: then all of the turn so far is
    written, unless that takes longer than a second. All other states are queued, and written
    within milliseconds. Event loops of other libraries than asyncio are blocked meanwhile.

    `save_soon`, `settle_soon` and `close_soon` wait for nothing, in any thread. A coroutine or
    generator that is being closed must not even do that, since the garbage collector may be
    closing it: `defer` has them called by another thread.

    A turn may end when the program does, in a function of `atexit` or in a finalizer. Then the
    thread that ends it writes it, or it is counted as a failure.

    Whatever goes wrong with the journal is counted in `failures`, kept in `last_failure` and
    logged the first time; it is never raised. The agent goes on, and the journal has a gap.
    The session file is brought up to date after a turn, in a thread: that takes longer than
    all the rest. Safe for threads and for several event loops.
    """

    def __init__(self, store: DefaultSessionStore, record: Record = "slices") -> None:
        """`record` says how much is kept, as far as the store's limits allow."""
        self.store = store
        self.users = 0  # how many mirrors share it; the last one closes a store that it owns
        self.owns_store = False
        self._failures = Failures()
        self._turns = TurnWriter(store, self._failures)
        self._owner = SessionOwner()
        self.keep(record)
        self._joiner = Joiner(self._turns.write_soon)
        self._deferred = Deferred()  # the last: at the program's end its work comes first

    @property
    def mirrors(self) -> bool:
        """Whether the store records anything."""
        return self._turns.writer.mirrors

    def keep(self, record: Record) -> None:
        """Turns that begin from now on keep so much. Raises ValueError."""
        writer = self._turns.writer
        self._slicer = Slicer(detail_of(record).within(writer.limits), writer.encoder.clean)

    def turn(
        self,
        session_id: str,
        runtime_id: str,
        turn_id: str | None = None,
        agent: str | None = None,
    ) -> Turn:
        """A turn that begins now, of which nothing is written yet."""
        slicer = self._slicer
        if turn_id is None:
            return Turn(session_id, runtime_id, agent=agent, slicer=slicer)
        return Turn(session_id, runtime_id, turn_id, agent=agent, slicer=slicer)

    def waiting_turn(
        self, session_id: str, runtime_id: str, call_ids: Collection[str]
    ) -> Turn | None:
        """The latest turn of a runtime that waits for all of these calls, whoever wrote it.

        It is made anew from its state, and still waits: `resume` and `open` let it go on as the
        same turn. None if there is none. Blocks until what is queued for the session is written,
        and reads the store: not for event loops. O(turns of the runtime). Raises what the store
        raises.
        """
        if not call_ids:
            return None
        self._turns.queued.join(session_id)
        turns = self.store.get_runtime_state(session_id, runtime_id)
        turn_id = latest_waiting(turns, call_ids)
        if turn_id is None:
            return None
        turn = made_anew(turns[turn_id], session_id, runtime_id, turn_id, self._slicer)
        turn.status = "waiting"
        return turn

    async def awaiting_turn(
        self, session_id: str, runtime_id: str, call_ids: Collection[str]
    ) -> Turn | None:
        """As `waiting_turn`, for an event loop: None if it is not found within a second, too."""
        if not call_ids:
            return None
        reply: Reply[Turn | None] = Reply()
        search = functools.partial(self.waiting_turn, session_id, runtime_id, call_ids)
        # Neither the event loop nor the program's end waits for this thread.
        thread = threading.Thread(
            target=reply.carry_out, args=(search,), name="journal-resuming", daemon=True
        )
        if not exiting.started(thread):
            return search()
        await asyncio.wait({reply.future}, timeout=PATIENCE)
        # Once it is cancelled, what comes of it later is no error that asyncio would report.
        return None if reply.future.cancel() else reply.future.result()

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
        self._turns.write(turn, before=self._owner.opened(turn))

    async def aopen(self, turn: Turn) -> None:
        """As `open`."""
        self.open_soon(turn)

    def open_soon(self, turn: Turn) -> None:
        """As `open`, without waiting; in any thread, but not for finalizers."""
        self._deferred.watch()
        self.drain()
        self._turns.write_soon(turn, before=self._owner.opened(turn))

    def save(self, turn: Turn) -> None:
        """Write the turn as it is now, or together with what changes next: see `Turn.is_due`."""
        self.drain()
        if self._is_due(turn):
            self._turns.write(turn)

    async def asave(self, turn: Turn) -> None:
        """As `save`."""
        self.drain()
        if self._is_due(turn) and self._turns.write_soon(turn) and turn.has_open_calls:
            await self._turns.written(turn)

    def _is_due(self, turn: Turn) -> bool:
        if turn.is_due:
            self._joiner.forget(turn)
            return True
        self._joiner.put(turn)
        return False

    def save_soon(self, turn: Turn) -> None:
        """As `save`, without waiting."""
        if exiting.begun:
            leave_stopped_threads()
        if self._is_due(turn):
            self._turns.write_soon(turn)

    async def asettle(self, turn: Turn, status: Status = "completed") -> None:
        """A turn has ended, but more may become known of it before it is closed: write it now.

        Closing it adds that, and hands the session on, if no other turn has begun there since.
        """
        self.drain()
        if self._settles(turn, status):
            await self._turns.written(turn)

    def settle_soon(self, turn: Turn, status: Status = "completed") -> None:
        """As `asettle`, without waiting."""
        if exiting.begun:
            leave_stopped_threads()
        self._settles(turn, status)

    def _settles(self, turn: Turn, status: Status) -> bool:
        if not self._closes(turn, status, None):
            return False
        turn.settled = True
        self._owner.settled(turn)
        return self._turns.write_soon(turn)

    def close(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        """A turn has ended. Again for the same turn: nothing happens."""
        self.drain()
        if self._closes(turn, status, error):
            self._turns.write(turn, after=self._owner.closed(turn))

    async def aclose(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        """As `close`."""
        self.drain()
        if self._closes(turn, status, error):
            after = self._owner.closed(turn)
            if self._turns.write_soon(turn, after=after):
                await self._turns.written(turn)

    def close_soon(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        """As `close`, without waiting."""
        if exiting.begun:
            leave_stopped_threads()
        if self._closes(turn, status, error):
            self._turns.write_soon(turn, after=self._owner.closed(turn))

    def _closes(self, turn: Turn, status: Status, error: object) -> bool:
        self._joiner.forget(turn)
        was_settled = turn.settled
        return turn.close(status, error) and not (was_settled and not self._owner.may_add(turn))

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
        self._joiner.flush()
        self._turns.queued.join()

    def end(self) -> None:
        """Join, and let the threads go."""
        self._deferred.end()
        self._joiner.flush()
        self._turns.queued.join()

    def note_failure(self, error: Exception) -> None:
        """Count trouble in an adapter's own code like trouble with the journal."""
        self._failures.of_adapter(error)
