"""Telling sessions of an engine apart by what is in them."""

from journal.backend import Backend
from journal.events import Event
from projections.view import View
from tests.support import Recorder, set_event

States = dict[str, object]


def write(engine: Backend, session: str, *turns: str, value: object = 0) -> None:
    """Append a set of each turn, one by one."""
    log = engine.open(session, Recorder())
    for turn in turns:
        log.append([set_event(turn, {"of": session, "value": value})])
    log.close()


def events_of(engine: Backend, session: str) -> list[Event]:
    """What a new follower reads."""
    return list(engine.follow(session).read())


def folded(events: list[Event]) -> States:
    """The view of these events."""
    view = View()
    for event in events:
        view.fold(event)
    return view.runtime("native")


def state_of(engine: Backend, session: str) -> States:
    """The view of a session, opened anew."""
    log = engine.open(session, view := View())
    log.refresh()
    log.close()
    return view.runtime("native")
