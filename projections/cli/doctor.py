"""`journal doctor`: what is not as it should be in a folder, and what to do about it."""

import os
import shutil
import textwrap
from collections.abc import Iterator

import click
from click.core import ParameterSource

from journal.engines.files.storage import DiskStorage
from journal.errors import NotFoundError
from projections.cli.main import EXIT_DAMAGED, EXIT_FAILURE
from projections.cli.options import (
    complete_sessions,
    folder_option,
    opened,
    output_option,
    require_session,
)
from projections.cli.progress import Progress
from projections.cli.restoring import restore_sessions
from projections.cli.secrets import list_secrets
from projections.cli.shapes import DoctorDocument, FindingItem, json_document, json_line
from projections.cli.terminal import Style, Writer, is_terminal, notice
from projections.doctor import Examination, Finding, Severity
from projections.doctor.finding import shown

_ORDER: tuple[Severity, ...] = ("error", "warning", "note")
_MARKS: dict[Severity, tuple[str, Style]] = {
    "error": ("✗", "red"),
    "warning": ("!", "yellow"),
    "note": ("·", "dim"),
}
_INDENT = "  "
_UNBROKEN = "\u2007"  # stands for spaces that are not to become line ends


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
@click.option("--secrets", is_flag=True, help="List where secrets stand, without showing them.")
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
    """Find damage, leftovers and other trouble, and what to do.

    Of the sessions named, or of the whole folder: damaged lines and archives, files that
    are no logs, what crashes left behind, modes and owners, session files, sizes, the file
    system, the disk and the clock. Changes nothing; others may write meanwhile.

    With --restore, puts lost events back into the log of SESSION: from its archives, and
    from the copy of the log named with --from. The log as it was stays in archive/. Exit
    code 4 says that something stays lost.

    An error (✗) is data that is damaged or out of reach, a warning (!) should be
    fixed, a note (·) is for information. Exit codes: 0 nothing but notes, 1 warnings or
    errors, 3 no such session or folder, 4 data is damaged.

    With --secrets it looks for nothing but the secrets that today's redaction
    knows, in logs, archives and session files: saved by an older version, or with
    redaction off. Exit codes: 0 none, 1 some, or a file cannot be read.

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
                require_session(store, session_id)  # says which are nearly the same
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
    """Raises click.UsageError when one option would be dropped for another."""
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
        writer = Writer(cut=False)
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


def _print_block(writer: Writer, finding: Finding) -> None:
    """Who, what, where, and what to do. Paths and commands are never broken: they are copied."""
    mark, style = _MARKS[finding.severity]
    whose = finding.session_id or "''"
    if finding.session_id is None:
        whose = os.path.basename(finding.path)
    writer.line([(mark, style), " ", (whose, "bold"), (f"  {finding.kind}", style)])
    is_said = finding.seq is None or f"event {finding.seq} " in f"{finding.what} "
    event = "" if is_said else f"event {finding.seq}: "
    for line in _wrapped(event + finding.what, _INDENT, _INDENT):
        writer.line([line])
    place = finding.path if finding.offset is None else f"{finding.path}:{finding.offset}"
    writer.line([(_INDENT + place, "dim")])
    for line in _wrapped(finding.remedy, f"{_INDENT}→ ", f"{_INDENT}  "):
        writer.line([line])
    writer.line([])


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    """On a terminal as wide as it is, elsewhere on one line. Not broken between backticks."""
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
