"""What a store consists of: what its methods, which stand in several rooms, have in common."""

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from projections.store.compacting import Compactor
from projections.store.open_sessions import OpenSessions
from projections.store.writer import StoreWriter


class StoreParts:
    """`DefaultSessionStore.__init__` makes them; they stay the same from then on."""

    _backend: Directory
    _options: LogOptions
    _in_files: bool
    _sessions: OpenSessions
    _writer: StoreWriter
    _compactor: Compactor
