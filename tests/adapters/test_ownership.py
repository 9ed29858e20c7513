"""Who hands a session to whom as turns open and close: pure, no files."""

import threading
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.adapters.ownership import NEXT, Before, FromOwner, Handover, SessionOwner
from projections.adapters.turns import Turn


def new(runtime: str, turn: str = "turn-1", session: str = "s", **fields: Any) -> Turn:
    return Turn(session_id=session, runtime_id=runtime, turn_id=turn, **fields)


def ended(owner: SessionOwner, turn: Turn) -> Handover | None:
    turn.close()
    return owner.closed(turn)


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

    def __init__(self) -> None:
        self.open_turns = SessionOwner()
        self.owner: str | None = None
        self.turns = 0

    def hand_over(self, handover: Before) -> None:
        if isinstance(handover, FromOwner):
            if self.owner in (None, handover.target):
                return
            handover = Handover(str(self.owner), handover.target, NEXT)
        if handover is not None:
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
        self.hand_over(self.open_turns.opened(turn))
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
        self.hand_over(ended(self.open_turns, turn))


@given(st.lists(RUNS, max_size=4))
def test_of_turns_one_after_the_other_and_inside_each_other_each_has_been_given_the_session(
    runs: list[Run],
) -> None:
    """Nobody writes without it and nobody gives away what it has not: the audit is clean."""
    session = Session()
    for run in runs:
        session.run(run)


def test_who_goes_on_for_good_inside_a_call_gives_the_session_back_to_who_called() -> None:
    owner = SessionOwner()
    outer = new("a", "turn-1")
    outer.call_started("call-1", "ask_b")
    called = new("b", "turn-2", parent=outer, parent_call_id="call-1")
    successor = new("c", "turn-3", parent=called, for_good=True)
    assert owner.opened(outer) == FromOwner("a")
    assert owner.opened(called) == Handover("a", "b", "ask_b")
    called.handed_to(successor)
    assert ended(owner, called) is None
    assert owner.opened(successor) == Handover("b", "c", "called for by b")
    assert ended(owner, successor) == Handover("c", "a", "ask_b"), "the call is over"
    assert ended(owner, outer) is None


# Anything goes


STEPS = st.lists(
    st.tuples(RUNTIMES, st.none() | st.integers(0, 5), st.booleans()) | st.integers(0, 7),
    max_size=20,
)


@given(STEPS)
def test_who_hands_over_is_the_caller_or_nobody_works_beside(
    steps: list[tuple[str, int | None, bool] | int],
) -> None:
    owner, turns, opened = SessionOwner(), list[Turn](), list[Turn]()
    for step in steps:
        if isinstance(step, tuple):
            runtime, number, for_good = step
            parent = turns[number % len(turns)] if turns and number is not None else None
            turn = new(runtime, f"turn-{len(turns)}", parent=parent, for_good=for_good)
            alone = all(other.runtime_id == runtime for other in opened)
            found = owner.opened(turn)
            turns.append(turn)
            opened.append(turn)
            if parent is None:
                assert found == (FromOwner(runtime) if alone else None)
            elif parent.runtime_id == runtime or turn.is_beside:
                assert found is None
            else:
                assert isinstance(found, Handover)
                assert found[:2] == (parent.runtime_id, runtime)
        elif opened:
            turn = opened.pop(step % len(opened))
            back = ended(owner, turn)
            if turn.parent is None or turn.is_beside:
                assert back is None
            elif back is not None:
                assert back.source == turn.runtime_id != back.target
                assert back.target in {each.runtime_id for each in turns}


def test_turns_of_one_runtime_side_by_side_are_nothing_to_hand_over() -> None:
    owner = SessionOwner()
    owner.opened(new("a"))
    assert owner.opened(new("a", "turn-2")) == FromOwner("a")
    inner = new("a", "turn-3", parent=new("a"), parent_call_id="call-1")
    assert owner.opened(inner) is None
    assert ended(owner, inner) is None


def test_turns_of_two_runtimes_side_by_side_are_not_handed_over() -> None:
    owner = SessionOwner()
    one, other = new("a"), new("b", "turn-2")
    assert owner.opened(one) == FromOwner("a")
    assert owner.opened(other) is None
    assert ended(owner, one) is None
    assert owner.opened(new("b", "turn-3")) == FromOwner("b"), "now it is alone"
    assert ended(owner, other) is None


def test_a_turn_that_was_called_for_from_another_session_is_on_its_own() -> None:
    owner = SessionOwner()
    outer = new("a", session="other")
    owner.opened(outer)
    inner = new("c", "turn-3", parent=outer, parent_call_id="call-1")
    assert owner.opened(inner) == FromOwner("c")
    assert ended(owner, inner) is None
    successor = new("d", "turn-4", parent=inner, for_good=True)
    assert owner.opened(successor) == Handover("c", "d", "called for by c")
    assert ended(owner, successor) is None


@pytest.mark.parametrize("status", ["completed", "error", "cancelled"])
def test_a_reason_says_what_for_or_what_came_of_it(status: Any) -> None:
    owner, outer = SessionOwner(), new("a")
    owner.opened(outer)
    inner = new("b", "turn-2", parent=outer)
    assert owner.opened(inner) == Handover("a", "b", "called for by a")
    inner.close(status)
    assert owner.closed(inner) == Handover("b", "a", f"b is {status}")
    outer.call_started("call-1", "ask_b")
    again = new("b", "turn-3", parent=outer, parent_call_id="call-1")
    assert owner.opened(again) == Handover("a", "b", "ask_b")
    assert ended(owner, again) == Handover("b", "a", "ask_b")


def test_sessions_whose_turns_are_over_take_no_memory() -> None:
    owner = SessionOwner()
    for number in range(100):
        turn = new("a", session=f"s-{number}")
        owner.opened(turn)
        ended(owner, turn)
    assert owner._open._open == {}


def test_threads_may_open_and_close_turns_at_the_same_time() -> None:
    owner, failed = SessionOwner(), list[BaseException]()

    def work(name: str) -> None:
        try:
            for number in range(300):
                turn = new("a", f"{name}-{number}", f"s-{number % 3}")
                assert owner.opened(turn) == FromOwner("a")
                assert ended(owner, turn) is None
        except BaseException as error:  # noqa: BLE001 - shown below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert owner._open._open == {}


class TestSideBySide:
    """Several that one turn calls for at a time hand over to nobody: their caller keeps it."""

    def outer(self, owner: SessionOwner, *calls: str) -> Turn:
        outer = new("a")
        owner.opened(outer)
        for call in calls:
            outer.call_asked(call, f"ask_{call}")
        return outer

    def test_calls_that_were_asked_for_together(self) -> None:
        owner = SessionOwner()
        outer = self.outer(owner, "b", "c")
        inner = [new(name, f"turn-{name}", parent=outer, parent_call_id=name) for name in "bc"]
        for turn in inner:
            assert owner.opened(turn) is None
        for turn in inner:
            assert ended(owner, turn) is None

    def test_one_after_the_other_all_the_same(self) -> None:
        """Nobody knows when the first begins whether the second will wait for its end."""
        owner = SessionOwner()
        outer = self.outer(owner, "b", "c")
        first = new("b", "turn-b", parent=outer, parent_call_id="b")
        assert owner.opened(first) is None
        assert ended(owner, first) is None
        outer.call_ended("b")
        second = new("c", "turn-c", parent=outer, parent_call_id="c")
        assert owner.opened(second) == Handover("a", "c", "ask_c"), "it is alone by now"
        assert ended(owner, second) == Handover("c", "a", "ask_c")

    def test_a_later_call_is_beside_the_first_which_has_the_session(
        self,
    ) -> None:
        owner = SessionOwner()
        outer = self.outer(owner, "b")
        first = new("b", "turn-b", parent=outer, parent_call_id="b")
        assert owner.opened(first) == Handover("a", "b", "ask_b")
        outer.call_asked("c", "ask_c")
        second = new("c", "turn-c", parent=outer, parent_call_id="c")
        assert owner.opened(second) is None
        assert ended(owner, first) == Handover("b", "a", "ask_b")
        assert ended(owner, second) is None

    def test_what_they_call_for_in_turn_is_beside_too(self) -> None:
        owner = SessionOwner()
        outer = self.outer(owner, "b", "c")
        inner = new("b", "turn-b", parent=outer, parent_call_id="b")
        owner.opened(inner)
        inner.call_asked("d", "ask_d")
        innermost = new("d", "turn-d", parent=inner, parent_call_id="d")
        assert owner.opened(innermost) is None
        assert ended(owner, innermost) is None
        successor = new("e", "turn-e", parent=inner, for_good=True)
        inner.handed_to(successor)
        assert ended(owner, inner) is None
        assert owner.opened(successor) is None
        assert ended(owner, successor) is None

    def test_several_turns_in_one_call_are_one_after_the_other_or_beside(self) -> None:
        owner = SessionOwner()
        outer = self.outer(owner, "b")
        first = new("b", "turn-1", parent=outer, parent_call_id="b")
        second = new("c", "turn-2", parent=outer, parent_call_id="b")
        assert owner.opened(first) == Handover("a", "b", "ask_b")
        assert owner.opened(second) is None
        assert ended(owner, first) == Handover("b", "a", "ask_b")
        assert ended(owner, second) is None


# After it has waited


@pytest.mark.parametrize("handed_on", [False, True])
def test_a_turn_that_goes_on_gets_the_session_from_who_called_and_gives_it_back(
    handed_on: bool,
) -> None:
    """Whether it was called for itself, or by a turn that handed over to it for good since."""
    owner = SessionOwner()
    outer = new("outer", "turn-1")
    outer.call_started("c-1", "ask")
    owner.opened(outer)
    before = new("inner", "turn-2", parent=outer, parent_call_id="c-1", handed_on=True)
    going_on = new("last", "turn-3", parent=outer, parent_call_id="c-1")
    if handed_on:
        going_on = new("last", "turn-3", parent=before, parent_call_id="c-2", for_good=True)
    going_on.parent_reference = {"runtime": "any", "turn": "any"}
    assert owner.opened(going_on) == Handover("outer", "last", "ask")
    assert ended(owner, going_on) == Handover("last", "outer", "ask")


def test_a_turn_that_goes_on_and_was_called_for_by_nobody_here_gets_it_from_its_owner() -> None:
    owner = SessionOwner()
    going_on = new("last")
    going_on.parent_reference = {"runtime": "elsewhere", "turn": "turn-0"}
    assert owner.opened(going_on) == FromOwner("last")
    assert ended(owner, going_on) is None
