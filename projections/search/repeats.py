"""Tells matches that are new in a turn from those that a later state of it only repeats.

A turn is saved again and again while it runs, and each state holds what the one before held.
What somebody looks for, they want to see where it was said first.
"""

from typing import NamedTuple

from journal.events import Event
from projections.search.pattern import Pattern, event_in


class _Last(NamedTuple):
    """The last match of a runtime: whose turn it was, what it was, and what matched, if known."""

    turn_id: str
    found: bytes | Event
    keys: frozenset[int] | None


class Repeats:
    """For the matches of one session, in the order of its events. Holds one line a runtime."""

    def __init__(self, pattern: Pattern) -> None:
        self._pattern = pattern
        self._last: dict[str, _Last] = {}

    def is_repeat(self, runtime_id: str | None, turn_id: str | None, found: bytes | Event) -> bool:
        """Whether the match of the runtime before is of the same turn, and has all that matches.

        A text counts up to the end of the first match in it: what is added after that is not
        what was looked for. Ids are None for what is no state of a turn, and repeats nothing.
        `found` is the line of the event, or the event, where its line is encrypted.
        """
        if runtime_id is None or turn_id is None:
            return False
        last, keys = self._last.get(runtime_id), None
        is_known = False
        if last is not None and last.turn_id == turn_id:
            before = self._keys(last.found) if last.keys is None else last.keys
            keys = self._keys(found)
            is_known = keys <= before
        self._last[runtime_id] = _Last(turn_id, found, keys)
        return is_known

    def _keys(self, found: bytes | Event) -> frozenset[int]:
        event: Event | None = event_in(found) if isinstance(found, bytes) else found
        if event is None:
            return frozenset()
        return frozenset(hash(each.text[: each.end]) for each in self._pattern.all_in(event))
