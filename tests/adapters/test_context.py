"""Where code runs, whatever the framework: which turn calls for what begins there. No files."""

import asyncio
import contextvars
import threading
from typing import Any

import pytest

from projections import DefaultSessionStore
from projections.adapters.context import CallContext, current, enter_context, use_context
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Turn


class Work:
    """A run of some framework."""

    def __init__(self, session_id: str | None = "s") -> None:
        self.session_id = session_id


@pytest.fixture
def recorder(store: DefaultSessionStore) -> Recorder:
    return Recorder(store)


def new(name: str = "outer") -> Turn:
    return Turn("s", name, name)


def test_a_turn_that_begins_in_an_open_call_is_called_for(recorder: Recorder) -> None:
    outer, inner = new(), new("inner")
    outer.call_started("c-1", "ask")
    here = CallContext(recorder, Work(), outer, "c-1")
    here.calls_for(inner)
    assert (here.caller, here.session_id) == (outer, "s")
    assert (inner.parent, inner.parent_call_id) == (outer, "c-1")
    assert outer.handoffs == [{"runtime": "inner", "turn": "inner", "tool_call_id": "c-1"}]


def test_a_turn_that_begins_in_a_turn_outside_of_its_calls_is_called_for_too(
    recorder: Recorder,
) -> None:
    outer, inner = new(), new("inner")
    CallContext(recorder, Work(), outer).calls_for(inner)
    assert (inner.parent, inner.parent_call_id) == (outer, None)


def test_an_agent_that_is_asked_whether_a_call_may_run_is_called_for_by_it(
    recorder: Recorder,
) -> None:
    outer, inner = new(), new("inner")
    outer.call_waits("c-1", "charge_card")
    outer.close("waiting")
    here = CallContext(recorder, Work(), outer, "c-1")
    here.calls_for(inner)
    assert (inner.parent, inner.parent_call_id, here.session_id) == (outer, "c-1", "s")


def test_a_turn_that_goes_on_has_the_parent_that_it_had(recorder: Recorder) -> None:
    outer, inner = new(), new("inner")
    outer.call_started("c-1", "ask")
    outer.handoffs.append({"runtime": "inner", "turn": "inner", "tool_call_id": "c-1"})
    inner.parent_reference = {"runtime": "outer", "turn": "outer", "tool_call_id": "c-1"}
    CallContext(recorder, Work(), outer, "c-1").called_for(inner)
    assert (inner.parent, inner.parent_call_id, inner.for_good) == (outer, "c-1", False)
    assert len(outer.handoffs) == 1, "it has called for it once"


def test_a_turn_that_goes_on_after_a_handoff_for_good_says_who_handed_over(
    recorder: Recorder,
) -> None:
    outer, last = new(), new("last")
    outer.call_started("c-1", "ask")
    reference = {"runtime": "inner", "turn": "inner", "tool_call_id": "c-2"}
    last.parent_reference = dict(reference)
    CallContext(recorder, Work(), outer, "c-1").called_for(last)
    assert last.for_good
    assert last.state()["parent"] == reference
    before = last.parent
    assert before is not None
    assert (before.parent, before.parent_call_id, before.handed_on) == (outer, "c-1", True)
    assert outer.handoffs == []


@pytest.mark.parametrize("known", [None, {"runtime": "inner", "turn": "inner"}])
def test_a_turn_that_goes_on_where_nobody_calls_keeps_what_it_says(
    known: dict[str, str] | None, recorder: Recorder
) -> None:
    turn = new("last")
    turn.parent_reference = known
    CallContext(recorder, Work()).called_for(turn)
    assert turn.parent is None
    assert turn.state().get("parent") == known


def test_a_turn_that_goes_on_in_a_call_and_had_no_parent_is_called_for(
    recorder: Recorder,
) -> None:
    outer, inner = new(), new("inner")
    outer.call_started("c-1", "ask")
    CallContext(recorder, Work(), outer, "c-1").called_for(inner)
    assert inner.parent is outer
    assert len(outer.handoffs) == 1


@pytest.mark.parametrize("over", ["the call", "the turn", "no such call"])
def test_what_a_call_has_left_behind_is_called_for_by_nobody(
    over: str, recorder: Recorder
) -> None:
    """A task or a thread keeps the context, and goes on. It is in the session of an open turn."""
    outer, inner = new(), new("inner")
    if over != "no such call":
        outer.call_started("c-1", "ask")
    if over == "the call":
        outer.call_ended("c-1")
    if over == "the turn":
        outer.close()
    here = CallContext(recorder, Work(), outer, "c-1")
    here.calls_for(inner)
    assert here.caller is None
    assert inner.parent is None
    assert outer.handoffs == []
    assert here.session_id == (None if over == "the turn" else "s")


def test_what_begins_in_a_run_that_has_no_turn_yet_is_in_its_session(recorder: Recorder) -> None:
    inner, run = new("inner"), Work(None)
    here = CallContext(recorder, run)
    here.calls_for(inner)
    assert (here.caller, here.session_id, inner.parent) == (None, None, None)
    run.session_id = "known by now"
    assert here.session_id == "known by now"


def test_it_is_there_in_the_block_only_and_the_one_before_comes_back(recorder: Recorder) -> None:
    outer, inner = CallContext(recorder, Work()), CallContext(recorder, Work())
    assert current() is None
    with use_context(outer):
        with use_context(inner), use_context(None):
            assert current() is inner
        assert current() is outer
    assert current() is None


def test_another_recorder_is_not_notified_of_it(store: DefaultSessionStore) -> None:
    one, other = Recorder(store), Recorder(store)
    here = CallContext(one, Work())
    with use_context(here):
        assert current() is current(one) is here
        assert current(other) is None


def test_tasks_and_threads_with_a_copy_of_the_context_are_there(recorder: Recorder) -> None:
    here, seen = CallContext(recorder, Work()), list[Any]()

    async def look() -> None:
        seen.append(current())

    async def main() -> None:
        with use_context(here):
            await asyncio.gather(look(), asyncio.to_thread(lambda: seen.append(current())))
            entered = contextvars.copy_context()
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
        entered.run(lambda: seen.append(current()))

    asyncio.run(main())
    assert seen == [here, here, None, here]


def test_a_block_that_is_closed_from_elsewhere_changes_nothing_there(recorder: Recorder) -> None:
    """As the garbage collector closes an abandoned coroutine."""
    here, other = CallContext(recorder, Work()), CallContext(recorder, Work())

    def block() -> Any:
        with use_context(here):
            yield current()

    running = block()
    assert contextvars.copy_context().run(next, running) is here
    with use_context(other):
        running.close()
        assert current() is other


def test_to_enter_lasts_as_long_as_the_context_of_python(recorder: Recorder) -> None:
    here = CallContext(recorder, Work())

    def enter() -> CallContext | None:
        enter_context(here)
        return current()

    assert contextvars.copy_context().run(enter) is here
    assert current() is None
