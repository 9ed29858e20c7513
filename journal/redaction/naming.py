"""The names of secrets in a text: where they begin and end, and what they say."""

import re
from typing import NamedTuple

from journal.redaction.names import MAX_NAME, Sensitivity, sensitivity

CORE = re.compile(
    r"pass(?!age|enge|ive|ion|ing\b)|passw|pwd|pswd|secret|credential|creds\b|token|authori[sz]ation"
    r"|auth(?!or)|cookie|key|senha|kennwort|contrase|masterauth|psk|bindpw|rootpw|pw\b|\botp\b|mnemonic"
    r"|seed.phrase|recovery.phrase|sig(?:nature)?=|sessid|_pat\b|парол|密|パスワード|비밀번호",
    re.IGNORECASE,
)
_NAME = re.compile(r"[\w.$-]{0,256}+")
_NAME_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.$-ñáéíóúç"
_WORD_BEFORE = re.compile(r"([A-Za-z][A-Za-z0-9]{0,19})[ ]\Z")


class Name(NamedTuple):
    text: str
    start: int
    end: int
    says: Sensitivity


def name_at(text: str, core: re.Match[str]) -> tuple[Name | None, int]:
    """The name around its middle, and where it ends."""
    reach = max(0, core.start() - MAX_NAME)
    before = text[reach : core.start()]
    start = reach + len(before.rstrip(_NAME_CHARACTERS))
    start = min(core.start(), start + _escape_at(text, start))
    found = _NAME.match(text, core.end() - (text[core.end() - 1] == "="))
    end = min(found.end() if found else core.end(), start + 2 * MAX_NAME)
    name = text[start:end].rstrip(".-")
    end = max(start + len(name), core.start() + 1)
    says = sensitivity(name)
    if (says is None or not says.certain) and start and text[start - 1] == " ":
        word = _WORD_BEFORE.search(text, max(0, start - 21), start)
        if word is not None:
            both = sensitivity(f"{word[1]} {name}")
            if both is not None and both.certain:
                says = both
    return (Name(name, start, end, says) if says else None), end


def _escape_at(text: str, start: int) -> int:
    """How much of a name is the end of an escape before it: of a line, a colour, a URL."""
    match text[start - 1 : start]:
        case "\\":
            return 1 if text[start] in "nrt" else 0
        case "[":
            colour = re.compile(r"[\d;]*m").match(text, start)
            return len(colour[0]) if colour else 0
        case "%":
            return 2
    return 0
