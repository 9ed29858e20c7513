"""Aligns two JSON arrays: which elements stayed, which came and which went. Pure: no I/O.

JSON values are compared strictly, by their JSON: 1, 1.0 and true are three values,
0.0 and -0.0 are two, and the order of an object's keys does not matter.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from projections.compare.encoding import canonical
from projections.compare.subsequence import Matches, matches

_EXACT = (str, int, bool, type(None))
"""Types that Python itself compares strictly; that is quicker than encoding the values."""


class Stretch(NamedTuple):
    """Neighbours in an old array, and the elements in their place in a new one.

    Either the elements are the `same`, one by one, or they changed: the first old one became
    the first new one, and so on. Elements left over in the longer range were added or removed.
    """

    old: range
    new: range
    same: bool


def same(old: Any, new: Any) -> bool:
    """Whether two JSON values are strictly equal. O(size of the values)."""
    if type(old) is type(new) and type(old) in _EXACT:
        return bool(old == new)
    return canonical(old) == canonical(new)


def align(old: list[Any], new: list[Any]) -> Iterator[Stretch]:
    """Cover two arrays by stretches, in order, so that as many elements as possible are the same.

    There is one exception, between the common beginning and the common end: if a few values
    fill long arrays there, and over 32 elements came or went, only elements that occur once
    in the new array are matched; the others go by index. At worst O(size of the arrays +
    n log n) for n elements.
    """
    numbers: dict[bytes, int] = {}  # equal elements get one number, as they are compared often
    i = j = 0
    for x, y, length in _runs(matches(_numbered(old, numbers), _numbered(new, numbers))):
        if x > i or y > j:
            yield Stretch(range(i, x), range(j, y), False)
        i, j = x + length, y + length
        yield Stretch(range(x, i), range(y, j), True)
    if len(old) > i or len(new) > j:
        yield Stretch(range(i, len(old)), range(j, len(new)), False)


def _numbered(elements: list[Any], numbers: dict[bytes, int]) -> list[int]:
    return [numbers.setdefault(canonical(element), len(numbers)) for element in elements]


def _runs(matched: Matches) -> Iterator[tuple[int, int, int]]:
    """Runs of matches that are neighbours in both arrays: where each starts, and its length."""
    begin = 0
    for at, (i, j) in enumerate(matched, 1):
        if at == len(matched) or matched[at] != (i + 1, j + 1):
            length = at - begin
            yield i + 1 - length, j + 1 - length, length
            begin = at
