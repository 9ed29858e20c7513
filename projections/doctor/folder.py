"""The files of a folder, sorted by session, and looks at single ones. Changes nothing."""

import os
import stat
from collections.abc import Container, Iterator
from time import sleep
from typing import NamedTuple

from journal.codec import decode_line
from journal.engines.files.archives import read_archive
from journal.engines.files.storage import CHUNK, FileId, Storage
from journal.events import Open, Record, Sealed
from journal.names import LOG_SUFFIX, Paths
from journal.scan import Scanner

_TAIL = 1 << 16  # bytes in which the last line is looked for
_TRIES = 10
_PAUSE = 0.005  # seconds between tries for a lock that a busy writer has

SESSION_SUFFIX = ".json"
NEW = ".new"
_IN_FOLDER = (LOG_SUFFIX, SESSION_SUFFIX, LOG_SUFFIX + NEW, SESSION_SUFFIX + NEW)
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


class File(NamedTuple):
    """What a path leads to, links not followed."""

    path: str
    name: str
    info: os.stat_result

    @property
    def is_regular(self) -> bool:
        return stat.S_ISREG(self.info.st_mode)

    @property
    def kind(self) -> str:
        """What it is instead of a regular file."""
        return _KINDS.get(stat.S_IFMT(self.info.st_mode), "a device")

    @property
    def size(self) -> int:
        return self.info.st_size

    @property
    def id(self) -> FileId:
        return FileId(self.info.st_dev, self.info.st_ino)


def look_at(path: str) -> File | None:
    """None when there is nothing."""
    try:
        return File(path, os.path.basename(path), os.lstat(path))
    except FileNotFoundError:
        return None


class Belongings(NamedTuple):
    """A session's files: the stem, and the names that were seen in `folder` and `archive`."""

    stem: str
    names: set[str]
    archived: set[str]


class Listing:
    """What a folder holds, by stem. Raises the `OSError` of listing it.

    Archives that we are not allowed to list count as none.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.archive = os.path.join(folder, "archive")
        self._stems: dict[str, Belongings] = {}
        self._names = os.listdir(folder)
        self._archived = _names(self.archive)
        for name in self._names:
            for suffix in _IN_FOLDER:
                if name.endswith(suffix):
                    self.of(name.removesuffix(suffix)).names.add(name)
                    break
        for name in self._archived:
            self.of(name.partition(".")[0]).archived.add(name)

    def of(self, stem: str) -> Belongings:
        """The files of a stem; new ones may have come since."""
        return self._stems.setdefault(stem, Belongings(stem, set(), set()))

    def files(self, stems: Container[str] | None = None) -> Iterator[File]:
        """All files as they are now, and the folder of archives; or those of these sessions."""
        places = [(self.folder, name) for name in self._names]
        places += [(self.archive, name) for name in self._archived]
        for folder, name in sorted(places):
            if stems is not None and name != "archive" and name.partition(".")[0] not in stems:
                continue
            try:
                file = look_at(os.path.join(folder, name))
            except PermissionError:
                continue  # the folder is what keeps us out
            if file is not None and (file.is_regular or file.path == self.archive):
                yield file

    def __iter__(self) -> Iterator[Belongings]:
        return iter([self._stems[stem] for stem in sorted(self._stems)])


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


class Case(NamedTuple):
    """A session under examination: its files as they are at this moment."""

    paths: Paths
    session_id: str | None
    log: File | None
    session_file: File | None
    scratch: File | None
    archived: list[File]

    @property
    def files(self) -> list[File]:
        """All that are there, but for locks."""
        own = (self.log, self.session_file, self.scratch)
        return [*(file for file in own if file is not None), *self.archived]


def case_of(folder: str, belongings: Belongings, session_id: str | None) -> Case:
    """Look at a session's files: the log first, which a deletion removes last."""
    stem = belongings.stem
    log_path = os.path.join(folder, f"{stem}{LOG_SUFFIX}")
    paths = Paths(
        session_id=session_id if session_id is not None else stem,
        stem=stem,
        folder=folder,
        log=log_path,
        session_file=os.path.join(folder, f"{stem}{SESSION_SUFFIX}"),
        scratch=log_path + NEW,
        archive=os.path.join(folder, "archive"),
    )
    log = look_at(paths.log)
    archived = [
        file
        for name in sorted(belongings.archived)
        if (file := look_at(os.path.join(paths.archive, name))) is not None
    ]
    return Case(
        paths=paths,
        session_id=session_id,
        log=log,
        session_file=look_at(paths.session_file),
        scratch=look_at(paths.scratch),
        archived=archived,
    )


class Ends(NamedTuple):
    """The first and the last line of a log: `header` and `last` are None if not intact."""

    header: Open | None
    newer_format: int | None
    last: Record | None

    @property
    def seal(self) -> Sealed | None:
        return self.last if isinstance(self.last, Sealed) else None


def ends_of(storage: Storage, path: str) -> Ends:
    """Look at a log's ends, whatever its size. OSError."""
    fd = storage.open(path, os.O_RDONLY)
    try:
        scanner = header_in(storage.read(fd, CHUNK, 0))
        size = storage.size(fd)
        tail = storage.read(fd, _TAIL, max(0, size - _TAIL))
    finally:
        storage.close(fd)
    last = decode_line(tail.rstrip().rpartition(b"\n")[2])
    return Ends(scanner.header, scanner.newer_format, last)


def header_in(beginning: bytes) -> Scanner:
    """A scanner that has read the first line of a file and nothing else."""
    scanner = Scanner()
    for _ in scanner.feed(beginning.lstrip().partition(b"\n")[0] + b"\n"):
        pass
    return scanner


def header_of_archive(storage: Storage, paths: Paths, name: str) -> Open | None:
    """The header of an archive, packed or not. Raises `ReadError` and OSError."""
    beginning = b""
    for piece in read_archive(storage, paths, name):
        beginning += piece
        if b"\n" in piece:
            break
    return header_in(beginning).header


def is_free(storage: Storage, path: str) -> bool:
    """Whether no process has the lock of the file at `path`, or there is no such file.

    Takes the lock for some microseconds. A writer that is busy has it again and again, so
    it is tried for a while. A file that cannot be opened, or is another by then, counts as
    taken: somebody is at it.
    """
    try:
        fd = storage.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        for _ in range(_TRIES):
            if storage.lock(fd):
                storage.unlock(fd)
                return storage.find(path) == storage.identify(fd)
            sleep(_PAUSE)
        return False
    finally:
        storage.close(fd)


def is_left(storage: Storage, file: File, lock: str | None = None) -> bool:
    """Whether whoever made a file is gone: the lock at `lock`, or its own, is free.

    And whether the file is still there after that look.
    """
    if not (file.is_regular and is_free(storage, lock or file.path)):
        return False
    now = look_at(file.path)
    return now is not None and now.id == file.id
