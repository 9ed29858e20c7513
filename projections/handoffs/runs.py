"""What one runtime wrote of one turn, through all its lives. Pure: no I/O."""

from msgspec import Struct, field

from journal.events import Set
from projections.handoffs.findings import TurnRun
from projections.handoffs.ledger import shows_over
from projections.turns.calls import SeenCall
from projections.turns.reading import TurnState
from projections.turns.statuses import TurnStatus


class Run(Struct, eq=False):
    """What one runtime wrote of one turn; the keys of the dicts are ordered sets."""

    runtime_id: str
    had_session: bool
    first_seq: int
    last_seq: int = 0
    writes: int = 0
    agent: str | None = None
    status: TurnStatus | None = None
    writers: dict[str, None] = field(default_factory=dict)
    calls: dict[str, None] = field(default_factory=dict)
    finished: dict[str, None] = field(default_factory=dict)

    def write(self, event: Set, state: TurnState) -> None:
        """O(calls in the state)."""
        self.last_seq = event.seq
        self.writes += 1
        self.writers[event.writer] = None
        self.agent, self.status = state.agent or self.agent, state.status
        for call in state.calls.values():
            label = _label(call)
            self.calls[label] = None
            if shows_over(call, state):
                self.finished[label] = None
        self.calls.update(dict.fromkeys(state.answers))
        self.finished.update(dict.fromkeys(state.answers))

    def finding(self) -> TurnRun:
        return TurnRun(
            runtime_id=self.runtime_id,
            agent=self.agent,
            status=self.status,
            first_seq=self.first_seq,
            last_seq=self.last_seq,
            writes=self.writes,
            writers=tuple(self.writers),
            calls=tuple(self.calls),
            finished_calls=tuple(self.finished),
            had_session=self.had_session,
        )


def _label(call: SeenCall) -> str:
    return call.id if call.id is not None else f"{call.name or 'a call'} without an id"
