"""Makes a session ready for use: its log, what is folded from it, its session file."""

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from projections.store.dirty import Dirty
from projections.store.encoder import StateEncoder
from projections.store.folded import FoldedSession
from projections.store.older import OlderSession
from projections.store.refreshing import Budget, FileRefresher
from projections.store.session import Session
from projections.store.session_file import SessionFile


class SessionOpener:
    """Opens sessions of one engine, as a store's settings want them. Touches no file."""

    def __init__(
        self, backend: Directory, options: LogOptions, encoder: StateEncoder, *, in_files: bool
    ) -> None:
        self._backend = backend
        self._options = options
        self._encoder = encoder
        self._in_files = in_files
        self._syncs = options.durability == "fsync"
        self._budget = Budget()

    def open(self, session_id: str, stale: Dirty, unsynced: Dirty) -> Session:
        """The session. Its appends mark it in `stale`, where there are session files, and in
        `unsynced`, where only a flush makes them durable.
        """
        folded = FoldedSession()
        log = self._backend.open(session_id, folded)
        file = self._file(session_id)
        return Session(
            session_id,
            log,
            folded,
            file,
            OlderSession(session_id, file, self._encoder),
            FileRefresher(session_id, log, folded.view, file, stale, self._budget),
            self._marked(stale, unsynced),
        )

    def _marked(self, stale: Dirty, unsynced: Dirty) -> list[Dirty]:
        if not self._in_files:
            return []
        return [stale] if self._syncs else [stale, unsynced]

    def _file(self, session_id: str) -> SessionFile | None:
        if not self._in_files:
            return None
        paths = self._backend.paths(session_id)
        return SessionFile(self._options.storage, paths, durable=self._syncs)
