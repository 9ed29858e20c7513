"""Run `journal` in processes forked from one that has imported it: 20 ms each, not 200.

Every run is a process of its own with its own arguments, environment, working folder and
streams, and ends as an interpreter does. What is not tested this way is the start of the
interpreter; whoever needs that starts one.

As a program (`python -m tests.warm SOCKET`), it is the process that is forked from.
"""

import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from typing import TypedDict

_HEAD = 8  # digits of a length, or of a status
_STREAMS = 3


class _Request(TypedDict):
    args: list[str]
    env: dict[str, str]
    cwd: str
    code: str | None
    user: list[int] | None


_server: "subprocess.Popen[bytes] | None" = None
_path = ""
_starting = threading.Lock()


def run(
    args: Sequence[str],
    env: Mapping[str, str],
    streams: Sequence[int],
    cwd: str,
    code: str | None = None,
    user: list[int] | None = None,
) -> int:
    """Run `journal` to its end with stdin, stdout and stderr. Returns the exit status.

    Negative if a signal ended it, as in `subprocess`. Instead of the command it may be Python
    `code`, and as another `user`: the user id, the group id, and those of other groups.
    """
    wanted: _Request = {
        "args": list(args),
        "env": dict(env),
        "cwd": cwd,
        "code": code,
        "user": user,
    }
    request = json.dumps(wanted).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(_address())
        socket.send_fds(connection, [_number(len(request))], list(streams))
        connection.sendall(request)
        status = int(_received(connection, _HEAD))
    return os.waitstatus_to_exitcode(status)


def _number(value: int) -> bytes:
    return b"%0*d" % (_HEAD, value)


def _address() -> str:
    """Where the server listens; the first of our threads to ask starts it."""
    global _server, _path
    with _starting:
        if _server is None or _server.poll() is not None:
            _path = os.path.join(tempfile.mkdtemp(prefix="warm-"), "socket")
            _server = subprocess.Popen(
                [sys.executable, "-m", "tests.warm", _path],
                stdin=subprocess.PIPE,  # whose end tells it that we are gone
                stdout=subprocess.PIPE,
            )
            assert _server.stdout is not None
            assert _server.stdout.readline() == b"ready\n"
        return _path


def _received(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = connection.recv(length - len(data))
        assert piece, "the other side has gone"
        data += piece
    return data


def _serve(path: str) -> _Request:
    """Fork whenever somebody asks; returns in each child, with what it was asked for."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to collect who waits for a child
    print("ready", flush=True)
    while True:
        connection = _next(listener)
        if os.fork() == 0:
            listener.close()
            return _wait_for_child(connection)
        connection.close()


def _next(listener: socket.socket) -> socket.socket:
    """The next to ask. Ends the server when those it serves are gone."""
    waiting: list[socket.socket | int] = [listener, 0]
    ready, _, _ = select.select(waiting, [], [])
    if 0 in ready:
        shutil.rmtree(os.path.dirname(listener.getsockname()))
        os._exit(0)
    return listener.accept()[0]


def _wait_for_child(connection: socket.socket) -> _Request:
    """Returns in a child of this process; here, waits for it and tells how it ended."""
    length, fds, _, _ = socket.recv_fds(connection, _HEAD, _STREAMS)
    request: _Request = json.loads(_received(connection, int(length)))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        connection.close()
        for number, fd in enumerate(fds):
            os.dup2(fd, number)
            os.close(fd)
        return request
    for fd in fds:
        os.close(fd)
    connection.sendall(_number(os.waitpid(child, 0)[1]))
    os._exit(0)


def _become(request: _Request) -> None:
    """Be as a fresh interpreter that was started like that."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["-c", *request["args"]]
    for name, fd, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        old = getattr(sys, name)
        new = open(fd, mode, encoding=old.encoding, errors=old.errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)

    if request["user"] is not None:
        uid, gid, *groups = request["user"]
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)


_IMPORTED_LATE = (
    *("asyncio", "jsonpatch", "rich.cells", "watchfiles", "projections.handoffs.audit"),
    *("projections.compare.blame", "projections.compare.difference"),
    "journal.engines.files.inotify",
)
"""What another user may not be able to read."""


def _import_all() -> None:
    for section in COMMANDS.values():
        for module, _ in section.values():
            importlib.import_module(f"projections.cli.{module}")
    for module in _IMPORTED_LATE:
        importlib.import_module(module)


if __name__ == "__main__":
    from projections.cli import main
    from projections.cli.commands import COMMANDS

    _import_all()
    request = _serve(sys.argv[1])
    _become(request)
    if request["code"] is not None:
        exec(request["code"], {"__name__": "__main__"})
        sys.exit()
    main()  # not in a function: what comes after it is the end of an interpreter
