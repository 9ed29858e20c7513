"""Work deferred from finalizers, which must not take locks.

The garbage collector ends an abandoned stream or coroutine in whatever thread it happens to
run in, in the middle of whatever that thread does: of our own code too, with our locks held. A
finalizer therefore puts its work into a queue, which takes no lock, and a thread does it.
"""

import sys
import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeAlias

from journal import exiting
from journal.forking import leave_stopped_threads, tell_after_fork, tell_after_stop

Work: TypeAlias = Callable[[], object]

_LINGER = 1.0  # seconds: finalizers of one collection may put work in after ours was called


class Deferred:
    """A queue of work and a daemon thread that does it, in order. Work must not raise.

    `put` may be called from anywhere. Finalizers and work must not call the other methods. The
    thread, which `watch` starts, does the work within moments; without a thread `drain` does
    it. When the program ends, the rest is done, and work that is put in after that is done at
    once: no other thread may ever run again.
    """

    def __init__(self) -> None:
        self.after_fork()
        tell_after_fork(self)
        tell_after_stop(self)
        exiting.tell_at_exit(self)

    def after_fork(self) -> None:
        """Begin anew: the thread and its work stayed with the parent."""
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._undone: deque[Work] = deque()  # what is in the queue, and what is being done
        self._late: dict[int, deque[Work]] = {}  # by the thread that does it
        self._lock = threading.Lock()  # held by a thread that drains the queue itself
        self._thread: threading.Thread | None = None
        self._has_ended = False

    def after_stop(self) -> None:
        """A thread may have been stopped while it did the work."""
        self._lock = threading.Lock()

    def put(self, work: Work) -> None:
        """Have it done soon. Takes no lock, and may interrupt any other method."""
        if exiting.has_begun():
            self._do_here(work)
            return
        self._undone.append(work)
        if self._has_ended:
            _kept.add(self)
        self._queue.put(work)
        if exiting.has_begun():
            self.drain()  # what was drained at the end may not have had this work

    def watch(self) -> None:
        """See to it that a thread is there."""
        if self._thread is None and not (self._has_ended or exiting.begun):
            with self._lock:
                if self._thread is None:
                    self._thread = _started(self._queue, self._undone)

    def drain(self) -> None:
        """Return when all work that was put in so far is done."""
        if exiting.begun:
            leave_stopped_threads()
        if self._undone and not self._thread_has_come_to_the_end():
            self._do_all_here()
        _kept.discard(self)

    def end(self) -> None:
        """Drain, and let the thread go.

        What is put in after that waits for `drain`, or for the end of the program.
        """
        self.drain()
        self._has_ended = True
        self._queue.put(None)

    def at_exit(self) -> None:
        """Have done what was put in while there was a thread for it."""
        self.end()

    def __del__(self) -> None:
        self._queue.put(None)

    def _thread_has_come_to_the_end(self) -> bool:
        """Whether there is a thread, which has done all that is in the queue now."""
        thread = self._thread
        if thread is None or sys.is_finalizing():
            return False
        reached = threading.Event()
        self._undone.append(reached.set)
        self._queue.put(reached.set)
        while thread.is_alive() and not reached.wait(_LINGER):
            pass
        return reached.is_set()

    def _do_all_here(self) -> None:
        with self._lock:
            while True:
                try:
                    work = self._queue.get_nowait()
                except Empty:
                    return
                if work is not None:
                    work()
                    self._undone.popleft()

    def _do_here(self, work: Work) -> None:
        """Or, in the middle of other work, after that."""
        me = threading.get_ident()
        late = self._late.setdefault(me, deque())
        late.append(work)
        if len(late) == 1:
            while late:
                late[0]()
                late.popleft()


_kept: set[Deferred] = set()
"""Those with work but without a thread: nobody else may have them when the program ends."""


def _started(queue: "SimpleQueue[Work | None]", undone: "deque[Work]") -> threading.Thread | None:
    """A thread that does not keep its `Deferred` alive. None where no thread is to be had."""
    thread = threading.Thread(
        target=_work, args=(queue, undone), name="journal-deferred", daemon=True
    )
    return thread if exiting.started(thread) else None


def _work(queue: "SimpleQueue[Work | None]", undone: "deque[Work]") -> None:
    patience = None
    try:
        while True:
            work = queue.get(timeout=patience)
            if work is None:
                patience = _LINGER
                continue
            work()
            del work
            undone.popleft()
    except Empty:
        pass
