"""What is there already of what somebody waits for, and the first of it that comes."""

import threading
from collections.abc import Iterable
from typing import NamedTuple

from journal.events import Clear, Event, Set
from projections.cli.arguments.filters import Filter
from projections.cli.lines.effects import Effect, Effects
from projections.tail.tail import Tail

_UNKNOWN = Effect(known=False)


class Awaited(NamedTuple):
    """An event that was waited for."""

    log_id: str
    event: Event
    effect: Effect


def last_held(
    events: Iterable[tuple[Event, Effect]], chosen: Filter
) -> tuple[Event, Effect] | None:
    """The last chosen event that still holds: a set holds until its turn is set or cleared.

    O(events); holds the last set of each turn that is chosen.
    """
    held: dict[tuple[str, str], tuple[Event, Effect]] = {}
    last: tuple[Event, Effect] | None = None
    for event, effect in events:
        is_chosen = chosen(event, effect)
        if type(event) is Set:
            key = event.runtime_id, event.turn_id
            held.pop(key, None)
            if is_chosen:
                held[key] = event, effect
            continue
        if type(event) is Clear:
            gone = event.runtime_id
            held = {key: one for key, one in held.items() if gone not in (None, key[0])}
        if is_chosen:
            last = event, effect
    found = [*held.values(), *([last] if last is not None else ())]
    return max(found, key=lambda one: one[0].seq, default=None)


def next_chosen(
    tail: Tail, chosen: Filter, effects: Effects | None, timeout: float | None
) -> Awaited | None:
    """The first chosen event that arrives; None if none has come in `timeout` seconds."""
    timer = threading.Timer(timeout, tail.stop) if timeout is not None else None
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        with tail:
            for session_id, cursor, event, lost in tail:
                effect = _UNKNOWN
                if effects is not None:
                    if lost:
                        effects.forget(session_id)
                    effect = effects.effect_of(session_id, event)
                if chosen(event, effect):
                    return Awaited(cursor.log_id, event, effect._replace(lost=lost))
    finally:
        if timer is not None:
            timer.cancel()
    return None
