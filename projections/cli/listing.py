"""`journal sessions`: lists the sessions of a folder."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import click

from journal.errors import JournalError
from journal.reports import SessionInfo
from projections.cli.clocks import clock
from projections.cli.documents.sessions import SessionItem, SessionsDocument
from projections.cli.exit_codes import EXIT_DAMAGED, EXIT_FAILURE
from projections.cli.json_output import json_document, json_line
from projections.cli.opening import opened
from projections.cli.options import POINT, folder_option, output_option
from projections.cli.pager import page_output
from projections.cli.tables import Table
from projections.cli.terminal import Segment, colour_of, notice, plain
from projections.store.store import DefaultSessionStore
from projections.times import stamp_of

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
    page_output()
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
        codes: dict[str, int] = {}
        items = [_item(store, info, codes) for info in infos]
    if output == "jsonl":
        for item in items:
            click.echo(json_line(item), nl=False)
    elif output == "json":
        click.echo(json_document(SessionsDocument(sessions=items)), nl=False)
    else:
        _print_table(items, codes)
    if codes:
        raise click.exceptions.Exit(max(codes.values()))


def _item(store: DefaultSessionStore, info: SessionInfo, codes: dict[str, int]) -> SessionItem:
    """A line of the listing. If something is wrong with it, `codes` gets an exit code for it."""
    item = SessionItem(
        session_id=info["session_id"],
        updated_at=info["updated_at"],
        log_bytes=info["log_bytes"],
    )
    try:
        summary = store.summary(info)
    except JournalError as error:
        item.error = str(error)
        notice(item.error)
        is_unreadable = isinstance(error, OSError) or isinstance(error.__cause__, OSError)
        codes[item.session_id] = EXIT_FAILURE if is_unreadable else EXIT_DAMAGED
        return item
    item.events, item.runtimes, item.turns = summary.events, summary.runtimes, summary.turns
    item.owner, item.turn_id, item.status = summary.owner, summary.turn_id, summary.status
    item.first_words, item.findings = summary.first_words, summary.findings
    item.error = summary.problem
    if item.error is not None:
        codes[item.session_id] = EXIT_DAMAGED
    return item


def _print_table(items: Iterable[SessionItem], codes: Mapping[str, int]) -> None:
    headings = ("SESSION", "OWNER", "STATUS", "EVENTS>", "TURNS>", "SIZE>", "CHANGED", "BEGINS")
    table = Table(*headings, yields="BEGINS")
    for item in items:
        counts = (item.events, item.turns)
        table.row(
            (item.session_id, "bold"),
            (item.owner, colour_of(item.owner)) if item.owner is not None else "-",
            _status(item, codes.get(item.session_id)),
            *("?" if item.error and not item.events else str(count) for count in counts),
            size_text(item.log_bytes),
            (clock(item.updated_at).partition(".")[0], "dim"),
            item.first_words,
        )
    if table.rows:
        table.print()
    else:
        notice("there are no sessions here")


def _status(item: SessionItem, code: int | None) -> Segment:
    if code is not None:
        return ("damaged" if code == EXIT_DAMAGED else "unreadable", "red")
    if item.findings:
        return (f"{item.findings} finding{'s' * (item.findings != 1)}", "red")
    return item.status or "-"


def size_text(count: int) -> str:
    """A number of bytes for people to read."""
    value = float(count)
    for unit in _UNITS:
        if value < _STEP or unit == _UNITS[-1]:
            break
        value /= _STEP
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
