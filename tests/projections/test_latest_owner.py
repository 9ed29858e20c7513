"""Who has the session now, against the audit, which folds the whole history."""

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from journal import SessionConfig
from journal.events import Clear, Event, Handoff, Set, Takeover
from projections import DefaultSessionStore
from projections.handoffs.audit import audit
from projections.handoffs.findings import HandoffAudit
from projections.handoffs.owner import FrozenOwner, LatestOwner
from projections.handoffs.pending import PendingHandoffs
from projections.store.folded import FoldedSession
from projections.store.store import writer_of
from projections.turns import parents as parents_module
from projections.turns.parents import Parent, parent_in_encoded
from projections.view import View
from tests.projections.handoff_steps import (
    at,
    child_of,
    clears,
    hands,
    log,
    sets,
    takes,
    unknown,
    writes,
)

RUNTIMES, TURN_IDS = st.sampled_from("abc"), st.sampled_from(["t1", "t2", "t3"])
WRITES = st.builds(writes, RUNTIMES, TURN_IDS)
HANDS = st.builds(hands, RUNTIMES, RUNTIMES).filter(lambda each: each.source != each.target)
TAKES = st.builds(takes, RUNTIMES)
STEPS: st.SearchStrategy[list[Event]] = st.lists(WRITES | WRITES | HANDS | TAKES, max_size=16)


def for_another(runtime: str, turn: str, of: str, of_turn: str, session: str | None) -> Set:
    """A turn with a parent, perhaps in another session."""
    parent = child_of(of, of_turn)["parent"]
    return sets(
        runtime, turn, parent=parent if session is None else {**parent, "session": session}
    )


CHILDREN = st.builds(
    for_another, RUNTIMES, TURN_IDS, RUNTIMES, TURN_IDS, st.sampled_from([None, None, "other"])
)
WITH_CLEARS: st.SearchStrategy[list[Event]] = st.lists(
    WRITES | HANDS | TAKES | st.builds(clears, RUNTIMES) | st.builds(clears), max_size=16
)
WITH_CHILDREN: st.SearchStrategy[list[Event]] = st.lists(
    WRITES | CHILDREN | CHILDREN | HANDS | TAKES, max_size=16
)


def as_a_store_writes(steps: list[Event]) -> list[Event]:
    """The steps with seqs. A takeover answers what waits for it."""
    pending, events = PendingHandoffs(), list[Event]()
    for seq, step in enumerate(steps, 1):
        event = replace(step, seq=seq, ts=at(seq), writer=f"host:{seq}")
        if isinstance(event, Takeover):
            event = replace(event, handoff_seq=pending.answered_by(event.runtime_id))
        pending.fold(event)
        events.append(event)
    return events


HISTORIES = STEPS.map(as_a_store_writes)
ANY_HISTORIES = (STEPS | WITH_CHILDREN).map(as_a_store_writes)


def folded(events: list[Event]) -> LatestOwner:
    owner, view = LatestOwner(), View()
    for event in events:
        owner.fold(event, view.turns)
        view.fold(event)
    return owner


def took_back(found: HandoffAudit) -> bool:
    """Whether a runtime that had handed off took the session again without a word."""
    gave = {change.source for change in found.changes if change.announced}
    return any(not change.announced and change.target in gave for change in found.changes)


@given(ANY_HISTORIES)
def test_the_owner_is_who_the_audit_says_has_the_session(events: list[Event]) -> None:
    found = audit(events)
    assume(not took_back(found))
    expected = found.spans[-1].runtime_id if found.spans else None
    assert folded(events).runtime_id == expected


@example(as_a_store_writes([hands("a", "b"), writes("b", "t1"), writes("c", "t1"), takes("b")]))
@given(ANY_HISTORIES)
def test_its_faults_are_those_that_the_audit_finds_in_changes_of_runtime(
    events: list[Event],
) -> None:
    found = audit(events)
    assume(not took_back(found))
    unannounced = sum(not change.announced for change in found.changes)
    late = sum(bool(change.late_writes) for change in found.changes)
    assert folded(events).faults == unannounced + late


@given(ANY_HISTORIES, st.integers(0, 16))
def test_what_was_frozen_goes_on_as_if_it_had_not_been(events: list[Event], at_event: int) -> None:
    """And what it was frozen from does not change it."""
    folds = FoldedSession()
    for event in events[:at_event]:
        folds.fold(event)
    frozen = folds.freeze()
    turns, rest = frozen.turns, frozen.rest
    thawed = FoldedSession()
    for event in events[at_event:]:
        folds.fold(event)
    thawed.thaw(turns, rest)
    for event in events[at_event:]:
        thawed.fold(event)
    assert thawed.freeze().rest == folds.freeze().rest
    assert thawed.view.turns == folds.view.turns
    assert thawed.view.sizes == folds.view.sizes
    assert thawed.freeze().sum_up(9) == folds.freeze().sum_up(9)


@given(ANY_HISTORIES)
def test_a_folded_session_knows_the_owner_and_the_handoffs(events: list[Event]) -> None:
    """It has a way of its own for sets by the owner."""
    folds, owner = FoldedSession(), folded(events)
    for event in events:
        folds.fold(event)
    assert folds.owner.freeze() == owner.freeze()


@given(ANY_HISTORIES)
def test_what_it_wrote_last_since_it_has_the_session_is_known(events: list[Event]) -> None:
    owner = folded(events)
    since = 0
    for seq in range(len(events) + 1):
        if folded(events[:seq]).runtime_id != owner.runtime_id:
            since = seq
    sets_of_it = [
        event
        for event in events[since:]
        if isinstance(event, Set) and event.runtime_id == owner.runtime_id
    ]
    if sets_of_it:
        last = sets_of_it[-1]
        expected = (last.turn_id, last.writer, last.ts)
        assert (owner.turn_id, owner.writer, owner.written_at) == expected
    else:
        assert (owner.turn_id, owner.writer, owner.written_at) == (None, None, None)


@given((STEPS | WITH_CHILDREN | WITH_CLEARS).map(as_a_store_writes))
def test_what_each_other_runtime_wrote_last_is_known(events: list[Event]) -> None:
    """And of the owner, where it has written nothing since it has the session."""
    expected: dict[str, tuple[str, str, str]] = {}
    for event in events:
        if isinstance(event, Set):
            expected[event.runtime_id] = (event.turn_id, event.writer, event.ts)
        elif isinstance(event, Clear):
            gone = list(expected) if event.runtime_id is None else [event.runtime_id]
            expected = {key: each for key, each in expected.items() if key not in gone}
    owner = folded(events).freeze()
    if owner.turn_id is not None:
        expected.pop(owner.runtime_id or "", None)
    view = View()
    for event in events:
        view.fold(event)
    found = {
        runtime: (written.turn_id, written.writer, written.ts)
        for runtime, written in owner.written_by_others()
        if written.turn_id in view.turns.get(runtime, {})
    }
    assert found == expected


@given(HISTORIES, st.data())
def test_what_a_compaction_keeps_gives_the_same_turns_of_others(
    events: list[Event], data: st.DataObject
) -> None:
    kept = as_compacted(events, data)
    before, after = folded(events).freeze(), folded(kept).freeze()
    assume(before.runtime_id == after.runtime_id)
    assert of_others(after) == of_others(before)


def of_others(owner: FrozenOwner) -> dict[str, str]:
    """The turns that runtimes without the session wrote last."""
    written = dict(owner.written_by_others())
    written.pop(owner.runtime_id or "", None)
    return {runtime: each.turn_id for runtime, each in written.items()}


@given(ANY_HISTORIES)
def test_a_session_is_handed_to_who_was_handed_it_last_by_the_owner_and_has_not_come(
    events: list[Event],
) -> None:
    owner = folded(events).freeze()
    waiting: list[str] = []
    for number, event in enumerate(events):
        if isinstance(event, Handoff) and event.source == owner.runtime_id:
            came = any(_comes(later, event.target) for later in events[number + 1 :])
            taken = any(
                isinstance(later, Handoff) and later.target == event.target
                for later in events[number + 1 :]
            )
            if not came and not taken:
                waiting.append(event.target)
    assume(not took_back(audit(events)))
    assume(not any(change.late_writes for change in audit(events).changes))
    assert owner.handed_to == (waiting[-1] if waiting else None)


def _comes(event: Event, runtime: str) -> bool:
    return isinstance(event, Set | Takeover) and event.runtime_id == runtime


def as_compacted(events: list[Event], data: st.DataObject) -> list[Event]:
    latest = {(each.runtime_id, each.turn_id): each for each in events if isinstance(each, Set)}
    kept: list[Event] = [each for each in events if not isinstance(each, Set)]
    return [*kept, *data.draw(st.permutations(list(latest.values())))]


@given(HISTORIES, st.data())
def test_what_a_compaction_keeps_gives_the_same_owner(
    events: list[Event], data: st.DataObject
) -> None:
    """Handoffs come first then, and sets in the order of the view, not of their seqs."""
    kept = as_compacted(events, data)
    assume(not took_back(audit(events)))
    assume(not any(change.late_writes for change in audit(events).changes))
    assert folded(kept).runtime_id == folded(events).runtime_id


def test_nobody_has_a_session_that_was_reset() -> None:
    owner = folded(as_a_store_writes([writes("a", "t1")]))
    assert (owner.runtime_id, owner.turn_id) == ("a", "t1")
    owner.reset()
    assert (owner.runtime_id, owner.turn_id) == (None, None)
    owner.fold(as_a_store_writes([takes("b")])[0], {})
    assert (owner.runtime_id, owner.turn_id) == ("b", None)


@given(STEPS)
def test_a_store_says_who_has_a_session_and_what_that_wrote_last(steps: list[Event]) -> None:
    config = SessionConfig(persist=False, mirror_runtime_state=True)
    with DefaultSessionStore(config=config) as store:
        for step in steps:
            if isinstance(step, Set):
                store.set_runtime_state("s", step.runtime_id, step.turn_id, {})
            elif isinstance(step, Handoff):
                store.hand_off("s", step.source, step.target)
            elif isinstance(step, Takeover):
                store.take_over("s", step.runtime_id)
        expected = folded(as_a_store_writes(steps))
        found = writer_of(store).owner("s")
        assert found == (expected.runtime_id and (expected.runtime_id, expected.turn_id))


def test_a_handoff_to_itself_takes_the_session_from_nobody() -> None:
    """A store writes none, but a log may have one."""
    steps: list[Event] = [writes("a", "t1"), hands("a", "a"), writes("a", "t1")]
    owner = folded(as_a_store_writes(steps))
    assert (owner.runtime_id, owner.turn_id) == ("a", "t1")


# Children

TOP = sets("top", "t", status="open")


def test_events_of_unknown_ops_change_nothing() -> None:
    assert folded(log(TOP, unknown())).freeze() == folded(log(TOP)).freeze()


def test_children_take_the_session_from_nobody() -> None:
    events = log(
        TOP,
        sets("a", "1", **child_of("top", "t")),
        sets("b", "2", **child_of("a", "1")),
        hands("top", "next"),
        takes("next", 4),
        sets("a", "1", **child_of("top", "t")),
    )
    owner = folded(events)
    assert (owner.runtime_id, owner.faults) == ("next", 0)
    owner = folded([*events, replace(sets("c", "3", **child_of("top", "t")), seq=7)])
    assert (owner.runtime_id, owner.faults) == ("c", 1), "it began when nobody had asked for it"


def test_a_clear_ends_what_is_known_of_children() -> None:
    child = sets("a", "1", **child_of("top", "t"))
    steps = [TOP, child, sets("b", "2", **child_of("top", "t")), writes("next", "n")]
    for clear, faults in ((clears("a"), 2), (clears("b"), 1), (clears(), 2)):
        events = log(*steps, clear, child)
        assert folded(events).faults == faults
        assert sum(not change.announced for change in audit(events).changes) == faults


def test_what_an_earlier_version_has_saved_knows_no_children() -> None:
    folds = FoldedSession()
    for event in log(TOP, sets("a", "1", **child_of("top", "t"))):
        folds.fold(event)
    frozen = folds.freeze()
    saved = msgspec.json.decode(frozen.rest)
    assert saved["owner"].pop("children") == {"a": ["1"]}
    thawed = FoldedSession()
    thawed.thaw(frozen.turns, msgspec.json.encode(saved))
    assert thawed.owner.runtime_id == "top"


def test_what_an_earlier_version_has_saved_knows_no_writer() -> None:
    folds = FoldedSession()
    folds.fold(log(TOP)[0])
    frozen = folds.freeze()
    saved = msgspec.json.decode(frozen.rest)
    assert (saved["owner"].pop("writer"), saved["owner"].pop("written_at")) == ("host:1", at(1))
    thawed = FoldedSession()
    thawed.thaw(frozen.turns, msgspec.json.encode(saved))
    assert (thawed.owner.turn_id, thawed.owner.writer) == ("t", None)
    thawed.fold(log(TOP, first=2)[0])
    assert (thawed.owner.writer, thawed.owner.written_at) == ("host:1", at(2))


def test_a_state_is_decoded_only_when_a_turn_begins_beside_the_owner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded: list[bytes] = []

    def noted(state: bytes) -> Parent | None:
        decoded.append(state)
        return parent_in_encoded(state)

    monkeypatch.setattr(parents_module, "parent_in_encoded", noted)
    folds, child = FoldedSession(), sets("a", "1", **child_of("top", "t"))
    for event in log(TOP, TOP, hands("top", "x"), TOP):
        folds.fold(event)
    assert decoded == []
    for event in log(*[child] * 5, TOP, child, first=5):
        folds.fold(event)
    assert decoded == [bytes(child.state)], "once for the turn; its parent is the owner's"
