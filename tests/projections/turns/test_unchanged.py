"""What two states of a turn begin with alike is taken out, and nothing else."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.turns.unchanged import without_common

items = st.lists(
    st.integers(0, 3).map(lambda number: {"id": f"item-{number}-", "text": "x" * number}),
    max_size=5,
)


def encoded(**fields: Any) -> bytes:
    return msgspec.json.encode({"turn": 1, "status": "open", **fields})


def common(old: list[Any], new: list[Any]) -> int:
    count = 0
    while count < min(len(old), len(new)) and old[count] == new[count]:
        count += 1
    return count


@given(old=items, new=items, words=items)
def test_items_are_left_out_from_the_beginning_as_long_as_they_are_alike(
    old: list[Any], new: list[Any], words: list[Any]
) -> None:
    before = encoded(tool_calls=old, transcript=words)
    after = encoded(tool_calls=new, transcript=words)
    less_before, less_after = without_common(before, after)
    same = common(old, new)
    for less, calls in ((less_before, old), (less_after, new)):
        left = [item["id"].encode() for item in calls[same:]]
        for name in {item["id"].encode() for item in [*calls, *words]}:
            assert less.count(b'"%b"' % name) == left.count(name)
        assert b'"status":"open"' in less


@pytest.mark.parametrize(
    "other",
    [
        b"",
        b"not JSON",
        b"\xff",
        b"[" * 5000,
        encoded(tool_calls=7),
        encoded(tool_calls=[{"id": "a"}], omitted={"tool_calls": 1}),
        msgspec.json.encode({"turn": 2, "tool_calls": [{"id": "a"}]}),
        msgspec.json.encode({"tool_calls": [{"id": "a"}]}),
    ],
)
def test_what_is_no_whole_recorded_turn_stays_as_it_is(other: bytes) -> None:
    turn = encoded(tool_calls=[{"id": "a"}])
    assert without_common(turn, other) == (turn, other)
    assert without_common(other, turn) == (other, turn)


def test_a_list_that_stands_in_a_text_too_stays_whole() -> None:
    """Where it begins cannot be told without decoding."""
    call = {"id": "a"}
    nested = {"tool_calls": [call]}
    turn = encoded(tool_calls=[call], usage=nested)
    assert without_common(turn, turn) == (turn, turn)
