"""How sets get into a store without making their callers wait: in event loops, and for adapters.

Not public: users call the methods of `AsyncSessionStore`, agents are mirrored by a recorder.
"""

import functools
from asyncio import Future
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import TypeAlias

from msgspec import Raw
from msgspec.structs import replace

from journal.errors import AppendError, LimitExceededError, StateTypeError, StateValueError
from journal.events import Set
from journal.waiting import waiting_since
from projections.store.async_store.entries import Append, LateAppend, LineItem
from projections.store.async_store.lines import MOST_BYTES
from projections.store.async_store.queues import Queues
from projections.store.async_store.reply import Reply
from projections.store.writer import StoreWriter

Begin: TypeAlias = Callable[..., None]

_NOTHING_WRITTEN = (AppendError, LimitExceededError, StateTypeError, StateValueError)


class AsyncWriter:
    """Writes by `writer`, in the order of the calls for each session.

    Safe for threads and for several event loops. `queues` carry out what has to wait.
    """

    def __init__(self, writer: StoreWriter, max_waiting: int | None = None) -> None:
        """`max_waiting` is how many bytes of states may wait before it `is_full`."""
        self._writer = writer
        self._max_waiting = max_waiting
        self.queues = Queues(self._append_in_portions)

    @property
    def is_full(self) -> bool:
        """Whether so much waits that no more states should be made to."""
        return self._max_waiting is not None and self.queues.bytes >= self._max_waiting

    def append(self, session_id: str, events: Sequence[Set]) -> "Future[bool]":
        """Save what the encoder made of states; True. Raises as `StoreWriter.append`."""
        reply: Reply[bool] = Reply(reports=True)
        if not events:
            reply.future.set_result(True)
            return reply.future
        self.queues.check(session_id)
        try:
            is_done = self._append_at_once(session_id, events)
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            reply.future.set_exception(error)
            return reply.future
        if is_done:
            reply.future.set_result(True)
            return reply.future
        done = functools.partial(reply.answer, True)
        waiting = list(map(_compact, events))
        self.queues.write(session_id, Append(waiting, done, refresh=True))
        return reply.future

    def append_late(self, session_id: str, make: Callable[[], Sequence[Set]]) -> "Future[bool]":
        """As `append`, of events that are made when their turn comes, by the thread that writes.

        What `make` raises is raised where it is awaited. If that is cancelled before, nothing
        is written.
        """
        reply: Reply[bool] = Reply(reports=True)
        self.queues.check(session_id)
        done = functools.partial(reply.answer, True)
        late = LateAppend((), done, refresh=True, make=make, answer=reply.future)
        self.queues.write(session_id, late)
        return reply.future

    def line_up(self, session_id: str, entry: LineItem) -> Begin:
        """Give a write its place among the writes of a session, and no more.

        For code that holds a lock, in whatever thread. What is returned is to be called next,
        without the lock: it begins to write, with `here=True` in the calling thread, and until
        it is written. If anything is raised before, `queues.see_to` is to be called.
        """
        self.queues.check(session_id)
        return functools.partial(self.queues.begin, session_id, self.queues.put(session_id, entry))

    def refresh_soon(self, session_id: str) -> None:
        """Have the session file written in a moment by a thread, if it may take time then."""
        self.queues.soon(session_id, lambda: self._writer.refresh_file_if_due(session_id))

    def join(self, session_id: str | None = None) -> None:
        """Block until what was called for so far, in a session or in all, is written.

        For code outside of the event loop.
        """
        self.queues.join(session_id)

    def joined(self, session_id: str) -> "Future[None]":
        """The same for a session, to be awaited."""
        self.queues.check(session_id)
        reply: Reply[None] = Reply()
        if self.queues.is_idle(session_id):
            reply.future.set_result(None)
        else:
            self.queues.write(session_id, lambda: reply.answer(None, None))
        return reply.future

    def _append_at_once(self, session_id: str, events: Sequence[Set]) -> bool:
        """Where no sync is wanted and nobody is in the way, a thread would only cost time."""
        at_once = self.queues.is_made_at_once(
            session_id, lambda: self._writer.append_at_once(session_id, events)
        )
        if at_once:
            self.refresh_soon(session_id)
        return at_once

    def _append_in_portions(self, session_id: str, appends: Sequence[Append]) -> None:
        for portion in _portions(appends):
            self._append_all(session_id, portion)

    def _append_all(self, session_id: str, appends: Sequence[Append]) -> None:
        """Save together what waits together; if nothing of that was, each for itself."""
        events = [event for append in appends for event in append.events]
        try:
            with waiting_since(appends[-1].since):
                self._writer.append(session_id, events, refresh=False)
        except _NOTHING_WRITTEN as error:
            if len(appends) == 1:
                appends[0].report(error)
                return
            for append in appends:
                self._append_all(session_id, (append,))
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            for append in appends:
                append.report(error if append is appends[0] else _copy_of(error))
        else:
            for append in appends:
                append.report(None)
            if any(append.refresh for append in appends):
                self.refresh_soon(session_id)


def _compact(event: Set) -> Set:
    """The event with no more memory than its state has bytes; an encoder's buffer has more."""
    return replace(event, state=Raw(bytes(event.state)))


def _portions(appends: Sequence[Append]) -> Iterator[Sequence[Append]]:
    """Those that are wanted. No more of them at a time than may be joined, once they are made."""
    portion: list[Append] = []
    size = 0
    for append in appends:
        if append.take():
            portion.append(append)
            size += append.size
        if size >= MOST_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _copy_of(error: BaseException) -> BaseException:
    """For another task, whose traceback and notes are its own."""
    try:
        return copy(error)
    except Exception:  # noqa: BLE001 - of a class that cannot be copied
        return error
