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
        turns = tree.get(event.runtime_id)
        if turns is None:
            turns = tree[event.runtime_id] = {}
        replaced = turns.get(event.turn_id)
        turns[event.turn_id] = value
        return replaced
    if type(event) is Clear:
        if event.runtime_id is None:
            tree.clear()
        else:
            tree.pop(event.runtime_id, None)
    return None
