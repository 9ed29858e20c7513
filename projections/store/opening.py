"""Makes a session ready for use: its log, what is folded from it, its session file."""

from functools import partial

from projections.store.background import Maintenance
from projections.store.dirty import Dirty
from projections.store.encoder import StateEncoder
from projections.store.engine import Engine
from projections.store.folded import FoldedSession
from projections.store.older import OlderSession
from projections.store.refreshing import Budget, FileRefresher
from projections.store.session import Session


class SessionOpener:
    """Opens sessions of one engine, as a store's settings want them. Touches no file."""

    def __init__(self, engine: Engine, encoder: StateEncoder, maintenance: Maintenance) -> None:
        self._backend = engine.backend
        self._files = engine.files
        self._encoder = encoder
        self._maintenance = maintenance
        self._budget = Budget()

    def open(self, session_id: str, stale: Dirty, unsynced: Dirty) -> Session:
        """The session. Its appends mark it in `stale`, where there are session files, and in
        `unsynced`, where only a flush makes them durable.
        """
        folded = FoldedSession(self._backend.opener(session_id))
        log = self._backend.open(session_id, folded)
        file = self._files.of(session_id) if self._files is not None else None
        return Session(
            session_id,
            log,
            folded,
            file,
            OlderSession(session_id, file, self._encoder),
            FileRefresher(
                session_id,
                log,
                folded.view,
                file,
                stale,
                self._budget,
                partial(self._maintenance.schedule, at_exit=True),
            ),
            self._marked(stale, unsynced),
            self._backend.durability,
        )

    def _marked(self, stale: Dirty, unsynced: Dirty) -> list[Dirty]:
        marked = [stale] if self._files is not None else []
        return [*marked, unsynced] if self._backend.durability == "os" else marked
