"""What leads from one JSON value to another, from the front to the back. Pure: no I/O.

The only walk over two values: what is shown of a difference, as lines or as a patch,
is made from these edits, and so says the same.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

from projections.compare.alignment import align, same
from projections.compare.paths import ROOT_STEPS, Steps

Mark: TypeAlias = Literal["+", "-", "~"]


class Edit(NamedTuple):
    """One value, with all below it, that was added ("+"), removed ("-") or replaced ("~").

    `now` leads to it in the value as the edits before this one have left it, and as
    these go from the front to the back, that is for "+" and "~" its place in the new
    value. `was` leads to it in the old value, for "+" it is as `now`. `old` is None
    for "+", and `new` is None for "-".
    """

    mark: Mark
    was: Steps
    now: Steps
    old: Any
    new: Any


def edits(old: Any, new: Any) -> Iterator[Edit]:
    """The edits in the old value's order; keys that came follow those that stayed.

    Two objects go together by key, two arrays as `align` says; no edit lies in the
    value of another. Nothing when the two are strictly equal. O(size of the values),
    but times the depth to which changed arrays nest, and with the searches of `align`
    in each of them.
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
            # those before are as in the new array by now, so it has moved to where these end
            yield Edit("-", (was, i), (now, stretch.new.stop), old[i], None)
        for j in stretch.new[len(stretch.old) :]:
            yield Edit("+", (now, j), (now, j), None, new[j])
