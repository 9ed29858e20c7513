"""Heads that callers give: the end of a log as they know it."""

from journal.errors import ConflictError
from journal.events import Head


def head_of(given: Head | str, name: str) -> Head:
    """A head, or its text. Raises TypeError and ValueError, naming the argument `name`."""
    head = Head.parse(given) if isinstance(given, str) else given
    if not isinstance(head, Head):
        raise TypeError(f"{name} must be a Head or its text, not {type(head).__name__}")
    return head


def conflict(session_id: str, expect: Head, head: Head) -> ConflictError:
    """The error of a call that expected `expect` where `head` is."""
    return ConflictError(
        f"session {session_id!r}: its newest event is {_in_words(head)}, not "
        f"{_in_words(expect)}, which was expected. Nothing was written; read what is there now, "
        "then decide again",
        expect,
        head,
    )


def _in_words(head: Head) -> str:
    return str(head) if head.seq else "none"
