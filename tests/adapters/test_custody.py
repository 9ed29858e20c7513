"""Who hands a session to whom as turns open and close: pure, no files."""

import threading
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.adapters.custody import Custody, Handover
from projections.adapters.turns import Turn

NEXT = "the turn before is over"


def new(runtime: str, turn: str = "turn-1", session: str = "s", **fields: Any) -> Turn:
    return Turn(session_id=session, runtime_id=runtime, turn_id=turn, **fields)


def ended(custody: Custody, turn: Turn) -> list[Handover]:
    turn.close()
    return custody.closed(turn)


# One thing after the other


class Run(NamedTuple):
    """A turn, the turns that it calls for one after the other, and who goes on for good."""

    runtime: str
    inner: "list[Run]"
    successor: "Run | None"


RUNTIMES = st.sampled_from(["a", "b", "c"])
RUNS = st.recursive(
    st.builds(Run, RUNTIMES, st.just([]), st.none()),
    lambda runs: st.builds(Run, RUNTIMES, st.lists(runs, max_size=3), st.none() | runs),
    max_leaves=8,
)


class Session:
    """What a reader of the log knows: who wrote last, or took over, has the session."""

    def __init__(self, owner: str | None = None) -> None:
        self.custody = Custody()
        self.owner = owner
        self.turns = 0

    def hand_over(self, handovers: list[Handover]) -> None:
        for handover in handovers:
            assert handover.source == self.owner, "handed over by who does not have it"
            assert handover.target != handover.source
            self.owner = handover.target

    def write(self, runtime: str) -> None:
        assert self.owner in (None, runtime), "written by who does not have it"
        self.owner = runtime

    def run(self, run: Run, parent: Turn | None = None, *, for_good: bool = False) -> None:
        self.turns += 1
        turn = new(run.runtime, f"turn-{self.turns}", parent=parent, for_good=for_good)
        if parent is not None:
            parent.handed_to(turn)
            if for_good:
                self.end(parent)
        self.hand_over(self.custody.opened(turn))
        self.write(run.runtime)
        for inner in run.inner:
            self.run(inner, turn)
            self.write(run.runtime)  # the call that it was for has ended
        if run.successor is None:
            self.end(turn)
        else:
            self.run(run.successor, turn, for_good=True)

    def end(self, turn: Turn) -> None:
        self.write(turn.runtime_id)
        self.hand_over(ended(self.custody, turn))


@given(st.lists(RUNS, max_size=4))
def test_of_turns_one_after_the_other_and_inside_each_other_each_has_been_given_the_session(
    runs: list[Run],
) -> None:
    """Nobody writes without it and nobody gives away what it has not: the audit is clean."""
    session = Session()
    for run in runs:
        session.run(run)


def test_who_goes_on_for_good_inside_a_call_gives_the_session_back_to_who_called() -> None:
    custody = Custody()
    outer = new("a", "turn-1")
    called = new("b", "turn-2", parent=outer, parent_call_id="call-1")
    successor = new("c", "turn-3", parent=called, for_good=True)
    assert custody.opened(outer) == []
    assert custody.opened(called) == [Handover("a", "b", "call-1")]
    called.handed_to(successor)
    assert ended(custody, called) == []
    assert custody.opened(successor) == [Handover("b", "c", "called for by turn-2")]
    assert ended(custody, successor) == [Handover("c", "a", "turn-3 is completed")]
    assert ended(custody, outer) == []


# Anything goes


STEPS = st.lists(
    st.tuples(RUNTIMES, st.none() | st.integers(0, 5), st.booleans()) | st.integers(0, 7),
    max_size=20,
)


@given(STEPS)
def test_who_hands_over_has_the_session_or_others_are_at_it_too(
    steps: list[tuple[str, int | None, bool] | int],
) -> None:
    custody, turns, opened = Custody(), list[Turn](), list[Turn]()
    owner: str | None = None
    for step in steps:
        if isinstance(step, tuple):
            runtime, number, for_good = step
            parent = turns[number % len(turns)] if turns and number is not None else None
            turn = new(runtime, f"turn-{len(turns)}", parent=parent, for_good=for_good)
            alone = all(other.runtime_id == runtime or other is parent for other in opened)
            handovers = custody.opened(turn)
            turns.append(turn)
            opened.append(turn)
            if parent is None and alone and owner not in (None, runtime):
                assert handovers == [Handover(owner, runtime, NEXT)]
            if parent is None and not alone:
                assert handovers == []
            if parent is not None and parent.runtime_id != runtime:
                assert [each.source for each in handovers] == [parent.runtime_id]
            assert all(each.target == runtime != each.source for each in handovers)
            owner = runtime
        elif opened:
            turn = opened.pop(step % len(opened))
            handovers = ended(custody, turn)
            owner = turn.runtime_id
            for each in handovers:
                assert each.source == owner != each.target
                owner = each.target
            if turn.parent is None:
                assert handovers == []


def test_of_turns_side_by_side_the_one_that_ended_last_had_the_session() -> None:
    custody = Custody()
    one, other = new("a"), new("b", "turn-2")
    assert custody.opened(one) == custody.opened(other) == []
    assert ended(custody, other) == ended(custody, one) == []
    assert custody.opened(new("c", "turn-3")) == [Handover("a", "c", NEXT)]


def test_turns_of_one_runtime_side_by_side_are_nothing_to_hand_over() -> None:
    custody = Custody()
    custody.opened(new("a"))
    assert custody.opened(new("a", "turn-2")) == []
    inner = new("a", "turn-3", parent=new("a"), parent_call_id="call-1")
    assert custody.opened(inner) == []
    assert ended(custody, inner) == []


def test_a_turn_that_was_called_for_from_another_session_is_on_its_own() -> None:
    custody = Custody()
    outer = new("a", session="other")
    custody.opened(outer)
    before = new("b", "turn-2")
    custody.opened(before)
    ended(custody, before)
    inner = new("c", "turn-3", parent=outer, parent_call_id="call-1")
    assert custody.opened(inner) == [Handover("b", "c", NEXT)]
    assert ended(custody, inner) == []
    successor = new("d", "turn-4", parent=inner, for_good=True)
    assert custody.opened(successor) == [Handover("c", "d", "called for by turn-3")]
    assert ended(custody, successor) == []


@pytest.mark.parametrize("status", ["completed", "error", "cancelled"])
def test_a_reason_says_what_for_or_what_came_of_it(status: Any) -> None:
    custody, outer = Custody(), new("a")
    custody.opened(outer)
    inner = new("b", "turn-2", parent=outer)
    assert custody.opened(inner) == [Handover("a", "b", "called for by turn-1")]
    inner.close(status)
    assert custody.closed(inner) == [Handover("b", "a", f"turn-2 is {status}")]
    again = new("b", "turn-3", parent=outer, parent_call_id="call-1")
    assert custody.opened(again) == [Handover("a", "b", "call-1")]


# What it knows of a session


def view(*turns: tuple[str, str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for runtime, turn, state in turns:
        found.setdefault(runtime, {})[turn] = state
    return found


def closed_at(second: int) -> dict[str, Any]:
    return {"status": "completed", "closed_at": f"2026-01-23T10:20:{second:02}.000Z"}


@pytest.mark.parametrize(
    ("turns", "holder"),
    [
        ([], None),
        ([("a", "t", closed_at(1))], "a"),
        ([("a", "t", closed_at(1)), ("b", "t", closed_at(2))], "b"),
        ([("a", "t", closed_at(2)), ("b", "t", closed_at(1))], "a"),
        ([("a", "t", closed_at(1)), ("b", "t", closed_at(2)), ("a", "u", closed_at(3))], "a"),
        ([("a", "t", closed_at(1)), ("b", "t", {"status": "open"})], None),
        ([("b", "t", {"status": "open"}), ("a", "t", closed_at(1))], None),
        ([("a", "t", {"of": "another writer"})], None),
        ([("a", "t", closed_at(1)), ("b", "t", {"closed_at": 1790000000})], None),
        ([("a", "t", ["not even an object"])], None),
        ([("a", "t", closed_at(1)), ("b", "t", "text")], None),
    ],
)
def test_of_an_older_session_the_runtime_of_the_last_turn_has_it(
    turns: list[tuple[str, str, Any]], holder: str | None
) -> None:
    """If a turn never closed, it may have been anybody's: nobody is made to hand over."""
    custody = Custody()
    assert not custody.knows("s")
    custody.learn("s", view(*turns))
    assert custody.knows("s")
    assert not custody.knows("t")
    expected = [] if holder is None else [Handover(holder, "new", NEXT)]
    assert custody.opened(new("new")) == expected


def test_what_is_seen_counts_more_than_what_is_learned() -> None:
    custody = Custody()
    turn = new("a")
    custody.opened(turn)
    assert custody.knows("s")
    ended(custody, turn)
    custody.learn("s", view(("b", "t", closed_at(1))))
    assert custody.opened(new("c", "turn-2")) == [Handover("a", "c", NEXT)]


def test_sessions_without_number_do_not_fill_the_memory() -> None:
    """What was used last is remembered; what has gone is learned again, from the log."""
    custody = Custody()
    kept = new("a", session="kept")
    custody.opened(kept)
    for number in range(5000):
        turn = new("a", session=f"s-{number}")
        custody.opened(turn)
        ended(custody, turn)
        if number % 1000 == 0:
            ended(custody, kept)
            kept = new("a", f"turn-{number}", "kept")
            custody.opened(kept)
    known = [number for number in range(5000) if custody.knows(f"s-{number}")]
    assert known == list(range(5000 - 4095, 5000))
    assert custody.knows("kept")
    ended(custody, kept)
    assert custody._open == {}
    custody.learn("s-0", view(("b", "t", closed_at(1))))
    assert custody.opened(new("c", session="s-0")) == [Handover("b", "c", NEXT)]


def test_threads_may_open_and_close_turns_at_the_same_time() -> None:
    custody, failed = Custody(), list[BaseException]()

    def work(name: str) -> None:
        try:
            for number in range(300):
                turn = new("a", f"{name}-{number}", f"s-{number % 3}")
                assert custody.opened(turn) == []
                assert ended(custody, turn) == []
        except BaseException as error:  # noqa: BLE001 - shown below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert custody._open == {}
