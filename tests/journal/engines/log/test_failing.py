"""Writes that fail, and calls that fail in them."""

import errno
import itertools
import os
import threading
import time
from pathlib import Path

import pytest

from journal.errors import (
    AppendError,
    StorageError,
    SyncError,
)
from tests.support import (
    FailsAt,
    FaultyStorage,
    fails,
    no_fault,
    open_log,
    set_event,
    turns_in,
)


class TestFailedWrites:
    def test_a_full_disk_raises_and_writing_goes_on_once_there_is_room(
        self, tmp_path: Path
    ) -> None:
        storage = FaultyStorage(no_fault)
        log, recorder = open_log(tmp_path, storage=storage)
        log.append([set_event("a")])
        storage.fault = fails("write", errno.ENOSPC)
        with pytest.raises(AppendError, match="Nothing was appended") as caught:
            log.append([set_event("lost")])
        assert caught.value.errno == errno.ENOSPC
        assert log.append([set_event("b")]).seq == 2
        log.refresh()
        assert recorder.turns == ["a", "b"]
        assert turns_in(tmp_path) == ["a", "b"]

    @pytest.mark.parametrize("room", [0, 1, 100])
    def test_a_short_write_is_cut_back_before_anything_else_is_written(
        self, tmp_path: Path, room: int
    ) -> None:
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage)
        log.append([set_event("a")])
        before = (tmp_path / "s.jsonl").read_bytes()

        def short(name: str, args: tuple[object, ...]) -> int | None:
            if name != "write":
                return None
            fd, data = args
            assert isinstance(fd, int)
            assert isinstance(data, bytes)
            return os.write(fd, data[:room])

        storage.fault = short
        with pytest.raises(AppendError, match=f"only {room} of"):
            log.append([set_event("lost")])
        assert (tmp_path / "s.jsonl").read_bytes() == before
        storage.fault = no_fault
        log.append([set_event("b")])
        assert turns_in(tmp_path) == ["a", "b"]

    def test_a_first_append_that_fails_leaves_no_log(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path, storage=FaultyStorage(fails("write", errno.ENOSPC)))
        with pytest.raises(AppendError):
            log.append([set_event("a")])
        assert list(tmp_path.iterdir()) == []

    def test_no_success_is_reported_on_a_descriptor_whose_sync_failed(
        self, tmp_path: Path
    ) -> None:
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        log.append([set_event("a")])
        calls: list[str] = []

        def fault(name: str, args: tuple[object, ...]) -> None:
            calls.append(name)
            if name == "sync" and calls.count("sync") == 1:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        storage.fault = fault
        with pytest.raises(SyncError, match="unknown"):
            log.append([set_event("b")])
        calls.clear()
        calls.append("sync")  # of the failed append: the next ones work
        assert log.append([set_event("c")]).seq == 3
        assert calls.index("close") < calls.index("open") < calls.index("sync", 1)
        assert turns_in(tmp_path) == ["a", "b", "c"]

    def test_all_threads_that_share_a_failed_sync_are_told(self, tmp_path: Path) -> None:
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        log.append([set_event("a")])
        entered, go = threading.Event(), threading.Event()

        def fault(name: str, args: tuple[object, ...]) -> None:
            if name == "sync":
                entered.set()
                assert go.wait(20)
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        storage.fault = fault
        outcomes: list[str] = []

        def append(turn: str) -> None:
            try:
                log.append([set_event(turn)])
                outcomes.append("ok")
            except SyncError:
                outcomes.append("unknown")

        threads = [threading.Thread(target=append, args=(str(i),)) for i in range(4)]
        threads[0].start()
        assert entered.wait(20)
        for thread in threads[1:]:
            thread.start()
        while len(log._group._queue) < 3:
            time.sleep(0.001)
        go.set()
        for thread in threads:
            thread.join()
        assert outcomes == ["unknown"] * 4


def test_whatever_call_of_an_append_fails_the_next_one_succeeds(tmp_path: Path) -> None:
    """Each call of a first and of a second append, and what the error says of it."""
    kinds: set[str] = set()
    for number in itertools.count():
        folder = tmp_path / str(number)
        fault = FailsAt(number, errno.EIO)
        log, recorder = open_log(folder, storage=FaultyStorage(fault), durability="fsync")
        acknowledged: list[str] = []
        for turn in ("a", "b"):
            try:
                log.append([set_event(turn)])
                acknowledged.append(turn)
            except StorageError as error:
                kinds.add(f"{type(error).__name__} {error.errno}")
        if fault.failed is None:
            break
        log.append([set_event("c")])
        log.refresh()
        found = turns_in(folder)
        assert [turn for turn in found if turn in acknowledged] == acknowledged
        assert found == recorder.turns
        assert found[-1] == "c"
    assert kinds == {"AppendError 5", "SyncError 5"}
    assert number >= 8


@pytest.mark.parametrize("call", ["size", "find", "lock", "unlock", "read"])
def test_an_append_that_the_system_interrupts_says_that_it_is_unknown_what_came_of_it(
    tmp_path: Path, call: str
) -> None:
    open_log(tmp_path)[0].append([set_event("a")])
    storage = FaultyStorage(fails(call, errno.EIO))
    log, _ = open_log(tmp_path, storage=storage)
    with pytest.raises(StorageError) as caught:
        log.append([set_event("b")])
    assert caught.value.errno == errno.EIO
    assert str(tmp_path / "s.jsonl") in str(caught.value)
    assert "Input/output error" in str(caught.value)
    assert log.append([set_event("c")]).seq == (3 if call == "unlock" else 2)
