"""A disk that remembers what it was told, and every state a crash may leave it in.

The method is ALICE's (Pillai et al., OSDI 2014), in small: record what a program does to
files and names, then, for a crash after any of these operations, build what the disk may
hold. What was synced is there. What was not synced may be there or not:

- the data of a file: everything up to some write, and of the next one nothing, a part,
  or its length in NULs; or all of it with one write in the middle replaced by NULs;
- the names in a folder: those up to some operation, or, a disk may reorder, all but one.

Each file and each folder is in a state of its own, whatever the others are in: so a
rename may have reached the disk before the data of the file that was renamed.
"""

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from random import Random
from typing import NamedTuple, TypeAlias

from journal.memory import MemoryStorage

_MOST_STATES = 400
"""States of one crash that are looked at, drawn at random where there are more."""


class DataOp(NamedTuple):
    """A change of a file's bytes: cut it to `length`, then append `data`."""

    at: int
    length: int | None
    data: bytes


class NameOp(NamedTuple):
    """A change of a folder: `path` leads to `inode` from now on, or nowhere if None."""

    at: int
    changes: tuple[tuple[str, int | None], ...]


@dataclass
class Recording:
    """What was done, in order; `at` counts the operations, syncs included."""

    clock: int = 0
    data: dict[int, list[DataOp]] = field(default_factory=dict)
    names: dict[str, list[NameOp]] = field(default_factory=dict)
    data_syncs: list[tuple[int, int]] = field(default_factory=list)  # at, inode
    name_syncs: list[tuple[int, str]] = field(default_factory=list)  # at, folder

    def tick(self) -> int:
        self.clock += 1
        return self.clock


class RecordingStorage(MemoryStorage):
    """A `Storage` in memory that records every operation that changes something."""

    def __init__(self) -> None:
        super().__init__()
        self.recording = Recording()

    def _note_data(self, fd: int, length: int | None, data: bytes) -> None:
        inode = self.identify(fd).inode
        op = DataOp(self.recording.tick(), length, data)
        self.recording.data.setdefault(inode, []).append(op)

    def _note_names(self, *changes: tuple[str, int | None]) -> None:
        folder = os.path.dirname(changes[0][0])
        op = NameOp(self.recording.tick(), changes)
        self.recording.names.setdefault(folder, []).append(op)

    def open(self, path: str, flags: int) -> int:
        before = self.find(path)
        fd = super().open(path, flags)
        if before is None:
            self._note_names((path, self.identify(fd).inode))
        elif flags & os.O_TRUNC:
            self._note_data(fd, 0, b"")
        return fd

    def write(self, fd: int, data: bytes) -> int:
        self._note_data(fd, None, bytes(data))
        return super().write(fd, data)

    def truncate(self, fd: int, length: int) -> None:
        self._note_data(fd, length, b"")
        super().truncate(fd, length)

    def sync(self, fd: int) -> None:
        self.recording.data_syncs.append((self.recording.tick(), self.identify(fd).inode))

    def sync_folder(self, path: str) -> None:
        self.recording.name_syncs.append((self.recording.tick(), path))

    def rename(self, source: str, target: str) -> None:
        found = self.find(source)
        super().rename(source, target)
        assert found is not None
        self._note_names((target, found.inode), (source, None))

    def link(self, source: str, target: str) -> None:
        super().link(source, target)
        found = self.find(target)
        assert found is not None
        self._note_names((target, found.inode))

    def unlink(self, path: str) -> None:
        super().unlink(path)
        self._note_names((path, None))


def crash_states(recording: Recording, after: int, random: Random) -> Iterator[MemoryStorage]:
    """Disks as a crash may leave them that comes after operation `after`."""
    names = [_folder_states(recording, folder, after) for folder in recording.names]
    data = [
        [(inode, state) for state in _file_states(recording, inode, after)]
        for inode in recording.data
    ]
    for folders, files in _choices(names, data, random):
        yield _disk(folders, dict(files))


_Names: TypeAlias = dict[str, int]
_File: TypeAlias = tuple[int, bytes]


def _choices(
    names: list[list[_Names]], data: list[list[_File]], random: Random
) -> Iterator[tuple[tuple[_Names, ...], tuple[_File, ...]]]:
    """All combinations of what each folder and each file may hold, or some of them."""
    total = math.prod(map(len, names)) * math.prod(map(len, data))
    if total <= _MOST_STATES:
        for folders in product(*names):
            for files in product(*data):
                yield folders, files
        return
    for _ in range(_MOST_STATES):
        yield tuple(map(random.choice, names)), tuple(map(random.choice, data))


def _last_sync(syncs: Iterable[tuple[int, object]], what: object, after: int) -> int:
    return max((at for at, synced in syncs if synced == what and at <= after), default=0)


def _folder_states(recording: Recording, folder: str, after: int) -> list[dict[str, int]]:
    done = [op for op in recording.names[folder] if op.at <= after]
    synced = _last_sync(recording.name_syncs, folder, after)
    sure = [op for op in done if op.at <= synced]
    unsure = [op for op in done if op.at > synced]
    chosen = [sure + unsure[:count] for count in range(len(unsure) + 1)]
    chosen += [sure + unsure[:gap] + unsure[gap + 1 :] for gap in range(len(unsure) - 1)]
    return [_names_after(ops) for ops in chosen]


def _names_after(ops: list[NameOp]) -> dict[str, int]:
    names: dict[str, int] = {}
    for op in ops:
        for path, inode in op.changes:
            if inode is None:
                names.pop(path, None)
            else:
                names[path] = inode
    return names


def _file_states(recording: Recording, inode: int, after: int) -> list[bytes]:
    done = [op for op in recording.data[inode] if op.at <= after]
    synced = _last_sync(recording.data_syncs, inode, after)
    sure = [op for op in done if op.at <= synced]
    unsure = [op for op in done if op.at > synced]
    states = {_bytes_after(sure + unsure)}
    for number, op in enumerate(unsure):
        before, later = sure + unsure[:number], unsure[number + 1 :]
        states.add(_bytes_after(before))
        if op.data:
            blank = op._replace(data=bytes(len(op.data)))
            states.add(_bytes_after([*before, op._replace(data=op.data[: len(op.data) // 2])]))
            states.add(_bytes_after([*before, op._replace(data=op.data[:-1])]))
            states.add(_bytes_after([*before, blank]))
            states.add(_bytes_after([*before, blank, *later]))
    return sorted(states)


def _bytes_after(ops: list[DataOp]) -> bytes:
    content = b""
    for op in ops:
        if op.length is not None:
            content = content[: op.length]
        content += op.data
    return content


def _disk(folders: tuple[dict[str, int], ...], data: dict[int, bytes]) -> MemoryStorage:
    storage = MemoryStorage()
    paths: dict[int, str] = {}
    for names in folders:
        for path, inode in names.items():
            if inode in paths:
                storage.link(paths[inode], path)
                continue
            paths[inode] = path
            fd = storage.open(path, os.O_RDWR | os.O_CREAT)
            storage.write(fd, data.get(inode, b""))
            storage.close(fd)
    return storage
