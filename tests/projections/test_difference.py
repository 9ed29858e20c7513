"""Differences of two JSON values: the patch is right, the lines say what it does."""

import copy
import json
from collections import Counter
from typing import Any
from unittest import mock

import jsonpatch
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.compare.difference import Change, Difference, diff
from projections.compare.paths import child_path, compact, leaves, steps
from tests.support import finish, python

encode = msgspec.json.Encoder(order="deterministic").encode

# Few values, among them those that Python takes for equal, so that lists repeat them
SCALARS = st.sampled_from(
    [None, True, False, 0, 1, 2, 0.0, -0.0, 1.0, 10**40, "", "a", "b", "/", "~", "0", "é\u2028"]
)
KEYS = st.sampled_from(["", "a", "b", "/", "~", "~1", "0", "-", "a b", '"', "ключ"])


def containers(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(items, max_size=5) | st.dictionaries(KEYS, items, max_size=4)


VALUES: st.SearchStrategy[Any] = st.recursive(SCALARS, containers, max_leaves=20)


def edited(draw: st.DrawFn, value: Any) -> Any:
    """The value with a few things in it changed, added, taken out or in another order."""
    if draw(st.integers(0, 7)) == 0:
        return draw(VALUES)
    if isinstance(value, list):
        items = [edited(draw, item) for item in value if draw(st.integers(0, 5))]
        at = draw(st.integers(0, len(items)))
        return items[:at] + draw(st.lists(VALUES, max_size=2)) + items[at:]
    if isinstance(value, dict):
        kept = {key: edited(draw, item) for key, item in value.items() if draw(st.integers(0, 5))}
        return kept | draw(st.dictionaries(KEYS, SCALARS, max_size=1))
    return value


@st.composite
def histories(draw: st.DrawFn, longest: int = 2) -> list[Any]:
    """Some values, each an edited version of the one before."""
    values = [draw(VALUES)]
    while len(values) < longest:
        values.append(edited(draw, values[-1]))
    return values


def apply_strictly(patch: list[dict[str, Any]], document: Any) -> Any:
    """RFC 6902 for `add`, `remove` and `replace`, written from the RFC; asserts its demands."""
    document = copy.deepcopy(document)
    for operation in patch:
        document = apply_one(operation, document)
    return document


def apply_one(operation: dict[str, Any], document: Any) -> Any:
    op, pointer = operation["op"], operation["path"]
    assert set(operation) == {"op", "path"} | ({"value"} if op != "remove" else set())
    assert op in ("add", "remove", "replace")
    if pointer == "":
        assert op != "remove"
        return copy.deepcopy(operation["value"])
    assert pointer[0] == "/"
    *above, last = [
        token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/")
    ]
    parent = document
    for token in above:
        parent = parent[token if isinstance(parent, dict) else index_of(token, len(parent) - 1)]
    place = last if isinstance(parent, dict) else index_of(last, len(parent) - (op != "add"))
    assert op == "add" or isinstance(parent, list) or place in parent
    change(parent, place, op, copy.deepcopy(operation.get("value")))
    return document


def index_of(token: str, most: int) -> int:
    assert token.isdigit()
    assert token == str(int(token)), "an index has no leading zeros"
    assert int(token) <= most
    return int(token)


def change(parent: Any, place: Any, op: str, value: Any) -> None:
    if op == "remove":
        del parent[place]
    elif op == "add" and isinstance(parent, list):
        parent.insert(place, value)
    else:
        parent[place] = value


def assert_right(old: Any, new: Any) -> Difference:
    """The patch leads to exactly the new value, and the values are left as they were."""
    before = encode([old, new])
    difference = diff(old, new)
    assert encode(apply_strictly(difference.patch, old)) == encode(new)
    assert encode([old, new]) == before
    return difference


@given(VALUES, VALUES)
def test_a_patch_between_any_two_values_gives_exactly_the_new_one(old: Any, new: Any) -> None:
    assert_right(old, new)


@given(histories())
def test_a_patch_between_two_versions_gives_exactly_the_new_one(versions: list[Any]) -> None:
    assert_right(*versions)


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
    for step, item in steps(value) if isinstance(value, dict | list) else ():
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
    assert json.loads(compact({text: [text]})) == {text: [text]}


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


ALIKE = [(1, True), (1, 1.0), (True, 1.0), (0, False), (0.0, -0.0), (0, ""), ([], {}), (None, 0)]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_values_that_python_confuses_are_different(one: Any, other: Any) -> None:
    line = Change("~", ".", one, other)
    assert repr(diff(one, other).lines()) == repr([line])
    for wrap in (lambda x: [x], lambda x: {"k": x}, lambda x: [0, [x], {"k": [x]}]):
        assert assert_right(wrap(one), wrap(other))


def test_the_order_of_keys_is_no_difference() -> None:
    assert not assert_right([{"a": 1, "b": {"c": 2, "d": 3}}], [{"b": {"d": 3, "c": 2}, "a": 1}])


def test_keys_are_escaped_in_pointers() -> None:
    difference = assert_right({"a/b": {"~1": 1}, "": 1}, {"a/b": {"~1": 2}, "": 2})
    assert [op["path"] for op in difference.patch] == ["/a~1b/~01", "/"]


def test_big_integers_keep_every_digit() -> None:
    assert_right([2**64, 10**300], [2**64 + 1, 10**300 + 1, -(2**70)])


@pytest.mark.parametrize("shape", ["lists", "objects", "both"])
def test_the_deepest_values_that_a_log_holds(shape: str) -> None:
    old, new = nested(shape, [1, 2]), nested(shape, [2, 3])
    difference = assert_right(old, new)
    assert len(difference.patch) == len(difference.lines()) == 2
    assert_right(old, [])
    with mock.patch("jsonpatch.JsonPatch.from_diff", side_effect=RecursionError):
        assert_right(old, new)


def nested(shape: str, value: Any) -> Any:
    for level in range(127):
        as_list = shape == "lists" or (shape == "both" and level % 2)
        value = [value, 1] if as_list else {"k": value, "n": 1}
    return value


WRONG_PATCHES: list[Any] = [
    jsonpatch.JsonPatch([]),
    jsonpatch.JsonPatch([{"op": "remove", "path": "/nowhere"}]),
    jsonpatch.JsonPatch([{"op": "move", "path": "/a", "from": "/9/9"}]),
    jsonpatch.JsonPatch([{"op": "replace", "path": "", "value": "wrong"}]),
    jsonpatch.JsonPatchConflict("no patch"),
    TypeError("no patch"),
    RecursionError("no patch"),
]


@given(histories(), st.sampled_from(WRONG_PATCHES))
def test_a_wrong_patch_of_the_library_is_never_passed_on(versions: list[Any], wrong: Any) -> None:
    with mock.patch("jsonpatch.JsonPatch.from_diff", side_effect=[wrong]):
        assert_right(*versions)


def test_a_patch_that_is_wrong_only_by_type_is_not_passed_on() -> None:
    alike = jsonpatch.JsonPatch([{"op": "replace", "path": "/n", "value": 1.0}])
    with mock.patch("jsonpatch.JsonPatch.from_diff", return_value=alike):
        assert_right({"n": 2}, {"n": True})


def test_without_the_library_the_smallest_enclosing_values_are_replaced() -> None:
    old = {"a/": {"list": [1, 2], "same": [3], "gone": 0}, "b": {"deep": 1}}
    new = {"a/": {"list": [2], "same": [3], "came": None}, "b": {"deep": 2}}
    with mock.patch("jsonpatch.JsonPatch.from_diff", side_effect=TypeError):
        assert diff(old, new).patch == [
            {"op": "replace", "path": "/a~1/list", "value": [2]},
            {"op": "remove", "path": "/a~1/gone"},
            {"op": "add", "path": "/a~1/came", "value": None},
            {"op": "replace", "path": "/b/deep", "value": 2},
        ]


def test_what_is_inserted_is_all_a_patch_holds() -> None:
    """The library is asked properly: a long list is not rewritten for one more element."""
    transcript = [{"role": "user", "content": str(number)} for number in range(50)]
    message = {"role": "system", "content": "be brief"}
    patch = assert_right({"t": transcript}, {"t": [message, *transcript]}).patch
    assert patch == [{"op": "add", "path": "/t/0", "value": message}]


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
        Change("-", "[0]", "a", None),
        Change("-", "[1]", "b", None),
        Change("+", "[1]", None, "x"),
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
    found = "."
    for step in way:
        found = child_path(found, step)
    assert found == path


def test_the_library_is_loaded_only_for_a_patch() -> None:
    code = (
        "import sys; from projections.compare.difference import diff\n"
        "d = diff([1], [2]); d.text()\n"
        "print('jsonpatch' in sys.modules, d.patch, 'jsonpatch' in sys.modules)"
    )
    (output,) = finish([python(code)])
    assert output == "False [{'op': 'replace', 'path': '/0', 'value': 2}] True\n"
