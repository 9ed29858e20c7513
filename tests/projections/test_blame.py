"""Which event set what: every leaf once, on the oldest event since it is unchanged."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from journal.events import Clear, Event, Set
from projections.compare.alignment import align
from projections.compare.blame import Blamed, blame
from projections.compare.paths import leaves
from tests.projections.json_values import ALIKE, KEYS, SCALARS, VALUES, histories

encode = msgspec.json.Encoder(order="deterministic").encode

CLEARED = "cleared"
"""Stands for a clear among the states of a history; no strategy makes this string."""

OBJECTS: st.SearchStrategy[Any] = st.recursive(
    SCALARS | st.just({}), lambda below: st.dictionaries(KEYS, below, max_size=3), max_leaves=8
)


def versions_of(states: Sequence[Any]) -> list[tuple[Event, Any]]:
    """An event for each state, with seq 0, 1, 2 …"""
    return [version(seq, state) for seq, state in enumerate(states)]


def version(seq: int, state: Any) -> tuple[Event, Any]:
    if state is CLEARED:
        return Clear(seq=seq), None
    return Set(seq=seq, runtime_id="native", turn_id="t", state=Raw(encode(state))), state


def blamed(*states: Any) -> dict[str, int]:
    """The seq that each path of the last state is blamed on."""
    return {path: event_seq(event) for path, _, event in blame(versions_of(states))}


def event_seq(event: Event) -> int:
    return event.seq


@given(st.lists(OBJECTS | st.just(CLEARED), min_size=1, max_size=6))
def test_in_objects_a_leaf_is_blamed_on_the_first_of_the_versions_that_have_it_so(
    states: list[Any],
) -> None:
    """The model: walk back from the last version while the path holds the same value."""
    expected = {}
    for path, value in leaves(states[-1]) if states[-1] is not CLEARED else ():
        seq = len(states) - 1
        while seq > 0 and encode(value) == encoded_leaf(states[seq - 1], path):
            seq -= 1
        expected[path] = seq
    assert blamed(*states) == expected


def encoded_leaf(state: Any, path: str) -> bytes | None:
    found = dict(leaves(state)) if state is not CLEARED else {}
    return encode(found[path]) if path in found else None


@given(histories(longest=5))
def test_every_leaf_is_blamed_once_on_a_version_since_which_it_is_there(
    states: list[Any],
) -> None:
    result = blame(versions_of(states))
    assert [(path, encode(value)) for path, value, _ in result] == [
        (path, encode(value)) for path, value in leaves(states[-1])
    ]
    held = [{encode(leaf) for _, leaf in leaves(state)} for state in states]
    for _, value, event in result:
        assert all(encode(value) in leaves_then for leaves_then in held[event_seq(event) :])


@given(histories(longest=4), st.integers(0, 4))
def test_nothing_before_a_clear_is_blamed(states: list[Any], at: int) -> None:
    after = blame(versions_of([*states[:at], CLEARED, *states[at:]]))
    assert all(event_seq(event) > at for _, _, event in after)
    alone = blame(versions_of(states[at:]))
    assert [(path, event_seq(event) - at - 1) for path, _, event in after] == [
        (path, event_seq(event)) for path, _, event in alone
    ]


@given(VALUES, st.integers(1, 4))
def test_setting_the_same_again_changes_no_blame(state: Any, times: int) -> None:
    assert set(blamed(*[state] * times).values()) == {0}


@given(st.lists(st.lists(VALUES, max_size=3), min_size=1, max_size=4))
def test_appending_blames_only_what_is_new(batches: list[list[Any]]) -> None:
    """Whatever the elements are: repeated, nested, or equal to what is there."""
    states: list[Any] = []
    expected: list[int] = []
    for seq, batch in enumerate(batches):
        states.append([*(states[-1] if states else []), *batch])
        expected += [seq for element in batch for _ in leaves(element)]
    result = list(blamed(*states).values())
    assert result == (expected or [0])


@given(*[st.lists(VALUES, max_size=3)] * 3)
def test_what_one_insertion_or_removal_leaves_alone_stays(
    head: list[Any], run: list[Any], tail: list[Any]
) -> None:
    """At the front, in the middle or at the end; repeated elements or not."""
    for old, new in ((head + tail, head + run + tail), (head + run + tail, head + tail)):
        assert staying(old, new) == len(head + tail)


def staying(old: list[Any], new: list[Any]) -> int:
    """How many elements stay the same."""
    return sum(len(stretch.new) for stretch in align(old, new) if stretch.same)


@given(histories())
def test_an_alignment_covers_both_arrays_in_order(versions: list[Any]) -> None:
    old, new = ([version] for version in versions)
    assert_aligned(old, new)
    assert_aligned(*(value if isinstance(value, list) else [value] for value in versions))


@given(*[st.lists(st.integers(0, 3), max_size=150)] * 2)
def test_an_alignment_of_long_arrays_of_few_values_covers_them(old: Any, new: Any) -> None:
    """Too many repeated values to look at all of their pairs."""
    assert_aligned(old, new)


def assert_aligned(old: list[Any], new: list[Any]) -> None:
    stretches = list(align(old, new))
    assert [i for stretch in stretches for i in stretch.old] == list(range(len(old)))
    assert [j for stretch in stretches for j in stretch.new] == list(range(len(new)))
    for stretch in stretches:
        assert stretch.old or stretch.new
        if stretch.same:
            assert [encode(old[i]) for i in stretch.old] == [encode(new[j]) for j in stretch.new]


@given(*[st.lists(st.integers(0, 6), max_size=20)] * 2)
def test_the_most_elements_stay(old: list[int], new: list[int]) -> None:
    """As many as in the longest common subsequence, repeated or not."""
    longest = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, one in enumerate(old):
        for j, other in enumerate(new):
            skipped = max(longest[i][j + 1], longest[i + 1][j])
            longest[i + 1][j + 1] = longest[i][j] + 1 if one == other else skipped
    assert staying(old, new) == longest[-1][-1]


@pytest.mark.parametrize("cleared", [[], [CLEARED], [{"a": 1}, CLEARED]])
def test_a_turn_that_does_not_exist_has_no_blame(cleared: list[Any]) -> None:
    assert blame(versions_of(cleared)) == []


def test_a_state_of_null_is_a_state() -> None:
    assert blamed({"a": 1}, None) == {".": 1}
    assert blamed(None, None) == {".": 0}


def test_the_events_are_those_that_were_given() -> None:
    versions = versions_of([{"a": 1}, {"a": 1, "b": []}])
    assert blame(iter(versions)) == [
        Blamed("a", 1, versions[0][0]),
        Blamed("b", [], versions[1][0]),
    ]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_values_that_python_confuses_are_not_unchanged(one: Any, other: Any) -> None:
    assert blamed({"k": one, "l": [one]}, {"k": other, "l": [other]}) == {"k": 1, "l[0]": 1}


def test_a_value_that_came_back_is_blamed_on_its_return() -> None:
    assert blamed({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 1}) == {"a": 2, "b": 0}
    assert blamed({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}) == {"a.b": 2}


def test_an_empty_container_is_a_leaf() -> None:
    assert blamed({"a": {}, "b": []}, {"a": {}, "b": [], "c": {}}) == {"a": 0, "b": 0, "c": 1}
    assert blamed({"a": {"x": 1}}, {"a": {}}, {"a": {}}) == {"a": 1}


def message(content: str, role: str = "user") -> dict[str, str]:
    return {"role": role, "content": content}


def test_the_blame_of_a_transcript_that_grew_and_was_mended() -> None:
    assert blamed(
        {"transcript": [message("hello"), message("weather?")]},
        {"transcript": [message("be brief", "system"), message("hello"), message("weather?")]},
        {"transcript": [message("be brief", "system"), message("hi"), message("weather?")]},
    ) == {
        "transcript[0].role": 1,
        "transcript[0].content": 1,
        "transcript[1].role": 0,
        "transcript[1].content": 2,
        "transcript[2].role": 0,
        "transcript[2].content": 0,
    }


def test_a_long_transcript_cut_off_in_front_keeps_its_blame() -> None:
    """A context window: no common start, no common end, too long to search."""
    messages = [message(str(number)) for number in range(1_003)]
    result = blamed(messages[:1_000], messages[3:])
    assert {path for path, seq in result.items() if seq == 1} == {
        f"[{number}].{key}" for number in (997, 998, 999) for key in ("role", "content")
    }


def test_every_second_message_of_a_long_transcript_edited() -> None:
    old = [message(str(number)) for number in range(1_000)]
    new = [message(f"{number}!" if number % 2 else str(number)) for number in range(1_000)]
    result = blamed(old, new)
    assert sorted(path for path, seq in result.items() if seq) == sorted(
        f"[{number}].content" for number in range(1, 1_000, 2)
    )


def test_objects_with_their_keys_in_another_order_stay() -> None:
    old = [{"a": number, "b": 0} for number in range(3)]
    new = [{"b": 0, "a": number} for number in range(3)]
    assert list(blamed(old, [9, *new, 9]).values()) == [1, *[0] * 6, 1]


def test_few_edits_of_a_long_array_of_a_few_values_are_found() -> None:
    """To look at every pair of equal elements would take time with the square of the length."""
    old = [0, 1] * 200
    edited = [*old[:5], 2, *old[6:350], 2, *old[351:]]
    assert [path for path, seq in blamed(old, edited).items() if seq] == ["[5]", "[350]"]
    moved = [2, *old[:150], *old[151:], 3]
    assert [path for path, seq in blamed(old, moved).items() if seq] == ["[0]", "[400]"]


def test_after_many_edits_of_a_few_values_what_is_there_once_is_found() -> None:
    """The others go by index, from one such element to the next."""
    old = [0, 1] * 200
    edited = [*([2] * 40), "once", *old[200:], *([3] * 40)]
    result = blamed([*old[:200], "once", *old[200:]], edited)
    assert [path for path, seq in result.items() if not seq] == [
        f"[{at}]" for at in range(40, 241)
    ]


@pytest.mark.parametrize("wrap", [lambda x: [x, 0], lambda x: {"k": x}, lambda x: [{"k": x}]])
def test_the_deepest_states_that_a_log_holds(wrap: Any) -> None:
    old, new = [1, 2], [1, 3]
    for _ in range(127 if wrap(0) != [{"k": 0}] else 63):
        old, new = wrap(old), wrap(new)
    assert [value for _, value, event in blame(versions_of([old, new])) if event_seq(event)] == [3]
