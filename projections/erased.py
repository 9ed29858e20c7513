"""Which turns hold nothing because their state was erased. Pure: no I/O."""

from collections.abc import Iterable
from typing import TypeGuard

from journal.events import Clear, Event, Set


def is_erased(event: Event | None) -> TypeGuard[Set]:
    """Whether an event is a set whose state was erased."""
    return type(event) is Set and event.erased is not None


def erased_turns(events: Iterable[Event]) -> set[tuple[str, str]]:
    """Runtime and turn of those whose last set, of these events, is an erased one.

    They come in the order in which folding them gives the view.
    """
    found: set[tuple[str, str]] = set()
    for event in events:
        if isinstance(event, Set):
            turn = event.runtime_id, event.turn_id
            if event.erased is not None:
                found.add(turn)
            else:
                found.discard(turn)
        elif isinstance(event, Clear):
            cleared = event.runtime_id
            found = {turn for turn in found if cleared is not None and turn[0] != cleared}
    return found
