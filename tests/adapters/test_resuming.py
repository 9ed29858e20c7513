"""A turn that waits goes on as the same turn: made anew from its state, in any process."""

import asyncio
import gc
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import DefaultSessionStore
from projections.adapters import recorder as recording
from projections.adapters.recorder import Recorder
from projections.adapters.resuming import latest_waiting, made_anew
from projections.adapters.turns import Turn
from projections.adapters.values import DETAILS, Detail, Slicer
from tests.adapters.recorder.ways import story

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=600)


def waiting(*call_ids: str, **more: Any) -> dict[str, Any]:
    calls = [{"id": each, "name": "charge", "status": "waiting"} for each in call_ids]
    return {"turn": 1, "status": "waiting", "tool_calls": calls, **more}


@given(
    said=st.lists(st.tuples(st.sampled_from(["user", "assistant"]), TEXTS), max_size=5),
    finished=st.lists(st.tuples(NAMES, TEXTS), max_size=6, unique_by=lambda each: each[0]),
    handoffs=st.lists(NAMES, max_size=4),
    parent=st.none() | NAMES,
    detail=st.sampled_from([*DETAILS.values(), Detail(256, 1024)]),
)
def test_what_is_made_of_a_state_has_that_state(
    said: list[tuple[str, str]],
    finished: list[tuple[str, str]],
    handoffs: list[str],
    parent: str | None,
    detail: Detail,
) -> None:
    caller = None if parent is None else Turn("elsewhere", parent, parent)
    one = Turn("s", "desk", parent=caller, slicer=Slicer(detail), agent="The desk")
    one.model_answered("large", {"input_tokens": 7, "cost_usd": 0.25}, "tool_use")
    for role, text in said:
        one.says(role, text)
    for call_id, text in finished:
        one.call_started(call_id, "look", {"text": text})
        one.call_ended(call_id, result=text, error=text or None)
    for each in handoffs:
        one.handed_to(Turn("s", each, each))
    one.call_waits("the one", "charge", {"euro": 5})
    one.close("waiting")
    state = one.state()
    again = made_anew(state, "s", "desk", one.turn_id, Slicer(detail))
    again.close("waiting")
    assert again.state() == state


@pytest.mark.parametrize(
    ("turns", "wanted", "found"),
    [
        ({}, ["a"], None),
        ({"1": waiting("a")}, ["a"], "1"),
        ({"1": waiting("a", "b")}, ["a"], "1"),
        ({"1": waiting("a")}, ["a", "b"], None),
        ({"1": waiting("a"), "2": waiting("a")}, ["a"], "2"),
        ({"1": waiting("a"), "2": waiting("b")}, ["a"], "1"),
        ({"1": waiting("a", status="open")}, ["a"], None),
        ({"1": waiting("a", status="completed")}, ["a"], None),
        ({"1": waiting("a", omitted={"open_calls": 2})}, ["a", "b"], "1"),
        ({"1": waiting(omitted={"open_calls": 2})}, ["a", "b"], None),
        (
            {"1": "a user's own", "2": {"status": "waiting", "tool_calls": [7, {"id": 7}]}},
            ["a"],
            None,
        ),
        ({"1": {"status": "waiting", "tool_calls": {"a": 1}, "omitted": 7}}, ["a"], None),
    ],
)
def test_the_latest_that_waits_for_all_of_them(
    turns: dict[str, Any], wanted: list[str], found: str | None
) -> None:
    assert latest_waiting(turns, wanted) == found


def test_a_turn_goes_on_in_another_process_as_the_same_one(store: DefaultSessionStore) -> None:
    with DefaultSessionStore(store.session_dir, durability="os") as first:
        recorder = Recorder(first)
        turn = recorder.turn("s", "desk", "turn-1")
        turn.says("user", "Charge my card.")
        recorder.open(turn)
        turn.call_waits("call-1", "charge", {"euro": 5})
        recorder.close(turn, "waiting")
        recorder.end()
    recorder = Recorder(store)
    found = recorder.waiting_turn("s", "desk", ["call-1"])
    assert found is not None
    found.resume()
    recorder.open(found)
    found.call_started("call-1", "charge")
    found.call_ended("call-1", result="done")
    found.says("assistant", "Charged.")
    recorder.close(found)
    assert story(store) == [f"desk turn-1 {s}" for s in ("open", "waiting", "open", "completed")]
    state = store.get_runtime_state("s", "desk", "turn-1")
    (call,) = state["tool_calls"]
    assert (call["arguments"], call["result"], call["answer"]) == ({"euro": 5}, "done", "allowed")
    assert call["asked_at"] <= call["started_at"] <= call["ended_at"]
    assert [each["content"] for each in state["transcript"]] == ["Charge my card.", "Charged."]
    assert store.audit("s").ok
    assert recorder.waiting_turn("s", "desk", ["call-1"]) is None, "it is over"


def test_nothing_waits_where_nothing_was_written(store: DefaultSessionStore) -> None:
    recorder = Recorder(store)
    assert recorder.waiting_turn("s", "desk", ["call-1"]) is None
    assert recorder.waiting_turn("s", "desk", []) is None
    assert not store.session_exists("s")


def test_a_state_of_the_turn_that_is_queued_is_waited_for(store: DefaultSessionStore) -> None:
    recorder = Recorder(store)
    turn = recorder.turn("s", "desk", "turn-1")
    turn.call_waits("call-1", "charge")
    recorder.close_soon(turn, "waiting")
    found = recorder.waiting_turn("s", "desk", ["call-1"])
    assert found is not None
    assert found.turn_id == "turn-1"


def test_an_event_loop_finds_it_too(store: DefaultSessionStore) -> None:
    async def main() -> None:
        assert await recorder.awaiting_turn("s", "desk", []) is None
        found = await recorder.awaiting_turn("s", "desk", ["call-1"])
        assert found is not None
        assert (found.turn_id, found.status) == ("turn-1", "waiting")

    recorder = Recorder(store)
    turn = recorder.turn("s", "desk", "turn-1")
    turn.call_waits("call-1", "charge")
    recorder.close(turn, "waiting")
    asyncio.run(main())


@pytest.mark.parametrize("fails", [False, True])
def test_an_event_loop_does_not_wait_long_for_it(
    fails: bool, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes of the search then reaches nobody, and is reported by nobody."""
    over, done = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        over.wait()
        done.set()
        if fails:
            raise OSError("too late")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, about: reports.append(about))
        assert await recorder.awaiting_turn("s", "desk", ["call-1"]) is None
        over.set()
        await asyncio.to_thread(done.wait)
        await asyncio.sleep(0)

    reports: list[object] = []
    recorder = Recorder(store)
    monkeypatch.setattr(recorder, "waiting_turn", slow)
    monkeypatch.setattr(recording, "PATIENCE", 0.01)
    asyncio.run(main())
    gc.collect()
    assert reports == []


def test_what_goes_wrong_in_the_search_is_raised(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("no disk")

    recorder = Recorder(store)
    monkeypatch.setattr(recorder, "waiting_turn", broken)
    with pytest.raises(OSError, match="no disk"):
        asyncio.run(recorder.awaiting_turn("s", "desk", ["call-1"]))
