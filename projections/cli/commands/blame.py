"""`journal blame`: shows which event set each value of a turn."""

import click

from journal.errors import NotFoundError
from projections.cli.arguments.optional_session import session_and_blamed
from projections.cli.arguments.options import POINT, folder_option, output_option
from projections.cli.documents.json_output import json_document, json_line
from projections.cli.documents.states import BlameDocument, BlameItem
from projections.cli.names.naming import turns_instead_of
from projections.cli.sessions.opening import near_matches, opened, require_session
from projections.cli.terminal.pager import page_output
from projections.cli.turns.blame_table import print_blame
from projections.compare.blame import Blamed
from projections.erased import is_erased
from projections.refs import Ref
from projections.store.store import DefaultSessionStore


@click.command()
@session_and_blamed
@click.option("--at", type=POINT, help="As of this event, or of this time.")
@output_option("table", "json", "jsonl")
@folder_option
def blame_command(
    session_id: str,
    runtime_id: str,
    turn_id: str | None,
    at: int | str | None,
    output: str,
    folder: str | None,
) -> None:
    """Show which event set each value of a turn.

    Without a runtime, of the turns of this id in all runtimes: so it is seen which of them
    ran it. RUNTIME and TURN may also be two words.

    Without SESSION, the one that changed last is shown.

    \b
    Examples:
      journal blame my-session native/turn-3
      journal blame my-session turn-3
      journal blame my-session native turn-3 --at 7
    """
    page_output()
    runtime, turn = _turn_named(runtime_id, turn_id)
    with opened(folder, reading=True) as store:
        require_session(store, session_id)
        runtimes = (
            [runtime] if runtime is not None else _runtimes_with(store, session_id, turn, at)
        )
        found: list[Blamed] = []
        for each in runtimes:
            with near_matches(store, session_id, Ref(each, turn)):
                found += store.blame(session_id, each, turn, at)
    items = [_blame_item(blamed) for blamed in found]
    if output == "json":
        document = BlameDocument(
            session_id=session_id, runtime_id=runtime, turn_id=turn, at=at, values=items
        )
        click.echo(json_document(document), nl=False)
    elif output == "jsonl":
        for item in items:
            click.echo(json_line(item), nl=False)
    else:
        print_blame(turn, found, names_runtime=runtime is None)


def _turn_named(first: str, second: str | None) -> tuple[str | None, str]:
    """The runtime, if one is named, and the turn."""
    if second is not None:
        return first, second
    if "/" not in first:
        return None, first
    ref = Ref.parse(first)
    if ref.turn_id is None or ref.at is not None or ref.back:
        raise click.UsageError(f"{first!r} is not RUNTIME/TURN; give a moment with --at")
    return ref.runtime_id, ref.turn_id


def _runtimes_with(
    store: DefaultSessionStore, session_id: str, turn_id: str, at: int | str | None
) -> list[str]:
    """The runtimes that have a turn of this id. Raises `NotFoundError` if none has."""
    state = store.state_at(session_id, at)
    found = [runtime for runtime, turns in state.items() if turn_id in turns]
    if not found:
        raise NotFoundError(
            f"no runtime of session {session_id!r} has a turn {turn_id!r}; "
            f"{turns_instead_of(turn_id, state)}"
        )
    return found


def _blame_item(blamed: Blamed) -> BlameItem:
    event = blamed.event
    return BlameItem(
        runtime_id=event.runtime_id or "",
        path=blamed.path,
        value=blamed.value,
        seq=event.seq,
        ts=event.ts,
        writer=event.writer,
        erased=is_erased(event),
    )
