"""The exit codes of the command, and which error leads to which.

0 fine; 1 a negative answer (differences, a failed verification) or a failure; 2 usage; 3 not
found; 4 damaged data; 5 a cursor that leads to no event; 124 time is up, as `timeout` has it; 130
interrupted; 143 terminated.
"""

from journal.errors import (
    CursorError,
    DamagedError,
    EncryptionSettingError,
    FolderError,
    HistoryError,
    NotFoundError,
    StateTypeError,
    StateValueError,
    UnsupportedFormatError,
    WrongSessionError,
)

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_NOT_FOUND = 3
EXIT_DAMAGED = 4
EXIT_CURSOR = 5
EXIT_TIME_UP = 124
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class Terminated(SystemExit):
    """Raised at a SIGTERM by a command that has to clean up before it ends."""


def exit_code_of(error: Exception) -> int:
    """The exit code that tells a script what went wrong."""
    match error:
        case NotFoundError() | HistoryError():
            return EXIT_NOT_FOUND
        case DamagedError() | UnsupportedFormatError() | WrongSessionError():
            return EXIT_DAMAGED
        case CursorError():
            return EXIT_CURSOR
        case StateTypeError() | StateValueError() | FolderError() | EncryptionSettingError():
            return EXIT_USAGE
        case _:
            return EXIT_FAILURE
