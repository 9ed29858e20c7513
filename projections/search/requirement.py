"""What a line must hold so that a pattern can match in it, found out from the pattern.

A *run* is a sequence of sets of bytes, one for each place: `[A-Z]{4}-` is five of them. A
requirement is a choice of runs of which one must stand in the line. It follows from the pattern
that `re` has parsed; where a part of it is not understood, it requires nothing.
"""

import math
from collections.abc import Iterable, Sequence
from functools import partial
from re import ASCII as ASCII_ONLY
from re import IGNORECASE, _parser  # type: ignore[attr-defined]  # beside `re` since 3.11
from typing import Any, NamedTuple

from projections.search.elements import (
    UNUSUAL_CASES,
    Bytes,
    Element,
    Run,
    case_variants,
    of_characters,
    of_class,
    of_digits,
)

_LONGEST = 32  # bytes of a run: more do not make it rarer
_WIDEST = 100  # bytes in a set at the edge of a run: more say nothing
_MOST_RUNS = 12
_MOST_COPIES = 4  # of a part that comes several times

# What a search costs, in nanoseconds for each byte:
PASS = 2.0
"""Looking for one run, with what comes with Python."""

_TRY = 3000.0  # trying the pattern where one stands; so often for each byte
_MOST_COST = 1000.0  # more than all strings cost that can be tried

_TEXT_REPEATS = 0.5  # of the bits that a byte would say if it did not depend on its neighbours
_WORD = 1e-3  # how often a common word may stand somewhere; of longer ones, less
_RARE = 1e-6  # how often a rare form of a character stands somewhere
_COMMON = frozenset(b" etaoinsrhld")
_SELDOM = frozenset(b"QXZJK@#%&$~^`|;!?<>*+=()'")


class Requirement(NamedTuple):
    """One of `runs` must stand in a line. `is_ascii`: no other characters can match there.

    `often` is in what share of all places one of them may stand, by a rough guess.
    """

    runs: tuple[Run, ...]
    is_ascii: bool
    often: float


def requirement_of(pattern: str, flags: int, each: float = PASS) -> Requirement | None:
    """None if the pattern requires nothing that would be worth a search.

    `pattern` is one that `re` has compiled. `each` is what it costs to look for one more run.
    """
    parsed = _parser.parse(pattern, flags)
    found = _Reader(each).read(parsed.data, parsed.state.flags)
    best = min(found, key=partial(_cost, each), default=None)
    return best if best is not None and _cost(each, best) <= _MOST_COST else None


def _cost(each: float, required: Requirement) -> float:
    if len(required.runs) > _MOST_RUNS:
        return math.inf
    return each * len(required.runs) + _TRY * required.often


class _Reader:
    """Goes through a parsed pattern, and gathers what each part of it requires."""

    def __init__(self, each: float) -> None:
        self._each = each
        self._found: list[Requirement] = []
        self._elements: list[Element] = []  # that stand side by side

    def read(self, items: Sequence[Any], flags: int) -> list[Requirement]:
        self._sequence(items, flags)
        self._break()
        return self._found

    def _break(self) -> None:
        """What follows need not be beside what came before."""
        self._found += _requirements(self._elements)
        self._elements = []

    def _sequence(self, items: Sequence[Any], flags: int) -> None:
        for op, argument in items:
            match str(op):
                case "LITERAL":
                    self._elements.append(_of_literal(chr(argument), flags))
                case "NOT_LITERAL" | "ANY":
                    self._elements.append(of_class(_EVERY, True))
                case "IN":
                    self._elements.append(_of_set(argument, flags))
                case "SUBPATTERN":
                    _, added, removed, inner = argument
                    self._sequence(inner, (flags | added) & ~removed)
                case "ATOMIC_GROUP":
                    self._sequence(argument, flags)
                case "BRANCH":
                    self._branch(argument[1], flags)
                case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                    self._repeat(argument[0], argument[1], argument[2], flags)
                case "AT" | "ASSERT" | "ASSERT_NOT":
                    pass  # they have no width: their neighbours are side by side
                case _:
                    self._break()

    def _branch(self, branches: Sequence[Any], flags: int) -> None:
        self._break()
        each = [_Reader(self._each).read(items, flags) for items in branches]
        if all(each):
            cost = partial(_cost, self._each)
            self._found.append(_any_of([min(found, key=cost) for found in each]))

    def _repeat(self, least: int, most: int, items: Sequence[Any], flags: int) -> None:
        one = _Reader(self._each)
        one._sequence(items, flags)
        copies = _LONGEST
        if one._found or len(one._elements) != 1:
            copies = _MOST_COPIES
        for _ in range(min(least, copies)):
            self._sequence(items, flags)
        if least == most and least <= copies:
            return
        self._break()
        if copies == _LONGEST:  # the last ones are beside what comes next
            self._elements += one._elements * min(least, copies)


def _of_literal(character: str, flags: int) -> Element:
    return of_characters(case_variants(character) if flags & IGNORECASE else character)


_EVERY = frozenset(range(0x80))
_DIGITS = frozenset(b"0123456789")
_WORDS = frozenset(code for code in range(0x80) if chr(code).isalnum()) | {ord("_")}
_SPACES = frozenset(b"\t\n\v\f\r ")
_ODD_SPACES = frozenset(range(0x1C, 0x20))  # with the flag ASCII, these are none
_CATEGORIES = {
    "CATEGORY_DIGIT": _DIGITS,
    "CATEGORY_NOT_DIGIT": _EVERY - _DIGITS,
    "CATEGORY_WORD": _WORDS,
    "CATEGORY_NOT_WORD": _EVERY - _WORDS,
    "CATEGORY_SPACE": _SPACES | _ODD_SPACES,
    "CATEGORY_NOT_SPACE": _EVERY - _SPACES,
}
_HAVE_CASES_BEYOND = frozenset("".join(UNUSUAL_CASES) + "".join(UNUSUAL_CASES).upper())


def _of_set(items: Sequence[Any], flags: int) -> Element:
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
                return of_class(_EVERY, True)
    beyond = beyond or any(code >= 0x80 for code in codes)
    if negated:
        if any(str(op) == "CATEGORY" for op, _ in items) or flags & IGNORECASE:
            return of_class(_EVERY, True)
        return of_class(_EVERY - codes, True)
    if flags & IGNORECASE:
        codes |= {ord(each) for code in codes if code < 0x80 for each in _cases(code)}
        if beyond:
            codes |= set(map(ord, _HAVE_CASES_BEYOND))
        beyond = beyond or any(chr(code) in _HAVE_CASES_BEYOND for code in codes)
    return of_class((code for code in codes if code < 0x80), beyond)


def _cases(code: int) -> Iterable[str]:
    return (each for each in case_variants(chr(code)) if each.isascii())


def _requirements(elements: Sequence[Element]) -> list[Requirement]:
    """What elements require that stand side by side."""
    found, start = [], 0
    for end, element in enumerate((*elements, None)):
        if element is None or not element.middle:
            left = elements[start - 1].last if start else None
            right = element.first if element is not None else None
            found += _of_stretch(elements[start:end], left, right)
            start = end + 1
    return found


def _of_stretch(
    elements: Sequence[Element], left: Bytes | None, right: Bytes | None
) -> list[Requirement]:
    """What elements require of which all have a `middle`; with what stands at both sides.

    All of them together, and the parts between those that have rare forms.
    """
    found, start, edge = [_whole(elements, left, right)], 0, left
    for end, element in enumerate((*elements, None)):
        if element is None or element.rare:
            after = element.first if element is not None else right
            found.append(_whole(elements[start:end], edge, after))
            start, edge = end + 1, element.last if element is not None else None
    return [each for each in found if each is not None]


def _whole(
    elements: Sequence[Element], left: Bytes | None, right: Bytes | None
) -> Requirement | None:
    run = [each for element in elements for each in element.middle]
    edges = [edge for edge in (left, right) if edge is not None and len(edge) <= _WIDEST]
    if left in edges and left is not None:
        run.insert(0, left)
    if right in edges and right is not None:
        run.append(right)
    if not run:
        return None
    run = run[:_LONGEST]
    rare = dict.fromkeys(other for element in elements for other in element.rare)
    is_ascii = not rare and all(max(each, default=0) < 0x80 for each in run)
    return Requirement((tuple(run), *rare), is_ascii, _often(run) + len(rare) * _RARE)


def _any_of(requirements: Sequence[Requirement]) -> Requirement:
    runs = dict.fromkeys(run for each in requirements for run in each.runs)
    is_ascii = all(each.is_ascii for each in requirements)
    return Requirement(tuple(runs), is_ascii, sum(each.often for each in requirements))


def _often(run: Sequence[Bytes]) -> float:
    by_bytes = 2.0 ** -(_TEXT_REPEATS * sum(map(_bits, run)))
    return float(max(by_bytes, _WORD * 2.0 ** -(len(run) / 2)))


def _bits(choice: Bytes) -> float:
    """How seldom a byte is one of these, roughly."""
    share = sum(map(_share, choice))
    return -math.log2(min(share, 1.0)) if share else math.inf


def _share(byte: int) -> float:
    if byte in _COMMON:
        return 0.05
    return 0.001 if byte in _SELDOM or byte >= 0x80 else 0.015
