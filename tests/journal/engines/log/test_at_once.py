"""Appends that wait for nobody."""

import errno
import fcntl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import FileLog, LogOptions
from journal.errors import (
    StateValueError,
    SyncError,
)
from journal.events import Clear
from tests.support import (
    FaultyStorage,
    fails,
    no_fault,
    open_log,
    set_event,
    turns_in,
)


def test_at_once_appends_only_to_an_open_log_that_nobody_has_locked(tmp_path: Path) -> None:
    """For event loops: it never waits, and says so."""
    log, recorder = open_log(tmp_path)
    assert not log.append_at_once([set_event("turn-0")]), "there is no log yet"
    assert not list(tmp_path.iterdir())
    (tmp_path / "s.jsonl").touch()
    assert not log.refresh()
    assert not log.append_at_once([set_event("turn-0")]), "nor now"
    log.append([set_event("turn-1")])
    assert log.append_at_once([set_event("turn-2")])
    with (tmp_path / "s.jsonl").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert not log.append_at_once([set_event("turn-3")])
    with log.lock, ThreadPoolExecutor(1) as thread:
        assert not thread.submit(log.append_at_once, [set_event("turn-4")]).result()
    assert log.append_at_once([set_event("turn-5")])
    log.close()
    assert turns_in(tmp_path) == recorder.turns == ["turn-1", "turn-2", "turn-5"]


def _others_append(log: FileLog, folder: Path) -> None:
    other, _ = open_log(folder)
    other.append([set_event("turn-2")])
    other.close()


def _a_sync_fails(log: FileLog, folder: Path) -> None:
    assert isinstance(log.storage, FaultyStorage)
    before, log.storage.fault = log.storage.fault, fails("sync", errno.EIO)
    with pytest.raises(SyncError):
        log.flush()
    log.storage.fault = before


def _a_writer_dies(log: FileLog, folder: Path) -> None:
    with (folder / "s.jsonl").open("ab") as file:
        file.write(b'{"seq":2,')


def _another_log_is_there(log: FileLog, folder: Path) -> None:
    _others_append(log, folder)
    assert Directory(str(folder), LogOptions()).compact("s", "archive") is not None


def _it_is_gone(log: FileLog, folder: Path) -> None:
    (folder / "s.jsonl").unlink()


@pytest.mark.parametrize(
    "happens",
    [
        _others_append,
        _a_sync_fails,
        _a_writer_dies,
        _another_log_is_there,
        _it_is_gone,
    ],
)
def test_at_once_does_not_read_on_or_mend(
    happens: Callable[[FileLog, Path], None], tmp_path: Path
) -> None:
    """That may be any amount of work, for an event loop that would wait."""
    calls: list[str] = []
    storage = FaultyStorage(lambda name, args: calls.append(name))
    log, recorder = open_log(tmp_path, storage=storage)
    log.append([set_event("turn-1")])
    happens(log, tmp_path)
    calls.clear()
    assert not log.append_at_once([set_event("turn-3")])
    assert set(calls) <= {"size", "find", "lock", "unlock", "read"}
    assert calls.count("read") <= 1, "more than a look at the last line"
    log.append([set_event("turn-4")])
    log.refresh()
    assert recorder.turns[-1] == "turn-4"
    assert log.append_at_once([set_event("turn-5")])
    log.close()


@pytest.mark.parametrize("call", ["find", "lock", "read"])
def test_at_once_leaves_it_to_an_append_to_say_what_is_wrong(call: str, tmp_path: Path) -> None:
    storage = FaultyStorage(no_fault)
    log, _ = open_log(tmp_path, storage=storage)
    log.append([set_event("turn-1")])
    storage.fault = fails(call, errno.EIO)
    assert not log.append_at_once([set_event("turn-2")])
    assert log.append_at_once([set_event("turn-3")])
    log.close()


def test_at_once_never_syncs(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path, durability="fsync")
    log.append([set_event("turn-1")])
    assert not log.append_at_once([set_event("turn-2")])
    log.close()
    assert turns_in(tmp_path) == ["turn-1"]


def test_at_once_refuses_what_cannot_be_written_and_goes_on(tmp_path: Path) -> None:
    """By itself and among others."""
    log, _ = open_log(tmp_path)
    log.append([set_event("turn-1")])
    with pytest.raises(StateValueError):
        log.append_at_once([Clear(runtime_id="lone \ud800")])
    with pytest.raises(StateValueError):
        log.append_at_once([set_event("with it"), Clear(runtime_id="lone \ud800")])
    assert log.append_at_once([set_event("turn-2")])
    log.close()
    assert turns_in(tmp_path) == ["turn-1", "turn-2"]
