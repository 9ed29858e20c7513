"""`journal log` and `journal tail`: events of the past, and as they come."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import click

from journal.events import Cursor, Event
from projections.cli.backlog import Backlog, last_events
from projections.cli.cursors import CursorFile
from projections.cli.filters import Filter
from projections.cli.following import Show, follow_on
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
from projections.cli.shapes import LogDocument, event_item, json_document

_DEFAULT_LINES = 10


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
    state.KEY for a value in the state. Exit code 5 says that the log does not have the
    event of the cursor, as after a restore; the message has the cursor to go on from.

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
@click.option(
    "--after-cursor", "after", metavar="CURSOR", help="Start after this, in one session."
)
@output_option("short", "jsonl", "pretty")
@folder_option
def tail_command(
    session_ids: tuple[str, ...],
    after: str | None,
    cursor_file: str | None,
    output: str,
    folder: str | None,
    lines: int | None,
    **choice: Any,
) -> None:
    """Follow many sessions at once.

    All sessions of the folder, those to come included, if none is named. Shows the last
    10 events first, or as many as -n says. Exit code 5 says that the log of a session that
    was named does not have the event of its cursor, as after a restore; the message has
    the cursor to go on from.

    \b
    Examples:
      journal tail
      journal tail session-a session-b -u native
      journal tail -e handoff -o jsonl | jq .reason
    """
    if after is not None and len(session_ids) != 1:
        raise click.UsageError("--after-cursor is a place in one session; name that alone")
    chosen = _chosen((), **choice)
    cursors = CursorFile(cursor_file, after, single=False)
    with opened(folder) as store:
        for session_id in session_ids:
            require_session(store, session_id)
        show = Show(store, output, with_session=len(session_ids) != 1)
        names = session_ids or None
        known = cursors.of_all(session_ids)
        tail = store.tail(names, after=known, from_start=cursors.was_there)
        if not cursors.was_there:
            wanted = _DEFAULT_LINES if lines is None else lines
            last = last_events(store, tail.cursors, show.effects, chosen, wanted)
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


def _write_document(found: Backlog, chosen: Filter, lines: int | None, reverse: bool) -> None:
    items = [
        event_item(found.session_id, found.log_id, event, effect.lost)
        for event, effect in found.choose(chosen, lines, reverse)
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
        start[session_id] = Cursor.at(places[session_id].log_id, event.seq - 1, event.prev)
    cursors.save(start)
