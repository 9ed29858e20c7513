"""`journal sessions`: lists the sessions of a folder."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import click

from journal.errors import JournalError
from journal.reports import SessionInfo
from projections.cli.arguments.options import POINT, TEXT, folder_option, output_option
from projections.cli.documents.json_output import json_document, json_line
from projections.cli.documents.sessions import SessionItem, SessionsDocument, origin_item
from projections.cli.exit_codes import EXIT_DAMAGED, EXIT_FAILURE
from projections.cli.sessions.opening import opened
from projections.cli.sessions.phases import IN_PROGRESS, judged
from projections.cli.sessions.table import print_table
from projections.cli.terminal.output import notice, plain
from projections.cli.terminal.pager import page_output
from projections.store.store import DefaultSessionStore
from projections.times import stamp_of
from projections.writers import Writers

_SORTS: dict[str, tuple[Callable[[SessionItem], Any], bool] | None] = {
    "changed": None,
    "age": None,
    "name": (lambda item: item.session_id, False),
    "owner": (lambda item: (item.owner is None, item.owner or ""), False),
    "status": (lambda item: (item.phase is None, item.phase or "", item.status or ""), False),
    "turns": (lambda item: item.turns, True),
    "events": (lambda item: item.events, True),
    "findings": (lambda item: item.findings, True),
    "size": (lambda item: item.log_bytes, True),
}
"""The keys, and whether the largest comes first; None for those that need no summary."""


@click.command()
@click.argument("words", metavar="[WORD]...", nargs=-1, type=TEXT)
@click.option("-S", "--since", type=POINT, help="Only those that changed since then.")
@click.option("-U", "--until", type=POINT, help="Only those that changed last by then.")
@click.option("--open", "is_open", is_flag=True, help="Only those with more to come: see below.")
@click.option(
    "--sort",
    type=click.Choice(list(_SORTS)),
    default="changed",
    show_default=True,
    help="What comes first: the last changed, the oldest, the largest …",
)
@click.option("-r", "--reverse", is_flag=True, help="In the opposite order.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="At most this many.")
@output_option("table", "json", "jsonl", "name")
@folder_option
def sessions_command(
    words: tuple[str, ...],
    since: int | str | None,
    until: int | str | None,
    is_open: bool,
    sort: str,
    reverse: bool,
    lines: int | None,
    output: str,
    folder: str | None,
) -> None:
    """List the sessions of a folder.

    The one that changed last comes first. With WORDs, only those that have all of them in
    their id, the beginning of the first prompt, or the names of the runtime and the agent
    that have the session; upper and lower case are the same.

    STATUS is that of the turn that the owner wrote last, with how long it has run, or what
    it waits for; where nothing more is to come of that, an open turn of another runtime
    counts whose writer is gone. --open chooses those that run, wait for a person or for the
    runtime they were handed to, or are open though their writer is gone. EVENTS is how many
    events the log has ever had. On a terminal CHANGED is an age, elsewhere a time; narrow
    terminals leave out SIZE, EVENTS, OWNER and TURNS, in this order.

    Exit code 4 when a session is damaged, 1 when one cannot be read; the others are listed
    all the same.

    \b
    Examples:
      journal sessions native
      journal sessions --open
      journal sessions -S yesterday --sort size
      journal sessions -o name | xargs -d '\\n' journal verify --
      journal sessions -o json | jq '.sessions[] | select(.writer_gone)'
    """
    for option, point in (("--since", since), ("--until", until)):
        if isinstance(point, int):
            raise click.UsageError(
                f"{option} takes a time here; write 5m, yesterday or 2026-11-22"
            )
    page_output()
    with opened(folder, reading=True) as store:
        listed = store.list_sessions() if lines != 0 else []
        infos = [info for info in listed if _is_between(info, since, until)]
        if sort == "age":
            infos.reverse()
        key = _SORTS[sort]
        if output == "name" and key is None and not words and not is_open:
            chosen = infos[::-1][:lines] if reverse else infos[:lines]
            click.echo("".join(f"{plain(info['session_id'])}\n" for info in chosen), nl=False)
            return
        summing = Summing(store)
        found = (item for item in map(summing.item, infos) if _is_wanted(item, words, is_open))
        items = _first(found, key, reverse, lines)
    if output == "table":
        if items:
            print_table(items)
        elif lines != 0:
            _notice_none(store.session_dir, is_empty=not listed)
    else:
        _print(items, output)
    if summing.codes:
        raise click.exceptions.Exit(max(summing.codes))


def _is_between(info: SessionInfo, since: int | str | None, until: int | str | None) -> bool:
    if since is None and until is None:
        return True
    changed = stamp_of(datetime.fromisoformat(info["updated_at"]))
    return not (
        (isinstance(since, str) and changed < since)
        or (isinstance(until, str) and changed > until)
    )


def _is_wanted(item: SessionItem, words: Iterable[str], is_open: bool) -> bool:
    if is_open and item.phase not in IN_PROGRESS:
        return False
    texts = (item.session_id, item.first_words, item.owner, item.agent)
    text = "\n".join(filter(None, texts)).casefold()
    return all(word.casefold() in text for word in words)


def _first(
    found: Iterator[SessionItem],
    key: tuple[Callable[[SessionItem], Any], bool] | None,
    reverse: bool,
    lines: int | None,
) -> list[SessionItem]:
    """The first of them in the order that is asked for. Looks at no more than it has to."""
    if key is None and not reverse:
        return list(islice(found, lines))
    items = list(found)
    if key is not None:
        items.sort(key=key[0], reverse=key[1])
    return (items[::-1] if reverse else items)[:lines]


class Summing:
    """Sums sessions up. `codes` are the exit codes for what is wrong with some of them."""

    def __init__(self, store: DefaultSessionStore) -> None:
        self._store = store
        self._has_ended = Writers().has_ended
        self.codes: set[int] = set()

    def item(self, info: SessionInfo) -> SessionItem:
        """A line of the listing."""
        item = SessionItem(
            session_id=info["session_id"],
            updated_at=info["updated_at"],
            log_bytes=info["log_bytes"],
        )
        try:
            summary = self._store.summary(info)
        except JournalError as error:
            item.error = str(error)
            notice(item.error)
            is_unreadable = isinstance(error, OSError) or isinstance(error.__cause__, OSError)
            self._fail(item, "unreadable" if is_unreadable else "damaged")
            return item
        item.events, item.runtimes, item.turns = summary.events, summary.runtimes, summary.turns
        item.owner, item.turn_id, item.status = summary.owner, summary.turn_id, summary.status
        item.agent, item.opened_at = summary.agent, summary.opened_at
        item.waits_for, item.handed_to = summary.waits_for, summary.handed_to
        item.first_words, item.findings = summary.first_words, summary.findings
        item.phase, item.gone_turns = judged(summary, self._has_ended)
        item.writer = summary.writer
        item.writer_gone = True if item.gone_turns else {"running": False}.get(item.phase or "")
        if summary.forked_from is not None:
            item.forked_from = origin_item(summary.forked_from)
        item.error = summary.problem
        if item.error is not None:
            self._fail(item, "damaged")
        return item

    def _fail(self, item: SessionItem, phase: str) -> None:
        item.phase = phase
        self.codes.add(EXIT_DAMAGED if phase == "damaged" else EXIT_FAILURE)


def _print(items: list[SessionItem], output: str) -> None:
    if output == "json":
        click.echo(json_document(SessionsDocument(sessions=items)), nl=False)
        return
    lines = (
        f"{plain(item.session_id)}\n" if output == "name" else json_line(item) for item in items
    )
    click.echo("".join(lines), nl=False)  # at once: each echo is a call of the system


def _notice_none(folder: str | None, *, is_empty: bool) -> None:
    if is_empty:
        notice(f"there are no sessions in {folder}; --dir or $JOURNAL_DIR names another folder")
    else:
        notice(f"no session in {folder} fits; without words and options all are listed")
