"""`journal sessions`: lists the sessions of a folder."""

from collections.abc import Iterable, Mapping, Sized
from datetime import datetime

import click

from journal.errors import JournalError
from journal.reports import SessionInfo
from projections.cli.documents.sessions import SessionItem, SessionsDocument
from projections.cli.exit_codes import EXIT_DAMAGED, EXIT_FAILURE
from projections.cli.json_output import json_document, json_line
from projections.cli.lines import clock
from projections.cli.opening import NOW, opened
from projections.cli.options import POINT, folder_option, output_option
from projections.cli.tables import Table
from projections.cli.terminal import notice, plain
from projections.store.store import DefaultSessionStore
from projections.times import stamp_of
from projections.view import View

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


@click.command()
@click.option("-S", "--since", type=POINT, help="Only those that changed since then.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="At most this many.")
@output_option("table", "json", "jsonl", "name")
@folder_option
def sessions_command(
    since: int | str | None, lines: int | None, output: str, folder: str | None
) -> None:
    """List the sessions of a folder.

    The one that changed last comes first. EVENTS is how many events the log has ever had.

    Exit code 4 when a session is damaged, 1 when one cannot be read; the others are listed
    all the same.

    \b
    Examples:
      journal sessions -S yesterday
      journal sessions -o name | xargs -d '\\n' journal verify --
      journal sessions -o json | jq '.sessions[] | select(.turns > 100)'
    """
    if isinstance(since, int):
        raise click.UsageError("--since takes a time here; write 5m, yesterday or 2026-11-22")
    with opened(folder) as store:
        infos = [
            info
            for info in store.list_sessions(lines if since is None else None)
            if since is None or stamp_of(datetime.fromisoformat(info["updated_at"])) >= since
        ][:lines]
        if output == "name":
            for info in infos:
                click.echo(plain(info["session_id"]))
            return
        codes: set[int] = set()
        items = [_item(store, info, codes) for info in infos]
    if output == "jsonl":
        for item in items:
            click.echo(json_line(item), nl=False)
    elif output == "json":
        click.echo(json_document(SessionsDocument(sessions=items)), nl=False)
    else:
        _print_table(items)
    if codes:
        raise click.exceptions.Exit(max(codes))


def _item(store: DefaultSessionStore, info: SessionInfo, codes: set[int]) -> SessionItem:
    """A line of the listing. If something is wrong with it, adds an exit code to `codes`."""
    item = SessionItem(
        session_id=info["session_id"],
        updated_at=info["updated_at"],
        log_bytes=info["log_bytes"],
    )
    try:
        item.events, turns, item.error = _counts(store, info["session_id"])
        item.runtimes, item.turns = len(turns), sum(map(len, turns.values()))
        if item.error is not None:
            codes.add(EXIT_DAMAGED)
    except JournalError as error:
        item.error = str(error)
        notice(item.error)
        is_unreadable = isinstance(error, OSError) or isinstance(error.__cause__, OSError)
        codes.add(EXIT_FAILURE if is_unreadable else EXIT_DAMAGED)
    return item


def _counts(
    store: DefaultSessionStore, session_id: str
) -> tuple[int, Mapping[str, Sized], str | None]:
    """The last seq, the live turns, and what is damaged.

    The live turns of a session without a log are those in PraisonAI's session file.
    """
    past = store.past(session_id, reaching=NOW)
    if past is None:
        return 0, store.state_at(session_id), None
    view, last = View(), past.floor
    for event in past.to_fold():
        view.fold(event)
        last = max(last, event.seq)
    problem = str(past.problems[0]) if past.problems else None
    return last, view.turns, problem


def _print_table(items: Iterable[SessionItem]) -> None:
    table = Table("SESSION", "EVENTS>", "RUNTIMES>", "TURNS>", "SIZE>", "CHANGED")
    for item in items:
        counts = (item.events, item.runtimes, item.turns)
        table.row(
            (item.session_id, "bold"),
            *("?" if item.error and not item.events else str(count) for count in counts),
            size_text(item.log_bytes),
            (clock(item.updated_at), "dim"),
        )
    if table.rows:
        table.print()
    else:
        notice("there are no sessions here")


def size_text(count: int) -> str:
    """A number of bytes for people to read."""
    value = float(count)
    for unit in _UNITS:
        if value < _STEP or unit == _UNITS[-1]:
            break
        value /= _STEP
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
