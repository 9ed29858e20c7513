"""Logs in memory: the engine of `persist=False`. Gone with the process.

It is the engine for files over a `Storage` without files, so events, chain,
compaction, archives and verification are the same code and cannot differ.
"""

import os
import threading
from collections.abc import Iterator
from errno import EBADF, EEXIST, ENOENT
from itertools import count, takewhile
from time import monotonic, time

from msgspec import Struct, field

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import FileEntry, FileId, Names
from journal.forking import tell_after_fork, tell_after_stop
from journal.names import LOG_SUFFIX, stem_in
from journal.stopping import StopEvent
from journal.waiting import DEFAULT_TIMEOUT

_FOLDER = "/memory"
_DEVICE = 0
_MOST_GONE = 64  # deleted paths whose last change is remembered beside as many as there are files
_WATCH_TICK = 0.02  # seconds between looks at whether to stop
_WATCH_TIMEOUT = 1.0  # seconds without a change after which an empty set is yielded


class _Node(Struct, eq=False):
    """One file: `paths` are its names, `holder` is the descriptor that has its lock."""

    inode: int
    paths: set[str] = field(default_factory=set)
    data: bytearray = field(default_factory=bytearray)
    modified: float = 0.0
    holder: int | None = None


class MemoryStorage:
    """A `journal.engines.files.storage.Storage` whose files are byte arrays. Safe for threads.

    `changes` counts what happened; `changed_since` tells which paths it happened to. A call
    costs the same however many files there are; only `list` and `names` look at all of them.
    """

    def __init__(self) -> None:
        self._files: dict[str, _Node] = {}
        self._by_stem: dict[tuple[str, str], dict[str, None]] = {}  # folder and stem -> names
        self._open: dict[int, _Node] = {}
        self._numbers = count(1)
        self.changes = 0
        self._changed: dict[str, int] = {}  # by path, in the order of the last change to each
        self._make_lock()
        tell_after_fork(self)
        tell_after_stop(self)

    def _make_lock(self) -> None:
        self._guard = threading.RLock()  # of everything here: see `journal.forking`
        self.news = threading.Condition(self._guard)

    def after_fork(self) -> None:
        self._make_lock()
        for node in self._files.values():
            node.holder = None

    def after_stop(self) -> None:
        self._make_lock()

    def open(self, path: str, flags: int) -> int:
        with self._guard:
            node = self._files.get(path)
            if node is None:
                if not flags & os.O_CREAT:
                    raise FileNotFoundError(ENOENT, os.strerror(ENOENT), path)
                node = _Node(next(self._numbers), modified=time())
                self._name(path, node)
            elif flags & os.O_EXCL:
                raise FileExistsError(EEXIST, os.strerror(EEXIST), path)
            if flags & os.O_TRUNC:
                node.data.clear()
            fd = next(self._numbers)
            self._open[fd] = node
            return fd

    def close(self, fd: int) -> None:
        with self._guard:
            node = self._open.pop(fd)
            if node.holder == fd:
                node.holder = None

    def read(self, fd: int, length: int, offset: int) -> bytes:
        with self._guard:
            return bytes(self._at_number(fd).data[offset : offset + length])

    def write(self, fd: int, data: bytes) -> int:
        with self._guard:
            node = self._at_number(fd)
            node.data += data
            node.modified = time()
            self._note_change(node)
            return len(data)

    def truncate(self, fd: int, length: int) -> None:
        with self._guard:
            node = self._at_number(fd)
            del node.data[length:]
            self._note_change(node)

    def size(self, fd: int) -> int:
        return len(self._at_number(fd).data)

    def sync(self, fd: int) -> None:
        """Nothing here is lost but with everything else."""

    def sync_folder(self, path: str) -> None:
        """As `sync`."""

    def lock(self, fd: int) -> bool:
        with self._guard:
            node = self._at_number(fd)
            if node.holder not in (None, fd):
                return False
            node.holder = fd
            return True

    def unlock(self, fd: int) -> None:
        with self._guard:
            node = self._at_number(fd)
            if node.holder == fd:
                node.holder = None

    def identify(self, fd: int) -> FileId:
        return FileId(_DEVICE, self._at_number(fd).inode)

    def find(self, path: str) -> FileId | None:
        node = self._files.get(path)
        return FileId(_DEVICE, node.inode) if node is not None else None

    def modified(self, path: str) -> float:
        return self._at(path).modified

    def rename(self, source: str, target: str) -> None:
        with self._guard:
            node = self._at(source)
            if source != target:
                self._unname(source)
                self._name(target, node)
            self._note_change(node)

    def link(self, source: str, target: str) -> None:
        with self._guard:
            if target in self._files:
                raise FileExistsError(EEXIST, os.strerror(EEXIST), target)
            self._name(target, self._at(source))

    def unlink(self, path: str) -> None:
        with self._guard:
            self._note_change(self._at(path))
            self._unname(path)

    def make_folder(self, path: str) -> None:
        """Folders need not be made: a file's path is just a name here."""

    def list(self, path: str, suffix: str = "") -> list[FileEntry]:
        with self._guard:
            return [
                FileEntry(os.path.basename(name), len(node.data), node.modified)
                for name, node in self._files.items()
                if os.path.dirname(name) == path and name.endswith(suffix)
            ]

    def names(self, path: str, suffix: str) -> Names:
        return [entry.name for entry in self.list(path, suffix)]

    def names_of(self, path: str, stem: str) -> Names:
        with self._guard:
            return list(self._by_stem.get((path, stem), ()))

    def own_names(self, path: str, stem: str) -> Names:
        return self.names_of(path, stem)  # there are no links

    def _at_number(self, fd: int) -> _Node:
        try:
            return self._open[fd]
        except KeyError:
            raise OSError(EBADF, os.strerror(EBADF)) from None

    def _at(self, path: str) -> _Node:
        try:
            return self._files[path]
        except KeyError:
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), path) from None

    def _name(self, path: str, node: _Node) -> None:
        """Give a file a name, which another one may have had."""
        if path in self._files:
            self._unname(path)
        self._files[path] = node
        node.paths.add(path)
        folder, name = os.path.split(path)
        self._by_stem.setdefault((folder, stem_in(name)), {})[name] = None

    def _unname(self, path: str) -> None:
        self._files.pop(path).paths.discard(path)
        folder, name = os.path.split(path)
        names = self._by_stem[folder, stem_in(name)]
        del names[name]
        if not names:
            del self._by_stem[folder, stem_in(name)]

    def _note_change(self, node: _Node) -> None:
        self.changes += 1
        for path in node.paths:
            self._changed.pop(path, None)  # so that it comes last
            self._changed[path] = self.changes
        if len(self._changed) > 2 * len(self._files) + _MOST_GONE:
            self._changed = {path: at for path, at in self._changed.items() if path in self._files}
        self.news.notify_all()

    def changed_since(self, moment: int) -> Names:
        """Paths that changed after `changes` was `moment`, the newest first; with the guard held.

        O(number of them).
        """
        newest_first = reversed(self._changed.items())
        return [path for path, _ in takewhile(lambda item: item[1] > moment, newest_first)]


class MemoryDirectory(Directory):
    """The sessions of one store that does not persist. Safe for threads."""

    def __init__(
        self, *, writer: str | None = None, lock_timeout: float = DEFAULT_TIMEOUT
    ) -> None:
        """`writer` None means host:pid; `lock_timeout` is in seconds, between two logs of one
        session.
        """
        self._memory = MemoryStorage()
        super().__init__(_FOLDER, LogOptions("os", lock_timeout, writer, self._memory))

    @property
    def durability(self) -> None:
        """It is all gone with the process."""

    def watch(self, stop: StopEvent) -> Iterator[frozenset[str]]:
        memory = self._memory
        seen = memory.changes
        tell_at = 0.0  # on the monotonic clock
        while not stop.is_set():
            with memory._guard:
                if memory.changes == seen:
                    memory.news.wait(_WATCH_TICK)
                paths = memory.changed_since(seen)
                seen = memory.changes
            if paths or monotonic() >= tell_at:
                tell_at = monotonic() + _WATCH_TIMEOUT
                yield frozenset(
                    session_id
                    for path in paths
                    if path.endswith(LOG_SUFFIX)
                    and (session_id := self._listing.session_id_at(os.path.basename(path)))
                    is not None
                )
