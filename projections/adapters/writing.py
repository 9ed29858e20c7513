"""A turn's state on its way into the log, with the handovers around it."""

from time import monotonic

from journal.events import Set
from journal.waiting import waiting_since
from projections.adapters.ownership import NEXT, Before, FromOwner, Handover
from projections.handoffs.tool_calls import FINAL
from projections.store.async_store.entries import Append, Done, LineItem
from projections.store.async_store.writer import AsyncWriter
from projections.store.store import DefaultSessionStore, writer_of


class Write:
    """One entry in the queue of a session.

    When it is written, `done` gets the first error, or None. Nothing is raised then, except what
    ends the program.
    """

    def __init__(
        self,
        store: DefaultSessionStore,
        async_writer: AsyncWriter,
        session_id: str,
        event: Set,
        before: Before,
        after: Handover | None,
        refresh: bool,
        done: Done,
    ) -> None:
        """`refresh` asks for the session file."""
        self._store = store
        self._writer = writer_of(store)
        self._async_writer = async_writer
        self._session_id = session_id
        self._event = event
        self._before = before
        self._after = after
        self._refresh = refresh
        self._done = done
        self._since = monotonic()

    @property
    def entry(self) -> LineItem:
        """What stands in line: an append, which may be joined with others, or a call of its own.

        A write with handovers is a call: what comes before it has to be in the log by then.
        """
        if self._before is None and self._after is None:
            return Append((self._event,), self._done, self._refresh, self._since)
        return self._in_steps

    def at_once(self) -> bool:
        """Write it if that waits for nobody. False if not, and nothing is written then."""
        if self._after is not None or isinstance(self._before, Handover):
            return False
        error: Exception | None = None
        try:
            if not self._writer.append_at_once(
                self._session_id, (self._event,), by_owner=self._before is not None
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
            self._async_writer.refresh_soon(self._session_id)

    def _append(self) -> None:
        self._writer.append(self._session_id, (self._event,), refresh=False)

    def _hand_over_before(self) -> None:
        before = self._before
        self._hand_over(self._from_owner(before) if isinstance(before, FromOwner) else before)

    def _hand_over_after(self) -> None:
        self._hand_over(self._after)

    def _hand_over(self, handover: Handover | None) -> None:
        if handover is not None:
            source, target, reason = handover
            self._store.hand_off(self._session_id, source, target, reason=reason)
            self._store.take_over(self._session_id, target)

    def _from_owner(self, wanted: FromOwner) -> Handover | None:
        """The handover; None unless the owner's latest turn is known to be over.

        A turn that never closed may go on in another process, or may have ended with one.
        """
        owner = self._writer.owner(self._session_id)
        if owner is None or owner[0] == wanted.target or owner[1] is None:
            return None
        runtime_id, turn_id = owner
        state: object = self._store.get_runtime_state(self._session_id, runtime_id, turn_id)
        is_over = isinstance(state, dict) and str(state.get("status")).lower() in FINAL
        return Handover(runtime_id, wanted.target, NEXT) if is_over else None
