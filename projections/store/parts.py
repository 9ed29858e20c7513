"""What a store consists of: what its methods, which stand in several rooms, have in common."""

from typing import TYPE_CHECKING

from journal.backend import Backend
from projections.store.compacting import Compactor
from projections.store.engine import SessionFiles
from projections.store.open_sessions import OpenSessions
from projections.store.writer import StoreWriter

if TYPE_CHECKING:
    from projections.store.pruning.schedule import PruneSchedule


class StoreParts:
    """`DefaultSessionStore.__init__` makes them; they stay the same from then on."""

    _backend: Backend
    _files: SessionFiles | None
    _sessions: OpenSessions
    _writer: StoreWriter
    _compactor: Compactor
    _pruning: "PruneSchedule | None"
