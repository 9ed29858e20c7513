"""What is left to do by code that ends where it must not touch anything.

The garbage collector ends an abandoned stream or coroutine in whatever thread it happens to
run in, in the middle of whatever that does: of our own work too, with our locks held. All that
is done there is to leave a note, which takes no lock. Another thread carries it out.
"""

import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeAlias

from journal import exiting
from journal.locking import leave_stopped_threads, tell_after_fork, tell_after_stop

Note: TypeAlias = Callable[[], object]

_LINGER = 1.0  # seconds: finalizers of one collection may leave notes after ours was called


class Leftovers:
    """Notes of what is left to do, carried out in their order. A note must not raise.

    `leave` may be called from anywhere. The other methods may not be called by finalizers and
    notes. A note is carried out within moments by a thread, which `watch` starts; earlier if
    somebody calls `settle`; and at the latest when the program ends. One that is left after
    that is carried out at once: no other thread may ever run again.
    """

    def __init__(self) -> None:
        self.after_fork()
        tell_after_fork(self)
        tell_after_stop(self)
        exiting.tell_at_exit(self)

    def after_fork(self) -> None:
        """Begin anew: the thread and what was left for it stayed with the parent."""
        self._notes: deque[Note] = deque()
        self._late: dict[int, deque[Note]] = {}  # by the thread that carries them out
        self._bell: SimpleQueue[Leftovers | None] = SimpleQueue()
        self._settling = threading.Lock()
        self._is_watched = False
        self._is_over = False

    def after_stop(self) -> None:
        """A thread may have been stopped while it carried out a note."""
        self._settling = threading.Lock()

    def leave(self, note: Note) -> None:
        """Have it carried out soon. Takes no lock, and may interrupt any other method."""
        if exiting.has_begun():
            self._carry_out_here(note)
            return
        self._notes.append(note)
        if self._is_over:
            _unwatched.add(self)
        self._bell.put(self)  # which keeps us from being collected before it is done
        if exiting.has_begun():
            self.settle()  # what was settled at the end may not have seen this note

    def watch(self) -> None:
        """See to it that a thread is there."""
        if not self._is_watched and not exiting.begun:
            with self._settling:
                if not self._is_watched:
                    self._is_watched = _started(self._bell)

    def settle(self) -> None:
        """Return when all that was left so far has been carried out."""
        if exiting.begun:
            leave_stopped_threads()
        if self._notes:  # one that is being carried out is still there
            with self._settling:
                while self._notes:
                    self._notes[0]()
                    self._notes.popleft()
                _unwatched.discard(self)

    def end(self) -> None:
        """Settle, and let the thread go.

        What is left after that waits for `settle`, or for the end of the program.
        """
        self.settle()
        self._is_over = True
        self._bell.put(None)

    def at_exit(self) -> None:
        """Settle what was left while there was a thread for it."""
        self.end()

    def __del__(self) -> None:
        self._bell.put(None)

    def _carry_out_here(self, note: Note) -> None:
        """Or, in the middle of another note, after that one."""
        me = threading.get_ident()
        notes = self._late.setdefault(me, deque())
        notes.append(note)
        if len(notes) == 1:
            while notes:
                notes[0]()
                notes.popleft()


_unwatched: set[Leftovers] = set()
"""Those with notes but without a thread: nobody else may have them when the program ends."""


def _started(bell: "SimpleQueue[Leftovers | None]") -> bool:
    """Start a thread that does not keep them alive. False where none is to be had."""
    return exiting.started(
        threading.Thread(
            target=_settle_when_it_rings, args=(bell,), name="journal-left", daemon=True
        )
    )


def _settle_when_it_rings(bell: "SimpleQueue[Leftovers | None]") -> None:
    try:
        while (found := bell.get()) is not None:
            found.settle()
            del found
        while (found := bell.get(timeout=_LINGER)) is not None:
            found.settle()
            del found
    except Empty:
        pass
