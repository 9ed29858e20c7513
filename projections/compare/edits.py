"""The edits that lead from one JSON value to another, from front to back. Pure: no I/O.

This is the only walk over two values. The lines and the patch of a difference are both made
from these edits, so they say the same.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

from projections.compare.alignment import align, same
from projections.compare.paths import ROOT_STEPS, Steps

Mark: TypeAlias = Literal["+", "-", "~"]


class Edit(NamedTuple):
    """One value, with all below it, that was added ("+"), removed ("-") or replaced ("~").

    `now` leads to it in the value as the edits before this one have left it. Since edits go
    from front to back, for "+" and "~" this is also its path in the new value. `was` leads to
    it in the old value; for "+" it is the same as `now`. `old` is None for "+", and `new` is
    None for "-".
    """

    mark: Mark
    was: Steps
    now: Steps
    old: Any
    new: Any


def edits(old: Any, new: Any) -> Iterator[Edit]:
    """The edits in the old value's order; new keys follow those that stayed.

    Objects are compared by key, arrays by `align`. No edit lies within the value of another.
    There are none if the two are strictly equal. O(size of the values), times the depth to
    which changed arrays nest, plus the searches of `align` in each of them.
    """
    return _edits(old, new, ROOT_STEPS, ROOT_STEPS)


def _edits(old: Any, new: Any, was: Steps, now: Steps) -> Iterator[Edit]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _edits_of_objects(old, new, was, now)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _edits_of_arrays(old, new, was, now)
    elif not same(old, new):
        yield Edit("~", was, now, old, new)


def _edits_of_objects(
    old: dict[str, Any], new: dict[str, Any], was: Steps, now: Steps
) -> Iterator[Edit]:
    for key in {**old, **new}:
        if key not in new:
            yield Edit("-", (was, key), (now, key), old[key], None)
        elif key not in old:
            yield Edit("+", (now, key), (now, key), None, new[key])
        else:
            yield from _edits(old[key], new[key], (was, key), (now, key))


def _edits_of_arrays(old: list[Any], new: list[Any], was: Steps, now: Steps) -> Iterator[Edit]:
    for stretch in align(old, new):
        if stretch.same:
            continue
        for i, j in zip(stretch.old, stretch.new, strict=False):
            yield from _edits(old[i], new[j], (was, i), (now, j))
        for i in stretch.old[len(stretch.new) :]:
            # The elements before it are as in the new array already: it is right behind them.
            yield Edit("-", (was, i), (now, stretch.new.stop), old[i], None)
        for j in stretch.new[len(stretch.old) :]:
            yield Edit("+", (now, j), (now, j), None, new[j])
