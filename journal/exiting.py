"""The end of the program: what still works, and what would wait for ever.

The interpreter ends in three steps:

1. The main thread is over. Threads that are no daemons go on and are waited for; thread
   pools take nothing more.
2. The functions of `atexit` run; beside them, only daemon threads. From Python 3.12 on no
   thread starts any more. In our function, whatever was put off is done (`tell_at_exit`), and
   from then on nothing is put off: `begun` is True.
3. Finalizers run, and with them turns end. No other thread ever runs again, whatever it was
   doing and whichever locks it holds (`forking.leave_stopped_threads`). A thread that is
   started never begins; on Python 3.11 its `start()` waits for ever.

We close nothing because the program ends. A later write would go to a number that may belong
to another file by then. The kernel closes everything once nothing can write any more.
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
"""Whether what was put off has been done, and nothing is to be put off any more."""

LAST_PATIENCE = 1.0
"""Seconds in all to wait, once no other thread runs, for locks that they may hold."""


class Deferring(Protocol):
    """Something that puts work off."""

    def at_exit(self) -> None:
        """Do it now. Called once, with `begun` True."""
        ...


_deferring: "weakref.WeakValueDictionary[int, Deferring]" = weakref.WeakValueDictionary()
_numbers = count()


def tell_at_exit(deferring: Deferring) -> None:
    """Have `deferring.at_exit()` called at the end of the program, the last one first."""
    _deferring[next(_numbers)] = deferring


@atexit.register
def begin() -> None:
    """Do all work that was put off. Other functions of `atexit` may run before or after it."""
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
    """`begun`, for a caller that asks twice."""
    return begun


def started(thread: threading.Thread) -> bool:
    """Start a thread. False where none is to be had: too many, or the program ends."""
    if sys.is_finalizing():
        return False
    try:
        thread.start()
    except RuntimeError:
        return False
    return True
