"""The problems that verification finds, and what helps: above all, which files still have
the lost events.
"""

import os
from collections.abc import Iterator

from journal.engines.files.restoring import RestoreReport
from journal.engines.files.storage import Storage
from journal.engines.files.verification import Verification
from journal.names import LOG_SUFFIX, packed
from journal.reports import Problem
from projections.doctor.finding import Finding, Severity, shell
from projections.doctor.findings import NOT_PERMITTED, Findings
from projections.doctor.folder import Ends
from projections.doctor.losses import RESTORABLE, by_file, what_can_be_restored
from projections.doctor.reach import is_barred
from projections.doctor.remedies import Advice, Remedy

_AFTER_SEAL = "after a seal"
_A_FORKS = "the fork's beginning"


class Problems:
    """The damage of one session's log and archives."""

    def __init__(self, storage: Storage, findings: Findings) -> None:
        self._storage = storage
        self._findings = findings
        self._inventory = findings.inventory
        self._losses: RestoreReport | None = None  # if the log has damage of `RESTORABLE` kinds

    def quick(self, ends: Ends) -> Iterator[Finding]:
        """The problem that the first line alone shows."""
        if ends.header is None:
            what = "the header is not intact"
            where = self._inventory.paths.log
            yield self._of_problems(
                [Problem(kind="header", where=where, offset=0, length=0, seq=None, reason=what)]
            )

    def verify(self) -> Iterator[Finding]:
        """All that verification finds; problems of one kind in one file are one finding."""
        try:
            report = Verification(self._storage, self._inventory.paths, None).run()
        except OSError as error:
            yield from self._findings.unreadable(self._inventory.paths.log, error)
            return
        alike: dict[tuple[str, str], list[Problem]] = {}
        for problem in report.problems:
            alike.setdefault((problem.kind, problem.where), []).append(problem)
        log = self._inventory.paths.log
        if any(where == log and kind in RESTORABLE for kind, where in alike):
            self._losses = what_can_be_restored(self._storage, self._inventory.paths)
        for (kind, where), problems in alike.items():
            if kind != "unreadable":
                yield self._of_problems(problems)
            elif not is_barred(_as_packed(where)):
                yield self._unreadable_archive(problems[0])

    def _unreadable_archive(self, problem: Problem) -> Finding:
        path = _as_packed(problem.where)
        advice = Remedy.CHECK_DISK.of()
        if problem.reason.endswith(tuple(map(os.strerror, NOT_PERMITTED))):
            advice = Remedy.FIND_WHAT_DENIES.of(command=shell("ls", "-lZ", "--", path))
        return self._findings.make("error", "unreadable", path, problem.reason, advice)

    def _of_problems(self, problems: list[Problem]) -> Finding:
        """Problems of one kind in one file; the finding names the offset of the first."""
        first = problems[0]
        where = _as_packed(first.where)
        what = first.reason
        if first.kind == "torn":
            what = f"{first.length:,} bytes at the end are not an intact line"
        if len(problems) > 1:
            what += (
                f"; {len(problems) - 1} more like it, {self._findings.journal('verify')} lists all"
            )
        losses = self._losses
        if self._can_be_restored(first) and losses is not None and losses.restored:
            what += f"; {by_file(losses.restored, 'is whole in', 'are whole in')}"
            what += "".join(f"; {line}" for line in losses.left)
        severity: Severity = "warning" if first.kind == "torn" else "error"
        advice = self._advice(first)
        return self._findings.make(
            severity, first.kind, where, what, advice, first.offset, first.seq
        )

    def _advice(self, problem: Problem) -> Advice:
        if problem.kind == "torn" or problem.reason.endswith(_AFTER_SEAL):
            return Remedy.WAIT_FOR_WRITE.of()
        if problem.where == self._inventory.paths.log:
            return self._advice_for_log(problem)
        if problem.kind == "archive" and _A_FORKS in problem.reason:
            return Remedy.RESTORE_BEGINNING.of()
        return Remedy.RESTORE_OR_DROP.of(
            command=self._findings.journal("compact", "--drop-history")
        )

    def _can_be_restored(self, problem: Problem) -> bool:
        """Whether `--restore` may put back something, from archives or from a backup."""
        return problem.where == self._inventory.paths.log and problem.kind in RESTORABLE

    def _advice_for_log(self, problem: Problem) -> Advice:
        compact = self._findings.journal("compact")
        drop = self._findings.journal("compact", "--drop-history")
        if not self._can_be_restored(problem):
            return Remedy.RESTORE_OR_COMPACT.of(command=compact, drop=drop)
        losses, session_id = self._losses, self._inventory.paths.session_id
        if losses is not None and losses.restored:
            return Remedy.RESTORE_LINES.of(command=self._findings.commands.restore(session_id))
        if losses is not None and not losses.left:
            return Remedy.TAKE_OUT.of(command=self._findings.commands.restore(session_id))
        copy = f"/backup/{self._inventory.paths.stem}{LOG_SUFFIX}"
        restore = self._findings.commands.restore(session_id, "--from", copy)
        return Remedy.RESTORE_LINES_OR_COMPACT.of(command=compact, restore=restore, drop=drop)


def _as_packed(archive: str) -> str:
    """The packed file of an archive, if only that is there; otherwise the path itself."""
    as_gzip = packed(archive)
    return as_gzip if not os.path.lexists(archive) and os.path.lexists(as_gzip) else archive
