"""What really happened on a disk of which some syncs fail, against what callers were told."""

import errno
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from journal.engines.files.storage import DiskStorage


class Sync(NamedTuple):
    """One sync of an open file: when it began and ended, in steps of the ledger."""

    began: int
    ended: int
    failed: bool


class Ledger:
    """A disk of which one sync in `every` fails, and what really happened on it, in order."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._asked = 0
        self._lock = threading.Lock()
        self._now = 0
        self._opened = 0
        self._file: dict[int, int] = {}  # which opening a descriptor stands for
        self.written: dict[str, tuple[int, int]] = {}  # by turn: in which opening, and when
        self.syncs: dict[int, list[Sync]] = defaultdict(list)  # by opening

    def step(self) -> int:
        with self._lock:
            self._now += 1
            return self._now

    def __call__(self, name: str, args: tuple[Any, ...]) -> Any:
        calls: dict[str, Callable[..., int]] = {
            "open": self._open,
            "write": self._write,
            "sync": self._sync,
        }
        does = calls.get(name)
        return does(*args) if does is not None else None

    def _open(self, path: str, flags: int) -> int:
        fd = DiskStorage.open(path, flags)
        with self._lock:
            self._opened += 1
            self._file[fd] = self._opened
        return fd

    def _write(self, fd: int, data: bytes) -> int:
        written = os.write(fd, data)
        at = self.step()
        for line in data.splitlines():
            turn = msgspec.json.decode(line).get("turn_id")
            self.written[turn] = self._file[fd], at
        return written

    def _sync(self, fd: int) -> bool:
        file, began = self._file[fd], self.step()
        time.sleep(0.001)  # a slow disk: callers share it
        with self._lock:
            self._asked += 1
            failed = self._asked % self._every == 0
        os.fdatasync(fd)
        self.syncs[file].append(Sync(began, self.step(), failed))
        if failed:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return True

    def covers(self, turn: str, acknowledged: int) -> bool:
        """Whether a sync of its file covers it that came after no failed one."""
        file, written = self.written[turn]
        syncs = self.syncs[file]
        first_failure = min((sync.ended for sync in syncs if sync.failed), default=self._now)
        return any(
            written < sync.began < first_failure and sync.ended < acknowledged
            for sync in syncs
            if not sync.failed
        )

    def told(self, turn: str) -> bool:
        """Whether a sync failed on its file at all."""
        return any(sync.failed for sync in self.syncs[self.written[turn][0]])
