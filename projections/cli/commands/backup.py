"""`journal backup`: makes a complete copy of a folder while it is in use."""

import os

import click

from journal.names import ARCHIVE
from journal.reports import VerifyReport
from projections.backup import back_up, can_be_made, is_within
from projections.cli.arguments.ids import sessions_argument
from projections.cli.arguments.options import folder_option, output_option
from projections.cli.documents.json_output import json_document
from projections.cli.documents.sessions import BackupDocument
from projections.cli.exit_codes import EXIT_DAMAGED
from projections.cli.formats.sizes import size_text
from projections.cli.sessions.opening import opened, require_session
from projections.cli.sessions.verification import print_report, verify_item
from projections.cli.terminal.folding import print_folded
from projections.cli.terminal.output import LineWriter, notice
from projections.cli.terminal.progress import Progress
from projections.copying import Backup

_READS = 3  # times that each byte is read: to copy, to verify, to fold


@click.command()
@click.argument("to", metavar="DIR", type=click.Path(file_okay=False))
@sessions_argument
@output_option("text", "json")
@folder_option
def backup_command(to: str, session_ids: tuple[str, ...], output: str, folder: str | None) -> None:
    """Copy a folder of sessions while they are in use.

    Copies all sessions, or the named ones: logs, archives and session files. Everything that
    had been acknowledged before is in the copy, and the copy is verified. DIR appears when it
    is complete; it must be new or empty, and outside the folder of the sessions. To restore,
    move the old folder away and put the copy in its place while nobody uses it.

    Exit code 4 when the copy is damaged because its original is, or when a session is not in
    it because its log is not a regular file.

    \b
    Examples:
      journal backup /tmp/backup
      journal backup /tmp/one my-session -o json
    """
    _check_target(to)
    progress = Progress()
    with opened(folder, storage=progress) as store:
        if is_within(to, store.session_dir or ""):
            raise click.UsageError(
                f"{to}: DIR must be outside the folder of the sessions, {store.session_dir}"
            )
        for session_id in session_ids:
            require_session(store, session_id)
        source = store.session_dir or ""
        with progress.of("backing up", _READS * _bytes_in(progress, source)):
            backup = back_up(progress, source, to, session_ids or None)
    if output == "json":
        click.echo(json_document(_document(backup)), nl=False)
    else:
        _print(backup)
    if not backup.ok:
        notice(_fault(backup))
        raise click.exceptions.Exit(EXIT_DAMAGED)


def _check_target(to: str) -> None:
    """Raises click.UsageError for a path where no backup can be made."""
    if not to:  # an unset variable of a script
        raise click.UsageError("DIR is empty; name the folder to make")
    if not can_be_made(to):
        raise click.UsageError(f"{to} is not empty; name a folder that is new or empty")
    parent = os.path.dirname(os.path.realpath(to))
    if not os.path.lexists(parent):
        raise click.UsageError(f"the folder {parent} does not exist; make it first")


def _fault(backup: Backup) -> str:
    kinds = {problem.kind == "not-a-file" for one in backup.reports for problem in one.problems}
    reasons = {
        True: "things that are not files are not in the copy",
        False: "damaged files are damaged in the copy too",
    }
    reason = ", and ".join(reasons[kind] for kind in sorted(kinds))
    return f"{reason}; `journal doctor` says what to do"


def _bytes_in(progress: Progress, folder: str) -> int:
    folders = (folder, os.path.join(folder, ARCHIVE))
    return sum(entry.size for path in folders for entry in progress.list(path))


def _document(backup: Backup) -> BackupDocument:
    return BackupDocument(
        folder=backup.folder,
        ok=backup.ok,
        archives=backup.archives,
        size=backup.size,
        sessions=[verify_item(report) for report in backup.reports],
        older=backup.older,
    )


def _print(backup: Backup) -> None:
    for report in backup.reports:
        print_report(report)
    writer = LineWriter(cut=False)
    left_out = sum(_is_left_out(report) for report in backup.reports)
    count = len(backup.reports) - left_out + len(backup.older)
    sessions, archives = _number(count, "session"), _number(backup.archives, "archive")
    what = f"{sessions}, {archives}, {size_text(backup.size)}"
    print_folded(writer, [(backup.folder, "bold")], [what])
    writer.flush()


def _is_left_out(report: VerifyReport) -> bool:
    return any(problem.kind == "not-a-file" for problem in report.problems)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
