"""Decides which cookies are secrets: those that hold a session or a login."""

import re
from functools import lru_cache

from journal.redaction.later import compiled_later
from journal.redaction.names import sensitivity
from journal.redaction.values import is_placeholder, is_random

_PAIR = compiled_later(r"\s*([^=;\s]{1,128})=\"?([^;\s\"]{1,4096})")
_SHORTEST = 6
_SESSION = compiled_later(r"sess|sid\b|^s$|auth|login|jwt|remember|connect\.", re.IGNORECASE)
_MARKED = compiled_later(r"\[REDACTED:[a-z-]+\]")


def holds_session(value: str) -> bool:
    """Whether `a=b; c=d` has a value that looks like a session; or, without `=`, is one."""
    pairs = _PAIR.findall(_MARKED.sub("", value[:2048]))
    if not pairs:
        return is_random(value)
    return any(_is_session(*pair) for pair in pairs if len(pair[1]) >= _SHORTEST)


@lru_cache(maxsize=1024)
def _is_session(name: str, content: str) -> bool:
    if is_placeholder(content):
        return False
    if _SESSION.search(name) or sensitivity(name):
        return not content.isalpha()
    return is_random(content, 12)
