"""`journal doctor`: finds what is not as it should be in a folder, and says what to do."""

from collections.abc import Iterator
from functools import partial

import click
from click.core import ParameterSource

from journal.engines.files.storage import DiskStorage
from journal.errors import NotFoundError
from projections.cli.arguments.ids import complete_sessions
from projections.cli.arguments.options import folder_option, output_option
from projections.cli.doctor.report import print_findings, worst_first
from projections.cli.doctor.restoring import restore_sessions
from projections.cli.doctor.secrets import list_secrets
from projections.cli.exit_codes import EXIT_DAMAGED, EXIT_FAILURE
from projections.cli.sessions.erasure import erase_or_ask
from projections.cli.sessions.opening import opened, require_session
from projections.cli.terminal.asking import yes_option
from projections.cli.terminal.progress import Progress
from projections.doctor import Examination, Finding
from projections.doctor.finding import shown


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
@click.option("--erase", is_flag=True, help="With --secrets: erase them, see `journal erase`.")
@click.option("--dry-run", is_flag=True, help="With --erase: only say what would be erased.")
@yes_option
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
    erase: bool,
    dry_run: bool,
    yes: bool,
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
    Exit codes: 0 no secrets, 1 secrets found, or a file that cannot be read. With --erase, takes
    every state that holds one out of all files, as `journal erase` does, and asks first.

    \b
    Examples:
      journal doctor
      journal doctor my-session --quick
      journal doctor --restore my-session
      journal doctor --secrets
      journal doctor --secrets --erase --dry-run
      journal doctor -o jsonl | jq -r 'select(.severity == "error") | .path'
    """
    _check_together(restore=restore, secrets=secrets, quick=quick)
    _check_erase(erase=erase, secrets=secrets, without=dry_run or yes)
    if copies and (not restore or len(session_ids) != 1):
        raise click.UsageError("--from goes with --restore and one session")
    if restore and not session_ids:
        raise click.UsageError("--restore needs the sessions to restore")
    if restore:
        with opened(folder) as store:
            restore_sessions(store, DiskStorage(), session_ids, copies, output)
        return
    if erase:
        _erase_secrets(folder, session_ids, dry_run=dry_run, yes=yes, output=output)
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
    found = worst_first(_examine(examination, progress))
    print_findings(examination, found, output, quick=quick)
    if any(finding.is_damage for finding in found):
        raise click.exceptions.Exit(EXIT_DAMAGED)
    if any(finding.severity != "note" for finding in found):
        raise click.exceptions.Exit(EXIT_FAILURE)


def _check_erase(*, erase: bool, secrets: bool, without: bool) -> None:
    """Raises click.UsageError. `without`: options of erasing are given."""
    if erase and not secrets:
        raise click.UsageError("--erase goes with --secrets; `journal erase` takes a pattern")
    if without and not erase:
        raise click.UsageError("--dry-run and --yes go with --secrets --erase")


def _erase_secrets(
    folder: str | None, session_ids: tuple[str, ...], *, dry_run: bool, yes: bool, output: str
) -> None:
    if output == "jsonl":
        raise click.UsageError("--erase prints one document: -o json")
    progress = Progress()
    with opened(folder, storage=progress) as store:
        for session_id in session_ids:
            require_session(store, session_id)
        erase = partial(store.erase_secrets, session_ids or None)
        erase_or_ask(store, progress, erase, dry_run=dry_run, yes=yes, output=output)


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
