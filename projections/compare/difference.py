"""Differences of two JSON values: as readable lines and as JSON Patch. Pure: no I/O.

JSON values are what `journal.state.decode_state` gives. They are compared strictly,
see `projections.compare.alignment`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from projections.compare.alignment import align, same
from projections.compare.paths import ROOT, child_path, compact, leaves


class Change(NamedTuple):
    """One leaf that was added ("+"), removed ("-") or replaced ("~").

    `path` is the place in the new value, for "-" in the old one. `old` is None for
    "+", and `new` is None for "-". Where one kind of value replaced another, `old`
    and `new` may be whole objects or arrays.
    """

    mark: Literal["+", "-", "~"]
    path: str
    old: Any
    new: Any

    def __str__(self) -> str:
        values = {"+": (self.new,), "-": (self.old,), "~": (self.old, self.new)}[self.mark]
        return f"{self.mark} {self.path}: {' → '.join(map(compact, values))}"


@dataclass(frozen=True, eq=False)
class Difference:
    """What leads from one JSON value to another; true when there is anything.

    It holds the two values themselves, so they must not be changed meanwhile.
    """

    old: Any
    new: Any

    def __bool__(self) -> bool:
        return not same(self.old, self.new)

    @cached_property
    def patch(self) -> list[dict[str, Any]]:
        """JSON Patch (RFC 6902) of `add`, `remove` and `replace`; empty when all is equal.

        Applied to the old value it gives the new one. Linear in the size of the
        values, but for lists of thousands of elements, many of them changed.
        """
        return _patch(self.old, self.new) if self else []

    def lines(self) -> list[Change]:
        """One change per leaf, in the old value's order; keys that came follow those that stayed.

        Lists go together as `align` says. O(size of the values), but times the depth
        to which changed lists nest.
        """
        return list(_changes(self.old, self.new, ROOT, ROOT))

    def text(self) -> str:
        """The lines as text, such as `~ status: "open" → "completed"`."""
        return "\n".join(map(str, self.lines()))


def diff(old: Any, new: Any) -> Difference:
    """The difference between two JSON values."""
    return Difference(old, new)


def _patch(old: Any, new: Any) -> list[dict[str, Any]]:
    """The library's patch if it is right, else one that replaces more than it must.

    Some of its versions give wrong patches: moves from where a value no longer is, when
    an operation before has shifted it. So it is asked for a patch without moves, which
    not all of them heed, and the answer is taken only if it leads to the new value.
    """
    from jsonpatch import JsonPatch  # here, because it costs milliseconds of start-up

    try:
        found = JsonPatch.from_diff(old, new, optimization=False)
        if same(found.apply(old), new):
            return list(found.patch)
    except Exception:  # noqa: BLE001, S110 - a wrong patch may fail with anything
        pass
    return list(_replacements(old, new, ""))


def _replacements(old: Any, new: Any, pointer: str) -> Iterator[dict[str, Any]]:
    """A patch that goes down objects only, so no operation shifts the place of another."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if not same(old, new):
            yield {"op": "replace", "path": pointer, "value": new}
        return
    for key in {**old, **new}:
        below = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in new:
            yield {"op": "remove", "path": below}
        elif key not in old:
            yield {"op": "add", "path": below, "value": new[key]}
        else:
            yield from _replacements(old[key], new[key], below)


def _changes(old: Any, new: Any, was: str, now: str) -> Iterator[Change]:
    """The changes between two values; `was` is the path of the old one, `now` of the new."""
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _changes_of_objects(old, new, was, now)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _changes_of_lists(old, new, was, now)
    elif not same(old, new):
        yield Change("~", now, old, new)


def _changes_of_objects(
    old: dict[str, Any], new: dict[str, Any], was: str, now: str
) -> Iterator[Change]:
    for key in {**old, **new}:
        if key not in new:
            yield from _removed(old[key], child_path(was, key))
        elif key not in old:
            yield from _added(new[key], child_path(now, key))
        else:
            yield from _changes(old[key], new[key], child_path(was, key), child_path(now, key))


def _changes_of_lists(old: list[Any], new: list[Any], was: str, now: str) -> Iterator[Change]:
    for stretch in align(old, new):
        if stretch.same:
            continue
        for i, j in zip(stretch.old, stretch.new, strict=False):
            yield from _changes(old[i], new[j], child_path(was, i), child_path(now, j))
        for i in stretch.old[len(stretch.new) :]:
            yield from _removed(old[i], child_path(was, i))
        for j in stretch.new[len(stretch.old) :]:
            yield from _added(new[j], child_path(now, j))


def _added(value: Any, path: str) -> Iterator[Change]:
    return (Change("+", where, None, leaf) for where, leaf in leaves(value, path))


def _removed(value: Any, path: str) -> Iterator[Change]:
    return (Change("-", where, leaf, None) for where, leaf in leaves(value, path))
