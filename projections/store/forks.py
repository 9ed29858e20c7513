"""Where to fork a session, in any form that a caller may give."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from journal.events import CURSOR_DIGITS, Cursor, Head
from journal.past import Past
from projections.replay import seq_at
from projections.times import point_of

ForkAt: TypeAlias = int | str | datetime | Cursor | Head
"""A seq, a moment, the text of either, or the cursor or the head of the session's log."""

_CURSOR = rf"[0-9a-f]{{16}}:[0-9]+(:[0-9a-f]{{{CURSOR_DIGITS},}})?"  # no time looks so


def fork_at(value: ForkAt, name: str = "at") -> int | str | Cursor:
    """A seq, the timestamp of a moment, or a cursor. Raises as `point_of`."""
    if isinstance(value, Head):
        return Cursor.at(value.log_id, value.seq, value.hash)
    if isinstance(value, Cursor):
        return value
    if isinstance(value, str) and re.fullmatch(_CURSOR, value):
        return Cursor.parse(value)
    return point_of(value, name)


def place_in(at: ForkAt, past: Callable[[], Past | None]) -> int | Cursor:
    """The seq or the cursor. Of a moment, reads all events: up to the last that is not later."""
    place = fork_at(at)
    if not isinstance(place, str):
        return place
    found = past()
    return seq_at(found, place) if found is not None else 0
