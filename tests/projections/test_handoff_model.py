"""The audit of handoffs, against a slow model that goes by the definitions.

Set by set and event by event, it must agree with the single pass on any history.
"""

import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import pairwise

import msgspec
from hypothesis import given
from msgspec.structs import replace

from journal.events import Clear, Event, Handoff, Set, Takeover
from projections.handoffs.audit import audit
from projections.handoffs.findings import AuditFinding, HandoffAudit
from projections.handoffs.pending import PendingHandoffs
from tests.projections.handoff_histories import FULL_HISTORIES, HISTORIES
from tests.projections.handoff_model import ModelSession
from tests.projections.handoff_steps import at, facts_of, writes


@given(FULL_HISTORIES)
def test_who_had_the_session_is_what_the_definition_says(events: list[Event]) -> None:
    found, model = audit(events), ModelSession(events)
    assert [
        (each.source, each.target, each.status, each.handoff_seq, each.arrival_seq, each.seen_seq)
        for each in found.changes
    ] == [
        (each.source, each.target, each.status, each.handoff, each.arrival, each.seen)
        for each in model.changes
    ]
    owners = [
        (span.runtime_id, event.seq)
        for span in found.spans
        for event in events
        if span.first_seq <= event.seq <= span.last_seq
    ]
    assert owners == [(owner, seq) for owner, seq in model.owners if owner is not None]
    assert [each.first_turn for each in found.changes] == [
        each.first_turn for each in model.changes
    ]


@given(FULL_HISTORIES)
def test_children_and_late_writes_are_what_the_definition_says(events: list[Event]) -> None:
    found, model = audit(events), ModelSession(events)
    assert [(each.runtime_id, each.turn_id) for each in found.children] == model.children
    assert [list(each.late_writes) for each in found.changes] == [
        each.late for each in model.changes
    ]


@given(FULL_HISTORIES)
def test_double_runs_are_what_the_definition_says(events: list[Event]) -> None:
    listed = [
        (turn.turn_id, conflict.previous_seq, conflict.seq)
        for turn in audit(events).double_runs
        for conflict in turn.conflicts
    ]
    assert sorted(listed) == sorted(ModelSession(events).conflicts())


@given(FULL_HISTORIES)
def test_what_is_inherited_and_open_is_what_the_definition_says(events: list[Event]) -> None:
    found, model = audit(events), ModelSession(events)
    for change in found.changes:
        counts = (change.inherited_turns, change.inherited_calls, change.open_count)
        if change.seen_seq is None:
            assert counts == (0, 0, 0)
            continue
        view = model.view(change.seen_seq)
        named = sum(
            len(msgspec.json.decode(last.state).get("tool_calls", ())) for last in view.values()
        )
        assert counts == (len(view), named, len(model.open_as_of(change.seen_seq)))  # fmt: skip
    listed = [call for change in found.changes for call in change.open_calls]
    expected = [
        call
        for call in model.calls
        if any(call.is_open_as_of(change.seen or 0) for change in model.takeovers())
    ]
    assert sorted(
        (c.runtime_id, c.turn_id, str(c.id), str(c.name), c.number, c.named_seq, c.finished_seq,
         c.finished_by, c.ambiguous_seq)
        for c in listed
    ) == sorted(
        (*c.turn, str(c.id), str(c.name), c.number, c.named, c.finished,
         c.by, c.doubtful if c.finished is None else None)
        for c in expected
    )  # fmt: skip


@given(FULL_HISTORIES)
def test_an_open_call_is_listed_with_the_first_change_that_it_was_open_at(
    events: list[Event],
) -> None:
    found, model = audit(events), ModelSession(events)
    takeovers = model.takeovers()
    for change, known in zip(found.changes, model.changes, strict=True):
        first = [
            call
            for call in model.calls
            if [other for other in takeovers if call.is_open_as_of(other.seen or 0)][:1] == [known]
        ]
        assert [call.named_seq for call in change.open_calls] == [call.named for call in first]


@given(FULL_HISTORIES)
def test_what_is_lost_and_what_cannot_be_told_is_what_the_definition_says(
    events: list[Event],
) -> None:
    found, model = audit(events), ModelSession(events)
    assert sorted((c.runtime_id, c.turn_id, c.named_seq) for c in found.lost_calls) == sorted(
        (*c.turn, c.named) for c in model.lost()
    )
    unknown = [finding for finding in found.findings if finding.severity == "unknown"]
    ambiguous = [each.events[0] for each in unknown if each.kind == "ambiguous_result"]
    assert ambiguous == [seq for _, seq in model.ambiguous]
    unclear = {turn for each in unknown if each.kind == "unrecognised" for turn in each.turns}
    assert unclear == model.unclear()
    assert found.ok is model.ok


def all_of(findings: Iterable[AuditFinding]) -> Iterator[AuditFinding]:
    for finding in findings:
        yield finding
        yield from all_of(finding.consequences)


@given(FULL_HISTORIES)
def test_every_fault_is_in_one_finding_and_no_other(events: list[Event]) -> None:
    found = audit(events)
    told = list(all_of(found.findings))

    def seqs(kind: str) -> list[int]:
        return sorted(seq for each in told if each.kind == kind for seq in each.events)

    unannounced = [each.arrival_seq or 0 for each in found.changes if not each.announced]
    assert seqs("unannounced") == sorted(unannounced)
    assert seqs("late_writes") == sorted(seq for each in found.changes for seq in each.late_writes)
    lost = [turn for each in told if each.kind == "lost_calls" for turn in each.turns]
    assert set(lost) == {(call.runtime_id, call.turn_id) for call in found.lost_calls}
    doubles = [each for each in found.findings if each.kind == "double_run"]
    assert len(doubles) == len(found.double_runs)
    assert [each.severity for each in found.findings] == sorted(
        (each.severity for each in found.findings), key=["fault", "unknown", "remark"].index
    )
    assert all(each.text and each.text == each.text.strip() for each in told)


def sets_in(events: list[Event]) -> list[Set]:
    return [event for event in events if isinstance(event, Set)]


@given(HISTORIES)
def test_when_the_runtime_of_successive_writes_changes_a_change_or_a_late_write_says_so(
    events: list[Event],
) -> None:
    changes = audit(events).changes
    late = {seq for change in changes for seq in change.late_writes}
    sets = sets_in(events)
    for before, after in pairwise(sets):
        if before.runtime_id == after.runtime_id:
            continue
        came = [
            change
            for change in changes
            if change.target == after.runtime_id
            and before.seq < (change.takeover_seq or change.first_write_seq or 0) <= after.seq
        ]
        assert came or before.seq in late or after.seq in late


@given(HISTORIES)
def test_spans_follow_each_other_and_each_begins_with_a_change(events: list[Event]) -> None:
    found = audit(events)
    began = {
        (change.target, change.takeover_seq or change.first_write_seq) for change in found.changes
    }
    seqs = [event.seq for event in events]
    for before, after in pairwise(found.spans):
        assert before.runtime_id != after.runtime_id
        assert seqs.index(before.last_seq) + 1 == seqs.index(after.first_seq)
        assert (after.runtime_id, after.first_seq) in began
    for span in found.spans[-1:]:
        assert span.last_seq == seqs[-1]
    assert bool(found.spans) == any(isinstance(event, Set | Takeover) for event in events)


@given(HISTORIES)
def test_every_handoff_is_one_change_and_every_change_adds_up(events: list[Event]) -> None:
    found = audit(events)
    handoffs = [event.seq for event in events if isinstance(event, Handoff)]
    listed = [change.handoff_seq for change in found.changes if change.handed_off_at is not None]
    assert listed == handoffs
    for change in found.changes:
        assert change.announced == (change.handoff_seq is not None)
        assert change.announced == (change.status != "unannounced")
        came = change.status not in ("pending", "superseded")
        assert came == (change.seen_seq is not None) == (change.taken_over_at is not None)
        assert (change.takeover_seq is None) or came
        assert (change.status == "taken over") <= (change.takeover_seq is not None)
    began = [
        change.handoff_seq
        if change.handed_off_at
        else change.takeover_seq or change.first_write_seq
        for change in found.changes
    ]
    assert began == sorted(began, key=lambda seq: seq or 0)


@given(HISTORIES)
def test_the_audit_is_the_same_after_a_round_through_json(events: list[Event]) -> None:
    found = audit(events)
    lines = [msgspec.json.encode(event) for event in events]
    decoder = msgspec.json.Decoder(Set | Clear | Handoff | Takeover)
    assert audit(decoder.decode(line) for line in lines) == found
    assert msgspec.json.decode(msgspec.json.encode(found), type=HandoffAudit) == found


@given(HISTORIES)
def test_pending_handoffs_are_what_the_definition_says(events: list[Event]) -> None:
    pending = PendingHandoffs()
    for event in events:
        pending.fold(event)
    for runtime in "abc":
        answers = [
            event.seq
            for event in events
            if isinstance(event, Takeover) and event.runtime_id == runtime
        ]
        waiting = [
            event.seq
            for event in events
            if isinstance(event, Handoff)
            and event.target == runtime
            and event.seq > max(answers, default=0)
        ]
        assert pending.answered_by(runtime) == (waiting[-1] if waiting else None)


def peak_of_audit(sets: int) -> int:
    """Bytes that an audit needs at most for a turn with an open call, set again and again."""
    step = writes("native", "1", "a", "b", done=["b"])
    tracemalloc.start()
    audit(replace(step, seq=seq, ts=at(0)) for seq in range(1, sets + 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_sets_of_a_turn() -> None:
    peak_of_audit(10)  # caches of the interpreter
    assert peak_of_audit(4000) < peak_of_audit(400) + 20_000


def test_a_long_session_is_audited_in_one_pass() -> None:
    taken: list[int] = []

    def events() -> Iterator[Event]:
        for number in range(3000):
            taken.append(number)
            step = writes("native", f"t{number % 7}", f"c{number % 7}")
            yield replace(step, seq=number + 1, ts=at(number % 3600))

    found = audit(events())
    assert len(taken) == 3000
    assert facts_of(found) == {"had it": ["native 1-3000"]}
