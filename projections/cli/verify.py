"""`journal verify`: checks whole sessions."""

import click
from msgspec.structs import asdict

from journal.errors import JournalError
from journal.events import Head
from journal.names import paths_of, stem_of
from journal.reports import Problem, VerifyReport
from projections.cli.arguments import sessions_argument
from projections.cli.documents.sessions import (
    ProblemItem,
    VerifyDocument,
    VerifyItem,
)
from projections.cli.exit_codes import EXIT_FAILURE
from projections.cli.folding import print_folded
from projections.cli.json_output import json_document
from projections.cli.opening import named_or_all, opened
from projections.cli.options import folder_option, output_option
from projections.cli.progress import Progress, bytes_of_sessions
from projections.cli.terminal import LineWriter, Segment
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
    with opened(folder, storage=progress) as store:
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


def verify_item(report: VerifyReport) -> VerifyItem:
    return VerifyItem(
        session_id=report.session_id,
        ok=report.ok,
        head=str(report.head) if report.head is not None else None,
        events=report.events,
        archived_events=report.archived_events,
        problems=[ProblemItem(**asdict(problem)) for problem in report.problems],
    )


def _fault(report: VerifyReport) -> str:
    """In one word. A file that cannot be read is not necessarily damaged."""
    if all(problem.kind == "not-a-file" for problem in report.problems):
        return "LEFT OUT"
    unreadable = all(problem.kind == "unreadable" for problem in report.problems)
    return "UNREADABLE" if unreadable else "DAMAGED"


def _advice(report: VerifyReport) -> str:
    """Without the head, `journal doctor` cannot see a problem that only the head shows."""
    if all(problem.kind == "head" for problem in report.problems):
        return "check the head that you gave; if it is right, compare the log with a backup"
    return "`journal doctor` says what to do"


def print_report(report: VerifyReport) -> None:
    writer = LineWriter(cut=False)
    verdict = ("intact", "green") if report.ok else (_fault(report), "red")
    events = f"{report.events} event{'s' * (report.events != 1)}"
    archived = f", {report.archived_events} archived" if report.archived_events else ""
    head = f"head {report.head}" if report.head is not None else ""
    result: list[Segment] = [verdict, f"  {events}{archived}"]
    print_folded(writer, [(report.session_id, "bold")], result, [(head, "dim")])
    for problem in report.problems:
        writer.line([("  " + problem.kind, "red"), f"  {problem.reason}"])
        writer.line([(f"    {problem.location}", "dim")])
    if not report.ok:
        writer.line([(f"    {_advice(report)}", "dim")])
    writer.flush()
