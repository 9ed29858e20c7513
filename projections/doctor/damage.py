"""Files that are no logs, or not readable: errors, with what really helps."""

import os
from collections.abc import Iterator
from errno import EACCES, EPERM

from journal.codec import FORMAT
from journal.engines.files.logfile import LogFile
from journal.engines.files.recovery import lost_its_beginning
from journal.engines.files.storage import Storage, chunks
from journal.events import Open
from journal.names import LOG_SUFFIX, stem_of
from journal.scan import Scanner
from projections.doctor.access import is_barred
from projections.doctor.finding import (
    Commands,
    Finding,
    Severity,
    aside,
    joined,
    of_place,
    quoted,
    shell,
    shown,
)
from projections.doctor.folder import Case, Ends, File
from projections.doctor.remedies import Advice, Remedy

PERMISSION = (EPERM, EACCES)
"""The numbers of the errors that say that we may not."""


class Trouble:
    """Makes the findings about one session."""

    def __init__(self, case: Case, commands: Commands) -> None:
        self.case = case
        self.commands = commands

    def finding(
        self,
        severity: Severity,
        kind: str,
        path: str,
        what: str,
        advice: Advice,
        offset: int | None = None,
        seq: int | None = None,
    ) -> Finding:
        return Finding(
            severity=severity,
            kind=kind,
            session_id=self.case.session_id,
            path=shown(path),
            what=what,
            advice=advice,
            offset=offset,
            seq=seq,
        )

    def journal(self, command: str, *options: str) -> str:
        """A journal command on this session."""
        return self.commands.journal(command, self.case.paths.session_id, *options)

    def aside(self, *paths: str) -> str:
        """A command that moves files out of the folder, into one beside it."""
        return aside(self.case.paths.folder, *paths)

    def no_file(self, file: File) -> Finding:
        """Something under the name of a file that is none. Nothing of it is followed."""
        if file.kind == "a symbolic link" and not os.path.exists(file.path):
            what = "is a symbolic link that leads to nothing"
            advice = Remedy.REMOVE_LINK.of(command=shell("rm", "-f", "--", file.path))
        elif file.kind == "a symbolic link":
            what = "is a symbolic link, which the journal does not follow"
            advice = Remedy.PUT_TARGET_IN_PLACE.of(command=_in_place(file))
        else:
            what = f"is {file.kind}, not a file"
            advice = Remedy.MOVE_AWAY.of(command=self.aside(file.path))
        return self.finding("error", "not-a-file", file.path, what, advice)

    def unreadable(self, path: str, error: OSError) -> Iterator[Finding]:
        """A file that the operating system does not let us read, which is no damage.

        Nothing where its owner or mode is why: `check_access` says that of all files at once.
        """
        if error.errno not in PERMISSION:
            advice = Remedy.CHECK_DISK.of()
        elif is_barred(path):
            return
        else:
            advice = Remedy.FIND_REFUSAL.of(command=shell("ls", "-lZ", "--", path))
        what = f"cannot be read: {error.strerror}"
        yield self.finding("error", "unreadable", path, what, advice)

    def misnamed(self, file: File) -> Finding:
        what = "has a name that the journal gives to no log, so nobody reads it"
        advice = Remedy.MOVE_AWAY.of(command=self.aside(file.path))
        return self.finding("warning", "misnamed", file.path, what, advice)

    def refusal(self, file: File, ends: Ends) -> Finding | None:
        """Why a file under the name of this session's log is not to be read as that."""
        header = ends.header
        if ends.newer_format is not None:
            what = f"is of format {ends.newer_format}; this version knows format {FORMAT}"
            return self.finding("error", "newer-format", file.path, what, Remedy.UPGRADE.of())
        if header is not None and header.session_id != self.case.session_id:
            return self._wrong_session(file, header)
        return None

    def _wrong_session(self, file: File, header: Open) -> Finding:
        home = f"{stem_of(header.session_id)}{LOG_SUFFIX}"
        target = os.path.join(self.case.paths.folder, home)
        if os.path.lexists(target):
            advice = Remedy.MOVE_COPY_AWAY.of(command=self.aside(file.path))
        else:
            advice = Remedy.RENAME_BACK.of(command=shell("mv", "-n", "--", file.path, target))
        what = f"holds session {header.session_id!r}, not the one that its name says"
        return self.finding("error", "wrong-session", file.path, what, advice)

    def has_lines(self, storage: Storage, file: File) -> bool:
        """Whether anything in a file without a header is an intact event."""
        fd = storage.open(file.path, os.O_RDONLY)
        try:
            scanner = Scanner()
            for _ in scanner.read(chunks(storage, fd, 0, storage.size(fd))):
                return True
        finally:
            storage.close(fd)
        return scanner.header is not None or scanner.seal is not None

    def without_lines(self, storage: Storage, file: File) -> Finding:
        """A file that has nothing intact in it, and that nobody is just beginning."""
        opened = LogFile(storage, file.path, create=False)
        try:
            lost = lost_its_beginning(storage, opened, self.case.paths)
        finally:
            opened.close()
        if lost:
            what = "is no log, or not any more: neither a header nor an intact event is in it"
            archived = [archive.path for archive in self.case.archived]
            command = self.aside(file.path, *archived)
            advice = Remedy.RESTORE_OR_MOVE_AWAY.of(command=command)
            return self.finding("error", "header", file.path, what, advice, offset=0)
        what = "holds nothing: its creation was cut short, or something has emptied it"
        advice = Remedy.RESTORE_OR_REMOVE.of(command=shell("rm", "-f", "--", file.path))
        return self.finding("warning", "empty", file.path, what, advice)

    def without_log(self) -> Iterator[Finding]:
        """The log is not there, but archives of it are."""
        logs = [file for file in self.case.archived if _is_log(file.name)]
        if not logs:
            return
        newest = max(logs, key=lambda file: (_base_of(file.name), file.name.endswith(".gz")))
        read = "zcat" if newest.name.endswith(".gz") else "cat"
        target = self.case.paths.log
        copy = f"{read} -- {quoted(newest.path)} > {quoted(target)}"
        yield self.finding(
            "error",
            "lost",
            target,
            f"the log is gone, but {len(logs)} of its archives "
            f"{'is' if len(logs) == 1 else 'are'} there: a deletion would have removed both",
            Remedy.COPY_ARCHIVE.of(
                seq=_base_of(newest.name), command=f"`(umask 077; set -C; {copy})`"
            ),
        )


def no_folder(archive: File) -> Finding:
    """What is not the folder of archives but has its name."""
    if archive.kind == "a symbolic link":
        target = os.path.realpath(archive.path)
        command = joined(
            shell("rm", "-f", "--", archive.path), shell("mv", "--", target, archive.path)
        )
        advice = Remedy.PUT_ARCHIVE_IN_PLACE.of(command=command)
    else:
        advice = Remedy.MOVE_AWAY.of(command=aside(os.path.dirname(archive.path), archive.path))
    what = f"is {archive.kind}, where the archives should be"
    return of_place("error", "not-a-file", archive.path, what, advice)


def _in_place(file: File) -> str:
    target = os.readlink(file.path)
    return shell("mv", "--", os.path.join(os.path.dirname(file.path), target), file.path)


def _is_log(name: str) -> bool:
    return name.endswith((LOG_SUFFIX, f"{LOG_SUFFIX}.gz"))


def _base_of(name: str) -> int:
    """The event that an archive's name says it reaches."""
    number = name.split(".")[1].partition("-")[0]
    return int(number) if number.isascii() and number.isdigit() else 0
