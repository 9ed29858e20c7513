"""The whole examination: the folder, then session by session. Changes nothing.

Other processes go on meanwhile, and a look in the middle of what they do may show what
is gone a moment later. So what looks wrong is looked at again, and only what stays counts.
Locks are taken for microseconds, and only of files that look like leftovers.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from time import sleep

from journal.config import Limits
from journal.engines.files.storage import DiskStorage, Storage
from journal.errors import NotFoundError, ReadError
from journal.names import session_id_of, stem_of
from projections.doctor.access import check_access
from projections.doctor.contents import Contents
from projections.doctor.damage import Trouble, no_folder
from projections.doctor.debris import Leftovers
from projections.doctor.environment import MOUNTS, check_clock, check_environment
from projections.doctor.finding import Commands, Finding, shown
from projections.doctor.folder import (
    Belongings,
    Ends,
    File,
    Listing,
    case_of,
    ends_of,
    is_left,
    look_at,
)
from projections.doctor.identity import session_id_of_files
from projections.doctor.problems import Problems
from projections.doctor.session_files import check_session_file
from projections.store.session_file import SessionFile
from projections.view import View

_LOOKS_AGAIN = (0.02, 0.2)  # seconds to wait before each


class Examination:
    """One examination of a folder; for one thread.

    `session_ids` names the sessions; all if it is None. With `quick` no log is read but for
    its ends. `name_folder` is whether commands in remedies need to be told the folder.
    Raises `NotFoundError` when the folder, or a session that was named, does not exist,
    `ReadError` when it cannot be listed, and `StateValueError` for an impossible id.
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
        self._commands = Commands(folder if name_folder else None)
        self._everything = session_ids is None
        self.folder = folder
        self._listing = self._list()
        self._stems = self._stems_of(session_ids)

    def _list(self) -> Listing | None:
        """None where we are not allowed to."""
        try:
            return Listing(self.folder)
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
            return [belongings.stem for belongings in self._listing]
        found = [self._stem_of(self._listing, session_id) for session_id in session_ids]
        return list(dict.fromkeys(found))

    def _stem_of(self, listing: Listing, session_id: str) -> str:
        stem = stem_of(session_id)
        belongings = listing.of(stem)
        if belongings.names or belongings.archived:
            return stem
        paths = case_of(self.folder, belongings, session_id).paths
        name = SessionFile(self._storage, paths, durable=False).name()
        if name is None:
            raise NotFoundError(
                f"there is no session {session_id!r} in {self.folder}; "
                "`journal sessions` lists what there is"
            )
        return name.removesuffix(".json")

    @property
    def stems(self) -> list[str]:
        """What to give to `session`, one after the other."""
        return self._stems

    def belongings(self) -> list[Belongings]:
        """The files of each of them. Raises `ReadError` when the folder cannot be listed."""
        if self._listing is None:
            reason = os.strerror(errno.EACCES)
            raise ReadError(errno.EACCES, f"the folder {self.folder} cannot be read: {reason}")
        return [self._listing.of(stem) for stem in self._stems]

    def size(self, stem: str) -> int:
        """About how many bytes the examination of a session reads."""
        if self._quick or self._listing is None:
            return 0
        case = case_of(self.folder, self._listing.of(stem), None)
        return sum(file.size for file in case.files if file.is_regular) + (
            case.log.size if case.log is not None else 0
        )

    def surroundings(self) -> Iterator[Finding]:
        """The folder and what it is on, and who may read and write what is in it."""
        files: list[File] = []
        if self._listing is not None:
            yield from check_environment(self.folder, self._mounts)
            stems = None if self._everything else set(self._stems)
            files = list(self._listing.files(stems))
            archive = look_at(self._listing.archive)
            if archive is not None and archive.kind != "a folder":
                yield no_folder(archive)
                files.remove(archive)
        yield from check_access(self.folder, files, self._everything)

    def session(self, stem: str) -> list[Finding]:
        """All that is not as it should be with one session."""
        found = self._look(stem)
        for pause in _LOOKS_AGAIN:
            if all(finding.severity == "note" for finding in found):
                break
            sleep(pause)
            self._listing = self._list()
            places = {finding.place for finding in found}
            found = [f for f in self._look(stem) if f.place in places]
        return found

    def _look(self, stem: str) -> list[Finding]:
        if self._listing is None:
            return []
        belongings = self._listing.of(stem)
        session_id = session_id_of_files(self._storage, self.folder, belongings)
        case = case_of(self.folder, belongings, session_id)
        trouble = Trouble(case, self._commands)
        try:
            return list(self._examine(trouble))
        except FileNotFoundError:
            return []  # deleted while we looked
        except OSError as error:
            return list(trouble.unreadable(error.filename or case.paths.log, error))

    def _examine(self, trouble: Trouble) -> Iterator[Finding]:
        case, log = trouble.case, trouble.case.log
        for file in case.files:
            if not file.is_regular:
                yield trouble.no_file(file)
        if log is None:
            yield from self._examine_without_log(trouble)
        elif not log.is_regular:
            return
        elif session_id_of(case.paths.stem) is None and "%-" not in case.paths.stem:
            yield trouble.misnamed(log)
        else:
            ends = ends_of(self._storage, log.path)
            refusal = trouble.refusal(log, ends)
            if refusal is not None:
                yield refusal
            elif ends.header is not None or trouble.has_lines(self._storage, log):
                yield from self._examine_log(trouble, ends)
            elif is_left(self._storage, log):
                yield trouble.without_lines(self._storage, log)

    def _examine_without_log(self, trouble: Trouble) -> Iterator[Finding]:
        yield from trouble.without_log()
        yield from Leftovers(self._storage, trouble).files()
        if trouble.case.session_file is not None:
            yield from self._examine_session_file(trouble, None)

    def _examine_log(self, trouble: Trouble, ends: Ends) -> Iterator[Finding]:
        leftovers = Leftovers(self._storage, trouble)
        yield from leftovers.half_done(ends)
        if ends.seal is not None and ends.seal.reason == "deleted":
            return
        problems = Problems(self._storage, trouble)
        found = list(problems.quick(ends) if self._quick else problems.verify())
        yield from found
        yield from leftovers.files()
        yield from leftovers.archives(ends.header)
        yield from check_clock(trouble, ends)
        if self._quick:
            yield from self._examine_session_file(trouble, None)
            return
        contents = Contents(self._storage, trouble)
        contents.read()
        log = trouble.case.paths.log
        damaged = any(finding.is_damage and finding.path == shown(log) for finding in found)
        yield from self._examine_session_file(trouble, contents.view, log_is_damaged=damaged)
        yield from contents.limits(self._limits)
        yield from contents.dead()

    def _examine_session_file(
        self, trouble: Trouble, view: View | None, *, log_is_damaged: bool = False
    ) -> Iterator[Finding]:
        file = trouble.case.session_file
        if file is None or file.is_regular:
            yield from check_session_file(
                self._storage, trouble, view, log_is_damaged=log_is_damaged
            )


def examine(
    folder: str,
    session_ids: Sequence[str] | None = None,
    *,
    limits: Limits | None = None,
    quick: bool = False,
    name_folder: bool = True,
    mounts: str = MOUNTS,
) -> Iterator[Finding]:
    """All findings about a folder, or about the sessions named; see `Examination`."""
    examination = Examination(
        folder,
        session_ids,
        limits=limits,
        quick=quick,
        name_folder=name_folder,
        mounts=mounts,
    )
    return _all(examination)


def _all(examination: Examination) -> Iterator[Finding]:
    for stem in examination.stems:
        yield from examination.session(stem)
    yield from examination.surroundings()
