"""Followers, cursors and the watch that says when to look."""

import threading

import pytest

from journal.backend import Backend
from journal.errors import CursorError
from journal.events import Cursor, Event
from journal.stopping import StopEvent
from tests.journal.engines.contract.looking import events_in, turn_ids
from tests.support import Recorder, set_event


def test_reading_after_a_cursor_gives_what_came_since(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    head = log.append([set_event("a"), set_event("b")])
    log.append([set_event("c")])
    assert turn_ids(engine, Cursor(head.log_id, 1)) == ["b", "c"]
    assert turn_ids(engine, Cursor(head.log_id, 3)) == []


def test_a_follower_with_a_place_in_another_log_reads_all_of_this_one(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    old = log.append([set_event("a")])
    assert turn_ids(engine, Cursor("f" * 16, 1)) == ["a"]
    engine.delete("s")
    assert turn_ids(engine, Cursor(old.log_id, 1)) == []
    log.append([set_event("new")])
    assert turn_ids(engine, Cursor(old.log_id, 1)) == ["new"]


def test_a_follower_misses_nothing_across_compactions(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    follower = engine.follow("s")
    seen: list[Event] = []
    for number in range(6):
        head = log.append([set_event("a"), set_event("a", {"n": number})])
        if number % 2:
            seen += follower.read()
            assert follower.cursor == Cursor.parse(str(head))
        engine.compact("s")
    assert [event.seq for event in seen] == list(range(1, 13))
    assert follower.lost == 0
    for seq in range(13):  # neither does a new one, from wherever it starts
        late = events_in(engine, Cursor(head.log_id, seq))
        assert [event.hash for event in late] == [event.hash for event in seen[seq:]]


def test_a_follower_says_how_many_events_are_gone_for_good(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    head = log.append([set_event("a"), set_event("a"), set_event("a")])
    behind = engine.follow("s", Cursor(head.log_id, 1))
    engine.compact("s", "drop")
    log.append([set_event("b")])
    found = [(event.seq, behind.lost) for event in behind.read()]
    assert found == [(3, 1), (4, 0)]


def test_a_follower_that_skips_to_the_end_reads_only_what_comes_then(engine: Backend) -> None:
    follower = engine.follow("s")
    follower.to_end()
    nowhere = follower.cursor
    assert nowhere is None
    log = engine.open("s", Recorder())
    head = log.append([set_event("a"), set_event("b")])
    follower.to_end()
    assert follower.cursor == Cursor.parse(str(head))
    assert list(follower.read()) == []
    head = log.append([set_event("c")])
    assert [event.seq for event in follower.read()] == [3]
    engine.compact("s")
    late = engine.follow("s")
    late.to_end()
    assert late.cursor == Cursor.parse(str(head))


def test_a_follower_that_was_closed_goes_on_where_it_was(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    follower = engine.follow("s")
    for number in range(5):
        log.append([set_event("a")])
        assert [event.seq for event in follower.read()] == [number + 1]
        follower.close()
        if number == 2:
            engine.compact("s")


def test_a_follower_reads_a_session_that_was_made_again_from_its_beginning(
    engine: Backend,
) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a"), set_event("b")])
    follower = engine.follow("s")
    assert len(list(follower.read())) == 2
    log.append([set_event("last words")])
    engine.delete("s")
    assert [event.seq for event in follower.read()] in ([], [3])
    head = log.append([set_event("c")])
    assert [event.seq for event in follower.read()] == [1]
    assert follower.cursor == Cursor.parse(str(head))


def test_a_cursor_of_another_event_is_refused_until_it_is_the_log_that_was_read(
    engine: Backend,
) -> None:
    log = engine.open("s", Recorder())
    head = log.append([set_event("a"), set_event("b")])
    for wrong in (Cursor(head.log_id, 1, "f" * 12), Cursor(head.log_id, 9, "f" * 12)):
        follower = engine.follow("s", wrong)
        for _ in "12":
            with pytest.raises(CursorError) as caught:
                list(follower.read())
        assert caught.value.cursor == wrong
        assert caught.value.resume_after == Cursor.start_of(head.log_id)


def test_the_cursor_after_each_event_leads_to_the_next_also_after_a_compaction(
    engine: Backend,
) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a"), set_event("a"), set_event("b")])
    follower = engine.follow("s")
    cursors = [follower.cursor for _ in follower.read()]
    for _ in "12":
        for place, cursor in enumerate(cursors, start=1):
            assert [event.seq for event in events_in(engine, cursor)] == [*range(place + 1, 4)]
        engine.compact("s")


def test_watching_tells_which_sessions_have_news_and_ends_when_told(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a")])
    stop = StopEvent()
    looks: list[frozenset[str]] = []
    waiting = threading.Semaphore(0)

    def watch() -> None:
        for news in engine.watch(stop):
            looks.append(news)
            waiting.release()

    thread = threading.Thread(target=watch)
    thread.start()
    for number in range(200):  # until the watch is in place and has seen one of these
        log.append([set_event(str(number))])
        if waiting.acquire(timeout=0.05) and looks[-1]:
            break
    assert {"s"} in looks
    while looks[-1]:  # an empty set comes when nothing happens
        assert waiting.acquire(timeout=60)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
