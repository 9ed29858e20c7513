"""The errors of the journal: one class for each thing that a caller can act on.

Every error is a `JournalError`. Most are also a fitting built-in (`TypeError`, `ValueError`,
`OSError`, `TimeoutError`), so that code that knows nothing of the journal still catches the
right thing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journal.events import Cursor, Head


class JournalError(Exception):
    """The root of all errors the journal raises on purpose."""


class StateTypeError(JournalError, TypeError):
    """A state has a value of a type that JSON lacks, or another argument has the wrong type.

    For a state, the message names the path of the value.
    """


class StateValueError(JournalError, ValueError):
    """A state has a value that JSON cannot carry (NaN, a lone surrogate …), or another argument,
    such as an id, a time or a ref, has an impossible value.
    """


class LimitExceededError(StateValueError):
    """A state is larger than a limit allows; nothing was written."""


class ClosedError(JournalError, ValueError):
    """The store was closed."""


class ReentryError(JournalError, RuntimeError):
    """An append was interrupted, on its own thread, by another append to the same session."""


class ConflictError(JournalError):
    """Somebody has appended since the head that a caller expected; nothing was written.

    `expected` is that head, `head` the newest one. Read what is there now, and decide again.
    """

    def __init__(self, message: str, expected: "Head", head: "Head") -> None:
        super().__init__(message, expected, head)  # all three, so that it can be pickled
        self.expected = expected
        self.head = head

    def __str__(self) -> str:
        return str(self.args[0])


class ChangedError(JournalError):
    """A session has changed since it was listed, or is gone; nothing was deleted."""


class LockTimeoutError(JournalError, TimeoutError):
    """Another writer held the session for longer than the lock timeout."""


class StorageError(JournalError, OSError):
    """The operating system refused a call; `errno` is its error number, if it gave one."""

    def __str__(self) -> str:
        return self.strerror or super().__str__()


class AppendError(StorageError):
    """An append failed, and nothing of it is in the log."""


class SyncError(StorageError):
    """A sync failed: it is unknown whether the last writes survive a power cut."""


class ReadError(StorageError):
    """A file exists but cannot be read. It must not be taken for an empty session."""


class DamagedError(JournalError):
    """The bytes on disk are not those that were written."""


class EncryptionKeyError(JournalError, LookupError):
    """A state is encrypted, and the key is not there: none was given, or others.

    `key_id` is the id of the key, `session_id` None where the session is not known, `given` the
    ids of the keys that are there. `journal.ciphertext.key_error` makes it.
    """

    def __init__(
        self, message: str, key_id: str, session_id: str | None, given: tuple[str, ...]
    ) -> None:
        super().__init__(message, key_id, session_id, given)  # all, so that it can be pickled
        self.key_id = key_id
        self.session_id = session_id
        self.given = given

    def __str__(self) -> str:
        return str(self.args[0])


class EncryptionSettingError(JournalError, ValueError):
    """The keys of a store cannot be used: no key, no key file, or what is no key."""


class LowFormatError(JournalError):
    """A log's file is of a format too low for an event; a compaction raises it. See `compact`."""


class UnsupportedFormatError(JournalError):
    """A newer version wrote the log; this version does not touch it."""


class WrongSessionError(JournalError):
    """A file belongs to a session other than the one that its name says."""


class SessionFileError(JournalError):
    """The session file (`<session>.json`) cannot be read or written."""


class CompactionError(JournalError):
    """A compaction failed; the log is as it was."""


class CompactionAbandonedError(CompactionError):
    """A compaction gave way: to another one of the session, to a change of the log, or to a
    request to stop. Nothing is wrong, and the log is as it was.
    """


class NotFoundError(JournalError, LookupError):
    """There is no such session, runtime, turn or event."""


class ExistsError(JournalError, ValueError):
    """There is a session of that id already."""


class ForkedError(JournalError):
    """A session cannot be deleted: forks share its history. `forks` are their ids."""

    def __init__(self, message: str, forks: Sequence[str] = ()) -> None:
        super().__init__(message, tuple(forks))  # both, so that it can be pickled
        self.forks = tuple(forks)

    def __str__(self) -> str:
        return str(self.args[0])


class HistoryError(JournalError):
    """The requested history was dropped by a compaction, or is lost."""


class CursorError(JournalError, LookupError):
    """A cursor leads to no event of the log: the log was restored, replaced or cut.

    `cursor` is the refused cursor. `resume_after` is the cursor to go on from: after the newest
    event that is still the one that was read or, if none is known, before the first event.
    """

    def __init__(self, message: str, cursor: "Cursor", resume_after: "Cursor") -> None:
        super().__init__(message, cursor, resume_after)  # all three, so that it can be pickled
        self.cursor = cursor
        self.resume_after = resume_after

    def __str__(self) -> str:
        return str(self.args[0])


class FolderError(JournalError, ValueError):
    """It is unclear which folder is meant: `~` stands for a home folder that is unknown."""
