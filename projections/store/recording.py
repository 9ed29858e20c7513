"""The store's methods that save, get and clear states, and hand sessions over."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from journal.events import Clear, Head
from journal.state import check_text, encode_text
from projections.store.parts import StoreParts


class Recording(StoreParts):
    """What runtimes call while they work. First PraisonAI's three methods, then ours."""

    def set_runtime_state(
        self,
        session_id: str,
        runtime_id: str,
        turn_id: str,
        state: dict[str, Any],
        mirror_enabled: bool = True,
        *,
        expect: Head | str | None = None,
    ) -> bool:
        """Save a turn's state, replacing what the turn held.

        `state` is a dict of plain JSON data; `get` gives an equal one back. Returns True
        when it is saved as durably as the store promises. With `mirror_enabled` False, or
        a config that does not mirror, it returns True and looks at nothing else.

        O(size of the state): one write and, with durability "fsync", one sync, which threads
        share. When it is due, it also writes the session file, in at most a twentieth of the
        time; a large one in the background.

        With `expect`, a head that `head` gave, or its text, it is saved only if nobody has
        appended to the session since: else `ConflictError` is raised, and nothing is written.
        Such a call also reads what others have appended.

        Raises `StateTypeError`, `StateValueError` or `LimitExceededError` for a state that
        cannot be kept exactly, `AppendError` when nothing was written, `SyncError` when it
        is unknown whether it will last, `LockTimeoutError`, `ClosedError`, and other
        `JournalError`s, which say what to do.
        """
        writer = self._writer
        if mirror_enabled and writer.mirrors:
            event = writer.encoder.event(session_id, runtime_id, turn_id, state)
            if expect is None:
                writer.append(session_id, (event,))
            else:
                writer.append_if(session_id, (event,), expect)
        return True

    def append_once(
        self,
        key: str,
        session_id: str,
        runtime_id: str,
        turn_id: str,
        state: dict[str, Any],
        mirror_enabled: bool = True,
    ) -> bool:
        """As `set_runtime_state`, unless it was done before under this key: for safe retries.

        Returns True if it was saved now, or if nothing is to be, as there; False if the session
        has an event with this key already, whatever its state: then nothing is written, and that
        event is as durable as the store promises. `key` is any text, best an id of the request;
        it stands in the log as it is. It is remembered, by all processes, as long as its event is
        in the log, and at least for the session's last 10,000 events. Also reads what others
        have appended. Raises as `set_runtime_state`.
        """
        writer = self._writer
        encode_text(key, "key")
        if mirror_enabled and writer.mirrors:
            event = writer.encoder.event(session_id, runtime_id, turn_id, state)
            return writer.append_if(session_id, (replace(event, once=key),), once=key)
        return True

    def head(self, session_id: str) -> Head:
        """The end of the session's log, which changes with everything that anybody appends.

        For `expect`, and to be noted for `verify`. `NO_HEAD`, whose seq is 0, where there is no
        log. Costs and raises as `get_runtime_state`.
        """
        return self._sessions.get(session_id).head()

    def get_runtime_state(
        self, session_id: str, runtime_id: str, turn_id: str | None = None
    ) -> dict[str, Any]:
        """A turn's state, or `{turn_id: state}` of all turns in the order of their first set.

        A copy of your own; `{}` where there is nothing. Sees what any process has written.
        Never writes, creates or waits. O(size of what it returns) and one system call; it
        also reads what others have appended, and the whole log of a session that is not open.
        Raises `StateTypeError` for ids that are no strings, `ClosedError`, and `ReadError` and
        its siblings when a file is there but cannot be read.
        """
        session = self._sessions.get(session_id)
        if type(runtime_id) is not str:
            check_text(runtime_id, "runtime_id")
        if turn_id is None:
            return session.runtime(runtime_id)
        if type(turn_id) is not str:
            check_text(turn_id, "turn_id")
        state: dict[str, Any] = session.turn(runtime_id, turn_id)
        return state

    def clear_runtime_state(self, session_id: str, runtime_id: str | None = None) -> bool:
        """Drop a runtime's state, or all of it. The history of it stays in the log.

        Returns True: there is none now. Writes one event, and nothing if there was no state
        before. Raises as `set_runtime_state`.
        """
        session = self._sessions.get(session_id)
        if runtime_id is not None:
            check_text(runtime_id, "runtime_id")
        event = Clear(runtime_id=runtime_id)
        if session.holds(runtime_id):  # and once more when nobody else can clear it
            session.append(lambda: (event,) if session.holds(runtime_id) else ())
        return True

    def set_many(
        self,
        session_id: str,
        items: Iterable[tuple[str, str, dict[str, Any]]],
        mirror_enabled: bool = True,
        *,
        expect: Head | str | None = None,
    ) -> bool:
        """Save many turns, `(runtime_id, turn_id, state)` each, with one write and one sync.

        All are checked before the first is written. O(size of all states). Returns and raises
        as `set_runtime_state`, also with `expect`; a `StateTypeError` names the item. A crash
        during the write may leave the first few of them.
        """
        writer = self._writer
        if mirror_enabled and writer.mirrors:
            events = writer.encoder.events(session_id, items)
            if expect is None:
                writer.append(session_id, events)
            else:
                writer.append_if(session_id, events, expect)
        return True

    def hand_off(
        self,
        session_id: str,
        source: str,
        target: str,
        turn_id: str | None = None,
        reason: str | None = None,
        *,
        expect: Head | str | None = None,
    ) -> bool:
        """Record that the runtime `source` gives the session, or one turn, to `target`.

        Nothing is locked by it: `target` takes over when it calls `take_over`. Secrets in
        `reason` are replaced. Writes one event. Returns and raises as `set_runtime_state`, also
        with `expect`; `StateValueError`, a ValueError, when source and target are the same.
        """
        self._sessions.check_open()
        event = self._writer.encoder.handoff(session_id, source, target, turn_id, reason)
        if self._writer.mirrors:
            if expect is None:
                self._sessions.get(session_id).append((event,))
            else:
                self._writer.append_if(session_id, (event,), expect)
        return True

    def take_over(self, session_id: str, runtime_id: str) -> dict[str, dict[str, Any]]:
        """Record that a runtime takes the session over; returns the view that it inherits.

        `{runtime_id: {turn_id: state}}`, exactly as of the seq that is recorded as seen.
        Answers the latest handoff to this runtime that is still open; without one it goes
        into the audit as unannounced. Where the store does not mirror, nothing is recorded.
        Writes one event; O(size of the view). Raises as `set_runtime_state`.
        """
        session = self._sessions.get(session_id)
        check_text(runtime_id, "runtime_id")
        return session.take_over(runtime_id) if self._writer.mirrors else session.whole()
