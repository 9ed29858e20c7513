"""The characters of a pattern, as `re` has parsed it, as elements that match at least as much."""

from collections.abc import Iterable, Sequence
from re import ASCII as ASCII_ONLY
from re import IGNORECASE
from typing import Any

from projections.search.elements import (
    UNUSUAL_CASES,
    Element,
    case_variants,
    of_characters,
    of_class,
    of_digits,
)


def of_literal(character: str, flags: int) -> Element:
    """The character; or what matches it, if case is ignored."""
    return of_characters(case_variants(character) if flags & IGNORECASE else character)


EVERY = frozenset(range(0x80))
"""All of ASCII."""

_DIGITS = frozenset(b"0123456789")
_WORDS = frozenset(code for code in range(0x80) if chr(code).isalnum()) | {ord("_")}
_SPACES = frozenset(b"\t\n\v\f\r ")
_ODD_SPACES = frozenset(range(0x1C, 0x20))  # with the flag ASCII, these are none
_CATEGORIES = {
    "CATEGORY_DIGIT": _DIGITS,
    "CATEGORY_NOT_DIGIT": EVERY - _DIGITS,
    "CATEGORY_WORD": _WORDS,
    "CATEGORY_NOT_WORD": EVERY - _WORDS,
    "CATEGORY_SPACE": _SPACES | _ODD_SPACES,
    "CATEGORY_NOT_SPACE": EVERY - _SPACES,
}
_HAVE_CASES_BEYOND = frozenset("".join(UNUSUAL_CASES) + "".join(UNUSUAL_CASES).upper())


def of_set(items: Sequence[Any], flags: int) -> Element:
    """A superset of what a set in brackets matches."""
    if [str(each) for _, each in items] == ["CATEGORY_DIGIT"] and not flags & ASCII_ONLY:
        return of_digits()
    negated = str(items[0][0]) == "NEGATE"
    codes: set[int] = set()
    beyond = negated
    for op, argument in items[negated:]:
        match str(op):
            case "LITERAL":
                codes.add(argument)
            case "RANGE":
                codes |= set(range(argument[0], min(argument[1], 0x80) + 1))
                beyond = beyond or argument[1] >= 0x80
            case "CATEGORY" if str(argument) in _CATEGORIES:
                codes |= _CATEGORIES[str(argument)]
                beyond = beyond or "NOT" in str(argument) or not flags & ASCII_ONLY
            case _:
                return of_class(EVERY, True)
    beyond = beyond or any(code >= 0x80 for code in codes)
    if negated:
        if any(str(op) == "CATEGORY" for op, _ in items) or flags & IGNORECASE:
            return of_class(EVERY, True)
        return of_class(EVERY - codes, True)
    if flags & IGNORECASE:
        codes |= {ord(each) for code in codes if code < 0x80 for each in _cases(code)}
        if beyond:
            codes |= set(map(ord, _HAVE_CASES_BEYOND))
        beyond = beyond or any(chr(code) in _HAVE_CASES_BEYOND for code in codes)
    return of_class((code for code in codes if code < 0x80), beyond)


def _cases(code: int) -> Iterable[str]:
    return (each for each in case_variants(chr(code)) if each.isascii())
