"""The write side: events, the append-only log of each session, compaction, recovery."""

from journal import system as _system  # noqa: F401 - first: it says where the journal runs
from journal.config import Durability, GatewayConfig, Limits, SessionConfig
from journal.errors import (
    AppendError,
    ClosedError,
    CompactionAbandonedError,
    CompactionError,
    ConflictError,
    CursorError,
    DamagedError,
    FolderError,
    HistoryError,
    JournalError,
    LimitExceededError,
    LockTimeoutError,
    NotFoundError,
    ReadError,
    ReentryError,
    SessionFileError,
    StateTypeError,
    StateValueError,
    StorageError,
    SyncError,
    UnsupportedFormatError,
    WrongSessionError,
)
from journal.events import NO_HEAD, Cursor, Head
from journal.redaction import redact
from journal.reports import CompactionReport, Problem, SessionInfo, VerifyReport

__version__ = "0.1.0"

__all__ = [
    "NO_HEAD",
    "AppendError",
    "ClosedError",
    "CompactionAbandonedError",
    "CompactionError",
    "CompactionReport",
    "ConflictError",
    "Cursor",
    "CursorError",
    "DamagedError",
    "Durability",
    "FolderError",
    "GatewayConfig",
    "Head",
    "HistoryError",
    "JournalError",
    "LimitExceededError",
    "Limits",
    "LockTimeoutError",
    "NotFoundError",
    "Problem",
    "ReadError",
    "ReentryError",
    "SessionConfig",
    "SessionFileError",
    "SessionInfo",
    "StateTypeError",
    "StateValueError",
    "StorageError",
    "SyncError",
    "UnsupportedFormatError",
    "VerifyReport",
    "WrongSessionError",
    "__version__",
    "redact",
]
