"""Erasing as commands do it: say what would go, ask, erase, and say what was done."""

from collections.abc import Callable

import click

from journal.reports import ErasureReport
from journal.reprs import count
from projections.cli.documents.json_output import json_document
from projections.cli.documents.sessions import EraseDocument, EraseItem, UnerasedItem
from projections.cli.exit_codes import EXIT_FAILURE
from projections.cli.terminal.asking import can_ask, require_yes
from projections.cli.terminal.folding import print_folded
from projections.cli.terminal.output import LineWriter, notice
from projections.cli.terminal.progress import Progress, bytes_of_sessions
from projections.store.erasing import ErasureSummary
from projections.store.store import DefaultSessionStore


def erase_or_ask(
    store: DefaultSessionStore,
    progress: Progress,
    erase: Callable[..., ErasureSummary],
    *,
    dry_run: bool,
    yes: bool,
    output: str,
) -> None:
    """Erase, and print what was erased. Without `yes` and `dry_run`, ask whoever can be asked.

    `erase` is given `dry_run`. Raises click.UsageError and click.exceptions.Exit.
    """
    if dry_run and yes:
        raise click.UsageError("--dry-run and --yes do not go together; leave one out")
    if not (dry_run or yes or can_ask()):
        raise click.UsageError("there is nobody to ask; add --yes to erase, or --dry-run to look")
    expected = sum(bytes_of_sessions(store.session_dir or "").values())
    if not yes:
        with progress.of("searching", expected):
            done = erase(dry_run=True)
        if dry_run or not done.sessions:
            _print(done, output, dry_run=True)
            return
        require_yes(f"Erase {_what(done)}? There is no way back.", "nothing is erased")
    with progress.of("erasing", expected):
        done = erase(dry_run=False)
    _print(done, output, dry_run=False)


def _print(done: ErasureSummary, output: str, *, dry_run: bool) -> None:
    if output == "json":
        document = EraseDocument(
            dry_run=dry_run,
            searched=done.searched,
            states=done.states,
            sessions=list(map(_item, done.sessions)),
        )
        click.echo(json_document(document), nl=False)
    else:
        writer = LineWriter(cut=False)
        for report in done.sessions:
            _print_report(writer, report)
        writer.flush()
    _say(done, dry_run=dry_run)
    if not done.is_complete:
        raise click.exceptions.Exit(EXIT_FAILURE)


def _item(report: ErasureReport) -> EraseItem:
    return EraseItem(
        session_id=report.session_id,
        states=report.states,
        blanked=report.blanked,
        files=report.files,
        kept=[
            UnerasedItem(what=kept.what, seqs=kept.seqs, reason=kept.reason)
            for kept in report.kept
        ],
    )


def _print_report(writer: LineWriter, report: ErasureReport) -> None:
    """A session on a line, what stays in it below."""
    found = [count(report.states, "state"), count(len(report.files), "file")]
    if report.blanked:
        found.append(f"{count(report.blanked, 'damaged line')} blanked")
    print_folded(writer, [(report.session_id or "?", "bold")], [", ".join(found)])
    for kept in report.kept:
        writer.line([("  stays  ", "yellow"), str(kept)])


def _what(done: ErasureSummary) -> str:
    """`3 states of 2 sessions in 5 files`."""
    sessions = sum(1 for report in done.sessions if report.session_id)
    where = f"{count(sessions, 'session')} in {count(len(done.files), 'file')}"
    return f"{count(done.states, 'state')} of {where}"


def _say(done: ErasureSummary, *, dry_run: bool) -> None:
    if not done.sessions:
        notice(f"nothing to erase in {count(done.searched, 'session')}")
    elif not (done.states or done.files):
        notice("nothing can be erased: what was found stands where it cannot be taken out")
    elif dry_run:
        notice(f"would erase {_what(done)}")
    else:
        notice(
            f"erased {_what(done)}. Copies, backups and what others have read are not reached: "
            "if it was a secret, revoke it"
        )
