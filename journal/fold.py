"""Which turns are alive: the one rule that the view and compaction share.

A tree is `{runtime_id: {turn_id: value}}` in the order of each turn's first set
since it was last cleared, which is the order a plain dict keeps by itself.
"""

from typing import TypeVar

from journal.events import Clear, Event, Set

V = TypeVar("V")


def apply(tree: dict[str, dict[str, V]], event: Event, value: V) -> V | None:
    """Fold one event into `tree`, storing `value` for a set. O(1).

    Returns the value that a set replaced, None if there was none.
    """
    if type(event) is Set:
        return put(tree, event.runtime_id, event.turn_id, value)
    if type(event) is Clear:
        if event.runtime_id is None:
            tree.clear()
        else:
            tree.pop(event.runtime_id, None)
    return None


def put(tree: dict[str, dict[str, V]], runtime_id: str, turn_id: str, value: V) -> V | None:
    """Set a turn in `tree`. O(1). Returns the value that it had, None if there was none."""
    turns = tree.get(runtime_id)
    if turns is None:
        turns = tree[runtime_id] = {}
    replaced = turns.get(turn_id)
    turns[turn_id] = value
    return replaced
