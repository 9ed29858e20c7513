"""What verification finds, and what helps: most of all, where the lost is whole still."""

import os
from collections.abc import Iterator

from journal.backend import Problem
from journal.engines.files.restoring import RestoreReport
from journal.engines.files.storage import Storage
from journal.engines.files.verification import Verification
from journal.names import LOG_SUFFIX
from projections.doctor.access import is_barred
from projections.doctor.damage import PERMISSION, Trouble
from projections.doctor.finding import Finding, Severity, shell
from projections.doctor.folder import Ends
from projections.doctor.losses import RESTORABLE, by_file, what_can_be_restored
from projections.doctor.remedies import Advice, Remedy

_AFTER_SEAL = "after a seal"


class Problems:
    """The damage of one session's log and archives."""

    def __init__(self, storage: Storage, trouble: Trouble) -> None:
        self._storage = storage
        self._trouble = trouble
        self._case = trouble.case
        self._losses: RestoreReport | None = None  # where something can be put back

    def quick(self, ends: Ends) -> Iterator[Finding]:
        """What the first line alone shows."""
        if ends.header is None:
            what = "the header is not intact"
            where = self._case.paths.log
            yield self._of_problems(
                [Problem(kind="header", where=where, offset=0, length=0, seq=None, reason=what)]
            )

    def verify(self) -> Iterator[Finding]:
        """All that verification finds, alike in one file together."""
        try:
            report = Verification(self._storage, self._case.paths, None).run()
        except OSError as error:
            yield from self._trouble.unreadable(self._case.paths.log, error)
            return
        groups: dict[tuple[str, str], list[Problem]] = {}
        for problem in report.problems:
            groups.setdefault((problem.kind, problem.where), []).append(problem)
        log = self._case.paths.log
        if any(where == log and kind in RESTORABLE for kind, where in groups):
            self._losses = what_can_be_restored(self._storage, self._case.paths)
        for (kind, where), problems in groups.items():
            if kind != "unreadable":
                yield self._of_problems(problems)
            elif not is_barred(_as_packed(where)):
                yield self._unreadable_archive(problems[0])

    def _unreadable_archive(self, problem: Problem) -> Finding:
        path = _as_packed(problem.where)
        advice = Remedy.CHECK_DISK.of()
        if problem.reason.endswith(tuple(map(os.strerror, PERMISSION))):
            advice = Remedy.FIND_REFUSAL.of(command=shell("ls", "-lZ", "--", path))
        return self._trouble.finding("error", "unreadable", path, problem.reason, advice)

    def _of_problems(self, problems: list[Problem]) -> Finding:
        """Problems of one kind in one file; the place is that of the first."""
        first = problems[0]
        where = _as_packed(first.where)
        what = first.reason
        if first.kind == "torn":
            what = f"{first.length:,} bytes at the end are no intact line"
        if len(problems) > 1:
            what += (
                f"; {len(problems) - 1} more like it, {self._trouble.journal('verify')} lists all"
            )
        losses = self._losses
        if self._can_be_restored(first) and losses is not None and losses.restored:
            what += f"; {by_file(losses.restored, 'is whole in', 'are whole in')}"
            what += "".join(f"; {line}" for line in losses.left)
        severity: Severity = "warning" if first.kind == "torn" else "error"
        advice = self._advice(first)
        return self._trouble.finding(
            severity, first.kind, where, what, advice, first.offset, first.seq
        )

    def _advice(self, problem: Problem) -> Advice:
        if problem.kind == "torn" or problem.reason.endswith(_AFTER_SEAL):
            return Remedy.WAIT_FOR_WRITE.of()
        if problem.where == self._case.paths.log:
            return self._advice_for_log(problem)
        return Remedy.RESTORE_OR_DROP.of(
            command=self._trouble.journal("compact", "--drop-history")
        )

    def _can_be_restored(self, problem: Problem) -> bool:
        """By `--restore`, at least in part, or from a copy that somebody has."""
        return problem.where == self._case.paths.log and problem.kind in RESTORABLE

    def _advice_for_log(self, problem: Problem) -> Advice:
        compact = self._trouble.journal("compact")
        drop = self._trouble.journal("compact", "--drop-history")
        if not self._can_be_restored(problem):
            return Remedy.RESTORE_OR_COMPACT.of(command=compact, drop=drop)
        losses, session_id = self._losses, self._case.paths.session_id
        if losses is not None and losses.restored:
            return Remedy.RESTORE_LINES.of(command=self._trouble.commands.restore(session_id))
        if losses is not None and not losses.left:
            return Remedy.TAKE_OUT.of(command=self._trouble.commands.restore(session_id))
        copy = f"/backup/{self._case.paths.stem}{LOG_SUFFIX}"
        restore = self._trouble.commands.restore(session_id, "--from", copy)
        return Remedy.RESTORE_LINES_OR_COMPACT.of(command=compact, restore=restore, drop=drop)


def _as_packed(archive: str) -> str:
    """The file that stands for an archive, or for what is none."""
    packed = f"{archive}.gz"
    return packed if not os.path.lexists(archive) and os.path.lexists(packed) else archive
