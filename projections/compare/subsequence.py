"""The longest common subsequence of two lists of ints, in bounded time. Pure: no I/O."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, TypeAlias

Matches: TypeAlias = list[tuple[int, int]]
"""Indexes of equal ints in the two lists; both rise from one to the next."""

_REPEATED = 32
"""At most so many pairs of equal ints are looked at, per int of the two lists. There are more
only if a few values fill long lists."""

_MOST_EDITS = 32
"""At most so many insertions and removals are looked for if a few values fill long lists."""


def matches(old: list[int], new: list[int]) -> Matches:
    """Match as many equal ints of two lists as possible, in order.

    O(n log n) for n ints: at worst 32 pairs of equal ints for each of them, or 65 diagonals.
    The matches are fewer than possible in one case: between the common beginning and the
    common end, a few values fill long lists, and over 32 ints came or went. Then only ints
    that occur once in the new list are matched there.
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
    indexes: dict[int, list[int]] = {}
    for at, value in enumerate(new):
        indexes.setdefault(value, []).append(at)
    if sum(len(indexes.get(value, ())) for value in old) > _REPEATED * (len(old) + len(new)):
        found = _few_edits(old, new)
        if found is not None:
            return found
        indexes = {value: at for value, at in indexes.items() if len(at) == 1}
    pairs = ((i, j) for i, value in enumerate(old) for j in reversed(indexes.get(value, ())))
    return _rising(pairs)


def _rising(pairs: Iterable[tuple[int, int]]) -> Matches:
    """The longest sequence of pairs in which both indexes rise.

    `lowest[n]` is the lowest new index at which a run of n + 1 pairs can end so far, and
    `runs[n]` is such a run, the last pair first. Pairs with the same old index come with
    falling new ones, so no run contains two of them. O(n log n); Hunt and Szymanski, 1977.
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

    After each number of edits, `reach` says how far each diagonal (old index minus new index)
    has come in the old list. O(n) for each diagonal; Myers, 1986.
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
    """Where the last edit, an insertion or a removal, enters a diagonal."""
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
