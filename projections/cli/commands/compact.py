"""`journal compact`: rewrites logs without dead events."""

import click

from journal.errors import JournalError
from journal.names import stem_of
from journal.reports import CompactionReport
from projections.cli.arguments.ids import sessions_argument
from projections.cli.arguments.options import folder_option, output_option
from projections.cli.documents.json_output import json_document
from projections.cli.documents.sessions import (
    CompactDocument,
    CompactItem,
)
from projections.cli.exit_codes import exit_code_of
from projections.cli.formats.sizes import size_text
from projections.cli.sessions.opening import named_or_all, opened, require_log
from projections.cli.terminal.folding import print_folded
from projections.cli.terminal.output import LineWriter, notice
from projections.cli.terminal.progress import Progress, bytes_of_sessions


@click.command()
@sessions_argument
@click.option("--all", "everything", is_flag=True, help="All sessions of the folder.")
@click.option("--drop-history", is_flag=True, help="Drop dead events and older archives for good.")
@output_option("text", "json")
@folder_option
def compact_command(
    session_ids: tuple[str, ...],
    everything: bool,
    drop_history: bool,
    output: str,
    folder: str | None,
) -> None:
    """Rewrite a session's log without dead events.

    Events that were overwritten or cleared move to the archive, where history and replay
    still find them. Writers go on meanwhile.

    \b
    Examples:
      journal compact my-session
      journal compact --all
      journal compact my-session --drop-history
    """
    if bool(session_ids) == everything:
        missing = "name the sessions to compact, or add --all"
        raise click.UsageError("give either sessions or --all" if everything else missing)
    progress = Progress()
    items, failed = [], 0
    with opened(folder, storage=progress) as store:
        for session_id in session_ids:
            require_log(store, session_id)
        sizes = bytes_of_sessions(store.session_dir or "")
        for session_id in named_or_all(store, session_ids):
            try:
                with progress.of(f"compacting {session_id}", sizes.get(stem_of(session_id), 0)):
                    report = store.compact(session_id, "drop" if drop_history else "archive")
            except JournalError as error:
                if len(session_ids) == 1:
                    raise
                notice(str(error))
                failed = max(failed, exit_code_of(error))
                continue
            if report is not None:
                items.append(_compact_item(report))
                if output == "text":
                    _print_compaction(report)
    if output == "json":
        click.echo(json_document(CompactDocument(sessions=items)), nl=False)
    if failed:
        raise click.exceptions.Exit(failed)


def _compact_item(report: CompactionReport) -> CompactItem:
    return CompactItem(
        session_id=report.session_id,
        events_before=report.events_before,
        events_after=report.events_after,
        bytes_before=report.bytes_before,
        bytes_after=report.bytes_after,
        archive=report.archive,
    )


def _print_compaction(report: CompactionReport) -> None:
    writer = LineWriter(cut=False)
    if (report.events_before, report.bytes_before) == (report.events_after, report.bytes_after):
        what = "nothing to take out"
    else:
        what = (
            f"{report.events_before} → {report.events_after} events, "
            f"{size_text(report.bytes_before)} → {size_text(report.bytes_after)}"
        )
    print_folded(writer, [(report.session_id, "bold")], [what])
    writer.flush()
