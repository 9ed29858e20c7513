"""Which turn called for a turn: `parent` in its state, and the parents of that. Pure: no I/O.

    "parent": {"runtime": "triage", "turn": "t-1", "tool_call_id": "call-7", "session": "other"}

`session` is there only if it is another one than the turn's.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

ParentOf: TypeAlias = "Callable[[str, str], Parent | None]"
"""The parent of a turn, given its runtime and its id; None if it has none or is not known."""


class Parent(Struct, frozen=True):
    """The turn that called for a turn, in its call `tool_call_id` if that is known."""

    runtime_id: str
    turn_id: str
    tool_call_id: str | None = None
    session_id: str | None = None

    @property
    def key(self) -> tuple[str | None, str, str]:
        """Which turn it is: its session (None: the same), runtime and id."""
        return self.session_id, self.runtime_id, self.turn_id


class _OnlyParent(Struct):
    parent: Any = None


_decode_only_parent = msgspec.json.Decoder(_OnlyParent).decode


def parent_in(state: Any) -> Parent | None:
    """The parent that a state names; None if it names none in the form above. Never raises."""
    found = state.get("parent") if isinstance(state, dict) else None
    if not isinstance(found, dict):
        return None
    runtime, turn = found.get("runtime"), found.get("turn")
    if not isinstance(runtime, str) or not isinstance(turn, str):
        return None
    call, session = found.get("tool_call_id"), found.get("session")
    return Parent(
        runtime,
        turn,
        call if isinstance(call, str) and call else None,
        session if isinstance(session, str) and session else None,
    )


def parent_in_encoded(state: bytes) -> Parent | None:
    """`parent_in` of a state as JSON, of which only the parent is decoded. Never raises."""
    try:
        return parent_in({"parent": _decode_only_parent(state).parent})
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def is_called_for(parent: Parent, owner: str, owner_turn: str | None, parent_of: ParentOf) -> bool:
    """Whether a turn with this parent runs on behalf of the runtime that has the session.

    It does if one of its ancestors is a turn of that runtime, or if it has its first ancestor
    in common with `owner_turn`, the turn that the runtime wrote last. O(ancestors).
    """
    first = parent
    for first in _ancestors(parent, parent_of):
        if first.session_id is None and first.runtime_id == owner:
            return True
    if owner_turn is None:
        return False
    above = parent_of(owner, owner_turn)
    if above is None:
        return False  # it would be an ancestor of a runtime that has been compared
    *_, root = _ancestors(above, parent_of)
    return root.key == first.key


def _ancestors(parent: Parent, parent_of: ParentOf) -> Iterator[Parent]:
    """The parent, its parent and so on; those of another session are not known."""
    seen: set[tuple[str | None, str, str]] = set()
    found: Parent | None = parent
    while found is not None and found.key not in seen:
        yield found
        seen.add(found.key)
        found = parent_of(found.runtime_id, found.turn_id) if found.session_id is None else None
