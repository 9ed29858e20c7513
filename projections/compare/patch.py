"""Edits as JSON Patch (RFC 6902), one operation each. Pure: no I/O."""

from collections.abc import Iterable
from typing import Any

from projections.compare.edits import Edit, Mark
from projections.compare.paths import pointer_of

_OPERATIONS: dict[Mark, str] = {"+": "add", "-": "remove", "~": "replace"}


def patch_of(edits: Iterable[Edit]) -> list[dict[str, Any]]:
    """One operation for each edit, in the same order. O(edits times their depth)."""
    return [_operation(edit) for edit in edits]


def _operation(edit: Edit) -> dict[str, Any]:
    operation = {"op": _OPERATIONS[edit.mark], "path": pointer_of(edit.now)}
    return operation if edit.mark == "-" else {**operation, "value": edit.new}
