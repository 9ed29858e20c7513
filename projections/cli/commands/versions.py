"""`journal history`, `journal diff` and `journal blame`: show how a state came about."""

import click

from journal.errors import NotFoundError
from projections.cli.arguments.optional_session import (
    session_and_blamed,
    session_and_states,
    session_and_turn,
)
from projections.cli.arguments.options import POINT, folder_option, output_option
from projections.cli.documents.json_output import json_document, json_line
from projections.cli.documents.states import (
    BlameDocument,
    BlameItem,
    DiffDocument,
    HistoryDocument,
    VersionItem,
)
from projections.cli.exit_codes import EXIT_FAILURE
from projections.cli.sessions.opening import near_matches, opened, require_session
from projections.cli.terminal.pager import page_output
from projections.cli.turns.blame_table import print_blame
from projections.cli.turns.differences import print_counts, print_difference
from projections.cli.turns.history_lines import print_versions
from projections.compare.blame import Blamed
from projections.refs import Ref
from projections.replay import Version
from projections.store.store import DefaultSessionStore


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
    with opened(folder) as store:
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
        state=version.state,
    )


@click.command()
@session_and_states
@click.option("--stat", is_flag=True, help="Only how many values changed in each turn.")
@output_option("text", "json", "patch")
@folder_option
def diff_command(
    session_id: str, old: str, new: str | None, stat: bool, output: str, folder: str | None
) -> None:
    """Show the differences between two states.

    OLD and NEW each name a state: RUNTIME/TURN, RUNTIME, or nothing for the whole session;
    then @SEQ or @TIME for an earlier moment, or ~N for N versions back. Without NEW, OLD is
    compared with the present state; if OLD is the present state of a turn, it is compared
    with the version before. In ids write %2F for /, %40 for @.

    Of a long text that changed, only the words are marked that came and went, as
    [-old-]{+new+}; of one with many lines, the lines, as a unified diff.

    Exit code 0 when there is no difference, 1 when there is one. `-o patch` gives JSON
    Patch (RFC 6902).

    Without SESSION, the one that changed last is shown.

    \b
    Examples:
      journal diff my-session native/turn-3
      journal diff my-session native/turn-3@7 native/turn-3@12
      journal diff my-session native/turn-3 harness/turn-3
      journal diff my-session @5m --stat
    """
    if stat and output != "text":
        raise click.UsageError(f"--stat is a table for people; -o {output} has every change")
    page_output()
    with opened(folder) as store:
        require_session(store, session_id)
        before, after = Ref.parse(old), Ref.parse(new) if new is not None else None
        with near_matches(store, session_id, before, after or before):
            found = store.diff(session_id, before, after)
    if output == "patch":
        click.echo(json_document(found.patch), nl=False)
    elif stat:
        print_counts(found, before)
    elif output == "json":
        document = DiffDocument(
            session_id=session_id, old=old, new=new, different=bool(found), patch=found.patch
        )
        click.echo(json_document(document), nl=False)
    else:
        print_difference(found)
    if found:
        raise click.exceptions.Exit(EXIT_FAILURE)


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
    with opened(folder) as store:
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
            "`journal show` lists the runtimes and their turns"
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
    )
