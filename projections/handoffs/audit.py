"""The audit of handoffs: who had the session when, what was handed over, what was lost. Pure.

It answers which runtime really ran a turn, what a new owner inherited, which tool calls
nobody finished, and which runtimes wrote after they had handed off. `findings` defines the
results. The rules behind them: `ownership` and `children` say who had the session, `turn_runs`
who ran what, `ledger` which calls were open, `inheritance` what was there at a change,
`open_turns` which turns ought not to be open. `projections.turns` reads the states.

An audit is as good as its history. A compacted log has only the last set of each turn: to see
the others, give the events of its archives too.
"""

from collections.abc import Iterable
from datetime import datetime

from journal.errors import DamagedError
from journal.events import Clear, Event, Handoff, Set
from journal.state import decode_state
from projections.handoffs.findings import HandoffAudit, OpenCall, RuntimeChange
from projections.handoffs.inheritance import Inheritance, Inherited, Takeovers
from projections.handoffs.ledger import CallLedger
from projections.handoffs.lives import Lives
from projections.handoffs.open_turns import IsGone, nobody_knows
from projections.handoffs.ownership import Ownership
from projections.handoffs.records import ChangeRecord
from projections.handoffs.summing_up import Facts, findings_of
from projections.handoffs.turn_runs import TurnRuns
from projections.turns.reading import TurnState, read_turn, unreadable


def audit(
    events: Iterable[Event], is_gone: IsGone = nobody_knows, now: datetime | None = None
) -> HandoffAudit:
    """Audit a session's events, which must come in order of seq.

    `is_gone` tells of the last set of an open turn whether the process that wrote it has ended:
    `projections.writers` has one for this machine. `now`, a moment with its zone, is until when
    open turns have lasted; without it, none counts as open for long.

    Seqs may have gaps and start anywhere. A state that is not JSON counts as one that is not
    understood. One pass. Memory: O(turns + the calls that each names + handoffs). Time:
    O(size of the states + changes log changes), but for chains of handoffs through third
    runtimes (`TurnRuns`) and of parents (`Children`), which take as long as they are.
    """
    history = _History()
    for event in events:
        history.fold(event)
    return history.audit(is_gone, now)


class _History:
    """The projections that an audit is made of, folded side by side."""

    def __init__(self) -> None:
        self._ownership = Ownership()
        self._runs = TurnRuns()
        self._lives = Lives()
        self._ledger = CallLedger(self._lives)
        self._inheritance = Inheritance()

    def fold(self, event: Event) -> None:
        if type(event) is Set:
            self._write(event)
            return
        self._ownership.fold(event)
        if type(event) is Handoff:
            self._runs.hand_off(event)
        elif type(event) is Clear:
            for life in self._lives.clear(event):
                self._ledger.clear(life, event.seq)
                self._inheritance.clear(life, event.seq)

    def _write(self, event: Set) -> None:
        state = _read(event)
        role = self._ownership.set(event, state)
        self._runs.write(event, state, role)
        life = self._lives.write(event, state)
        self._ledger.write(event, life)
        self._inheritance.write(life, event.seq)

    def audit(self, is_gone: IsGone, now: datetime | None) -> HandoffAudit:
        records = self._ownership.records
        takeovers = Takeovers(records)
        inherited = takeovers.inherited(self._inheritance, self._ledger.calls)
        nothing = Inherited()
        changes = [_change(record, inherited.get(id(record), nothing)) for record in records]
        several = list(self._runs.in_several_runtimes())
        facts = Facts(
            records=records,
            changes=changes,
            double_runs=[turn for turn in several if turn.conflicts],
            shared_turns=[turn for turn in several if not turn.conflicts],
            children=self._ownership.children.found(),
            ambiguities=self._ledger.ambiguities,
            unclear=[each for each in self._inheritance.unclear if takeovers.took_over(each)],
            lives=self._lives,
        )
        return HandoffAudit(
            findings=findings_of(facts, is_gone, now),
            spans=self._ownership.spans(),
            changes=tuple(changes),
            double_runs=tuple(facts.double_runs),
            shared_turns=tuple(facts.shared_turns),
            children=facts.children,
            lost_calls=_lost(changes),
        )


def _read(event: Set) -> TurnState:
    try:
        return read_turn(decode_state(bytes(event.state)))
    except (DamagedError, RecursionError):  # the log reports damage
        return unreadable()


def _change(record: ChangeRecord, inherited: Inherited) -> RuntimeChange:
    return RuntimeChange(
        source=record.source,
        source_turn=record.source_turn,
        target=record.target,
        status=record.status,
        announced=record.announced,
        handoff_seq=record.handoff_seq,
        handed_off_at=record.handed_off_at,
        takeover_seq=record.takeover_seq,
        taken_over_at=record.taken_over_at,
        first_write_seq=record.first_write_seq,
        first_turn=record.first_turn,
        seconds=_seconds(record.handed_off_at, record.taken_over_at),
        seen_seq=record.seen_seq,
        turn_id=record.turn_id,
        reason=record.reason,
        inherited_turns=inherited.turns,
        inherited_calls=inherited.calls,
        open_count=inherited.open_count,
        open_calls=tuple(inherited.open_calls),
        late_writes=tuple(seq for seq, _ in record.late),
    )


def _lost(changes: Iterable[RuntimeChange]) -> tuple[OpenCall, ...]:
    """The calls that were open at a change and finished by nobody, each once."""
    return tuple(call for change in changes for call in change.open_calls if call.is_lost)


def _seconds(since: str | None, until: str | None) -> float | None:
    """Between two timestamps; None when one is missing or unreadable."""
    if since is None or until is None:
        return None
    try:
        return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()
    except (ValueError, TypeError):  # TypeError: only one of them has a time zone
        return None
