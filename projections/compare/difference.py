"""The difference between two JSON values, as readable lines and as JSON Patch. Pure: no I/O.

JSON values are those that `journal.state.decode_state` returns. They are compared strictly,
see `projections.compare.alignment`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from journal.reprs import count, quoted, repr_of_parts
from projections.compare.alignment import same
from projections.compare.edits import Edit, Mark, edits
from projections.compare.encoding import compact_json
from projections.compare.patch import patch_of
from projections.compare.paths import leaves, path_of


class LeafChange(NamedTuple):
    """One leaf that was added ("+"), removed ("-") or replaced ("~").

    `path` leads to it in the new value, or for "-" in the old one. `old` is None for "+", and
    `new` is None for "-". If a value was replaced by one of another type, `old` and `new` may
    be whole objects or arrays.
    """

    mark: Mark
    path: str
    old: Any
    new: Any

    def __str__(self) -> str:
        values = {"+": (self.new,), "-": (self.old,), "~": (self.old, self.new)}[self.mark]
        return f"{self.mark} {self.path}: {' → '.join(map(compact_json, values))}"

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield f"{self.mark} {quoted(self.path)}"


@dataclass(frozen=True, eq=False, repr=False)
class Difference:
    """The difference between two JSON values; false if they are equal.

    It holds the two values themselves, so they must not be changed meanwhile.
    """

    old: Any
    new: Any

    def __bool__(self) -> bool:
        return not same(self.old, self.new)

    @cached_property
    def patch(self) -> list[dict[str, Any]]:
        """JSON Patch (RFC 6902) of `add`, `remove` and `replace`; empty if the two are equal.

        Applied to the old value, it gives exactly the new one. It says the same as the lines,
        with one operation for each value that came, went or was replaced; a whole object or
        array that came or went is one operation. The path of an `add` or `replace` leads to
        the value in the new document. There is no `move`: a value that moved within its array
        is removed and added. Costs as much as `lines`.
        """
        return patch_of(self._edits)

    def lines(self) -> list[LeafChange]:
        """One change per leaf, in the old value's order; new keys follow those that stayed.

        Arrays are compared by `align`. O(size of the values), times the depth to which changed
        arrays nest, plus the searches of `align` in each of them.
        """
        return [change for edit in self._edits for change in _changes(edit)]

    @cached_property
    def _edits(self) -> list[Edit]:
        return list(edits(self.old, self.new))

    def text(self) -> str:
        """The lines as text, such as `~ status: "open" → "completed"`."""
        return "\n".join(map(str, self.lines()))

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        known = "_edits" in vars(self)  # to find them may take long
        yield count(len(self._edits), "edit") if known else "not compared yet"


def diff(old: Any, new: Any) -> Difference:
    """The difference between two JSON values."""
    return Difference(old, new)


def _changes(edit: Edit) -> list[LeafChange]:
    """One change for each leaf that came or went; one for a value that was replaced as a whole."""
    mark, was, now, old, new = edit
    match mark:
        case "+":
            return [LeafChange("+", path, None, leaf) for path, leaf in leaves(new, path_of(now))]
        case "-":
            return [LeafChange("-", path, leaf, None) for path, leaf in leaves(old, path_of(was))]
        case "~":
            return [LeafChange("~", path_of(now), old, new)]
