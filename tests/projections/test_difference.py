"""Differences of two JSON values: the patch is right, the lines say what it does."""

import copy
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import jsonpatch
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.compare.difference import Difference, LeafChange, diff
from projections.compare.encoding import compact_json
from projections.compare.paths import (
    ROOT_STEPS,
    Steps,
    child_path,
    children,
    leaves,
    path_of,
    pointer_of,
)
from tests.json_patch import apply_patch, value_at
from tests.projections.json_values import ALIKE, VALUES, histories

encode = msgspec.json.Encoder(order="deterministic").encode


def assert_right(old: Any, new: Any) -> Difference:
    """The patch leads to exactly the new value, and the values are left as they were.

    By an applier made from the RFC and by somebody else's; and it can be read without
    being applied: what it adds or replaces has its place in the new value as its path.
    """
    before = encode([old, new])
    difference = diff(old, new)
    assert encode(apply_patch(difference.patch, old)) == encode(new)
    assert encode(jsonpatch.apply_patch(old, difference.patch)) == encode(new)
    for operation in difference.patch:
        if operation["op"] != "remove":
            assert encode(value_at(new, operation["path"])) == encode(operation["value"])
    assert encode([old, new]) == before
    return difference


@given(VALUES, VALUES)
def test_a_patch_between_any_two_values_gives_exactly_the_new_one(old: Any, new: Any) -> None:
    assert_right(old, new)


@given(histories())
def test_a_patch_between_two_versions_gives_exactly_the_new_one(versions: list[Any]) -> None:
    assert_right(*versions)


@given(histories())
def test_a_patch_says_what_the_lines_say(versions: list[Any]) -> None:
    """Leaf by leaf, in the same order; only what is removed is named by another path."""
    old, new = versions
    lines = [
        line._replace(path="") if line.mark == "-" else line for line in diff(old, new).lines()
    ]
    assert strict(lines) == strict(changes_of(diff(old, new).patch, old, new))


def strict(lines: Iterable[LeafChange]) -> str:
    """The changes with their values as text: it differs for 1, 1.0 and True."""
    return repr(list(map(tuple, lines)))


def changes_of(patch: list[dict[str, Any]], document: Any, new: Any) -> Iterator[LeafChange]:
    """The lines that go with a patch, of what is removed without the path."""
    for operation in patch:
        before, document = document, apply_patch([operation], document)
        where, value = operation["path"], operation.get("value")
        match operation["op"]:
            case "add":
                came = leaves(value, readable(where, new))
                yield from (LeafChange("+", path, None, leaf) for path, leaf in came)
            case "remove":
                went = leaves(value_at(before, where))
                yield from (LeafChange("-", "", leaf, None) for _, leaf in went)
            case "replace":
                yield LeafChange("~", readable(where, new), value_at(before, where), value)


def readable(pointer: str, document: Any) -> str:
    path = "."
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        step = int(key) if isinstance(document, list) else key
        path, document = child_path(path, step), document[step]
    return path


@given(histories())
def test_nothing_is_shown_exactly_when_all_is_equal(versions: list[Any]) -> None:
    old, new = versions
    differs = encode(old) != encode(new)
    difference = diff(old, new)
    assert bool(difference) == differs
    assert bool(difference.patch) == differs
    assert bool(difference.lines()) == differs
    assert bool(difference.text()) == differs


@given(VALUES)
def test_a_copy_is_no_difference(value: Any) -> None:
    assert not assert_right(value, copy.deepcopy(value))


def scalars_of(values: list[Any]) -> Counter[bytes]:
    """How often each scalar stands in the values; empty containers come and go unseen."""
    found = (leaf for value in values for _, leaf in leaves(value))
    return Counter(encode(leaf) for leaf in found if not isinstance(leaf, dict | list))


@given(histories())
def test_lines_account_for_every_leaf(versions: list[Any]) -> None:
    """What was there, less what went, and what came, is what is there."""
    old, new = versions
    lines = diff(old, new).lines()
    went = scalars_of([line.old for line in lines if line.mark != "+"])
    came = scalars_of([line.new for line in lines if line.mark != "-"])
    before = scalars_of([old])
    assert went <= before
    assert before - went + came == scalars_of([new])


@given(histories())
def test_lines_name_the_place_of_what_they_show(versions: list[Any]) -> None:
    old, new = versions
    before, after = places(old), places(new)
    for mark, path, was, now in diff(old, new).lines():
        if mark == "-":
            assert now is None
            assert encode(before[path]) == encode(was)
        else:
            assert was is None or mark == "~"
            assert encode(after[path]) == encode(now)


def places(value: Any, path: str = ".") -> dict[str, Any]:
    """Every value in a value, by path; two places of one path would be an error."""
    found = {path: value}
    for step, item in children(value) if isinstance(value, dict | list) else ():
        below = places(item, child_path(path, step))
        assert not found.keys() & below.keys()
        found |= below
    return found


@given(st.dictionaries(st.text(), st.text(), max_size=4))
def test_a_change_is_one_line_of_printable_characters(value: dict[str, str]) -> None:
    """No key or string can break a line, or reach a terminal as a control sequence."""
    for difference in (diff({}, value), diff(value, {}), diff(value, "")):
        assert difference.text().splitlines() == [str(line) for line in difference.lines()]
        assert all(str(line).isprintable() for line in difference.lines())


@given(st.text())
def test_compact_json_is_json(text: str) -> None:
    assert json.loads(compact_json({text: [text]})) == {text: [text]}


STALE_MOVES: list[tuple[Any, Any]] = [
    (["a", "b", ["d", "e"], "f"], ["a", "d", ["e", "g"]]),
    (
        [{"x": ["a", {"y": ["b"]}], "z": "a"}, {"x": ["c", {"d": ["d"]}], "z": "c"}, {}],
        [{"x": ["c", {"y": ["d"]}], "z": "c"}, {}],
    ),
    (
        {"a": [{"id": [1]}, {"id": [2]}], "b": [{"id": 5}]},
        {"a": [{"id": []}, {"id": [1]}], "b": [{"id": 5, "newKey": 2}]},
    ),
    ([{"a": 1}, {"b": 2}], [{"a": 1, "b": 2}]),
    (["1", "2", "3", "4"], ["4", "3", "1", "2", "2"]),
    ([0.0, [[], [False, 7], {}], None], [False]),
    ({"-": {"0": 1.0, "a": 0.0}}, {"-": "0"}),
    ([["a", "b"], ["c", "d"]], [["d", "c"], ["b", "a"]]),
]


@pytest.mark.parametrize(("old", "new"), STALE_MOVES)
def test_values_on_which_moves_have_gone_wrong(old: Any, new: Any) -> None:
    assert_right(old, new)
    assert_right(new, old)


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_values_that_python_confuses_are_different(one: Any, other: Any) -> None:
    line = LeafChange("~", ".", one, other)
    assert strict(diff(one, other).lines()) == strict([line])
    for wrap in (lambda x: [x], lambda x: {"k": x}, lambda x: [0, [x], {"k": [x]}]):
        assert assert_right(wrap(one), wrap(other))


def test_the_order_of_keys_is_no_difference() -> None:
    assert not assert_right([{"a": 1, "b": {"c": 2, "d": 3}}], [{"b": {"d": 3, "c": 2}, "a": 1}])


NOT_JSON = [float("nan"), float("inf"), -float("inf"), "\ud800", "\udfff"]


@pytest.mark.parametrize("value", NOT_JSON, ids=ascii)
@pytest.mark.parametrize("other", [None, 0.0, "", "null", "NaN", *NOT_JSON], ids=ascii)
def test_values_that_json_cannot_carry_are_told_apart(value: Any, other: Any) -> None:
    """An older session file may hold them."""
    for wrap in (lambda x: x, lambda x: [None, x], lambda x: {"k": x, "n": None}):
        difference = diff(wrap(value), wrap(other))
        if value is other:
            assert not difference
            assert (difference.patch, difference.lines()) == ([], [])
        else:
            assert [operation["op"] for operation in difference.patch] == ["replace"]
            (line,) = difference.lines()
            assert difference
            assert compact_json(line.old) != compact_json(line.new)
            assert str(line).isprintable()


# RFC 6901, section 5
POINTERS = {
    "": [],
    "/foo": ["foo"],
    "/foo/0": ["foo", 0],
    "/": [""],
    "/a~1b": ["a/b"],
    "/c%d": ["c%d"],
    "/e^f": ["e^f"],
    "/g|h": ["g|h"],
    "/i\\j": ["i\\j"],
    '/k"l': ['k"l'],
    "/ ": [" "],
    "/m~0n": ["m~n"],
}


@pytest.mark.parametrize(("pointer", "way"), POINTERS.items())
def test_pointers_are_those_of_the_rfc(pointer: str, way: list[Any]) -> None:
    assert pointer_of(steps_through(way)) == pointer


def steps_through(way: list[Any]) -> Steps:
    found = ROOT_STEPS
    for step in way:
        found = found, step
    return found


def test_keys_are_escaped_in_pointers() -> None:
    old = {"a/b": {"~1": 1}, "": 1, "-": [{"0": 1}], "01": 0}
    new = {"a/b": {"~1": 2}, "": 2, "-": [{"0": 2}, 3]}
    assert assert_right(old, new).patch == [
        {"op": "replace", "path": "/a~1b/~01", "value": 2},
        {"op": "replace", "path": "/", "value": 2},
        {"op": "replace", "path": "/-/0/0", "value": 2},
        {"op": "add", "path": "/-/1", "value": 3},
        {"op": "remove", "path": "/01"},
    ]


def test_big_integers_keep_every_digit() -> None:
    assert_right([2**64, 10**300], [2**64 + 1, 10**300 + 1, -(2**70)])


@pytest.mark.parametrize("shape", ["lists", "objects", "both"])
def test_the_deepest_values_that_a_log_holds(shape: str) -> None:
    old, new = nested(shape, [1, 2]), nested(shape, [2, 3])
    difference = assert_right(old, new)
    assert len(difference.patch) == len(difference.lines()) == 2
    assert_right(old, [])


def nested(shape: str, value: Any) -> Any:
    for level in range(127):
        as_list = shape == "lists" or (shape == "both" and level % 2)
        value = [value, 1] if as_list else {"k": value, "n": 1}
    return value


@given(st.lists(VALUES, max_size=4), *[st.lists(VALUES, max_size=3)] * 3)
def test_what_is_inserted_or_removed_is_all_a_patch_holds(
    around: list[Any], head: list[Any], run: list[Any], tail: list[Any]
) -> None:
    """However deep the array is, and wherever in it: no neighbour is written again."""
    short, long = (
        [*around, {"k": [items]}, *around] for items in (head + tail, head + run + tail)
    )
    array = f"/{len(around)}/k/0/"
    for old, new, op in ((short, long, "add"), (long, short, "remove")):
        patch = assert_right(old, new).patch
        assert [operation["op"] for operation in patch] == [op] * len(run)
        assert all(operation["path"].startswith(array) for operation in patch)


EDITS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from([None, 0, 1])), max_size=16
)


@given(st.randoms(use_true_random=False), EDITS)
def test_few_edits_of_a_long_array_of_few_values_are_few_operations(
    random: Random, edits: list[tuple[float, int | None]]
) -> None:
    """Which are too many pairs of equal elements to look at each."""
    old = random.choices([0, 1], k=250)
    new = list(old)
    for where, inserted in edits:
        at = int(where * len(new))
        new[at : at + (inserted is None)] = [] if inserted is None else [inserted]
    assert len(assert_right(old, new).patch) <= len(edits)


def test_the_patch_of_a_transcript_that_was_mended() -> None:
    transcript: list[dict[str, Any]] = [
        {"role": "user", "content": [str(number), "…"]} for number in range(50)
    ]
    brief = {"role": "system", "content": ["be brief"]}
    mended = [brief, *copy.deepcopy(transcript[:20]), *copy.deepcopy(transcript[22:])]
    mended[5]["content"].insert(1, "again")
    assert assert_right({"t": transcript}, {"t": mended}).patch == [
        {"op": "add", "path": "/t/0", "value": brief},
        {"op": "add", "path": "/t/5/content/1", "value": "again"},
        {"op": "remove", "path": "/t/21"},
        {"op": "remove", "path": "/t/21"},
    ]


def test_what_came_or_went_whole_is_one_operation() -> None:
    old = {"gone": {"a": [1, 2]}, "kept": [[1], [2]], "kind": "text"}
    new = {"kept": [[1], [2], [{"b": 3}, 4]], "kind": {"of": ["text"]}, "came": []}
    assert assert_right(old, new).patch == [
        {"op": "remove", "path": "/gone"},
        {"op": "add", "path": "/kept/2", "value": [{"b": 3}, 4]},
        {"op": "replace", "path": "/kind", "value": {"of": ["text"]}},
        {"op": "add", "path": "/came", "value": []},
    ]


def test_the_text_of_a_turn_that_went_on() -> None:
    old = {
        "status": "open",
        "error": None,
        "tool_calls": ["call-1"],
        "calls": [{"name": "a", "args": {"a b": 1}}, {"name": "b", "args": {}}],
        "kind": "text",
    }
    new = {
        "status": "completed",
        "tool_calls": ["call-1", "call-2"],
        "calls": [{"name": "a", "args": {"a b": 2}}, {"name": "b", "args": {"n": [1, {}]}}],
        "kind": {"of": "text"},
    }
    assert diff(old, new).text().splitlines() == [
        '~ status: "open" → "completed"',
        "- error: null",
        '+ tool_calls[1]: "call-2"',
        '~ calls[0].args["a b"]: 1 → 2',
        "+ calls[1].args.n[0]: 1",
        "+ calls[1].args.n[1]: {}",
        '~ kind: "text" → {"of":"text"}',
    ]


def test_elements_are_shown_where_they_are_or_were() -> None:
    """Not where they are halfway through a patch."""
    assert diff(["a", "b", "c", "d"], ["c", "x", "d"]).lines() == [
        LeafChange("-", "[0]", "a", None),
        LeafChange("-", "[1]", "b", None),
        LeafChange("+", "[1]", None, "x"),
    ]
    assert diff([{"n": 1}, {"n": 2}], ["new", {"n": 1}, {"n": 3}]).text().splitlines() == [
        '+ [0]: "new"',
        "~ [2].n: 2 → 3",
    ]
    old = ["gone", "kept", {"a": 1, "b": 2}]
    assert diff(old, ["kept", {"a": 3}]).text().splitlines() == [
        '- [0]: "gone"',
        "~ [1].a: 1 → 3",
        "- [2].b: 2",
    ]
    assert diff(["gone", "kept", ["a", "b"]], ["kept", ["a"]]).text().splitlines() == [
        '- [0]: "gone"',
        '- [2][1]: "b"',
    ]


@pytest.mark.parametrize(
    ("way", "path"),
    [
        ([], "."),
        (["a", 0, "b_1"], "a[0].b_1"),
        ([0, 1], "[0][1]"),
        (["."], '["."]'),
        (["a.b", "[0]"], '["a.b"]["[0]"]'),
        (["", "0"], '[""]["0"]'),
        (["naïve", 'say "x"'], 'naïve["say \\"x\\""]'),
        (["\x9b\u202e😀\U000e0001"], r'["\u009b\u202e😀\udb40\udc01"]'),
    ],
)
def test_paths_read_well_and_are_never_ambiguous(way: list[Any], path: str) -> None:
    assert path_of(steps_through(way)) == path
