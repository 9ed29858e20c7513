"""The last events of several sessions together, as one list: each session in its own order.

Clocks go back, and those of two machines differ, so times cannot say in which order a session's
events came: its log does. Between sessions there is nothing but the times. An event counts as
no later than those that follow it in its session, and as no later than the last change of the
log: so one that a wrong clock stamped with the year 2099 does not hide all others.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from journal.errors import JournalError, NotFoundError
from journal.events import Cursor, Event
from journal.reports import SessionInfo
from projections.cli.arguments.filters import Filter
from projections.cli.events.backlog import Backlog
from projections.cli.lines.effects import Effect, Effects
from projections.cli.terminal.output import notice
from projections.store.store import DefaultSessionStore
from projections.times import stamp_of

_COARSE = timedelta(seconds=1)  # by which a file's time may be behind that of an event in it


class LastEvent(NamedTuple):
    """One of the last events of several sessions."""

    session_id: str
    log_id: str
    event: Event
    effect: Effect


def last_events(
    store: DefaultSessionStore,
    ends: Mapping[str, Cursor],
    effects: Effects | None,
    chosen: Filter,
    lines: int,
) -> list[LastEvent]:
    """The last events of several sessions together, by time, each session up to its end.

    Those of one session are its last ones, in the order of its log. Reads the sessions that
    changed last first, and stops once no other can have a later event.
    """
    last: list[tuple[str, LastEvent]] = []  # by when each counts as having happened
    for info in store.list_sessions():
        end = ends.get(info["session_id"])
        if end is None:
            continue
        latest = _latest(info)
        if len(last) == lines and (not lines or latest < last[0][0]):
            break
        own = _last_of_session(store, info["session_id"], end, effects, chosen, lines)
        both = sorted([*last, *_dated(own, latest)], key=lambda each: each[0])
        last = both[-lines:] if lines else []
    return [each for _, each in last]


def _latest(info: SessionInfo) -> str:
    """When the newest event of a session may have happened at the latest."""
    return stamp_of(datetime.fromisoformat(info["updated_at"]) + _COARSE)


def _dated(own: list[LastEvent], latest: str) -> Iterable[tuple[str, LastEvent]]:
    """A session's events, each with when it counts as having happened: never falling."""

    def newest_first() -> Iterator[tuple[str, LastEvent]]:
        when = latest
        for each in reversed(own):
            when = min(when, each.event.ts)
            yield when, each

    return reversed(list(newest_first()))


def _last_of_session(
    store: DefaultSessionStore,
    session_id: str,
    end: Cursor,
    effects: Effects | None,
    chosen: Filter,
    lines: int,
) -> list[LastEvent]:
    try:
        backlog = Backlog(store, session_id, None, effects, end.seq)
        if backlog.log_id != end.log_id:
            return []  # made again since: all its events are still to come
        return [
            LastEvent(session_id, backlog.log_id, event, effect)
            for event, effect in backlog.choose(chosen, lines, False)
        ]
    except NotFoundError:
        return []
    except JournalError as error:
        notice(f"session {session_id!r} is left out: {error}")
        return []
