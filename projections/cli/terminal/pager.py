"""Long output in a pager, as git has it.

A command calls `page_output` before it prints. The pager starts with the first byte of output,
so a command that only fails has none. It reads a pipe while we still write to it: the first
page is there before the last line is known. Notices go the same way, as they would garble what
the pager draws; what comes after `finish` is on the terminal again.

The program is that of $JOURNAL_PAGER, else of $PAGER, else `less`. An empty name or `cat` stands
for none. There is none either where `less` is not installed, or where TERM is `dumb`.

While the pager runs, Ctrl-C is its own affair: `less` stops a search, or stops waiting for more.
When it ends early, so do we: silently, and at once even if we had nothing to write just then.
"""

import os
import shutil
import signal
import sys
from collections.abc import Mapping
from io import BufferedWriter, RawIOBase, TextIOWrapper
from typing import Any, TextIO

import click

from projections.cli.exit_codes import EXIT_INTERRUPTED, Terminated
from projections.cli.terminal.output import is_terminal, notice

_VARIABLES = ("JOURNAL_PAGER", "PAGER")
_DEFAULT = ["less"]
_ENVIRONMENT = {"LESS": "FRX", "LV": "-c"}
"""Set where it is not. less ends by itself if all fits on the screen, keeps colours, and leaves
the text on the screen when it ends; lv keeps colours."""

_FOR_A_SHELL = frozenset("|&;<>()$`\\\"'*?[#~=%\n")
"""Without one of these, a command is words with blanks between them."""

_UNPAGED = "the output is printed without a pager"
_SWITCHED_OFF = "projections.cli.terminal.pager.switched_off"

_paged: "_Paged | None" = None


class PagerGone(SystemExit):
    """Raised when the pager has ended while we had more to say."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


def no_pager_option() -> click.Option:
    """`--no-pager`, before the command or after it."""
    return click.Option(
        ["--no-pager"],
        is_flag=True,
        expose_value=False,
        callback=_switch_off,
        help="Print long output without a pager.",
    )


def _switch_off(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[_SWITCHED_OFF] = True


def page_output() -> None:
    """Have a pager show what is printed from now on, if standard output is a terminal."""
    global _paged
    context = click.get_current_context(silent=True)
    if context is not None and context.meta.get(_SWITCHED_OFF):
        return
    if _paged is None and is_terminal() and os.environ.get("TERM") != "dumb":
        command = _command(os.environ)
        if command is not None:
            _paged = _Paged(command)


def finish() -> None:
    """Wait until the pager, if there is one, has been left. Then the terminal is ours again."""
    global _paged
    paged, _paged = _paged, None
    if paged is not None:
        paged.finish()


def _command(env: Mapping[str, str]) -> list[str] | None:
    """The program and its arguments, or None if there is to be no pager."""
    name = next((name for name in _VARIABLES if name in env), None)
    text = env[name].strip() if name is not None else ""
    if name is not None and text in ("", "cat"):
        return None
    if not _FOR_A_SHELL.isdisjoint(text):
        return ["/bin/sh", "-c", text]
    program, *arguments = text.split() or _DEFAULT
    path = shutil.which(program)
    if path is None:
        if name is not None:
            notice(f"there is no program {program!r}, which ${name} names; {_UNPAGED}")
        return None
    return [path, *arguments]


class _Paged(RawIOBase):
    """Takes the place of standard output, and of errors if they are on a terminal too.

    The first write starts the pager; from then on what is written goes into its pipe.
    """

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._pipe: int | None = None
        self._pid: int | None = None  # None as long as it has not started, and when it has ended
        self._is_needed = True
        self._terminal, self._errors = sys.stdout, sys.stderr
        self._handlers: dict[int, Any] = {}
        sys.stdout = _text_stream(self, like=self._terminal)

    def isatty(self) -> bool:
        return True  # colours and widths are those of the terminal behind the pager

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._terminal.fileno() if self._pipe is None else self._pipe

    def write(self, data: Any) -> int:
        if self._pipe is None:
            self._start()
        return os.write(self.fileno(), data)

    def _start(self) -> None:
        ours = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
        theirs, self._pipe = os.pipe()
        self._handlers = {number: signal.getsignal(number) for number in ours}
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._terminate)
        signal.signal(signal.SIGCHLD, self._child_ended)
        try:
            self._pid = os.posix_spawn(
                self._command[0],
                self._command,
                {**_ENVIRONMENT, **os.environ},
                file_actions=[(os.POSIX_SPAWN_DUP2, theirs, 0)],
                setsigdef=[*ours, signal.SIGPIPE, signal.SIGXFSZ],
            )
        except OSError as error:
            self._restore_signals()
            os.dup2(self._terminal.fileno(), self._pipe, inheritable=False)
            program, problem = self._command[0], error.strerror
            notice(f"{program}: {problem}; {_UNPAGED}")
        else:
            if self._errors.isatty():
                sys.stderr = _text_stream(_Notices(self), like=self._errors)
        finally:
            os.close(theirs)
        self._child_ended()  # it may have ended before we knew its number

    def _child_ended(self, *signal_and_frame: object) -> None:
        status = self._reap(os.WNOHANG)
        if status is not None and self._is_needed:
            self._is_needed = False
            is_interrupted = os.waitstatus_to_exitcode(status) == -signal.SIGINT
            raise PagerGone(EXIT_INTERRUPTED if is_interrupted else 0)

    def _terminate(self, number: int, frame: object) -> None:
        self._is_needed = False  # if the pager ends now, that is no reason of its own to stop
        raise Terminated

    def _reap(self, options: int) -> int | None:
        """The pager's status, once: when it has ended."""
        if self._pid is None:
            return None
        try:
            pid, status = os.waitpid(self._pid, options)
        except ChildProcessError:  # the handler of the signal was quicker
            pid, status = self._pid, 0
        if not pid:
            return None
        self._pid = None
        return status

    def finish(self) -> None:
        self._is_needed = False
        paged, sys.stdout = sys.stdout, self._terminal
        sys.stderr = self._errors
        try:
            paged.flush()
        except OSError:
            pass  # it has been left already
        if self._pipe is not None:
            interrupts = signal.signal(signal.SIGINT, signal.SIG_IGN)  # also if reset meanwhile
            _silence(self._pipe)
            self._reap(0)
            self._restore_signals()
            if interrupts is not signal.SIG_IGN:
                signal.signal(signal.SIGINT, interrupts)

    def _restore_signals(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)


class _Notices(RawIOBase):
    """Standard error while the pager has the terminal. No terminal: nothing is drawn over."""

    def __init__(self, paged: _Paged) -> None:
        self._paged = paged

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._paged.write(data)


def _text_stream(raw: RawIOBase, like: TextIO) -> TextIO:
    return TextIOWrapper(
        BufferedWriter(raw), encoding=like.encoding, errors=like.errors, line_buffering=True
    )


def _silence(descriptor: int) -> None:
    """Close our end of the pipe, but keep the descriptor: late writes go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor, inheritable=False)
    os.close(nowhere)
