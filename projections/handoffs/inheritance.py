"""What a new owner inherits: the view as of any event, counted. Pure: no I/O.

A takeover may have seen less than all events before it. So what was there is noted as it comes
and goes, and read off afterwards for all changes together. O((events + changes) log changes).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from projections.handoffs.findings import OpenCall
from projections.handoffs.lives import Call, Life
from projections.handoffs.records import ChangeRecord


class Counted:
    """A number that changes from event to event. Memory: one entry for each change of it."""

    def __init__(self) -> None:
        self._seqs: list[int] = [0]
        self._totals: list[int] = [0]

    def add(self, number: int, seq: int) -> None:
        """From event `seq` on there are so many more. Seqs must not fall."""
        if not number:
            return
        total = self._totals[-1] + number
        if self._seqs[-1] == seq:
            self._totals[-1] = total
        else:
            self._seqs.append(seq)
            self._totals.append(total)

    def as_of(self, seq: int) -> int:
        """How many there were after event `seq`. O(log n)."""
        return self._totals[bisect_right(self._seqs, seq) - 1]


class Unclear(Struct, eq=False):
    """A turn whose states, from `since` on and before `until`, may hold calls that are not known.

    `omitted` is how many open calls its state said it had left out, at most.
    """

    life: Life
    since: int
    until: int | None = None
    omitted: int = 0


class Inheritance:
    """A projection: how many turns and calls the view has, and which turns are unclear."""

    def __init__(self) -> None:
        self.turns = Counted()
        self.calls = Counted()
        self.unclear: list[Unclear] = []
        self._named: dict[int, int] = {}  # by life: how many calls its state names
        self._unclear_now: dict[int, Unclear] = {}  # by life

    def write(self, life: Life, seq: int) -> None:
        """A turn was set."""
        if life.first_seq == seq:
            self.turns.add(1, seq)
        named = len(life.state.calls)
        self.calls.add(named - self._named.get(id(life), 0), seq)
        self._named[id(life)] = named
        self._note_unclear(life, seq)

    def clear(self, life: Life, seq: int) -> None:
        """A turn went out of the view."""
        self.turns.add(-1, seq)
        self.calls.add(-self._named.pop(id(life)), seq)
        known = self._unclear_now.pop(id(life), None)
        if known is not None:
            known.until = seq

    def _note_unclear(self, life: Life, seq: int) -> None:
        state = life.state
        is_unclear = not state.is_over and (not state.is_understood or state.open_omitted > 0)
        known = self._unclear_now.get(id(life))
        if is_unclear and known is None:
            known = self._unclear_now[id(life)] = Unclear(life, seq)
            self.unclear.append(known)
        elif known is not None and not is_unclear:
            known.until = seq
            del self._unclear_now[id(life)]
        if is_unclear and known is not None:
            known.omitted = max(known.omitted, state.open_omitted)


class Inherited(Struct, kw_only=True):
    """What the target of a change inherited: see `findings.RuntimeChange`."""

    turns: int = 0
    calls: int = 0
    open_count: int = 0
    open_calls: list[OpenCall] = field(default_factory=list)


class Takeovers:
    """The changes by which a runtime got the session, in the order of what it had seen."""

    def __init__(self, records: Iterable[ChangeRecord]) -> None:
        seen = [(record.seen_seq, record) for record in records if record.seen_seq is not None]
        seen.sort(key=lambda pair: pair[0])
        self._seqs = [seq for seq, _ in seen]
        self._records = [record for _, record in seen]
        self._next_other = _next_others([record.target for record in self._records])

    def inherited(self, what: Inheritance, calls: Sequence[Call]) -> dict[int, Inherited]:
        """By the `id` of the record. `calls` are in the order of their naming."""
        named = [call.named_seq for call in calls]
        ended = sorted(call.until_seq for call in calls if call.until_seq is not None)
        found = {
            id(record): Inherited(
                turns=what.turns.as_of(seq),
                calls=what.calls.as_of(seq),
                open_count=bisect_right(named, seq) - bisect_right(ended, seq),
            )
            for seq, record in zip(self._seqs, self._records, strict=True)
        }
        for call in calls:
            at = bisect_left(self._seqs, call.named_seq)
            if at < len(self._seqs) and _is_before(self._seqs[at], call.until_seq):
                found[id(self._records[at])].open_calls.append(open_call(call))
        return found

    def took_over(self, unclear: Unclear) -> bool:
        """Whether another runtime than the turn's own inherited it while it was unclear. O(1)."""
        at = bisect_left(self._seqs, unclear.since)
        if at < len(self._seqs) and self._records[at].target == unclear.life.runtime_id:
            at = self._next_other[at]
        return at < len(self._seqs) and _is_before(self._seqs[at], unclear.until)


def _is_before(seq: int, until: int | None) -> bool:
    return until is None or seq < until


def _next_others(targets: Sequence[str]) -> list[int]:
    """For each place the next one with another target, or the number of places."""
    found = [len(targets)] * len(targets)
    for at in range(len(targets) - 2, -1, -1):
        found[at] = at + 1 if targets[at + 1] != targets[at] else found[at + 1]
    return found


def open_call(call: Call) -> OpenCall:
    """A call as a finding."""
    return OpenCall(
        id=call.id,
        name=call.name,
        number=call.number,
        runtime_id=call.life.runtime_id,
        turn_id=call.life.turn_id,
        named_seq=call.named_seq,
        finished_seq=call.finished_seq,
        finished_by=call.finished_by,
        ambiguous_seq=call.ambiguous_seq if call.finished_seq is None else None,
    )
