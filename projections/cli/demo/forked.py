"""A process of its own for one of the runtimes, so that it can be killed for real."""

import os
import signal
import socket
from collections.abc import Callable, Iterator

from journal.errors import JournalError

_DONE = b"\0"
_LONGEST_ERROR = 4096  # bytes


class Forked:
    """Carries out the steps of a generator in a process, one whenever `step` is called.

    What comes before the first `yield` is done at once, while we go on.
    To be made before there are threads: a child that was forked has one only. The process ends
    with ours, whatever ends us, since then nobody holds the other end of its socket.
    """

    def __init__(self, steps: Callable[[], Iterator[None]]) -> None:
        self._socket, theirs = socket.socketpair()
        # Ctrl-C goes to all processes at a terminal; this one must not run our own cleaning up.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            self._pid = os.fork()
            if self._pid == 0:
                self._socket.close()
                _carry_out(steps, theirs)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        theirs.close()

    def step(self) -> None:
        """Return when the next step is done. Raises `JournalError` if it has failed."""
        try:
            self._socket.send(_DONE)
        except OSError:
            pass  # it has ended, and may have left a reason
        try:
            answer = self._socket.recv(_LONGEST_ERROR)
        except OSError:
            answer = b""
        if answer != _DONE:
            reason = answer.decode(errors="replace")
            raise JournalError(f"the second process of the demo has ended: {reason or 'killed'}")

    def kill(self) -> None:
        """`kill -9`. Again, or after an interrupt of this very call: what is left to do."""
        try:
            if os.waitpid(self._pid, os.WNOHANG)[0] == 0:
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        except ChildProcessError:
            pass  # it was waited for before, so that the number may be another's by now
        self._socket.close()


def _carry_out(steps: Callable[[], Iterator[None]], connection: socket.socket) -> None:
    """Never returns: what the parent has on its stack, and in its buffers, is not ours."""
    try:
        under_way = steps()
        next(under_way)
        while connection.recv(1):
            next(under_way)
            connection.send(_DONE)
    except BaseException as error:  # noqa: BLE001 - the parent reports it
        reason = str(error) or type(error).__name__
        connection.send(reason.encode(errors="replace")[:_LONGEST_ERROR])
    finally:
        os._exit(1)
