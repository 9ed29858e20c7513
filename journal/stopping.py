"""Ending a wait from outside, at once: by another thread, or by a signal handler."""

import os
import select
import sys
from collections.abc import Callable

from journal.forking import tell_after_fork

_OPEN_NONE = (-1, -1)


class StopEvent:
    """Like a `threading.Event` that is set once, for waits that the kernel does.

    `fileno` becomes readable when it is set, so a `poll` can wait for it beside other files.
    `set` takes no lock: a signal handler may call it in the middle of anything.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._pipe = _OPEN_NONE  # made when somebody waits; closed with us, so no `set` is late
        tell_after_fork(self)

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        """Wake everybody who waits. From any thread or signal handler."""
        self._is_set = True
        self._wake()

    def _wake(self) -> None:
        if self._pipe != _OPEN_NONE:
            try:
                os.write(self._pipe[1], b"\0")
            except BlockingIOError:
                pass  # full of such bytes, so it is readable

    def fileno(self) -> int:
        """For `poll`. Takes two descriptors for good. Raises OSError when there are none."""
        if self._pipe == _OPEN_NONE:
            pipe = os.pipe()
            for fd in pipe:
                os.set_blocking(fd, False)
            self._pipe = pipe
            if self._is_set:  # perhaps before there was a pipe to say it with
                self._wake()
        return self._pipe[0]

    def wait(self, seconds: float) -> bool:
        """Return once it is set, or after `seconds`. Says whether it is set."""
        poller = select.poll()
        try:
            poller.register(self, select.POLLIN)
        except OSError:
            pass  # no descriptor is left: it is seen after `seconds`
        if not self._is_set:
            poller.poll(seconds * 1000)
        return self._is_set

    def after_fork(self) -> None:
        """The parent's pipe is not ours to write to."""
        self._close()

    def _close(self) -> None:
        pipe, self._pipe = self._pipe, _OPEN_NONE
        for fd in pipe:
            if fd >= 0:
                os.close(fd)

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        """Close, but not at the end of the program, where a stopped thread may be polling."""
        if not is_finalizing():
            self._close()
