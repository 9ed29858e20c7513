"""The contract of `journal.backend`, held against every engine.

An engine is added by adding a factory to `ENGINES`.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journal.backend import Backend
from journal.directory import Directory
from journal.errors import RebuildError, StateTypeError
from journal.events import Clear, Cursor, Handoff, Head, Set, Takeover
from journal.log import LogOptions
from journal.memory import MemoryDirectory
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


def turn_ids(engine: Backend, after: Cursor | None = None) -> list[str]:
    return [event.turn_id for event in engine.read("s", after) if isinstance(event, Set)]


def state_of(engine: Backend, runtime: str = "native") -> dict[str, object]:
    view = View()
    log = engine.open("s", view)
    log.refresh()
    return view.runtime(runtime)


def test_what_is_appended_is_read_in_order_with_seqs_from_one(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a")])
    head = log.append([set_event("b"), set_event("c")])
    assert [(event.seq, event.prev) for event in engine.read("s")][1:] == [
        (event.seq + 1, event.hash) for event in engine.read("s") if event.seq < head.seq
    ]
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
    assert list(engine.read("s")) == []
    assert engine.compact("s") is None
    assert engine.delete("s") is False
    assert engine.exists("s") is False
    assert engine.sessions() == []
    assert engine.verify("s").head is None


def test_seed_events_come_first_and_only_in_a_new_log(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("b")], seed=lambda: [set_event("a")])
    log.append([set_event("c")], seed=lambda: [set_event("never")])
    assert turn_ids(engine) == ["a", "b", "c"]


def test_a_seed_that_cannot_be_made_leaves_no_session(engine: Backend) -> None:
    def seed() -> list[Set]:
        raise StateTypeError("no")

    with pytest.raises(StateTypeError):
        engine.open("s", Recorder()).append([set_event("b")], seed=seed)
    assert engine.exists("s") is False
    assert engine.sessions() == []


def test_reading_after_a_cursor_gives_what_came_since(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    head = log.append([set_event("a"), set_event("b")])
    log.append([set_event("c")])
    assert turn_ids(engine, Cursor(head.log_id, 1)) == ["b", "c"]
    assert turn_ids(engine, Cursor(head.log_id, 3)) == []


def test_a_cursor_into_another_log_says_rebuild(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    old = log.append([set_event("a")])
    with pytest.raises(RebuildError):
        list(engine.read("s", Cursor("f" * 16, 1)))
    engine.delete("s")
    with pytest.raises(RebuildError):
        list(engine.read("s", Cursor(old.log_id, 1)))
    log.append([set_event("new")])
    with pytest.raises(RebuildError):
        list(engine.read("s", Cursor(old.log_id, 1)))


def test_compaction_keeps_the_view_its_order_and_what_is_not_a_turn(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a"), set_event("b"), set_event("gone", runtime="other")])
    log.append([Handoff(source="native", target="other"), Takeover(runtime_id="other")])
    log.append([Clear(runtime_id="other"), set_event("a", {"newer": True})])
    before = state_of(engine)
    kept = {event.seq: event.hash for event in engine.read("s") if event.seq in (2, 4, 5, 7)}
    report = engine.compact("s")
    assert report is not None
    assert (report.events_before, report.events_after, report.base_seq) == (7, 4, 7)
    assert report.bytes_after < report.bytes_before
    assert state_of(engine) == before
    assert list(state_of(engine)) == ["a", "b"]
    assert {event.seq: event.hash for event in engine.read("s")} == kept
    assert log.append([set_event("c")]).seq == 8
    assert list(state_of(engine)) == ["a", "b", "c"]
    assert engine.verify("s").ok


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
    assert list(engine.read("s")) == []
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


@pytest.mark.parametrize("history", ["archive", "drop"])
def test_cursors_survive_compaction_from_the_base_on(engine: Backend, history: "str") -> None:
    log = engine.open("s", Recorder())
    head = log.append([set_event("a"), set_event("a")])
    engine.compact("s", history)  # type: ignore[arg-type]
    log.append([set_event("b")])
    assert turn_ids(engine, Cursor(head.log_id, head.seq)) == ["b"]
    with pytest.raises(RebuildError):
        list(engine.read("s", Cursor(head.log_id, head.seq - 1)))


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
    stop = threading.Event()
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
    events = list(engine.read("s"))
    assert [event.seq for event in events] == list(range(1, 401))
    assert len(set(turn_ids(engine))) == 400
    assert engine.verify("s").ok
