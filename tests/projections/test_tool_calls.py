"""Tool calls are found in the forms that runtimes write, and nothing else upsets the search.

The messages of SDKs are in `turns/test_sdk_messages.py`.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.state import MAX_DEPTH, decode_state, encode_state
from projections.handoffs.ledger import shows_over
from projections.turns.reading import TurnState, read_turn
from projections.turns.search import calls_in
from projections.turns.statuses import WORDS

OPEN, DONE = False, True


def shown(state: Any) -> list[tuple[str | None, str | None, int, bool]]:
    """The calls that a state names: id, tool, number, and whether it shows them over."""
    turn = read_turn(state)
    return [
        (call.id, call.name, call.number, shows_over(call, turn)) for call in turn.calls.values()
    ]


def by_id(state: Any) -> dict[str, bool]:
    """`{id: over}` of calls named once, and of results whose calls are not named."""
    named = {str(call_id): over for call_id, _, _, over in shown(state)}
    assert len(named) == len(shown(state))
    return named | dict.fromkeys(read_turn(state).answers, DONE)


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
    "nothing in another call's arguments is a call": (
        {"tool_calls": [{"id": "a", "args": {"tool_calls": ["b"]}, "result": [{"call_id": "c"}]}]},
        {"a": DONE},
    ),
    "nothing in a result is one": (
        [{"role": "tool", "tool_call_id": "a", "content": [{"type": "tool_use", "id": "b"}]}],
        {"a": DONE},
    ),
    "in what a call holds besides": (
        {"tool_calls": [{"id": "a", "steps": [{"tool_calls": ["b"]}]}]},
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
    "it has an exit code": ({"tool_calls": [{"id": "a", "exit_code": 0}]}, {"a": DONE}),
    "a result that says that more is to come is none yet": (
        {
            "tool_calls": ["a"],
            "items": [{"tool_call_id": "a", "status": "in_progress", "content": "50 %"}],
        },
        {"a": OPEN},
    ),
    "a status in words that nobody knows says nothing": (
        {"status": "done", "tool_calls": [{"id": "a", "status": "sunny"}]},
        {"a": DONE},
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

SEVERAL: dict[str, tuple[Any, list[tuple[str | None, str | None, int, bool]]]] = {
    "an id used again after its result": (
        [
            {"tool_calls": [{"id": "a", "name": "read"}]},
            {"role": "tool", "tool_call_id": "a", "content": "x"},
            {"tool_calls": [{"id": "a", "name": "read"}]},
        ],
        [("a", "read", 1, DONE), ("a", "read", 2, OPEN)],
    ),
    "an id used again in one list of calls": (
        {
            "tool_calls": [
                {"id": "a", "name": "read", "status": "completed"},
                {"id": "a", "name": "read", "status": "open"},
            ]
        },
        [("a", "read", 1, DONE), ("a", "read", 2, OPEN)],
    ),
    "an id used for two tools at once": (
        {"tool_calls": [{"id": "a", "name": "read"}, {"id": "a", "name": "charge"}]},
        [("a", "read", 1, OPEN), ("a", "charge", 2, OPEN)],
    ),
    "the same calls in two lists are the same": (
        {
            "tool_calls": [
                {"id": "a", "name": "read", "status": "completed"},
                {"id": "a", "name": "read", "status": "completed"},
            ],
            "messages": [
                {"tool_calls": [{"id": "a", "function": {"name": "read"}}]},
                {"role": "tool", "tool_call_id": "a", "content": "x"},
                {"tool_calls": [{"id": "a", "function": {"name": "read"}}]},
            ],
        },
        [("a", "read", 1, DONE), ("a", "read", 2, DONE)],
    ),
    "no id, or an empty one": (
        {"tool_calls": [{"name": "read"}, {"id": "", "name": "charge"}, {"id": 7}, {}, ""]},
        [
            (None, "read", 1, OPEN),
            (None, "charge", 1, OPEN),
            *((None, None, number, OPEN) for number in (1, 2, 3)),
        ],
    ),
    "no id, several of a tool": (
        {"tool_calls": [{"name": "read", "result": "x"}, {"name": "read", "status": "open"}]},
        [(None, "read", 1, DONE), (None, "read", 2, OPEN)],
    ),
    "no id, and results of the same tool in their order": (
        [
            {"tool_calls": [{"name": "a"}, {"name": "b"}, {"name": "b"}]},
            {"role": "tool", "tool_name": "b", "content": "x"},
        ],
        [(None, "a", 1, OPEN), (None, "b", 1, DONE), (None, "b", 2, OPEN)],
    ),
    "no id, and a result of another tool": (
        [
            {"tool_calls": [{"name": "a"}, {"function": {"arguments": "{}"}}]},
            {"role": "tool", "tool_name": "b", "content": "x"},
            {"role": "tool", "tool_name": "b", "content": "y"},
        ],
        [(None, "a", 1, OPEN), (None, None, 1, DONE)],
    ),
    "no id, and results without a name in the order of the calls": (
        [
            {"tool_calls": [{"name": "a", "result": 1}, {"name": "b"}, {"name": "b"}]},
            {"role": "tool", "content": "x"},
        ],
        [(None, "a", 1, DONE), (None, "b", 1, DONE), (None, "b", 2, OPEN)],
    ),
    "no id, in two lists: nothing says that they are the same": (
        {
            "tool_calls": [{"name": "a", "result": 1}],
            "messages": [{"tool_calls": [{"name": "a"}]}],
        },
        [(None, "a", 1, DONE), (None, "a", 1, OPEN)],
    ),
    "one call by itself, without an id": (
        {"tool_calls": {"name": "charge", "args": {"sum": 7}}},
        [(None, "charge", 1, OPEN)],
    ),
}

IGNORED = {
    "a bare string": {"tool_calls": "a"},
    "a number": {"tool_calls": 3},
    "null": {"tool_calls": None, "tool_results": None, "status": None},
    "lists of other things": {"tool_calls": [1, None, True, ["a"]]},
    "keyed numbers": {"tool_calls": {"count": 3, "max": 1.5, "on": True}},
    "a result for no id": [{"role": "tool", "call_id": 7, "content": "x"}],
    "results of other types": {"tool_results": ["a", 1, None], "tool_outputs": 3},
    "a status of another type": {"status": ["done"]},
    "an envelope of a result": [{"type": "tool", "data": {}}],
    "tools on offer": {"tools": [{"type": "function", "function": {"name": "f"}}]},
    "other keys": {"tools": ["a"], "toolCalls": ["b"], "calls": ["c"]},
    "a role and type of other types": [{"role": ["tool"], "type": {}, "call_id": "a"}],
    "no object at all": "tool_calls",
    "an empty state": {},
}


@pytest.mark.parametrize(("state", "calls"), NAMED.values(), ids=NAMED)
def test_calls_are_found_where_they_are_named(state: Any, calls: dict[str, bool]) -> None:
    assert list(by_id(state).items()) == list(calls.items())


@pytest.mark.parametrize(("state", "calls"), FINISHED.values(), ids=FINISHED)
def test_calls_are_finished_when_the_state_has_their_result(
    state: Any, calls: dict[str, bool]
) -> None:
    assert by_id(state) == calls


@pytest.mark.parametrize(("state", "calls"), SEVERAL.values(), ids=SEVERAL)
def test_calls_that_share_an_id_or_have_none_are_told_apart(state: Any, calls: Any) -> None:
    assert shown(state) == calls


@pytest.mark.parametrize("state", IGNORED.values(), ids=IGNORED)
def test_what_has_another_type_or_shape_is_ignored(state: Any) -> None:
    assert by_id(state) == {}


def in_any_spelling(word: str) -> list[str]:
    """`in_progress`, `IN_PROGRESS`, `In Progress`, `in-progress`, `inProgress`."""
    head, *humps = word.split("_")
    camel = head + "".join(map(str.title, humps))
    return [word, word.upper(), word.replace("_", " ").title(), word.replace("_", "-"), camel]


@pytest.mark.parametrize(
    ("word", "over"),
    [(word, key not in ("open", "waiting")) for key, words in WORDS.items() for word in words],
)
def test_every_word_of_the_table_counts_for_calls_and_for_turns(word: str, over: bool) -> None:
    for written in in_any_spelling(word):
        assert by_id({"tool_calls": [{"id": "a", "status": written}]}) == {"a": over}
        assert by_id({"tool_calls": ["a"], "status": written}) == {"a": over}
        state = {"tool_calls": [{"id": "a", "status": written}], "status": "completed"}
        assert by_id(state) == {"a": over}


@pytest.mark.parametrize("status", ["", "done?", "well", "x" * 1000, 7, None, {"word": "done"}])
def test_other_statuses_finish_nothing(status: Any) -> None:
    assert by_id({"tool_calls": [{"id": "a", "status": status}]}) == {"a": False}
    assert by_id({"tool_calls": ["a"], "status": status}) == {"a": False}


def test_the_deepest_state_that_can_be_stored_is_searched_to_the_bottom() -> None:
    state: Any = {"tool_calls": ["a"]}
    for level in range(MAX_DEPTH - 2):
        state = [state] if level % 2 else {"in": state}
    assert by_id(decode_state(encode_state(state))) == {"a": False}


def test_the_depth_of_a_state_is_no_limit() -> None:
    state: Any = {"tool_calls": ["a"]}
    for _ in range(5000):
        state = {"in": state}
    assert by_id(state) == {"a": False}


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
    found = read_turn(state)
    named = {call.id for call in found.calls.values() if call.id is not None}
    assert named | set(found.answers) <= strings_in(state) - {""}
    assert not named & set(found.answers), "a result of a call that is named is that call's"
    assert json.dumps(state) == before


@given(STATES, STATES)
def test_what_else_a_state_holds_neither_hides_nor_reopens_a_call(one: Any, other: Any) -> None:
    """Beside each other under keys: in one list, a later call of an id may be a new one."""
    alone, both = calls_in({"one": one}), calls_in({"one": one, "other": other})
    assert set(both.calls) >= set(alone.calls)
    assert all(both.calls[key].is_over for key, call in alone.calls.items() if call.is_over)


@given(STATES)
def test_a_state_says_the_same_however_often_it_is_read(state: Any) -> None:
    first, second = read_turn(state), read_turn(state)
    assert isinstance(first, TurnState)
    assert first == second
