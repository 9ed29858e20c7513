"""`journal erase`: takes states out of all files of sessions: those with a leaked secret."""

from collections.abc import Iterable
from typing import Any

import click

from journal.errors import NotFoundError
from journal.events import Set
from projections.cli.arguments.ids import complete_sessions
from projections.cli.arguments.options import TEXT, folder_option, output_option
from projections.cli.names.naming import in_words, instead_of
from projections.cli.sessions.erasure import erase_or_ask
from projections.cli.sessions.opening import opened, require_session
from projections.cli.terminal.asking import yes_option
from projections.cli.terminal.progress import Progress
from projections.erasing import choice_of
from projections.resolving import events_of
from projections.store.store import DefaultSessionStore


@click.command()
@click.argument(
    "words",
    metavar="[SESSION]... [[RUNTIME/]TURN]",
    nargs=-1,
    type=TEXT,
    shell_complete=complete_sessions,
)
@click.option("-g", "--grep", "pattern", type=TEXT, help="States in which this matches.")
@click.option("-i", "--ignore-case", is_flag=True, help="Ignore case in any pattern.")
@click.option("-F", "--fixed-strings", "fixed", is_flag=True, help="PATTERN is no expression.")
@click.option("--seq", "seqs", type=click.IntRange(min=1), multiple=True, help="This event.")
@click.option("--forget-digest", is_flag=True, help="Also what would confirm a guess.")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
@yes_option
@output_option("text", "json")
@folder_option
def erase_command(
    words: tuple[str, ...],
    pattern: str | None,
    ignore_case: bool,
    fixed: bool,
    seqs: tuple[int, ...],
    forget_digest: bool,
    dry_run: bool,
    yes: bool,
    output: str,
    folder: str | None,
) -> None:
    """Take states out of all files of a session, for good.

    With --grep, of all sessions or of those named: every state in which the pattern matches, as
    `journal grep` finds it, and the text in session files. Else all states of one TURN of one
    SESSION, or of the events named with --seq. They go out of log, archives, session file,
    snapshot and what repairs have set aside; writers and readers go on. Events, hashes and
    cursors stay, and `journal verify` passes.

    Not reached are copies and backups, and what others have read. Disk blocks are not overwritten.
    The SHA-256 of each state stays in its line, which confirms a guess of all of that state.
    --forget-digest takes out the digests of all erased states, too; then later events have
    other hashes, and cursors and heads noted there lead nowhere.

    Revoke the secret all the same. A pattern stays in your shell's history: a part of the
    secret will do.

    At a terminal it asks; in a pipe it wants --yes or --dry-run. Exit code 1 when the answer is
    no, or when something was found that cannot be taken out, such as an id.

    \b
    Examples:
      journal erase --grep 'sk-live-[a-z0-9]+' --dry-run
      journal erase --grep 'sk-live-[a-z0-9]+' --yes
      journal erase my-session native/turn-3
      journal erase my-session --seq 7 --seq 9
    """
    _check(words, pattern, seqs, ignore_case=ignore_case, fixed_strings=fixed)
    if pattern is not None:
        _check_pattern(pattern, ignore_case=ignore_case, fixed=fixed)
    progress = Progress()
    with opened(folder, storage=progress) as store:
        place: dict[str, Any] = {"seqs": seqs} if seqs else {}
        sessions: tuple[str, ...] | None = words or None
        if pattern is None:
            place.update(_turn(store, words))
            sessions = words[:1]
        for session_id in sessions or ():
            require_session(store, session_id)

        def erase(**how: Any) -> Any:
            return store.erase(
                pattern,
                sessions,
                fixed=fixed,
                ignore_case=ignore_case,
                forget_digest=forget_digest,
                **place,
                **how,
            )

        erase_or_ask(store, progress, erase, dry_run=dry_run, yes=yes, output=output)


def _check(
    words: tuple[str, ...], pattern: str | None, seqs: tuple[int, ...], **of_pattern: bool
) -> None:
    """Raises click.UsageError for arguments of which it is unclear what they erase."""
    if pattern is not None:
        if seqs and len(words) != 1:
            raise click.UsageError("--seq is an event of one session; name that session")
        return
    for name, given in of_pattern.items():
        if given:
            raise click.UsageError(f"--{name.replace('_', '-')} goes with --grep")
    if not (len(words) == 2 or (len(words) == 1 and seqs)):
        raise click.UsageError(
            "say what to erase: --grep PATTERN, or a SESSION and its TURN, or a SESSION and --seq"
        )


def _check_pattern(pattern: str, *, ignore_case: bool, fixed: bool) -> None:
    try:
        choice_of(pattern, fixed=fixed, ignore_case=ignore_case)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--grep") from None


def _turn(store: DefaultSessionStore, words: tuple[str, ...]) -> dict[str, str]:
    """The turn that the second word names, by its whole id, as arguments of `erase`.

    Raises `NotFoundError` and click.UsageError.
    """
    if len(words) < 2:
        return {}
    session_id, text = words
    require_session(store, session_id)
    turns = dict.fromkeys(
        (event.runtime_id, event.turn_id)
        for event in events_of(store.past(session_id))
        if isinstance(event, Set)
    )
    named = [turn for turn in turns if text in (turn[1], "/".join(turn))]
    if not named:
        hint = instead_of(text, _names(turns), "`journal log` has them")
        raise NotFoundError(f"session {session_id!r} has no turn {text!r}; {hint}")
    if len(named) > 1:
        which = in_words(map(repr, _names(named)), "or")
        raise click.UsageError(f"{text!r} is a turn of several runtimes; say which: {which}")
    ((runtime_id, turn_id),) = named
    return {"runtime_id": runtime_id, "turn_id": turn_id}


def _names(turns: Iterable[tuple[str, str]]) -> list[str]:
    return ["/".join(turn) for turn in turns]
