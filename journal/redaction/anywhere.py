"""Searches for any of many short texts in one pass of `re`.

`re` tries an alternation at every character with which one of its branches can begin, and a
hundred words begin with almost every letter. So each word is searched for by its rarest
character, and its other characters are compared only where that one is found: 60 words in
400 bytes took 3 µs, and 23 µs with an `in` for each.
"""

import re
from collections.abc import Iterable, Mapping

_RAREST_FIRST = "~QZJXKVqzYGWHBPUMDFNLORCSTEIA=*7543kjv\\w8_-:bpgfcuymdhl/sronita e0126 9.@"
"""The characters of what agents save (prose, code, paths, numbers, ids), the rarest first."""

_LOWER = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def any_of(words: Iterable[bytes], where: Mapping[bytes, bytes]) -> re.Pattern[bytes]:
    """A pattern that finds any of the words; an assertion in `where` must hold after its word."""
    groups: dict[bytes, list[bytes]] = {}
    for word in words:
        at = min(range(len(word)), key=lambda at: (_rarity(word[at]), at))
        anchor, before, after = word[at : at + 1], word[:at], word[at + 1 :]
        around = (b"(?<=%b)" % re.escape(before + anchor)) if before else b""
        around += re.escape(after) + where.get(word, b"")
        groups.setdefault(anchor, []).append(around)
    for each in groups.values():  # `re` rejects a branch that begins with a character at once
        each.sort(key=_begins_with_assertion)
    either = (re.escape(anchor) + b"(?:%b)" % b"|".join(each) for anchor, each in groups.items())
    return re.compile(b"|".join(either))


def _begins_with_assertion(around: bytes) -> bool:
    return around.startswith(b"(?<=")


def lowered(text: str) -> str:
    """A text in lower case with the same length: `İ` alone would become two characters."""
    lower = text.lower()
    return lower if len(lower) == len(text) else text.translate(_LOWER)


def _rarity(character: int) -> int:
    found = _RAREST_FIRST.find(chr(character))
    return found if found >= 0 else (0 if character >= 0x80 else len(_RAREST_FIRST))
