"""How many values of each part changed: the same as the lines of a difference say in all."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from projections.compare.alignment import same
from projections.compare.counts import counts
from projections.compare.difference import diff

VALUES = st.recursive(
    st.none() | st.integers(0, 2) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES, VALUES, st.integers(0, 3))
def test_the_parts_add_up_to_the_lines(old: Any, new: Any, depth: int) -> None:
    parts = list(counts(old, new, depth))
    marks = Counter(change.mark for change in diff(old, new).lines())
    assert sum(part.added for part in parts) == marks["+"]
    assert sum(part.changed for part in parts) == marks["~"]
    assert sum(part.removed for part in parts) == marks["-"]
    assert len({part.keys for part in parts}) == len(parts)
    assert all(len(part.keys) <= depth for part in parts)
    assert bool(parts) == (not same(old, new))


@given(VALUES, VALUES, st.integers(0, 3))
def test_back_again_all_is_turned_round(old: Any, new: Any, depth: int) -> None:
    there = {part.keys: part for part in counts(old, new, depth)}
    back = {part.keys: part for part in counts(new, old, depth)}
    assert set(there) == set(back)
    for keys, part in there.items():
        assert part.grown == -back[keys].grown
        if part.mark != "~":
            assert {part.mark, back[keys].mark} == {"+", "-"}


def test_bytes_are_those_of_compact_json() -> None:
    (part,) = counts({"t": {"é": 1}}, {"t": {"é": [1, 2]}}, 1)
    assert part.grown == len("[1,2]") - len("1")
    (part,) = counts({}, {"é": "日"}, 1)
    assert part == ("+", ("é",), 1, 0, 0, len('"日"'.encode()))
