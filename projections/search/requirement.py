"""What a line must hold so that a pattern can match in it, found out from the pattern.

A *run* is a sequence of sets of bytes, one for each place: `[A-Z]{4}-` is five of them. A
requirement is a choice of runs of which one must stand in the line. It follows from the pattern
that `re` has parsed; where a part of it is not understood, it requires nothing.
"""

import math
from collections.abc import Callable, Sequence
from re import _parser  # type: ignore[attr-defined]  # beside `re` since 3.11
from typing import Any, NamedTuple, TypeAlias

from projections.search.characters import EVERY, of_literal, of_set
from projections.search.elements import Bytes, Element, Run, of_class
from projections.search.sample import Sample

_LONGEST = 32  # bytes of a run: more do not make it rarer
_WIDEST = 100  # bytes in a set at the edge of a run: more say nothing
_MOST_RUNS = 12
_MOST_COPIES = 4  # of a part that comes several times

# In nanoseconds for each byte of the logs:
_TRY = 3000.0  # trying the pattern where a run stands; so often for each byte
_MOST_COST = 60.0  # more than decoding all lines, and searching them

_RARE = 1e-6  # how often a rare form of a character stands somewhere

Passes: TypeAlias = Callable[[Sequence[Run], float], float]
"""What looking for some runs costs, of which one stands in this share of all places."""


class Requirement(NamedTuple):
    """One of `runs` must stand in a line. `is_ascii`: no other characters can match there.

    `often` is in what share of all places one of them may stand.
    """

    runs: tuple[Run, ...]
    is_ascii: bool
    often: float


class Costs(NamedTuple):
    """What a search costs: by what it is looked for, and in what."""

    passes: Passes
    sample: Sample

    def of(self, required: Requirement) -> float:
        """In nanoseconds for each byte of the logs."""
        if len(required.runs) > _MOST_RUNS:
            return math.inf
        return self.passes(required.runs, required.often) + _TRY * required.often


def requirement_of(pattern: str, flags: int, costs: Costs) -> Requirement | None:
    """The cheapest; None if the pattern requires nothing that would be worth a search.

    `pattern` is one that `re` has compiled.
    """
    parsed = _parser.parse(pattern, flags)
    found = _Reader(costs).read(parsed.data, parsed.state.flags)
    best = min(found, key=costs.of, default=None)
    return best if best is not None and costs.of(best) <= _MOST_COST else None


class _Reader:
    """Goes through a parsed pattern, and gathers what each part of it requires."""

    def __init__(self, costs: Costs) -> None:
        self._costs = costs
        self._found: list[Requirement] = []
        self._elements: list[Element] = []  # that stand side by side

    def read(self, items: Sequence[Any], flags: int) -> list[Requirement]:
        self._sequence(items, flags)
        self._break()
        return self._found

    def _break(self) -> None:
        """What follows need not be beside what came before."""
        self._found += _requirements(self._elements, self._costs.sample)
        self._elements = []

    def _sequence(self, items: Sequence[Any], flags: int) -> None:
        for op, argument in items:
            match str(op):
                case "LITERAL":
                    self._elements.append(of_literal(chr(argument), flags))
                case "NOT_LITERAL" | "ANY":
                    self._elements.append(of_class(EVERY, True))
                case "IN":
                    self._elements.append(of_set(argument, flags))
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
        each = [_Reader(self._costs).read(items, flags) for items in branches]
        if all(each):
            self._found.append(_any_of([min(found, key=self._costs.of) for found in each]))

    def _repeat(self, least: int, most: int, items: Sequence[Any], flags: int) -> None:
        one = _Reader(self._costs)
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


def _requirements(elements: Sequence[Element], sample: Sample) -> list[Requirement]:
    """What elements require that stand side by side."""
    found, start = [], 0
    for end, element in enumerate((*elements, None)):
        if element is None or not element.middle:
            left = elements[start - 1].last if start else None
            right = element.first if element is not None else None
            found += _of_stretch(elements[start:end], left, right, sample)
            start = end + 1
    return found


def _of_stretch(
    elements: Sequence[Element], left: Bytes | None, right: Bytes | None, sample: Sample
) -> list[Requirement]:
    """What elements require of which all have a `middle`; with what stands at both sides.

    All of them together, and the parts between those that have rare forms.
    """
    found, start, edge = _whole(elements, left, right, sample), 0, left
    for end, element in enumerate((*elements, None)):
        if element is None or element.rare:
            after = element.first if element is not None else right
            found += _whole(elements[start:end], edge, after, sample)
            start, edge = end + 1, element.last if element is not None else None
    return found


def _whole(
    elements: Sequence[Element], left: Bytes | None, right: Bytes | None, sample: Sample
) -> list[Requirement]:
    """What all of them require: with what stands at their sides, which is rarer; and without."""
    run = tuple(each for element in elements for each in element.middle)
    rare = dict.fromkeys(other for element in elements for other in element.rare)
    wider = (*_edge(left), *run, *_edge(right))
    return [
        Requirement(
            (each, *rare),
            not rare and all(max(choice, default=0) < 0x80 for choice in each),
            sample.often(each) + len(rare) * _RARE,
        )
        for each in dict.fromkeys((run[:_LONGEST], wider[:_LONGEST]))
        if each
    ]


def _edge(choice: Bytes | None) -> Run:
    return () if choice is None or len(choice) > _WIDEST else (choice,)


def _any_of(requirements: Sequence[Requirement]) -> Requirement:
    runs = dict.fromkeys(run for each in requirements for run in each.runs)
    is_ascii = all(each.is_ascii for each in requirements)
    return Requirement(tuple(runs), is_ascii, sum(each.often for each in requirements))
