"""Tails of many sessions: what one costs at rest, and after news of one session."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.events import Cursor
from journal.stopping import StopEvent
from projections.tail.tail import Tail
from tests.growth.counting import steps
from tests.support import FaultyStorage, open_log, set_event

SILENCES = 24
"""Looks that find nothing: six rounds of 200 sessions, three of 400."""


class Engine(Directory):
    """A folder of which is reported what `reports` has, one after the other.

    `calls` has the storage's calls meanwhile, with what they were made with.
    """

    def __init__(self, folder: Path, *reports: frozenset[str]) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.reports = reports
        storage = FaultyStorage(lambda name, args: self.calls.append((name, args[0])))
        super().__init__(str(folder), LogOptions("os", storage=storage))

    def watch(self, stop: StopEvent) -> Iterator[frozenset[str]]:
        yield from self.reports


@pytest.fixture(autouse=True)
def _no_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks are not put off because the last one took long."""
    monkeypatch.setattr("projections.tail.tail._LOOK_SHARE", 0)


def folder_of(path: Path, sessions: int) -> Path:
    for name in names(sessions):
        put(path, name)
    return path


def put(folder: Path, session: str) -> None:
    log, _ = open_log(folder, session)
    log.append([set_event("t")])
    log.close()


def names(sessions: int) -> list[str]:
    return [f"s-{number}" for number in range(sessions)]


WAYS: dict[str, Callable[[int], dict[str, Any]]] = {
    "named": lambda sessions: {"sessions": names(sessions)},
    "matching": lambda _: {"matching": "s-*", "excluding": "t-*"},
    "all": lambda _: {},
}
"""What so many sessions may be followed by."""


@pytest.mark.parametrize("way", WAYS)
def test_at_rest_a_tail_of_twice_the_sessions_costs_the_same(tmp_path: Path, way: str) -> None:
    """Over a time in which each of them has its turn; the first look is at all of them."""

    def cost(sessions: int) -> int:
        folder = folder_of(tmp_path / str(sessions), sessions)
        first = steps_and_calls(folder, sessions, 1)
        more = steps_and_calls(folder, sessions, 1 + SILENCES)
        return more - first

    def steps_and_calls(folder: Path, sessions: int, silences: int) -> int:
        engine = Engine(folder, *[frozenset[str]()] * silences)
        tail = Tail(engine, **WAYS[way](sessions))
        engine.calls.clear()
        count = steps(lambda: list(tail))
        tail.close()
        return count + 100 * len(engine.calls)

    small, twice = cost(200), cost(400)
    assert 0 < twice <= 1.2 * small


@pytest.mark.parametrize("way", WAYS)
def test_news_of_one_session_makes_it_look_at_that_session_alone(tmp_path: Path, way: str) -> None:
    def calls(sessions: int) -> list[tuple[str, Any]]:
        folder = folder_of(tmp_path / str(sessions), sessions)
        engine = Engine(folder, frozenset({"s-3"}))
        tail = Tail(engine, **WAYS[way](sessions))
        put(folder, "s-3")
        engine.calls.clear()
        assert [arrival.session_id for arrival in tail] == ["s-3"]
        found = engine.calls.copy()
        tail.close()
        return found

    small, twice = calls(20), calls(40)
    assert [name for name, _ in small] == [name for name, _ in twice]
    paths = {os.path.basename(place) for _, place in twice if isinstance(place, str)}
    assert paths == {"s-3.jsonl"}


def test_a_batch_of_news_of_all_named_sessions_is_linear(tmp_path: Path) -> None:
    def cost(sessions: int) -> int:
        folder = folder_of(tmp_path / str(sessions), sessions)
        tail = Tail(Engine(folder, frozenset(names(sessions))), names(sessions))
        count = steps(lambda: list(tail))
        tail.close()
        return count

    assert cost(400) <= 2.2 * cost(200)


def test_a_session_that_nobody_reports_is_found_in_its_turn(tmp_path: Path) -> None:
    """In rounds of 50; one that is new as well."""
    folder = folder_of(tmp_path / "many", 120)
    engine = Engine(folder, *[frozenset[str]()] * 20)
    silent = engine.watch

    def watch(stop: StopEvent) -> Iterator[frozenset[str]]:
        for number, look in enumerate(silent(stop)):
            if number == 2:
                for session in ("s-7", "s-99", "new"):
                    put(folder, session)
            yield look

    engine.watch = watch  # type: ignore[method-assign]
    with Tail(engine) as tail:
        assert sorted(arrival.session_id for arrival in tail) == ["new", "s-7", "s-99"]


@pytest.mark.parametrize("share", [1, 0.5, 0.03], ids=["newest", "middle", "early"])
def test_a_tail_from_a_cursor_reads_as_much_of_a_log_of_twice_the_length(
    tmp_path: Path, share: float
) -> None:
    """Twice the log is one more step of the search at most."""

    def cost(events: int) -> int:
        folder = tmp_path / str(events)
        log, recorder = open_log(folder, "s")
        for number in range(events // 100):
            log.append([set_event("t", {"n": number, "fill": "x" * 300}) for _ in range(100)])
        head = log.append([set_event("news")])
        log.close()
        after = recorder.events[int(events * share) - 1]
        read: list[int] = []
        size = os.path.getsize(folder / "s.jsonl")

        def note(name: str, args: tuple[Any, ...]) -> None:
            if name == "read":
                read.append(min(args[1], size - args[2]))

        engine = Directory(str(folder), LogOptions("os", storage=FaultyStorage(note)))
        cursor = Cursor.at(head.log_id, after.seq, after.hash)
        with Tail(engine, "s", after=cursor) as tail:
            assert next(tail).event.seq == after.seq + 1
        return sum(read)

    small, twice = cost(3_000), cost(6_000)
    assert twice - small <= 1 << 12
    assert twice < 1 << 16
