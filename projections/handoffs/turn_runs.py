"""Who ran which turn. Pure: no I/O.

- A clear takes turns out of the view, but not out of the history of who ran them.
- Two successive sets of a turn by different runtimes are in order if, between them, handoffs
  lead from the first runtime to the second, perhaps through others. A handoff with a
  `turn_id` counts for that turn only.
- What children write counts for nothing here: their turns are their own, whatever their ids.
"""

from bisect import bisect_right
from collections.abc import Iterator

from msgspec import Struct, field

from journal.events import Handoff, Set
from projections.handoffs.findings import Conflict, DoubleRun
from projections.handoffs.records import Role
from projections.handoffs.runs import Run
from projections.turns.reading import TurnState


class _Turn(Struct, eq=False):
    runs: dict[str, Run] = field(default_factory=dict)  # by runtime
    last: Run | None = None  # by the runtime that wrote it last
    conflicts: list[Conflict] = field(default_factory=list)


class TurnRuns:
    """A projection. Memory: turns, the calls that each shows, and handoffs."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}
        self._handoffs: list[Handoff] = []
        self._latest_to: dict[str, int] = {}  # seq of the latest handoff by its target

    def hand_off(self, event: Handoff) -> None:
        """O(1)."""
        self._handoffs.append(event)
        self._latest_to[event.target] = event.seq

    def write(self, event: Set, state: TurnState, role: Role) -> None:
        """O(calls in the state), and what `_handed_on` costs where the runtime changes."""
        if role.is_child:
            return
        turn = self._turns.setdefault(event.turn_id, _Turn())
        self._judge(turn, event)
        run = turn.runs.get(event.runtime_id)
        if run is None:
            run = Run(event.runtime_id, role.had_session, event.seq)
            turn.runs[event.runtime_id] = run
        run.write(event, state)
        turn.last = run

    def in_several_runtimes(self) -> Iterator[DoubleRun]:
        """The turns that more than one runtime wrote, with and without conflicts."""
        for turn_id, turn in self._turns.items():
            if len(turn.runs) > 1:
                yield DoubleRun(
                    turn_id=turn_id,
                    runs=tuple(run.finding() for run in turn.runs.values()),
                    conflicts=tuple(turn.conflicts),
                )

    def _judge(self, turn: _Turn, event: Set) -> None:
        """Note a conflict if a turn goes to another runtime without a handoff."""
        last = turn.last
        if last is None or last.runtime_id == event.runtime_id:
            return
        if not self._handed_on(last, event):
            conflict = Conflict(
                previous_runtime_id=last.runtime_id,
                previous_seq=last.last_seq,
                runtime_id=event.runtime_id,
                seq=event.seq,
            )
            turn.conflicts.append(conflict)

    def _handed_on(self, last: Run, event: Set) -> bool:
        """Whether handoffs lead from the turn's last runtime to the one that sets it now.

        O(1) if nobody has handed anything to this one since, else O(handoffs since): each may
        reach one more runtime.
        """
        if self._latest_to.get(event.runtime_id, 0) < last.last_seq:
            return False
        reached = {last.runtime_id}
        start = bisect_right(self._handoffs, last.last_seq, key=lambda handoff: handoff.seq)
        for index in range(start, len(self._handoffs)):
            handoff = self._handoffs[index]
            if handoff.source in reached and handoff.turn_id in (None, event.turn_id):
                reached.add(handoff.target)
                if event.runtime_id in reached:
                    return True
        return False
