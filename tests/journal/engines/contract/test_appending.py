"""Appending: who takes turns with whom, and events that are made from what is there."""

import threading
from itertools import pairwise

from journal.backend import Backend
from tests.journal.engines.contract.looking import events_in, turn_ids
from tests.support import Recorder, set_event


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
    other.refresh()
    assert mine.turns == ["0", "1", "2", "3"] == theirs.turns


def test_a_second_reader_sees_what_was_appended_since(engine: Backend) -> None:
    writer, seen = engine.open("s", Recorder()), Recorder()
    reader = engine.open("s", seen)
    for count in range(1, 4):
        writer.append([set_event(str(count))])
        assert reader.refresh()
        assert len(seen.events) == count
    assert reader.head == writer.head


def test_two_writers_take_turns_without_a_gap(engine: Backend) -> None:
    one, two = engine.open("s", Recorder()), engine.open("s", Recorder())
    heads = [log.append([set_event(str(i))]) for i in range(5) for log in (one, two)]
    assert [head.seq for head in heads] == list(range(1, 11))
    assert turn_ids(engine) == [str(i) for i in range(5) for _ in "12"]


def test_events_appended_together_have_one_time_and_one_writer(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a"), set_event("b"), set_event("c")])
    assert len({(event.ts, event.writer) for event in events_in(engine)}) == 1


def test_at_once_appends_all_or_waits_for_nobody_and_appends_nothing(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a")])
    appended = log.append_at_once([set_event("b"), set_event("c")])
    assert turn_ids(engine) == (["a", "b", "c"] if appended else ["a"])


def test_a_log_that_was_closed_goes_on(engine: Backend) -> None:
    seen = Recorder()
    log = engine.open("s", seen)
    log.append([set_event("a")])
    log.flush()
    log.close()
    assert log.refresh()
    log.close_idle()
    assert log.append([set_event("b")]).seq == 2
    assert seen.turns == ["a", "b"]


def test_what_is_promised_is_one_of_the_three_and_can_be_asked(engine: Backend) -> None:
    assert engine.durability in ("fsync", "os", None)
    engine.check_durability()


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
