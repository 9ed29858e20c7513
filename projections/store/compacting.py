"""Compaction: when a caller wants it, and in the background when a log is bloated."""

from collections.abc import Callable

from journal.backend import History
from journal.errors import CompactionAbandonedError, StorageError
from journal.forking import AT_ONCE
from journal.reports import CompactionReport
from projections.store.background import Maintenance
from projections.store.engine import Engine
from projections.store.locks import SessionLocks
from projections.store.open_sessions import OpenSessions
from projections.store.session import Session


class Compactor:
    """Compacts the sessions of one store, one compaction of a session at a time."""

    def __init__(
        self,
        engine: Engine,
        sessions: OpenSessions,
        maintenance: Maintenance,
        history: History,
        *,
        is_automatic: bool,
    ) -> None:
        """`history` says what becomes of what is taken out, unless a caller says it."""
        self._backend = engine.backend
        self._pack = engine.pack
        self._sessions = sessions
        self._history: History = history
        self._locks = SessionLocks()
        self.is_automatic = is_automatic
        self.maintenance = maintenance

    def compact(self, session_id: str, history: History | None) -> CompactionReport | None:
        """Compact now. Waits for another compaction of the session by this store.

        Raises as `Backend.compact`.
        """
        session = self._sessions.get(session_id)
        lock = self._locks.of(session_id)
        with lock:
            report = self._backend.compact(session_id, history or self._history)
            self._note(session, report)
            if report is not None:
                session.refresher.refresh_compacted()
            return report

    def schedule(self, session_id: str) -> None:
        """Compact in the background, if that is still due then."""
        self.maintenance.schedule(
            f"compaction of session {session_id!r}",
            lambda stop: self._compact_if_due(session_id, stop),
        )

    def _compact_if_due(self, session_id: str, stop: Callable[[], bool]) -> None:
        """While the store may be closing."""
        lock = self._locks.of(session_id)
        has_lock: list[bool] = []
        try:
            has_lock += map(lock.acquire, AT_ONCE)
            if not has_lock[0]:
                return
            session = self._sessions.open(session_id)
            if session.bloat.is_settled():
                return  # by the job before this one
            report = self._compacted(session, stop)
            if report is not None and report.bytes_after != report.bytes_before:
                self._note(session, report)
                session.refresher.refresh_compacted(timeout=0.0, pause=stop)
        finally:
            if has_lock and has_lock[0]:
                lock.release()

    def _compacted(self, session: Session, stop: Callable[[], bool]) -> CompactionReport | None:
        """Others may be at it, or have done it: then nothing is done, and not soon again."""
        bloat = session.bloat
        try:
            return self._backend.compact(session.session_id, self._history, stop, bloat.is_wanted)
        except (CompactionAbandonedError, StorageError):
            bloat.wait_until_doubled(session.log.size or 0)
            raise

    def _note(self, session: Session, report: CompactionReport | None) -> None:
        """Watch the log grow anew, and pack in the background what was taken out."""
        if report is not None:
            session.bloat.compacted(report.bytes_after)
            self._schedule_packing(session.session_id)

    def _schedule_packing(self, session_id: str) -> None:
        pack = self._pack
        if pack is not None:
            name = f"packing of session {session_id!r}"
            self.maintenance.schedule(name, lambda stop: pack(session_id, stop))
