"""What happened in a turn is found in steps in proportion to the size of its two states."""

from collections.abc import Callable
from typing import Any

import pytest

from projections.cli.lines.marks import UNICODE
from projections.cli.lines.phrase_fitting import fit
from projections.cli.lines.phrases import phrases
from projections.turns.contents import contents_of
from projections.turns.happenings import happenings, happenings_of
from projections.turns.kinds import Ended, Said
from projections.turns.story import story
from tests.growth.counting import steps


def recorded(number: int) -> dict[str, Any]:
    """A turn with so many calls, of which the last one runs, and as many messages."""
    calls: list[dict[str, Any]] = [
        {"id": f"c-{n}", "name": "lookup", "status": "completed", "result": "x"}
        for n in range(number)
    ]
    calls[-1] = {"id": f"c-{number - 1}", "name": "lookup", "status": "open"}
    said = [{"role": "user", "content": f"message {n}"} for n in range(number)]
    return {"turn": 1, "status": "open", "tool_calls": calls, "transcript": said}


def repetitive(number: int) -> dict[str, Any]:
    """The same, with messages that are all alike, and calls that all have one id."""
    state = recorded(number)
    for call in state["tool_calls"]:
        call["id"] = "call_0"
    return {**state, "transcript": [{"role": "user", "content": "go on"}] * number}


def of_an_sdk(number: int) -> dict[str, Any]:
    messages: list[Any] = []
    for n in range(number):
        call = {"id": f"c-{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        messages.append({"role": "assistant", "content": f"{n}", "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c-{n}", "content": "x"})
    return {"messages": messages[:-1]}


SHAPES = [recorded, repetitive, of_an_sdk]


def later(state: dict[str, Any]) -> dict[str, Any]:
    """The state after one more message, and the end of the call that runs."""
    if "messages" in state:
        call = state["messages"][-1]["tool_calls"][0]["id"]
        more = [{"role": "tool", "tool_call_id": call, "content": "x"}]
        return {"messages": [*state["messages"], *more, {"role": "user", "content": "And now?"}]}
    *calls, last = state["tool_calls"]
    said = [*state["transcript"], {"role": "user", "content": "And now?"}]
    return {
        **state,
        "tool_calls": [*calls, {**last, "status": "completed", "result": "y"}],
        "transcript": said,
    }


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_twice_the_state_takes_twice_the_steps(shape: Callable[[int], dict[str, Any]]) -> None:
    def count(number: int) -> int:
        before = shape(number)
        after = later(before)
        found = happenings_of(before, after)
        assert {type(each) for each in found} >= {Said, Ended}
        assert len(found) <= 3, "not what the state has had before"
        return steps(lambda: happenings_of(before, after))

    small, twice = count(200), count(400)
    assert 1.5 * small < twice < 2.3 * small


def test_the_first_state_of_a_turn_and_a_whole_story_too() -> None:
    def count(number: int) -> int:
        state = recorded(number)
        return steps(lambda: story([("t", contents_of(state))]))

    small, twice = count(200), count(400)
    assert 1.5 * small < twice < 2.3 * small


def test_a_line_of_many_happenings_is_fitted_in_time_for_few() -> None:
    """What is looked at are those that matter most."""

    def count(number: int) -> int:
        found = phrases(happenings(None, contents_of(recorded(number))), UNICODE)
        return steps(lambda: fit(found, 60, UNICODE))

    few, many = count(100), count(1600)
    assert many < 16 * few, "at most in proportion"
