"""The view is what a plain dict would hold, whatever the order of sets and clears."""

import json
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from journal.errors import DamagedError
from journal.events import Clear, Event, Handoff, Set, Takeover, Unknown
from journal.fold import apply
from projections.view import View, to_json

Tree: TypeAlias = dict[str, dict[str, Any]]

IDS = st.sampled_from(["a", "b", "", 'q"uote\\', "línea\n\u2028"])
STATES = st.dictionaries(st.text(max_size=3), st.none() | st.text() | st.lists(st.integers()))
SETS = st.tuples(IDS, IDS, STATES)
CLEARS = st.tuples(st.none() | IDS)
STEPS = st.lists(SETS | SETS | SETS | CLEARS, max_size=30)


def encoded(state: Any) -> bytes:
    return json.dumps(state).encode()


def event_of(step: tuple[Any, ...]) -> Event:
    if len(step) == 1:
        return Clear(runtime_id=step[0])
    runtime, turn, state = step
    return Set(runtime_id=runtime, turn_id=turn, state=Raw(encoded(state)))


def model_of(steps: list[tuple[Any, ...]]) -> Tree:
    """What the steps leave in a plain dict."""
    model: Tree = {}
    for step in steps:
        if len(step) == 3:
            runtime, turn, state = step
            model.setdefault(runtime, {})[turn] = state
        elif step[0] is None:
            model.clear()
        else:
            model.pop(step[0], None)
    return model


def view_of(steps: list[tuple[Any, ...]]) -> View:
    view = View()
    for step in steps:
        view.fold(event_of(step))
    return view


def in_order(tree: Tree) -> list[Any]:
    """The tree such that comparing compares the order as well."""
    return [(runtime, list(turns.items())) for runtime, turns in tree.items()]


@settings(deadline=None)
@given(STEPS)
def test_folding_gives_what_a_dict_holds_in_the_same_order(steps: list[tuple[Any, ...]]) -> None:
    view, model = view_of(steps), model_of(steps)
    assert in_order({runtime: view.runtime(runtime) for runtime in view.turns}) == in_order(model)
    assert in_order(json.loads(to_json(view.turns))) == in_order(model)
    for runtime, turns in model.items():
        for turn, state in turns.items():
            assert view.turn(runtime, turn) == state


@settings(deadline=None)
@given(STEPS)
def test_sizes_are_the_bytes_of_the_live_states(steps: list[tuple[Any, ...]]) -> None:
    view, model = view_of(steps), model_of(steps)
    sizes = {
        runtime: sum(len(encoded(state)) for state in turns.values())
        for runtime, turns in model.items()
    }
    assert view.sizes == sizes
    assert view.bytes == sum(sizes.values())
    assert view.live_bytes >= view.bytes


@settings(deadline=None)
@given(STEPS)
def test_the_rule_shared_with_compaction_agrees(steps: list[tuple[Any, ...]]) -> None:
    tree: Tree = {}
    for place, step in enumerate(steps):
        before = model_of(steps[:place])
        replaced = apply(tree, event_of(step), step[-1])
        known = before.get(step[0], {}).get(step[1]) if len(step) == 3 else None
        assert replaced == known
        assert in_order(tree) == in_order(model_of(steps[: place + 1]))


def test_an_overwritten_turn_keeps_its_place_and_a_cleared_one_comes_last() -> None:
    first = [("a", "1", {}), ("a", "2", {}), ("b", "1", {}), ("a", "1", {"new": 1})]
    assert list(view_of(first).runtime("a")) == ["1", "2"]
    assert list(view_of([*first, ("a",), ("a", "2", {}), ("a", "1", {})]).turns) == ["b", "a"]
    assert list(view_of([*first, ("a",), ("a", "2", {}), ("a", "1", {})]).turns["a"]) == ["2", "1"]


def test_what_is_returned_is_a_copy() -> None:
    view = view_of([("a", "1", {"calls": [1]})])
    view.turn("a", "1")["calls"].append(2)
    view.runtime("a")["1"]["calls"].append(3)
    view.runtime("a").clear()
    view.runtime("missing")["1"] = {}
    view.turn("missing", "1")["x"] = 1
    assert json.loads(to_json(view.turns)) == {"a": {"1": {"calls": [1]}}}


def test_what_is_missing_reads_as_empty_and_adds_nothing() -> None:
    view = view_of([("a", "1", {"x": 1})])
    assert view.turn("a", "2") == view.turn("b", "1") == view.runtime("b") == {}
    assert list(view.turns) == ["a"]
    assert to_json(View().turns) == b"{}"
    assert View().bytes == View().live_bytes == 0


@pytest.mark.parametrize(
    "event",
    [
        Handoff(source="a", target="b", turn_id="1"),
        Takeover(runtime_id="b"),
        Unknown(seq=1, op="erase", prev="", hash="", line=b'{"op":"erase","runtime_id":"a"}'),
    ],
    ids=lambda event: type(event).__name__,
)
def test_other_events_change_nothing(event: Event) -> None:
    view, untouched = (view_of([("a", "1", {"x": 1})]) for _ in range(2))
    view.fold(event)
    assert (view.turns, view.sizes) == (untouched.turns, untouched.sizes)
    tree: Tree = {"a": {"1": 1}}
    assert apply(tree, event, 2) is None
    assert tree == {"a": {"1": 1}}


def test_reset_forgets_everything() -> None:
    view = view_of([("a", "1", {"x": 1})])
    view.reset()
    assert to_json(view.turns) == b"{}"
    assert view.bytes == 0
    view.fold(event_of(("b", "1", {})))
    assert json.loads(to_json(view.turns)) == {"b": {"1": {}}}


def test_a_stored_state_that_is_no_json_is_reported_as_damage() -> None:
    view = View()
    view.fold(Set(runtime_id="a", turn_id="1", state=Raw(b"{")))
    with pytest.raises(DamagedError):
        view.turn("a", "1")
    with pytest.raises(DamagedError):
        view.runtime("a")
