"""After which cursors a tail is asked to begin."""

from collections.abc import Mapping
from typing import TypeAlias

from journal.errors import StateTypeError, StateValueError
from journal.events import Cursor
from projections.tail.choice import FollowedSessions

After: TypeAlias = Cursor | str | Mapping[str, Cursor | str]
"""A cursor in the one session that is followed, or one for each session."""


def cursors_of(after: After | None, choice: FollowedSessions) -> dict[str, Cursor]:
    """`after` by session. Raises `StateTypeError` and `StateValueError`."""
    if after is None:
        return {}
    if isinstance(after, str | Cursor):
        if choice.is_open or len(choice.names) != 1:
            raise StateValueError(
                "one cursor is a place in one session; to follow more of them give "
                "after={session_id: cursor}"
            )
        return {choice.names[0]: _cursor(after)}
    if not isinstance(after, Mapping):
        raise StateTypeError(
            f"after must be a cursor or {{session_id: cursor}}, not {type(after).__name__}"
        )
    return {session_id: _cursor(cursor) for session_id, cursor in after.items()}


def _cursor(value: Cursor | str) -> Cursor:
    if isinstance(value, Cursor):
        return value
    if not isinstance(value, str):
        raise StateTypeError(f"a cursor must be a Cursor or its text, not {type(value).__name__}")
    try:
        return Cursor.parse(value)
    except ValueError as error:
        raise StateValueError(str(error)) from None
