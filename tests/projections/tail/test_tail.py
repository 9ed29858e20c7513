"""The tail: every event once, in order, while others append, compact, delete and begin anew.

Nothing here waits for luck: a marker is appended last, and what came before it is looked
at. `take` gives up after a time that no working tail needs, so that a test fails, not hangs.
"""

import os
from collections.abc import Iterator
from errno import EMFILE
from pathlib import Path
from typing import Any

import pytest

from journal import StateTypeError, StateValueError
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.errors import DamagedError, JournalError
from journal.events import Cursor
from journal.stopping import StopEvent
from projections import DefaultSessionStore
from projections.tail.tail import Tail
from tests.projections.tail.tails import END, giving_up, log_id, put, seqs, take, take_to_ends
from tests.support import FaultyStorage


def test_where_the_kernel_has_no_watch_left_it_looks_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A user has 128 of them."""

    def out_of_watches(*args: Any) -> None:
        raise OSError(EMFILE, os.strerror(EMFILE))

    monkeypatch.setattr("journal.engines.files.watching.open_notifier", out_of_watches)
    with DefaultSessionStore(tmp_path) as store, DefaultSessionStore(tmp_path) as other:
        put(store, "s", "first")
        tail = store.tail("s", from_start=True)
        assert seqs(take(tail, 1)) == [1]
        put(other, "s", "second")
        assert seqs(take(tail, 1)) == [2]
        tail.stop()
        assert list(tail) == []
    assert "max_user_instances" in caplog.text


class TestArrivals:
    def test_they_hold_the_state_of_a_set_and_none_of_others(
        self, either: DefaultSessionStore
    ) -> None:
        with either.tail("s") as tail:
            either.set_runtime_state("s", "r", "t", {"calls": ["c-1"]})
            either.hand_off("s", "r", "q")
            either.take_over("s", "q")
            either.clear_runtime_state("s")
            found = take(tail, 4)
        assert [arrival.state for arrival in found] == [{"calls": ["c-1"]}, None, None, None]

    def test_what_was_dropped_before_it_was_read_is_counted(
        self, either: DefaultSessionStore
    ) -> None:
        put(either, "s", "t1")
        with either.tail("s", from_start=True) as tail:
            cursor = take(tail, 1)[0].cursor
        put(either, "s", "t1", "t2", "t1", "t3", "t1")
        either.compact("s", "drop")
        put(either, "s", END)
        with either.tail("s", after=cursor) as tail:
            found = take_to_ends(tail, "s")["s"]
        place = 1
        for arrival in found:
            assert arrival.event.seq == place + 1 + arrival.lost
            place = arrival.event.seq
        assert place == 7
        assert sum(arrival.lost for arrival in found) > 0


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({"sessions": 7}, StateTypeError, "sessions must be .* not int"),
        ({"sessions": [7]}, StateTypeError, "session_id must be a string, not int"),
        ({"sessions": b"s"}, StateTypeError, "session_id must be a string"),
        ({"after": "x:1"}, StateValueError, "one session"),
        ({"after": Cursor("x", 1)}, StateValueError, "one session"),
        ({"sessions": ["a", "b"], "after": "x:1"}, StateValueError, "session_id: cursor"),
        ({"sessions": [], "after": "x:1"}, StateValueError, "one session"),
        ({"sessions": "s", "after": ""}, StateValueError, "not a cursor: ''"),
        ({"sessions": "s", "after": "x"}, StateValueError, "not a cursor: 'x'"),
        ({"sessions": "s", "after": "x:-1"}, StateValueError, "log_id:seq"),
        ({"sessions": "s", "after": "x:1:hash"}, StateValueError, "not a cursor"),
        ({"after": {"s": "x"}}, StateValueError, "not a cursor: 'x'"),
        ({"after": {"s": 7}}, StateTypeError, "Cursor or its text, not int"),
        ({"sessions": "s", "after": 7}, StateTypeError, "after must be a cursor .* not int"),
        ({"sessions": "s", "after": b"x:1"}, StateTypeError, "not bytes"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(
    store: DefaultSessionStore, options: dict[str, Any], error: type[JournalError], why: str
) -> None:
    with pytest.raises(error, match=why):
        store.tail(**options)


class TestDamage:
    def test_of_all_sessions_a_damaged_one_is_left_out(
        self, store: DefaultSessionStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "bad.jsonl").write_text("no log\nat all\n")
        with store.tail(from_start=True) as tail:
            for turn in ("t1", "t2", "t3"):
                put(store, "good", turn)
                (arrival,) = take(tail, 1)
                assert arrival.session_id == "good"
        assert any("'bad' is left out" in record.message for record in caplog.records)

    def test_the_same_damage_is_logged_once_and_again_when_it_comes_back(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        log = tmp_path / "s.jsonl"
        damage = b"no log\nat all\n"

        class Insistent(Directory):
            def watch(self, stop: StopEvent) -> Iterator[frozenset[str]]:
                for content, expected in ((damage, 1), (damage, 1), (whole, 1), (damage, 2)):
                    log.write_bytes(content)
                    yield frozenset({"s"})
                    assert len(caplog.records) == expected

        with DefaultSessionStore(tmp_path, durability="os") as store:
            put(store, "s", "t1")
        whole = log.read_bytes()
        with Tail(Insistent(str(tmp_path), LogOptions())) as tail:
            assert list(tail) == []
        assert {"session 's' is left out" in record.message for record in caplog.records} == {True}

    def test_one_that_is_damaged_later_and_mended_goes_on(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        put(store, "s", "t1")
        log = tmp_path / "s.jsonl"
        with store.tail() as tail:
            whole = log.read_bytes()
            log.write_bytes(b"x" * len(whole))
            put(store, "other", "t1")
            assert take(tail, 1)[0].session_id == "other"
            log.write_bytes(whole)
            put(store, "s", "t2")
            (arrival,) = take(tail, 1)
        assert (arrival.session_id, arrival.event.seq) == ("s", 2)

    def test_one_that_was_asked_for_is_an_error(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        (tmp_path / "bad.jsonl").write_text("no log\nat all\n")
        for tail in (store.tail(["good", "bad"]), store.tail("bad", from_start=True)):
            with pytest.raises(DamagedError, match=r"bad\.jsonl"), giving_up(tail):
                next(tail)
            assert list(tail) == [], "and the end of that tail"

    def test_a_damaged_line_is_counted_as_lost_and_the_rest_arrives(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        put(store, "s", "t1", "t2", "t3", "t4")
        log = tmp_path / "s.jsonl"
        log.write_bytes(log.read_bytes().replace(b'{"turn":"t2"}', b'{"turn":"T2"}'))
        with store.tail("s", from_start=True) as tail:
            assert [(a.event.seq, a.lost) for a in take(tail, 3)] == [(1, 0), (3, 1), (4, 0)]


def test_what_a_consumer_takes_does_not_put_off_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks at everything find what nobody gave notice of; a slow consumer needs them most."""
    clock = {"now": 0.0}

    class Unnoticed(Directory):
        def watch(self, stop: StopEvent) -> Iterator[frozenset[str]]:
            for _ in range(5):
                yield frozenset()
                clock["now"] += 1.0

    monkeypatch.setattr("projections.tail.tail.monotonic", lambda: clock["now"])
    engine = Unnoticed(str(tmp_path), LogOptions())
    with DefaultSessionStore(tmp_path, durability="os") as store, Tail(engine, "s") as tail:
        put(store, "s", "t1")
        assert seqs(take(tail, 1)) == [1]
        clock["now"] += 3600.0
        put(store, "s", "t2")
        assert seqs(take(tail, 1)) == [2]


def test_looks_take_at_most_a_hundredth_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = {"now": 0.0, "looks": 0.0}

    class Slow(Directory):
        def watch(self, stop: StopEvent) -> Iterator[frozenset[str]]:
            while clock["now"] < 10_000.0:
                yield frozenset()
                clock["now"] += 1.0

        def sessions(self, **options: Any) -> Iterator[Any]:
            clock["now"] += 2.0
            clock["looks"] += 1
            return iter(())

    monkeypatch.setattr("projections.tail.tail.monotonic", lambda: clock["now"])
    assert list(Tail(Slow(str(tmp_path), LogOptions()))) == []
    assert clock["looks"] * 2.0 <= 10_000.0 / 100 + 4.0
    assert clock["looks"] > 25, "but it does look, every 200 seconds"


def test_history_dropped_while_a_late_tail_reads_it_ends_nothing(tmp_path: Path) -> None:
    """What is left is read, and how much is gone is said."""
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for number in range(4):
            put(store, "s", f"t{number}", "again")
            put(store, "s", "again")
            store.compact("s")
        last = log_id(store, "s")
        done: list[str] = []

        def drop_in_the_middle(name: str, args: tuple[Any, ...]) -> None:
            if name == "open" and "s.6.jsonl" in args[0] and not done:
                done.append(name)
                put(store, "s", "again", END)
                store.compact("s", "drop")

        options = LogOptions(storage=FaultyStorage(drop_in_the_middle))
        tail = Tail(Directory(str(tmp_path), options), "s", after=Cursor(last, 1))
        found = take_to_ends(tail, "s")["s"]
        assert done
        assert seqs(found) == sorted(set(seqs(found)))
        assert found[-1].event.seq == 14
        assert any(arrival.lost for arrival in found)
        tail.close()
