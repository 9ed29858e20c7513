"""Single calls of a storage: what the real one and the one in memory have to do alike."""

import os
from collections.abc import Callable
from errno import EACCES, EMFILE
from pathlib import Path
from typing import Any

import pytest

from journal.engines import memory
from journal.engines.files import modes
from journal.engines.files import storage as storages
from journal.engines.files.storage import DiskStorage, Storage, make_folders
from journal.engines.memory import MemoryDirectory, MemoryStorage
from journal.room import Answer
from journal.stopping import StopEvent
from tests.support import Recorder, set_event

CREATE = os.O_WRONLY | os.O_CREAT


@pytest.fixture(params=[DiskStorage, MemoryStorage], ids=["disk", "memory"])
def storage(request: pytest.FixtureRequest) -> Storage:
    make: Callable[[], Storage] = request.param
    return make()


@pytest.fixture
def path(storage: Storage, tmp_path: Path) -> str:
    """A file of two bytes."""
    path = str(tmp_path / "a")
    fd = storage.open(path, CREATE)
    storage.write(fd, b"xy")
    storage.close(fd)
    return path


def test_a_file_that_is_to_be_new_is_refused_where_one_is(storage: Storage, path: str) -> None:
    with pytest.raises(FileExistsError):
        storage.open(path, CREATE | os.O_EXCL)


def test_a_name_that_is_taken_is_not_given_again(storage: Storage, path: str) -> None:
    storage.link(path, f"{path}-2")
    with pytest.raises(FileExistsError):
        storage.link(path, f"{path}-2")
    assert storage.find(path) == storage.find(f"{path}-2")


def test_a_file_that_takes_its_own_name_stays(storage: Storage, path: str) -> None:
    before = storage.find(path)
    storage.rename(path, path)
    assert before is not None
    assert storage.find(path) == before


def test_a_lock_ends_with_its_descriptor_and_with_no_other(storage: Storage, path: str) -> None:
    holder, other, waiting = (storage.open(path, os.O_RDONLY) for _ in range(3))
    assert storage.lock(holder)
    storage.close(other)
    assert not storage.lock(waiting)
    storage.unlock(waiting)
    assert not storage.lock(waiting), "who does not hold it cannot let it go"
    storage.close(holder)
    assert storage.lock(waiting)
    storage.close(waiting)


def test_when_a_file_was_written_is_known(storage: Storage, path: str) -> None:
    before = storage.modified(path)
    assert [entry.modified for entry in storage.list(os.path.dirname(path))] == [before]
    with pytest.raises(FileNotFoundError):
        storage.modified(f"{path}-2")


def test_a_descriptor_that_was_closed_is_an_error(storage: Storage, path: str) -> None:
    fd = storage.open(path, os.O_RDONLY)
    storage.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        storage.size(fd)


# In memory


def test_names_that_are_gone_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_MOST_GONE", 10)
    storage = MemoryStorage()
    for number in range(100):
        storage.close(storage.open(f"/f/{number}", CREATE))
        storage.unlink(f"/f/{number}")
    storage.close(storage.open("/f/last", CREATE))
    assert len(storage._changed) <= 10 + 2


def test_a_watch_is_told_of_what_came_before_it_looked_again() -> None:
    engine = MemoryDirectory()
    stop = StopEvent()
    watch = engine.watch(stop)
    assert next(watch) == frozenset()
    for session in ("a", "b"):
        engine.open(session, Recorder()).append([set_event("t")])
    assert next(watch) == {"a", "b"}
    stop.set()
    assert list(watch) == []


# On the disk


class Once:
    """A call that fails with `errno` the first time."""

    def __init__(self, call: Callable[..., Any], errno: int) -> None:
        self._call, self._errno = call, errno
        self.calls = 0

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        if self.calls == 1:
            raise OSError(self._errno, os.strerror(self._errno))
        return self._call(*args)


def test_without_descriptors_a_folder_is_listed_as_soon_as_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jsonl").touch()
    scan = Once(os.scandir, EMFILE)
    monkeypatch.setattr("journal.room.make_room", lambda: Answer.CLOSED)
    monkeypatch.setattr(os, "scandir", scan)
    assert DiskStorage().names(str(tmp_path), ".jsonl") == ["a.jsonl"]
    assert scan.calls == 2


@pytest.mark.parametrize("errno", [EMFILE, EACCES])
def test_without_descriptors_a_shared_file_is_made_as_soon_as_there_is_one(
    errno: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o2770)
    path = str(tmp_path / "a")
    make = Once(modes.open_shared, errno)
    monkeypatch.setattr("journal.room.make_room", lambda: Answer.CLOSED)
    monkeypatch.setattr(storages, "open_shared", make)
    if errno == EMFILE:
        os.close(DiskStorage().open(path, CREATE))
        assert make.calls == 2
    else:
        with pytest.raises(PermissionError):
            DiskStorage().open(path, CREATE)
        assert make.calls == 1


class Gone:
    """An entry of a folder whose file is deleted while it is looked at."""

    name = "a.jsonl"

    def is_file(self, *, follow_symlinks: bool) -> bool:
        return True

    def stat(self, *, follow_symlinks: bool) -> os.stat_result:
        raise FileNotFoundError


def test_a_file_that_goes_while_a_folder_is_listed_is_not_listed() -> None:
    gone: Any = Gone()
    assert storages._entry_of(gone) is None


def test_a_folder_may_be_named_from_where_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_folders(DiskStorage(), "here")
    assert (tmp_path / "here").is_dir()
