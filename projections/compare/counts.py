"""How much of a value changed, by its parts: for each turn of a session, say. Pure: no I/O."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from projections.compare.alignment import same
from projections.compare.difference import diff
from projections.compare.edits import Mark
from projections.compare.encoding import compact_json
from projections.compare.paths import leaves

_ABSENT: Any = object()


class PartCount(NamedTuple):
    """How many leaves of one part were added, changed and removed.

    `keys` lead to the part. `grown` is how many bytes more it has as compact JSON in UTF-8,
    and negative if it has less. `mark` says whether the part itself is new ("+"), gone ("-"),
    or in both values ("~").
    """

    mark: Mark
    keys: tuple[str, ...]
    added: int
    changed: int
    removed: int
    grown: int


def counts(old: Any, new: Any, depth: int) -> Iterator[PartCount]:
    """The parts that differ, in the old value's order; new ones follow those that stayed.

    Parts are what stands `depth` keys deep, or above where there is no object to go into. The
    leaves are those of `Difference.lines`, and cost as much.
    """
    yield from _counts(old, new, depth, ())


def _counts(old: Any, new: Any, depth: int, keys: tuple[str, ...]) -> Iterator[PartCount]:
    sides = [side for side in (old, new) if side is not _ABSENT]
    if depth and any(sides) and all(isinstance(side, dict) for side in sides):
        before, after = (side if side is not _ABSENT else {} for side in (old, new))
        for key in {**before, **after}:
            below = before.get(key, _ABSENT), after.get(key, _ABSENT)
            yield from _counts(*below, depth - 1, (*keys, key))
    elif old is _ABSENT:
        yield PartCount("+", keys, _leaves(new), 0, 0, _size(new))
    elif new is _ABSENT:
        yield PartCount("-", keys, 0, 0, _leaves(old), -_size(old))
    elif not same(old, new):
        marks = Counter(change.mark for change in diff(old, new).lines())
        grown = _size(new) - _size(old)
        yield PartCount("~", keys, marks["+"], marks["~"], marks["-"], grown)


def _leaves(value: Any) -> int:
    return sum(1 for _ in leaves(value))


def _size(value: Any) -> int:
    return len(compact_json(value).encode(errors="surrogatepass"))
