"""`journal doctor --restore`: puts lost events back into a log, from archives and copies."""

import os
from collections.abc import Sequence

import click
from msgspec.structs import replace

from journal.engines.files.restoring import Restored, RestoreReport, restore
from journal.engines.files.storage import Storage
from journal.names import ARCHIVE, Paths, paths_of
from projections.cli.documents.doctor import RestoredItem, RestoreDocument, RestoreItem
from projections.cli.documents.json_output import json_document, json_line
from projections.cli.exit_codes import EXIT_DAMAGED
from projections.cli.sessions.opening import require_session
from projections.cli.terminal.folding import print_folded
from projections.cli.terminal.output import LineWriter
from projections.copies import Copies
from projections.doctor.finding import JournalCommands, shown
from projections.doctor.losses import by_file
from projections.store.store import DefaultSessionStore


def restore_sessions(
    store: DefaultSessionStore,
    storage: Storage,
    session_ids: Sequence[str],
    copies: Sequence[str],
    output: str,
) -> None:
    """Restore these sessions and print what was done. Exits with 4 if something stays lost."""
    named = None
    if copies:  # then one session is named
        named = Copies(storage, paths_of(store.session_dir or "", session_ids[0]), copies)
    for session_id in session_ids:
        require_session(store, session_id)
    reports = []
    for session_id in session_ids:
        paths = paths_of(store.session_dir or "", session_id)
        report = restore(storage, paths, copies)
        if report.evidence is not None:
            store.refresh_session_file(session_id)
        more = named.left() if named is not None else []
        more += _archives_left(store, paths)
        report = replace(report, left=[*report.left, *more])
        reports.append(report)
        if output == "table":
            _print(report)
        elif output == "jsonl":
            click.echo(json_line(_item(report)), nl=False)
    if output == "json":
        click.echo(json_document(RestoreDocument(sessions=list(map(_item, reports)))), nl=False)
    if any(report.left for report in reports):
        raise click.exceptions.Exit(EXIT_DAMAGED)


def _archives_left(store: DefaultSessionStore, paths: Paths) -> list[str]:
    """Damage of the archives, which only a backup can repair."""
    lines: dict[str, str] = {}  # one for each file
    drop = JournalCommands(paths.folder).journal("compact", paths.session_id, "--drop-history")
    for problem in store.verify(paths.session_id).problems:
        if os.path.dirname(problem.where) == paths.archive:
            name = os.path.join(ARCHIVE, shown(os.path.basename(problem.where)))
            event = f"event {problem.seq}, " if problem.seq is not None else ""
            lines.setdefault(
                problem.where,
                f"{name}: {event}{problem.reason}. --restore repairs logs only: restore the file "
                f"from a backup, or {drop} drops all history",
            )
    return list(lines.values())


def _item(report: RestoreReport) -> RestoreItem:
    return RestoreItem(
        session_id=report.session_id,
        restored=[_restored(one) for one in report.restored],
        left=report.left,
        evidence=shown(report.evidence) if report.evidence is not None else None,
    )


def _restored(one: Restored) -> RestoredItem:
    return RestoredItem(seq=one.seq, where=shown(one.where))


def _print(report: RestoreReport) -> None:
    writer = LineWriter(cut=False)
    what = "nothing to put back"
    if report.restored:
        what = f"put back: {by_file(report.restored, 'from', 'from')}"
    elif report.evidence is not None:
        what = "lines that did not belong there were taken out; no event was missing"
    print_folded(writer, [(report.session_id, "bold")], [what])
    for line in report.left:
        writer.line([("  lost", "red"), f"  {line}"])
    if report.evidence is not None:
        writer.line([(f"    the log as it was: {report.evidence}", "dim")])
    writer.flush()
