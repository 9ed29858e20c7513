"""What no reader may take for a session's log, and what it says then."""

from journal.codec import NEWEST
from journal.engines.files.recovery import lost_its_beginning
from journal.engines.files.segment import Segment
from journal.errors import DamagedError, UnsupportedFormatError, WrongSessionError
from journal.events import Open
from journal.names import Paths
from journal.scan import Scanner


def check_beginning(segment: Segment) -> None:
    """Refuse a file, read as far as it goes, that holds bytes of which nothing could be read.

    Raises `DamagedError`, and `UnsupportedFormatError` when that is why.
    """
    scanner, paths = segment.scanner, segment.paths
    if scanner.header is not None or scanner.count or scanner.seal is not None:
        return
    if scanner.newer_format is not None:
        raise newer_format_error(paths, scanner)
    if lost_its_beginning(segment):
        raise DamagedError(
            f"{paths.log}: is not a journal log, or not any more: neither a header "
            "nor any intact event is in it. Restore it from a backup, or move it and what "
            f"{paths.archive} has of it away"
        )


def check_session(paths: Paths, header: Open | None) -> None:
    """Refuse a file that says it is of another session. Raises `WrongSessionError`."""
    if header is not None and header.session_id != paths.session_id:
        raise WrongSessionError(
            f"{paths.log}: holds session {header.session_id!r}, not "
            f"{paths.session_id!r}. Was it copied or renamed? Move it away"
        )


def newer_format_error(paths: Paths, scanner: Scanner) -> UnsupportedFormatError:
    """The error for a log that a newer version has written."""
    return UnsupportedFormatError(
        f"{paths.log}: is of format {scanner.newer_format}, this version knows "
        f"formats up to {NEWEST}. Upgrade runtime-journal to a version that knows it"
    )
