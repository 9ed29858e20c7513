"""`journal delete`: deletes a session with its history."""

import sys

import click

from journal.errors import NotFoundError
from projections.cli.arguments import session_argument
from projections.cli.exit_codes import EXIT_FAILURE
from projections.cli.lines import shorten
from projections.cli.opening import opened, require_session
from projections.cli.options import folder_option
from projections.cli.terminal import notice, plain
from projections.store.store import DefaultSessionStore


@click.command()
@session_argument
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@folder_option
def delete_command(session_id: str, yes: bool, folder: str | None) -> None:
    """Delete a session with its history.

    Deletes the log, the archives and the session file, with PraisonAI's messages. Asks
    first; exit code 1 when the answer is no.

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
