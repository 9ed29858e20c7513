"""What is in the session `s` of an engine."""

from journal.backend import Backend
from journal.events import Cursor, Event, Set
from projections.view import View


def events_in(engine: Backend, after: Cursor | None = None) -> list[Event]:
    """What a new follower reads."""
    return list(engine.follow("s", after).read())


def turn_ids(engine: Backend, after: Cursor | None = None) -> list[str]:
    return [event.turn_id for event in events_in(engine, after) if isinstance(event, Set)]


def kept_in(engine: Backend) -> dict[int, str]:
    """Seq and hash of what the newest file has kept of what it replaced."""
    past = engine.history("s", 10**9)
    assert past is not None
    return {entry.event.seq: entry.event.hash for entry in past.kept}


def state_of(engine: Backend, runtime: str = "native") -> dict[str, object]:
    view = View(engine.opener("s"))
    log = engine.open("s", view)
    log.refresh()
    return view.runtime(runtime)
