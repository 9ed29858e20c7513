"""Finds the names of secrets in a text: where they begin and end, and what they say."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from journal.redaction.anywhere import lowered
from journal.redaction.later import compiled_later
from journal.redaction.names import MAX_NAME, Sensitivity, sensitivity

CORE = compiled_later(
    r"pass(?!age|enge|ive|ion|ing\b)|passw|pwd|pswd|secret|credential|creds\b|token|authori[sz]ation"
    r"|auth(?!or)|cookie|key|senha|kennwort|contrase|masterauth|psk|bindpw|rootpw|pw\b|\botp\b|mnemonic"
    r"|seed.phrase|recovery.phrase|sig(?:nature)?=|sessid|_pat\b|парол|密|パスワード|비밀번호",
)
"""Parts that names of secrets contain, in lower case."""
_NAME = compiled_later(r"[\w.$-]{0,256}+")
_NAME_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.$-ñáéíóúç"
_ESCAPES = frozenset(("\\", "[", "%"))
_WORD_BEFORE = compiled_later(r"([A-Za-z][A-Za-z0-9]{0,19})[ ]\Z")


class Name(NamedTuple):
    text: str
    start: int
    end: int
    says: Sensitivity


def cores(text: str) -> Iterator[re.Match[str]]:
    """Where names may be. `re` is many times as fast if it does not have to ignore case."""
    return CORE.finditer(lowered(text))


def name_at(text: str, core: re.Match[str]) -> tuple[Name | None, int]:
    """The name around a core, and where it ends."""
    middle, end = core.span()
    reach = middle - MAX_NAME if middle > MAX_NAME else 0
    start = reach + len(text[reach:middle].rstrip(_NAME_CHARACTERS))
    if text[start - 1 : start] in _ESCAPES:
        start = min(middle, start + _escape_at(text, start))
    found = _NAME.match(text, end - (text[end - 1] == "="))
    end = min(found.end() if found else end, start + 2 * MAX_NAME)
    name = text[start:end].rstrip(".-")
    end = max(start + len(name), middle + 1)
    says = sensitivity(name)
    if (says is None or not says.certain) and start and text[start - 1] == " ":
        word = _WORD_BEFORE.search(text, max(0, start - 21), start)
        if word is not None:
            both = sensitivity(f"{word[1]} {name}")
            if both is not None and both.certain:
                says = both
    return (Name(name, start, end, says) if says else None), end


def _escape_at(text: str, start: int) -> int:
    """How many characters before the name belong to an escape: of a line, a colour, a URL.

    The character before `start` is one of `_ESCAPES`.
    """
    match text[start - 1 : start]:
        case "\\":
            return 1 if text[start] in "nrt" else 0
        case "[":
            colour = re.compile(r"[\d;]*m").match(text, start)
            return len(colour[0]) if colour else 0
        case _:
            return 2  # `%3D`
