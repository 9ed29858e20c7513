"""No call of a finalizer or signal handler in the middle of one on the same thread."""

import threading

from journal.errors import ReentryError


class ReentryGuard:
    """`with guard:` lets a thread in once. Another time, it would wait for itself.

    Raises `ReentryError` then. A class, since every write comes by: a context manager made of
    a generator takes 1 µs more.
    """

    def __init__(self) -> None:
        self._inside: set[int] = set()

    def __enter__(self) -> None:
        me = threading.get_ident()
        if me in self._inside:
            raise ReentryError(
                "a call came in the middle of a call on the same thread, from a finalizer or a "
                "signal handler. Nothing was done; leave a note there and call afterwards"
            )
        self._inside.add(me)

    def __exit__(self, *_: object) -> None:
        self._inside.discard(threading.get_ident())
