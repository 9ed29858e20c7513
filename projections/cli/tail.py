"""`journal tail`: the events of many sessions as they come."""

from typing import Any

import click

from projections.cli.arguments import sessions_argument
from projections.cli.cursors import CursorFile
from projections.cli.filter_names import ChosenNames
from projections.cli.filters import chosen_by, filter_options
from projections.cli.last_events import last_events
from projections.cli.live import follow_on
from projections.cli.opening import opened, require_session
from projections.cli.options import folder_option, output_option
from projections.cli.printing import EventPrinter

_DEFAULT_LINES = 10


@click.command()
@sessions_argument
@filter_options
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

    If none is named, follows all sessions of the folder, new ones included. Shows the last
    10 events first, or as many as -n says. Exit code 5 says that the log of a named session
    does not have the event of its cursor, for example after a restore; the message has the
    cursor to go on from.

    \b
    Examples:
      journal tail
      journal tail session-a session-b -u native
      journal tail -e handoff -o jsonl | jq .reason
    """
    if after is not None and len(session_ids) != 1:
        raise click.UsageError("--after-cursor is a place in one session; name only that one")
    file = CursorFile(cursor_file, after, single=False)
    with opened(folder) as store:
        for session_id in session_ids:
            require_session(store, session_id)
        names = ChosenNames(store, session_ids, choice)
        chosen = chosen_by((), **names.choice)
        names.notice()
        printer = EventPrinter(store, output, with_session=len(session_ids) != 1)
        known = file.of_all(session_ids)
        tail = store.tail(session_ids or None, after=known, from_start=file.was_there)
        if not file.was_there:
            wanted = _DEFAULT_LINES if lines is None else lines
            last = last_events(store, tail.cursors, printer.effects, chosen, wanted)
            file.save_start(tail.cursors, [(each.session_id, each.event) for each in last])
            for each in last:
                printer.print(each.session_id, each.log_id, each.event, each.effect)
            printer.flush()
        follow_on(tail, printer, chosen, file)
