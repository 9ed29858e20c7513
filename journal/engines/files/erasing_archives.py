"""Erasing states from what a session has in the archive.

An archived log is rewritten as it is packed: a new packed file is synced and takes the place of
the packed one, then the unpacked one goes. A damaged log that a repair has set aside is rewritten
likewise. What holds nothing but torn bytes is removed.

It is done with the scratch file held, so no archives are added meanwhile; the packing of one is
waited for. The log's lock is taken for each renaming, so that no file comes back into a session
that was deleted meanwhile.
"""

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from journal.engines.files.archives import unpacked
from journal.engines.files.deletion import is_evidence, names_in_archive
from journal.engines.files.logfile import LogFile
from journal.engines.files.replacing import changed_error
from journal.engines.files.storage import Storage, create_anew, write_all
from journal.erasing import LineEraser
from journal.errors import ReadError, UnsupportedFormatError
from journal.names import (
    DAMAGED_SUFFIX,
    LOG_SUFFIX,
    NEW_SUFFIX,
    TORN_SUFFIX,
    Paths,
    as_archived,
    is_archived_log,
    is_packed,
    packed,
    seq_in,
    source_of_packing,
    unfinished,
)
from journal.reports import Unerased

_LEVEL = 1


class ArchiveErasure:
    """The erasure of one session's archive. `kept` are the files that could not be searched."""

    def __init__(self, storage: Storage, paths: Paths, eraser: LineEraser) -> None:
        self._storage = storage
        self._paths = paths
        self._eraser = eraser
        self._clean: set[str] = set()  # paths of files that hold nothing any more
        self._unread: dict[str, Unerased] = {}

    @property
    def kept(self) -> list[Unerased]:
        return list(self._unread.values())

    def paths(self) -> list[str]:
        """The session's files in the archive, the oldest logs first, evidence last. OSError."""
        names = names_in_archive(self._storage, self._paths)
        names = sorted(names, key=lambda name: (is_evidence(name), seq_in(name), name))
        return [os.path.join(self._paths.archive, name) for name in names]

    def holds(self, path: str) -> bool:
        """Whether something is found in a file. One that cannot be read is noted as `kept`."""
        try:
            file = LogFile(self._storage, path, create=False)
        except FileNotFoundError:  # deleted meanwhile, or packed
            return path.endswith(LOG_SUFFIX) and self.holds(packed(path))
        try:
            return self._holds(file, self._eraser)
        finally:
            file.close()

    def _holds(self, file: LogFile, eraser: LineEraser) -> bool:
        path = file.path
        where = path if is_archived_log(path) or path.endswith(DAMAGED_SUFFIX) else ""
        if source_of_packing(path) is not None:
            return False  # its source is there, or it is debris that goes anyway
        try:
            return eraser.changes(unpacked(self._storage, file.fd, path), where)
        except (UnsupportedFormatError, ReadError) as error:
            if isinstance(error, ReadError) and error.errno is not None:
                raise
            self._unread[path] = Unerased(what="file", reason=f"{error}. It could not be searched")
            return False

    # Erasing

    def run(self, log: LogFile | None, timeout: float) -> None:
        """Erase in all files but those that are known to be clean.

        `log` is the session's log, if there is one, whose names in the archive are passed over.
        Raises `LockTimeoutError`, OSError, and `CompactionAbandonedError` when the log is not
        current any more.
        """
        for path in self.paths():
            if path in self._clean or (log is not None and self._storage.find(path) == log.id):
                continue
            if not path.endswith(NEW_SUFFIX) or path.endswith(unfinished(TORN_SUFFIX)):
                self._erase_in(path, log, timeout)
            elif self._is_debris(path):
                _remove(self._storage, path)

    def run_evidence(self) -> None:
        """Once more in torn tails only. OSError, and as `run`."""
        for path in self.paths():
            if path.endswith(TORN_SUFFIX) and path not in self._clean:
                self._erase_in(path, None, 0.0)

    def _is_debris(self, path: str) -> bool:
        """Of an unfinished file: no packing is at it. Another erasure would have the scratch."""
        source = source_of_packing(path)
        return source is None or self._storage.find(source) is None

    def _erase_in(self, path: str, log: LogFile | None, timeout: float) -> None:
        hashes = dict(self._eraser.links.hashes) if is_evidence(path) else None
        if self._is_done(path, log, timeout):
            self._clean.add(path)
            if hashes is not None:  # a damaged log may be another branch
                self._eraser.links.hashes = hashes
        elif path.endswith(LOG_SUFFIX):  # deleted meanwhile, or packed
            self._erase_in(packed(path), log, timeout)

    def _is_done(self, path: str, log: LogFile | None, timeout: float) -> bool:
        """Erase in one file. False if it is not there."""
        while True:
            try:
                file = LogFile(self._storage, path, create=False)
            except FileNotFoundError:
                return False
            try:
                file.lock(timeout)  # whoever packs it has it
                if file.is_current():
                    if self._holds(file, self._eraser):
                        self._erase(file, log, timeout)
                    return True
            finally:
                file.close()

    def _erase(self, file: LogFile, log: LogFile | None, timeout: float) -> None:
        path = file.path
        if not (is_archived_log(path) or path.endswith(DAMAGED_SUFFIX)):
            _remove(self._storage, path)
            self._storage.sync_folder(self._paths.archive)
            return
        is_log = is_archived_log(path)
        target = packed(as_archived(path)) if is_log else path
        new = unfinished(as_archived(path))  # no packing takes it for its own
        try:
            self._write(file, new, is_packed(target))
            with self._locked(log, timeout):
                if not file.is_current():
                    raise changed_error(self._paths)
                self._storage.rename(new, target)
                self._storage.sync_folder(self._paths.archive)  # before its source goes
                if target != path:
                    _remove(self._storage, path)
                    self._storage.sync_folder(self._paths.archive)
            self._clean.add(target)
        except BaseException:
            _discard(self._storage, new)
            raise

    def _write(self, file: LogFile, new: str, packs: bool) -> None:
        storage = self._storage
        copy = create_anew(storage, new)
        try:
            packer = zlib.compressobj(_LEVEL, wbits=31) if packs else None
            for data in self._eraser.erased(unpacked(storage, file.fd, file.path), file.path):
                write_all(storage, copy, packer.compress(data) if packer else data)
            if packer:
                write_all(storage, copy, packer.flush())
            storage.sync(copy)
        finally:
            storage.close(copy)

    @contextmanager
    def _locked(self, log: LogFile | None, timeout: float) -> Iterator[None]:
        """With the lock of the log, which must be the session's still."""
        if log is None:
            yield
            return
        log.lock(timeout)
        try:
            if not log.is_current():
                raise changed_error(self._paths)
            yield
        finally:
            log.unlock()


def _remove(storage: Storage, path: str) -> None:
    try:
        storage.unlink(path)
    except FileNotFoundError:
        pass


def _discard(storage: Storage, new: str) -> None:
    try:
        storage.unlink(new)
    except OSError:
        pass  # the next packing or erasure writes it anew
