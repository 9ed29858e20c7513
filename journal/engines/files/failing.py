"""What an append raises that was begun at the wrong moment, or ended by the system."""

from journal.errors import ReentryError, StorageError
from journal.names import Paths


def reentry_error(paths: Paths) -> ReentryError:
    """For an append inside of another."""
    return ReentryError(
        f"session {paths.session_id!r}: an append came in the middle of an append "
        "or a read on the same thread, from a signal handler or from what that calls. "
        "Nothing was written; set a flag there and append afterwards"
    )


def unknown_outcome(paths: Paths, error: OSError) -> StorageError:
    """For an append of which a step failed that nothing else accounts for."""
    return StorageError(
        error.errno,
        f"session {paths.session_id!r}: {paths.log}: {error.strerror}. "
        "Whether it was appended is unknown; read it back",
    )
