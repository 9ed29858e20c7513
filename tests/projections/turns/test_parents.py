"""Whose turn a turn runs for."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.turns.parents import Parent, is_called_for, parent_in, parent_in_encoded
from tests.projections.json_values import VALUES

STATES: dict[str, tuple[Any, Parent | None]] = {
    "all of it": (
        {"parent": {"runtime": "a", "turn": "t", "tool_call_id": "c", "session": "s"}},
        Parent("a", "t", "c", "s"),
    ),
    "the least": ({"parent": {"runtime": "a", "turn": "t"}}, Parent("a", "t")),
    "what has another type is left out": (
        {"parent": {"runtime": "a", "turn": "t", "tool_call_id": 7, "session": ""}},
        Parent("a", "t"),
    ),
    "no turn": ({"parent": {"runtime": "a"}}, None),
    "no runtime": ({"parent": {"runtime": None, "turn": "t"}}, None),
    "a text": ({"parent": "a/t"}, None),
    "null": ({"parent": None}, None),
    "none": ({}, None),
    "no object": ([{"parent": {"runtime": "a", "turn": "t"}}], None),
}


@pytest.mark.parametrize(("state", "parent"), STATES.values(), ids=STATES)
def test_a_parent_is_found_in_its_form_only(state: Any, parent: Parent | None) -> None:
    assert parent_in(state) == parent
    assert parent_in_encoded(json.dumps(state).encode()) == parent


@given(VALUES, VALUES)
def test_decoding_only_the_parent_finds_the_same(parent: Any, other: Any) -> None:
    for state in ({"parent": parent, "x": other}, {"x": {"parent": parent}}, parent):
        assert parent_in_encoded(json.dumps(state).encode()) == parent_in(state)


@pytest.mark.parametrize("state", [b"", b"{", b'{"parent":', b"\xff", b"[" * 100_000])
def test_what_is_not_json_has_no_parent(state: bytes) -> None:
    assert parent_in_encoded(state) is None


KEYS = st.tuples(st.sampled_from("abc"), st.sampled_from(["t1", "t2", "t3"]))
PARENTS = st.dictionaries(
    KEYS,
    st.builds(
        lambda key, session: Parent(key[0], key[1], None, session),
        KEYS,
        st.sampled_from([None, "s"]),
    ),
)


def line_of(parents: dict[tuple[str, str], Parent], key: tuple[str, str]) -> list[Parent]:
    """The ancestors of a turn, one by one, until one is not known or comes again."""
    line: list[Parent] = []
    while (parent := parents.get(key)) is not None and parent.key not in [p.key for p in line]:
        line.append(parent)
        if parent.session_id is not None:
            break
        key = (parent.runtime_id, parent.turn_id)
    return line


@given(PARENTS, KEYS, st.sampled_from("abc"), st.sampled_from([None, "t1", "t2"]))
def test_a_turn_runs_for_an_ancestors_runtime_and_with_those_of_the_same_first_ancestor(
    parents: dict[tuple[str, str], Parent], turn: tuple[str, str], owner: str, last: str | None
) -> None:
    """Any parents, in circles too."""
    if turn not in parents:
        return
    line = line_of(parents, turn)
    above = line_of(parents, (owner, last)) if last is not None else []
    expected = any(each.session_id is None and each.runtime_id == owner for each in line) or (
        bool(above) and above[-1].key == line[-1].key
    )
    found = is_called_for(parents[turn], owner, last, lambda *key: parents.get(key))
    assert found == expected
