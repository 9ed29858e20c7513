"""A file that is there to be locked."""

import errno
from pathlib import Path

import pytest

from journal.engines.files.locking import LockFile
from journal.engines.files.storage import DiskStorage
from journal.errors import LockTimeoutError
from tests.support import FaultyStorage, fails


def test_one_at_a_time_has_the_lock(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    first, second = LockFile(DiskStorage(), path), LockFile(DiskStorage(), path)
    first.acquire(1.0)
    with pytest.raises(LockTimeoutError, match="lock"):
        second.acquire(0.01)
    first.release()
    second.acquire(1.0)
    second.release()


def test_to_release_it_twice_does_no_harm_and_it_is_not_had_again(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    lock, other = LockFile(DiskStorage(), path), LockFile(DiskStorage(), path)
    for _ in range(2):
        lock.release()
    lock.acquire(0.0)
    other.acquire(0.0)
    other.release()


def test_a_lock_that_cannot_be_let_go_goes_with_its_descriptor(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    lock = LockFile(FaultyStorage(fails("unlock", errno.EIO)), path)
    lock.acquire(1.0)
    lock.release()
    other = LockFile(DiskStorage(), path)
    other.acquire(0.0)
    other.release()
