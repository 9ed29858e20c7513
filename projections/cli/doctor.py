"""`journal doctor`: finds what is not as it should be in a folder, and says what to do."""

import os
import shutil
import textwrap
from collections.abc import Iterator

import click
from click.core import ParameterSource

from journal.engines.files.storage import DiskStorage
from journal.errors import NotFoundError
from projections.cli.arguments import complete_sessions
from projections.cli.documents.doctor import DoctorDocument, FindingItem
from projections.cli.exit_codes import EXIT_DAMAGED, EXIT_FAILURE
from projections.cli.json_output import json_document, json_line
from projections.cli.opening import opened, require_session
from projections.cli.options import folder_option, output_option
from projections.cli.progress import Progress
from projections.cli.restoring import restore_sessions
from projections.cli.secrets import list_secrets
from projections.cli.terminal import LineWriter, Style, is_terminal, notice
from projections.doctor import Examination, Finding, Severity
from projections.doctor.finding import shown

_ORDER: tuple[Severity, ...] = ("error", "warning", "note")
_MARKS: dict[Severity, tuple[str, Style]] = {
    "error": ("✗", "red"),
    "warning": ("!", "yellow"),
    "note": ("·", "dim"),
}
_INDENT = "  "
_UNBROKEN = "\u2007"  # stands for spaces at which a line must not be broken


@click.command()
@click.argument("session_ids", metavar="[SESSION]...", nargs=-1, shell_complete=complete_sessions)
@click.option("--restore", is_flag=True, help="Put back what SESSION's log has lost.")
@click.option(
    "--from",
    "copies",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="With --restore: also from this copy of the log.",
)
@click.option("--quick", is_flag=True, help="Look at the files without reading all their lines.")
@click.option("--secrets", is_flag=True, help="List where secrets are, without showing them.")
@output_option("table", "json", "jsonl")
@folder_option
@click.pass_context
def doctor_command(
    ctx: click.Context,
    session_ids: tuple[str, ...],
    restore: bool,
    copies: tuple[str, ...],
    quick: bool,
    secrets: bool,
    output: str,
    folder: str | None,
) -> None:
    """Find damage, debris and other problems, and what to do.

    Examines the named sessions, or the whole folder: damaged lines and archives, files that
    are not logs, debris of crashes, modes and owners, session files, sizes, the file system,
    the disk and the clock. Changes nothing; others may write meanwhile.

    With --restore, puts lost events back into the log of SESSION: from its archives, and
    from the copy of the log named with --from. The log as it was stays in archive/. Exit
    code 4 says that something stays lost.

    An error (✗) is data that is damaged or out of reach, a warning (!) should be
    fixed, a note (·) is for information. Exit codes: 0 nothing but notes, 1 warnings or
    errors, 3 no such session or folder, 4 data is damaged.

    With --secrets, only looks for secrets that today's redaction knows, in logs, archives
    and session files: an older version may have saved them, or a store with redaction off.
    Exit codes: 0 no secrets, 1 secrets found, or a file that cannot be read.

    \b
    Examples:
      journal doctor
      journal doctor my-session --quick
      journal doctor --restore my-session
      journal doctor --secrets
      journal doctor -o jsonl | jq -r 'select(.severity == "error") | .path'
    """
    _check_together(restore=restore, secrets=secrets, quick=quick)
    if copies and (not restore or len(session_ids) != 1):
        raise click.UsageError("--from goes with --restore and one session")
    if restore and not session_ids:
        raise click.UsageError("--restore needs the sessions to restore")
    if restore:
        with opened(folder) as store:
            restore_sessions(store, DiskStorage(), session_ids, copies, output)
        return
    is_named = ctx.get_parameter_source("folder") is ParameterSource.COMMANDLINE
    progress = Progress()
    with opened(folder, create=True, storage=progress) as store:
        try:
            examination = Examination(
                store.session_dir or "",
                session_ids or None,
                quick=quick,
                storage=progress,
                name_folder=is_named,
            )
        except NotFoundError:
            for session_id in session_ids:
                require_session(store, session_id)  # its message has similar ids
            raise
    if secrets:
        list_secrets(examination, progress, output)
        return
    found = sorted(_examine(examination, progress), key=lambda item: _ORDER.index(item.severity))
    _print(examination, found, output, quick=quick)
    if any(finding.is_damage for finding in found):
        raise click.exceptions.Exit(EXIT_DAMAGED)
    if any(finding.severity != "note" for finding in found):
        raise click.exceptions.Exit(EXIT_FAILURE)


def _check_together(**options: bool) -> None:
    """Raises click.UsageError for two options of which one would be ignored."""
    given = [f"--{name}" for name, is_given in options.items() if is_given]
    if len(given) > 1:
        raise click.UsageError(f"{given[0]} and {given[1]} do not go together; leave one out")


def _examine(examination: Examination, progress: Progress) -> Iterator[Finding]:
    total = len(examination.stems)
    for number, stem in enumerate(examination.stems, 1):
        label = f"examining {shown(stem)}, {number} of {total}"
        with progress.of(label, examination.size(stem)):
            found = examination.session(stem)
        yield from found
    yield from examination.surroundings()


def _print(examination: Examination, found: list[Finding], output: str, *, quick: bool) -> None:
    if output == "json":
        document = DoctorDocument(
            folder=shown(examination.folder),
            sessions=len(examination.stems),
            damaged=any(finding.is_damage for finding in found),
            findings=list(map(_item, found)),
        )
        click.echo(json_document(document), nl=False)
    elif output == "jsonl":
        for finding in found:
            click.echo(json_line(_item(finding)), nl=False)
    else:
        writer = LineWriter(cut=False)
        for finding in found:
            _print_block(writer, finding)
        if found:
            writer.line([_summary(found, len(examination.stems))])
        writer.flush()
    if not found:
        unread = ", as far as can be seen without reading the lines" if quick else ""
        notice(f"Nothing to do{unread}.")


def _item(finding: Finding) -> FindingItem:
    return FindingItem(
        severity=finding.severity,
        kind=finding.kind,
        session_id=finding.session_id,
        path=finding.path,
        offset=finding.offset,
        seq=finding.seq,
        what=finding.what,
        remedy=finding.remedy,
    )


def _print_block(writer: LineWriter, finding: Finding) -> None:
    """Whose, what, where, and what to do. Paths and commands are not broken, to be copied."""
    mark, style = _MARKS[finding.severity]
    whose = finding.session_id or "''"
    if finding.session_id is None:
        whose = os.path.basename(finding.path)
    writer.line([(mark, style), " ", (whose, "bold"), (f"  {finding.kind}", style)])
    is_named = finding.seq is None or f"event {finding.seq} " in f"{finding.what} "
    event = "" if is_named else f"event {finding.seq}: "
    for line in _wrapped(event + finding.what, _INDENT, _INDENT):
        writer.line([line])
    location = finding.path if finding.offset is None else f"{finding.path}:{finding.offset}"
    writer.line([(_INDENT + location, "dim")])
    for line in _wrapped(finding.remedy, f"{_INDENT}→ ", f"{_INDENT}  "):
        writer.line([line])
    writer.line([])


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    """Lines as wide as the terminal; elsewhere one line. Not broken between backticks."""
    if not is_terminal():
        return [first + text]
    parts = text.split("`")
    parts[1::2] = [part.replace(" ", _UNBROKEN) for part in parts[1::2]]
    lines = textwrap.wrap(
        "`".join(parts),
        width=shutil.get_terminal_size().columns,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_UNBROKEN, " ") for line in lines]


def _summary(found: list[Finding], sessions: int) -> str:
    counts = [
        (sum(finding.severity == severity for finding in found), severity) for severity in _ORDER
    ]
    parts = [f"{count} {name}{'s' * (count != 1)}" for count, name in counts if count]
    where = f"{sessions} session{'s' * (sessions != 1)}"
    return f"{', '.join(parts)} in {where}."
