"""Room for one more open file.

A process may have only so many files open (`ulimit -n`), and ours are not its only ones. Logs
stay open between two uses because that is faster, not because they must. What keeps some open
registers here, and closes those not in use when a call finds no room. Nothing here knows what
the files are.
"""

import os
import resource
import threading
import weakref
from collections.abc import Callable
from enum import Enum
from errno import EMFILE, ENFILE
from time import monotonic, sleep
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

NO_ROOM = (ENFILE, EMFILE)
"""The numbers of the errors that this is about."""

_FEW = 32  # files that every process may have open
_ENDLESS = 1 << 20  # what "unlimited" is taken for
_PATIENCE = 1.0  # seconds to wait for files that other threads are using
_PAUSE = 0.001  # seconds between looks at them


class Answer(Enum):
    """What became of a request to close a file."""

    CLOSED = "one was closed"
    BUSY = "those that are open are in use"
    NONE = "none is open"


class Holder(Protocol):
    """Something that keeps files open for speed alone."""

    def close_idle(self) -> Answer:
        """Close the file that has not been used for longest. Waits for nothing."""
        ...


_holders: "weakref.WeakSet[Holder]" = weakref.WeakSet()
_making = threading.local()  # `here`: this thread is making room; closing may open a folder


def offer(holder: Holder) -> None:
    """Have `holder` asked to close a file whenever there is no room for another."""
    _holders.add(holder)


def limit() -> int:
    """How many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if 0 <= soft < _ENDLESS else _ENDLESS


def share(most: int, parts: int) -> int:
    """`most`, but no more than one part in so many of what the process may have open."""
    return max(1, min(most, limit() // parts))


def leave_some(fd: int) -> None:
    """After opening `fd`: close an idle file when three quarters of the numbers are taken.

    A new file gets the lowest number that is free, so its own says how many there are.
    """
    if fd >= _FEW and fd >= limit() * 3 // 4:
        make_room()


def make_room() -> Answer:
    """Have one idle file closed."""
    if getattr(_making, "here", False):
        return Answer.NONE
    _making.here = True
    try:
        busy = False
        for holder in list(_holders):
            answer = holder.close_idle()
            if answer is Answer.CLOSED:
                return answer
            busy = busy or answer is Answer.BUSY
        return Answer.BUSY if busy else Answer.NONE
    finally:
        _making.here = False


def try_again(error: OSError, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Make a call again that failed with one of `NO_ROOM`, as soon as there is some.

    Waits a second for files that other threads are using. Raises an OSError that says what to do
    when there is nothing to close.
    """
    deadline = monotonic() + _PATIENCE
    while True:
        answer = make_room()
        if answer is Answer.NONE or monotonic() > deadline:
            raise OSError(error.errno, _why_not(error)) from error
        if answer is Answer.BUSY:
            sleep(_PAUSE)
        try:
            return call(*args, **kwargs)
        except OSError as again:
            if again.errno not in NO_ROOM:
                raise


def _why_not(error: OSError) -> str:
    return (
        f"{os.strerror(error.errno or EMFILE)}: this process may have {limit()} open and no "
        "log is idle that could be closed. Close files, or raise the limit (ulimit -n)"
    )
