"""Ask the server for a process. As a program (`python -SIE ask.py SOCKET ARGS…`), be that process.

With `--python CODE` before the arguments it runs that code, else it is what scripts find as
`journal`. It takes 10 ms, because it imports nothing but what the interpreter is made of.
"""

import _signal as signal  # type: ignore[import-not-found]  # `signal` itself imports enum
import _socket
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypedDict
else:
    TypedDict = dict

CODE = "--python"
HEAD = 8  # digits of a length, a process id or a status
STREAMS = 3
MAY_BE_IGNORED = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM)
"""What a shell, or `nohup`, has its children ignore."""


class Request(TypedDict):
    """A dict, with these keys."""

    args: list[str]
    env: dict[str, str]
    cwd: str
    code: str | None  # instead of the command
    user: list[int] | None  # the user id, the group id, and those of other groups
    terminal: bool  # whether the first stream is to be its terminal
    umask: int | None
    ignored: list[int]  # signals
    streams: list[int]  # which of standard input, output and error are open


def ask(path: str, request: Request, streams: "Sequence[int]") -> _socket.socket:
    """The connection, from which the process id can be read, and then its status."""
    text = ascii(request).encode()
    rights = b"".join(fd.to_bytes(4, sys.byteorder) for fd in streams)
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.connect(path)
    head = b"%0*d" % (HEAD, len(text))
    connection.sendmsg([head], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
    connection.sendall(text)
    return connection


def receive(connection: _socket.socket, length: int = HEAD) -> bytes:
    data = b""
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            raise EOFError("the other side has gone")
        data += piece
    return data


def _ignored() -> list[int]:
    return [int(number) for number in MAY_BE_IGNORED if signal.getsignal(number) == signal.SIG_IGN]


def _open_streams() -> list[int]:
    found = []
    for fd in range(STREAMS):
        try:
            os.fstat(fd)
        except OSError:
            continue
        found.append(fd)
    return found


def _main(path: str, args: list[str], code: str | None = None) -> int:
    """Returns what `os.waitpid` says of the process, to which signals are passed on."""
    streams = _open_streams()
    umask = os.umask(0)
    os.umask(umask)
    request = Request(
        args=args,
        env=dict(os.environ),
        cwd=os.getcwd(),
        code=code,
        user=None,
        terminal=False,
        umask=umask,
        ignored=_ignored(),
        streams=streams,
    )
    connection = ask(path, request, streams)
    for fd in streams:
        os.close(fd)  # so that the process alone has them
    pid = int(receive(connection))
    for number in set(MAY_BE_IGNORED) - set(request["ignored"]):
        signal.signal(number, lambda number, _: os.kill(pid, number))
    return int(receive(connection))


if __name__ == "__main__":
    _path, *_args = sys.argv[1:]
    _code = _args[1] if _args[:1] == [CODE] else None
    _status = _main(_path, _args if _code is None else _args[2:], _code)
    if os.WIFSIGNALED(_status):
        signal.signal(os.WTERMSIG(_status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(_status))
    os._exit(os.WEXITSTATUS(_status))
