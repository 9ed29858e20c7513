"""Files that are no logs, and logs that are damaged: errors, with what really helps."""

import os
from collections.abc import Iterator
from errno import EACCES, EPERM

from journal.backend import Problem
from journal.codec import FORMAT
from journal.events import Open
from journal.handle import LogFile
from journal.names import LOG_SUFFIX, stem_of
from journal.recovery import lost_its_beginning
from journal.scan import Scanner
from journal.storage import Storage, chunks
from journal.verification import Verification
from projections.doctor.finding import Commands, Finding, Severity, quoted, shell, shown
from projections.doctor.place import Case, Ends, File

_RESTORE = "restore the file from a backup"
_PERMISSION = (EPERM, EACCES)
_AFTER_SEAL = "after a seal"


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
        remedy: str,
        offset: int | None = None,
        seq: int | None = None,
    ) -> Finding:
        return Finding(
            severity=severity,
            kind=kind,
            session_id=self.case.session_id,
            path=shown(path),
            what=what,
            remedy=remedy,
            offset=offset,
            seq=seq,
        )

    def journal(self, command: str, *options: str) -> str:
        """A journal command on this session."""
        return self.commands.journal(command, self.case.paths.session_id, *options)

    def no_file(self, file: File) -> Finding:
        """Something under the name of a file that is none. Nothing of it is followed."""
        if file.kind == "a symbolic link":
            what = "is a symbolic link, which the journal does not follow"
            remedy = f"if it leads to the right file, put that in its place: {_in_place(file)}"
        else:
            what = f"is {file.kind}, not a file"
            remedy = f"move it out of the folder: {shell('mv', '--', file.path, '/somewhere')}"
        return self.finding("error", "not-a-file", file.path, what, remedy)

    def unreadable(self, path: str, error: OSError) -> Finding:
        remedy = "check the disk (`dmesg`), then " + _RESTORE
        if error.errno in _PERMISSION:
            remedy = f"let its owner read and write it: {shell('chmod', '600', '--', path)}"
        return self.finding(
            "error", "unreadable", path, f"cannot be read: {error.strerror}", remedy
        )

    def misnamed(self, file: File) -> Finding:
        what = "has a name that the journal gives to no log, so nobody reads it"
        remedy = f"move it out of the folder: {shell('mv', '--', file.path, '/somewhere')}"
        return self.finding("warning", "misnamed", file.path, what, remedy)

    def refusal(self, file: File, ends: Ends) -> Finding | None:
        """Why a file under the name of this session's log is not to be read as that."""
        header = ends.header
        if ends.newer_format is not None:
            what = f"is of format {ends.newer_format}; this version knows format {FORMAT}"
            remedy = "upgrade: `pip install --upgrade runtime-journal`"
            return self.finding("error", "newer-format", file.path, what, remedy)
        if header is not None and header.session_id != self.case.session_id:
            return self._wrong_session(file, header)
        return None

    def _wrong_session(self, file: File, header: Open) -> Finding:
        home = f"{stem_of(header.session_id)}{LOG_SUFFIX}"
        target = os.path.join(self.case.paths.folder, home)
        if os.path.lexists(target):
            remedy = (
                "that session has a log of its own, so this is a copy: move it out of the folder"
            )
        else:
            remedy = f"give it back its name: {shell('mv', '-n', '--', file.path, target)}"
        what = f"holds session {header.session_id!r}, not the one that its name says"
        return self.finding("error", "wrong-session", file.path, what, remedy)

    def has_lines(self, storage: Storage, file: File) -> bool:
        """Whether anything in a file without a header is an intact event."""
        fd = storage.open(file.path, os.O_RDONLY)
        try:
            scanner = Scanner()
            for data in chunks(storage, fd, 0, storage.size(fd)):
                for _ in scanner.feed(data):
                    return True
                if scanner.header is not None or scanner.seal is not None:
                    return True
        finally:
            storage.close(fd)
        return False

    def without_lines(self, storage: Storage, file: File) -> Finding:
        """A file that has nothing intact in it, and that nobody is just beginning."""
        opened = LogFile(storage, file.path, create=False)
        try:
            lost = lost_its_beginning(storage, opened, self.case.paths)
        finally:
            opened.close()
        if lost:
            what = "is no log, or not any more: neither a header nor an intact event is in it"
            remedy = (
                f"{_RESTORE}, or move it out of the folder, with what "
                f"{self.case.paths.archive} has of the session"
            )
            return self.finding("error", "header", file.path, what, remedy, offset=0)
        what = "holds nothing: its creation was cut short, or something has emptied it"
        remedy = (
            f"{_RESTORE} if there was anything in it; otherwise the first write begins it, or "
            f"remove it: {shell('rm', '--', file.path)}"
        )
        return self.finding("warning", "empty", file.path, what, remedy)

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
            "restore it from a backup; without one, the newest archive has the session as of "
            f"event {_base_of(newest.name)} or a little later: `(umask 077; set -C; {copy})`",
        )

    def quick(self, ends: Ends) -> Iterator[Finding]:
        """What the first line alone shows."""
        if ends.header is None:
            what = "the header is not intact"
            where = self.case.paths.log
            yield self.of_problems(
                [Problem(kind="header", where=where, offset=0, length=0, seq=None, reason=what)]
            )

    def verify(self, storage: Storage) -> Iterator[Finding]:
        """All that verification finds, alike in one file together."""
        try:
            report = Verification(storage, self.case.paths, None).run()
        except OSError as error:
            yield self.unreadable(self.case.paths.log, error)
            return
        groups: dict[tuple[str, str], list[Problem]] = {}
        for problem in report.problems:
            groups.setdefault((problem.kind, problem.where), []).append(problem)
        for problems in groups.values():
            yield self.of_problems(problems)

    def of_problems(self, problems: list[Problem]) -> Finding:
        """Problems of one kind in one file; the place is that of the first."""
        first = problems[0]
        where = first.where
        if not os.path.lexists(where) and os.path.lexists(f"{where}.gz"):
            where += ".gz"
        what = first.reason
        if first.kind == "torn":
            what = f"{first.length:,} bytes at the end are no intact line"
        if len(problems) > 1:
            what += f"; {len(problems) - 1} more like it, {self.journal('verify')} lists all"
        severity: Severity = "warning" if first.kind == "torn" else "error"
        remedy = self._remedy(first)
        return self.finding(severity, first.kind, where, what, remedy, first.offset, first.seq)

    def _remedy(self, problem: Problem) -> str:
        if problem.kind == "torn" or problem.reason.endswith(_AFTER_SEAL):
            return (
                "usually nothing to do: a writer died in the middle of what was never "
                "acknowledged, and the next write sets it aside in archive/ and cuts it off. If "
                "none has died, a disk may have damaged the last event: restore the file from a "
                "backup"
            )
        if problem.where == self.case.paths.log:
            return (
                f"{_RESTORE}; nothing else brings the lost back, but all other events are "
                f"read. To go on without, {self.journal('compact')} writes a clean log and "
                "keeps this one in archive/ as evidence"
            )
        return (
            f"{_RESTORE}: the state is complete, only history is concerned. To go on without, "
            f"{self.journal('compact', '--drop-history')} drops all history, as soon as "
            "something in the log has been overwritten or cleared since the last compaction"
        )


def no_folder(archive: File) -> Finding:
    """What is not the folder of archives but has its name."""
    remedy = f"move it out of the folder: {shell('mv', '--', archive.path, '/somewhere')}"
    if archive.kind == "a symbolic link":
        target = os.path.realpath(archive.path)
        steps = [("rm", "--", archive.path), ("mv", "--", target, archive.path)]
        remedy = f"put the folder in its place: `{' && '.join(shell(*x)[1:-1] for x in steps)}`"
    return Finding(
        severity="error",
        kind="not-a-file",
        session_id=None,
        path=shown(archive.path),
        what=f"is {archive.kind}, where the archives should be",
        remedy=remedy,
    )


def _in_place(file: File) -> str:
    target = os.readlink(file.path)
    return shell("mv", "--", os.path.join(os.path.dirname(file.path), target), file.path)


def _is_log(name: str) -> bool:
    return name.endswith((LOG_SUFFIX, f"{LOG_SUFFIX}.gz"))


def _base_of(name: str) -> int:
    """The event that an archive's name says it reaches."""
    number = name.split(".")[1].partition("-")[0]
    return int(number) if number.isascii() and number.isdigit() else 0
