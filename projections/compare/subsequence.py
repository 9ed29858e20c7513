"""The longest common subsequence of two lists of ints, in bounded time. Pure: no I/O."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, TypeAlias

Matches: TypeAlias = list[tuple[int, int]]
"""Indexes of equal ints in the two lists; both rise from one to the next."""

_REPEATED = 32
"""How many pairs of equal ints are looked at, per int of the two lists. More come up
only when a few values fill long lists."""

_MOST_EDITS = 32
"""How many insertions and removals are looked for where a few values fill long lists."""


def matches(old: list[int], new: list[int]) -> Matches:
    """Which ints of two lists go together, so that the most of them do.

    O(n log n) for n ints: at worst 32 pairs of equal ints for each of them, or 65
    diagonals. It is not the most where a few values fill long lists and over 32 ints
    came or went between the common ends: then of all that is between these, only ints
    that the new list holds once are matched.
    """
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    old_end, new_end = len(old) - tail, len(new) - tail
    between = _between(old[head:old_end], new[head:new_end])
    return [
        *((at, at) for at in range(head)),
        *((head + i, head + j) for i, j in between),
        *((old_end + at, new_end + at) for at in range(tail)),
    ]


def _common(old: list[int], new: list[int]) -> int:
    """The length of the common start."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((at for at, (x, y) in pairs if x != y), min(len(old), len(new)))


def _between(old: list[int], new: list[int]) -> Matches:
    places: dict[int, list[int]] = {}
    for at, value in enumerate(new):
        places.setdefault(value, []).append(at)
    if sum(len(places.get(value, ())) for value in old) > _REPEATED * (len(old) + len(new)):
        found = _few_edits(old, new)
        if found is not None:
            return found
        places = {value: at for value, at in places.items() if len(at) == 1}
    pairs = ((i, j) for i, value in enumerate(old) for j in reversed(places.get(value, ())))
    return _rising(pairs)


def _rising(pairs: Iterable[tuple[int, int]]) -> Matches:
    """The most of the pairs that go together: both of their indices rise.

    `lowest[n]` is the lowest new index at which a run of n + 1 pairs can end so far, and
    `runs[n]` such a run, the last pair first. As pairs of one old index come with falling
    new ones, no run takes two of them. O(n log n); Hunt and Szymanski, 1977.
    """
    lowest: list[int] = []
    runs: list[Any] = []
    for pair in pairs:
        length = bisect_left(lowest, pair[1])
        run = (pair, runs[length - 1] if length else None)
        lowest[length : length + 1] = [pair[1]]
        runs[length : length + 1] = [run]
    found: Matches = []
    rest = runs[-1] if runs else None
    while rest is not None:
        pair, rest = rest
        found.append(pair)
    return found[::-1]


def _few_edits(old: list[int], new: list[int]) -> Matches | None:
    """The most matches if no more than `_MOST_EDITS` ints came or went, else None.

    After some edits, `reach` has how far in the old list each diagonal (old index less
    new index) has come. O(n) for each diagonal; Myers, 1986.
    """
    reach = {1: 0}
    before: list[dict[int, int]] = []  # `reach` as each number of edits found it
    for edits in range(_MOST_EDITS + 1):
        before.append(dict(reach))
        for diagonal in range(-edits, edits + 1, 2):
            i = _start(reach, diagonal, edits)
            while i < len(old) and i - diagonal < len(new) and old[i] == new[i - diagonal]:
                i += 1
            reach[diagonal] = i
        if reach.get(len(old) - len(new), -1) == len(old):
            return _walked_back(before, len(old), len(new))
    return None


def _start(reach: dict[int, int], diagonal: int, edits: int) -> int:
    """Where the last of some edits enters a diagonal: by an insertion or a removal."""
    if diagonal == -edits or (diagonal < edits and reach[diagonal - 1] < reach[diagonal + 1]):
        return reach[diagonal + 1]
    return reach[diagonal - 1] + 1


def _walked_back(before: list[dict[int, int]], i: int, j: int) -> Matches:
    found: Matches = []
    for edits, reach in reversed(list(enumerate(before))):
        diagonal = i - j
        start = _start(reach, diagonal, edits)
        found += ((at, at - diagonal) for at in range(i - 1, start - 1, -1))
        inserted = start == reach.get(diagonal + 1)
        i, j = (start, start - diagonal - 1) if inserted else (start - 1, start - diagonal)
    return found[::-1]
