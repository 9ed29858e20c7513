"""The files of a folder by session, and the ends of single logs. Changes nothing."""

import os
import stat
from collections.abc import Container, Iterator
from typing import NamedTuple

from journal.engines.files.archives import read_archive
from journal.engines.files.ends import header_of, last_record, scan_beginning
from journal.engines.files.storage import FileId, Storage, chunks
from journal.events import Open, Record, Sealed
from journal.names import (
    ARCHIVE,
    LOG_SUFFIX,
    SESSION_SUFFIX,
    SNAPSHOT_SUFFIX,
    Paths,
    paths_of_stem,
    stem_in,
    unfinished,
)

_SUFFIXES = (LOG_SUFFIX, SESSION_SUFFIX, SNAPSHOT_SUFFIX)
_IN_FOLDER = (*_SUFFIXES, *map(unfinished, _SUFFIXES))
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


class File(NamedTuple):
    """The file, folder or other thing at a path. Links are not followed."""

    path: str
    name: str
    info: os.stat_result

    @property
    def is_regular(self) -> bool:
        return stat.S_ISREG(self.info.st_mode)

    @property
    def kind(self) -> str:
        """What it is, if it is not a regular file."""
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


class ListedSession(NamedTuple):
    """The names of a session's files, as a listing saw them in the folder and in its archive."""

    stem: str
    names: set[str]
    archived: set[str]


class FolderListing:
    """The contents of a folder, by stem. Raises the `OSError` of listing it.

    If we are not allowed to list the archives, there are none.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.archive = os.path.join(folder, ARCHIVE)
        self._stems: dict[str, ListedSession] = {}
        self._names = os.listdir(folder)
        self._archived = _names(self.archive)
        for name in self._names:
            for suffix in _IN_FOLDER:
                if name.endswith(suffix):
                    self.of(name.removesuffix(suffix)).names.add(name)
                    break
        for name in self._archived:
            self.of(stem_in(name)).archived.add(name)

    def of(self, stem: str) -> ListedSession:
        """The files of a stem, as of the listing."""
        return self._stems.setdefault(stem, ListedSession(stem, set(), set()))

    def files(self, stems: Container[str] | None = None) -> Iterator[File]:
        """The files of all sessions, or of these, as they are now; and the folder of archives."""
        found = [(self.folder, name) for name in self._names]
        found += [(self.archive, name) for name in self._archived]
        for folder, name in sorted(found):
            if stems is not None and name != ARCHIVE and stem_in(name) not in stems:
                continue
            try:
                file = look_at(os.path.join(folder, name))
            except PermissionError:
                continue  # it is the folder that keeps us out
            if file is not None and (file.is_regular or file.path == self.archive):
                yield file

    def __iter__(self) -> Iterator[ListedSession]:
        return iter([self._stems[stem] for stem in sorted(self._stems)])


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


class Inventory(NamedTuple):
    """A session under examination: its files as they are at this moment."""

    paths: Paths
    session_id: str | None
    log: File | None
    session_file: File | None
    scratch: File | None
    snapshot: File | None
    archived: list[File]

    @property
    def files(self) -> list[File]:
        """All that are there, except locks."""
        own = (self.log, self.session_file, self.scratch, self.snapshot)
        return [*(file for file in own if file is not None), *self.archived]


def take_inventory(folder: str, listed: ListedSession, session_id: str | None) -> Inventory:
    """Look at a session's files, the log first: a deletion removes it last."""
    stem = listed.stem
    paths = paths_of_stem(folder, stem, session_id if session_id is not None else stem)
    log = look_at(paths.log)
    archived = [
        file
        for name in sorted(listed.archived)
        if (file := look_at(os.path.join(paths.archive, name))) is not None
    ]
    return Inventory(
        paths=paths,
        session_id=session_id,
        log=log,
        session_file=look_at(paths.session_file),
        scratch=look_at(paths.scratch),
        snapshot=look_at(paths.snapshot),
        archived=archived,
    )


class Ends(NamedTuple):
    """The first and the last line of a log; `header` and `last` are None if not intact."""

    header: Open | None
    newer_format: int | None
    last: Record | None

    @property
    def seal(self) -> Sealed | None:
        return self.last if isinstance(self.last, Sealed) else None


def ends_of(storage: Storage, path: str) -> Ends:
    """Read the ends of a log: a few KiB and a chunk, unless lines are longer. Raises OSError."""
    fd = storage.open(path, os.O_RDONLY)
    try:
        scanner = scan_beginning(chunks(storage, fd, 0, storage.size(fd)))
        return Ends(scanner.header, scanner.newer_format, last_record(storage, fd))
    finally:
        storage.close(fd)


def header_of_archive(storage: Storage, paths: Paths, name: str) -> Open | None:
    """The header of an archive, packed or not. Raises `ReadError` and OSError."""
    return header_of(read_archive(storage, paths, name))
