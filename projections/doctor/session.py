"""The examination of one session: its log, its archives and its session file. Changes nothing."""

from collections.abc import Iterator

from journal.config import Limits
from journal.engines.files.storage import Storage
from journal.names import has_digest, session_id_of
from projections.doctor import damage
from projections.doctor.archives import Archives
from projections.doctor.contents import Contents
from projections.doctor.debris import Debris
from projections.doctor.environment import check_clock
from projections.doctor.finding import Finding, shown
from projections.doctor.findings import Findings
from projections.doctor.folder import (
    Ends,
    File,
    ends_of,
)
from projections.doctor.locks import is_left
from projections.doctor.problems import Problems
from projections.doctor.session_files import check_session_file
from projections.view import View


class SessionExamination:
    """One look at the files in the inventory of `findings`; `quick` looks at the log's ends."""

    def __init__(
        self, storage: Storage, findings: Findings, limits: Limits, *, quick: bool
    ) -> None:
        self._storage = storage
        self._findings = findings
        self._limits = limits
        self._quick = quick

    def run(self) -> Iterator[Finding]:
        """Raises OSError when a file cannot be read."""
        inventory, log = self._findings.inventory, self._findings.inventory.log
        for file in inventory.files:
            if not file.is_regular:
                yield damage.not_a_file(self._findings, file)
        if log is None:
            yield from self._examine_without_log()
        elif not log.is_regular:
            return
        elif session_id_of(inventory.paths.stem) is None and not has_digest(inventory.paths.stem):
            yield damage.misnamed(self._findings, log)
        else:
            yield from self._examine_file(log)

    def _examine_file(self, log: File) -> Iterator[Finding]:
        """A regular file that has the name of a log."""
        ends = ends_of(self._storage, log.path)
        other = damage.not_its_log(self._findings, log, ends)
        if other is not None:
            yield other
        elif ends.header is not None or damage.has_intact_line(self._storage, log):
            yield from self._examine_log(ends)
        elif is_left(self._storage, log):
            yield damage.without_lines(self._storage, self._findings, log)

    def _examine_without_log(self) -> Iterator[Finding]:
        yield from damage.lost_log(self._storage, self._findings)
        yield from Debris(self._storage, self._findings).files()
        if self._findings.inventory.session_file is not None:
            yield from self._examine_session_file(None)

    def _examine_log(self, ends: Ends) -> Iterator[Finding]:
        debris = Debris(self._storage, self._findings)
        yield from debris.unfinished(ends)
        if ends.seal is not None and ends.seal.reason == "deleted":
            return
        problems = Problems(self._storage, self._findings)
        found = list(problems.quick(ends) if self._quick else problems.verify())
        yield from found
        yield from debris.files()
        yield from Archives(self._storage, self._findings).check(ends.header)
        yield from check_clock(self._findings, ends)
        if self._quick:
            yield from self._examine_session_file(None)
        else:
            log = shown(self._findings.inventory.paths.log)
            damaged = any(finding.is_damage and finding.path == log for finding in found)
            yield from self._examine_contents(log_is_damaged=damaged)

    def _examine_contents(self, *, log_is_damaged: bool) -> Iterator[Finding]:
        contents = Contents(self._storage, self._findings)
        if not contents.read():
            return
        yield from self._examine_session_file(contents.view, log_is_damaged=log_is_damaged)
        yield from contents.snapshot()
        yield from contents.limits(self._limits)
        yield from contents.dead()

    def _examine_session_file(
        self, view: View | None, *, log_is_damaged: bool = False
    ) -> Iterator[Finding]:
        file = self._findings.inventory.session_file
        if file is None or file.is_regular:
            yield from check_session_file(
                self._storage, self._findings, view, log_is_damaged=log_is_damaged
            )
