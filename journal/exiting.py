"""The end of the program: what still works, and what would wait for ever.

The interpreter ends in three steps:

1. The main thread is over. Threads that are not daemons go on, and the interpreter waits for
   them. Thread pools accept no more work.
2. The functions of `atexit` run; besides them, only daemon threads. From Python 3.12 on, no
   thread can be started any more. Our function does all deferred work (`tell_at_exit`). From
   then on `begun` is True, and no work is deferred.
3. Finalizers run, and with them turns end. No other thread ever runs again, whatever it was
   doing and whichever locks it holds (`forking.leave_stopped_threads`). A thread that is
   started now never begins; on Python 3.11 its `start()` waits for ever.

The end of the program is no reason for us to close files: a later write would go to a
descriptor that may belong to another file by then. The kernel closes everything once nothing
can write any more.
"""

import atexit
import logging
import sys
import threading
import weakref
from itertools import count
from typing import Protocol

logger = logging.getLogger("journal")

begun = False
"""Whether deferred work has been done, and no work is to be deferred any more."""

LAST_PATIENCE = 1.0
"""Seconds to wait in all, once no other thread runs, for locks that such threads may hold."""


class Deferring(Protocol):
    """Something that defers work."""

    def at_exit(self) -> None:
        """Do the deferred work now. Called once, with `begun` True."""
        ...


_deferring: "weakref.WeakValueDictionary[int, Deferring]" = weakref.WeakValueDictionary()
_numbers = count()


def tell_at_exit(deferring: Deferring) -> None:
    """Have `deferring.at_exit()` called at the end of the program, the last one first."""
    _deferring[next(_numbers)] = deferring


@atexit.register
def begin() -> None:
    """Do all deferred work. Other functions of `atexit` may run before or after this one."""
    global begun
    begun = True
    for _, deferring in sorted(_deferring.items(), reverse=True):
        try:
            deferring.at_exit()
        except Exception:
            logger.exception(
                "at the end of the program, %r could not do all it had put off", deferring
            )


def has_begun() -> bool:
    """`begun`, for a caller that asks twice: type checkers narrow the variable."""
    return begun


def started(thread: threading.Thread) -> bool:
    """Start a thread. False if that is impossible: there are too many, or the program ends."""
    if sys.is_finalizing():
        return False
    try:
        thread.start()
    except RuntimeError:
        return False
    return True
