"""A stroke while an append is synced."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.logfile import LogFile
from journal.errors import AppendError, StorageError
from tests.journal.engines.changed.strokes import Reports, rename_into_place
from tests.support import (
    FaultyStorage,
    no_fault,
    open_log,
    set_event,
    turns_in,
)


def in_the_sync(storage: FaultyStorage, strike: Callable[[], None]) -> None:
    """Strike once while the next sync is under way."""

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "sync":
            storage.fault = no_fault
            strike()

    storage.fault = fault


class TestWhileItIsSynced:
    """Another file is at the path when the sync returns."""

    def test_a_compaction_that_took_it_along_is_fine(
        self, tmp_path: Path, reports: Reports
    ) -> None:
        storage = FaultyStorage(no_fault)
        log, recorder = open_log(tmp_path, storage=storage, durability="fsync")
        log.append([set_event("a")])
        other = Directory(str(tmp_path), LogOptions("os"))
        synced: list[str] = []

        def compact() -> None:
            assert other.compact("s") is not None
            storage.fault = lambda name, args: synced.append(name) if name == "sync" else None

        in_the_sync(storage, compact)
        assert log.append([set_event("a")]).seq == 2
        assert synced, "what holds it now is synced as well"
        assert recorder.turns == ["a", "a"]
        assert turns_in(tmp_path) == ["a"]
        assert reports.texts == []

    def test_a_deletion_came_after_it(self, tmp_path: Path, reports: Reports) -> None:
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        log.append([set_event("a")])
        other = Directory(str(tmp_path), LogOptions("os"))
        deleted: list[bool] = []
        in_the_sync(storage, lambda: deleted.append(other.delete("s")))
        assert log.append([set_event("b")]).seq == 2
        assert deleted == [True]
        assert not log.refresh()
        assert reports.texts == []

    def test_a_copy_that_has_it_is_synced_and_fine(self, tmp_path: Path) -> None:
        storage = FaultyStorage(no_fault)
        log, recorder = open_log(tmp_path, storage=storage, durability="fsync")
        path = tmp_path / "s.jsonl"
        in_the_sync(storage, lambda: rename_into_place(lambda path: path)(path))
        assert log.append([set_event("a")]).seq == 1
        assert recorder.turns == ["a"] == turns_in(tmp_path)

    def test_what_another_had_read_may_be_lost_and_ours_not(
        self, tmp_path: Path, reports: Reports
    ) -> None:
        """A copy with our event in it, but without one that came after it."""
        storage = FaultyStorage(no_fault)
        log, recorder = open_log(tmp_path, storage=storage, durability="fsync")
        path = tmp_path / "s.jsonl"
        log.append([set_event("a")])

        def strike() -> None:
            shutil.copy(path, tmp_path / "copy")
            other, _ = open_log(tmp_path)
            other.append([set_event("lost")])
            log.refresh()
            (tmp_path / "copy").rename(path)

        in_the_sync(storage, strike)
        assert log.append([set_event("ours")]).seq == 2
        assert recorder.turns == ["a", "ours"] == turns_in(tmp_path)
        (report,) = reports.losses
        assert "event 3" in report

    @pytest.mark.parametrize("history", ["archive", "drop"])
    def test_where_nobody_can_know_it_is_said_to_be_unknown(
        self, tmp_path: Path, history: Any
    ) -> None:
        """A copy without it, which others append to and compact, before we look."""
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        path = tmp_path / "s.jsonl"
        log.append([set_event("a")])
        shutil.copy(path, tmp_path / "copy")

        def strike() -> None:
            other, _ = open_log(tmp_path)
            other.append([set_event("b")])
            log.refresh()
            (tmp_path / "copy").rename(path)
            other, _ = open_log(tmp_path)
            for _ in range(2):
                other.append([set_event("c")])
            log.look_again()
            log.refresh()
            other.append([set_event("d")])
            Directory(str(tmp_path), LogOptions("os")).compact("s", history)

        in_the_sync(storage, strike)
        with pytest.raises(StorageError, match="unknown"):
            log.append([set_event("ours")])

    def test_all_threads_that_share_the_sync_hear_of_it(self, tmp_path: Path) -> None:
        import threading

        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        path = tmp_path / "s.jsonl"
        log.append([set_event("a")])
        shutil.copy(path, tmp_path / "copy")
        outcomes: dict[str, str] = {}
        waiting = threading.Event()

        def append(turn: str) -> None:
            try:
                log.append([set_event(turn)])
                outcomes[turn] = "done"
            except AppendError:
                outcomes[turn] = "not appended"

        threads = [threading.Thread(target=append, args=(str(n),)) for n in range(8)]

        def fault(name: str, args: tuple[Any, ...]) -> None:
            if name == "write":
                waiting.wait(0.01)  # so that others queue up
            if name == "sync" and (tmp_path / "copy").exists():
                (tmp_path / "copy").rename(path)

        storage.fault = fault
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        found = set(turns_in(tmp_path)) - {"a"}
        assert len(outcomes) == 8
        assert found == {turn for turn, outcome in outcomes.items() if outcome == "done"}
        assert "not appended" in outcomes.values()

    def test_a_path_that_cannot_be_looked_at_is_no_success(self, tmp_path: Path) -> None:
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        log.append([set_event("a")])

        def broken(name: str, args: tuple[Any, ...]) -> None:
            if name == "find":
                raise PermissionError(13, "Permission denied")

        def after_the_sync() -> None:
            storage.fault = broken

        in_the_sync(storage, after_the_sync)
        with pytest.raises(StorageError, match=r"Permission denied.* unknown; read"):
            log.append([set_event("b")])

    def test_the_inode_of_a_file_that_was_closed_meanwhile_says_nothing(
        self, tmp_path: Path
    ) -> None:
        """Replaced and closed, as in a signal handler, its inode may be the new file's."""
        storage = FaultyStorage(no_fault)
        file = LogFile(storage, str(tmp_path / "s.jsonl"), create=True)
        places = [None, file.id]

        def close_in_the_sync(name: str, args: tuple[Any, ...]) -> Any:
            if name == "sync" and file.is_open and len(places) == 2:
                storage.fault = lambda name, args: (
                    places.pop(0) or False if name == "find" else None
                )
                file.close()
                return 0  # the sync that is under way goes on in the kernel
            return None

        storage.fault = close_in_the_sync
        assert not file.sync_through(file.mark_written())
        assert not places, "it was looked at before the close and after the sync"

    @pytest.mark.parametrize("comes", ["a copy", "nothing"])
    def test_a_flush_syncs_what_is_at_the_path(
        self, tmp_path: Path, reports: Reports, comes: str
    ) -> None:
        storage = FaultyStorage(no_fault)
        log, recorder = open_log(tmp_path, storage=storage)
        path = tmp_path / "s.jsonl"
        log.append([set_event("a")])
        synced: list[int] = []

        def strike() -> None:
            if comes == "a copy":
                rename_into_place(lambda path: path)(path)
            else:
                path.unlink()
            storage.fault = lambda name, args: (
                synced.append(os.fstat(args[0]).st_ino) if name == "sync" else None
            )

        in_the_sync(storage, strike)
        log.flush()
        storage.fault = no_fault
        if comes == "a copy":
            assert synced == [path.stat().st_ino]
            assert recorder.turns == ["a"]
        else:
            assert synced == []
            assert len(reports.losses) == 1

    def test_a_flush_in_a_signal_handler_leaves_that_to_the_append(self, tmp_path: Path) -> None:
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage)
        path = tmp_path / "s.jsonl"
        log.append([set_event("a")])
        flushed: list[str] = []

        def handler(name: str, args: tuple[Any, ...]) -> None:
            if name == "read":
                storage.fault = no_fault
                rename_into_place(lambda path: path)(path)
                log.flush()
                flushed.append(name)

        storage.fault = handler
        log.append([set_event("b")])
        assert flushed
        assert turns_in(tmp_path) == ["a", "b"]
