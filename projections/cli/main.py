"""The entry point: which commands there are, and what becomes of errors.

Start-up is part of how a command feels: this module imports click, and a command's own
module when that command is asked for.

Exit codes: 0 fine; 1 a negative answer (differences, a failed verification) or a failure;
2 usage; 3 not found; 4 damaged data; 130 interrupted.
"""

import difflib
import importlib
import logging
import os
import sys
from io import TextIOWrapper

import click

from journal import __version__
from journal.errors import (
    DamagedError,
    HistoryError,
    JournalError,
    NotFoundError,
    StateTypeError,
    StateValueError,
    UnsupportedFormatError,
    WrongSessionError,
)
from projections.cli.terminal import plain

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_NOT_FOUND = 3
EXIT_DAMAGED = 4
EXIT_INTERRUPTED = 130

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
        "verify": ("care", "Check every line, the chain and the archives."),
        "doctor": ("doctor", "Find damage, leftovers and other trouble, and what to do."),
        "compact": ("care", "Rewrite a session's log with only what lives."),
        "export": ("export", "Write a session's history, or its session file, elsewhere."),
        "delete": ("care", "Delete a session with its history."),
    },
    "Learn": {
        "demo": ("demo", "Show the journal at work on a small session."),
        "schema": ("schema", "Print the JSON Schema of what -o json and jsonl give."),
        "completion": ("completion", "Print the completion script for a shell."),
    },
}
"""By section: each command's module in this package, and its first line of help."""


class Commands(click.Group):
    """The commands of the table, each imported when it is asked for."""

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
    4 damaged data, 130 interrupted.
    """


def main() -> None:
    """The entry point: errors become one line on standard error and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character
    _send_log_to_stderr()
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
        if code:  # of a command that has ended with click's Exit
            sys.exit(code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        _drop_output()  # whoever read it has had enough
    except (JournalError, OSError) as error:
        click.echo(f"journal: {plain(_message(error))}", err=True)
        _drop_output()
        sys.exit(exit_code_of(error))


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, JournalError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def exit_code_of(error: Exception) -> int:
    """What an error means to a script."""
    match error:
        case NotFoundError() | HistoryError():
            return EXIT_NOT_FOUND
        case DamagedError() | UnsupportedFormatError() | WrongSessionError():
            return EXIT_DAMAGED
        case StateTypeError() | StateValueError():
            return EXIT_USAGE
        case _:
            return EXIT_FAILURE


class _Notices(logging.Handler):
    """What the library logs, as notices on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"journal: {plain(record.getMessage())}", err=True)


def _send_log_to_stderr() -> None:
    logger = logging.getLogger("journal")
    logger.addHandler(_Notices())
    logger.propagate = False


def _drop_output() -> None:
    """What could not be written cannot be at exit either; Python would complain again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
