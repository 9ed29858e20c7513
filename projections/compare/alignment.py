"""How two JSON arrays go together: which elements stayed, which came or went. Pure: no I/O.

JSON values are compared strictly, by their JSON: 1, 1.0 and true are three values,
0.0 and -0.0 are two, and the order of an object's keys does not matter.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from projections.compare.encoding import canonical
from projections.compare.subsequence import Matches, matches

_EXACT = (str, int, bool, type(None))
"""Types whose own values Python compares strictly, which takes less than to encode them."""


class Stretch(NamedTuple):
    """Neighbours in an old array, and what stands in their place in a new one.

    Either the elements are the `same`, one by one, or they changed: the first of the
    old became the first of the new and so on, and what is left over in the longer
    range was added or removed.
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
    """Cover two arrays by stretches, in order, so that the most elements stay the same.

    Where a few values fill long arrays, and over 32 elements came or went between the
    ends that the two have in common, only elements that the new one holds once are
    matched there; the others go by index. At worst, whatever the arrays hold:
    O(size of the arrays + n log n) for n elements.
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
    """Matches that are neighbours in both arrays as one: where it starts, and its length."""
    begin = 0
    for at, (i, j) in enumerate(matched, 1):
        if at == len(matched) or matched[at] != (i + 1, j + 1):
            length = at - begin
            yield i + 1 - length, j + 1 - length, length
            begin = at
