"""What is left to do by code that ends where it must not touch anything.

The garbage collector ends an abandoned stream or coroutine in whatever thread it happens to
run in, in the middle of whatever that does: of our own work too, with our locks held. All that
is done there is to leave a note, which takes no lock. Another thread carries it out.
"""

import atexit
import threading
import weakref
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeAlias

from journal.locking import tell_after_fork

Note: TypeAlias = Callable[[], object]


class Leftovers:
    """Notes of what is left to do, carried out in their order. A note must not raise.

    `leave` may be called from anywhere. The other methods may not be called by finalizers and
    notes. A note is carried out within moments by a thread, which `watch` starts; earlier if
    somebody calls `settle`; and at the latest when the interpreter exits.
    """

    def __init__(self) -> None:
        self.after_fork()
        tell_after_fork(self)
        _all.add(self)

    def after_fork(self) -> None:
        """Begin anew: the thread and what was left for it stayed with the parent."""
        self._notes: deque[Note] = deque()
        self._bell: SimpleQueue[bool] = SimpleQueue()
        self._settling = threading.Lock()
        self._is_watched = False
        self._is_last = False  # the interpreter exits: nobody comes after us
        self._dismiss = weakref.finalize(self, self._bell.put, False)

    def leave(self, note: Note) -> None:
        """Have it carried out soon. Takes no lock, and may interrupt any other method."""
        is_alone = not self._notes
        self._notes.append(note)
        self._bell.put(True)
        if self._is_last and is_alone:
            self._carry_out()

    def watch(self) -> None:
        """See to it that a thread is there."""
        if not self._is_watched:
            with self._settling:
                if not self._is_watched:
                    self._is_watched = _started(self._bell, weakref.ref(self))

    def settle(self) -> None:
        """Return when all that was left so far has been carried out."""
        if self._notes:  # one that is being carried out is still there
            with self._settling:
                self._carry_out()

    def end(self) -> None:
        """Settle, and let the thread go. What is left after that waits for `settle`."""
        self.settle()
        self._dismiss()

    def settle_for_good(self) -> None:
        """At the interpreter's exit: what is left from now on is carried out at once."""
        self.end()
        self._is_last = True

    def _carry_out(self) -> None:
        while self._notes:
            self._notes[0]()
            self._notes.popleft()


_all: "weakref.WeakSet[Leftovers]" = weakref.WeakSet()


@atexit.register
def _settle_all() -> None:
    for leftovers in list(_all):
        leftovers.settle_for_good()


def _started(bell: "SimpleQueue[bool]", leftovers: "weakref.ref[Leftovers]") -> bool:
    """Start a thread that does not keep them alive. False where none is to be had."""
    thread = threading.Thread(
        target=_settle_when_it_rings, args=(bell, leftovers), name="journal-left", daemon=True
    )
    try:
        thread.start()
    except RuntimeError:
        return False
    return True


def _settle_when_it_rings(bell: "SimpleQueue[bool]", leftovers: "weakref.ref[Leftovers]") -> None:
    while bell.get():
        found = leftovers()
        if found is not None:
            found.settle()
        del found
