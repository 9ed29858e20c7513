"""The findings of an audit, from its facts: faults, what cannot be told, remarks. Pure: no I/O."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from msgspec import Struct

from projections.handoffs import sentences
from projections.handoffs.findings import (
    AuditFinding,
    ChildTurn,
    DoubleRun,
    Kind,
    RuntimeChange,
    TurnKey,
)
from projections.handoffs.incidents import Change, Faults
from projections.handoffs.inheritance import Unclear, open_call
from projections.handoffs.ledger import Ambiguity
from projections.handoffs.lives import Life, Lives
from projections.handoffs.open_turns import IsGone, open_for_long, without_writer
from projections.handoffs.records import ChangeRecord
from projections.handoffs.sentences import Namer


class Facts(Struct, kw_only=True):
    """What the projections of an audit have found. `changes` are those of the `records`."""

    records: Sequence[ChangeRecord]
    changes: Sequence[RuntimeChange]
    double_runs: Sequence[DoubleRun]
    shared_turns: Sequence[DoubleRun]
    children: tuple[ChildTurn, ...]
    ambiguities: Sequence[Ambiguity]
    unclear: Sequence[Unclear]
    lives: Lives


def findings_of(facts: Facts, is_gone: IsGone, now: datetime | None) -> tuple[AuditFinding, ...]:
    """All findings: the faults first, then what cannot be told, then remarks."""
    namer = Namer({life.turn: life.state.agent for life in facts.lives.all if life.state.agent})
    gone = list(without_writer(facts.lives, is_gone))
    return (
        *_faults(facts, gone, namer),
        *_unrecognised(facts.unclear, namer),
        *(_ambiguous(each, namer) for each in facts.ambiguities),
        *_long_open(facts.lives, gone, now, namer),
        *_of_changes(facts.changes, namer),
        *map(_shared, facts.shared_turns),
        *_children(facts.children, namer),
    )


def _faults(facts: Facts, gone: Iterable[Life], namer: Namer) -> Iterator[AuditFinding]:
    changes = [
        Change(record, found) for record, found in zip(facts.records, facts.changes, strict=True)
    ]
    faults = Faults(namer)
    for turn in facts.double_runs:
        faults.double_run(turn)
    for life in gone:
        faults.writer_gone(life)
    for change in changes:
        if change.record.late:
            faults.late_writes(change)
    for change in changes:
        if not change.record.announced:
            faults.unannounced(change)
    for found in facts.changes:
        lost = [call for call in found.open_calls if call.is_lost]
        for _, calls in groupby(lost, lambda call: (call.runtime_id, call.turn_id)):
            faults.lost_calls(found.target, list(calls))
    yield from faults.found()


# What cannot be told


def _unrecognised(unclear: Iterable[Unclear], namer: Namer) -> Iterator[AuditFinding]:
    """Turns that turned out to be over later are no matter: so are their calls."""
    matter = {each.life.turn: each for each in unclear if not each.life.state.is_over}
    unknown = {turn: each for turn, each in matter.items() if not each.omitted}
    if unknown:
        yield AuditFinding(
            kind="unrecognised",
            severity="unknown",
            text=sentences.unrecognised([namer.turn(turn) for turn in unknown]),
            events=tuple(sorted(each.since for each in unknown.values())),
            turns=tuple(unknown),
        )
    for turn, each in matter.items():
        if each.omitted:
            text = sentences.omitted(namer.turn(turn), each.omitted)
            yield _unknown("unrecognised", text, each.since, turn)


def _unknown(kind: Kind, text: str, seq: int, *turns: TurnKey) -> AuditFinding:
    return AuditFinding(kind=kind, severity="unknown", text=text, events=(seq,), turns=turns)


def _ambiguous(found: Ambiguity, namer: Namer) -> AuditFinding:
    calls = [open_call(call) for call in found.calls]
    turn = namer.turn(found.turn, f"event {found.seq}")
    text = sentences.ambiguous(found.id, turn, calls, namer)
    turns = ((call.runtime_id, call.turn_id) for call in calls)
    return _unknown("ambiguous_result", text, found.seq, found.turn, *turns)


# Remarks


def _remark(
    kind: Kind, text: str, events: Iterable[int | None], turns: Iterable[TurnKey] = ()
) -> AuditFinding:
    return AuditFinding(
        kind=kind,
        severity="remark",
        text=text,
        events=tuple(sorted({seq for seq in events if seq is not None})),
        turns=tuple(dict.fromkeys(turns)),
    )


def _long_open(
    lives: Lives, gone: Sequence[Life], now: datetime | None, namer: Namer
) -> Iterator[AuditFinding]:
    """But for turns whose writer has ended: that says it all."""
    if now is None:
        return
    known = {id(life) for life in gone}
    for life, longest in open_for_long(lives.all, now):
        if id(life) not in known:
            text = sentences.long_open(namer.turn(life.turn), life.began_at, longest)
            yield _remark("long_open", text, [life.first_seq], [life.turn])


def _of_changes(changes: Sequence[RuntimeChange], namer: Namer) -> Iterator[AuditFinding]:
    for change in changes:
        if change.status == "pending":
            yield _remark("pending", sentences.pending(change), [change.handoff_seq])
    for change in changes:
        for call in change.open_calls:
            if call.finished_seq is not None:
                text = sentences.finished_later(change.target, call, namer)
                seqs = [call.named_seq, call.finished_seq]
                yield _remark("finished_later", text, seqs, [(call.runtime_id, call.turn_id)])


def _shared(turn: DoubleRun) -> AuditFinding:
    seqs = [seq for run in turn.runs for seq in (run.first_seq, run.last_seq)]
    turns = [(run.runtime_id, turn.turn_id) for run in turn.runs]
    return _remark("shared_turn", sentences.shared_turn(turn), seqs, turns)


def _children(children: Iterable[ChildTurn], namer: Namer) -> Iterator[AuditFinding]:
    """One for each parent."""
    by_parent: dict[tuple[str | None, str, str], list[ChildTurn]] = {}
    for child in children:
        key = (child.parent_session_id, child.parent_runtime_id, child.parent_turn_id)
        by_parent.setdefault(key, []).append(child)
    for (session_id, runtime_id, turn_id), found in by_parent.items():
        turn = (runtime_id, turn_id)
        of_other = [f"session {session_id}"] if session_id is not None else []
        text = sentences.children(namer.turn(turn, *of_other), found, namer)
        turns = [(child.runtime_id, child.turn_id) for child in found]
        yield _remark("children", text, [child.first_seq for child in found], turns)
