"""`journal log`: the events of a session, and those to come."""

from typing import Any

import click

from projections.cli.arguments.choice_options import filter_options
from projections.cli.arguments.filters import Filter, chosen_by
from projections.cli.arguments.optional_session import session_and_matches
from projections.cli.arguments.options import folder_option, output_option
from projections.cli.documents.events import LogDocument, event_item
from projections.cli.documents.json_output import json_document
from projections.cli.documents.sessions import origin_item
from projections.cli.events.backlog import Backlog
from projections.cli.events.border import Border
from projections.cli.events.cursors import CursorFile
from projections.cli.events.live import follow_on
from projections.cli.lines.printing import EventPrinter
from projections.cli.names.filter_names import ChosenNames
from projections.cli.sessions.opening import opened, require_log
from projections.cli.terminal.pager import page_output
from projections.store.store import DefaultSessionStore

_DEFAULT_LINES = 10


@click.command()
@session_and_matches
@filter_options
@click.option("-f", "--follow", is_flag=True, help="Go on with new events, from any process.")
@click.option("-r", "--reverse", is_flag=True, help="The newest first.")
@click.option("--after-cursor", "after", metavar="CURSOR", help="Only what came after this.")
@click.option("--show-cursor", is_flag=True, help="End with the cursor to go on from.")
@click.option(
    "--cursor-file",
    type=click.Path(dir_okay=False),
    help="Start after the cursor in this file, and leave the new one there.",
)
@output_option("short", "diff", "json", "jsonl", "pretty")
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

    The newest is at the bottom. With -f, a session or a folder that is not there yet is
    waited for. A short line says what happened, one of `-o diff` which values changed.
    Conditions on different fields must all hold; of several values for one field, any.
    FIELD is op, seq, writer, runtime_id, turn_id, source, target, reason, status (in
    whatever word; over is any final one), or state.KEY for a value in the state. A
    handoff's runtime_id is its source; -u finds those to the runtime too. Exit code 5 says
    that the log does not have the event of the cursor, for example after a restore; the
    message has the cursor to go on from. Exit code 3 says that the session never had a
    runtime or turn that was named with -u or -t.

    Without SESSION, the one that changed last is shown.

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
    if not follow:
        page_output()
    file = CursorFile(cursor_file, after, single=True)
    if follow and lines is None and file.of(session_id) is None:
        lines = _DEFAULT_LINES
    with opened(folder, awaited=follow, reading=True) as store:
        names = ChosenNames(store, [session_id], choice, matches)
        chosen = chosen_by(matches, **names.choice)
        printer = EventPrinter(
            store, output, searched=chosen.searched, needs_effects=chosen.needs_effects
        )
        if follow and _is_awaited(store, session_id):
            tail = store.tail(session_id, after=file.of(session_id), from_start=True)
            follow_on(tail, printer, chosen, file)
            return
        require_log(store, session_id)
        chosen.watch(names)
        backlog = Backlog(store, session_id, file.of(session_id), printer.effects)
        if output == "json":
            _print_document(store, backlog, chosen, lines, reverse)
        else:
            is_limited = follow and lines is not None
            border = Border(store.origin(session_id) if output != "jsonl" else None)
            start = file if is_limited else None
            _print(backlog, chosen, lines, reverse, printer, start, border)
        printer.flush()
        file.save({session_id: backlog.cursor})  # only now: what it covers has been shown
        if follow:
            names.notice()
            follow_on(store.tail(session_id, after=backlog.cursor), printer, chosen, file)
        elif show_cursor and output in ("short", "diff", "pretty"):
            printer.print_line(f"-- cursor: {backlog.cursor}")
        if not follow:
            names.require()


def _is_awaited(store: DefaultSessionStore, session_id: str) -> bool:
    """Whether the session is not there yet; says so then."""
    from projections.cli.events.awaiting import notice_awaited

    return notice_awaited(store, [session_id])


def _print(
    backlog: Backlog,
    chosen: Filter,
    lines: int | None,
    reverse: bool,
    printer: EventPrinter,
    file: CursorFile | None,
    border: Border,
) -> None:
    """Print the events. The start is saved in `file` first, if there is one."""
    events = backlog.choose(chosen, lines, reverse)
    if file is not None:
        events = list(events)
        first = [(backlog.session_id, event) for event, _ in events[:1]]
        file.save_start({backlog.session_id: backlog.cursor}, first)
    if border.origin is None:
        printer.print_all(backlog.session_id, backlog.log_id, events)
        return
    for event, effect in events:
        if border.lies_before(event):
            printer.print_line(border.line)
        printer.print(backlog.session_id, backlog.log_id, event, effect)
    if border.lies_at_end(reverse=reverse):
        printer.print_line(border.line)


def _print_document(
    store: DefaultSessionStore, backlog: Backlog, chosen: Filter, lines: int | None, reverse: bool
) -> None:
    items = [
        event_item(backlog.session_id, backlog.log_id, event, effect.lost)
        for event, effect in backlog.choose(chosen, lines, reverse)
    ]
    document = LogDocument(
        session_id=backlog.session_id,
        floor=backlog.floor,
        cursor=str(backlog.cursor),
        forked_from=origin_item(store.origin(backlog.session_id)),
        events=items,
    )
    click.echo(json_document(document), nl=False)
