"""Erasing in many sessions: the logs first, then the session files, each by itself."""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from journal.backend import Backend
from journal.errors import JournalError
from journal.reports import ErasureReport, Unerased
from journal.reprs import count, repr_of_parts
from projections.erasing import StoreChoice
from projections.store.engine import SessionFiles
from projections.store.open_sessions import OpenSessions
from projections.store.refreshing import PATIENCE

_UNKNOWN = "whose session is not known; it was not searched, so delete it if you do not need it"


class ErasureSummary(Struct, frozen=True, kw_only=True):
    """What was erased, or would be: `sessions` are those in which anything was found.

    `searched` is how many sessions were looked at.
    """

    searched: int
    sessions: list[ErasureReport]

    @property
    def states(self) -> int:
        """How many states were erased in all."""
        return sum(report.states for report in self.sessions)

    @property
    def files(self) -> list[str]:
        """The files that were rewritten or removed."""
        return [path for report in self.sessions for path in report.files]

    @property
    def is_complete(self) -> bool:
        """Whether nothing was found that could not be taken out."""
        return not any(report.kept for report in self.sessions)

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield count(self.states, "state")
        yield count(len(self.sessions), "session")
        yield count(len(self.files), "file")
        if not self.is_complete:
            yield "incomplete"


class Eraser:
    """One erasure in the sessions of a store."""

    def __init__(
        self,
        backend: Backend,
        files: SessionFiles | None,
        sessions: OpenSessions,
        choice: StoreChoice,
        *,
        forget_digest: bool,
        dry_run: bool,
    ) -> None:
        self._backend = backend
        self._files = files
        self._sessions = sessions
        self._choice = choice
        self._forget_digest = forget_digest
        self._dry_run = dry_run

    def run(
        self,
        session_ids: Iterable[str],
        on_session: Callable[[str], object] | None,
        unknown: Iterable[str] = (),
    ) -> ErasureSummary:
        """Erase in these. What goes wrong in one is in its report, and does not stop the rest.

        `unknown` are files that may hold anything, too.
        """
        searched = 0
        found = [_nothing("", Unerased(what=f"file {path}", reason=_UNKNOWN)) for path in unknown]
        for session_id in session_ids:
            if on_session is not None:
                on_session(session_id)
            searched += 1
            report = self._session(session_id)
            if not report.is_empty:
                found.append(report)
        return ErasureSummary(searched=searched, sessions=found)

    def _session(self, session_id: str) -> ErasureReport:
        try:
            report = self._backend.erase(
                session_id,
                self._choice,
                forget_digest=self._forget_digest,
                dry_run=self._dry_run,
            )
        except JournalError as error:
            return _nothing(session_id, Unerased(what="session", reason=str(error)))
        report = report or _nothing(session_id)
        if self._files is None:
            return report
        try:
            return self._in_file(report, self._files)
        except JournalError as error:
            kept = Unerased(what="session file", reason=str(error))
            return replace(report, kept=[*report.kept, kept])

    def _in_file(self, report: ErasureReport, files: SessionFiles) -> ErasureReport:
        """After the log, of whose states the session file has a copy."""
        file, masked = files.of(report.session_id), self._choice.masked
        path, holds = file.path, file.holds(masked)
        if not self._dry_run and (holds or report.states):
            self._sessions.get(report.session_id).erase_in_file(masked, PATIENCE)
        return replace(report, files=[*report.files, path]) if holds else report


def _nothing(session_id: str, *kept: Unerased) -> ErasureReport:
    return ErasureReport(session_id=session_id, states=0, blanked=0, files=[], kept=list(kept))
