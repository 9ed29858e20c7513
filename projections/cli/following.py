"""Showing events the way they were asked for, and going on with what comes."""

import os
import select
import signal
import stat
import sys
import threading
from collections.abc import Callable
from time import monotonic

from journal.errors import HistoryError, NotFoundError
from journal.events import Cursor, Event
from journal.state import decode_state
from projections.cli.cursors import CursorFile
from projections.cli.filters import Filter
from projections.cli.lines import Effect, Effects, ShortLines, event_lines
from projections.cli.main import Terminated
from projections.cli.shapes import event_item, json_line
from projections.cli.terminal import Writer, notice
from projections.replay import view_as_of
from projections.store.store import DefaultSessionStore
from projections.tail.tail import Arrival, Tail
from projections.view import View

_SAVE_EVERY = 0.2  # seconds between writings of a cursor file


class Show:
    """Prints events the way they were asked for."""

    def __init__(
        self, store: DefaultSessionStore, output: str, *, with_session: bool = False
    ) -> None:
        self.writer = Writer(cut=output == "short")
        self.effects = Effects(_loader(store))
        self._output = output
        self._with_session = with_session
        self._short = ShortLines(with_session=with_session)

    def event(self, session_id: str, log_id: str, event: Event, effect: Effect) -> None:
        if self._output == "jsonl":
            self.writer.raw(json_line(event_item(session_id, log_id, event, effect.lost)))
        elif self._output == "pretty":
            state = getattr(event, "state", None)
            decoded = decode_state(bytes(state)) if state is not None else None
            if self._with_session:
                self.writer.line([("session " + session_id, "bold")])
            for line in event_lines(event, decoded):
                self.writer.line(line)
            self.writer.line([])
        else:
            self.writer.line(self._short.line(session_id, event, effect))


def follow_on(tail: Tail, show: Show, chosen: Filter, cursors: CursorFile) -> None:
    """Print what arrives until interrupted. Cursors are noted of what was printed."""
    places = tail.cursors
    save_at = 0.0  # on the monotonic clock
    terminated = _notice_sigterm()
    _stop_when_unread(tail)
    with tail:
        try:
            cursors.save(places)
            for arrival in tail:
                _show_arrival(arrival, show, chosen, places.get(arrival.session_id))
                places[arrival.session_id] = arrival.cursor
                if monotonic() >= save_at:
                    cursors.save(places)
                    save_at = monotonic() + _SAVE_EVERY
        except KeyboardInterrupt:
            if terminated.is_set():
                raise Terminated from None  # watchfiles makes an interrupt of every signal
            raise
        finally:
            cursors.save(places)


def _stop_when_unread(tail: Tail) -> None:
    """Stop the tail when whoever reads our pipe has gone; a write may not come for hours."""
    fd = sys.stdout.fileno()
    if not stat.S_ISFIFO(os.fstat(fd).st_mode):
        return

    def wait() -> None:
        unread = select.poll()
        unread.register(fd, 0)  # errors are told without being asked for
        unread.poll()
        tail.stop()

    threading.Thread(target=wait, name="journal-unread", daemon=True).start()


def _notice_sigterm() -> threading.Event:
    """From now on a SIGTERM raises `Terminated`, and sets the event."""
    came = threading.Event()

    def terminate(number: int, frame: object) -> None:
        came.set()
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)
    return came


def _show_arrival(arrival: Arrival, show: Show, chosen: Filter, place: Cursor | None) -> None:
    session_id, cursor, event, lost = arrival
    if place is not None and place.log_id != cursor.log_id:
        notice(f"session {session_id!r} was deleted and made again")
        show.effects.forget(session_id)
    elif place is not None and cursor.seq <= place.seq:
        notice(
            f"session {session_id!r}: the log goes on with another event {cursor.seq}: what was "
            "shown from there on is no longer in it (its write failed, or an older copy of the "
            "log was put in its place)"
        )
        show.effects.forget(session_id)
    if lost:
        notice(
            f"session {session_id!r}: {lost} events before event {cursor.seq} are gone for good: "
            "dropped by a compaction, or damaged"
        )
        show.effects.forget(session_id)
    effect = show.effects.take(session_id, event)._replace(lost=lost)
    if chosen(event):
        show.event(session_id, cursor.log_id, event, effect)
        show.writer.flush()


def _loader(store: DefaultSessionStore) -> Callable[[str, int], View | None]:
    def load(session_id: str, seq: int) -> View | None:
        try:
            past = store.past(session_id, seq)
            return view_as_of(past, seq, session_id) if past is not None else None
        except (HistoryError, NotFoundError):
            return None

    return load
