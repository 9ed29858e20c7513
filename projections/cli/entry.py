"""Runs the command, and turns errors into messages and exit codes."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EBADF, EDQUOT, EFBIG, EIO, ENOSPC
from io import TextIOWrapper

import click

from journal.errors import DamagedError, JournalError
from projections.cli.exit_codes import (
    EXIT_DAMAGED,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    Terminated,
    exit_code_of,
)
from projections.cli.group import ReaderGoneError, cli
from projections.cli.notices import is_completing, print_log
from projections.cli.terminal.output import notice, plain
from projections.cli.terminal.pager import PagerGone, finish

_CLICKS_LEAST = 52
_LEAST_HELP = 30

_OF_OUTPUT = (ENOSPC, EDQUOT, EFBIG, EIO, EBADF)
"""Numbers of errors that writing to standard output may raise, without the name of a file."""


def run() -> None:
    """Run the command: errors become one line on standard error and an exit code."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character
    try:
        with _interruptible():
            code = _run()
    except (click.ClickException, JournalError, OSError) as error:
        code = _failed(error)
    except RecursionError:  # while drawing or comparing a state that we would not have written
        code = _failed(DamagedError("a state is nested too deep to be shown"))
    except (click.Abort, KeyboardInterrupt, Terminated) as error:
        _drop_output()  # a reader that does not read must not hold us up
        code = EXIT_TERMINATED if isinstance(error, Terminated) else EXIT_INTERRUPTED
        if code == EXIT_INTERRUPTED and sys.stderr.isatty():
            sys.stderr.write("\n")  # the terminal has shown ^C
    except ReaderGoneError:
        _drop_output()
        code = 0
    except PagerGone as gone:
        _drop_output()
        code = gone.exit_code
    finally:
        finish()
    if code:
        sys.exit(code)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Within the block Ctrl-C raises KeyboardInterrupt, before and after it ends the process.

    So it has no traceback while Python shuts down either. What was to be cleaned up is by then.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_DFL:
        yield  # it is ignored, or somebody else's
        return
    report_unraisable = sys.unraisablehook

    def end_if_interrupted(unraisable: "sys.UnraisableHookArgs") -> None:
        """Python drops what is raised where an object is deleted, and would only print it."""
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        report_unraisable(unraisable)

    try:
        sys.unraisablehook = end_if_interrupted
        signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.unraisablehook = report_unraisable


def _run() -> int:
    """Run the command. Returns its exit code."""
    notices = print_log()
    code = _invoke()
    try:
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGoneError from error
    finish()  # so that what is said last is not hidden by the pager
    damage = notices.damage_met()
    if damage is not None:
        notice(f"{damage}; `journal doctor` says what to do")
        return EXIT_DAMAGED
    return code


def _invoke() -> int:
    """Do what the arguments say. Returns the exit code.

    For a command this is what click's `main` does, except that an interrupt prints nothing.
    """
    if is_completing():
        from projections.cli.completion.shells import install

        install()
        code: int = cli.main(prog_name="journal", standalone_mode=False) or 0
        return code
    main = sys.modules["__main__"]
    program = "python -m journal" if getattr(main, "__package__", None) else "journal"
    try:
        with cli.make_context(program, sys.argv[1:], terminal_width=_narrow()) as context:
            cli.invoke(context)
    except click.exceptions.Exit as error:
        return error.exit_code
    return 0


def _narrow() -> int | None:
    """Columns of a narrow terminal; None for others. Click writes help for 50 columns or more."""
    columns = shutil.get_terminal_size().columns
    return max(columns, _LEAST_HELP) if columns < _CLICKS_LEAST else None


def _failed(error: Exception) -> int:
    if isinstance(error, click.ClickException):
        _show_usage(error)
        return error.exit_code
    try:
        sys.stdout.flush()  # what was found before the error
    except OSError:
        pass  # either this is the error, or it is one more like it
    finish()
    notice(_message(error))
    _drop_output()
    return exit_code_of(error)


def _show_usage(error: click.ClickException) -> None:
    """Show it as click does, but with control characters escaped: messages quote the input."""
    if isinstance(error, click.UsageError) and not isinstance(error, _QUOTES_NOTHING):
        error = click.UsageError(plain(error.format_message()), error.ctx)
    error.show()


_QUOTES_NOTHING = (
    click.MissingParameter,
    # The whole help, if nothing was typed; click has this error since 8.2.
    getattr(click.exceptions, "NoArgsIsHelpError", click.MissingParameter),
)
"""Errors that quote nothing of the input, and have line breaks of their own."""


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, JournalError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    if type(error) is OSError and error.errno in _OF_OUTPUT:
        return f"standard output: {error.strerror}"
    return str(error)


def _open_closed_streams() -> None:
    """Open the null device for each stream that was closed by the caller; Python has None then."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def _drop_output() -> None:
    """Drop output that could not be written: Python would try again at exit, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
