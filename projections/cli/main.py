"""The entry point: which commands there are, and what becomes of errors.

Start-up is part of how a command feels: this module imports click, and a command's own
module when that command is asked for.

Exit codes: 0 fine; 1 a negative answer (differences, a failed verification) or a failure;
2 usage; 3 not found; 4 damaged data; 5 a cursor that leads to no event; 130 interrupted.
"""

import difflib
import importlib
import logging
import os
import re
import sys
from errno import EBADF, EDQUOT, EFBIG, EIO, ENOSPC
from io import TextIOWrapper
from typing import Any

import click

from journal import __version__
from journal.errors import (
    CursorError,
    DamagedError,
    FolderError,
    HistoryError,
    JournalError,
    NotFoundError,
    StateTypeError,
    StateValueError,
    UnsupportedFormatError,
    WrongSessionError,
)
from projections.cli.terminal import notice, plain

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_NOT_FOUND = 3
EXIT_DAMAGED = 4
EXIT_CURSOR = 5
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Look": {
        "sessions": ("listing", "List the sessions of a folder."),
        "show": ("show", "Show the state of a session, now or at any moment."),
        "log": ("log", "Show a session's events, and follow them."),
        "tail": ("log", "Follow many sessions at once."),
    },
    "Understand": {
        "history": ("versions", "Show every version of a turn."),
        "diff": ("versions", "Show what is different between two states."),
        "blame": ("versions", "Show which event set each value of a turn."),
        "replay": ("replay", "Show the turns again, at the speed of then or faster."),
        "handoffs": ("handoffs", "Show who had the session when, and what was lost."),
    },
    "Write": {
        "set": ("write", "Save a turn's state."),
        "clear": ("write", "Drop a runtime's state, or all of it."),
        "handoff": ("write", "Record that a runtime gives the session to another."),
        "takeover": ("write", "Record that a runtime takes the session over."),
    },
    "Look after": {
        "verify": ("maintain", "Check every line, the chain and the archives."),
        "doctor": ("doctor", "Find damage, leftovers and other trouble, and what to do."),
        "compact": ("maintain", "Rewrite a session's log with only what lives."),
        "export": ("export", "Write a session's history, or its session file, elsewhere."),
        "backup": ("backup", "Copy a folder of sessions while they are in use."),
        "delete": ("maintain", "Delete a session with its history."),
    },
    "Learn": {
        "demo": ("demo", "Show the journal at work on a small session."),
        "schema": ("schema", "Print the JSON Schema of what -o json and jsonl give."),
        "completion": ("completion", "Print the completion script for a shell."),
    },
}
"""By section: each command's module in this package, and its first line of help."""

_TELL_DAMAGE = frozenset((*COMMANDS["Look"], *COMMANDS["Understand"], "export"))
"""Commands that end with 4 when what they have shown is not all, because of damage."""

_LIST_DAMAGE = frozenset(("verify", "doctor"))
"""Commands whose output has all damage, or mends it: notices of it would be in the way."""

_ALL_THERE = re.compile(r".*: order at byte ", re.DOTALL)
"""A notice of lines that do not belong where they are: nothing that they hold is missing."""


class Commands(click.Group):
    """The commands of the table, each imported when it is asked for."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGoneError from error  # click has an exit code of its own for it

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for section in COMMANDS.values():
            if cmd_name in section:
                module = importlib.import_module(f"projections.cli.{section[cmd_name][0]}")
                command: click.Command = getattr(module, f"{cmd_name}_command")
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not close:
                raise
            message = f"{error.message} Did you mean {close[0]!r}?"
            raise click.UsageError(message, ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in section.items()])


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80}
)
@click.version_option(__version__, prog_name="journal", message="%(prog)s %(version)s")
def cli() -> None:
    """The journal of AI agent runtime state.

    Sessions are looked for in --dir, else $JOURNAL_DIR, else where PraisonAI keeps them.
    Data goes to standard output, notices to standard error.

    \b
    Examples:
      journal demo                    a tour on a small session
      journal tail                    what all runtimes do, live
      journal log my-session -n 20    the last 20 events
      journal handoffs my-session     who handed what to whom

    Exit codes: 0 fine, 1 a negative answer or a failure, 2 usage, 3 not found,
    4 damaged data, 5 a cursor that leads to no event, 130 interrupted.
    """


class Terminated(SystemExit):
    """What a SIGTERM becomes where there is something to put away before."""


class _ReaderGoneError(Exception):
    """Whoever read our output has had enough."""


def main() -> None:
    """The entry point: errors become one line on standard error and an exit code."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character
    try:
        code = _run()
    except (click.ClickException, JournalError, OSError) as error:
        code = _failed(error)
    except RecursionError:  # while it is drawn or compared; no state of our writing is so deep
        code = _failed(DamagedError("a state is nested too deep to be shown"))
    except (click.Abort, KeyboardInterrupt, Terminated) as error:
        _drop_output()  # a reader who does not read must not keep us
        code = EXIT_TERMINATED if isinstance(error, Terminated) else EXIT_INTERRUPTED
    except _ReaderGoneError:
        _drop_output()
        code = 0
    if code:
        sys.exit(code)


def _run() -> int:
    """Run the command. Returns its exit code."""
    notices = _send_log_to_stderr()
    code: int = cli.main(standalone_mode=False) or 0  # not 0 if it ended with click's Exit
    try:
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise _ReaderGoneError from error
    if notices.damage and not _TELL_DAMAGE.isdisjoint(sys.argv[1:2]):
        whole = all(map(_ALL_THERE.match, notices.damage))
        what = (
            "the log is damaged, though no event is missing" if whole else "not all could be read"
        )
        notice(f"{what}; `journal doctor` says what to do")
        return EXIT_DAMAGED
    return code


def _failed(error: Exception) -> int:
    if isinstance(error, click.ClickException):
        _show_usage(error)
        return error.exit_code
    try:
        sys.stdout.flush()  # what was found before
    except OSError:
        pass  # that is the error, or it is one more of the kind
    notice(_message(error))
    _drop_output()
    return exit_code_of(error)


def _show_usage(error: click.ClickException) -> None:
    """As click does, but with what was typed, which most messages quote, made harmless."""
    if isinstance(error, click.UsageError) and not isinstance(error, _QUOTES_NOTHING):
        error = click.UsageError(plain(error.format_message()), error.ctx)
    error.show()


_QUOTES_NOTHING = (
    click.MissingParameter,
    # The whole help, when nothing was typed at all; click has had it since 8.2.
    getattr(click.exceptions, "NoArgsIsHelpError", click.MissingParameter),
)
"""Errors that say nothing of what was typed, and have lines of their own."""


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, JournalError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    if type(error) is OSError and error.errno in _OF_OUTPUT:
        return f"standard output: {error.strerror}"
    return str(error)


_OF_OUTPUT = (ENOSPC, EDQUOT, EFBIG, EIO, EBADF)
"""Numbers of errors without the name of a file that writing what is shown may end with."""


def exit_code_of(error: Exception) -> int:
    """What an error means to a script."""
    match error:
        case NotFoundError() | HistoryError():
            return EXIT_NOT_FOUND
        case DamagedError() | UnsupportedFormatError() | WrongSessionError():
            return EXIT_DAMAGED
        case CursorError():
            return EXIT_CURSOR
        case StateTypeError() | StateValueError() | FolderError():
            return EXIT_USAGE
        case _:
            return EXIT_FAILURE


_PLACE = re.compile(r".*? at byte \d+", re.DOTALL)


class _Notices(logging.Handler):
    """What the library logs, as notices on standard error; damage in one place only once."""

    def __init__(self) -> None:
        super().__init__()
        self.damage: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        place = _PLACE.match(message)
        if record.levelno >= logging.ERROR and place is not None:
            if place.group() in self.damage:
                return
            self.damage.add(place.group())
            if not _LIST_DAMAGE.isdisjoint(sys.argv[1:2]):
                return
        notice(message)


def _send_log_to_stderr() -> _Notices:
    notices = _Notices()
    logger = logging.getLogger("journal")
    if "_JOURNAL_COMPLETE" not in os.environ:  # notices do not belong where somebody types
        logger.addHandler(notices)
    else:
        logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return notices


def _open_closed_streams() -> None:
    """Whoever starts us with a stream closed wants nothing from it; Python has None there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def _drop_output() -> None:
    """What could not be written cannot be at exit either; Python would complain again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
