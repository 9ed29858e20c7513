"""Who hands the session to whom."""

from typing import Any

import pytest

from projections import DefaultSessionStore
from projections.adapters import turns
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Turn
from tests.adapters.recorder.ways import Way, changes, inside, new, story


def test_a_turn_inside_a_call_is_handed_the_session_and_hands_it_back(
    way: Way, store: DefaultSessionStore
) -> None:
    outer = new()
    outer.call_started("call-1", "ask_billing")
    way.open(outer)
    inner = inside(outer, "billing", "turn-2", "call-1")
    outer.handed_to(inner)
    way.open(inner)
    innermost = inside(inner, "bank", "turn-3", None)
    way.open(innermost)
    way.close(innermost, "error", TimeoutError())
    way.close(inner)
    outer.call_ended("call-1")
    way.close(outer)
    assert story(store) == [
        "triage turn-1 open",
        "triage -> billing: call-1",
        "billing takes over 2",
        "billing turn-2 open",
        "billing -> bank: called for by turn-2",
        "bank takes over 5",
        "bank turn-3 open",
        "bank turn-3 error",
        "bank -> billing: turn-3 is error",
        "billing takes over 9",
        "billing turn-2 completed",
        "billing -> triage: turn-2 is completed",
        "triage takes over 12",
        "triage turn-1 completed",
    ]
    audit = store.audit("s")
    assert audit.ok
    assert {change.status for change in audit.changes} == {"taken over"}
    (open_call,) = audit.changes[0].open_calls
    assert (open_call.id, open_call.finished_by) == ("call-1", "triage")


def test_what_is_handed_over_for_good_does_not_come_back(
    way: Way, store: DefaultSessionStore
) -> None:
    first = new()
    way.open(first)
    second = inside(first, "billing", "turn-2", None, for_good=True)
    first.handed_to(second)
    way.close(first)
    way.open(second)
    way.close(second)
    assert story(store) == [
        "triage turn-1 open",
        "triage turn-1 completed",
        "triage -> billing: called for by turn-1",
        "billing takes over 3",
        "billing turn-2 open",
        "billing turn-2 completed",
    ]
    again = new("billing", "turn-3")
    way.open(again)
    way.close(again)
    assert changes(store) == [("triage", "billing", "taken over")]
    assert store.audit("s").ok


def test_who_goes_on_for_good_inside_a_call_gives_back_to_the_caller(
    way: Way, store: DefaultSessionStore
) -> None:
    outer = new()
    way.open(outer)
    called = inside(outer, "billing", "turn-2", "call-1")
    way.open(called)
    successor = inside(called, "bank", "turn-3", None, for_good=True)
    called.handed_to(successor)
    way.close(called)
    way.open(successor)
    way.close(successor)
    way.close(outer)
    assert changes(store) == [
        ("triage", "billing", "taken over"),
        ("billing", "bank", "taken over"),
        ("bank", "triage", "taken over"),
    ]
    assert store.audit("s").ok


def test_one_runtime_after_another_is_a_handover(way: Way, store: DefaultSessionStore) -> None:
    for runtime, turn in (("triage", "a"), ("triage", "b"), ("billing", "c"), ("triage", "d")):
        one = new(runtime, turn)
        way.open(one)
        way.close(one)
    assert story(store) == [
        "triage a open",
        "triage a completed",
        "triage b open",
        "triage b completed",
        "triage -> billing: the turn before is over",
        "billing takes over 5",
        "billing c open",
        "billing c completed",
        "billing -> triage: the turn before is over",
        "triage takes over 9",
        "triage d open",
        "triage d completed",
    ]
    assert store.audit("s").ok


def test_turns_side_by_side_are_not_handed_over(way: Way, store: DefaultSessionStore) -> None:
    """The audit shows what happened: they wrote in turns, and nobody had announced it."""
    one, other = new("triage", "turn-1"), new("billing", "turn-2")
    way.open(one)
    way.open(other)
    way.close(one)
    way.close(other)
    assert story(store) == [
        "triage turn-1 open",
        "billing turn-2 open",
        "triage turn-1 completed",
        "billing turn-2 completed",
    ]
    assert {status for _, _, status in changes(store)} == {"unannounced"}


def test_a_turn_in_another_session_takes_nothing_from_this_one(
    way: Way, store: DefaultSessionStore
) -> None:
    outer = new()
    way.open(outer)
    inner = Turn("elsewhere", "billing", "turn-2", parent=outer, parent_call_id="call-1")
    way.open(inner)
    way.close(inner)
    way.close(outer)
    assert story(store) == ["triage turn-1 open", "triage turn-1 completed"]
    assert story(store, "elsewhere") == ["billing turn-2 open", "billing turn-2 completed"]
    parent = store.get_runtime_state("elsewhere", "billing", "turn-2")["parent"]
    assert parent["session"] == "s"


def test_after_a_restart_the_session_is_had_by_whose_turn_closed_last(
    way: Way, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = (f"2026-01-23T10:20:{second:02}.000Z" for second in range(60))
    monkeypatch.setattr(turns, "now", lambda: next(times))
    for runtime, turn in (("triage", "a"), ("billing", "b"), ("triage", "c")):
        one = new(runtime, turn)
        way.open(one)
        way.close(one)
    way = way.to(Recorder(store))
    next_one = new("harness", "d")
    way.open(next_one)
    way.settle()
    assert story(store)[10:] == [
        "triage -> harness: the turn before is over",
        "harness takes over 11",
        "harness d open",
    ]


def test_after_a_crash_nobody_is_known_to_have_given_the_session_away(
    way: Way, store: DefaultSessionStore
) -> None:
    way.open(new("triage", "a"))  # and never closes
    way.settle()
    way = way.to(Recorder(store))
    one = new("harness", "b")
    way.open(one)
    way.close(one)
    assert story(store) == ["triage a open", "harness b open", "harness b completed"]
    assert changes(store) == [("triage", "harness", "unannounced")]


def test_an_older_session_is_looked_at_once(
    way: Way, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look costs as much as the session is large."""
    looks: list[str] = []

    def look(session: str, at: None = None) -> dict[str, Any]:
        looks.append(session)
        return {}

    monkeypatch.setattr(store, "state_at", look)
    for number in range(3):
        turn = new(turn=f"turn-{number}")
        way.open(turn)
        way.close(turn)
    assert looks == ["s"]
