"""`journal verify`, `compact` and `delete`: what is done to whole sessions."""

import sys

import click
from msgspec.structs import asdict

from journal.backend import CompactionReport, Problem, VerifyReport
from journal.errors import JournalError, NotFoundError
from journal.events import Head
from journal.names import paths_of, stem_of
from projections.cli.lines import shorten
from projections.cli.listing import size
from projections.cli.main import EXIT_FAILURE, exit_code_of
from projections.cli.options import (
    folder_option,
    opened,
    output_option,
    require_log,
    require_session,
    session_argument,
    sessions_argument,
)
from projections.cli.progress import Progress, bytes_of_sessions
from projections.cli.shapes import (
    CompactDocument,
    CompactItem,
    ProblemItem,
    VerifyDocument,
    VerifyItem,
    json_document,
)
from projections.cli.terminal import Writer, notice, plain
from projections.store.store import DefaultSessionStore


def _names(store: DefaultSessionStore, session_ids: tuple[str, ...]) -> list[str]:
    """The sessions that were named, or all that have a log. Raises `NotFoundError`."""
    for session_id in session_ids:
        require_session(store, session_id)
    infos = store.list_sessions()
    return list(session_ids) or sorted(i["session_id"] for i in infos if i["log_bytes"])


@click.command()
@sessions_argument
@click.option("--head", metavar="HEAD", help="A head noted down before, of the one session named.")
@output_option("text", "json")
@folder_option
def verify_command(
    session_ids: tuple[str, ...], head: str | None, output: str, folder: str | None
) -> None:
    """Check every line, the chain and the archives.

    Of the sessions named, or of all. Note the head down: given with --head later, it shows
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
        for session_id in _names(store, session_ids):
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
    """The report; one that cannot be read does not hide the others."""
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
        raise click.UsageError("--head is of one session; name that session")
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
    """A file that cannot be read may be as whole as any."""
    if all(problem.kind == "not-a-file" for problem in report.problems):
        return "LEFT OUT"
    unreadable = all(problem.kind == "unreadable" for problem in report.problems)
    return "UNREADABLE" if unreadable else "DAMAGED"


def _place(problem: Problem) -> str:
    if problem.kind in ("head", "not-a-file"):
        return problem.where  # no one place in a file shows it
    length = f", {problem.length} bytes" if problem.length else ""
    return f"{problem.where}, byte {problem.offset}{length}"


def _advice(report: VerifyReport) -> str:
    """What nobody can see without the head, `journal doctor` cannot either."""
    if all(problem.kind == "head" for problem in report.problems):
        return "check the head that you gave; if it is right, compare the log with a backup"
    return "`journal doctor` says what to do"


def print_report(report: VerifyReport) -> None:
    writer = Writer(cut=False)
    verdict = ("intact", "green") if report.ok else (_fault(report), "red")
    events = f"{report.events} event{'s' * (report.events != 1)}"
    archived = f", {report.archived_events} archived" if report.archived_events else ""
    head = f"  head {report.head}" if report.head is not None else ""
    writer.line(
        [(report.session_id, "bold"), "  ", verdict, f"  {events}{archived}", (head, "dim")]
    )
    for problem in report.problems:
        writer.line([("  " + problem.kind, "red"), f"  {problem.reason}"])
        writer.line([(f"    {_place(problem)}", "dim")])
    if not report.ok:
        writer.line([(f"    {_advice(report)}", "dim")])
    writer.flush()


@click.command()
@sessions_argument
@click.option("--all", "everything", is_flag=True, help="All sessions of the folder.")
@click.option(
    "--drop-history", is_flag=True, help="Drop what is taken out, and older archives, for good."
)
@output_option("text", "json")
@folder_option
def compact_command(
    session_ids: tuple[str, ...],
    everything: bool,
    drop_history: bool,
    output: str,
    folder: str | None,
) -> None:
    """Rewrite a session's log with only what lives.

    What was overwritten or cleared moves to the archive, where history and replay still
    find it. Writers go on meanwhile.

    \b
    Examples:
      journal compact my-session
      journal compact --all
      journal compact my-session --drop-history
    """
    if bool(session_ids) == everything:
        missing = "name the sessions to compact, or say --all"
        raise click.UsageError("give either sessions or --all" if everything else missing)
    progress = Progress()
    items, failed = [], 0
    with opened(folder, storage=progress) as store:
        for session_id in session_ids:
            require_log(store, session_id)
        sizes = bytes_of_sessions(store.session_dir or "")
        for session_id in _names(store, session_ids):
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
    writer = Writer(cut=False)
    if (report.events_before, report.bytes_before) == (report.events_after, report.bytes_after):
        what = "nothing to take out"
    else:
        what = (
            f"{report.events_before} → {report.events_after} events, "
            f"{size(report.bytes_before)} → {size(report.bytes_after)}"
        )
    writer.line([(report.session_id, "bold"), f"  {what}"])
    writer.flush()


@click.command()
@session_argument
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@folder_option
def delete_command(session_id: str, yes: bool, folder: str | None) -> None:
    """Delete a session with its history.

    Log, archives and session file, PraisonAI's messages included. Asks first; exit code 1
    when the answer is no.

    \b
    Examples:
      journal delete my-session
      journal delete my-session --yes
    """
    with opened(folder) as store:
        require_session(store, session_id)
        if not (yes or _is_wanted(store, session_id)):
            notice("nothing is deleted")
            raise click.exceptions.Exit(EXIT_FAILURE)
        if not store.delete_session(session_id):
            raise NotFoundError(f"session {session_id!r} was deleted meanwhile by somebody else")
    notice(f"session {shorten(repr(session_id), 60)} is deleted")


def _is_wanted(store: DefaultSessionStore, session_id: str) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask; add --yes to delete without asking")
    question = (
        f"Delete session {plain(repr(session_id))} of {plain(store.session_dir or '')} "
        "with its whole history?"
    )
    return click.confirm(question, err=True)
