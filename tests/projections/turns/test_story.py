"""A turn from its beginning, put together from its versions; and which turn is meant by a name."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from projections.adapters.values import Detail
from projections.turns.contents import contents_of
from projections.turns.names import TurnName, turns_named
from projections.turns.recorded import recorded_calls, recorded_messages
from projections.turns.story import StoryEntry, story
from tests.projections.turns.turn_scripts import STEPS, Script

SCRIPTS = st.lists(STEPS, max_size=25)


def versions_of(script: Script, steps: list[tuple[Any, ...]]) -> list[Any]:
    """The state after each step, as a log gives it."""
    states = [script.turn.state()]
    for step in steps:
        script.play(step)
        states.append(script.turn.state())
    return [msgspec.json.decode(msgspec.json.encode(state)) for state in states]


def told_by(versions: list[Any]) -> list[StoryEntry]:
    return story(
        (f"2026-11-30T07:15:{number:02}Z", contents_of(state))
        for number, state in enumerate(versions)
    )


@given(SCRIPTS)
def test_every_call_is_there_once_with_what_came_of_it(steps: list[tuple[Any, ...]]) -> None:
    script = Script()
    entries = told_by(versions_of(script, steps))
    found = {entry.call_id: entry for entry in entries if entry.kind == "call"}
    assert list(found) == list(script.calls)
    for call_id, call in script.calls.items():
        entry = found[call_id]
        assert entry.status == call.status
        assert (entry.arguments, entry.result, entry.error) == (
            call.arguments,
            call.result,
            call.error,
        )
    said = [entry for entry in entries if entry.kind == "said"]
    assert len(said) == script.said
    assert [entry.at for entry in entries] == sorted(str(entry.at) for entry in entries)


@given(SCRIPTS)
def test_what_a_small_state_leaves_out_is_taken_from_its_versions(
    steps: list[tuple[Any, ...]],
) -> None:
    """Of the calls that any version showed, none is missing, and each is there once."""
    versions = versions_of(Script(Detail(120, 700)), steps)
    shown = {call["id"] for state in versions for call in state.get("tool_calls", [])}
    entries = [entry.call_id for entry in told_by(versions) if entry.kind == "call"]
    assert len(entries) == len(set(entries))
    lost = sum(entry.calls for entry in told_by(versions))
    assert len(shown) - lost <= len(entries) <= len(shown)


@given(SCRIPTS, st.integers(320, 2000))
def test_a_recorded_turn_is_read_at_once_as_the_search_would_find_it(
    steps: list[tuple[Any, ...]], room: int
) -> None:
    for state in versions_of(Script(Detail(room // 4, room)), steps):
        assert recorded_calls(state.get("tool_calls", [])) is not None
        assert recorded_messages(state.get("transcript", [])) is not None
        at_once = contents_of(state)
        other = contents_of({**state, "further": 1})  # which is not of the form
        assert other.rest == {"further": 1}
        for key, call in at_once.calls.items():
            assert msgspec.structs.replace(call, at=0) == msgspec.structs.replace(
                other.calls[key], at=0
            )
        assert list(at_once.calls) == list(other.calls)
        assert at_once.messages == other.messages


IDS = st.text("ab/", min_size=1, max_size=6)
TURNS = st.dictionaries(IDS, st.lists(IDS, max_size=4, unique=True), max_size=4)


@given(TURNS, st.data())
def test_a_name_means_the_turns_that_look_like_it(
    turns: dict[str, list[str]], data: st.DataObject
) -> None:
    every = [TurnName(runtime, turn) for runtime, own in turns.items() for turn in own]
    for name in every:
        same = [each for each in every if each.turn_id == name.turn_id]
        assert turns_named(name.turn_id, turns) == same, "an id is itself, however short"
        begin = data.draw(st.integers(0, len(name.turn_id)))
        end = data.draw(st.integers(begin, len(name.turn_id)))
        cut = f"{name.turn_id[:begin]}…{name.turn_id[end:]}"
        exact = [each for each in every if cut in (each.turn_id, "/".join(each))]
        if not exact and cut != "…":
            assert name in turns_named(cut, turns)
            assert name in turns_named(f"{name.runtime_id}/{cut}", turns) or any(
                f"{name.runtime_id}/{cut}" in (each.turn_id, "/".join(each)) for each in every
            )
    assert turns_named("no such turn", turns) == []
    assert turns_named("", turns) == []


def test_what_is_meant_by_some_names() -> None:
    turns = {"triage": ["run-1-aa", "run-2-bb"], "billing": ["run-1-cc", "run-2-bb"], "a/b": ["t"]}
    assert turns_named("aa", turns) == [("triage", "run-1-aa")]
    assert turns_named("run-1", turns) == [("triage", "run-1-aa"), ("billing", "run-1-cc")]
    assert turns_named("…cc", turns) == [("billing", "run-1-cc")]
    assert turns_named("run-1...c", turns) == [("billing", "run-1-cc")]
    assert turns_named("run-2-bb", turns) == [("triage", "run-2-bb"), ("billing", "run-2-bb")]
    assert turns_named("billing/run-2-bb", turns) == [("billing", "run-2-bb")]
    assert turns_named("bill…g/bb", turns) == [("billing", "run-2-bb")]
    assert turns_named("a/b/t", turns) == [("a/b", "t")]
