"""Which turns run for another one, side by side, so that nobody hands over. Pure: no I/O.

A set by a runtime that does not have the session is a child's if its turn is called for by a
turn of the runtime that has it: see `projections.turns.parents.is_called_for`. Once it was, all
sets of that turn are, whoever has the session by then, until a clear.
"""

from msgspec import Struct

from journal.events import Set
from projections.handoffs.findings import ChildTurn, TurnKey
from projections.turns.parents import Parent, is_called_for
from projections.turns.reading import TurnState
from projections.turns.statuses import TurnStatus


class _GrowingChild(Struct, eq=False):
    turn: TurnKey
    parent: Parent
    first_seq: int
    last_seq: int
    status: TurnStatus | None

    def found(self) -> ChildTurn:
        return ChildTurn(
            runtime_id=self.turn[0],
            turn_id=self.turn[1],
            status=self.status,
            first_seq=self.first_seq,
            last_seq=self.last_seq,
            parent_runtime_id=self.parent.runtime_id,
            parent_turn_id=self.parent.turn_id,
            tool_call_id=self.parent.tool_call_id,
            parent_session_id=self.parent.session_id,
        )


class Children:
    """A projection: the parents of the turns in the view, and the children among them.

    Memory: one entry for each turn in the view, and for each child.
    """

    def __init__(self) -> None:
        self._parents: dict[str, dict[str, Parent]] = {}  # of the turns in the view that have one
        self._now: dict[str, dict[str, _GrowingChild]] = {}  # those in the view
        self._all: list[_GrowingChild] = []

    def fold_child(self, event: Set, state: TurnState, owner: str, owner_turn: str | None) -> bool:
        """Whether a set by a runtime that does not have the session is a child's; notes it then.

        `owner` has the session, and wrote `owner_turn` last. O(1), the first time O(ancestors).
        """
        found = self._now.get(event.runtime_id, {}).get(event.turn_id)
        if found is None:
            parent = state.parent
            if parent is None or not is_called_for(parent, owner, owner_turn, self._parent_of):
                return False
            turn = (event.runtime_id, event.turn_id)
            found = _GrowingChild(turn, parent, event.seq, event.seq, state.status)
            self._now.setdefault(event.runtime_id, {})[event.turn_id] = found
            self._all.append(found)
        found.last_seq, found.status = event.seq, state.status
        found.parent = state.parent or found.parent
        return True

    def _parent_of(self, runtime_id: str, turn_id: str) -> Parent | None:
        return self._parents.get(runtime_id, {}).get(turn_id)

    def write(self, event: Set, state: TurnState) -> None:
        """A turn was set, by whichever runtime."""
        turns = self._parents.setdefault(event.runtime_id, {})
        if state.parent is not None:
            turns[event.turn_id] = state.parent
        else:
            turns.pop(event.turn_id, None)

    def clear(self, runtime_id: str | None) -> None:
        """The turns of a runtime, or all if it is None, are in the view no more."""
        for kept in (self._parents, self._now):
            if runtime_id is None:
                kept.clear()
            else:
                kept.pop(runtime_id, None)

    def found(self) -> tuple[ChildTurn, ...]:
        """The children so far, those cleared included, in the order of their first write."""
        return tuple(child.found() for child in self._all)
