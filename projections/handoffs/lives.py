"""The turns in the view, from the set that made them to a clear. Pure: no I/O.

A clear takes turns out of the view. If one of them is set again, that is another life of it: its
calls begin anew.
"""

from collections.abc import Iterator

from msgspec import Struct, field

from journal.events import Clear, Set
from projections.handoffs.findings import TurnKey
from projections.turns.calls import CallKey
from projections.turns.reading import TurnState
from projections.turns.statuses import CallStatus


class Call(Struct, eq=False, kw_only=True):
    """A tool call of a turn; `findings.OpenCall` explains the fields.

    `key` is its own in its turn. `status` is what it last said of itself. `by_itself`: it was
    its own turn that finished it. `gone_seq` is the clear that took its turn out of the view
    while it was open.
    """

    life: "Life"
    key: CallKey
    id: str | None
    name: str | None
    number: int
    named_seq: int
    status: CallStatus | None = None
    finished_seq: int | None = None
    finished_by: str | None = None
    by_itself: bool = False
    ambiguous_seq: int | None = None
    gone_seq: int | None = None

    @property
    def until_seq(self) -> int | None:
        """The event from which on it is not open any more, None if it still is."""
        return self.finished_seq if self.gone_seq is None else self.gone_seq


class Life(Struct, eq=False, kw_only=True):
    """A turn of a runtime while it is in the view.

    `calls` are all that its states have named, `open_calls` those that are not finished, in the
    order in which they were named, `by_id` the latest of each id. `answered` are the ids of
    results that its states had and that are not of its own calls. `last` is its last set if the
    turn is open then and may still be written by a process. `over_at` is when a state first
    said that it is over, None if the last one does not say so.
    """

    runtime_id: str
    turn_id: str
    first_seq: int
    began_at: str
    state: TurnState
    calls: dict[CallKey, Call] = field(default_factory=dict)
    open_calls: dict[CallKey, Call] = field(default_factory=dict)
    by_id: dict[str, Call] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    last: Set | None = None
    over_at: str | None = None
    gone_seq: int | None = None

    @property
    def turn(self) -> TurnKey:
        return self.runtime_id, self.turn_id


class Lives:
    """A projection: the turns in the view. Memory: turns, with what their last states say."""

    def __init__(self) -> None:
        self.all: list[Life] = []  # in the order in which they began
        self._view: dict[str, dict[str, Life]] = {}

    def get(self, runtime_id: str, turn_id: str) -> Life | None:
        """A turn that is in the view."""
        return self._view.get(runtime_id, {}).get(turn_id)

    def now(self) -> Iterator[Life]:
        """All that are in the view, in its order."""
        for turns in self._view.values():
            yield from turns.values()

    def write(self, event: Set, state: TurnState) -> Life:
        """The turn that was set. O(1)."""
        turns = self._view.setdefault(event.runtime_id, {})
        life = turns.get(event.turn_id)
        if life is None:
            life = turns[event.turn_id] = Life(
                runtime_id=event.runtime_id,
                turn_id=event.turn_id,
                first_seq=event.seq,
                began_at=state.opened_at or event.ts,
                state=state,
            )
            self.all.append(life)
        life.state = state
        life.last = event if state.status == "open" and not state.is_imported else None
        if not state.is_over:
            life.over_at = None
        elif life.over_at is None:
            life.over_at = state.closed_at or event.ts
        return life

    def clear(self, event: Clear) -> list[Life]:
        """The turns that a clear takes out of the view. O(their number)."""
        runtimes = list(self._view) if event.runtime_id is None else [event.runtime_id]
        gone = [life for runtime in runtimes for life in self._view.pop(runtime, {}).values()]
        for life in gone:
            life.gone_seq, life.last = event.seq, None
        return gone
