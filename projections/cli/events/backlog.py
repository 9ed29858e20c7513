"""The events that are there already, with what each of them changed."""

import math
from collections import deque
from collections.abc import Iterable, Iterator

from journal.events import GENESIS, Cursor, Event
from journal.names import paths_of
from journal.past import Past
from journal.position import Position, StaleError, refusal
from projections.cli.arguments.filters import Filter
from projections.cli.events.replaced import Replaced
from projections.cli.lines.effects import Effect, Effects
from projections.cli.sessions.opening import past_of
from projections.cli.terminal.output import notice
from projections.store.store import DefaultSessionStore
from projections.view import View

_UNKNOWN = Effect(known=False)
_MOST_BACK = 3 << 17  # bytes of a log's end in which what events replaced is looked for


class Backlog:
    """The events of a session that are there already; `cursor` follows those read so far."""

    def __init__(
        self,
        store: DefaultSessionStore,
        session_id: str,
        after: Cursor | None,
        effects: Effects | None,
        last: float = math.inf,
    ) -> None:
        """Begins after the cursor `after`, and ends with the event `last`.

        Without `effects`, what events replaced is not found out. Raises `NotFoundError`.
        Reading raises `CursorError` if the log does not have the event of the cursor.
        """
        self.session_id = session_id
        self._store = store
        self._effects = effects
        self._last = last
        self._after = after
        self._past: Past | None = None
        self._newest = store.newest(session_id) if after is None else None
        if self._newest is None or self._newest.base:
            self._read_past()
        else:  # nothing was folded: all is in the log
            self.log_id = self._newest.log_id
            self._head = (0, GENESIS)

    def _read_past(self) -> Past:
        """All that is left of the session's events, to be read once."""
        self._past = past = past_of(self._store, self.session_id)
        self.log_id = past.log_id
        self._head = (past.floor, past.floor_hash)
        if self._after is not None and self._after.log_id != past.log_id:
            notice(
                f"session {self.session_id!r} was deleted and made anew after {self._after}; "
                "all its events follow"
            )
            self._after = None
        return past

    @property
    def cursor(self) -> Cursor:
        return Cursor.at(self.log_id, *self._head)

    @property
    def floor(self) -> int:
        """From this event on, every event is still there."""
        return self._past.floor if self._past is not None else 0

    @property
    def is_damaged(self) -> bool:
        """Whether something of the history, as far as it was read, is damaged or missing."""
        return bool(self._past is not None and self._past.problems)

    def events(self) -> Iterator[tuple[Event, Effect]]:
        """Every event after the cursor, with its effect. Raises `CursorError`."""
        past = self._past or self._read_past()
        self._head = (past.floor, past.floor_hash)
        position = Position(self._after)
        try:
            yield from self._events(past, position)
        except StaleError as stale:
            log_path = paths_of(self._store.session_dir or "", self.session_id).log
            where = f"session {self.session_id!r}: {log_path}"
            raise refusal(where, position, stale, None) from None

    def _events(self, past: Past, position: Position) -> Iterator[tuple[Event, Effect]]:
        if self._effects is not None:
            self._effects.begin(self.session_id, View())
        self._notice_floor()
        effect, effects, floor, last = _UNKNOWN, self._effects, past.floor, self._last
        newest: Event | None = None
        try:
            for event, _ in past.in_order():
                seq = event.seq
                if seq > last:
                    return
                if effects is not None:
                    effect = effects.effect_of(self.session_id, event)
                if seq <= floor:
                    effect = _UNKNOWN  # the state that it replaced was dropped
                if seq >= floor:
                    newest = event
                if position.take(event):
                    lost = position.lost
                    yield event, effect._replace(lost=lost) if lost else effect
        finally:
            if newest is not None:
                self._head = (newest.seq, newest.hash)
        position.check_end(*self._head)

    def _notice_floor(self) -> None:
        if self._past is not None and self._past.floor:
            why = self._past.why_short
            notice(f"{why}; of the events up to there, only those kept are shown")

    def choose(
        self, chosen: Filter, lines: int | None, reverse: bool
    ) -> Iterable[tuple[Event, Effect]]:
        """The chosen events: the last `lines` of them, or all."""
        last = None
        if lines is not None:
            read_back = self._search_back if lines and chosen.needs_effects else self._read_back
            last = read_back(chosen, lines)
        if last is None:
            self._past = self._past or self._read_past()
            found = self.events()
            if chosen:
                found = ((event, effect) for event, effect in found if chosen(event, effect))
            if lines is None and not reverse:
                return found
            last = deque(found, maxlen=lines)
        return reversed(last) if reverse else last

    def _read_back(self, chosen: Filter, lines: int) -> deque[tuple[Event, Effect]] | None:
        """The last chosen events, read from the end of the log; None if that does not do.

        Reads on for what these replaced, up to `_MOST_BACK` bytes: what is further back stays
        unknown.
        """
        replaced = Replaced()
        found: deque[Event] = deque()
        for event, left in self._newest_first(replaced):
            if len(found) < lines and chosen.by_itself(event):
                found.appendleft(event)
                if self._effects is not None:
                    replaced.ask(event)
            if event.seq == 1:
                replaced.end()
            is_enough = replaced.is_settled or left < 0
            if is_enough and (len(found) == lines or event.seq == 1):
                self._notice_floor()
                return deque((each, replaced.effects.get(each.seq, _UNKNOWN)) for each in found)
        return None

    def _search_back(self, chosen: Filter, lines: int) -> deque[tuple[Event, Effect]] | None:
        """Like `_read_back`, where what events did decides whether they are chosen.

        So it has to be known of each: None as soon as `_MOST_BACK` bytes do not do.
        """
        replaced = Replaced()
        waiting: deque[Event] = deque()  # the newest first
        found: deque[tuple[Event, Effect]] = deque()
        for event, left in self._newest_first(replaced):
            if chosen.by_itself(event):
                waiting.append(event)
                replaced.ask(event)
            if event.seq == 1:
                replaced.end()
            while waiting and len(found) < lines and waiting[0].seq in replaced.effects:
                each = waiting.popleft()
                effect = replaced.effects.pop(each.seq)
                if chosen(each, effect):
                    found.appendleft((each, effect))
            if len(found) == lines or event.seq == 1:
                self._notice_floor()
                return found
            if left < 0:
                break
        return None

    def _newest_first(self, replaced: Replaced) -> Iterator[tuple[Event, int]]:
        """The events from the end of the log, each with the bytes that may still be read.

        `replaced` has met them. `cursor` follows the newest, as long as they are read: whoever
        gives up calls `events`, which begins before all of them.
        """
        newest, self._newest = self._newest, None
        is_first, left = True, _MOST_BACK
        for event, line in newest.entries if newest is not None else ():
            if event.seq > self._last:
                continue
            if is_first:
                self._head, is_first = (event.seq, event.hash), False
            left -= len(line)
            replaced.meet(event)
            yield event, left
