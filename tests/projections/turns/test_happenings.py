"""What happened in a turn is said once, in order, whoever wrote its states."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.adapters.values import Detail
from projections.compare.alignment import same
from projections.compare.difference import diff
from projections.turns.happenings import happenings_of
from projections.turns.kinds import (
    Asked,
    Changed,
    Ended,
    HandedOver,
    Happening,
    NotKept,
    Opened,
    Said,
    TurnEnded,
    Unchanged,
    Used,
)
from tests.json_patch import apply_patch
from tests.projections.json_values import VALUES, histories
from tests.projections.turns import sdk_messages
from tests.projections.turns.turn_scripts import STEPS, Script

SCRIPTS = st.lists(STEPS, max_size=25)


def timeless(found: Iterable[Happening]) -> list[Happening]:
    """The same without durations: those of a test are those of the machine."""
    return [
        msgspec.structs.replace(each, seconds=None)
        if isinstance(each, Ended | TurnEnded)
        else each
        for each in found
    ]


def stored(state: Any) -> Any:
    """A state as a log gives it."""
    return msgspec.json.decode(msgspec.json.encode(state))


@given(SCRIPTS)
def test_each_step_of_a_turn_is_said_when_it_is_written(steps: list[tuple[Any, ...]]) -> None:
    script = Script()
    before = stored(script.turn.state())
    assert happenings_of(None, before) == [Opened("triage")]
    for step in steps:
        wanted = script.play(step)
        after = stored(script.turn.state())
        assert timeless(happenings_of(before, after)) == (wanted or [Unchanged()]), step
        before = after


@given(st.lists(st.tuples(STEPS, st.booleans()), max_size=25))
def test_steps_that_are_written_together_are_said_once(
    steps: list[tuple[tuple[Any, ...], bool]],
) -> None:
    """Whichever states are written between them: what is said of all is the whole script."""
    script = Script()
    whole: list[Happening] = [Opened("triage")]
    found: list[Happening] = []
    before = None
    for step, is_written in [*steps, (("resumes",), True)]:
        whole += script.play(step)
        if is_written:
            after = stored(script.turn.state())
            found += happenings_of(before, after)
            before = after
    found = timeless(found)
    for kind in (Opened, HandedOver, TurnEnded):
        assert of(kind, found) == of(kind, whole)
    for roles in (("user", "system"), ("assistant",)):
        assert spoken(found, roles) == spoken(whole, roles), "in the order of each side"
    assert [each.call for each in of(Asked, found)] == list(dict.fromkeys(calls_in(whole)))
    assert sorted(of(Ended, found), key=str) == sorted(of(Ended, whole), key=str)
    used = sum(each.usage.get("input_tokens", 0) for each in of(Used, found))
    assert used == script.turn.usage.get("input_tokens", 0)


@given(SCRIPTS, st.integers(320, 1200))
def test_what_there_is_no_room_for_is_counted(steps: list[tuple[Any, ...]], room: int) -> None:
    """Nothing is said twice, and what is not said is in `NotKept`."""
    script = Script(Detail(room // 4, room))
    found: list[Happening] = []
    before = None
    for step in (None, *steps):
        if step is not None:
            script.play(step)
        after = stored(script.turn.state())
        found += happenings_of(before, after)
        before = after
    lost = of(NotKept, found)
    assert len(of(Said, found)) + sum(each.messages for each in lost) == script.said
    asked = [each.call for each in of(Asked, found)]
    assert len(asked) == len(set(asked))
    assert len(asked) + sum(each.calls for each in lost) == len(script.calls)


def of(kind: type[Any], found: Iterable[Happening]) -> list[Any]:
    return [each for each in found if isinstance(each, kind)]


def spoken(found: Iterable[Happening], roles: tuple[str, ...]) -> list[str]:
    return [each.text for each in of(Said, found) if each.role in roles]


def calls_in(found: Iterable[Happening]) -> list[Any]:
    return [each.call for each in found if hasattr(each, "call")]


# States of any shape

KEYS = st.sampled_from(
    [
        *("status", "tool_calls", "transcript", "messages", "id", "name", "role", "content"),
        *("usage", "type", "turn", "omitted", "handoffs", "parent", "error", "function"),
        *("result", "parts", "closed_at", "opened_at", "model", "cut"),
    ]
)
WORDS = st.sampled_from(["open", "completed", "user", "tool_use", "text", "a", "", "tool", "call"])
LIKE_TURNS = st.recursive(
    WORDS | st.sampled_from([None, True, 0, 1, 2.5, -1]),
    lambda items: st.lists(items, max_size=4) | st.dictionaries(KEYS, items, max_size=5),
    max_leaves=25,
)


@given(LIKE_TURNS | VALUES, LIKE_TURNS | VALUES)
def test_it_never_raises_and_says_nothing_new_of_the_same(before: Any, after: Any) -> None:
    found = happenings_of(before, after)
    assert found
    if before is not None:
        assert (found == [Unchanged()]) == same(before, after)
        assert happenings_of(before, stored(before)) == [Unchanged()]


@given(histories(longest=4))
def test_what_nobody_knows_is_given_as_it_changed(values: list[Any]) -> None:
    """The changes of all states, one after another, lead from nothing to the last one."""
    states = [{"own": value, "n": number} for number, value in enumerate(values)]
    now: Any = {}
    for before, after in zip([None, *states], states, strict=False):
        (change,) = happenings_of(before, after)
        assert isinstance(change, Changed)
        assert same(change.old, now)
        now = apply_patch(diff(change.old, change.new).patch, now)
    assert same(now, states[-1])


CONVERSATIONS = [
    value
    for name, value in vars(sdk_messages).items()
    if callable(value) and getattr(value, "__module__", "") == sdk_messages.__name__
    and not isinstance(value, type) and not name.startswith("_")
]  # fmt: skip


@pytest.mark.parametrize("make", CONVERSATIONS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("key", ["messages", "anything"])
def test_calls_in_the_messages_of_sdks_are_asked_for_and_end_once(
    make: Callable[[], sdk_messages.Conversation], key: str
) -> None:
    """Message by message, and what is not of the conversation is a change of its own."""
    asked, results, calls = make()
    found: list[Happening] = []
    before: Any = None
    for number in range(1, len(asked) + len(results) + 1):
        after = stored({key: [*asked, *results][:number], "number": number})
        found += happenings_of(before, after)
        before = after
    assert sorted(str(each.name) for each in of(Asked, found)) == sorted(
        str(name) for _, name in calls
    )
    assert len(of(Ended, found)) == len(calls)
    changes = [each.new for each in of(Changed, found)]
    assert [each["number"] for each in changes] == list(range(1, len(asked) + len(results) + 1))
    for call_id, name in calls:
        assert json.dumps(call_id or name) not in json.dumps(changes), "it is said already"
