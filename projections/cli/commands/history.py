"""`journal history`: shows every version of a turn."""

import click

from journal.errors import NotFoundError
from projections.cli.arguments.optional_session import session_and_turn
from projections.cli.arguments.options import folder_option, output_option
from projections.cli.documents.json_output import json_document, json_line
from projections.cli.documents.states import HistoryDocument, VersionItem
from projections.cli.sessions.opening import near_matches, opened, require_session
from projections.cli.terminal.pager import page_output
from projections.cli.turns.history_lines import print_versions
from projections.erased import is_erased
from projections.refs import Ref
from projections.replay import Version


@click.command()
@session_and_turn
@output_option("short", "json", "jsonl")
@folder_option
def history_command(
    session_id: str, runtime_id: str, turn_id: str, output: str, folder: str | None
) -> None:
    """Show every version of a turn.

    The oldest comes first, archived versions included. Each line has the values that the
    version changed, also in a pipe; `journal log -t TURN` says in words what happened. `~N` is
    its name for `journal diff`.

    Without SESSION, the one that changed last is shown.

    \b
    Examples:
      journal history my-session native turn-3
      journal history my-session native turn-3 -o jsonl | jq .state
    """
    page_output()
    with opened(folder, reading=True) as store:
        require_session(store, session_id)
        with near_matches(store, session_id, Ref(runtime_id, turn_id)):
            versions = store.history(session_id, runtime_id, turn_id)
            if not versions:
                raise NotFoundError(
                    f"session {session_id!r} has never had a turn {turn_id!r} of runtime "
                    f"{runtime_id!r}"
                )
    items = [_version_item(version) for version in versions]
    if output == "json":
        document = HistoryDocument(
            session_id=session_id, runtime_id=runtime_id, turn_id=turn_id, versions=items
        )
        click.echo(json_document(document), nl=False)
    elif output == "jsonl":
        for item in items:
            click.echo(json_line(item), nl=False)
    else:
        print_versions(runtime_id, turn_id, versions)


def _version_item(version: Version) -> VersionItem:
    event = version.event
    return VersionItem(
        seq=event.seq,
        ts=event.ts,
        writer=event.writer,
        cleared=version.state is None,
        erased=is_erased(event),
        state=version.state,
    )
