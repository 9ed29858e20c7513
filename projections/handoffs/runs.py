"""What one runtime wrote of one turn, and which calls it showed when. Pure: no I/O.

It remembers when each turn was in the view, and when its states had each call. So it can say
afterwards what was there as of any seq.
"""

from bisect import bisect_right

from msgspec import Struct, field

from journal.events import Set
from projections.handoffs.findings import TurnRun


class Presence:
    """When something was there: the seqs at which it came and went, alternating."""

    __slots__ = ("_edges",)

    def __init__(self) -> None:
        self._edges: list[int] = []

    def comes(self, seq: int) -> None:
        if len(self._edges) % 2 == 0:
            self._edges.append(seq)

    def goes(self, seq: int) -> None:
        if len(self._edges) % 2 == 1:
            self._edges.append(seq)

    def since(self, seq: int) -> int | None:
        """When it came, if it is there as of `seq`; None if not. O(log n) for n comings."""
        index = bisect_right(self._edges, seq)
        return self._edges[index - 1] if index % 2 else None


class Call(Struct, eq=False):
    """A tool call; `namings` are the first sets to name it, one for each life of a run."""

    id: str
    finished_seq: int | None = None
    finished_by: str | None = None
    namings: list[tuple["Run", int]] = field(default_factory=list)

    def finish(self, event: Set) -> None:
        if self.finished_seq is None:
            self.finished_seq, self.finished_by = event.seq, event.runtime_id

    def is_finished(self, seq: int) -> bool:
        return self.finished_seq is not None and self.finished_seq <= seq

    def naming(self, seq: int) -> tuple["Run", int] | None:
        """The first naming up to `seq` in a turn that has been in the view since then."""
        for run, named in self.namings:
            if named <= seq:
                born = run.life.since(seq)
                if born is not None and born <= named:
                    return run, named
        return None


class Run(Struct, eq=False):
    """What one runtime wrote of one turn; the keys of the dicts are ordered sets."""

    runtime_id: str
    turn_id: str
    had_session: bool
    first_seq: int
    last_seq: int = 0
    writes: int = 0
    writers: dict[str, None] = field(default_factory=dict)
    life: Presence = field(default_factory=Presence)  # when it was in the view
    calls: dict[Call, Presence] = field(default_factory=dict)  # when its state had each
    finished: dict[Call, None] = field(default_factory=dict)
    shown: list[Call] = field(default_factory=list)  # the calls in its present state
    named: set[Call] = field(default_factory=set)  # the calls whose naming in this life is noted

    def write(self, event: Set) -> None:
        self.life.comes(event.seq)
        self.last_seq = event.seq
        self.writes += 1
        self.writers[event.writer] = None

    def show(self, calls: list[Call], seq: int) -> None:
        """Its state has these calls now, and no others."""
        for call in set(self.shown).difference(calls):
            self.calls[call].goes(seq)
        for call in calls:
            self.calls.setdefault(call, Presence()).comes(seq)
        self.shown = calls

    def end(self, seq: int) -> None:
        """It is cleared."""
        self.life.goes(seq)
        self.named.clear()

    def finding(self) -> TurnRun:
        return TurnRun(
            runtime_id=self.runtime_id,
            first_seq=self.first_seq,
            last_seq=self.last_seq,
            writes=self.writes,
            writers=tuple(self.writers),
            calls=tuple(call.id for call in self.calls),
            finished_calls=tuple(call.id for call in self.finished),
            had_session=self.had_session,
        )
