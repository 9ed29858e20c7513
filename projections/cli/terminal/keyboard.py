"""Single keys from a terminal, which is left as it was found, however the program ends.

While keys are read, the terminal neither waits for a newline nor echoes. Ctrl-C and Ctrl-Z stay
signals. A program that is stopped gives the terminal back, and takes it again once it goes on.
"""

import atexit
import os
import select
import signal
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from projections.cli.exit_codes import Terminated

_ENDS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_REST = 0.05  # seconds within which the rest of what a key sends has come
_NAMES = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1b[C": "right",
    "\x1b[D": "left",
    "\n": "enter",
    "\r": "enter",
    " ": "space",
    "\x04": "end",  # Ctrl-D
}


class KeyParser:
    """Names of keys, from the bytes that a terminal sends. Pure: no I/O."""

    def __init__(self) -> None:
        self._begun = ""

    def feed(self, data: bytes) -> list[str]:
        """The keys that are whole by now: a name of `_NAMES`, or the character itself.

        Other keys that send a sequence are one text that is no name.
        """
        found: list[str] = []
        for char in data.decode("latin-1"):
            self._begun += char
            if _is_whole(self._begun):
                key = self._begun.replace("\x1bO", "\x1b[")  # as in application mode
                found.append(_NAMES.get(key, key))
                self._begun = ""
        return found

    @property
    def is_amid(self) -> bool:
        """Whether a sequence has begun. The key Escape alone looks so too."""
        return bool(self._begun)

    def drop(self) -> None:
        """Forget what has begun: nothing more comes."""
        self._begun = ""


def _is_whole(text: str) -> bool:
    if not text.startswith("\x1b"):
        return True
    if text.startswith("\x1b[") and len(text) < 3:
        return False
    if text.startswith("\x1b["):
        return "@" <= text[-1] <= "~"
    return len(text) > 2 if text.startswith("\x1bO") else len(text) > 1


def can_read_keys() -> bool:
    """Whether somebody is at a terminal that shows our output and sends us keys."""
    try:
        is_ours = os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False
    return is_ours and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class Keyboard:
    """The keys of the terminal at standard input, from `__enter__` to `__exit__`."""

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno()
        self._keys = KeyParser()
        self._found = termios.tcgetattr(self._fd)  # how the terminal was
        self._is_over = False
        self._handlers: dict[int, Any] = {}
        self._woken, self._wake = os.pipe()  # what is shown may not be right any more
        for fd in (self._woken, self._wake):
            os.set_blocking(fd, False)

    def __enter__(self) -> "Keyboard":
        atexit.register(self._give_back)  # for an interrupt before, or within, our `__exit__`
        for number in _ENDS:
            self._handle(number, _terminate)
        self._handle(signal.SIGTSTP, self._stop)
        self._handle(signal.SIGCONT, self._go_on)
        self._handle(signal.SIGWINCH, self._wake_up)
        self._take()
        return self

    def __exit__(self, *args: object) -> None:
        self._is_over = True
        self._give_back()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        atexit.unregister(self._give_back)
        os.close(self._woken)
        os.close(self._wake)

    def read(self, seconds: float | None) -> list[str]:
        """The keys that were pressed, as soon as there are any; none after `seconds`.

        None as well when what is shown may not be right any more: after a stop, or when the
        terminal has another size. "end" when the terminal is gone.
        """
        ready = select.select([self._fd, self._woken], [], [], seconds)[0]
        if self._woken in ready:
            os.read(self._woken, 512)
        if self._fd not in ready:
            return []
        found = self._read()
        while self._keys.is_amid and not found:
            if not select.select([self._fd], [], [], _REST)[0]:
                self._keys.drop()
                break
            found += self._read()
        return found

    def _read(self) -> list[str]:
        try:
            data = os.read(self._fd, 512)
        except OSError:
            data = b""
        return self._keys.feed(data) if data else ["end"]

    def is_shown(self) -> bool:
        """Whether the terminal is ours: not if a shell has put us into the background."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return False

    def _take(self) -> None:
        ours = [*self._found]
        ours[3] = self._found[3] & ~(termios.ICANON | termios.ECHO)
        ours[6] = [*self._found[6]]
        ours[6][termios.VMIN], ours[6][termios.VTIME] = 1, 0
        self._set(ours)

    def _give_back(self) -> None:
        self._set(self._found)

    def _set(self, attributes: list[Any]) -> None:
        if self.is_shown():  # else we would be stopped, or change what a shell has set
            try:
                termios.tcsetattr(self._fd, termios.TCSANOW, attributes)
            except termios.error:
                pass  # the terminal is gone

    def _handle(self, number: int, handler: Callable[[int, FrameType | None], None]) -> None:
        self._handlers[number] = signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-Z: stop as any program does, with the terminal as it was."""
        self._give_back()
        os.write(sys.stdout.fileno(), b"\r\x1b[K")  # past the buffer, which may be in use
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._stop)  # here it goes on
        self._go_on(number, frame)  # nothing was stopped if no shell is there to go on from

    def _go_on(self, number: int, frame: FrameType | None) -> None:
        if not self._is_over:
            self._take()
            self._wake_up(number, frame)

    def _wake_up(self, number: int, frame: FrameType | None) -> None:
        if not self._is_over:
            with suppress(BlockingIOError):  # then it is awake
                os.write(self._wake, b"\0")


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
