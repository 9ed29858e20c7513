"""`journal log` and `journal tail`: events of the past, and as they come."""

import math
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from time import monotonic
from typing import Any

import click

from journal.errors import HistoryError, JournalError, NotFoundError
from journal.events import Cursor, Event
from journal.state import decode_state
from projections.cli.cursors import CursorFile
from projections.cli.filters import Filter
from projections.cli.lines import Effect, Effects, ShortLines, event_lines
from projections.cli.main import Terminated
from projections.cli.options import (
    POINT,
    TEXT,
    folder_option,
    opened,
    output_option,
    require_log,
    require_session,
    session_argument,
    sessions_argument,
)
from projections.cli.shapes import LogDocument, event_item, json_document, json_line
from projections.cli.terminal import Writer, plain
from projections.replay import view_as_of
from projections.store import DefaultSessionStore
from projections.tail import Arrival, Tail
from projections.view import View

_DEFAULT_LINES = 10
_SAVE_EVERY = 0.2  # seconds between writings of a cursor file


_text_option = partial(click.option, type=TEXT)


def _filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose events, the same for both commands."""
    for decorate in reversed(
        (
            click.option("-n", "--lines", type=click.IntRange(min=0), help="At most so many."),
            click.option("-S", "--since", type=POINT, help="Not before this seq or time."),
            click.option("-U", "--until", type=POINT, help="Not after this seq or time."),
            _text_option("-u", "--runtime", "runtimes", multiple=True, help="Of this runtime."),
            _text_option("-t", "--turn", "turns", multiple=True, help="Of this turn."),
            _text_option(
                "-e", "--event", "events", multiple=True, help="Of this kind: set, clear, …"
            ),
            _text_option("-g", "--grep", "pattern", help="Matching a regular expression."),
        )
    ):
        command = decorate(command)
    return command


@click.command()
@session_argument
@click.argument("matches", metavar="[FIELD=VALUE]...", nargs=-1, type=TEXT)
@_filters
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, from any process.")
@click.option("-r", "--reverse", is_flag=True, help="The newest first.")
@click.option("--after-cursor", "after", metavar="CURSOR", help="Only what came after this.")
@click.option("--show-cursor", is_flag=True, help="End with the cursor to go on from.")
@click.option(
    "--cursor-file",
    type=click.Path(dir_okay=False),
    help="Start after the cursor in this file, and leave the new one there.",
)
@output_option("short", "json", "jsonl", "pretty")
@folder_option
def log_command(
    session_id: str,
    matches: tuple[str, ...],
    follow: bool,
    reverse: bool,
    after: str | None,
    show_cursor: bool,
    cursor_file: str | None,
    output: str,
    folder: str | None,
    lines: int | None,
    **choice: Any,
) -> None:
    """Show a session's events, and follow them.

    The newest is at the bottom. A short line shows what an event changed, not the whole
    state. Conditions on different fields must all hold; of several values for one field,
    any. FIELD is op, seq, writer, runtime_id, turn_id, source, target, reason, or
    state.KEY for a value in the state.

    \b
    Examples:
      journal log my-session -n 20
      journal log my-session -f -u native -u harness
      journal log my-session -S 5m -e handoff -e takeover
      journal log my-session state.status=error turn_id=turn-3
      journal log my-session -o jsonl | jq .state
    """
    if follow and (output == "json" or reverse):
        what = "-o json" if output == "json" else "-r"
        raise click.UsageError(f"{what} needs an end; with -f use -o jsonl or short")
    chosen = _chosen(matches, **choice)
    cursors = CursorFile(cursor_file, after, single=True)
    if follow and lines is None and cursors.of(session_id) is None:
        lines = _DEFAULT_LINES
    with opened(folder) as store:
        require_log(store, session_id)
        show = Show(store, output)
        found = Backlog(store, session_id, cursors.of(session_id), show.effects)
        if output == "json":
            _write_document(found, chosen, lines, reverse)
        else:
            events = found.choose(chosen, lines, reverse)
            if follow and lines is not None:
                events = list(events)
                first = [(session_id, event) for event, _ in events[:1]]
                _note_start(cursors, {session_id: found.cursor}, first)
            for event, effect in events:
                show.event(session_id, found.log_id, event, effect)
        show.writer.flush()
        cursors.save({session_id: found.cursor})  # not before: what is noted was shown
        if follow:
            follow_on(store.tail(session_id, after=found.cursor), show, chosen, cursors)
        elif show_cursor and output in ("short", "pretty"):
            show.writer.line([f"-- cursor: {found.cursor}"])


@click.command()
@sessions_argument
@_filters
@click.option(
    "--cursor-file",
    type=click.Path(dir_okay=False),
    help="Start after the cursors in this file, and keep the new ones there.",
)
@output_option("short", "jsonl", "pretty")
@folder_option
def tail_command(
    session_ids: tuple[str, ...],
    cursor_file: str | None,
    output: str,
    folder: str | None,
    lines: int | None,
    **choice: Any,
) -> None:
    """Follow many sessions at once.

    All sessions of the folder, those to come included, if none is named. Shows the last
    10 events first, or as many as -n says.

    \b
    Examples:
      journal tail
      journal tail session-a session-b -u native
      journal tail -e handoff -o jsonl | jq .reason
    """
    chosen = _chosen((), **choice)
    cursors = CursorFile(cursor_file, single=False)
    with opened(folder) as store:
        for session_id in session_ids:
            require_session(store, session_id)
        show = Show(store, output, with_session=len(session_ids) != 1)
        names = session_ids or None
        known = {name: at for name, at in cursors.known.items() if not names or name in names}
        tail = store.tail(names, after=known, from_start=cursors.was_there)
        if not cursors.was_there:
            wanted = _DEFAULT_LINES if lines is None else lines
            last = _last_events(store, tail.cursors, show, chosen, wanted)
            _note_start(cursors, tail.cursors, [(item[1], item[3]) for item in last])
            for _, session_id, log_id, event, effect in last:
                show.event(session_id, log_id, event, effect)
            show.writer.flush()
        follow_on(tail, show, chosen, cursors)


def _chosen(
    matches: tuple[str, ...],
    since: int | str | None,
    until: int | str | None,
    runtimes: tuple[str, ...],
    turns: tuple[str, ...],
    events: tuple[str, ...],
    pattern: str | None,
) -> Filter:
    chosen = Filter()
    chosen.between(since, until)
    chosen.runtimes(runtimes)
    chosen.fields(
        [*matches, *(f"turn_id={turn}" for turn in turns), *(f"op={event}" for event in events)]
    )
    chosen.grep(pattern)
    return chosen


# The past


class Backlog:
    """The events that are there already; `cursor` is the place after those read so far."""

    def __init__(
        self,
        store: DefaultSessionStore,
        session_id: str,
        after: Cursor | None,
        effects: Effects,
        last: float = math.inf,
    ) -> None:
        """Begins after the cursor `after`, and ends with the event `last`."""
        past = store.past(session_id)
        if past is None:
            raise NotFoundError(f"there is no session {session_id!r} any more")
        self.session_id = session_id
        self.log_id = past.log_id
        self.cursor = Cursor(past.log_id, past.floor)
        self.past = past
        self._effects = effects
        self._last = last
        self._after = after.seq if after is not None and after.log_id == past.log_id else 0
        if after is not None and after.log_id != past.log_id:
            _notice(f"session {session_id!r} was made again since {after}; this is all of it")

    def events(self) -> Iterator[tuple[Event, Effect]]:
        """Every event after the cursor with what it met."""
        self._effects.begin(self.session_id, View())
        if self.past.floor:
            _notice(
                f"compaction has dropped what was overwritten before event {self.past.floor}; "
                "of the events up to there these are the ones it kept"
            )
        for entry in self.past.in_order():
            event = entry.event
            if event.seq > self._last:
                return
            effect = self._effects.take(self.session_id, event)
            if event.seq <= self.past.floor:
                effect = Effect(known=False)  # what it replaced was dropped
            self.cursor = Cursor(self.log_id, max(self.cursor.seq, event.seq))
            if event.seq > self._after:
                yield event, effect

    def choose(
        self, chosen: Filter, lines: int | None, reverse: bool
    ) -> Iterable[tuple[Event, Effect]]:
        """Those that were asked for: the last `lines` of them, or all."""
        found = ((event, effect) for event, effect in self.events() if chosen(event))
        if lines is None and not reverse:
            return found
        last = deque(found, maxlen=lines)
        return reversed(last) if reverse else last


def _write_document(found: Backlog, chosen: Filter, lines: int | None, reverse: bool) -> None:
    items = [
        event_item(found.session_id, found.log_id, event)
        for event, _ in found.choose(chosen, lines, reverse)
    ]
    document = LogDocument(
        session_id=found.session_id,
        floor=found.past.floor,
        cursor=str(found.cursor),
        events=items,
    )
    click.echo(json_document(document), nl=False)


def _note_start(
    cursors: CursorFile, places: Mapping[str, Cursor], first: list[tuple[str, Event]]
) -> None:
    """Note the place before what is about to be shown: who is killed meanwhile shows it again."""
    start = dict(places)
    for session_id, event in reversed(first):
        start[session_id] = Cursor(places[session_id].log_id, event.seq - 1)
    cursors.save(start)


def _last_events(
    store: DefaultSessionStore,
    places: Mapping[str, Cursor],
    show: "Show",
    chosen: Filter,
    lines: int,
) -> list[tuple[str, str, str, Event, Effect]]:
    """The last events of several sessions together, by time, each up to its place.

    The sessions that changed last are read first, and no more of them than can have one.
    """
    last: list[tuple[str, str, str, Event, Effect]] = []
    for info in store.list_sessions():
        session_id = info["session_id"]
        place = places.get(session_id)
        if place is None:
            continue
        if len(last) == lines and (not lines or info["updated_at"] < last[0][0]):
            break
        try:
            found = Backlog(store, session_id, None, show.effects, place.seq)
            if found.log_id != place.log_id:
                continue  # made again since: all of it is still to come
            mine = [
                (event.ts, session_id, found.log_id, event, effect)
                for event, effect in found.choose(chosen, lines, False)
            ]
        except NotFoundError:
            continue
        except JournalError as error:
            _notice(f"session {session_id!r} is left out: {error}")
            continue
        last = sorted([*last, *mine], key=lambda item: item[0])[-lines:] if lines else []
    return last


# What comes


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

    def event(
        self, session_id: str, log_id: str, event: Event, effect: Effect, lost: int = 0
    ) -> None:
        if self._output == "jsonl":
            self.writer.raw(json_line(event_item(session_id, log_id, event, lost)))
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
        _notice(f"session {session_id!r} was deleted and made again")
        show.effects.forget(session_id)
    if lost:
        _notice(
            f"session {session_id!r}: {lost} events before event {cursor.seq} are gone for good: "
            "dropped by a compaction, or damaged"
        )
        show.effects.forget(session_id)
    effect = show.effects.take(session_id, event)
    if chosen(event):
        show.event(session_id, cursor.log_id, event, effect, lost)
        show.writer.flush()


def _loader(store: DefaultSessionStore) -> Callable[[str, int], View | None]:
    def load(session_id: str, seq: int) -> View | None:
        try:
            past = store.past(session_id, seq)
            return view_as_of(past, seq, session_id) if past is not None else None
        except (HistoryError, NotFoundError):
            return None

    return load


def _notice(text: str) -> None:
    click.echo(f"journal: {plain(text)}", err=True)
