"""Which sessions a tail follows: those named, those whose ids match, or all. Pure: no I/O."""

import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import translate
from typing import TypeAlias

from journal.errors import StateTypeError
from journal.reprs import count, quoted
from journal.state import check_text

Patterns: TypeAlias = str | Iterable[str]
"""One pattern of session ids or several, as `fnmatch.fnmatchcase` reads them."""


class FollowedSessions:
    """The sessions named, and those that match; all, if neither is asked for.

    In a pattern, `*` stands for any characters, `/` included, `?` for one, and `[ab]` for one of
    these. The case counts. A pattern also matches the id that is the very same text. What is
    excluded is taken from the sessions that match, or from all, never from those named.
    """

    def __init__(
        self,
        sessions: str | Iterable[str] | None = None,
        matching: Patterns | None = None,
        excluding: Patterns | None = None,
    ) -> None:
        """Raises `StateTypeError` and `StateValueError`."""
        named = _texts(sessions, "sessions", "session_id", "an id, several ids")
        patterns = _texts(matching, "matching", "a pattern", "a pattern, several patterns")
        excluded = _texts(excluding, "excluding", "a pattern", "a pattern, several patterns")
        self.names: list[str] = named or []
        self.is_open = matching is not None or sessions is None
        """Whether sessions that are not named may be followed, those to come included."""
        self._names = frozenset(self.names)  # for quick look-ups
        self._patterns = patterns
        self._excluded = excluded
        self._matches = _matcher(patterns) if patterns is not None else None
        self._excludes = _matcher(excluded) if excluded else None

    def is_named(self, session_id: str) -> bool:
        """Whether this very session was asked for."""
        return session_id in self._names

    def wants(self, session_id: str) -> bool:
        """Whether the session is to be followed. O(length of the id and of the patterns)."""
        if session_id in self._names:
            return True
        if not self.is_open or (self._matches is not None and not self._matches(session_id)):
            return False
        return self._excludes is None or not self._excludes(session_id)

    def parts(self) -> Iterator[str]:
        """What it is, for a `repr`."""
        if len(self.names) == 1:
            yield quoted(self.names[0])
        elif self.names or not self.is_open:
            yield count(len(self.names), "session")
        if self._patterns is not None:
            yield "like " + " or ".join(map(quoted, self._patterns))
        elif self.is_open:
            yield "all sessions"
        if self._excluded:
            yield "but not " + " or ".join(map(quoted, self._excluded))


def _texts(given: str | Iterable[str] | None, name: str, each: str, what: str) -> list[str] | None:
    """Each once; None if nothing was given."""
    if given is None:
        return None
    if not isinstance(given, Iterable):
        raise StateTypeError(f"{name} must be {what} or None, not {type(given).__name__}")
    texts = [given] if isinstance(given, str) else list(dict.fromkeys(given))
    for text in texts:
        check_text(text, each)
    return texts


def _matcher(patterns: list[str]) -> Callable[[str], object]:
    """Whether one of them matches an id, or is it. Nothing matches no pattern."""
    either = [*map(translate, patterns), *(rf"{re.escape(each)}\Z" for each in patterns)]
    return re.compile("|".join(either) or r"(?!)").match
