"""What can go wrong, one class per thing a caller can act on.

Every error of the journal is a `JournalError`. Most are also the built-in that
fits (`TypeError`, `ValueError`, `OSError`, `TimeoutError`), so that code which
knows nothing of the journal still catches the right thing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journal.events import Cursor


class JournalError(Exception):
    """The root of all errors the journal raises on purpose."""


class StateTypeError(JournalError, TypeError):
    """A value of a type that JSON does not have; the message names its path."""


class StateValueError(JournalError, ValueError):
    """A value that JSON cannot carry unchanged (NaN, a lone surrogate …)."""


class LimitExceededError(StateValueError):
    """A state is larger than a limit allows; nothing was written."""


class ClosedError(JournalError, ValueError):
    """The store was closed."""


class ReentryError(JournalError, RuntimeError):
    """An append was interrupted, on its own thread, by another to the same session."""


class LockTimeoutError(JournalError, TimeoutError):
    """Another writer held the session for longer than the lock timeout."""


class StorageError(JournalError, OSError):
    """The operating system refused; `errno` is its number, where it gave one."""

    def __str__(self) -> str:
        return self.strerror or super().__str__()


class AppendError(StorageError):
    """An append failed and nothing of it is in the log."""


class SyncError(StorageError):
    """A sync failed: whether what was just written survives a power cut is unknown."""


class ReadError(StorageError):
    """A file exists but cannot be read. Never to be taken for an empty session."""


class DamagedError(JournalError):
    """Bytes on disk that are not what was written there."""


class UnsupportedFormatError(JournalError):
    """The log was written by a newer version; this one does not touch it."""


class WrongSessionError(JournalError):
    """A file belongs to another session than its name says."""


class SessionFileError(JournalError):
    """The session file (`<session>.json`) cannot be read or written."""


class CompactionError(JournalError):
    """A compaction failed; the log is as it was."""


class CompactionAbandonedError(CompactionError):
    """A compaction gave way: to another one of the session, to a change of the log, or to
    whoever asked it to stop. Nothing is wrong, and the log is as it was.
    """


class NotFoundError(JournalError, LookupError):
    """There is no such session, runtime, turn or event."""


class HistoryError(JournalError):
    """History was asked for that a compaction has dropped, or that is lost."""


class CursorError(JournalError, LookupError):
    """A cursor leads to no event of the log: the log was restored, replaced or cut.

    `cursor` is the one that was refused. `resume_after` is where to go on: after the newest
    event that is known to be still the one that was read, else before the first one.
    """

    def __init__(self, message: str, cursor: "Cursor", resume_after: "Cursor") -> None:
        super().__init__(message, cursor, resume_after)  # all of them, so that it can be copied
        self.cursor = cursor
        self.resume_after = resume_after

    def __str__(self) -> str:
        return str(self.args[0])


class FolderError(JournalError, ValueError):
    """It is unclear which folder is meant: `~` stands for a home that nobody knows."""
