"""The process that has imported everything, and forks whenever somebody asks.

`python -m tests.warm.server SOCKET` ends when its standard input does. A process whose asker
has gone is killed.
"""

import ast
import fcntl
import gc
import os
import selectors
import shutil
import signal
import socket
import sys
import termios
import time
from typing import NamedTuple

from tests.warm.ask import HEAD, STREAMS, Request, receive
from tests.warm.imports import import_all


class _Child(NamedTuple):
    pid: int
    pidfd: int
    asker: socket.socket


class Server:
    def __init__(self, path: str) -> None:
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(64)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(0, selectors.EVENT_READ)
        self._children: dict[int, _Child] = {}  # by either descriptor

    def serve(self) -> Request:
        """Returns in each child, with what it was asked for."""
        while True:
            for key, _ in self._selector.select():
                if key.fd == 0:
                    shutil.rmtree(os.path.dirname(self._path))
                    os._exit(0)
                elif key.fileobj is self._listener:
                    request = self._fork(self._listener.accept()[0])
                    if request is not None:
                        return request
                elif (child := self._children.get(key.fd)) and child is key.data:
                    self._end(child, is_over=key.fd == child.pidfd)  # else it has ended just now

    def _fork(self, asker: socket.socket) -> Request | None:
        length, fds, _, _ = socket.recv_fds(asker, HEAD, STREAMS)
        request: Request = ast.literal_eval(receive(asker, int(length)).decode())
        pid = os.fork()
        if pid == 0:
            self._close()
            _take_streams(request, fds)
            _lead_session(request)
            asker.sendall(b"%0*d" % (HEAD, os.getpid()))  # who has it can signal the session
            asker.close()
            return request
        for fd in fds:
            os.close(fd)
        child = _Child(pid, os.pidfd_open(pid), asker)
        for fd in (child.pidfd, asker.fileno()):
            self._children[fd] = child
            self._selector.register(fd, selectors.EVENT_READ, child)
        return None

    def _end(self, child: _Child, *, is_over: bool) -> None:
        """Say how it ended; kill it if nobody is there any more to be told."""
        if not is_over:
            os.kill(child.pid, signal.SIGKILL)
        status = os.waitpid(child.pid, 0)[1]
        for fd in (child.pidfd, child.asker.fileno()):
            self._selector.unregister(fd)
            del self._children[fd]
        os.close(child.pidfd)
        if is_over:
            try:
                child.asker.sendall(b"%0*d" % (HEAD, status))
            except OSError:
                pass  # it has gone meanwhile
        child.asker.close()

    def _close(self) -> None:
        """In a child: leave it no descriptor of ours."""
        self._selector.close()
        self._listener.close()
        for child in set(self._children.values()):
            os.close(child.pidfd)
            child.asker.close()


def _take_streams(request: Request, fds: list[int]) -> None:
    above = [os.dup(fd) for fd in fds] if min(fds, default=STREAMS) < STREAMS else fds
    for number in range(STREAMS):
        os.close(number)
    for number, fd in zip(request["streams"], above, strict=True):
        os.dup2(fd, number)
    for fd in {*fds, *above}:
        if fd >= STREAMS:
            os.close(fd)


def _lead_session(request: Request) -> None:
    os.setsid()
    if request["terminal"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def become(request: Request) -> None:
    """Be as a fresh interpreter that was started like that."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    if request["umask"] is not None:
        os.umask(request["umask"])
    for number in request["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    sys.argv = ["journal", *request["args"]]
    sys.modules["__main__"].__package__ = None  # or click calls it `python -m tests…`
    encoding = os.environ.get("PYTHONIOENCODING")
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        old = getattr(sys, name)
        new = None
        if number in request["streams"]:
            errors = old.errors if encoding is None or name == "stderr" else "strict"
            new = open(  # noqa: SIM115
                number, mode, encoding=encoding or old.encoding, errors=errors, closefd=False
            )
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    if request["user"] is not None:
        uid, gid, *groups = request["user"]
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)


if __name__ == "__main__":
    from projections.cli import main

    import_all()
    gc.collect()
    gc.freeze()  # or each process looks for garbage here when it ends, and so copies all pages
    server = Server(sys.argv[1])
    print("ready", flush=True)
    request = server.serve()
    become(request)
    if request["code"] is not None:
        exec(request["code"], {"__name__": "__main__"})
        sys.exit()
    main()  # not in a function: what comes after it is the end of an interpreter
