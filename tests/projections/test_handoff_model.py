"""The audit of handoffs, against a slow model that goes by the definitions.

Set by set and event by event, it must agree with the single pass on any history.
"""

import tracemalloc
from collections.abc import Iterator
from itertools import pairwise

import msgspec
from hypothesis import given
from msgspec.structs import replace
from projections.handoffs.tool_calls import calls_in

from journal.events import Clear, Event, Handoff, Set, Takeover
from projections.handoffs.audit import audit
from projections.handoffs.findings import HandoffAudit
from projections.handoffs.pending import PendingHandoffs
from tests.projections.handoff_histories import HISTORIES
from tests.projections.handoff_steps import at, facts_of, writes


def answering(events: list[Event]) -> list[Event]:
    """The events, but takeovers that name what is no handoff before them name none."""
    known: set[int] = set()
    result: list[Event] = []
    for event in events:
        if isinstance(event, Handoff):
            known.add(event.seq)
        if isinstance(event, Takeover) and event.handoff_seq not in known:
            event = replace(event, handoff_seq=None)
        result.append(event)
    return result


def sets_in(events: list[Event]) -> list[Set]:
    return [event for event in events if isinstance(event, Set)]


def lead(handoffs: list[Handoff], source: str, target: str) -> bool:
    """Whether handoffs, in their order, lead from one runtime to another."""
    return any(
        each.source == source
        and (each.target == target or lead(handoffs[place + 1 :], each.target, target))
        for place, each in enumerate(handoffs)
    )


def conflicts_by_hand(events: list[Event]) -> set[tuple[str, int, int]]:
    """(turn, seq, seq): neighbouring sets of a turn by two runtimes and no handoff between."""
    found = set()
    sets = sets_in(events)
    for place, later in enumerate(sets):
        before = [each for each in sets[:place] if each.turn_id == later.turn_id]
        if not before or before[-1].runtime_id == later.runtime_id:
            continue
        between = [
            each
            for each in events
            if isinstance(each, Handoff)
            and before[-1].seq < each.seq < later.seq
            and each.turn_id in (None, later.turn_id)
        ]
        if not lead(between, before[-1].runtime_id, later.runtime_id):
            found.add((later.turn_id, before[-1].seq, later.seq))
    return found


def gives_back(event: Event, source: str) -> bool:
    """Whether from this event on the writes of `source` are late no more, or for another."""
    if isinstance(event, Handoff):
        return source in (event.source, event.target)
    return isinstance(event, Takeover) and event.runtime_id == source


def late_by_hand(events: list[Event]) -> dict[int, list[int]]:
    """For each handoff, the seqs of the late sets of its source."""
    found: dict[int, list[int]] = {}
    for place, handoff in enumerate(events):
        if isinstance(handoff, Handoff):
            after = events[place + 1 :]
            source = handoff.source
            found[handoff.seq] = [
                event.seq
                for number, event in enumerate(after)
                if isinstance(event, Set)
                and event.runtime_id == source != handoff.target
                and not any(gives_back(other, source) for other in after[:number])
            ]
    return found


def calls_of(event: Set) -> dict[str, bool]:
    return calls_in(msgspec.json.decode(event.state))


def is_cleared(events: list[Event], written: Set, seen: int) -> bool:
    """Whether a set's turn went out of the view between it and `seen`."""
    return any(
        isinstance(event, Clear)
        and written.seq < event.seq <= seen
        and event.runtime_id in (None, written.runtime_id)
        for event in events
    )


def open_by_hand(events: list[Event], seen: int) -> set[tuple[str, int, int | None]]:
    """(id, named, finished) of the calls named in what is alive and not finished by `seen`."""
    found = set()
    for call in "xyz":
        finished = [each.seq for each in sets_in(events) if calls_of(each).get(call) is True]
        if finished and finished[0] <= seen:
            continue
        named = [
            each.seq
            for each in sets_in(events)
            if each.seq <= seen and call in calls_of(each) and not is_cleared(events, each, seen)
        ]
        if named:
            found.add((call, named[0], finished[0] if finished else None))
    return found


def view_by_hand(events: list[Event], seen: int) -> dict[str, dict[str, Set]]:
    view: dict[str, dict[str, Set]] = {}
    for event in events:
        if isinstance(event, Set) and event.seq <= seen:
            view.setdefault(event.runtime_id, {})[event.turn_id] = event
        elif isinstance(event, Clear) and event.seq <= seen:
            for runtime in list(view) if event.runtime_id is None else [event.runtime_id]:
                view.pop(runtime, None)
    return view


@given(HISTORIES)
def test_double_runs_are_what_the_definition_says(events: list[Event]) -> None:
    found = audit(events)
    listed = {
        (turn.turn_id, conflict.previous_seq, conflict.seq)
        for turn in found.double_runs
        for conflict in turn.conflicts
    }
    assert listed == conflicts_by_hand(events)
    of_several = {
        turn
        for turn in ("t1", "t2", "t3")
        if len({each.runtime_id for each in sets_in(events) if each.turn_id == turn}) > 1
    }
    assert {turn.turn_id for turn in found.double_runs + found.shared_turns} == of_several
    assert len(found.double_runs + found.shared_turns) == len(of_several)


@given(HISTORIES.map(answering))
def test_late_writes_are_what_the_definition_says(events: list[Event]) -> None:
    late = {
        change.handoff_seq: list(change.late_writes)
        for change in audit(events).changes
        if change.handoff_seq is not None
    }
    assert late == late_by_hand(events)


@given(HISTORIES)
def test_what_is_inherited_and_open_is_what_the_definition_says(events: list[Event]) -> None:
    for change in audit(events).changes:
        seen = change.seen_seq
        if seen is None:
            assert (change.inherited_turns, change.open_calls) == ({}, ())
            continue
        view = view_by_hand(events, seen)
        expected = [(runtime, tuple(turns)) for runtime, turns in view.items()]
        assert list(change.inherited_turns.items()) == expected
        shown = {
            call for turns in view.values() for each in turns.values() for call in calls_of(each)
        }
        assert set(change.inherited_calls) == shown
        assert len(change.inherited_calls) == len(shown)
        listed = {(each.id, each.named_seq, each.finished_seq) for each in change.open_calls}
        assert listed == open_by_hand(events, seen)
        assert len(change.open_calls) == len(listed)


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
