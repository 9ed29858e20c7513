"""The turns of a session again, in order, and the view as of any event. Pure: no I/O.

It turns a `journal.past.Past`, or its events, into steps, versions and views. Nothing is
executed: a replay only emits again what was recorded.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from journal.errors import HistoryError, NotFoundError
from journal.events import Clear, Event, Handoff, Set
from journal.past import Past
from journal.reprs import repr_of_parts
from journal.state import decode_state
from projections.view import View


class Step(NamedTuple):
    """One event of a replay.

    `turn` is the turn's id, None for events without a turn. `state` is the turn's state from
    then on, None for events that set none.
    """

    event: Event
    turn: str | None
    state: Any

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield repr(self.event)


class Version(NamedTuple):
    """The state of a turn from `event` on; None if `event` is a clear that dropped the turn."""

    event: Event
    state: Any

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield repr(self.event)


def concerns(event: Event, runtime_id: str) -> bool:
    """Whether an event concerns a runtime: as its own, as a clear of all, as a handoff to it."""
    match event:
        case Clear():
            return event.runtime_id in (None, runtime_id)
        case Handoff():
            return runtime_id in (event.source, event.target)
        case _:
            return event.runtime_id == runtime_id


def step_of(event: Event) -> Step:
    """Raises `DamagedError` when the state cannot be decoded."""
    state = decode_state(bytes(event.state)) if isinstance(event, Set) else None
    return Step(event, event.turn_id, state)


def steps(
    events: Iterable[Event],
    runtime_id: str | None = None,
    since: int | str | None = None,
    until: int | str | None = None,
) -> Iterator[Step]:
    """The steps of events, which come in order of seq, from `since` to `until` inclusive.

    Both are a seq, or a timestamp as in the log. O(1) memory. Raises `DamagedError`.
    """
    for event in events:
        if isinstance(until, int) and event.seq > until:
            return
        if not is_between(event, since, until):
            continue
        if runtime_id is None or concerns(event, runtime_id):
            yield step_of(event)


def is_between(event: Event, since: int | str | None, until: int | str | None) -> bool:
    """Whether an event lies between two points, each a seq, a timestamp or open."""
    if since is not None and _side(event, since) < 0:
        return False
    return until is None or _side(event, until) <= 0


def _side(event: Event, point: int | str) -> int:
    """Where an event is: -1 before a point, 0 at it, 1 after it."""
    if isinstance(point, int):
        return (event.seq > point) - (event.seq < point)
    return (event.ts > point) - (event.ts < point)


class Pace:
    """How long to wait before each step: the time between the two events, divided by `speed`.

    At most `max_wait` seconds between two steps. The time that the consumer takes counts, so
    a long replay does not drift. If the recorded clock was set back, there is no wait.
    """

    def __init__(
        self,
        speed: float,
        max_wait: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._speed = speed
        self._most = math.inf if max_wait is None else max_wait
        self._clock = clock
        self._due: float | None = None
        self._before = ""

    def wait(self, step: Step) -> float:
        """The seconds to wait now, before this step; 0 or less for not at all."""
        now = self._clock()
        if self._due is None:
            self._due = now
        else:
            wait = max(0.0, seconds_between(self._before, step.event.ts) / self._speed)
            self._due = max(self._due, now - 1.0) + min(wait, self._most)
        self._before = step.event.ts
        return self._due - now


def paced(
    replayed: Iterable[Step],
    speed: float,
    max_wait: float | None = None,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Step]:
    """The same steps, each after the wait that `Pace` says."""
    pace = Pace(speed, max_wait, clock)
    for step in replayed:
        wait = pace.wait(step)
        if wait > 0:
            sleep(wait)
        yield step


def check_pace(speed: float | None, max_wait: float | None) -> None:
    """Raises ValueError for a pace that nobody can keep."""
    if speed is not None and not speed > 0:
        raise ValueError(f"speed is {speed}; it must be over 0, or None for no waiting")
    if max_wait is not None and not max_wait >= 0:
        raise ValueError(f"max_wait is {max_wait}; it must be 0 or more seconds, or None")


def seconds_between(earlier: str, later: str) -> float:
    """From one timestamp to another; negative if the clock was set back, 0 for no timestamps."""
    try:
        gap = datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
    except (ValueError, TypeError):  # another writer's idea of a timestamp
        return 0.0
    return gap.total_seconds()


def view_as_of(past: Past, seq: int, session_id: str) -> View:
    """The view as of event `seq`. O(events). `session_id` is only for messages.

    Raises `HistoryError` if `past` does not reach back to `seq`, and `NotFoundError` if it ends
    before `seq`.
    """
    if past.floor > seq:
        raise HistoryError(
            f"session {session_id!r}: its state as of event {seq} is not known any more: "
            f"{past.why_short}; event {past.floor} is the earliest that can be shown"
        )
    view = View()
    last = past.floor
    for event in past.to_fold():
        last = max(last, event.seq)
        if event.seq > seq:
            break
        view.fold(event)
    if last < seq:
        raise NotFoundError(f"session {session_id!r} has no event {seq} yet; its last is {last}")
    return view


def seq_at(past: Past, ts: str) -> int:
    """The seq of the last event that is not later than `ts`, 0 if there is none. O(events).

    Last by seq, not by time: if a clock was set back, later events before it count too. If
    compaction has shortened the past, its floor counts as of the time of that compaction.
    """
    found = past.floor if past.floor and ts >= past.folded_at else 0
    for entry in past.in_order():
        if entry.event.ts <= ts:
            found = max(found, entry.event.seq)
    return found


def versions(events: Iterable[Event], runtime_id: str, turn_id: str) -> Iterator[Version]:
    """Every version of one turn, oldest first; a clear that dropped it is a version too.

    O(events). Raises `DamagedError` when a state cannot be decoded.
    """
    alive = False
    for event in events:
        if isinstance(event, Set):
            if event.runtime_id == runtime_id and event.turn_id == turn_id:
                alive = True
                yield Version(event, decode_state(bytes(event.state)))
        elif alive and isinstance(event, Clear) and event.runtime_id in (None, runtime_id):
            alive = False
            yield Version(event, None)
