"""`journal delete`: deletes a session with its history."""

import click

from journal.errors import DamagedError, NotFoundError
from projections.cli.arguments.ids import session_argument
from projections.cli.arguments.options import folder_option
from projections.cli.sessions.opening import opened, require_session
from projections.cli.terminal.asking import can_ask, require_yes, yes_option
from projections.cli.terminal.output import notice
from projections.cli.terminal.texts import shorten


@click.command()
@session_argument
@yes_option
@click.option("--force", is_flag=True, help="Even if forks share its history; they keep it.")
@folder_option
def delete_command(session_id: str, yes: bool, force: bool, folder: str | None) -> None:
    """Delete a session with its history.

    Deletes the log, the archives and the session file, with PraisonAI's messages. Asks
    first, and in a pipe, where nobody can be asked, it wants --yes; exit code 1 when the
    answer is no. A session that was forked is only deleted with --force, which takes nothing
    from its forks.

    \b
    Examples:
      journal delete my-session
      journal delete my-session --yes
    """
    with opened(folder) as store:
        try:
            require_session(store, session_id)
        except DamagedError:
            pass  # it can be deleted all the same
        if not yes:
            if not can_ask():
                raise click.UsageError(
                    "there is nobody to ask; add --yes to delete without asking"
                )
            what = f"session {session_id!r} of {store.session_dir} with its whole history"
            require_yes(f"Delete {what}?", "nothing is deleted")
        if not store.delete_session(session_id, force=force):
            raise NotFoundError(f"session {session_id!r} was deleted meanwhile by somebody else")
    notice(f"session {shorten(repr(session_id), 60)} is deleted")
