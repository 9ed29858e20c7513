"""What Ctrl-C must not leave behind: a signal handler may raise after any call, and in any of
our functions.

It cannot between a `with` and the lock of C that it takes or gives back; nor between an
instruction that is no call and the next. So what belongs to a thread for a while is held by
such a `with`, or noted by one instruction in a `try` whose `finally` looks for the note. A
class of ours with `__enter__` and `__exit__` would not do: they are functions themselves.

To take a lock only if nobody has it, take it and note it in one step:

    has_lock: list[bool] = []
    try:
        has_lock += map(lock.acquire, AT_ONCE)
        if has_lock[0]:
            …
    finally:
        if has_lock and has_lock[0]:
            lock.release()
"""

import threading

AT_ONCE = (False,)
"""The argument of `acquire`: do not wait."""


class ThreadMark(threading.local):
    """A mark that each thread has for itself: set within `with mark.lock:`, and not after it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    @property
    def is_set(self) -> bool:
        """Whether the calling thread is within such a block."""
        return self.lock.locked()
