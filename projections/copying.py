"""Copies a folder of sessions file by file, and verifies the copy."""

import os
import stat
from collections.abc import Iterable, Iterator

from msgspec import Struct

from journal.engines.files.backup import copy_log, copy_open
from journal.engines.files.storage import Storage
from journal.errors import SessionFileError
from journal.names import (
    ARCHIVE,
    LOCK_SUFFIX,
    LOG_SUFFIX,
    SESSION_SUFFIX,
    paths_of,
    paths_of_stem,
    session_id_of,
)
from journal.reports import Problem, VerifyReport
from journal.reprs import count, quoted, repr_of_parts
from projections.doctor.folder import File, look_at
from projections.store.session_file import SessionFile
from projections.store.store import DefaultSessionStore

_COPIED = (LOG_SUFFIX, SESSION_SUFFIX)
_LONGEST_PATH = 100


class Backup(Struct, frozen=True):
    """What a backup copied to `folder`, and what the verification of the copies showed.

    A log or a session file that is not a regular file is not copied; its report says so.
    `older` are the sessions of PraisonAI that have no log. `size` is in bytes, with archives
    packed as they are.
    """

    folder: str
    reports: list[VerifyReport]
    older: list[str]
    archives: int
    size: int

    @property
    def ok(self) -> bool:
        """Whether nothing in the copy is damaged, and nothing was left out."""
        return all(report.ok for report in self.reports)

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield quoted(self.folder, _LONGEST_PATH)
        yield "ok" if self.ok else "not ok"
        yield count(len(self.reports) + len(self.older), "session")
        yield count(self.size, "byte")


def _left_out(file: File) -> VerifyReport:
    """The report about a session that is not, or not completely, in the copy."""
    stem, suffix = os.path.splitext(file.name)
    session_id = session_id_of(stem)
    what = "the session" if suffix == LOG_SUFFIX else "what PraisonAI keeps in it"
    reason = f"is {file.kind}, not a file: {what} is not in the copy"
    problem = Problem(
        kind="not-a-file", where=file.path, offset=0, length=0, seq=None, reason=reason
    )
    return VerifyReport(
        session_id=stem if session_id is None else session_id,
        head=None,
        events=0,
        archived_events=0,
        problems=[problem],
    )


class FolderCopy:
    """One copy of a folder, to a folder that only we know yet."""

    def __init__(self, storage: Storage, folder: str, scratch: str) -> None:
        self._storage = storage
        self._folder = folder
        self._scratch = scratch
        self._archive = os.path.join(scratch, ARCHIVE)
        self._archives = 0
        self._size = 0

    def run(self, session_ids: Iterable[str] | None) -> Backup:
        self._storage.make_folder(self._archive)
        for stem in self._logs(session_ids):
            self._copy_log(stem)
        for name in self._session_files(session_ids):  # after the logs, which are the truth
            self._copy_session_file(name)
        reports, older = self._verify()
        self._finish()
        reports += map(_left_out, self._no_files(session_ids))
        return Backup(self._scratch, reports, older, self._archives, self._size)

    def _logs(self, session_ids: Iterable[str] | None) -> list[str]:
        """The stems of the logs: of the named sessions, or of all files with such a name."""
        if session_ids is not None:
            stems = [paths_of(self._folder, session_id).stem for session_id in session_ids]
            return [
                stem for stem in dict.fromkeys(stems) if not self._is_no_file(stem + LOG_SUFFIX)
            ]
        names = self._storage.names(self._folder, LOG_SUFFIX)
        return [name.removesuffix(LOG_SUFFIX) for name in names]

    def _session_files(self, session_ids: Iterable[str] | None) -> list[str]:
        if session_ids is None:
            return self._storage.names(self._folder, SESSION_SUFFIX)
        found = (
            SessionFile(self._storage, paths_of(self._folder, session_id), durable=True).name()
            for session_id in session_ids
        )
        return [
            name
            for name in dict.fromkeys(found)
            if name is not None and not self._is_no_file(name)
        ]

    def _is_no_file(self, name: str) -> bool:
        found = look_at(os.path.join(self._folder, name))
        return found is not None and not found.is_regular

    def _no_files(self, session_ids: Iterable[str] | None) -> list[File]:
        """Things with the name of a log or of a session file that are not regular files."""
        if session_ids is None:
            names = sorted(os.listdir(self._folder))
        else:
            stems = dict.fromkeys(paths_of(self._folder, one).stem for one in session_ids)
            names = [f"{stem}{suffix}" for stem in stems for suffix in _COPIED]
        paths = [os.path.join(self._folder, name) for name in names if name.endswith(_COPIED)]
        found = (look_at(path) for path in paths)
        return [file for file in found if file is not None and not file.is_regular]

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
        """Read the copy back, and bring its session files up to date with its logs."""
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
            pass  # the original is not readable either

    def _finish(self) -> None:
        """Remove locks and empty folders, give folders their owners and modes, and sync."""
        for name in self._storage.names(self._scratch, LOCK_SUFFIX):
            self._storage.unlink(os.path.join(self._scratch, name))
        if not os.listdir(self._archive):
            os.rmdir(self._archive)
        else:
            self._finish_folder(os.path.join(self._folder, ARCHIVE), self._archive)
        self._finish_folder(self._folder, self._scratch)

    def _finish_folder(self, source: str, target: str) -> None:
        found = os.stat(source)
        if os.geteuid() == 0:
            os.chown(target, found.st_uid, found.st_gid)
        os.chmod(target, stat.S_IMODE(found.st_mode))
        self._storage.sync_folder(target)
