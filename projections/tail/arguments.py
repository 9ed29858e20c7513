"""What a tail is asked for: which sessions, and after which cursors."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from journal.errors import StateTypeError, StateValueError
from journal.events import Cursor
from journal.state import check_text

After: TypeAlias = Cursor | str | Mapping[str, Cursor | str]
"""A cursor in the one session that is followed, or one for each session."""


def names_of(sessions: str | Iterable[str] | None) -> list[str] | None:
    """Each once; None stands for all. Raises `StateTypeError` and `StateValueError`."""
    if sessions is None:
        return None
    if not isinstance(sessions, Iterable):
        raise StateTypeError(
            f"sessions must be an id, several ids or None, not {type(sessions).__name__}"
        )
    names = [sessions] if isinstance(sessions, str) else list(dict.fromkeys(sessions))
    for name in names:
        check_text(name, "session_id")
    return names


def cursors_of(after: After | None, names: list[str] | None) -> dict[str, Cursor]:
    """`after` by session. Raises `StateTypeError` and `StateValueError`."""
    if after is None:
        return {}
    if isinstance(after, str | Cursor):
        if names is None or len(names) != 1:
            raise StateValueError(
                "one cursor is a place in one session; to follow more of them give "
                "after={session_id: cursor}"
            )
        return {names[0]: _cursor(after)}
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
