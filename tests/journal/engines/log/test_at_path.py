"""The file at the path of a log may be another one."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from journal.errors import (
    AppendError,
    DamagedError,
)
from tests.journal.engines.log.steps import at, counting, sealed
from tests.support import (
    FaultyStorage,
    open_log,
    set_event,
    turns_in,
)


class TestTheFileAtThePath:
    def test_a_torn_file_that_is_the_log_no_more_is_left_alone(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event("a")])
        path = tmp_path / "s.jsonl"
        path.rename(tmp_path / "away")
        with (tmp_path / "away").open("ab") as file:
            file.write(b"half a li")
        other, _ = open_log(tmp_path)
        other.append([set_event("new")])
        log.append([set_event("b")])
        assert turns_in(tmp_path) == ["new", "b"]
        assert (tmp_path / "away").read_bytes().endswith(b"half a li")
        assert not (tmp_path / "archive").exists()

    def test_reading_looks_for_it_once_a_second_and_appending_every_time(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[str] = []
        at(monkeypatch, 100.0)
        log, _ = open_log(tmp_path, storage=FaultyStorage(counting(calls)))
        log.append([set_event("a")])
        log.append([set_event("b")])
        log.refresh()
        for later, looks in ((100.9, 0), (101.0, 1), (101.9, 0), (102.0, 1)):
            at(monkeypatch, later)
            calls.clear()
            log.refresh()
            assert (calls.count("find"), calls.count("read")) == (looks, looks), later
        calls.clear()
        log.append([set_event("c")])
        assert sorted(calls) == ["find", "lock", "read", "unlock", "write"]

    def test_what_was_read_without_the_lock_is_looked_at_again_once_a_second(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        calls: list[str] = []
        at(monkeypatch, 100.0)
        reader, _ = open_log(tmp_path, storage=FaultyStorage(counting(calls)))
        reader.refresh()
        for later, reads in ((100.0, 0), (100.9, 0), (101.0, 1), (101.9, 0), (102.0, 1)):
            at(monkeypatch, later)
            calls.clear()
            reader.refresh()
            assert calls.count("read") == reads, later

    def test_a_read_after_an_append_reads_and_folds_only_what_is_new(self, tmp_path: Path) -> None:
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a", {"x": "y" * 1000})])
        read: list[int] = []

        def note(name: str, args: tuple[Any, ...]) -> None:
            if name == "read":
                read.append(args[2])

        log, recorder = open_log(tmp_path, storage=FaultyStorage(note))
        log.refresh()
        recorder.events.clear()
        end = log.size
        read.clear()
        writer.append([set_event("b")])
        log.append([set_event("c")])
        log.refresh()
        assert recorder.turns == ["b", "c"]
        assert min(read) >= end - 64, "enough to see that it is the same line still"

    @pytest.mark.parametrize("length", [1 << 20, (1 << 20) + 1], ids=["short", "long"])
    def test_a_long_torn_tail_is_read_once_and_again_when_it_grows(
        self, tmp_path: Path, length: int
    ) -> None:
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        path = tmp_path / "s.jsonl"
        end = path.stat().st_size
        with path.open("ab") as file:
            file.write(b"x" * length)
        read: list[int] = []
        storage = FaultyStorage(
            lambda name, args: read.append(args[2]) if name == "read" else None
        )
        log, recorder = open_log(tmp_path, storage=storage)
        for look in range(3):
            read.clear()
            assert log.refresh()
            tail = [place for place in read if place >= end]
            assert bool(tail) == (look == 0 or length == 1 << 20), look
        with path.open("ab") as file:
            file.write(b"\n" + path.read_bytes()[:end].splitlines(keepends=True)[1])
        read.clear()
        assert log.refresh()
        assert any(place >= end for place in read)
        assert recorder.turns == ["a"]

    def test_a_tail_that_was_too_long_to_read_again_is_read_when_the_file_is_another(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of the same size as the one before, which had a long torn tail."""
        path = tmp_path / "s.jsonl"
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        end = path.stat().st_size
        writer.append([set_event("b", {"x": "y" * (2 << 20)})])
        whole = path.read_bytes()
        path.write_bytes(whole[:end] + b"x" * (len(whole) - end))
        log, recorder = open_log(tmp_path)
        at(monkeypatch, 100.0)
        assert log.refresh()
        assert recorder.turns == ["a"]
        path.unlink()
        path.write_bytes(whole)
        at(monkeypatch, 101.0)
        assert log.refresh()
        assert recorder.turns == ["a", "b"]

    def test_a_log_that_is_deleted_or_comes_back_is_told_from_one_that_is_not(
        self, tmp_path: Path
    ) -> None:
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        log, recorder = open_log(tmp_path)
        assert (log.refresh(), log.is_deleted) == (True, False)
        sealed(tmp_path / "s.jsonl", "deleted")
        for _ in range(2):
            assert (log.refresh(), log.is_deleted, log.head) == (False, True, None)
            assert recorder.events == []
        log.append([set_event("new")])
        assert (log.refresh(), log.is_deleted) == (True, False)
        assert recorder.turns == ["new"] == turns_in(tmp_path)

    def test_the_seal_of_a_compaction_that_died_stops_no_reader_and_no_writer(
        self, tmp_path: Path
    ) -> None:
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        sealed(tmp_path / "s.jsonl", "compacted")
        log, recorder = open_log(tmp_path)
        assert (log.refresh(), log.is_deleted) == (True, False)
        assert log.append([set_event("b")]).seq == 2
        assert recorder.turns == ["a", "b"] == turns_in(tmp_path)
        assert b"sealed" not in (tmp_path / "s.jsonl").read_bytes()
        assert writer.append([set_event("c")]).seq == 3

    def test_where_there_is_no_torn_tail_none_is_reported(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        sealed(tmp_path / "s.jsonl", "compacted")
        log, _ = open_log(tmp_path)
        assert log.append([set_event("b")]).seq == 2
        assert writer.append([set_event("c")]).seq == 3
        assert caplog.text == ""

    @pytest.mark.parametrize("before", [b"", b"garbage\n"], ids=["the seal", "no event"])
    def test_a_log_of_which_no_event_is_left_is_not_begun_anew(
        self, tmp_path: Path, before: bytes
    ) -> None:
        """A compaction had sealed it, so there were some: this is a loss, not a start."""
        path = tmp_path / "s.jsonl"
        path.write_bytes(before)
        sealed(path, "compacted")
        (tmp_path / "archive").mkdir()
        (tmp_path / "archive" / "s.1.jsonl").write_bytes(b"")
        log, recorder = open_log(tmp_path)
        for _ in range(2):
            with pytest.raises(DamagedError):
                log.append([set_event("b")])
        assert path.read_bytes() == before
        assert recorder.events == []

    def test_an_empty_file_that_a_reader_opened_is_not_begun_over_a_history(
        self, tmp_path: Path
    ) -> None:
        """It was there before us, so it is what is left of the log of these archives."""
        (tmp_path / "s.jsonl").write_bytes(b"")
        log, _ = open_log(tmp_path)
        assert not log.refresh()
        (tmp_path / "archive").mkdir()
        (tmp_path / "archive" / "s.1.jsonl").write_bytes(b"")  # restored from a backup
        with pytest.raises(DamagedError, match="archive"):
            log.append([set_event("b")])
        assert (tmp_path / "s.jsonl").read_bytes() == b""

    def test_a_log_that_was_compacted_under_a_reader_is_opened_again_at_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not only when it is time to look where the path leads."""
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        looks: list[str] = []

        def note(name: str, args: tuple[Any, ...]) -> None:
            if name == "size":
                looks.append(name)
                assert len(looks) < 10, "it looks at the same file again and again"

        at(monkeypatch, 100.0)
        log, recorder = open_log(tmp_path, storage=FaultyStorage(note))
        log.refresh()
        path = tmp_path / "s.jsonl"
        whole = path.read_bytes()
        sealed(path, "compacted")
        path.rename(tmp_path / "archived")
        path.write_bytes(whole)
        open_log(tmp_path)[0].append([set_event("b")])
        assert log.refresh()
        assert recorder.turns == ["a", "b"]

    @pytest.mark.parametrize("reason", ["deleted", "compacted", "torn"])
    def test_nothing_is_mended_in_a_log_that_may_not_be_written(
        self, tmp_path: Path, reason: str
    ) -> None:
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        path = tmp_path / "s.jsonl"
        if reason == "torn":
            with path.open("ab") as file:
                file.write(b"half a li")
        else:
            sealed(path, reason)
        before = path.read_bytes()

        def read_only(name: str, args: tuple[Any, ...]) -> None:
            if name == "open" and args[1] & os.O_RDWR:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        log, _ = open_log(tmp_path, storage=FaultyStorage(read_only))
        with pytest.raises(AppendError, match=r"s\.jsonl: cannot be written: Read-only") as caught:
            log.append([set_event("b")])
        assert caught.value.errno == errno.EROFS
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]
