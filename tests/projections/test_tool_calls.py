"""Tool calls are found in the shapes that runtimes write, and nothing else upsets the search."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.state import MAX_DEPTH, decode_state, encode_state
from projections.handoffs.tool_calls import FINAL, calls_in

OPEN, DONE = False, True

NAMED = {
    "a list of ids": ({"tool_calls": ["a", "b"]}, {"a": OPEN, "b": OPEN}),
    "a tuple, in a state not yet encoded": ({"tool_calls": ("a",)}, {"a": OPEN}),
    "a list of objects": (
        {"tool_calls": [{"id": "a", "type": "function", "function": {"name": "f"}}]},
        {"a": OPEN},
    ),
    "objects with the other keys": (
        {"tool_calls": [{"tool_call_id": "a"}, {"call_id": "b"}, {"tool_use_id": "c"}]},
        {"a": OPEN, "b": OPEN, "c": OPEN},
    ),
    "the id that results refer to, before an item's own": (
        {"tool_calls": [{"id": "fc_1", "call_id": "a"}]},
        {"a": OPEN},
    ),
    "one object by itself": ({"tool_calls": {"id": "a", "function": {}}}, {"a": OPEN}),
    "an object keyed by id": (
        {"tool_calls": {"a": {"name": "f"}, "b": None, "c": "running"}},
        {"a": OPEN, "b": OPEN, "c": OPEN},
    ),
    "in a message of the transcript": (
        {"transcript": [{"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]}]},
        {"a": OPEN},
    ),
    "in a state that is a list": ([{"tool_calls": ["a"]}], {"a": OPEN}),
    "outer ones first, then as they are written": (
        {"x": [{"tool_calls": ["b"]}, {"tool_calls": ["c"]}], "tool_calls": ["a"]},
        {"a": OPEN, "b": OPEN, "c": OPEN},
    ),
    "an id that looks like a status is an id": (
        {"tool_calls": ["done", "error"]},
        {"done": OPEN, "error": OPEN},
    ),
    "a call among another call's arguments": (
        {"tool_calls": [{"id": "a", "args": {"tool_calls": ["b"]}}]},
        {"a": OPEN, "b": OPEN},
    ),
}

FINISHED = {
    "its object has a result": ({"tool_calls": [{"id": "a", "result": 0}]}, {"a": DONE}),
    "its object has an output": ({"tool_calls": [{"id": "a", "output": ""}]}, {"a": DONE}),
    "its object has an error": ({"tool_calls": {"a": {"error": "no net"}}}, {"a": DONE}),
    "a null result is none yet": (
        {"tool_calls": [{"id": "a", "result": None, "output": None, "error": None}]},
        {"a": OPEN},
    ),
    "its object has a final status": (
        {"tool_calls": [{"id": "a", "status": "Completed"}, {"id": "b", "status": "pending"}]},
        {"a": DONE, "b": OPEN},
    ),
    "keyed by id, a status or an object": (
        {"tool_calls": {"a": "done", "b": "running", "c": {"status": "FAILED"}}},
        {"a": DONE, "b": OPEN, "c": DONE},
    ),
    "a tool message answers it": (
        {
            "transcript": [
                {"role": "assistant", "tool_calls": [{"id": "a"}, {"id": "b"}]},
                {"role": "tool", "tool_call_id": "a", "content": None},
            ]
        },
        {"a": DONE, "b": OPEN},
    ),
    "an output item answers it": (
        {
            "tool_calls": ["a"],
            "items": [{"type": "function_call_output", "call_id": "a", "output": None}],
        },
        {"a": DONE},
    ),
    "a tool_result block answers it": (
        {
            "tool_calls": ["a"],
            "messages": [
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]}
            ],
        },
        {"a": DONE},
    ),
    "any object that refers to it and holds an outcome": (
        [{"call_id": "a", "error": "x"}, {"tool_call_id": "b", "content": "x"}],
        {"a": DONE, "b": DONE},
    ),
    "an object that only refers to it is no result": (
        {"tool_calls": ["a"], "log": [{"call_id": "a", "status": "completed"}]},
        {"a": OPEN},
    ),
    "an id without a reference is no result": (
        {"tool_calls": ["a"], "log": [{"id": "a", "content": "x"}]},
        {"a": OPEN},
    ),
    "results keyed by id": (
        {"tool_calls": ["a", "b"], "tool_results": {"a": "sunny", "b": None}},
        {"a": DONE, "b": OPEN},
    ),
    "a list of outputs": (
        {"tool_outputs": [{"id": "a"}, {"tool_call_id": "b"}, {"call_id": "c"}, {"x": 1}, "d"]},
        {"a": DONE, "b": DONE, "c": DONE},
    ),
    "a result for a call that an earlier state named": (
        {"messages": [{"role": "tool", "tool_call_id": "a", "content": "x"}]},
        {"a": DONE},
    ),
    "the turn is over": (
        {"status": "done", "tool_calls": ["a", {"id": "b"}]},
        dict.fromkeys("ab", DONE),
    ),
    "the turn is over, but a call says it is not": (
        {"status": "done", "tool_calls": [{"id": "a", "status": "in_progress"}, {"id": "b"}]},
        {"a": OPEN, "b": DONE},
    ),
    "the turn is over, a call says it is not, but has its result": (
        {"status": "done", "tool_calls": [{"id": "a", "status": "open", "output": 1}]},
        {"a": DONE},
    ),
    "the turn is not over": ({"status": "running", "tool_calls": ["a"]}, {"a": OPEN}),
    "only the state's own status counts for all": (
        {"step": {"status": "done"}, "tool_calls": ["a"]},
        {"a": OPEN},
    ),
    "named twice, finished once": (
        {"tool_calls": ["a"], "message": {"tool_calls": [{"id": "a", "status": "ok"}]}},
        {"a": DONE},
    ),
    "finished first, named afterwards": (
        {"tool_calls": [{"id": "a", "result": 1}], "more": {"tool_calls": ["a"]}},
        {"a": DONE},
    ),
}

IGNORED = {
    "a bare string": {"tool_calls": "a"},
    "a number": {"tool_calls": 3},
    "null": {"tool_calls": None, "tool_results": None, "status": None},
    "lists of other things": {"tool_calls": [1, None, True, ["a"], {}, ""]},
    "objects without a usable id": {"tool_calls": [{"id": 1}, {"id": None, "function": {}}]},
    "one object whose id is unusable": {"tool_calls": {"id": None, "function": {}}},
    "keyed numbers": {"tool_calls": {"count": 3, "max": 1.5, "on": True, "": {}}},
    "a result for no id": [{"role": "tool", "call_id": 7, "content": "x"}],
    "results of other types": {"tool_results": ["a", 1, None], "tool_outputs": 3},
    "a status of another type": {"status": ["done"], "tool_calls": [{"status": "done"}]},
    "other keys": {"tools": ["a"], "toolCalls": ["b"], "calls": ["c"]},
    "a role and type of other types": [{"role": ["tool"], "type": {}, "call_id": "a"}],
    "no object at all": "tool_calls",
    "an empty state": {},
}


@pytest.mark.parametrize(("state", "calls"), NAMED.values(), ids=NAMED)
def test_calls_are_found_where_they_are_named(state: Any, calls: dict[str, bool]) -> None:
    assert list(calls_in(state).items()) == list(calls.items())


@pytest.mark.parametrize(("state", "calls"), FINISHED.values(), ids=FINISHED)
def test_calls_are_finished_when_the_state_has_their_result(
    state: Any, calls: dict[str, bool]
) -> None:
    assert calls_in(state) == calls


@pytest.mark.parametrize("state", IGNORED.values(), ids=IGNORED)
def test_what_has_another_type_or_shape_is_ignored(state: Any) -> None:
    assert calls_in(state) == {}


@pytest.mark.parametrize("status", sorted(FINAL))
def test_every_final_status_finishes_a_call_in_any_case_of_letters(status: str) -> None:
    for written in (status, status.upper(), status.title()):
        assert calls_in({"tool_calls": [{"id": "a", "status": written}]}) == {"a": True}
        assert calls_in({"tool_calls": ["a"], "status": written}) == {"a": True}


@pytest.mark.parametrize("status", ["open", "pending", "running", "in_progress", "", "done?"])
def test_other_statuses_finish_nothing(status: str) -> None:
    assert calls_in({"tool_calls": [{"id": "a", "status": status}]}) == {"a": False}
    assert calls_in({"tool_calls": ["a"], "status": status}) == {"a": False}


def test_the_deepest_state_that_can_be_stored_is_searched_to_the_bottom() -> None:
    state: Any = {"tool_calls": ["a"]}
    for level in range(MAX_DEPTH - 2):
        state = [state] if level % 2 else {"in": state}
    assert calls_in(decode_state(encode_state(state))) == {"a": False}


def test_the_depth_of_a_state_is_no_limit() -> None:
    state: Any = {"tool_calls": ["a"]}
    for _ in range(5000):
        state = {"in": state}
    assert calls_in(state) == {"a": False}


KEYS = st.sampled_from(
    [
        *("tool_calls", "tool_results", "tool_outputs", "tool_call_id", "call_id", "tool_use_id"),
        *("id", "role", "type", "status", "result", "output", "error", "content", "x"),
    ]
)
VALUES = st.sampled_from(["a", "b", "tool", "done", "running", "", None, 0, 1.5, True])
STATES = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def strings_in(state: Any) -> set[str]:
    """All strings in a state, keys included."""
    if isinstance(state, str):
        return {state}
    if isinstance(state, dict):
        return set(state).union(*map(strings_in, state.values()))
    return set().union(*map(strings_in, state)) if isinstance(state, list) else set()


@given(STATES)
def test_whatever_the_state_only_its_own_strings_are_calls_and_it_is_left_alone(
    state: Any,
) -> None:
    before = json.dumps(state)
    calls = calls_in(state)
    assert set(calls) <= strings_in(state) - {""}
    assert all(type(finished) is bool for finished in calls.values())
    assert json.dumps(state) == before


@given(STATES, STATES)
def test_what_else_a_state_holds_neither_hides_nor_reopens_a_call(one: Any, other: Any) -> None:
    alone, both = calls_in([one]), calls_in([one, other])
    assert set(both) == set(alone) | set(calls_in([other]))
    assert all(both[call] for call, finished in alone.items() if finished)
