"""Copying a session's log and archives while others write, compact and delete it.

Files copied one by one do not fit together: a compaction moves history from the log to the
archive, and the packing of an archive changes its name. So:

- The log is opened first. Its descriptor leads to the same log whatever becomes of its name,
  and all that was acknowledged before is in it or in the archives before it.
- Its header names the archive that it goes on from, that one's header the next. These are
  copied one by one. Nothing takes one away but a deletion, and then there is no session to
  copy, or a compaction that drops history, and then we begin anew.
- Then the log is copied up to its last line end, without what a writer is at, and without
  a seal: what others have done to it since is not part of the copy.
- Of the file that a fork shares with its origin, what the origin has written since is not the
  fork's, and not copied, unless it is packed.

Takes no lock and changes nothing. What is damaged is copied as it is.
"""

import os
import stat

from msgspec import Struct

from journal.codec import decode_line
from journal.engines.files.archives import open_archive, unpacked
from journal.engines.files.ends import ends_deleted, header_of
from journal.engines.files.logfile import LogFile
from journal.engines.files.seeking import find_event
from journal.engines.files.storage import Storage, chunks, write_all
from journal.errors import ReadError
from journal.events import Open
from journal.kept import find_kept
from journal.names import FORK_SUFFIX, TORN_SUFFIX, Paths, as_archived, is_archived_log, is_packed
from journal.scan import Scanner
from journal.state import MAX_LINE

_MOST_TRIES = 100  # each but the last was in vain because somebody changed the session


class CopiedLog(Struct, frozen=True):
    """What was copied of a session: how many archives, and bytes with the log's."""

    archives: int
    size: int


def copy_log(storage: Storage, paths: Paths, target: Paths) -> CopiedLog | None:
    """Copy a session's log and its archives into another folder, durably.

    None, and no file, when there is no such session. The folders of `target` must be there.
    Reads and writes each byte once; memory is bounded. Raises OSError.
    """
    for number in range(_MOST_TRIES):
        copying = _Copying(storage, paths, target)
        try:
            there = copying.run()
        except _ChangedError:
            copying.remove()
            continue
        # A failed write that was cut back while we read it looks like damage, but only once.
        if there and (not copying.is_damaged or number):
            return CopiedLog(copying.archives, copying.size)
        copying.remove()
        if not there:
            return None
    raise ReadError(
        None, f"{paths.log}: its history is dropped faster than it can be copied; try again"
    )


class _ChangedError(Exception):
    """An archive has gone because the session's history was dropped."""


class _DeletedError(Exception):
    """The session has been deleted. There may be another under its name by now."""


class _Copying:
    """One attempt."""

    def __init__(self, storage: Storage, paths: Paths, target: Paths) -> None:
        self._storage = storage
        self._paths = paths
        self._target = target
        self._made: list[str] = []
        self.archives = 0
        self.size = 0
        self.is_damaged = False

    def run(self) -> bool:
        """Whether there is such a session. Raises `_ChangedError`."""
        try:
            log = self._storage.open(self._paths.log, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            pieces = chunks(self._storage, log, 0, self._storage.size(log))
            self._copy_archives(log, header_of(pieces))
            self._copy_evidence()
            self._copy_log(log)
        except _DeletedError:
            return False
        finally:
            self._storage.close(log)
        return self.size > 0  # an empty log was never begun

    def remove(self) -> None:
        """Take away what was copied."""
        for path in self._made:
            self._storage.unlink(path)

    def _copy_archives(self, log: int, header: Open | None) -> None:
        """From the newest one back, as far as their headers lead."""
        while header is not None:
            if header.archive is None:
                return
            try:
                last = header.base_seq if header.shares else None
                header = self._copy_named(header.archive, last)
            except FileNotFoundError:
                self._accept_missing(log)
                header = None
        self._copy_all_archives(log)

    def _copy_named(self, name: str, last: int | None) -> Open | None:
        """Copy an archive, of a fork's origin up to the event `last`.

        Returns its header, None if that is damaged or known already.
        """
        fd, path = open_archive(self._storage, self._paths, name)
        try:
            stop = self._end_of_event(path, last) if last is not None else None
            if not self._copy_beside_log(fd, path, stop):
                return None
            return header_of(unpacked(self._storage, fd, path))
        except ReadError:
            return None
        finally:
            self._storage.close(fd)

    def _end_of_event(self, path: str, seq: int) -> int | None:
        """Where in a file of a fork's origin the fork's part ends; None if it is not found."""
        if is_packed(path):
            return None
        log = LogFile(self._storage, path, create=False)
        try:
            size = log.size()
            kept = find_kept(log.chunks(0, size))
            if kept is not None and kept.header.base_seq == seq:
                return kept.end
            point = find_event(self._storage, log, size, seq)
        finally:
            log.close()
        return point.scanner.end if point is not None else None

    def _accept_missing(self, log: int) -> None:
        """An archive is not there: is that damage, or has the session been changed?"""
        if ends_deleted(self._storage, log):
            raise _DeletedError
        if self._storage.find(self._paths.log) not in (None, self._storage.identify(log)):
            raise _ChangedError

    def _copy_all_archives(self, log: int) -> None:
        """The way back is broken: what lies behind may still be of use to somebody."""
        for name in self._names():
            if is_archived_log(name):
                path = os.path.join(self._paths.archive, name)
                if self._storage.find(path) != self._storage.identify(log):
                    self._copy_if_there(as_archived(name))

    def _copy_evidence(self) -> None:
        """What repairs have set aside, and who the session's forks are."""
        for name in self._names():
            if name.endswith((TORN_SUFFIX, FORK_SUFFIX)):
                self._copy_if_there(name)

    def _names(self) -> list[str]:
        return self._storage.names_of(self._paths.archive, self._paths.stem)

    def _copy_if_there(self, name: str) -> None:
        try:
            fd, path = open_archive(self._storage, self._paths, name)
        except FileNotFoundError:
            return
        try:
            self._copy_beside_log(fd, path)
        finally:
            self._storage.close(fd)

    def _copy_beside_log(self, fd: int, path: str, stop: int | None = None) -> bool:
        """Copy an open file of the archive. False if it has been copied already."""
        name = os.path.basename(path)
        target = os.path.join(self._target.archive, name)
        if target in self._made:
            return False
        self._made.append(target)
        copy_open(self._storage, fd, target, stop)
        self.archives += is_archived_log(name)
        self.size += self._storage.size(fd) if stop is None else stop
        return True

    def _copy_log(self, log: int) -> None:
        storage, scanner = self._storage, Scanner()
        self._made.append(self._target.log)
        copy = storage.open(self._target.log, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            for data in chunks(storage, log, 0, storage.size(log)):
                write_all(storage, copy, data)
                for _ in scanner.feed(data):
                    pass
            if scanner.seal is not None and scanner.seal.reason == "deleted":
                raise _DeletedError
            storage.truncate(copy, self._end_of(copy, scanner))
            self.size += storage.size(copy)
            self.is_damaged = scanner.damage_count > 0
            _finish_copy(storage, log, copy)
        finally:
            storage.close(copy)

    def _end_of(self, copy: int, scanner: Scanner) -> int:
        """How much of what was read is the log: no seal, and nothing that a writer is at."""
        size = self._storage.size(copy)
        if scanner.newer_format is not None or not (scanner.header or scanner.count):
            return size  # there may be more to it than we know
        if scanner.seal is not None:
            return scanner.seal_start
        start = max(scanner.end, size - MAX_LINE)
        lines, newline, rest = self._storage.read(copy, size - start, start).rpartition(b"\n")
        if decode_line(rest) is not None:
            return size  # it only lacks its line end
        return start + len(lines) + len(newline) if newline else scanner.end


def copy_open(storage: Storage, source: int, target: str, stop: int | None = None) -> None:
    """Copy an open file to a path, durably, with its mode and its time of change.

    Up to the byte `stop`, or all of it.
    """
    copy = storage.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        for data in chunks(storage, source, 0, storage.size(source) if stop is None else stop):
            write_all(storage, copy, data)
        _finish_copy(storage, source, copy)
    finally:
        storage.close(copy)


def _finish_copy(storage: Storage, source: int, copy: int) -> None:
    """Not through `storage`: nothing that is promised depends on these."""
    found = os.fstat(source)
    os.fchmod(copy, stat.S_IMODE(found.st_mode))
    if os.geteuid() == 0:
        os.fchown(copy, found.st_uid, found.st_gid)
    os.utime(copy, ns=(found.st_atime_ns, found.st_mtime_ns))
    storage.sync(copy)
