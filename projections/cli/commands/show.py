"""`journal show`: shows the state of a session, now or at any moment."""

import json
from collections import deque
from datetime import UTC, datetime
from typing import Any

import click

from journal.events import Event
from journal.past import NOW
from projections.cli.arguments.optional_session import session_and_part
from projections.cli.arguments.options import POINT, folder_option, output_option
from projections.cli.documents.json_output import json_document
from projections.cli.documents.states import StateDocument
from projections.cli.formats.ages import age
from projections.cli.formats.clocks import local_time, output_clock
from projections.cli.sessions.opening import near_matches, opened, require_session
from projections.cli.terminal.output import (
    LineWriter,
    Segment,
    colour_of,
    is_terminal,
    json_plain,
    notice,
)
from projections.cli.terminal.pager import page_output
from projections.cli.terminal.texts import shorten
from projections.compare.encoding import compact_json
from projections.erased import erased_turns
from projections.refs import Ref
from projections.replay import is_between
from projections.store.store import DefaultSessionStore

_WIDEST_TURN = 24
_LONGEST_STATUS = 16
_STATUS_STYLES = {"error": "red", "failed": "red", "open": "yellow", "cancelled": "yellow"}
_USUAL_STYLE = "green"


@click.command()
@session_and_part
@click.option("--at", type=POINT, help="As of this event, or of this time.")
@output_option("tree", "json", "value")
@folder_option
def show_command(
    session_id: str,
    runtime_id: str | None,
    turn_id: str | None,
    at: int | str | None,
    output: str,
    folder: str | None,
) -> None:
    """Show the state of a session, now or at any moment.

    Shows all runtimes, one runtime, or one turn. `-o value` prints the bare state, without
    the document around it that `-o json` gives.

    Without SESSION, the one that changed last is shown.

    \b
    Examples:
      journal show my-session
      journal show my-session native turn-3
      journal show my-session --at 7
      journal show my-session native --at 5m -o value | jq keys
    """
    page_output()
    ref = Ref(runtime_id, turn_id, at)
    with opened(folder, reading=True) as store:
        require_session(store, session_id)
        with near_matches(store, session_id, ref):
            state = store.resolve(session_id, ref)
        moment = _moment(store, session_id, ref)
        erased = _erased(store, session_id, ref, state)
    if output == "tree":
        _print_tree(session_id, ref, state, moment, erased)
    elif output == "value":
        click.echo(json_document(state), nl=False)
    else:
        document = StateDocument(
            session_id=session_id,
            runtime_id=runtime_id,
            turn_id=turn_id,
            at=at,
            state=state,
            erased=tuple(sorted("/".join(turn) for turn in erased)),
        )
        click.echo(json_document(document), nl=False)


def _moment(store: DefaultSessionStore, session_id: str, ref: Ref) -> str:
    """What the state is as of: `as of 7`; of now, on a terminal, its last event and its age."""
    if ref.at is not None:
        return f"as of {output_clock()(ref.at) if isinstance(ref.at, str) else ref.at}"
    event = _last_event(store, session_id) if is_terminal() else None
    when = local_time(event.ts) if event is not None else None
    if event is None or when is None:
        return ""
    return f"as of event {event.seq}, {age(when, datetime.now(UTC))}"


def _last_event(store: DefaultSessionStore, session_id: str) -> Event | None:
    newest = store.newest(session_id)
    if newest is not None:
        return next((entry.event for entry in newest.entries), None)
    past = store.past(session_id, reaching=NOW)  # a short log, as a rule
    entries = deque(past.in_order(), maxlen=1) if past is not None else ()
    return entries[0].event if entries else None


def _erased(
    store: DefaultSessionStore, session_id: str, ref: Ref, state: Any
) -> set[tuple[str, str]]:
    """Which of the turns that are shown were erased: of those that hold nothing, a few at most.

    Only their events tell, so all are read if there is such a turn.
    """
    runtimes: dict[Any, Any] = {ref.runtime_id: {ref.turn_id: state}}
    if ref.turn_id is None:
        runtimes = state if ref.runtime_id is None else {ref.runtime_id: state}
    empty = {(name, turn) for name, turns in runtimes.items() for turn in turns if not turns[turn]}
    past = store.past(session_id) if empty else None
    if past is None:
        return set()
    events = (event for event in past.to_fold() if is_between(event, None, ref.at))
    return erased_turns(events) & empty


def _print_tree(
    session_id: str, ref: Ref, state: Any, moment: str, erased: set[tuple[str, str]]
) -> None:
    if ref.turn_id is not None:
        if erased:
            notice(f"the state of turn {ref.turn_id!r} was erased")
        writer = LineWriter(cut=False)
        for line in json.dumps(state, indent=2, ensure_ascii=False).split("\n"):
            writer.line([json_plain(line)])
        return
    runtimes = state if ref.runtime_id is None else {ref.runtime_id: state}
    writer = LineWriter()
    writer.line([(session_id, "bold"), (f"  {moment}" if moment else "", "dim")])
    for runtime, turns in runtimes.items():
        writer.line(["  ", (runtime, colour_of(runtime)), (f"  {_turns(turns)}", "dim")])
        widest = min(max((len(turn) for turn in turns), default=0), _WIDEST_TURN)
        longest = max((len(_status(turn_state)) for turn_state in turns.values()), default=0)
        for turn, turn_state in turns.items():
            name = shorten(turn, _WIDEST_TURN).ljust(widest)
            brief = _brief(turn_state, longest)
            if (runtime, turn) in erased:
                brief = [("(erased)", "dim")]
            writer.line(["    ", name, "  ", *brief])
    if not runtimes:
        writer.line([("  (nothing)", "dim")])


def _turns(turns: Any) -> str:
    return f"{len(turns)} turn{'s' * (len(turns) != 1)}"


def _status(state: Any) -> str:
    """The `status` in a turn's state, if that is a short text."""
    status = state.get("status") if isinstance(state, dict) else None
    return status if isinstance(status, str) and len(status) <= _LONGEST_STATUS else ""


def _brief(state: Any, width: int) -> list[Segment]:
    """A turn's state on one line. Its status comes first, in a column: people look for it."""
    status = _status(state)
    if not status:
        return [" " * (width + 2 if width else 0), (compact_json(state), "dim")]
    rest = {key: value for key, value in state.items() if key != "status"}
    style = _STATUS_STYLES.get(status, _USUAL_STYLE)
    return [(status.ljust(width), style), "  ", (compact_json(rest) if rest else "", "dim")]
