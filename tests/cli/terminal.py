"""The command `journal` as a process: in a pipe, and in a terminal of so many columns."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Self, TypeAlias, TypeVar

from rich.cells import cell_len

from tests import warm

COMMAND = [sys.executable, "-c", "from projections.cli import main; main()"]
_PATIENCE = 60.0  # seconds; only a failing test waits so long
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
Completed: TypeAlias = "subprocess.CompletedProcess[str]"
STYLE = re.compile(r"\x1b\[[0-9;]*m")


def environment() -> dict[str, str]:
    """As users have it: output is buffered, and as wide as a terminal says. There is no pager."""
    unusual = ("COLUMNS", "LINES", "PYTHONUNBUFFERED", "LESS")
    usual = {name: value for name, value in os.environ.items() if name not in unusual}
    return {**usual, "JOURNAL_PAGER": ""}


def after(code: str) -> str:
    """Python code that runs the command after some other code, which may patch it."""
    return f"{code}\nfrom projections.cli import main\nmain()"


def journal(*args: str, code: str | None = None, **env: str) -> Completed:
    """Run a command, or Python `code`, to its end, its output in files.

    In a process that need not import everything first, unless `env` has a locale, which an
    interpreter looks at when it starts.
    """
    with tempfile.TemporaryFile() as out:
        result = journal_into(out.fileno(), *args, code=code, **env)
        out.seek(0)
        result.stdout = out.read().decode()
        return result


def journal_into(stdout: int, *args: str, code: str | None = None, **env: str) -> Completed:
    """As `journal`, but that what it prints goes to a descriptor."""
    whole = {**environment(), **env}
    with open(os.devnull) as nothing, tempfile.TemporaryFile() as err:
        streams = [nothing.fileno(), stdout, err.fileno()]
        if any(name.startswith(("LC_", "LANG")) for name in env):
            status = subprocess.call(
                [*COMMAND, *args],
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                env=whole,
            )
        else:
            status = warm.run(args, whole, streams, os.getcwd(), code)
        err.seek(0)
        return subprocess.CompletedProcess(args, status, "", err.read().decode())


def with_journal() -> dict[str, str]:
    """The environment of a script that finds `journal` on its path."""
    path = f"{warm.folder_with_journal()}:{os.environ['PATH']}"
    return {**environment(), "PATH": path}


def shell(script: str, **env: str) -> Completed:
    """Run a bash script that finds `journal` on its path, as do the programs it starts."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            ["bash", "-c", script],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env={**with_journal(), **env},
        )


def in_terminal(*args: str, columns: int = 80) -> str:
    """What a terminal of so many columns shows of a command that succeeds."""
    code, shown = run_in_terminal(*args, columns=columns)
    assert code == 0, shown
    return shown


def run_in_terminal(*args: str, columns: int = 80, **env: str) -> tuple[int, str]:
    """The exit code of the command, and what a terminal of so many columns shows."""
    with Terminal(*args, columns=columns, env=env) as terminal:
        return terminal.end(), terminal.raw


def side_by_side(run: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """The result of each, as many at a time as there are processors."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return list(pool.map(run, items))


class _Running:
    """A process whose output is read as it comes."""

    def __init__(self, process: "subprocess.Popen[bytes] | warm.Process", output: int) -> None:
        self.process = process
        self._output = output
        self._data = b""
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # with all that a shell has started
        except ProcessLookupError:
            pass  # all have ended
        self.process.wait()
        os.close(self._output)

    def _read(self, deadline: float) -> None:
        """Take in what comes next, or notice the end. Fails when nothing comes."""
        left = deadline - time.monotonic()
        assert left > 0, f"nothing more came after {self.raw[-2000:]!r}"
        if select.select([self._output], [], [], left)[0]:
            try:
                data = os.read(self._output, 65536)
            except OSError:  # a terminal without a process
                data = b""
            self._data += data
            self._ended = not data

    @property
    def raw(self) -> str:
        return self._data.decode(errors="replace").replace("\r\n", "\n")

    @property
    def lines(self) -> list[str]:
        """The whole lines that came so far, without their styles."""
        return STYLE.sub("", self.raw).split("\n")[:-1]

    def until(self, is_enough: Callable[[list[str]], Any]) -> list[str]:
        """Read until the lines are enough, then return them."""
        deadline = time.monotonic() + _PATIENCE
        while not is_enough(self.lines):
            assert not self._ended, f"it has ended after {self.raw[-2000:]!r}"
            self._read(deadline)
        return self.lines

    def until_shown(self, text: str) -> list[str]:
        return self.until(lambda lines: any(text in line for line in lines))

    def until_it_waits(self) -> None:
        """Wait until the process sleeps, for input or for room to write."""
        self._until_state("S")

    def until_stopped(self) -> None:
        """Wait until a signal has stopped the process."""
        self._until_state("T")

    def _until_state(self, letter: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while self._state() != letter:
            assert time.monotonic() < deadline, f"it does not come to the state {letter}"
            time.sleep(0.01)

    def _sleeps(self) -> bool:
        return self._state() == "S"

    def _state(self) -> str:
        """Of the process, as proc(5) has it."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Read to the end. Returns the exit code."""
        deadline = time.monotonic() + _PATIENCE
        while not self._ended:
            self._read(deadline)
        return self.process.wait(timeout=_PATIENCE)


class Terminal(_Running):
    """A command in a terminal of its own: standard input, output and errors."""

    def __init__(
        self,
        *args: str,
        columns: int = 80,
        rows: int = 24,
        code: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        ours, theirs = pty.openpty()
        self._terminal = ours
        self.resize(columns, rows)
        process = warm.start(
            args,
            {**environment(), "TERM": "xterm-256color", **(env or {})},
            [theirs, theirs, theirs],
            os.getcwd(),
            code=code,
            terminal=True,
        )
        os.close(theirs)
        super().__init__(process, ours)

    def resize(self, columns: int, rows: int = 24) -> None:
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def settings(self) -> list[Any]:
        """How the terminal treats what is typed: echo, whole lines, signals."""
        return termios.tcgetattr(self._terminal)

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    @property
    def modes(self) -> list[Any]:
        """How the terminal treats what is typed and shown: see termios(3)."""
        return termios.tcgetattr(self._terminal)

    def set_modes(self, modes: list[Any]) -> None:
        """As a program does that shares the terminal."""
        termios.tcsetattr(self._terminal, termios.TCSANOW, modes)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.type("\x03")

    @property
    def widest(self) -> int:
        """Columns of the widest line so far."""
        return max(map(cell_len, self.lines), default=0)


class Pipe(_Running):
    """A command, or Python `code`, whose standard output is a pipe; its errors go to `errors`.

    With `script` it is one of bash, in which `journal` is a program.
    With `is_full` nothing fits into the pipe, so what is written first blocks.
    """

    def __init__(
        self,
        *args: str,
        code: str | None = None,
        script: str | None = None,
        env: Mapping[str, str] | None = None,
        is_full: bool = False,
    ) -> None:
        ours, theirs = os.pipe()
        if is_full:
            os.write(theirs, b"\n" * fcntl.fcntl(theirs, fcntl.F_GETPIPE_SZ))
        self._reader = ours
        errors, their_errors = os.pipe()
        process: subprocess.Popen[bytes] | warm.Process
        with open(os.devnull) as nothing:
            if script is not None:
                process = subprocess.Popen(
                    ["bash", "-c", script],
                    stdin=nothing,
                    stdout=theirs,
                    stderr=their_errors,
                    start_new_session=True,
                    env={**with_journal(), **(env or {})},
                )
            else:
                streams = [nothing.fileno(), theirs, their_errors]
                whole = {**environment(), **(env or {})}
                process = warm.start(args, whole, streams, os.getcwd(), code=code)
        os.close(theirs)
        os.close(their_errors)
        self._stderr = open(errors, "rb", buffering=0)  # noqa: SIM115
        self._errors = b""
        super().__init__(process, ours)

    def __exit__(self, *args: object) -> None:
        super().__exit__(*args)
        self._stderr.close()

    @property
    def has_output(self) -> bool:
        """Whether there is something to read by now."""
        return bool(select.select([self._reader], [], [], 0)[0])

    def stop_reading(self) -> None:
        """Close our end of the pipe."""
        os.close(self._reader)
        self._output = os.open(os.devnull, os.O_RDONLY)

    def until_full(self) -> None:
        """Wait until the writer is blocked because nobody reads."""
        size = fcntl.fcntl(self._reader, fcntl.F_GETPIPE_SZ)
        deadline = time.monotonic() + _PATIENCE
        before = -1
        while True:
            assert time.monotonic() < deadline, "the pipe does not fill"
            held = struct.unpack("i", fcntl.ioctl(self._reader, termios.FIONREAD, b"\0" * 4))[0]
            if held > size // 2 and held == before and self._is_writing():
                return
            before = held
            time.sleep(0.02)

    def _is_writing(self) -> bool:
        try:
            with open(f"/proc/{self.process.pid}/syscall") as file:
                return file.read().split()[1:2] == ["0x1"]  # the file that it waits for
        except OSError:
            return self._sleeps()

    def until_error(self, text: str) -> None:
        """Wait until standard error has this text."""
        deadline = time.monotonic() + _PATIENCE
        while text.encode() not in self._errors:
            left = deadline - time.monotonic()
            assert left > 0, f"nothing more came after {self._errors!r}"
            if select.select([self._stderr], [], [], left)[0]:
                data = os.read(self._stderr.fileno(), 65536)
                assert data, f"it has ended after {self._errors!r}"
                self._errors += data

    @property
    def errors(self) -> str:
        """Standard error; to be asked for when the process has ended."""
        self._errors += self._stderr.read()
        return self._errors.decode()


@contextmanager
def killed_after(running: _Running) -> Iterator[None]:
    """`kill -9` at the end of the block; what was written until then is read."""
    yield
    running.signal(signal.SIGKILL)
    assert running.end() == -signal.SIGKILL


HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
"""Characters that may steer a terminal; line feeds are counted by those who look."""
