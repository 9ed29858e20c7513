"""`journal wait`: waits until an event comes, or a turn is in a state."""

from time import monotonic
from typing import Any

import click

from journal.errors import NotFoundError
from projections.cli.arguments.choice_options import choice_options, event_option, grep_option
from projections.cli.arguments.filters import Filter, chosen_by
from projections.cli.arguments.ids import matches_argument, session_argument
from projections.cli.arguments.options import SECONDS, folder_option, output_option
from projections.cli.events.awaiting import notice_awaited
from projections.cli.events.backlog import Backlog
from projections.cli.events.held import Awaited, last_held, next_chosen
from projections.cli.exit_codes import EXIT_TIME_UP
from projections.cli.lines.printing import EventPrinter
from projections.cli.names.filter_names import ChosenNames
from projections.cli.sessions.opening import opened
from projections.cli.terminal.output import notice
from projections.store.store import DefaultSessionStore
from projections.tail.tail import Tail


@click.command()
@session_argument
@matches_argument
@choice_options()
@event_option
@grep_option
@click.option("--new", "only_new", is_flag=True, help="Only what comes from now on counts.")
@click.option("--timeout", type=SECONDS, help="Give up after so long, with exit code 124.")
@output_option("short", "diff", "jsonl", "pretty")
@folder_option
def wait_command(
    session_id: str,
    matches: tuple[str, ...],
    only_new: bool,
    timeout: float | None,
    output: str,
    folder: str | None,
    **choice: Any,
) -> None:
    """Wait until an event comes, or a turn is in a state.

    Prints that event and ends. What is there already counts: the last event that meets the
    conditions, of sets only those that still hold. FIELD=VALUE is as in `journal log`;
    status=completed is a turn's status in whatever words, status=over any after which
    nothing more is to come. Without conditions any event does. A session or a folder that
    is not there yet is waited for.

    \b
    Examples:
      journal wait my-session -t turn-3 status=over --timeout 60
      journal wait my-session -e takeover -u codex --new --timeout 10m
      journal wait my-session state.n=1 -o jsonl --timeout 1h | jq .state
    """
    until = monotonic() + timeout if timeout is not None else None
    with opened(folder, awaited=True, reading=True) as store:
        names = ChosenNames(store, [session_id], choice, matches)
        chosen = chosen_by(matches, **names.choice)
        printer = EventPrinter(
            store, output, searched=chosen.searched, needs_effects=chosen.needs_effects
        )
        found, tail = _begin(store, session_id, chosen, printer, only_new=only_new)
        if found is None:
            if not notice_awaited(store, [session_id]):
                names.notice()
            left = max(0.0, until - monotonic()) if until is not None else None
            found = next_chosen(tail, chosen, printer.effects, left)
        else:
            tail.close()
        if found is None:
            notice(f"time is up: nothing of that has come in session {session_id!r}")
            raise click.exceptions.Exit(EXIT_TIME_UP)
        printer.print(session_id, *found)
        printer.flush()


def _begin(
    store: DefaultSessionStore,
    session_id: str,
    chosen: Filter,
    printer: EventPrinter,
    *,
    only_new: bool,
) -> tuple[Awaited | None, Tail]:
    """What is there already, if that counts, and a tail of what comes after it."""
    if only_new:
        return None, store.tail(session_id)
    try:
        backlog = Backlog(store, session_id, None, printer.effects)
        held = last_held(backlog.events(), chosen)
    except NotFoundError:  # not there yet
        return None, store.tail(session_id, from_start=True)
    found = Awaited(backlog.log_id, *held) if held is not None else None
    return found, store.tail(session_id, after=backlog.cursor)
