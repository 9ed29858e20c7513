"""Erasing states: what is gone, what stays as it was, and who is told anew."""

from collections.abc import Sequence

import pytest

from journal.backend import Backend, History
from journal.events import Cursor, Event, Handoff, Set
from projections.view import View
from tests.journal.engines.contract.looking import events_in, state_of
from tests.support import Recorder, is_there, set_event

SECRET = "sk-leaked"


class Holding:
    """Everything that holds a text."""

    def __init__(self, text: str = SECRET) -> None:
        self.text = text

    def takes(self, event: Set) -> bool:
        return self.text.encode() in bytes(event.state)

    def finds(self, text: str) -> bool:
        return self.text in text


def shape(events: Sequence[Event]) -> list[tuple[int, str, str]]:
    """What an erasure leaves as it is."""
    return [(event.seq, event.prev, event.hash) for event in events]


def erased_in(events: Sequence[Event]) -> list[int]:
    return [event.seq for event in events if isinstance(event, Set) and event.erased is not None]


def test_what_holds_the_secret_is_gone_and_all_else_as_it_was(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a", {"key": SECRET}), set_event("b", {"x": 1})])
    log.append([set_event("a", {"key": "none"}), set_event("c", {SECRET: 1})])
    before, head = events_in(engine), log.head
    report = engine.erase("s", Holding())
    assert report is not None
    assert (report.states, report.kept) == (2, [])
    after = events_in(engine)
    assert erased_in(after) == [1, 4]
    assert shape(after) == shape(before)
    assert [event for event in after if event.seq in (2, 3)] == [before[1], before[2]]
    assert state_of(engine) == {"a": {"key": "none"}, "b": {"x": 1}, "c": {}}
    verified = engine.verify("s", head)
    assert (verified.ok, verified.erased, verified.head) == (True, 2, head)


def test_an_erased_turn_keeps_its_place_and_can_be_set_again(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a", {"key": SECRET}), set_event("b")])
    engine.erase("s", Holding())
    assert list(state_of(engine)) == ["a", "b"]
    log.append([set_event("a", {"key": "new"})])
    assert list(state_of(engine)) == ["a", "b"]
    assert state_of(engine)["a"] == {"key": "new"}
    assert engine.verify("s").erased == 1


def test_what_compaction_has_set_aside_is_erased_too(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a", {"key": SECRET}), set_event("a", {"key": SECRET, "n": 2})])
    engine.compact("s")
    log.append([set_event("a", {"n": 3}), set_event("b", {})])
    engine.compact("s")
    log.append([set_event("c", {"key": SECRET})])
    before = shape(events_in(engine))
    report = engine.erase("s", Holding())
    assert report is not None
    assert report.states == 3, "one that several files have is one"
    assert len(report.files) == 3
    assert shape(events_in(engine)) == before
    assert erased_in(events_in(engine)) == [1, 2, 5]
    verified = engine.verify("s")
    assert (verified.ok, verified.erased) == (True, 3)
    engine.compact("s")
    assert state_of(engine) == {"a": {"n": 3}, "b": {}, "c": {}}
    assert engine.verify("s").ok


def test_a_dry_run_says_the_same_and_changes_nothing(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a", {"key": SECRET})])
    before = events_in(engine)
    dry = engine.erase("s", Holding(), dry_run=True)
    assert events_in(engine) == before
    assert engine.erase("s", Holding()) == dry


def test_erasing_again_finds_nothing(engine: Backend) -> None:
    engine.open("s", Recorder()).append([set_event("a", {"key": SECRET})])
    engine.erase("s", Holding())
    before = events_in(engine)
    again = engine.erase("s", Holding())
    assert again is not None
    assert again.is_empty
    assert events_in(engine) == before


def test_what_is_no_state_stays_and_is_reported(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append(
        [set_event(SECRET, {}), Handoff(source="native", target="x", reason=f"see {SECRET}")]
    )
    report = engine.erase("s", Holding())
    assert report is not None
    assert [(kept.what, kept.seqs) for kept in report.kept] == [("reason", [2]), ("turn_id", [1])]
    assert report.states == 0
    assert engine.verify("s").ok


def test_a_session_that_does_not_exist_has_nothing_to_erase(engine: Backend) -> None:
    assert engine.erase("s", Holding()) is None
    assert not is_there(engine)
    engine.open("s", Recorder()).append([set_event("a", {"key": SECRET})])
    engine.delete("s")
    assert engine.erase("s", Holding()) is None


@pytest.mark.parametrize("compacts", [False, True])
def test_a_projection_that_holds_the_state_is_renewed(engine: Backend, compacts: bool) -> None:
    ours, theirs = View(engine.opener("s")), View(engine.opener("s"))
    log, other = engine.open("s", ours), engine.open("s", theirs)
    log.append([set_event("a", {"key": SECRET}), set_event("b", {"x": 1})])
    other.refresh()
    assert theirs.turn("native", "a") == {"key": SECRET}
    engine.erase("s", Holding())
    if compacts:
        log.append([set_event("c", {"x": 1}), set_event("c")])
        engine.compact("s")
    for each, view in ((log, ours), (other, theirs)):
        each.refresh()
        assert view.turn("native", "a") == {}
        assert SECRET.encode() not in b"".join(view.turns["native"].values())
        assert view.turn("native", "b") == {"x": 1}
    other.append([set_event("d", {"x": 2})])
    log.refresh()
    assert ours.turn("native", "d") == {"x": 2}


def test_followers_and_cursors_go_on_without_loss_or_repetition(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a", {"key": SECRET}), set_event("b"), set_event("c")])
    follower = engine.follow("s")
    read = follower.read()
    seen = [next(read).seq, next(read).seq]
    del read
    cursor = follower.cursor
    assert cursor is not None
    engine.erase("s", Holding())
    log.append([set_event("d")])
    seen += [event.seq for event in follower.read()]
    assert seen == [1, 2, 3, 4]
    later = engine.follow("s", Cursor.parse(str(cursor)))
    assert [event.seq for event in later.read()] == [3, 4]
    assert follower.lost == later.lost == 0


def test_digests_are_forgotten_and_a_new_chain_begins(engine: Backend) -> None:
    view = View(engine.opener("s"))
    log, other = engine.open("s", Recorder()), engine.open("s", view)
    log.append(
        [set_event("b", {"x": 1}), set_event("a", {"key": SECRET}), set_event("a", {"n": 1})]
    )
    log.append([set_event("d", {"key": SECRET, "n": 2})])
    engine.compact("s")
    log.append([set_event("b", {"x": 2}), set_event("c", {"x": 3})])
    other.refresh()
    before, head = shape(events_in(engine)), log.head
    engine.erase("s", Holding())
    assert shape(events_in(engine)) == before
    report = engine.erase("s", Holding(), forget_digest=True)
    assert report is not None
    assert len(report.files) == 2
    after = events_in(engine)
    assert [event.erased for event in after if isinstance(event, Set) and event.erased] == [
        "forgotten",
        "forgotten",
    ]
    assert shape(after)[:1] == before[:1]
    assert all(new[2] != old[2] for new, old in zip(shape(after)[1:], before[1:], strict=True))
    verified = engine.verify("s")
    assert (verified.problems, verified.erased, verified.relinked) == ([], 2, 5)
    assert not engine.verify("s", head).ok, "what was noted before is another event"
    log.append([set_event("e", {"x": 4})])
    other.refresh()
    assert view.runtime("native") == state_of(engine)
    assert list(state_of(engine)) == ["b", "a", "d", "c", "e"]
    engine.compact("s")
    assert engine.verify("s").ok
    again = engine.erase("s", Holding(), forget_digest=True)
    assert again is not None
    assert again.is_empty


@pytest.mark.parametrize("history", ["archive", "drop"])
def test_kept_events_are_linked_anew_in_whatever_order_they_stand(
    engine: Backend, history: History
) -> None:
    """Compaction keeps them in the order of the view: here against that of their seqs."""
    turns = ["a", "b", "c", "d"]
    log = engine.open("s", Recorder())
    log.append([set_event(turn, {"n": 0}) for turn in turns])
    log.append([set_event(turn, {"key": SECRET}) for turn in "dc"])
    log.append([set_event(turn, {"n": 1}) for turn in "ba"])
    engine.compact("s", history)
    log.append([set_event("e", {"n": 2})])
    before = {event.seq: event for event in events_in(engine)}
    report = engine.erase("s", Holding(), forget_digest=True)
    assert report is not None
    assert (report.states, report.kept) == (2, [])
    assert engine.verify("s").problems == []
    assert list(state_of(engine)) == [*turns, "e"]
    after = {event.seq: event for event in events_in(engine)}
    assert before.keys() == after.keys()
    for seq in range(6, 10):
        assert after[seq].hash != before[seq].hash
        assert after[seq].prev == after[seq - 1].hash, "the old hash would confirm a guess"
