"""Differences of two JSON values: as readable lines and as JSON Patch. Pure: no I/O.

JSON values are what `journal.state.decode_state` gives. They are compared strictly,
see `projections.compare.alignment`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from projections.compare.alignment import same
from projections.compare.edits import Edit, Mark, edits
from projections.compare.encoding import compact
from projections.compare.patch import patch_of
from projections.compare.paths import leaves, path_of


class Change(NamedTuple):
    """One leaf that was added ("+"), removed ("-") or replaced ("~").

    `path` is the place in the new value, for "-" in the old one. `old` is None for
    "+", and `new` is None for "-". Where one kind of value replaced another, `old`
    and `new` may be whole objects or arrays.
    """

    mark: Mark
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

        Applied to the old value it gives exactly the new one. It says what the lines
        say: one operation for each value that came, went or was replaced, a whole
        object or array at once where all of it came or went. The path of an `add` or
        `replace` is the place in the new value. No value is moved: what stands elsewhere
        in its array is removed and added. Costs what `lines` does.
        """
        return patch_of(self._edits)

    def lines(self) -> list[Change]:
        """One change per leaf, in the old value's order; keys that came follow those that stayed.

        Arrays go together as `align` says. O(size of the values), but times the depth
        to which changed arrays nest, and with the searches of `align` in each of them.
        """
        return [change for edit in self._edits for change in _changes(edit)]

    @cached_property
    def _edits(self) -> list[Edit]:
        return list(edits(self.old, self.new))

    def text(self) -> str:
        """The lines as text, such as `~ status: "open" → "completed"`."""
        return "\n".join(map(str, self.lines()))


def diff(old: Any, new: Any) -> Difference:
    """The difference between two JSON values."""
    return Difference(old, new)


def _changes(edit: Edit) -> list[Change]:
    """The leaves of what came or went; what was replaced is one change, whatever its size."""
    mark, was, now, old, new = edit
    match mark:
        case "+":
            return [Change("+", path, None, leaf) for path, leaf in leaves(new, path_of(now))]
        case "-":
            return [Change("-", path, leaf, None) for path, leaf in leaves(old, path_of(was))]
        case "~":
            return [Change("~", path_of(now), old, new)]
