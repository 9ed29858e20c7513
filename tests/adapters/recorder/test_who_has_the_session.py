"""Who hands the session to whom."""

import json
from pathlib import Path
from typing import Any

import pytest

from journal.config import Durability
from projections import DefaultSessionStore
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Turn
from projections.store.refreshing import FileRefresher
from tests.adapters.recorder.ways import Way, changes, inside, new, story
from tests.support import FaultyStorage, no_fault


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
        "triage -> billing: ask_billing",
        "billing takes over 2",
        "billing turn-2 open",
        "billing -> bank: called for by billing",
        "bank takes over 5",
        "bank turn-3 open",
        "bank turn-3 error",
        "bank -> billing: bank is error",
        "billing takes over 9",
        "billing turn-2 completed",
        "billing -> triage: ask_billing",
        "triage takes over 12",
        "triage turn-1 completed",
    ]
    audit = store.audit("s")
    assert audit.ok
    assert {change.status for change in audit.changes} == {"taken over"}
    (open_call,) = audit.changes[0].open_calls
    assert (open_call.id, open_call.finished_by) == ("call-1", "billing"), "by its turn's end"


def test_who_waits_for_a_person_leaves_the_session_to_others_until_it_goes_on(
    way: Way, store: DefaultSessionStore
) -> None:
    first, other = new(), new("billing", "turn-2")
    first.call_waits("call-1", "charge_card")
    way.open(first)
    way.close(first, "waiting")
    way.open(other)
    way.close(other)
    going_on = Recorder(store).waiting_turn("s", "triage", ["call-1"])
    assert going_on is not None
    going_on.resume()
    way.open(going_on)
    going_on.call_ended("call-1")
    way.close(going_on)
    assert story(store) == [
        "triage turn-1 open",
        "triage turn-1 waiting",
        "triage -> billing: the turn before waits for a person",
        "billing takes over 3",
        "billing turn-2 open",
        "billing turn-2 completed",
        "billing -> triage: the turn before is over",
        "triage takes over 7",
        "triage turn-1 open",
        "triage turn-1 completed",
    ]
    assert store.audit("s").ok


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
        "triage -> billing: called for by triage",
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


def test_after_a_restart_who_wrote_last_gives_the_session_to_the_next(
    way: Way, store: DefaultSessionStore
) -> None:
    for runtime, turn in (("triage", "a"), ("billing", "b"), ("triage", "c")):
        one = new(runtime, turn)
        way.open(one)
        way.close(one)
    way.settle()
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
    last = new("triage", "c")
    way.open(last)
    way.close(last)
    assert changes(store)[1:] == [("harness", "triage", "taken over")], "that was long ago"


def test_who_has_the_session_is_right_also_when_another_process_wrote(
    way: Way, store: DefaultSessionStore
) -> None:
    """Each has its own store here, as each process has."""
    with DefaultSessionStore(store.session_dir, durability="os") as theirs:
        other = way.to(Recorder(theirs))
        for which, runtime in ((way, "triage"), (other, "billing"), (way, "triage")):
            for number in range(2):
                turn = new(runtime, f"{runtime}-{number}")
                which.open(turn)
                which.close(turn)
                which.settle()
        theirs.hand_off("s", "triage", "harness", reason="by hand")
        theirs.take_over("s", "harness")
        theirs.set_runtime_state("s", "harness", "h", {"status": "done"})
        last = new("billing", "last")
        way.open(last)
        way.close(last)
    assert changes(store) == [
        ("triage", "billing", "taken over"),
        ("billing", "triage", "taken over"),
        ("triage", "harness", "taken over"),
        ("harness", "billing", "taken over"),
    ]
    assert store.audit("s").ok


def test_an_older_session_that_is_imported_is_handed_over_as_well(
    way: Way, store: DefaultSessionStore
) -> None:
    assert store.session_dir is not None
    folder = Path(store.session_dir)
    folder.mkdir(exist_ok=True)
    older = {"billing": {"b": {"status": "completed"}}, "harness": {"h": {"status": "completed"}}}
    (folder / "s.json").write_text(json.dumps({"session_id": "s", "runtime_state": older}))
    one = new("triage", "a")
    way.open(one)
    way.close(one)
    assert changes(store) == [
        ("billing", "harness", "unannounced"),
        ("harness", "triage", "taken over"),
    ]


@pytest.mark.parametrize("state", [{}, {"status": "open"}, {"status": 7}, {"status": None}])
def test_a_session_is_not_given_away_for_who_may_still_work(
    state: dict[str, Any], way: Way, store: DefaultSessionStore
) -> None:
    store.set_runtime_state("s", "harness", "h", state)
    one = new("triage", "a")
    way.open(one)
    way.close(one)
    assert changes(store) == [("harness", "triage", "unannounced")]


def test_a_turn_beside_one_in_another_process_is_not_handed_the_session(
    way: Way, store: DefaultSessionStore
) -> None:
    with DefaultSessionStore(store.session_dir, durability="os") as theirs:
        other = way.to(Recorder(theirs))
        one, beside = new("triage", "a"), new("billing", "b")
        way.open(one)
        way.settle()
        other.open(beside)
        other.close(beside)
        other.settle()
        way.close(one)
    assert {status for _, _, status in changes(store)} == {"unannounced"}


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_to_open_a_turn_costs_the_same_in_a_long_session(
    way: Way, durability: Durability, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is another runtime's, so the session is handed over. Counted in calls and bytes.

    The session file is left out: that holds all turns, and is written when it is due.
    """
    counted: list[str] = []
    bytes_read = 0

    def count(name: str, args: tuple[Any, ...]) -> None:
        nonlocal bytes_read
        counted.append(name)
        if name == "read":
            bytes_read += args[1]

    def cost(turns: int) -> dict[str, int]:
        nonlocal bytes_read
        storage = FaultyStorage(no_fault)
        folder = tmp_path / str(turns)
        with DefaultSessionStore(folder, storage=storage, durability=durability) as store:
            monkeypatch.setattr(FileRefresher, "refresh_if_due", lambda _: None)
            mine = way.to(Recorder(store))
            for number in range(turns):
                turn = new("ab"[number % 2], f"turn-{number}")
                mine.open(turn)
                mine.close(turn)
            mine.settle()
            counted.clear()
            bytes_read = 0
            storage.fault = count
            mine.open(new("c", "last"))
            mine.settle()
            storage.fault = no_fault
            assert changes(store)[-1] == ("ab"[turns % 2 - 1], "c", "taken over")
        calls = {name: counted.count(name) for name in ("open", "read", "write", "sync")}
        return {**calls, "bytes read": bytes_read}

    short, long = cost(20), cost(40)
    assert short == long
    assert (short["open"], short["write"]) == (0, 3)
    assert short["sync"] == (3 if durability == "fsync" else 0)
