"""A disk that remembers what it was told, and every state a crash may leave it in.

The method is ALICE's (Pillai et al., OSDI 2014), in small: record what a program does to
files and names, then, for a crash after any of these operations, build what the disk may
hold. What was synced is there. What was not synced may be there or not:

- the data of a file: everything up to some write or cut, and of the next one nothing, a
  part, or its length in NULs; or all of it but for one in the middle, of which nothing,
  a part or NULs are there;
- the names in a folder: those up to some operation, or, a disk may reorder, all but one.

Each file and each folder is in a state of its own, whatever the others are in: so a
rename may have reached the disk before the data of the file that was renamed, and a
folder that was made may be missing with all that is in it.
"""

import linecache
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, product
from types import FrameType
from typing import NamedTuple, TypeAlias, TypeVar

from journal.engines.files.storage import FileId
from journal.engines.memory import MemoryStorage
from tests.faults.crashes.memory_disk import Stored
from tests.support import ROOT

_DEVICE = 0
_T = TypeVar("_T")


class DataOp(NamedTuple):
    """A change of a file's bytes: `data` put at `offset`, or, if None, a cut there."""

    at: int
    offset: int
    data: bytes | None


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
    folders: dict[str, int] = field(default_factory=dict)
    data_syncs: list[tuple[int, int]] = field(default_factory=list)  # at, inode
    name_syncs: list[tuple[int, str]] = field(default_factory=list)  # at, folder

    def tick(self) -> int:
        self.clock += 1
        return self.clock


class RecordingStorage(MemoryStorage):
    """A `Storage` in memory that records every operation that changes something.

    `before` is called before each of them, for what others do just then. Syncs that a
    line of code in `ignored` asks for are as good as not made; `asked` has all such lines.
    """

    def __init__(self, ignored: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.recording = Recording()
        self.before: Callable[[], None] = lambda: None
        self.ignored = ignored
        self.asked: set[str] = set()

    def _is_ignored(self) -> bool:
        line = _asking_line()
        if line is not None:
            self.asked.add(line)
        return line in self.ignored

    def _note_data(self, fd: int, offset: int, data: bytes | None) -> None:
        inode = self.identify(fd).inode
        op = DataOp(self.recording.tick(), offset, data)
        self.recording.data.setdefault(inode, []).append(op)

    def _note_names(self, *changes: tuple[str, int | None]) -> None:
        (folder,) = {os.path.dirname(path) for path, _ in changes}
        op = NameOp(self.recording.tick(), changes)
        self.recording.names.setdefault(folder, []).append(op)

    def open(self, path: str, flags: int) -> int:
        if flags & (os.O_CREAT | os.O_TRUNC):
            self.before()
        before = self.find(path)
        if before is None and flags & os.O_CREAT and not self._is_folder(os.path.dirname(path)):
            raise FileNotFoundError(2, os.strerror(2), path)
        fd = super().open(path, flags)
        if before is None:
            self._note_names((path, self.identify(fd).inode))
        elif flags & os.O_TRUNC:
            self._note_data(fd, 0, None)
        return fd

    def write(self, fd: int, data: bytes) -> int:
        self.before()
        self._note_data(fd, self.size(fd), bytes(data))
        return super().write(fd, data)

    def truncate(self, fd: int, length: int) -> None:
        self.before()
        self._note_data(fd, length, None)
        super().truncate(fd, length)

    def sync(self, fd: int) -> None:
        self.before()
        at = self.recording.tick()
        if not self._is_ignored():
            self.recording.data_syncs.append((at, self.identify(fd).inode))

    def sync_folder(self, path: str) -> None:
        self.before()
        at = self.recording.tick()
        if not self._is_ignored():
            self.recording.name_syncs.append((at, path))

    def rename(self, source: str, target: str) -> None:
        self.before()
        found = self.find(source)
        super().rename(source, target)
        assert found is not None
        self._note_names((target, found.inode), (source, None))

    def link(self, source: str, target: str) -> None:
        self.before()
        super().link(source, target)
        found = self.find(target)
        assert found is not None
        self._note_names((target, found.inode))

    def unlink(self, path: str) -> None:
        self.before()
        super().unlink(path)
        self._note_names((path, None))

    def make_folder(self, path: str) -> None:
        if not self._is_folder(path):
            self.before()
            self.recording.folders[path] = next(self._numbers)
            self._note_names((path, self.recording.folders[path]))

    def _is_folder(self, path: str) -> bool:
        return path == "/" or path in self.recording.folders

    def find(self, path: str) -> FileId | None:
        if path in self.recording.folders:
            return FileId(_DEVICE, self.recording.folders[path])
        return FileId(_DEVICE, 0) if path == "/" else super().find(path)


_PRODUCTS = tuple(f"{ROOT / package}{os.sep}" for package in ("journal", "projections"))


def _asking_line() -> str | None:
    """The innermost line of the product that is being run: `file, function: source`."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(_PRODUCTS):
            source = linecache.getline(path, frame.f_lineno).strip()
            return f"{os.path.basename(path)}, {frame.f_code.co_name}: {source}"
        frame = frame.f_back
    return None


Names: TypeAlias = dict[str, int]
Content: TypeAlias = tuple[bytes, int]
"""A file's bytes, and when they were last changed."""

CrashState: TypeAlias = frozenset[Stored]
"""All that a crash has left: the same twice is the same disk."""


class Crash:
    """A crash after operation `after`, with up to `missing` unsynced changes left out of
    each file and each folder while later ones are there.
    """

    def __init__(self, recording: Recording, after: int, missing: int = 1) -> None:
        self._recording = recording
        self._after = after
        self._missing = missing
        folders = [self._folder_states(folder) for folder in recording.names]
        self._folders = [self._reachable(choice) for choice in product(*folders)]
        self._files = {inode: self._file_states(inode) for inode in recording.data}

    def _reachable(self, choice: Iterable[Names]) -> Names:
        """The files that the folders lead to; a folder that is not there leads nowhere."""
        names = {path: inode for folder in choice for path, inode in folder.items()}
        folders = self._recording.folders

        def is_there(path: str) -> bool:
            return path == "/" or (path in names and is_there(os.path.dirname(path)))

        return {
            path: inode
            for path, inode in names.items()
            if path not in folders and is_there(os.path.dirname(path))
        }

    def states(self) -> set[CrashState]:
        """All that the disk may hold."""
        found = set()
        for names in self._folders:
            inodes = sorted(set(names.values()))
            contents = (self._files.get(inode, [(b"", 0)]) for inode in inodes)
            for chosen in product(*contents):
                found.add(_state(names, dict(zip(inodes, chosen, strict=True))))
        return found

    def _folder_states(self, folder: str) -> list[Names]:
        done = [op for op in self._recording.names[folder] if op.at <= self._after]
        synced = _last_sync(self._recording.name_syncs, folder, self._after)
        sure = [op for op in done if op.at <= synced]
        unsure = [op for op in done if op.at > synced]
        chosen = (
            sure + left
            for end in range(len(unsure) + 1)
            for left in _with_some_missing(unsure[:end], self._missing)
        )
        return _distinct(map(_names_after, chosen))

    def _file_states(self, inode: int) -> list[Content]:
        done = [op for op in self._recording.data[inode] if op.at <= self._after]
        synced = _last_sync(self._recording.data_syncs, inode, self._after)
        sure = [op for op in done if op.at <= synced]
        unsure = [op for op in done if op.at > synced]
        chosen = [sure + left for left in _with_some_missing(unsure, self._missing)]
        for number, op in enumerate(unsure):
            for before in _with_some_missing(unsure[:number], self._missing - 1):
                for part in ([], *([left] for left in _parts(op))):
                    whole = [*sure, *before, *part]
                    chosen += [whole, whole + unsure[number + 1 :]]
        return _distinct(map(_bytes_after, chosen))


def _last_sync(syncs: Iterable[tuple[int, object]], what: object, after: int) -> int:
    return max((at for at, synced in syncs if synced == what and at <= after), default=0)


def _with_some_missing(ops: list[_T], most: int) -> Iterator[list[_T]]:
    """These operations with at most so many of them left out."""
    for missing in range(min(most, len(ops)) + 1):
        for left_out in combinations(range(len(ops)), missing):
            yield [op for number, op in enumerate(ops) if number not in left_out]


def _distinct(found: Iterable[_T]) -> list[_T]:
    kept: list[_T] = []
    for one in found:
        if one not in kept:
            kept.append(one)
    return kept


def _parts(op: DataOp) -> list[DataOp]:
    """What may be on the disk of an operation that was under way."""
    if op.data is None:
        return []
    parts = op.data[: len(op.data) // 2], op.data[:-1], bytes(len(op.data))
    return [op._replace(data=part) for part in parts]


def _names_after(ops: list[NameOp]) -> Names:
    names: Names = {}
    for op in ops:
        for path, inode in op.changes:
            if inode is None:
                names.pop(path, None)
            else:
                names[path] = inode
    return names


def _bytes_after(ops: list[DataOp]) -> Content:
    content = bytearray()
    for op in ops:
        if op.data is None:
            del content[op.offset :]
        else:
            content.extend(bytes(max(0, op.offset - len(content))))
            content[op.offset : op.offset + len(op.data)] = op.data
    return bytes(content), ops[-1].at if ops else 0


def _state(names: Names, contents: dict[int, Content]) -> CrashState:
    return frozenset(Stored(path, inode, *contents[inode]) for path, inode in names.items())
