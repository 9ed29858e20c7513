"""How two JSON arrays go together: which elements stayed, which came or went. Pure: no I/O.

JSON values are compared strictly, by their JSON: 1, 1.0 and true are three values,
0.0 and -0.0 are two, and the order of an object's keys does not matter.
"""

import json
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import msgspec

_REPEATED = 32
"""How many pairs of equal elements are looked at, per element of the two arrays. More
come up only when a few values fill long arrays."""

_encode = msgspec.json.Encoder(order="deterministic").encode

_Keys: TypeAlias = list[bytes]
_Matches: TypeAlias = list[tuple[int, int]]


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
    return _canonical(old) == _canonical(new)


def _canonical(value: Any) -> bytes:
    """Equal for equal values only."""
    try:
        return _encode(value)
    except UnicodeEncodeError:  # lone surrogates, from a session file that PraisonAI wrote
        return json.dumps(value, sort_keys=True).encode()


def align(old: list[Any], new: list[Any]) -> Iterator[Stretch]:
    """Cover two arrays by stretches, in order, so that the most elements stay the same.

    Where a few values fill long arrays, besides what the two have in common at their
    start and end, only elements that the new one holds once are matched; the others
    go by index. O(size of the arrays + n log n) for n elements.
    """
    i = j = 0
    for x, y in _matches(list(map(_canonical, old)), list(map(_canonical, new))):
        if x > i or y > j:
            yield Stretch(range(i, x), range(j, y), False)
        yield Stretch(range(x, x + 1), range(y, y + 1), True)
        i, j = x + 1, y + 1
    if len(old) > i or len(new) > j:
        yield Stretch(range(i, len(old)), range(j, len(new)), False)


def _matches(old: _Keys, new: _Keys) -> _Matches:
    """The indices of the elements that stay: those of the common ends, and between them."""
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    old_end, new_end = len(old) - tail, len(new) - tail
    between = _rising(_equal(old[head:old_end], new[head:new_end]))
    return [
        *((at, at) for at in range(head)),
        *((head + i, head + j) for i, j in between),
        *((old_end + at, new_end + at) for at in range(tail)),
    ]


def _common(old: _Keys, new: _Keys) -> int:
    """The length of the common start."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((at for at, (x, y) in pairs if x != y), min(len(old), len(new)))


def _equal(old: _Keys, new: _Keys) -> _Matches:
    """Where equal keys are: by old index, and for each old index the highest new one first."""
    places: dict[bytes, list[int]] = {}
    for at, key in enumerate(new):
        places.setdefault(key, []).append(at)
    if sum(len(places.get(key, ())) for key in old) > _REPEATED * (len(old) + len(new)):
        places = {key: found for key, found in places.items() if len(found) == 1}
    return [(i, j) for i, key in enumerate(old) for j in reversed(places.get(key, ()))]


def _rising(pairs: _Matches) -> _Matches:
    """The most of the pairs that go together: both of their indices rise.

    `lowest[n]` is the lowest new index at which a run of n + 1 pairs can end so far, and
    `runs[n]` such a run, the last pair first. As pairs of one old index come with falling
    new ones, no run takes two of them. O(n log n).
    """
    lowest: list[int] = []
    runs: list[Any] = []
    for pair in pairs:
        length = bisect_left(lowest, pair[1])
        run = (pair, runs[length - 1] if length else None)
        lowest[length : length + 1] = [pair[1]]
        runs[length : length + 1] = [run]
    found: _Matches = []
    rest = runs[-1] if runs else None
    while rest is not None:
        pair, rest = rest
        found.append(pair)
    return found[::-1]
