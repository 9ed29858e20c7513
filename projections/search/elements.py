"""How a character that a pattern asks for may stand in a line: as which bytes.

In a line of JSON most characters stand as themselves, in UTF-8. Quotes, backslashes and control
characters are escaped, and `/` may be. Other writers than ours may write any character as
`\\uXXXX`; lines with such escapes are looked for by themselves (`prefilter`), so that nothing
here needs to know of them, but for those of control characters, which we write too.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple, TypeAlias

Bytes: TypeAlias = frozenset[int]

Run: TypeAlias = tuple[Bytes, ...]
"""Bytes side by side: for each place those that may stand there."""

_CONTROL = frozenset(range(0x20))
_ESCAPED = {*_CONTROL, *b'"\\/'}
PLAIN = frozenset(range(0x80)) - _ESCAPED
"""ASCII characters that stand as themselves, or as `\\uXXXX`."""

_LEADING = frozenset(range(0xC2, 0xF5))  # first bytes of other characters in UTF-8
_TRAILING = frozenset(range(0x80, 0xC0))
_SHORT = {0x08: b"b", 0x09: b"t", 0x0A: b"n", 0x0C: b"f", 0x0D: b"r"}


class Element(NamedTuple):
    """One character of a pattern, as bytes of a line.

    `middle` has the possible bytes, place by place; it is empty where the number of bytes is not
    known. `rare` are what may stand there instead, and seldom does. `first` and `last` have the
    first and the last byte of all forms, those of `rare` included.
    """

    middle: Run
    rare: tuple[Run, ...]
    first: Bytes
    last: Bytes


def of_class(ascii_codes: Iterable[int], beyond: bool) -> Element:
    """One of these ASCII characters, or with `beyond` perhaps any other one."""
    codes = frozenset(ascii_codes)
    plain = codes & PLAIN
    first, last = set(plain), set(plain)
    for code in codes - plain:
        first |= {*b"\\", *(b"/" if code == ord("/") else b"")}
        last |= _last_bytes(code)
    if beyond:
        first |= _LEADING
        last |= _TRAILING
    middle = (codes,) if codes == plain and not beyond else ()
    return Element(middle, (), frozenset(first), frozenset(last))


def _last_bytes(code: int) -> set[int]:
    if code not in _CONTROL:
        return {code}
    digit = b"%x" % (code & 0xF)
    return {*digit, *digit.upper(), *_SHORT.get(code, b"")}


def of_characters(characters: Iterable[str]) -> Element:
    """One of a few characters."""
    found = set(characters)
    if any(ord(each) in _ESCAPED for each in found):
        codes = (ord(each) for each in found if each.isascii())
        return of_class(codes, not all(map(str.isascii, found)))
    forms = sorted((each.encode("utf-8", "surrogatepass") for each in found), key=len)
    size = len(forms[0])
    usual = [form for form in forms if len(form) == size]
    return Element(
        tuple(map(frozenset, zip(*usual, strict=True))),
        tuple(tuple(frozenset((byte,)) for byte in form) for form in forms[len(usual) :]),
        frozenset(form[0] for form in forms),
        frozenset(form[-1] for form in forms),
    )


@cache
def of_digits() -> Element:
    """A digit of any script; those of others are rare."""
    forms = [chr(code).encode() for code in _every_code() if chr(code).isdecimal()]
    rare: dict[tuple[int, int], list[bytes]] = {}
    for form in forms:
        rare.setdefault((len(form), form[0]), []).append(form)
    runs = (tuple(map(frozenset, zip(*same, strict=True))) for same in rare.values())
    every = of_class(b"0123456789", True)
    return Element((frozenset(b"0123456789"),), _joined(runs), every.first, every.last)


def _joined(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Runs of the same length made into one, which stands for more."""
    by_length: dict[int, list[Run]] = {}
    for run in runs:
        by_length.setdefault(len(run), []).append(run)
    return tuple(
        tuple(frozenset[int]().union(*place) for place in zip(*same, strict=True))
        for same in by_length.values()
    )


def _every_code() -> Iterable[int]:
    return (*range(0x80, 0xD800), *range(0xE000, 0x20000))


UNUSUAL_CASES = {"i": "\u0130\u0131", "k": "\u212a", "s": "\u017f"}
"""Characters beyond ASCII that match an ASCII letter if case is ignored."""


@cache
def case_variants(character: str) -> frozenset[str]:
    """The characters that match this one if case is ignored."""
    if character.isascii():
        lower = character.lower()
        return frozenset((lower, character.upper(), *UNUSUAL_CASES.get(lower, "")))
    same = re.compile(re.escape(character), re.IGNORECASE)
    return frozenset((character, *same.findall(_cased())))


@cache
def _cased() -> str:
    """All characters that have a case."""
    return "".join(
        each
        for each in map(chr, (*range(0x80), *_every_code()))
        if each.lower() != each or each.upper() != each
    )
