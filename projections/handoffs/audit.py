"""The audit of handoffs: who had the session when, what was handed over, what was lost. Pure.

It answers which runtime really ran a turn, what a new owner inherited, which tool calls
nobody finished, and which runtimes wrote after they had handed off. `findings` defines the
results, `ownership` and `turn_runs` have the rules behind them, and `tool_calls` says what
counts as a tool call.

An audit is as good as its history. A compacted log has only the last set of each turn: to see
the others, give the events of its archives too.
"""

from collections.abc import Iterable
from datetime import datetime

from journal.events import Event, Set
from projections.handoffs.findings import (
    HandoffAudit,
    OpenCall,
    RuntimeChange,
)
from projections.handoffs.ownership import Ownership
from projections.handoffs.records import ChangeRecord
from projections.handoffs.turn_runs import TurnRuns


def audit(events: Iterable[Event]) -> HandoffAudit:
    """Audit a session's events, which must come in order of seq.

    Seqs may have gaps and start anywhere. A state that is not JSON counts as one without
    calls. One pass. Memory: O(turns + the calls that each shows + handoffs). Time: O(events),
    and for each change O(turns and calls so far).
    """
    ownership, runs = Ownership(), TurnRuns()
    for event in events:
        in_order = type(event) is Set and ownership.may_write(event.runtime_id)
        runs.fold(event, in_order=in_order)
        ownership.fold(event)
    changes = tuple(_change(record, runs) for record in ownership.records)
    several = runs.in_several_runtimes()
    return HandoffAudit(
        spans=ownership.spans(),
        changes=changes,
        double_runs=tuple(turn for turn in several if turn.conflicts),
        shared_turns=tuple(turn for turn in several if not turn.conflicts),
        lost_calls=_lost(changes),
    )


def _change(record: ChangeRecord, runs: TurnRuns) -> RuntimeChange:
    seen = record.seen_seq
    turns, calls = runs.inherited(seen) if seen is not None else ({}, ())
    return RuntimeChange(
        source=record.source,
        target=record.target,
        status=record.status,
        announced=record.announced,
        handoff_seq=record.handoff_seq,
        handed_off_at=record.handed_off_at,
        takeover_seq=record.takeover_seq,
        taken_over_at=record.taken_over_at,
        first_write_seq=record.first_write_seq,
        seconds=_seconds(record.handed_off_at, record.taken_over_at),
        seen_seq=seen,
        turn_id=record.turn_id,
        reason=record.reason,
        inherited_turns=turns,
        inherited_calls=calls,
        open_calls=runs.open_calls(seen) if seen is not None else (),
        late_writes=tuple(record.late_writes),
    )


def _lost(changes: Iterable[RuntimeChange]) -> tuple[OpenCall, ...]:
    """The calls that were open at a change and finished by nobody, each once."""
    lost: dict[str, OpenCall] = {}
    for change in changes:
        for call in change.open_calls:
            if call.finished_seq is None:
                lost.setdefault(call.id, call)
    return tuple(lost.values())


def _seconds(since: str | None, until: str | None) -> float | None:
    """Between two timestamps; None when one is missing or unreadable."""
    if since is None or until is None:
        return None
    try:
        return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()
    except (ValueError, TypeError):  # TypeError: only one of them has a time zone
        return None
