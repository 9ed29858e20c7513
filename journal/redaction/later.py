"""Patterns that are compiled when they are first used.

All of them together take as long to compile as everything else takes to import, and a program
that only reads needs none.
"""

import re
from typing import Any, AnyStr, cast


class LatePattern:
    """Stands for a pattern. Its methods are looked up once; then they are the pattern's own."""

    def __init__(self, pattern: Any, flags: int) -> None:
        self._given = (pattern, flags)

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(*self._given), name)  # `re` remembers it, for the next method
        self.__dict__[name] = found
        return found


def compiled_later(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`, at the first use. What is no pattern raises `re.error` then."""
    return cast("re.Pattern[AnyStr]", LatePattern(pattern, flags))
