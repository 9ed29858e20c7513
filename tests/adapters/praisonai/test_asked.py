"""Which call is which: those a model asks for, and those that PraisonAI begins or answers."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.adapters.praisonai.answers import AskedCall
from projections.adapters.praisonai.asked import AskedCalls
from projections.adapters.praisonai.running import Running
from projections.adapters.turns import Turn
from tests.growth.counting import steps

IDS = st.sampled_from([None, "c-1", "c-2", "c-1-2", "call-1"])
"""Few, and some that are made up for others."""


def new() -> tuple[Turn, AskedCalls]:
    turn = Turn("s", "native")
    return turn, AskedCalls(turn)


def shown(turn: Turn) -> list[tuple[Any, ...]]:
    return [(each["id"], each["status"]) for each in turn.state()["tool_calls"]]


@given(st.lists(st.lists(IDS, min_size=1, max_size=4), max_size=4), st.data())
def test_every_call_that_is_asked_for_is_one_call_whatever_ids_come_again(
    batches: list[list[str | None]], data: st.DataObject
) -> None:
    """Each answer's calls run, in any order, before the next answer."""
    turn, calls = new()
    expected: dict[int, str] = {}  # the arguments tell them apart
    for batch in batches:
        first = len(expected)
        numbers = range(first, first + len(batch))
        calls.ask(
            AskedCall(call_id, f"tool-{number}", f'{{"number": {number}}}')
            for call_id, number in zip(batch, numbers, strict=True)
        )
        for number in one_of_each_id_at_a_time(batch, first, data):
            chosen = calls.begin(batch[number - first], f"tool-{number}", {"number": number})
            turn.call_ended(chosen, result=number)
            expected[number] = chosen
    assert not calls.some_have_not_begun
    assert len(set(expected.values())) == len(expected) == len(turn.calls)
    found = {each["id"]: each for each in turn.state().get("tool_calls", [])}
    for number, chosen in expected.items():
        assert (found[chosen]["arguments"], found[chosen]["result"]) == (
            {"number": number},
            number,
        )


def one_of_each_id_at_a_time(
    batch: Sequence[str | None], first: int, data: st.DataObject
) -> list[int]:
    """The numbers of a batch's calls, in any order but that those of one id keep theirs."""
    order = data.draw(st.permutations(range(len(batch))))
    waiting = {
        call_id: [first + place for place, other in enumerate(batch) if other == call_id]
        for call_id in batch
        if call_id is not None
    }
    return [
        first + place if call_id is None else waiting[call_id].pop(0)
        for place in order
        for call_id in [batch[place]]
    ]


def test_a_call_seen_twice_is_one_call() -> None:
    """A tool that unwraps another one is executed inside its execution."""
    turn, calls = new()
    calls.ask([AskedCall("c-1", "tool_call", "{}")])
    assert calls.begin("c-1", "tool_call", {}) == calls.begin("c-1", "weather", {}) == "c-1"
    assert shown(turn) == [("c-1", "open")]


def test_a_call_without_an_id_is_known_by_its_name_though_one_is_made_up_later() -> None:
    turn, calls = new()
    calls.ask([AskedCall(None, "search", "{}"), AskedCall(None, "weather", "{}")])
    assert calls.begin("made-up", "weather", {}) == "call-2"
    assert calls.begin(None, "search", {}) == "call-1"
    assert len(turn.calls) == 2


@pytest.mark.parametrize(
    ("result", "status"),
    [("sunny", "completed"), ('{"error": "cut"}', "error"), ("Error: cut", "error")],
)
def test_a_result_that_a_model_is_given_of_a_call_that_never_began_is_how_it_ended(
    result: str, status: str
) -> None:
    turn, calls = new()
    calls.ask([AskedCall("c-1", "weather", "{"), AskedCall("c-2", "weather", "{}")])
    calls.begin("c-2", "weather", {})
    calls.reported({"c-1": result, "c-2": result, "c-3": result})
    assert shown(turn) == [("c-1", status), ("c-2", "open")]
    assert not calls.some_have_not_begun


@pytest.mark.parametrize("how", ["the turn ends", "the model is asked anew"])
def test_what_has_not_begun_by_then_is_cancelled(how: str) -> None:
    turn, calls = new()
    calls.ask([AskedCall("c-1", "weather", "{}"), AskedCall("c-2", "weather", "{}")])
    calls.begin("c-1", "weather", {})
    if how == "the turn ends":
        calls.end()
    else:
        calls.ask([])
    assert shown(turn) == [("c-1", "open"), ("c-2", "cancelled")]


@pytest.mark.parametrize("call_id", ["c-1", None])
def test_what_a_call_costs_does_not_grow_with_those_before_it(call_id: str | None) -> None:
    """Also of one id."""
    turn, calls = new()

    def one() -> None:
        calls.ask([AskedCall(call_id, "weather", "{}")])
        turn.call_ended(calls.begin(call_id, "weather", {}))

    def after(count: int) -> int:
        while len(turn.calls) < count:
            one()
        return steps(one)

    assert after(400) < 1.1 * after(200) + 50


def test_what_a_call_costs_does_not_grow_with_those_that_were_asked_for_with_it() -> None:
    def of_many(count: int) -> int:
        running = Running(object(), Turn("s", "native"))
        running.calls.ask(AskedCall(f"c-{number}", "weather", "{}") for number in range(count))

        def run() -> None:
            for number in range(count):
                running.call_ended(running.calls.begin(f"c-{number}", "weather", {}), "completed")

        return steps(run)

    assert of_many(400) < 2.2 * of_many(200)
