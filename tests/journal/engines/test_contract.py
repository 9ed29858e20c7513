"""The contract of `journal.backend`, held against every engine.

An engine is added by adding a factory to `ENGINES`.
"""

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from journal.backend import Backend
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.memory import MemoryDirectory
from journal.errors import StateTypeError
from journal.events import Clear, Cursor, Event, Handoff, Head, Set, Takeover
from journal.stopping import StopEvent
from projections.view import View
from tests.support import Recorder, set_event

ENGINES: dict[str, Callable[[Path], Backend]] = {
    "files": lambda folder: Directory(str(folder), LogOptions(durability="os")),
    "memory": lambda folder: MemoryDirectory(LogOptions()),
}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    made = ENGINES[request.param](tmp_path)
    yield made
    made.close()


def events_in(engine: Backend, after: Cursor | None = None) -> list[Event]:
    """What a new follower reads."""
    return list(engine.follow("s", after).read())


def turn_ids(engine: Backend, after: Cursor | None = None) -> list[str]:
    return [event.turn_id for event in events_in(engine, after) if isinstance(event, Set)]


def kept_in(engine: Backend) -> dict[int, str]:
    """Seq and hash of what the newest file has kept of what it replaced."""
    past = engine.history("s", 10**9)
    assert past is not None
    return {entry.event.seq: entry.event.hash for entry in past.kept}


def state_of(engine: Backend, runtime: str = "native") -> dict[str, object]:
    view = View()
    log = engine.open("s", view)
    log.refresh()
    return view.runtime(runtime)


def test_what_is_appended_is_read_in_order_with_seqs_from_one(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a")])
    head = log.append([set_event("b"), set_event("c")])
    events = events_in(engine)
    assert all(b.seq == a.seq + 1 and b.prev == a.hash for a, b in pairwise(events))
    assert turn_ids(engine) == ["a", "b", "c"]
    assert log.head == head
    assert head.seq == 3


def test_the_projection_sees_each_event_once_whoever_appends(engine: Backend) -> None:
    mine, theirs = Recorder(), Recorder()
    log, other = engine.open("s", mine), engine.open("s", theirs)
    for number in range(4):
        (log if number % 2 else other).append([set_event(str(number))])
    log.refresh()
    assert mine.turns == ["0", "1", "2", "3"]
    assert theirs.turns == ["0", "1", "2"]


def test_an_unknown_session_is_nothing_and_stays_nothing(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    assert not log.refresh()
    assert log.head is None
    assert events_in(engine) == []
    assert engine.compact("s") is None
    assert engine.delete("s") is False
    assert engine.exists("s") is False
    assert engine.sessions() == []
    assert engine.verify("s").head is None


def test_seed_events_come_first_and_only_in_a_new_log(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("b")], import_events=lambda: [set_event("a")])
    log.append([set_event("c")], import_events=lambda: [set_event("never")])
    assert turn_ids(engine) == ["a", "b", "c"]


def test_a_seed_that_cannot_be_made_leaves_no_session(engine: Backend) -> None:
    def seed() -> list[Set]:
        raise StateTypeError("no")

    with pytest.raises(StateTypeError):
        engine.open("s", Recorder()).append([set_event("b")], import_events=seed)
    assert engine.exists("s") is False
    assert engine.sessions() == []


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


def test_compaction_keeps_the_view_its_order_and_what_is_not_a_turn(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a"), set_event("b"), set_event("gone", runtime="other")])
    log.append([Handoff(source="native", target="other"), Takeover(runtime_id="other")])
    log.append([Clear(runtime_id="other"), set_event("a", {"newer": True})])
    before = state_of(engine)
    living = {event.seq: event.hash for event in events_in(engine) if event.seq in (2, 4, 5, 7)}
    report = engine.compact("s")
    assert report is not None
    assert (report.events_before, report.events_after, report.base_seq) == (7, 4, 7)
    assert report.bytes_after < report.bytes_before
    assert state_of(engine) == before
    assert list(state_of(engine)) == ["a", "b"]
    assert kept_in(engine) == living
    assert log.append([set_event("c")]).seq == 8
    assert list(state_of(engine)) == ["a", "b", "c"]
    assert engine.verify("s").ok


def test_events_can_be_made_when_nobody_else_can_append_any_more(engine: Backend) -> None:
    seen = Recorder()
    log, other = engine.open("s", seen), engine.open("s", Recorder())
    log.append([set_event("a")])
    other.append([set_event("b")])

    def answer() -> list[Event]:
        return [Takeover(runtime_id="native", handoff_seq=seen.events[-1].seq)]

    assert log.append(answer).seq == 3
    assert isinstance(seen.events[-1], Takeover)
    assert seen.events[-1].handoff_seq == 2, "the event of the other log was folded before"
    assert seen.events[-1].seen_seq == 2


def test_a_log_is_not_begun_when_its_first_event_cannot_be_made(engine: Backend) -> None:
    def fails() -> list[Event]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        engine.open("s", Recorder()).append(fails)
    assert engine.sessions() == []


def test_compacting_what_has_nothing_dead_in_it_changes_nothing(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    head = log.append([set_event("a"), set_event("b")])
    report = engine.compact("s")
    assert report is not None
    assert (report.events_before, report.events_after, report.archive) == (2, 2, None)
    assert engine.verify("s").head == head


def test_a_log_of_which_nothing_lives_goes_on_with_its_seqs(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    before = log.append([set_event("a"), Clear()])
    engine.compact("s")
    assert kept_in(engine) == {}
    assert engine.exists("s")
    after = log.append([set_event("b")])
    assert (after.log_id, after.seq) == (before.log_id, 3)
    assert engine.verify("s").ok


def test_a_projection_goes_on_across_a_compaction_without_repetition(engine: Backend) -> None:
    seen, late = Recorder(), Recorder()
    log, behind = engine.open("s", seen), engine.open("s", late)
    log.append([set_event("a"), set_event("a"), set_event("b")])
    behind.refresh()
    log.append([set_event("a")])
    engine.compact("s")
    log.append([set_event("c")])
    behind.refresh()
    assert seen.turns == ["a", "a", "b", "a", "c"]
    folded = View()
    for event in late.events:
        folded.fold(event)
    assert folded.runtime("native") == state_of(engine)


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


def test_the_past_is_all_there_across_compactions(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    seen = Recorder()
    engine.open("s", seen)
    for number in range(5):
        log.append([set_event("a"), set_event(str(number)), Clear(), set_event("b")])
        engine.compact("s")
    past = engine.history("s")
    assert past is not None
    assert (past.floor, past.kept, past.problems) == (0, [], [])
    entries = list(past.in_order())
    assert [entry.event.seq for entry in entries] == list(range(1, 21))
    assert all(later.event.prev == earlier.event.hash for earlier, later in pairwise(entries)), (
        "the chain leads through all archives"
    )
    for reaching in range(21):
        past = engine.history("s", reaching)
        assert past is not None
        assert past.floor <= reaching
        view = View()
        for event in past.to_fold():
            view.fold(event)
        assert view.runtime("native") == state_of(engine)


def test_the_past_of_a_session_that_does_not_exist_is_none(engine: Backend) -> None:
    assert engine.history("s") is None
    engine.open("s", Recorder()).append([set_event("a")])
    engine.delete("s")
    assert engine.history("s") is None


def test_a_deleted_session_is_gone_and_comes_back_as_another(engine: Backend) -> None:
    recorder = Recorder()
    log = engine.open("s", recorder)
    old = log.append([set_event("a"), set_event("a")])
    engine.compact("s")
    assert engine.delete("s") is True
    assert engine.exists("s") is False
    assert not log.refresh()
    assert recorder.events == []
    assert engine.sessions() == []
    new = log.append([set_event("b")])
    assert (new.seq, new.log_id != old.log_id) == (1, True)
    assert turn_ids(engine) == ["b"]


def test_listing_knows_every_session_once(engine: Backend) -> None:
    ids = ["plain", "a/b", "a_b", "", "ü" * 200, "x" * 300]
    for session_id in ids:
        engine.open(session_id, Recorder()).append([set_event("a")])
    assert sorted(info["session_id"] for info in engine.sessions()) == sorted(ids)
    assert all(info["log_bytes"] > 0 for info in engine.sessions())


def test_verification_knows_a_head_noted_down_before(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a"), set_event("a")])
    head = engine.verify("s").head
    assert head is not None
    log.append([set_event("b")])
    assert engine.verify("s", head).ok
    engine.compact("s")
    assert engine.verify("s", head).ok
    forged = Head(head.log_id, head.seq, "0" * 32)
    assert [problem.kind for problem in engine.verify("s", forged).problems] == ["head"]
    ahead = Head(head.log_id, 99, head.hash)
    assert [problem.kind for problem in engine.verify("s", ahead).problems] == ["head"]
    engine.delete("s")
    assert [problem.kind for problem in engine.verify("s", head).problems] == ["head"]


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
    quiet = len(looks)
    while len(looks) < quiet + 2:  # an empty set comes when nothing happens
        assert waiting.acquire(timeout=10)
    assert looks[-1] == frozenset()
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_threads_lose_nothing_and_leave_no_gap(engine: Backend) -> None:
    def work(name: int) -> None:
        log = engine.open("s", Recorder()) if name % 2 else shared
        for number in range(50):
            log.append([set_event(f"{name}-{number}")])

    shared = engine.open("s", Recorder())
    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = events_in(engine)
    assert [event.seq for event in events] == list(range(1, 401))
    assert len(set(turn_ids(engine))) == 400
    assert engine.verify("s").ok
