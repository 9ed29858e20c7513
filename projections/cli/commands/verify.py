"""`journal verify`: checks whole sessions."""

import click

from journal.errors import JournalError
from journal.events import Head
from journal.names import paths_of, stem_of
from journal.reports import Problem, VerifyReport
from projections.cli.arguments.ids import sessions_argument
from projections.cli.arguments.options import folder_option, output_option
from projections.cli.documents.json_output import json_document
from projections.cli.documents.sessions import VerifyDocument
from projections.cli.exit_codes import EXIT_FAILURE
from projections.cli.sessions.opening import named_or_all, opened
from projections.cli.sessions.verification import print_report, verify_item
from projections.cli.terminal.progress import Progress, bytes_of_sessions
from projections.store.store import DefaultSessionStore


@click.command()
@sessions_argument
@click.option("--head", metavar="HEAD", help="A head noted down before, of one named session.")
@output_option("text", "json")
@folder_option
def verify_command(
    session_ids: tuple[str, ...], head: str | None, output: str, folder: str | None
) -> None:
    """Check every line, the chain and the archives.

    Checks the named sessions, or all. Note the head down: given with --head later, it shows
    whether anything was cut off since. Exit code 0 when all is intact, 1 when not.

    \b
    Examples:
      journal verify
      journal verify my-session --head 5e6f...:120:ab12...
    """
    noted = _head(head, session_ids)
    progress = Progress()
    items = []
    with opened(folder, storage=progress, reading=True) as store:
        sizes = bytes_of_sessions(store.session_dir or "")
        for session_id in named_or_all(store, session_ids):
            with progress.of(f"verifying {session_id}", sizes.get(stem_of(session_id), 0)):
                report = _verified(store, session_id, noted)
            items.append(verify_item(report))
            if output == "text":
                print_report(report)
    if output == "json":
        document = VerifyDocument(ok=all(item.ok for item in items), sessions=items)
        click.echo(json_document(document), nl=False)
    if not all(item.ok for item in items):
        raise click.exceptions.Exit(EXIT_FAILURE)


def _verified(store: DefaultSessionStore, session_id: str, noted: Head | None) -> VerifyReport:
    """The report. If a log cannot be read, that is a problem in its report, not an error."""
    try:
        return store.verify(session_id, noted)
    except JournalError as error:
        where = paths_of(store.session_dir or "", session_id).log
        problem = Problem(
            kind="unreadable", where=where, offset=0, length=0, seq=None, reason=str(error)
        )
        return VerifyReport(
            session_id=session_id, head=None, events=0, archived_events=0, problems=[problem]
        )


def _head(text: str | None, session_ids: tuple[str, ...]) -> Head | None:
    if text is None:
        return None
    if len(session_ids) != 1:
        raise click.UsageError("--head belongs to one session; name that session")
    try:
        return Head.parse(text)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
