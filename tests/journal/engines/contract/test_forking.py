"""Forks: what they begin with, and that from then on they are nothing to each other."""

from itertools import pairwise

import pytest
from msgspec import structs

from journal.backend import Backend
from journal.errors import (
    CursorError,
    ExistsError,
    HistoryError,
    NotFoundError,
    StateTypeError,
)
from journal.events import GENESIS, Clear, Cursor, Event, Handoff, Head, Set
from journal.once import KeyMemory
from projections.view import View
from tests.support import Recorder, set_event


def write(engine: Backend, session: str, *turns: str, value: int = 0) -> Head:
    """Append a set of each turn, one by one."""
    log = engine.open(session, Recorder())
    for turn in turns:
        head = log.append([set_event(turn, {"of": session, "value": value})])
    return head


def events_of(engine: Backend, session: str) -> list[Event]:
    return list(engine.follow(session).read())


def view_of(engine: Backend, session: str) -> dict[str, dict[str, object]]:
    view = View(engine.opener(session))
    log = engine.open(session, view)
    log.refresh()
    log.close()
    return {runtime: view.runtime(runtime) for runtime in view.turns}


def folded(events: list[Event]) -> dict[str, dict[str, object]]:
    view = View()
    for event in events:
        view.fold(event)
    return {runtime: view.runtime(runtime) for runtime in view.turns}


def check(engine: Backend, *sessions: str) -> None:
    for session in sessions:
        report = engine.verify(session)
        assert report.ok, (session, report.problems)


def test_a_fork_has_the_events_up_to_its_point_and_goes_on_by_itself(engine: Backend) -> None:
    write(engine, "s", "a", "b", "a", "c")
    before = events_of(engine, "s")
    head = engine.fork("s", "f", 3)
    assert (head.seq, head.hash) == (3, before[2].hash)
    assert events_of(engine, "f") == before[:3]
    assert view_of(engine, "f") == folded(before[:3])
    assert write(engine, "f", "d").seq == 4
    assert write(engine, "s", "e").seq == 5
    assert events_of(engine, "s")[:4] == before
    assert [event.hash for event in events_of(engine, "f")[:3]] == [e.hash for e in before[:3]]
    assert list(view_of(engine, "f")["native"]) == ["a", "b", "d"]
    assert list(view_of(engine, "s")["native"]) == ["a", "b", "c", "e"]
    check(engine, "s", "f")


def test_the_chain_goes_across_the_border(engine: Backend) -> None:
    write(engine, "s", "a", "b")
    engine.fork("s", "f")
    write(engine, "f", "c", "d")
    events = events_of(engine, "f")
    assert all(later.prev == earlier.hash for earlier, later in pairwise(events))
    assert [event.seq for event in events] == [1, 2, 3, 4]


def test_a_fork_has_a_log_of_its_own_and_knows_its_origin(engine: Backend) -> None:
    origin = write(engine, "s", "a", "b")
    head = engine.fork("s", "f")
    assert (head.seq, head.hash) == (origin.seq, origin.hash)
    assert head.log_id != origin.log_id
    assert engine.verify("f").head == head
    found = engine.origin("f")
    assert found is not None
    assert (found.session_id, found.log_id, found.seq, found.hash) == (
        *("s", origin.log_id, 2),
        origin.hash,
    )
    assert engine.origin("s") is None
    assert engine.origin("nowhere") is None


def test_a_fork_before_all_events_is_empty_and_there(engine: Backend) -> None:
    write(engine, "s", "a")
    head = engine.fork("s", "f", 0)
    assert (head.seq, head.hash) == (0, GENESIS)
    assert events_of(engine, "f") == []
    assert {info["session_id"] for info in engine.sessions()} == {"s", "f"}
    assert write(engine, "f", "b").seq == 1
    assert list(view_of(engine, "f")["native"]) == ["b"]
    check(engine, "f")


def test_a_cursor_says_where_to_fork(engine: Backend) -> None:
    write(engine, "s", "a", "b", "c")
    events, log_id = events_of(engine, "s"), engine.verify("s").head
    assert log_id is not None
    at = Cursor.at(log_id.log_id, 2, events[1].hash)
    assert engine.fork("s", "f", at).hash == events[1].hash
    with pytest.raises(CursorError):
        engine.fork("s", "g", Cursor.at(log_id.log_id, 2, events[0].hash))
    with pytest.raises(CursorError):
        engine.fork("s", "g", Cursor.at("0" * 16, 2, events[1].hash))
    assert engine.origin("g") is None
    assert "g" not in {info["session_id"] for info in engine.sessions()}


def test_what_cannot_be_forked_is_refused_and_leaves_nothing(engine: Backend) -> None:
    write(engine, "s", "a", "b")
    write(engine, "there", "a")
    with pytest.raises(NotFoundError):
        engine.fork("nowhere", "f")
    with pytest.raises(NotFoundError, match="3"):
        engine.fork("s", "f", 3)
    for taken in ("there", "s"):
        with pytest.raises(ExistsError, match=repr(taken)):
            engine.fork("s", taken)
    for wrong in (5, None):
        with pytest.raises(StateTypeError):
            engine.fork("s", wrong)  # type: ignore[arg-type]
    assert {info["session_id"] for info in engine.sessions()} == {"s", "there"}
    assert write(engine, "f", "a").seq == 1
    check(engine, "s", "there", "f")


def test_neither_sees_what_the_other_compacts(engine: Backend) -> None:
    write(engine, "s", "a", "b", "a", "c", "a")
    before = events_of(engine, "s")
    engine.fork("s", "f", 4)
    write(engine, "f", "b", "d")
    forked = events_of(engine, "f")
    for session, history in (("s", "archive"), ("f", "archive"), ("s", "drop")):
        engine.compact(session, history)  # type: ignore[arg-type]
        assert view_of(engine, "s") == folded(before)
        assert view_of(engine, "f") == folded(forked)
        assert events_of(engine, "f") == forked
        check(engine, "s", "f")
    engine.compact("f", "drop")
    assert view_of(engine, "f") == folded(forked)
    assert write(engine, "f", "e").seq == 7
    check(engine, "f")


def test_a_fork_at_an_event_that_was_compacted_since(engine: Backend) -> None:
    write(engine, "s", "a", "b", "a")
    engine.compact("s")
    write(engine, "s", "a", "c")
    engine.compact("s")
    write(engine, "s", "d")
    before = events_of(engine, "s")
    for seq in range(len(before) + 1):
        engine.fork("s", f"f{seq}", seq)
        assert events_of(engine, f"f{seq}") == before[:seq]
        assert view_of(engine, f"f{seq}") == folded(before[:seq])
        write(engine, f"f{seq}", "z")
        check(engine, f"f{seq}")
    check(engine, "s")


def test_a_fork_before_what_was_dropped_is_refused(engine: Backend) -> None:
    write(engine, "s", "a", "b", "a")
    engine.compact("s", "drop")
    write(engine, "s", "c")
    for seq in (1, 2):
        with pytest.raises(HistoryError):
            engine.fork("s", "f", seq)
    engine.fork("s", "f", 3)
    assert list(view_of(engine, "f")["native"]) == ["a", "b"]
    check(engine, "f")


def test_forks_of_forks(engine: Backend) -> None:
    write(engine, "s", "a", "b")
    engine.fork("s", "f")
    write(engine, "f", "c", "d")
    engine.fork("f", "g", 3)
    write(engine, "g", "e")
    engine.fork("g", "h", 1)
    engine.fork("g", "i")
    assert [event.turn_id for event in events_of(engine, "g")] == ["a", "b", "c", "e"]
    assert [event.turn_id for event in events_of(engine, "h")] == ["a"]
    assert [event.turn_id for event in events_of(engine, "i")] == ["a", "b", "c", "e"]
    engine.compact("f", "drop")
    engine.compact("g")
    assert list(view_of(engine, "g")["native"]) == ["a", "b", "c", "e"]
    assert list(view_of(engine, "i")["native"]) == ["a", "b", "c", "e"]
    check(engine, "s", "f", "g", "h", "i")


def test_deleting_either_leaves_the_other(engine: Backend) -> None:
    write(engine, "s", "a", "b")
    engine.fork("s", "f")
    engine.fork("s", "g")
    write(engine, "g", "c")
    assert engine.delete("f")
    assert events_of(engine, "f") == []
    assert list(view_of(engine, "s")["native"]) == ["a", "b"]
    assert engine.delete("s", force=True)
    assert list(view_of(engine, "g")["native"]) == ["a", "b", "c"]
    assert [event.turn_id for event in events_of(engine, "g")] == ["a", "b", "c"]
    check(engine, "g")
    write(engine, "s", "new")
    assert list(view_of(engine, "s")["native"]) == ["new"]
    assert list(view_of(engine, "g")["native"]) == ["a", "b", "c"]
    assert engine.fork("g", "f").seq == 3
    check(engine, "s", "g", "f")


def test_a_fork_made_again_is_another(engine: Backend) -> None:
    write(engine, "s", "a")
    first = engine.fork("s", "f")
    recorder = Recorder()
    log = engine.open("f", recorder)
    assert log.refresh()
    assert recorder.turns == ["a"]
    engine.delete("f")
    assert not log.refresh()
    write(engine, "s", "b")
    again = engine.fork("s", "f")
    assert again.log_id != first.log_id
    assert log.refresh()
    assert recorder.turns == ["a", "b"]


def test_a_follower_reads_what_is_shared_and_then_what_is_new(engine: Backend) -> None:
    write(engine, "s", "a", "b")
    follower = engine.follow("f")
    assert list(follower.read()) == []
    head = engine.fork("s", "f")
    assert [event.turn_id for event in follower.read()] == ["a", "b"]
    assert follower.lost == 0
    write(engine, "s", "not-mine")
    write(engine, "f", "c")
    assert [event.turn_id for event in follower.read()] == ["c"]
    cursor = follower.cursor
    assert cursor is not None
    assert cursor.log_id == head.log_id
    engine.compact("f")
    write(engine, "f", "d")
    assert [event.turn_id for event in follower.read()] == ["d"]


def test_a_cursor_in_what_is_shared_goes_on_from_there(engine: Backend) -> None:
    write(engine, "s", "a", "b", "c")
    head = engine.fork("s", "f")
    write(engine, "f", "d")
    first = events_of(engine, "f")[0]
    after = engine.follow("f", Cursor.at(head.log_id, 1, first.hash))
    assert [event.turn_id for event in after.read()] == ["b", "c", "d"]
    at_end = engine.follow("f")
    at_end.to_end()
    write(engine, "f", "e")
    assert [event.turn_id for event in at_end.read()] == ["e"]


def test_a_cursor_of_the_origin_is_refused_with_the_one_to_take(engine: Backend) -> None:
    origin = write(engine, "s", "a", "b", "c")
    engine.fork("s", "f", 2)
    write(engine, "f", "d")
    first = events_of(engine, "s")[0]
    with pytest.raises(CursorError, match="fork of s@2") as refused:
        list(engine.follow("f", Cursor.at(origin.log_id, 1, first.hash)).read())
    resumed = engine.follow("f", refused.value.resume_after)
    assert [event.turn_id for event in resumed.read()] == ["b", "d"]
    with pytest.raises(CursorError) as beyond:
        list(engine.follow("f", Cursor.at(origin.log_id, 3, origin.hash)).read())
    assert beyond.value.resume_after.seq == 0


def test_writers_and_readers_that_are_open_meanwhile(engine: Backend) -> None:
    """The fork is made by another while these have the session open."""
    recorder = Recorder()
    log = engine.open("f", recorder)
    assert not log.refresh()
    write(engine, "s", "a", "b")
    engine.fork("s", "f")
    assert log.append([set_event("c")]).seq == 3
    assert log.refresh()
    assert recorder.turns == ["a", "b", "c"]
    made = log.append(lambda: [set_event(f"after-{len(recorder.turns)}")])
    assert made.seq == 4
    assert log.refresh()
    assert recorder.turns[-1] == "after-3"


def test_history_reaches_back_as_far_as_it_is_asked(engine: Backend) -> None:
    write(engine, "s", "a", "b", "a")
    engine.compact("s")
    write(engine, "s", "c", "d")
    engine.fork("s", "f", 4)
    write(engine, "f", "e", "f")
    events = events_of(engine, "f")
    for reaching in range(8):
        past = engine.history("f", reaching)
        assert past is not None
        assert past.floor <= max(reaching, 0) or past.floor <= 4
        assert folded(list(past.to_fold())) == folded(events)
        again = engine.history("f", reaching)
        assert again is not None
        seqs = [entry.event.seq for entry in again.in_order() if entry.event.seq > again.floor]
        assert seqs == list(range(again.floor + 1, 7))
        assert again.problems == []


def test_clears_and_handoffs_are_shared_too(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a"), Handoff(source="native", target="other", reason="why")])
    log.append([Clear(), set_event("b", runtime="other")])
    engine.fork("s", "f")
    engine.compact("f")
    assert list(view_of(engine, "f")) == ["other"]
    kinds = [type(event) for event in events_of(engine, "f")]
    assert kinds == [Set, Handoff, Clear, Set]
    check(engine, "f")


def test_idempotency_keys_are_shared_too(engine: Backend) -> None:
    """A retry in the fork of what its origin had appended before appends nothing."""

    def known(session: str) -> list[bool]:
        log = engine.open(session, memory := KeyMemory())
        log.refresh()
        log.close()
        return [memory.seq_of(key) is not None for key in ("dropped", "kept", "after")]

    log = engine.open("s", Recorder())
    for turn, key in (("a", "dropped"), ("b", "kept"), ("a", None)):
        log.append([structs.replace(set_event(turn), once=key)])
    engine.compact("s", "drop")
    engine.fork("s", "f")
    log.append([structs.replace(set_event("c"), once="after")])
    for _ in range(2):
        assert known("f") == [True, True, False]
        assert known("s") == [True, True, True]
        write(engine, "f", "b", "d", "d")
        engine.compact("f")
    check(engine, "s", "f")


def test_a_fork_of_which_nothing_lives_is_compacted_too(engine: Backend) -> None:
    engine.open("s", Recorder()).append([set_event("a"), Clear()])
    for history in ("archive", "drop"):
        engine.fork("s", history)
        assert engine.compact(history, history) is not None
        assert view_of(engine, history) == {}
        assert write(engine, history, "b").seq == 3
        engine.compact(history)
        assert list(view_of(engine, history)["native"]) == ["b"]
        assert engine.origin(history) is not None
        check(engine, history)
