"""Which words are patterns of session ids."""

import re

_WILD = re.compile(r"[*?\[]")  # characters that make a pattern of a text


def is_pattern(text: str) -> bool:
    """Whether it may stand for many ids; a session of that very name wins."""
    return bool(_WILD.search(text))


def escaped(name: str) -> str:
    """A pattern that only this id matches."""
    return _WILD.sub(r"[\g<0>]", name)
