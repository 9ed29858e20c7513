"""Turns on their way into the log: states, with the handovers around them, in their order.

A state and its place in the line of its session are taken under the turn's lock; what may
wait for a disk or for another process comes after that, with no lock held.
"""

import asyncio
import functools
from queue import SimpleQueue
from time import monotonic

from journal.errors import LimitExceededError
from journal.events import Set
from journal.waiting import waiting_since
from projections.adapters.failures import Failures
from projections.adapters.ownership import NEXT, WAITS, Before, FromOwner, Handover
from projections.adapters.states import LEAST
from projections.adapters.turns import Turn
from projections.store.async_store.entries import Append, Done, LineItem
from projections.store.async_store.writer import AsyncWriter, Begin
from projections.store.store import DefaultSessionStore, writer_of
from projections.turns.statuses import FINAL

PATIENCE = 1.0
"""Seconds that an agent waits for a disk or for another process."""


class TurnWriter:
    """Writes turns into a store. Safe for threads and for several event loops.

    Nothing is raised but what ends the program: trouble with the journal goes to `failures`.
    """

    def __init__(self, store: DefaultSessionStore, failures: Failures) -> None:
        self.store = store
        self.writer = writer_of(store)
        self.queued = AsyncWriter(self.writer)
        self._failures = failures

    def write(self, turn: Turn, before: Before = None, after: Handover | None = None) -> None:
        """Write the turn as it is now, and wait for it. What ends the program passes.

        A handover comes `before` the state, or `after` it.
        """
        outcome: SimpleQueue[BaseException | None] = SimpleQueue()
        if self._put(turn, before, after, outcome.put, here=True):
            error = outcome.get()
            self._note(turn, error)
            if error is not None and not isinstance(error, Exception):
                raise error

    def write_soon(self, turn: Turn, before: Before = None, after: Handover | None = None) -> bool:
        """Have it written; whether that could be called for."""
        return self._put(turn, before, after, functools.partial(self._note, turn), here=False)

    async def written(self, turn: Turn) -> None:
        """Wait until the queue is written, a second at most. To cancel this cancels no write."""
        if self.queued.queues.is_idle(turn.session_id):
            return  # as most often without a sync: it was written at once
        try:
            if _in_event_loop():
                await asyncio.wait({self.queued.joined(turn.session_id)}, timeout=PATIENCE)
            else:
                self.queued.join(turn.session_id)
        except Exception as error:  # noqa: BLE001 - trouble with the journal is not the agent's
            self._failures.of_write(turn, error)

    def _put(
        self, turn: Turn, before: Before, after: Handover | None, done: Done, *, here: bool
    ) -> bool:
        """The one way to the journal. All is queued together, so that no cancellation parts it.

        What the store's limits refuse is written once more, as little as can be.
        """
        if not self.writer.mirrors:
            return False

        def or_less(error: BaseException | None) -> None:
            if isinstance(error, LimitExceededError):
                self._line_up(turn, None, None, done, here=False, most=LEAST)
            else:
                done(error)

        return self._line_up(turn, before, after, or_less, here=here)

    def _line_up(
        self,
        turn: Turn,
        before: Before,
        after: Handover | None,
        done: Done,
        *,
        here: bool,
        most: int | None = None,
    ) -> bool:
        def line_up(state: bytes) -> Begin:
            write = _Write(self, turn, state, before, after, done)
            return self.queued.line_up(turn.session_id, write.entry, write.at_once)

        try:
            begin = turn.put_in_line(line_up, most)
            begin(here=here)
        except Exception as error:  # noqa: BLE001 - trouble with the journal is not the agent's
            self._failures.of_write(turn, error)
            return False
        return True

    def _note(self, turn: Turn, error: BaseException | None) -> None:
        if isinstance(error, Exception):
            self._failures.of_write(turn, error)


class _Write:
    """One entry in the line of a session.

    When it is written, `done` gets the first error, or None. Nothing is raised then, except what
    ends the program.
    """

    def __init__(
        self,
        through: TurnWriter,
        turn: Turn,
        state: bytes,
        before: Before,
        after: Handover | None,
        done: Done,
    ) -> None:
        """Raises as `StateEncoder.event_of`. Asks for the session file when the turn is over."""
        self._through = through
        self._session_id = turn.session_id
        self._before = before
        self._after = after
        self._refresh = turn.status != "open"
        self._done = done
        self._since = monotonic()
        self._events: tuple[Set] = (
            through.writer.encoder.event_of(turn.session_id, turn.runtime_id, turn.turn_id, state),
        )

    @property
    def entry(self) -> LineItem:
        """What stands in line: an append, which may be joined with others, or a call of its own.

        A write with handovers is a call: what comes before it has to be in the log by then.
        """
        if self._before is None and self._after is None:
            return Append(self._events, self._done, self._refresh, self._since)
        return self._in_steps

    def at_once(self) -> bool:
        """Write it if that waits for nobody. False if not, and nothing is written then."""
        if self._after is not None or isinstance(self._before, Handover):
            return False
        error: Exception | None = None
        try:
            if not self._through.writer.append_at_once(
                self._session_id, self._events, by_owner=self._before is not None
            ):
                return False
        except Exception as raised:  # noqa: BLE001 - reported
            error = raised
        self._end(error)
        return True

    def _in_steps(self) -> None:
        error: Exception | None = None
        with waiting_since(self._since):
            for step in (self._hand_over_before, self._append, self._hand_over_after):
                try:
                    step()
                except Exception as raised:  # noqa: BLE001 - reported
                    error = error or raised
        self._end(error)

    def _end(self, error: Exception | None) -> None:
        self._done(error)
        if self._refresh:
            self._through.queued.refresh_soon(self._session_id)

    def _append(self) -> None:
        self._through.writer.append(self._session_id, self._events, refresh=False)

    def _hand_over_before(self) -> None:
        before = self._before
        self._hand_over(self._from_owner(before) if isinstance(before, FromOwner) else before)

    def _hand_over_after(self) -> None:
        self._hand_over(self._after)

    def _hand_over(self, handover: Handover | None) -> None:
        if handover is not None:
            source, target, reason = handover
            self._through.store.hand_off(self._session_id, source, target, reason=reason)
            self._through.store.take_over(self._session_id, target)

    def _from_owner(self, wanted: FromOwner) -> Handover | None:
        """The handover; None unless the owner's latest turn is known to be over, or to wait.

        A turn that never closed may go on in another process, or may have ended with one.
        """
        owner = self._through.writer.owner(self._session_id)
        if owner is None or owner[0] == wanted.target or owner[1] is None:
            return None
        runtime_id, turn_id = owner
        state: object = self._through.store.get_runtime_state(
            self._session_id, runtime_id, turn_id
        )
        status = str(state.get("status")).lower() if isinstance(state, dict) else ""
        if status != "waiting" and status not in FINAL:
            return None
        return Handover(runtime_id, wanted.target, WAITS if status == "waiting" else NEXT)


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
