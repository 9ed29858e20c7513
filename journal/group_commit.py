"""Group commit: threads that append to one log at the same time share writes and syncs.

A sync takes as long as ten appends. Whoever comes while one is under way queues up; when it
is over, one of those in the queue, the leader, writes what they all want to append with one
write and one sync. Nobody waits for others to come: a lone thread leads at once.

Only appends that wait for a sync come here. Nothing here knows of files.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from copy import copy
from errno import EINTR
from time import monotonic
from typing import Protocol, TypeAlias

from msgspec import Struct

from journal.backend import EventFactory
from journal.errors import StorageError
from journal.events import Event, Head
from journal.forking import ThreadMark

_MOST = 64  # requests written as one piece: each may be as long as memory allows
_THREAD = "thread"

_LONGEST_SLEEP = 0.05
"""Seconds after which a thread looks whether whoever was to wake it was interrupted."""

_INTERRUPTED = (
    "the thread that was writing for several was interrupted. Whether this was appended is "
    "unknown; read it back"
)


class Request(Struct, frozen=True):
    """What a caller wants appended: see `journal.backend.Log.append`."""

    events: Sequence[Event] | EventFactory
    import_events: EventFactory | None = None
    on_appended: Callable[[], None] | None = None

    @property
    def is_alone(self) -> bool:
        """Whether it depends on what was appended before it: it is written by itself."""
        return callable(self.events) or self.on_appended is not None


class Written(Struct, frozen=True):
    """Events that are in the log; `sync` returns once they are durable, or raises.

    `sync` may be called by several threads and several times.
    """

    head: Head
    sync: Callable[[], None]


Batch: TypeAlias = Callable[[], Sequence[Request]]
"""Gives what is to be written. Called once, as late as the writer can: more come meanwhile.

A writer that others are quicker than asks the functions in the requests again, not this one.
"""


class RefusedError(Exception):
    """What was taken cannot be events: `error` says why. Nothing was written."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class Writer(Protocol):
    """Waits until it may write, takes, and writes all of it as one piece, or raises.

    `since` is when the caller began to wait, on the monotonic clock. Raises `RefusedError` when
    nothing was written because of what it took.
    """

    def __call__(self, take: Batch, since: float) -> Written: ...


class _Waiting:
    """One thread's request, and what became of it."""

    __slots__ = ("_wake", "error", "is_settled", "request", "since", "write", "written")

    def __init__(self, request: Request, write: Writer) -> None:
        self.request = request
        self.write = write
        self.since = monotonic()
        self.written: Written | None = None
        self.error: Exception | None = None
        self.is_settled = False
        self._wake = threading.Lock()
        self._wake.acquire()

    def take(self) -> Sequence[Request]:
        """A `Batch` of this one alone."""
        return (self.request,)

    def sleep(self) -> None:
        """Wait to be woken. May return for no reason."""
        self._wake.acquire(timeout=_LONGEST_SLEEP)

    def outcome(self) -> Head:
        """The head, once all is durable. Raises what writing or syncing raised."""
        if isinstance(self.error, RefusedError):
            raise self.error.error from None
        if self.written is None:
            raise self.error or StorageError(EINTR, _INTERRUPTED)
        self.written.sync()
        return self.written.head

    def wake(self) -> None:
        try:
            self._wake.release()
        except RuntimeError:
            pass  # it is awake already


class Group:
    """The queue of one log. Safe for threads.

    The log's writer comes with each append: a group that had it would keep a log open that
    nobody has any more, and a weak reference to it is dead in finalizers, which append too.
    """

    def __init__(self) -> None:
        self._queue: deque[_Waiting] = deque()
        self._leader: dict[str, int] = {}  # changed by single steps only
        self._inside = ThreadMark()

    @property
    def is_inside(self) -> bool:
        """Whether this thread is in `append` already: we are in a signal handler of its."""
        return self._inside.is_set

    def append(self, request: Request, write: Writer) -> Head:
        """Return when the request is durable. Raises what writing or syncing it raises.

        `write` may be used for the requests of other threads too.
        """
        me = threading.get_ident()
        with self._inside.lock:
            try:
                if not self._queue and self._is_leader(me):
                    return self._append_alone(request, write)
                return self._append_with_others(request, write, me)
            finally:
                if self._leader == {_THREAD: me}:  # no call comes before it leads no more
                    del self._leader[_THREAD]
                    self._wake_next()

    def _is_leader(self, me: int) -> bool:
        """Whether this thread leads, from now on if nobody did."""
        return self._leader.setdefault(_THREAD, me) == me

    def _append_alone(self, request: Request, write: Writer) -> Head:
        """Nobody waits: most often there is one thread only."""
        try:
            written = write(lambda: (request,), monotonic())
        except RefusedError as refused:
            raise refused.error from None
        written.sync()
        return written.head

    def _append_with_others(self, request: Request, write: Writer, me: int) -> Head:
        own = _Waiting(request, write)
        try:
            self._queue.append(own)
            while not own.is_settled:
                if not self._is_leader(me):
                    own.sleep()
                elif own in self._queue:
                    self._write_and_sync(own)
                else:
                    break  # settled meanwhile, or taken by a leader that was interrupted
        except BaseException:
            self._withdraw(own)
            raise
        return own.outcome()

    def _withdraw(self, own: _Waiting) -> None:
        try:
            self._queue.remove(own)
        except ValueError:
            pass  # another thread is writing it

    def _wake_next(self) -> None:
        if self._queue:
            try:
                self._queue[0].wake()
            except IndexError:
                pass  # another thread was quicker

    def _write_and_sync(self, own: _Waiting) -> None:
        """Settle the first in the queue, as many as can be written as one piece.

        Raises only what came before any was taken; then it is the leader's own trouble.
        """
        taken: list[_Waiting] = []

        def take() -> Sequence[Request]:
            taken.extend(self._first())
            return [waiting.request for waiting in taken]

        try:
            self._write_taken(taken, take, own)
        finally:
            for waiting in taken:
                waiting.is_settled = True
                waiting.wake()

    def _write_taken(self, taken: list[_Waiting], take: Batch, own: _Waiting) -> None:
        try:
            written = own.write(take, own.since)
        except Exception as error:
            if not taken:
                raise
            if isinstance(error, RefusedError) and len(taken) > 1:
                self._write_each(taken, own.write)
                return
            for waiting in taken:
                waiting.error = error if waiting is own else copy(error)
        else:
            for waiting in taken:
                waiting.written = written
            try:
                written.sync()  # for all of them: each asks again, which then costs nothing
            except StorageError:
                pass  # … and is told

    def _write_each(self, taken: list[_Waiting], write: Writer) -> None:
        """One of them cannot be written, so that none was. Each for itself, then."""
        for waiting in taken:
            try:
                waiting.written = write(waiting.take, waiting.since)
            except Exception as error:  # noqa: BLE001 - it is raised where it belongs
                waiting.error = error

    def _first(self) -> list[_Waiting]:
        """Off the queue. An interrupted thread may remove its own from it at any moment."""
        first: list[_Waiting] = []
        while len(first) < _MOST:
            try:
                waiting = self._queue.popleft()
            except IndexError:
                break
            if first and waiting.request.is_alone:
                self._queue.appendleft(waiting)
                break
            first.append(waiting)
            if waiting.request.is_alone:
                break
        return first
