"""The write side: events, the append-only log of each session, compaction, recovery."""

from journal.config import Durability, GatewayConfig, Limits, SessionConfig
from journal.errors import (
    AppendError,
    ClosedError,
    CompactionError,
    DamagedError,
    JournalError,
    LimitExceededError,
    LockTimeoutError,
    ReadError,
    RebuildError,
    SessionFileError,
    StateTypeError,
    StateValueError,
    StorageError,
    SyncError,
    UnsupportedFormatError,
    WrongSessionError,
)
from journal.redaction import redact

__version__ = "0.1.0"

__all__ = [
    "AppendError",
    "ClosedError",
    "CompactionError",
    "DamagedError",
    "Durability",
    "GatewayConfig",
    "JournalError",
    "LimitExceededError",
    "Limits",
    "LockTimeoutError",
    "ReadError",
    "RebuildError",
    "SessionConfig",
    "SessionFileError",
    "StateTypeError",
    "StateValueError",
    "StorageError",
    "SyncError",
    "UnsupportedFormatError",
    "WrongSessionError",
    "__version__",
    "redact",
]
