"""Places found without reading the whole log: the same as by reading it, or none."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.engines.files import seeking
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.logfile import LogFile
from journal.engines.files.seeking import ReadPoint, find_event
from journal.engines.files.storage import DiskStorage
from journal.events import Cursor
from journal.position import Position
from journal.scan import Scanner
from tests.support import FaultyStorage, open_log, set_event

STORAGE = DiskStorage()


@contextmanager
def log_file(path: Path) -> Iterator[LogFile]:
    file = LogFile(STORAGE, str(path), create=False)
    try:
        yield file
    finally:
        file.close()


def found(path: Path, seq: int) -> ReadPoint | None:
    with log_file(path) as file:
        return find_event(STORAGE, file, file.size(), seq)


def begin(folder: Path, *batches: int) -> Path:
    """A log of appends of so many events each; the path of its file."""
    log, _ = open_log(folder)
    for number, count in enumerate(batches):
        log.append([set_event(f"t{number % 3}", {"n": n}) for n in range(count)])
    log.close()
    return folder / "s.jsonl"


def seqs_after(path: Path, seq: int) -> list[int]:
    """Read from the place that is found, in a scanner that knows nothing but that."""
    place = found(path, seq)
    assert place is not None
    with log_file(path) as file:
        events = list(place.scanner.read(file.chunks(place.scanner.end, file.size())))
    assert place.scanner.damage_count == 0, "what follows is chained to it"
    return [event.seq for event in events]


@pytest.fixture(autouse=True)
def _small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a log of some hundred lines is halved a few times."""
    monkeypatch.setattr(seeking, "_WINDOW", 1000)


@pytest.mark.parametrize("compacted", [False, True])
def test_each_event_is_found_and_read_on_from(tmp_path: Path, compacted: bool) -> None:
    path = begin(tmp_path, *[1, 2, 3] * 10)
    base = 0
    if compacted:
        assert Directory(str(tmp_path), LogOptions("os")).compact("s") is not None
        base = 60
        begin(tmp_path, *[3, 2, 1] * 10)
    for seq in range(base + 1, base + 61):
        assert seqs_after(path, seq) == list(range(seq + 1, base + 61))


@given(sizes=st.lists(st.integers(0, 1500), min_size=1, max_size=40))
def test_an_event_is_found_among_lines_of_any_length(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    """Up to twice the window."""
    folder = tmp_path_factory.mktemp("s")
    log, _ = open_log(folder)
    for size in sizes:
        log.append([set_event("t", "x" * size)])
    log.close()
    for seq in range(1, len(sizes) + 1):
        assert seqs_after(folder / "s.jsonl", seq) == list(range(seq + 1, len(sizes) + 1))


def test_in_the_middle_of_a_long_append_an_event_is_found(tmp_path: Path) -> None:
    """Of that append, as many events are known as the window has."""
    path = begin(tmp_path, 2, 60, 2)
    place = found(path, 40)
    assert place is not None
    with log_file(path) as file:
        events = list(Scanner().read(file.chunks(0, file.size())))
    known = len(place.hashes)
    assert 2 < known < 38
    assert list(place.hashes) == [event.hash for event in events[40 - known : 40]]
    assert place.settled == events[39 - known].hash
    assert seqs_after(path, 40) == list(range(41, 65))


@pytest.mark.parametrize("seq", [0, 61, 10**9])
def test_what_is_not_there_is_not_found(tmp_path: Path, seq: int) -> None:
    assert found(begin(tmp_path, *[1, 2, 3] * 10), seq) is None


def test_what_compaction_has_kept_is_not_searched_for(tmp_path: Path) -> None:
    """It is out of order, and what stood between is elsewhere."""
    path = begin(tmp_path, *[1] * 30)
    Directory(str(tmp_path), LogOptions("os")).compact("s")
    assert [found(path, seq) for seq in range(31)] == [None] * 31


def test_the_events_of_one_append_are_told_from_those_before(tmp_path: Path) -> None:
    """As a position has to know them: they are cut back together."""
    path = begin(tmp_path, 4, 3, 5)
    place = found(path, 6)
    assert place is not None
    scanner = Scanner()
    with log_file(path) as file:
        events = list(scanner.read(file.chunks(0, file.size())))
    assert list(place.hashes) == [event.hash for event in events[4:6]]
    assert place.settled == events[3].hash
    assert place.ts == events[5].ts


@given(data=st.data())
def test_in_a_damaged_log_it_is_the_right_event_or_none(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = begin(tmp_path_factory.mktemp("s"), *[1, 2, 3] * 8)
    text = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(1, 900))] = data.draw(
            st.binary(max_size=9) | st.just(b"\n" * 5)
        )
    path.write_bytes(text)
    hashes = {event.seq: event.hash for event in Scanner().read([bytes(text)])}
    for seq in range(1, 49):
        found_there = found(path, seq)
        if found_there is not None:
            assert found_there.hashes[-1] == hashes[seq]


# What followers make of it


def test_a_follower_with_a_cursor_reads_what_comes_after_it_and_little_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice the log is one more step of the search."""
    monkeypatch.setattr(seeking, "_WINDOW", 1 << 12)

    def cost(events: int) -> int:
        folder = tmp_path / str(events)
        folder.mkdir()
        path = begin(folder, *[20] * (events // 20))
        size = path.stat().st_size
        read: list[int] = []

        def fault(name: str, args: tuple[Any, ...]) -> None:
            if name == "read":
                read.append(min(args[1], max(0, size - args[2])))

        cursor = cursor_at(path, events - 7)
        engine = Directory(str(folder), LogOptions("os", storage=FaultyStorage(fault)))
        follower = engine.follow("s", cursor)
        monkeypatch.setattr("journal.engines.files.storage.CHUNK", 1 << 12)
        assert [event.seq for event in follower.read()] == list(range(events - 6, events + 1))
        follower.close()
        return sum(read)

    small, twice = cost(2000), cost(4000)
    assert twice - small <= 2 * (1 << 12)
    assert twice < (tmp_path / "4000" / "s.jsonl").stat().st_size / 5


def cursor_at(path: Path, seq: int) -> Cursor:
    scanner = Scanner()
    with log_file(path) as file:
        events = list(scanner.read(file.chunks(0, file.size())))
    return Cursor.at(scanner.log_id, seq, events[seq - 1].hash)


def test_a_cursor_of_another_event_is_refused_as_by_reading_everything(tmp_path: Path) -> None:
    path = begin(tmp_path, *[1] * 50)
    good = cursor_at(path, 25)
    engine = Directory(str(tmp_path), LogOptions("os"))
    for seq in (1, 24, 26, 50):
        with pytest.raises(Exception, match=f"event {seq}"):
            list(engine.follow("s", Cursor(good.log_id, seq, good.hash)).read())
    short = engine.follow("s", Cursor(good.log_id, 25))
    assert [event.seq for event in short.read()] == list(range(26, 51))
    short.close()


def test_of_another_log_everything_is_read(tmp_path: Path) -> None:
    begin(tmp_path, *[1] * 50)
    engine = Directory(str(tmp_path), LogOptions("os"))
    follower = engine.follow("s", Cursor("another", 25))
    assert len(list(follower.read())) == 50
    follower.close()


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_what_is_cut_back_behind_a_cursor_and_replaced_is_read(tmp_path: Path, cut: int) -> None:
    """The last append may fail after a reader has seen it; earlier ones are there to stay."""
    path = begin(tmp_path, *[1] * 40, 3)
    text = path.read_bytes()
    engine = Directory(str(tmp_path), LogOptions("os"))
    follower = engine.follow("s", cursor_at(path, 40 + cut))
    assert [event.seq for event in follower.read()] == list(range(41 + cut, 44))
    os.truncate(path, len(b"".join(text.splitlines(True)[:-3])))
    begin(tmp_path, 2)
    assert [event.seq for event in follower.read()] == [41, 42]
    follower.close()


def test_a_position_that_has_read_events_is_no_mere_cursor() -> None:
    assert not Position().is_cursor
    assert not Position(Cursor("log", 0)).is_cursor
    assert Position(Cursor("log", 3)).is_cursor
    known = Position(Cursor("log", 3, "0" * 12))
    known.jump(3, "1" * 32, ["0" * 32], "ts")
    assert not known.is_cursor
