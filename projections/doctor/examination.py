"""The whole examination: the folder first, then session by session. Changes nothing.

Other processes go on meanwhile. A look into the middle of their work may show something that
is gone a moment later. So what looks wrong is looked at again, and only what stays is
reported. Locks are taken for microseconds, and only of files that look like debris.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from time import sleep

from journal.config import Limits
from journal.engines.files.storage import DiskStorage, Storage
from journal.errors import NotFoundError, ReadError
from journal.names import SESSION_SUFFIX, stem_of
from projections.doctor import damage
from projections.doctor.access import check_access
from projections.doctor.environment import MOUNTS, check_environment
from projections.doctor.finding import Finding, JournalCommands
from projections.doctor.findings import Findings
from projections.doctor.folder import (
    File,
    FolderListing,
    ListedSession,
    look_at,
    take_inventory,
)
from projections.doctor.identity import session_id_of_files
from projections.doctor.session import SessionExamination
from projections.store.session_file import SessionFile

_LOOKS_AGAIN = (0.02, 0.2)  # seconds to wait before each


class Examination:
    """One examination of a folder; for one thread.

    `session_ids` names the sessions; None means all. With `quick` only the ends of logs are
    read. With `name_folder` the commands in remedies name the folder.
    Raises `NotFoundError` when the folder or a named session does not exist, `ReadError` when
    the folder cannot be listed, and `StateValueError` for an impossible id.
    """

    def __init__(
        self,
        folder: str,
        session_ids: Sequence[str] | None = None,
        *,
        limits: Limits | None = None,
        quick: bool = False,
        storage: Storage | None = None,
        name_folder: bool = True,
        mounts: str = MOUNTS,
    ) -> None:
        self._storage = storage or DiskStorage()
        self._limits = limits or Limits()
        self._quick = quick
        self._mounts = mounts
        self._commands = JournalCommands(folder if name_folder else None)
        self._everything = session_ids is None
        self.folder = folder
        self._listing = self._list()
        self._stems = self._stems_of(session_ids)

    def _list(self) -> FolderListing | None:
        """None if we are not allowed to list the folder."""
        try:
            return FolderListing(self.folder)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFoundError(
                f"there is no folder {self.folder}; name the folder of your sessions with "
                "--dir or $JOURNAL_DIR"
            ) from None
        except PermissionError:
            return None
        except OSError as error:
            raise ReadError(
                error.errno, f"the folder {self.folder} cannot be read: {error.strerror}"
            ) from error

    def _stems_of(self, session_ids: Sequence[str] | None) -> list[str]:
        if self._listing is None:
            return []
        if session_ids is None:
            return [listed.stem for listed in self._listing]
        found = [self._stem_of(self._listing, session_id) for session_id in session_ids]
        return list(dict.fromkeys(found))

    def _stem_of(self, listing: FolderListing, session_id: str) -> str:
        stem = stem_of(session_id)
        listed = listing.of(stem)
        if listed.names or listed.archived:
            return stem
        paths = take_inventory(self.folder, listed, session_id).paths
        name = SessionFile(self._storage, paths, durable=False).name()
        if name is None:
            raise NotFoundError(
                f"there is no session {session_id!r} in {self.folder}; "
                "`journal sessions` lists what there is"
            )
        return name.removesuffix(SESSION_SUFFIX)

    @property
    def stems(self) -> list[str]:
        """The sessions to examine: give these to `session`, one after the other."""
        return self._stems

    def listed_sessions(self) -> list[ListedSession]:
        """The sessions and the names of their files. Raises `ReadError` if none can be listed."""
        if self._listing is None:
            reason = os.strerror(errno.EACCES)
            raise ReadError(errno.EACCES, f"the folder {self.folder} cannot be read: {reason}")
        return [self._listing.of(stem) for stem in self._stems]

    def size(self, stem: str) -> int:
        """About how many bytes the examination of a session reads."""
        if self._quick or self._listing is None:
            return 0
        inventory = take_inventory(self.folder, self._listing.of(stem), None)
        return sum(file.size for file in inventory.files if file.is_regular) + (
            inventory.log.size if inventory.log is not None else 0
        )

    def surroundings(self) -> Iterator[Finding]:
        """The folder, its file system, and who may read and write what is in it."""
        files: list[File] = []
        if self._listing is not None:
            yield from check_environment(self.folder, self._mounts)
            stems = None if self._everything else set(self._stems)
            files = list(self._listing.files(stems))
            archive = look_at(self._listing.archive)
            if archive is not None and archive.kind != "a folder":
                yield damage.not_a_folder(archive)
                files.remove(archive)
        yield from check_access(self.folder, files, self._everything)

    def session(self, stem: str) -> list[Finding]:
        """Everything that is not as it should be with one session."""
        found = self._look(stem)
        for pause in _LOOKS_AGAIN:
            if all(finding.severity == "note" for finding in found):
                break
            sleep(pause)
            self._listing = self._list()
            before = {finding.identity for finding in found}
            found = [finding for finding in self._look(stem) if finding.identity in before]
        return found

    def _look(self, stem: str) -> list[Finding]:
        if self._listing is None:
            return []
        listed = self._listing.of(stem)
        session_id = session_id_of_files(self._storage, self.folder, listed)
        inventory = take_inventory(self.folder, listed, session_id)
        findings = Findings(inventory, self._commands)
        session = SessionExamination(self._storage, findings, self._limits, quick=self._quick)
        try:
            return list(session.run())
        except FileNotFoundError:
            return []  # deleted while we looked
        except OSError as error:
            return list(findings.unreadable(error.filename or inventory.paths.log, error))
