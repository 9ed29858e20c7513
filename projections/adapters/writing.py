"""Turns on their way into the log: states, with the handovers around them, in their order.

Under the turn's lock its state is taken, and written at once if nobody else is at it and that
waits for nobody. If not, the state gets its place in the line of its session; what may wait for
a disk or for another process comes after that, with no lock held.
"""

import asyncio
import functools
from collections import deque
from collections.abc import Callable
from time import monotonic

from journal.errors import LimitExceededError, ReentryError
from journal.events import Set
from journal.waiting import waiting_since
from projections.adapters.failures import Failures
from projections.adapters.ownership import NEXT, WAITS, Before, FromOwner, Handover
from projections.adapters.states import LEAST
from projections.adapters.turns import Turn
from projections.store.async_store.entries import Append, Done, LineCall, LineItem
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
        self._later: deque[Callable[[], object]] = deque()
        """Writes that came in the middle of one of the same turn, on the same thread."""

    def write(self, turn: Turn, before: Before = None, after: Handover | None = None) -> None:
        """Write the turn as it is now, and wait for it. What ends the program passes.

        A handover comes `before` the state, or `after` it.
        """
        outcomes: deque[BaseException | None] = deque()
        self._put(turn, before, after, outcomes.append, here=True)
        for error in outcomes:  # what ends the program has passed, and is no trouble
            self._note(turn, error)

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
        if self.writer.limits.on_exceed != "reject":
            return self._line_up(turn, before, after, done, here=here)
        refused: list[BaseException] = []

        def or_less(error: BaseException | None) -> None:
            if not isinstance(error, LimitExceededError):
                done(error)
            elif here:
                refused.append(error)
            else:
                self._line_up(turn, None, None, done, here=False, most=LEAST)

        is_called_for = self._line_up(turn, before, after, or_less, here=here)
        if refused:
            self._line_up(turn, None, None, done, here=True, most=LEAST)
        return is_called_for

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
        reached = False

        def put(state: bytes) -> Begin:
            nonlocal reached
            reached = True
            write = _Write(self, turn, state, before, after, done)
            if write.is_made_at_once():
                return write.report
            return self.queued.line_up(turn.session_id, write.entry)

        try:
            begin = turn.put_in_line(put, most)
            begin(here=here)
        except Exception as error:  # noqa: BLE001 - trouble with the journal is not the agent's
            if isinstance(error, ReentryError) and not reached:
                self._later.append(lambda: self._line_up(turn, before, after, done, here=False))
                return True
            self._failures.of_write(turn, error)
            return False
        except BaseException:  # what it may have put in line is not lost
            self.queued.queues.see_to(turn.session_id)
            raise
        finally:
            while reached and self._later:
                self._later.popleft()()
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
        self._error: Exception | None = None
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
        return LineCall(self._in_steps, self._done)

    def is_made_at_once(self) -> bool:
        """Write it if nobody is before it and that waits for nobody; else nothing is written.

        What came of it is to be reported next.
        """
        if self._after is not None or isinstance(self._before, Handover):
            return False
        try:
            return self._through.queued.queues.is_made_at_once(
                self._session_id, self._append_at_once
            )
        except Exception as error:  # noqa: BLE001 - reported
            self._error = error
            return True

    def _append_at_once(self) -> bool:
        return self._through.writer.append_at_once(
            self._session_id, self._events, by_owner=self._before is not None
        )

    def report(self, **_: object) -> None:
        """Say what came of it, and have the session file written if the turn is over."""
        self._done(self._error)
        if self._refresh:
            self._through.queued.refresh_soon(self._session_id)

    def _in_steps(self) -> None:
        with waiting_since(self._since):
            for step in (self._hand_over_before, self._append, self._hand_over_after):
                try:
                    step()
                except Exception as raised:  # noqa: BLE001 - reported
                    self._error = self._error or raised
        self.report()

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
