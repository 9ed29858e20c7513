"""Run `journal` in processes forked from one that has imported it: 20 ms each, not 200.

Every run is a process of its own with its own arguments, environment, working folder, streams
and session, and ends as an interpreter does. What is not tested this way is the start of the
interpreter; whoever needs that starts one.
"""

import os
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence

from tests.warm.ask import CODE, Request, ask, receive

_PROGRAM = os.path.join(os.path.dirname(__file__), "ask.py")

_server: "subprocess.Popen[bytes] | None" = None
_path = ""
_starting = threading.Lock()


class Process:
    """As a `subprocess.Popen`, as far as tests need it."""

    def __init__(self, request: Request, streams: Sequence[int]) -> None:
        self._connection = ask(_address(), request, streams)
        self.pid = int(receive(self._connection))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._end(0)

    def wait(self, timeout: float | None = None) -> int:
        """How it ended: negative if a signal did it. Raises `subprocess.TimeoutExpired`."""
        code = self._end(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(["journal"], timeout or 0)
        return code

    def _end(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._connection], [], [], timeout)[0]:
            self.returncode = os.waitstatus_to_exitcode(int(receive(self._connection)))
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def start(
    args: Sequence[str],
    env: Mapping[str, str],
    streams: Sequence[int],
    cwd: str,
    *,
    code: str | None = None,
    user: list[int] | None = None,
    terminal: bool = False,
) -> Process:
    """Start `journal` with stdin, stdout and stderr, as the leader of a session of its own.

    Instead of the command it may be Python `code`, and as another `user`: the user id, the
    group id, and those of other groups. With `terminal`, stdin is its controlling terminal.
    """
    request = Request(
        args=list(args),
        env=dict(env),
        cwd=cwd,
        code=code,
        user=user,
        terminal=terminal,
        umask=None,
        ignored=[],
        streams=[0, 1, 2],
    )
    return Process(request, streams)


def run(
    args: Sequence[str],
    env: Mapping[str, str],
    streams: Sequence[int],
    cwd: str,
    code: str | None = None,
    user: list[int] | None = None,
) -> int:
    """As `start`, to its end. Returns the exit status, negative if a signal ended it."""
    return start(args, env, streams, cwd, code=code, user=user).wait()


def folder_with_journal() -> str:
    """A folder, for the path of a script, in which `journal` is a program that asks us."""
    return os.path.dirname(_address())


def python_command(code: str, *args: str) -> list[str]:
    """What to start so that a process that has imported everything runs `code`."""
    return [sys.executable, "-SIE", _PROGRAM, _address(), CODE, code, *args]


def _address() -> str:
    """Where the server listens; the first of our threads to ask starts it."""
    global _server, _path
    with _starting:
        if _server is None or _server.poll() is not None:
            folder = tempfile.mkdtemp(prefix="warm-")
            _path = os.path.join(folder, "socket")
            _server = subprocess.Popen(
                [sys.executable, "-m", "tests.warm.server", _path],
                stdin=subprocess.PIPE,  # whose end tells it that we are gone
                stdout=subprocess.PIPE,
            )
            assert _server.stdout is not None
            assert _server.stdout.readline() == b"ready\n"
            _write_program(os.path.join(folder, "journal"))
        return _path


def _write_program(path: str) -> None:
    with open(path, "w") as file:
        file.write(f'#!/bin/sh\nexec {sys.executable} -SIE {_PROGRAM} {_path} "$@"\n')
    os.chmod(path, 0o700)
