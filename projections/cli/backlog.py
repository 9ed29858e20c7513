"""The events that are there already, with what each of them changed."""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from journal.errors import JournalError, NotFoundError
from journal.events import Cursor, Event
from journal.names import paths_of
from journal.position import Position, StaleError, refusal
from projections.cli.effects import Effect, Effects
from projections.cli.filters import Filter
from projections.cli.terminal import notice
from projections.store.store import DefaultSessionStore
from projections.view import View


class Backlog:
    """The events of a session that are there already; `cursor` follows those read so far."""

    def __init__(
        self,
        store: DefaultSessionStore,
        session_id: str,
        after: Cursor | None,
        effects: Effects,
        last: float = math.inf,
    ) -> None:
        """Begins after the cursor `after`, and ends with the event `last`.

        Raises `NotFoundError`. Reading raises `CursorError` if the log does not have the event
        of the cursor.
        """
        past = store.past(session_id)
        if past is None:
            raise NotFoundError(f"there is no session {session_id!r} any more")
        self.session_id = session_id
        self.log_id = past.log_id
        self._head = (past.floor, past.floor_hash)
        self.past = past
        self._effects = effects
        self._last = last
        self._log_path = paths_of(store.session_dir or "", session_id).log
        if after is not None and after.log_id != past.log_id:
            notice(
                f"session {session_id!r} was deleted and made anew after {after}; all its events "
                "follow"
            )
            after = None
        self._position = Position(after)

    @property
    def cursor(self) -> Cursor:
        return Cursor.at(self.log_id, *self._head)

    def events(self) -> Iterator[tuple[Event, Effect]]:
        """Every event after the cursor, with its effect. Raises `CursorError`."""
        try:
            yield from self._events()
        except StaleError as stale:
            where = f"session {self.session_id!r}: {self._log_path}"
            raise refusal(where, self._position, stale, None) from None

    def _events(self) -> Iterator[tuple[Event, Effect]]:
        self._effects.begin(self.session_id, View())
        if self.past.floor:
            notice(f"{self.past.why_short}; of the events up to there, only those kept are shown")
        for entry in self.past.in_order():
            event = entry.event
            if event.seq > self._last:
                return
            effect = self._effects.effect_of(self.session_id, event)
            if event.seq <= self.past.floor:
                effect = Effect(known=False)  # the state that it replaced was dropped
            if event.seq >= self.past.floor:
                self._head = (event.seq, event.hash)
            if not self._position.has_read(event):
                self._position.step(event)
                yield event, effect._replace(lost=self._position.lost)
        self._position.check_end(*self._head)

    def choose(
        self, chosen: Filter, lines: int | None, reverse: bool
    ) -> Iterable[tuple[Event, Effect]]:
        """The chosen events: the last `lines` of them, or all."""
        found = ((event, effect) for event, effect in self.events() if chosen(event))
        if lines is None and not reverse:
            return found
        last = deque(found, maxlen=lines)
        return reversed(last) if reverse else last


class LastEvent(NamedTuple):
    """One of the last events of several sessions."""

    session_id: str
    log_id: str
    event: Event
    effect: Effect


def last_events(
    store: DefaultSessionStore,
    ends: Mapping[str, Cursor],
    effects: Effects,
    chosen: Filter,
    lines: int,
) -> list[LastEvent]:
    """The last events of several sessions together, by time, each session up to its end.

    Reads the sessions that changed last first, and stops once no other can have a later event.
    """
    last: list[LastEvent] = []
    for info in store.list_sessions():
        end = ends.get(info["session_id"])
        if end is None:
            continue
        if len(last) == lines and (not lines or info["updated_at"] < last[0].event.ts):
            break
        own = _last_of_session(store, info["session_id"], end, effects, chosen, lines)
        both = sorted([*last, *own], key=lambda each: each.event.ts)
        last = both[-lines:] if lines else []
    return last


def _last_of_session(
    store: DefaultSessionStore,
    session_id: str,
    end: Cursor,
    effects: Effects,
    chosen: Filter,
    lines: int,
) -> list[LastEvent]:
    try:
        backlog = Backlog(store, session_id, None, effects, end.seq)
        if backlog.log_id != end.log_id:
            return []  # made again since: all its events are still to come
        return [
            LastEvent(session_id, backlog.log_id, event, effect)
            for event, effect in backlog.choose(chosen, lines, False)
        ]
    except NotFoundError:
        return []
    except JournalError as error:
        notice(f"session {session_id!r} is left out: {error}")
        return []
