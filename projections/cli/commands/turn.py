"""`journal turn`: one turn in full."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import click

from journal.errors import NotFoundError, StateValueError
from journal.events import Event
from projections.cli.arguments.optional_session import session_and_named_turn
from projections.cli.arguments.options import POINT, folder_option, output_option
from projections.cli.documents.json_output import json_document
from projections.cli.documents.turns import TurnDocument
from projections.cli.names.naming import turns_instead_of
from projections.cli.sessions.opening import opened, require_session
from projections.cli.terminal.pager import page_output
from projections.cli.terminal.texts import shorten
from projections.cli.turns.transcript import print_turn
from projections.erased import is_erased
from projections.refs import Ref
from projections.replay import is_between
from projections.store.store import DefaultSessionStore
from projections.turns.call_changes import seconds_between
from projections.turns.contents import contents_of
from projections.turns.names import TurnName, turns_named
from projections.turns.story import story

_MOST_NAMED = 8  # turns in a message
_LONGEST_NAME = 80


class _FoundTurn(NamedTuple):
    """A turn up to some moment: its versions, and the last of its states."""

    name: TurnName
    versions: list[tuple[Event | None, Any]]

    @property
    def state(self) -> Any:
        return self.versions[-1][1]


@click.command()
@session_and_named_turn
@click.option("--at", type=POINT, help="As of this event, or of this time.")
@click.option("--raw", is_flag=True, help="Only its state, as JSON.")
@output_option("text", "json")
@folder_option
def turn_command(
    session_id: str, turn: str, at: int | str | None, raw: bool, output: str, folder: str | None
) -> None:
    """Show a turn: what was said, its calls, times and usage.

    Each call stands where it was asked for, with its arguments and what came of it. The
    beginning or the end of a turn's id will do, as the lines of `journal log` show it. What
    the state of a long turn has left out comes from its earlier versions. For an earlier
    moment use --at, or TURN@SEQ, TURN@TIME or TURN~N as in `journal diff`.

    Without SESSION, the one that changed last is shown.

    \b
    Examples:
      journal turn my-session native/turn-3
      journal turn my-session native/turn-3 --at 20
      journal turn my-session native/turn-2 --raw | jq .status
      journal turn my-session native/turn-2 -o json | jq .entries
    """
    if raw and output != "text":
        raise click.UsageError("--raw is the state alone; -o json has it under .state")
    page_output()
    with opened(folder, reading=True) as store:
        require_session(store, session_id)
        found = _find(store, session_id, turn, at)
    if raw:
        click.echo(json_document(found.state), nl=False)
        return
    document = _document(session_id, found, at)
    if output == "json":
        click.echo(json_document(document), nl=False)
    else:
        print_turn(document, [event for event, _ in found.versions if event is not None])


def _document(session_id: str, found: _FoundTurn, at: int | str | None) -> TurnDocument:
    versions = [
        (event.ts if event is not None else None, contents_of(state))
        for event, state in found.versions
    ]
    last, event = versions[-1][1], found.versions[-1][0]
    return TurnDocument(
        session_id=session_id,
        runtime_id=found.name.runtime_id,
        turn_id=found.name.turn_id,
        at=at,
        seq=event.seq if event is not None else None,
        erased=is_erased(event),
        status=last.status,
        stop_reason=last.stop_reason,
        agent=last.agent,
        model=last.model,
        opened_at=last.opened_at,
        closed_at=last.closed_at,
        seconds=seconds_between(last.opened_at, last.closed_at),
        usage=last.usage,
        error=last.error,
        parent=last.parent,
        omitted=last.omitted,
        entries=story(versions),
        state=found.state,
    )


# Which turn


def _find(
    store: DefaultSessionStore, session_id: str, text: str, at: int | str | None
) -> _FoundTurn:
    """The turn that a text names. Raises `NotFoundError` and click.BadParameter."""
    for ref in _readings(text, at):
        there = store.resolve(session_id, Ref(at=ref.at))
        owner = f"{ref.runtime_id}/" if ref.runtime_id is not None else ""
        named = turns_named(f"{owner}{ref.turn_id}", there)
        if len(named) > 1:
            raise click.BadParameter(_ambiguous(session_id, text, named))
        if named:
            return _versions(store, session_id, named[0], ref, there)
    raise NotFoundError(_unknown(session_id, text, store.resolve(session_id, Ref(at=at)), at))


class _Reading(NamedTuple):
    runtime_id: str | None
    turn_id: str | None
    at: int | str | None
    back: int = 0


def _readings(text: str, at: int | str | None) -> list[_Reading]:
    """What a text may say: an id as it is, then a name of a state with a moment in it."""
    found = [_Reading(None, text, at)]
    try:
        ref = Ref.parse(text if "/" in text else f"%/{text}")
    except StateValueError:
        return found
    if at is None or ref.at is None:
        runtime = ref.runtime_id if "/" in text else None
        found.append(_Reading(runtime, ref.turn_id, ref.at or at, ref.back))
    return found


def _versions(
    store: DefaultSessionStore,
    session_id: str,
    name: TurnName,
    ref: _Reading,
    there: Mapping[str, Mapping[str, Any]],
) -> _FoundTurn:
    """Those since the turn was last cleared. Raises `NotFoundError` and `HistoryError`."""
    if ref.back:  # is there such a version? If not, all commands say so in the same words
        store.resolve(session_id, Ref(name.runtime_id, name.turn_id, ref.at, ref.back))
    history = store.history(session_id, *name)
    every = list(takewhile(lambda version: is_between(version.event, None, ref.at), history))
    versions: list[tuple[Event | None, Any]] = []
    for event, state in every[: len(every) - ref.back]:
        if state is None:
            versions.clear()
        else:
            versions.append((event, state))
    return _FoundTurn(name, versions or [(None, there[name.runtime_id][name.turn_id])])


def _ambiguous(session_id: str, text: str, named: list[TurnName]) -> str:
    shown = _listed([f"{name.runtime_id}/{name.turn_id}" for name in named])
    if len({name.turn_id for name in named}) == 1:
        return (
            f"session {session_id!r} has a turn {named[0].turn_id!r} of several runtimes; "
            f"write which: {shown}"
        )
    return f"{text!r} may be any of these turns of session {session_id!r}: {shown}"


def _unknown(
    session_id: str, text: str, there: Mapping[str, Mapping[str, Any]], at: int | str | None
) -> str:
    when = f" as of {at}" if at is not None else ""
    if not any(there.values()):
        return f"session {session_id!r} has no turns{when or ' now'}; `journal log` has its events"
    return f"session {session_id!r} has no turn {text!r}{when}; {turns_instead_of(text, there)}"


def _listed(names: Sequence[str]) -> str:
    shown = [repr(shorten(name, _LONGEST_NAME)) for name in names[:_MOST_NAMED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
