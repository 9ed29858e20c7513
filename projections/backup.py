"""A copy of a folder of sessions that is whole, made while they are in use."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterable
from errno import EEXIST

from msgspec import Struct
from msgspec.structs import replace

from journal.backend import VerifyReport
from journal.backup import copy_log, copy_open
from journal.errors import JournalError, SessionFileError, StorageError
from journal.names import LOG_SUFFIX, paths_of, paths_of_stem
from journal.storage import Storage
from projections.session_file import SessionFile
from projections.store import DefaultSessionStore

_JSON = ".json"
_LOCK = ".lock"


class Backup(Struct, frozen=True):
    """What a backup has copied to `folder`, and what verifying the copies showed.

    `older` are the sessions that PraisonAI keeps and the journal has no log of. `size` is in
    bytes, with the archives as they are packed.
    """

    folder: str
    reports: list[VerifyReport]
    older: list[str]
    archives: int
    size: int

    @property
    def ok(self) -> bool:
        """Whether nothing in it is damaged."""
        return all(report.ok for report in self.reports)


def back_up(
    storage: Storage, folder: str, to: str, session_ids: Iterable[str] | None = None
) -> Backup:
    """Copy the sessions of a folder, or those named, and verify the copy.

    All that had been acknowledged before is in it; damage is copied as it is. Others go on
    writing, compacting and deleting meanwhile; a session that is deleted meanwhile may be
    missing. `to` appears when all of it is on the disk; it must not be there yet, or be an
    empty folder. Reads each byte three times and writes it once, in bounded memory.

    Raises `StorageError`, and then leaves nothing behind.
    """
    to = os.path.realpath(to)
    if not can_be_made(to):
        raise StorageError(EEXIST, f"{to}: is there, and no empty folder; name another")
    parent, name = os.path.split(to)
    try:
        scratch = tempfile.mkdtemp(prefix=f".{name}.", suffix=".new", dir=parent)
    except OSError as error:
        raise StorageError(
            error.errno, f"{parent}: no folder can be made in it: {error.strerror}"
        ) from error
    made = scratch
    try:
        backup = _Copying(storage, folder, scratch).run(session_ids)
        os.rename(scratch, to)
        made = to
        storage.sync_folder(parent)
    except BaseException as error:
        shutil.rmtree(made, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, JournalError):
            where = error.filename or to
            raise StorageError(
                error.errno, f"{where}: {error.strerror}. Nothing was backed up"
            ) from error
        raise
    return _moved(backup, scratch, to)


def can_be_made(to: str) -> bool:
    """Whether a backup can be put at a path: nothing is there, or an empty folder."""
    return not os.path.lexists(to) or (os.path.isdir(to) and not os.listdir(to))


def _moved(backup: Backup, scratch: str, to: str) -> Backup:
    """With the names under which the files are found now."""
    reports = [
        replace(
            report,
            problems=[
                replace(
                    problem,
                    where=problem.where.replace(scratch, to),
                    reason=problem.reason.replace(scratch, to),
                )
                for problem in report.problems
            ],
        )
        for report in backup.reports
    ]
    return replace(backup, folder=to, reports=reports)


class _Copying:
    """One backup, to a folder that is nobody else's yet."""

    def __init__(self, storage: Storage, folder: str, scratch: str) -> None:
        self._storage = storage
        self._folder = folder
        self._scratch = scratch
        self._archive = os.path.join(scratch, "archive")
        self._archives = 0
        self._size = 0

    def run(self, session_ids: Iterable[str] | None) -> Backup:
        self._storage.make_folder(self._archive)
        for stem in self._logs(session_ids):
            self._copy_log(stem)
        for name in self._session_files(session_ids):  # the log is the truth: so it comes first
            self._copy_session_file(name)
        reports, older = self._verify()
        self._finish()
        return Backup(self._scratch, reports, older, self._archives, self._size)

    def _logs(self, session_ids: Iterable[str] | None) -> list[str]:
        """The stems of the logs; of all, also of those that are not what their names say."""
        if session_ids is not None:
            return [paths_of(self._folder, session_id).stem for session_id in session_ids]
        names = self._storage.names(self._folder, LOG_SUFFIX)
        return [name.removesuffix(LOG_SUFFIX) for name in names]

    def _session_files(self, session_ids: Iterable[str] | None) -> list[str]:
        if session_ids is None:
            return self._storage.names(self._folder, _JSON)
        found = (
            SessionFile(self._storage, paths_of(self._folder, session_id), durable=True).name()
            for session_id in session_ids
        )
        return [name for name in found if name is not None]

    def _copy_log(self, stem: str) -> None:
        source, target = (paths_of_stem(folder, stem) for folder in (self._folder, self._scratch))
        copied = copy_log(self._storage, source, target)
        if copied is not None:
            self._archives += copied.archives
            self._size += copied.size

    def _copy_session_file(self, name: str) -> None:
        try:
            fd = self._storage.open(os.path.join(self._folder, name), os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            copy_open(self._storage, fd, os.path.join(self._scratch, name))
            self._size += self._storage.size(fd)
        finally:
            self._storage.close(fd)

    def _verify(self) -> tuple[list[VerifyReport], list[str]]:
        """Read the copy back. Its session files are to show what its logs say."""
        reports, older = [], []
        with DefaultSessionStore(self._scratch, storage=self._storage) as copy:
            for info in sorted(copy.list_sessions(), key=lambda info: info["session_id"]):
                if not info["log_bytes"]:
                    older.append(info["session_id"])
                    continue
                report = copy.verify(info["session_id"])
                reports.append(report)
                if report.ok:
                    self._refresh(copy, info["session_id"])
        return reports, older

    def _refresh(self, copy: DefaultSessionStore, session_id: str) -> None:
        try:
            copy.refresh_session_file(session_id)
        except SessionFileError:
            pass  # it is not readable, nor is its original

    def _finish(self) -> None:
        """Only what was copied stays, on the disk, and in folders like the originals."""
        for name in self._storage.names(self._scratch, _LOCK):
            self._storage.unlink(os.path.join(self._scratch, name))
        if not os.listdir(self._archive):
            os.rmdir(self._archive)
        else:
            self._finish_folder(os.path.join(self._folder, "archive"), self._archive)
        self._finish_folder(self._folder, self._scratch)

    def _finish_folder(self, source: str, target: str) -> None:
        found = os.stat(source)
        if os.geteuid() == 0:
            os.chown(target, found.st_uid, found.st_gid)
        os.chmod(target, stat.S_IMODE(found.st_mode))
        self._storage.sync_folder(target)
