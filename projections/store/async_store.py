"""`AsyncSessionStore`: the store for code that runs in an event loop."""

import asyncio
import functools
import logging
from asyncio import Future
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from copy import copy
from datetime import datetime
from itertools import islice
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypeVar

from journal.backend import CompactionReport, History, SessionInfo, VerifyReport
from journal.errors import (
    AppendError,
    ClosedError,
    LimitExceededError,
    StateTypeError,
    StateValueError,
)
from journal.events import Head, Set
from journal.state import check_text
from journal.waiting import waiting_since
from projections.refs import Ref
from projections.replay import Pace, Step, Version, check_pace
from projections.store.queues import Append, Call, Queues
from projections.store.store import DefaultSessionStore
from projections.tail.async_tail import AsyncTail
from projections.tail.tail import After

if TYPE_CHECKING:
    from projections.compare.blame import Blamed
    from projections.compare.difference import Difference
    from projections.handoffs.findings import HandoffAudit

logger = logging.getLogger("journal")

T = TypeVar("T")
Point: TypeAlias = int | str | datetime
Begin: TypeAlias = Callable[..., None]

_STEPS_AT_ONCE = 64  # of a replay, read by one trip to a thread

_NOTHING_WRITTEN = (AppendError, LimitExceededError, StateTypeError, StateValueError)


class AsyncSessionStore:
    """A `DefaultSessionStore` that never makes the event loop wait for a sync or a lock.

    Its methods are those of `DefaultSessionStore`, which say what they do, return and raise;
    here each returns at once what is to be awaited. A call counts from when it is made, not
    from when it is awaited: states are taken as they are then, what was called for in a
    session is written in that order, and a read sees the writes called for before it. Sets
    of one session that wait together share a write and a sync. Other sessions go on meanwhile,
    as long as no more than `queues.WRITERS` of them wait. What waits is held in memory.

    A write that has been called for is carried out, even if nobody awaits it or whoever does
    is cancelled. An error that nobody awaits is reported by asyncio, and logged where that
    cannot: when the task was cancelled, or the loop is closed. Safe for several event loops in
    several threads; not for finalizers and signal handlers, which may get `ReentryError`.
    `close`, or `async with`, waits for everything and closes the store underneath, which is
    the attribute `store`.

    With durability "os" a set is a write into memory of the operating system. It is made in
    the event loop, unless it had to wait for something: a thread takes four times as long.
    """

    def __init__(self, store: DefaultSessionStore) -> None:
        self.store = store
        self._queues = Queues(self._append_all)
        self._closed = False

    # PraisonAI's three methods

    def set_runtime_state(
        self,
        session_id: str,
        runtime_id: str,
        turn_id: str,
        state: dict[str, Any],
        mirror_enabled: bool = True,
    ) -> "Future[bool]":
        """Save a turn's state, as it is now."""
        events: list[Set] = []
        if mirror_enabled and self.store.mirrors:
            events.append(self.store.encoder.event(runtime_id, turn_id, state))
        return self.append(session_id, events)

    def get_runtime_state(
        self, session_id: str, runtime_id: str, turn_id: str | None = None
    ) -> "Future[dict[str, Any]]":
        """A turn's state, or `{turn_id: state}` of all turns in order."""
        return self._read(
            session_id, lambda: self.store.get_runtime_state(session_id, runtime_id, turn_id)
        )

    def clear_runtime_state(
        self, session_id: str, runtime_id: str | None = None
    ) -> "Future[bool]":
        """Drop a runtime's state, or all of it."""
        return self._write(
            session_id, lambda: self.store.clear_runtime_state(session_id, runtime_id)
        )

    # What changes a session

    def set_many(
        self,
        session_id: str,
        items: Iterable[tuple[str, str, dict[str, Any]]],
        mirror_enabled: bool = True,
    ) -> "Future[bool]":
        """Save many turns, `(runtime_id, turn_id, state)` each, as they are now."""
        events: list[Set] = []
        if mirror_enabled and self.store.mirrors:
            events = self.store.encoder.events(items)
        return self.append(session_id, events)

    def append(
        self, session_id: str, events: Sequence[Set], *, refresh: bool = True
    ) -> "Future[bool]":
        """Save what `store.encoder` made of states; True. Raises as `set_runtime_state`."""
        asked: _Asked[bool] = _Asked(reports=True)
        if not events:
            asked.future.set_result(True)
            return asked.future
        self._check(session_id)
        try:
            if self._append_at_once(session_id, events, refresh):
                asked.future.set_result(True)
                return asked.future
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            asked.future.set_exception(error)
            return asked.future
        done = functools.partial(asked.answer, True)
        self._queues.write(session_id, Append(events, done, refresh))
        return asked.future

    def line_up(
        self, session_id: str, entry: Append | Call, at_once: Callable[[], bool] | None = None
    ) -> Begin:
        """Give a write its place among the writes of a session, and no more.

        For code that holds a lock, in whatever thread. What is returned is to be called next,
        without the lock: it begins to write, with `here=True` in the calling thread. `at_once`
        writes what needs no thread, if that is so, and says whether it did.
        """
        self._check(session_id)
        is_first = self._queues.put(session_id, entry)
        return functools.partial(self._queues.begin, session_id, is_first, at_once)

    def _append_at_once(self, session_id: str, events: Sequence[Set], refresh: bool) -> bool:
        """Where no sync is wanted and nobody is in the way, a thread would only cost time."""
        at_once = self._queues.is_idle(session_id) and self.store.append_at_once(
            session_id, events
        )
        if at_once and refresh:
            self.refresh_soon(session_id)
        return at_once

    def refresh_soon(self, session_id: str) -> None:
        """Have the session file written in a moment by a thread, if it may take time then."""
        self._queues.soon(session_id, lambda: self.store.refresh_session_file_if_due(session_id))

    def hand_off(
        self,
        session_id: str,
        source: str,
        target: str,
        turn_id: str | None = None,
        reason: str | None = None,
    ) -> "Future[bool]":
        """Record that a runtime gives the session, or one turn, to another."""
        return self._write(
            session_id, lambda: self.store.hand_off(session_id, source, target, turn_id, reason)
        )

    def take_over(self, session_id: str, runtime_id: str) -> "Future[dict[str, dict[str, Any]]]":
        """Record that a runtime takes the session over; the view that it inherits."""
        return self._write(session_id, lambda: self.store.take_over(session_id, runtime_id))

    def delete_session(self, session_id: str) -> "Future[bool]":
        """Delete a session: log, history and session file."""
        return self._write(session_id, lambda: self.store.delete_session(session_id))

    def refresh_session_file(self, session_id: str) -> "Future[None]":
        """Write the session file if it is not what the log says."""
        return self._write(session_id, lambda: self.store.refresh_session_file(session_id))

    def compact(
        self, session_id: str, history: History | None = None
    ) -> "Future[CompactionReport | None]":
        """Rewrite a session's log with only what lives. Writes go on meanwhile."""
        return self._read(session_id, lambda: self.store.compact(session_id, history))

    # What reads

    def list_sessions(self, limit: int | None = None) -> "Future[list[SessionInfo]]":
        """The sessions, last changed first, at most `limit` of them."""
        return self._after_all(lambda: self.store.list_sessions(limit))

    def session_exists(self, session_id: str) -> "Future[bool]":
        """Whether there is a log or a session file of this id."""
        return self._read(session_id, lambda: self.store.session_exists(session_id))

    def has_log(self, session_id: str) -> "Future[bool]":
        """Whether anything was written to the session's log."""
        return self._read(session_id, lambda: self.store.has_log(session_id))

    def verify(self, session_id: str, head: Head | str | None = None) -> "Future[VerifyReport]":
        """Check every line of a session, the chain, and the archives."""
        return self._read(session_id, lambda: self.store.verify(session_id, head))

    def session_document(self, session_id: str) -> "Future[bytes]":
        """The session file as a refresh would write it now."""
        return self._read(session_id, lambda: self.store.session_document(session_id))

    def session_file_path(self, session_id: str) -> "Future[str | None]":
        """Where the session file is, or would be."""
        return self._read(session_id, lambda: self.store.session_file_path(session_id))

    def state_at(
        self, session_id: str, at: Point | None = None
    ) -> "Future[dict[str, dict[str, Any]]]":
        """The whole view as of a seq or a moment, or now."""
        return self._read(session_id, lambda: self.store.state_at(session_id, at))

    def history(self, session_id: str, runtime_id: str, turn_id: str) -> "Future[list[Version]]":
        """Every version of a turn, oldest first."""
        return self._read(session_id, lambda: self.store.history(session_id, runtime_id, turn_id))

    def diff(
        self, session_id: str, old: Ref | Point, new: Ref | Point | None = None
    ) -> "Future[Difference]":
        """What is different between two states."""
        return self._read(session_id, lambda: self.store.diff(session_id, old, new))

    def resolve(self, session_id: str, ref: Ref | Point) -> "Future[Any]":
        """The state that a ref names."""
        return self._read(session_id, lambda: self.store.resolve(session_id, ref))

    def blame(
        self, session_id: str, runtime_id: str, turn_id: str, at: Point | None = None
    ) -> "Future[list[Blamed]]":
        """Which event set each value of a turn."""
        return self._read(
            session_id, lambda: self.store.blame(session_id, runtime_id, turn_id, at)
        )

    def audit(self, session_id: str) -> "Future[HandoffAudit]":
        """Who had the session when, what was handed over, and what was lost."""
        return self._read(session_id, lambda: self.store.audit(session_id))

    def replay(
        self,
        session_id: str,
        runtime_id: str | None = None,
        since: Point | None = None,
        until: Point | None = None,
        speed: float | None = None,
        max_wait: float | None = None,
    ) -> AsyncIterator[Step]:
        """The session again, step by step: `async for step in store.replay(...)`."""
        check_pace(speed, max_wait)
        pace = Pace(speed, max_wait) if speed is not None else None
        return self._steps(
            self._read(
                session_id, lambda: self.store.replay(session_id, runtime_id, since, until)
            ),
            pace,
        )

    async def _steps(
        self, asked: "Future[Iterator[Step]]", pace: Pace | None
    ) -> AsyncIterator[Step]:
        replayed: Iterator[Step] = iter(())
        try:
            replayed = await asked
            while steps := await self._aside(functools.partial(_some_of, replayed)):
                for step in steps:
                    if pace is not None:
                        await asyncio.sleep(pace.wait(step))
                    yield step
        finally:
            del asked, replayed  # or the traceback of a cancellation keeps files open

    async def tail(
        self,
        sessions: str | Iterable[str] | None = None,
        after: After | None = None,
        from_start: bool = False,
    ) -> AsyncTail:
        """Events as they arrive: `async for arrival in await store.tail(...)`.

        It begins when it has been awaited: what is written from then on arrives.
        """
        return aiter(await self._after_all(lambda: self.store.tail(sessions, after, from_start)))

    # The end

    def flush(self) -> "Future[None]":
        """Make all that was saved durable and bring the session files up to date."""
        return self._after_all(self.store.flush)

    def join(self, session_id: str | None = None) -> None:
        """Block until what was called for so far, in a session or in all, is written.

        For code outside of the event loop.
        """
        self._queues.join(session_id)

    def joined(self, session_id: str) -> "Future[None]":
        """The same for a session, to be awaited."""
        self._check(session_id)
        asked: _Asked[None] = _Asked()
        if self._queues.is_idle(session_id):
            asked.future.set_result(None)
        else:
            self._queues.write(session_id, lambda: asked.answer(None, None))
        return asked.future

    def close(self) -> "Future[None]":
        """Wait for all that was called for, then close the store. Can be called twice."""
        asked: _Asked[None] = _Asked()
        self._closed = True
        self._queues.close(lambda: asked.carry_out(self.store.close))
        return asked.future

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # Inside

    def _check(self, session_id: str) -> None:
        self._check_open()
        check_text(session_id, "session_id")

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("the store is closed; make a new one")

    def _write(self, session_id: str, call: Callable[[], T]) -> "Future[T]":
        self._check(session_id)
        asked: _Asked[T] = _Asked(reports=True)
        self._in_order(session_id, lambda: asked.carry_out(call))
        return asked.future

    def _in_order(self, session_id: str, call: Callable[[], None]) -> None:
        """After what was called for before; timeouts of locks count from now."""
        since = monotonic()

        def write() -> None:
            with waiting_since(since):
                call()

        self._queues.write(session_id, write)

    def _read(self, session_id: str, call: Callable[[], T]) -> "Future[T]":
        self._check(session_id)
        asked: _Asked[T] = _Asked()
        self._queues.read(session_id, lambda: asked.carry_out(call))
        return asked.future

    def _after_all(self, call: Callable[[], T]) -> "Future[T]":
        self._check_open()
        asked: _Asked[T] = _Asked()
        self._queues.after_all(lambda: asked.carry_out(call))
        return asked.future

    def _aside(self, call: Callable[[], T]) -> "Future[T]":
        self._check_open()
        asked: _Asked[T] = _Asked()
        self._queues.aside(lambda: asked.carry_out(call))
        return asked.future

    def _append_all(self, session_id: str, appends: Sequence[Append]) -> None:
        """Save together what waits together; if nothing of that was, each for itself."""
        events = [event for append in appends for event in append.events]
        try:
            with waiting_since(appends[-1].since):
                self.store.append(session_id, events, refresh=False)
        except _NOTHING_WRITTEN as error:
            if len(appends) == 1:
                appends[0].done(error)
                return
            for append in appends:
                self._append_all(session_id, (append,))
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            for append in appends:
                append.done(error if append is appends[0] else _copy_of(error))
        else:
            for append in appends:
                append.done(None)
            if any(append.refresh for append in appends):
                self.refresh_soon(session_id)


def _copy_of(error: BaseException) -> BaseException:
    """For another task, whose traceback and notes are its own."""
    try:
        return copy(error)
    except Exception:  # noqa: BLE001 - of a class that cannot be copied
        return error


class _Asked(Generic[T]):
    """What a task has asked for, and how it gets the answer."""

    def __init__(self, *, reports: bool = False) -> None:
        """`reports`: an error that nobody can be told is logged.

        Raises RuntimeError where no event loop runs.
        """
        self._reports = reports
        self._loop = asyncio.get_running_loop()
        self.future: Future[T] = self._loop.create_future()

    def carry_out(self, call: Callable[[], T]) -> None:
        """In a thread: make the call and tell what came of it."""
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            self._tell(self._fail, error)
        else:
            self._tell(self._succeed, result)

    def answer(self, result: T, error: BaseException | None) -> None:
        """In a thread: tell what came of it."""
        if error is None:
            self._tell(self._succeed, result)
        else:
            self._tell(self._fail, error)

    def _tell(self, how: Callable[[Any], None], outcome: object) -> None:
        try:
            self._loop.call_soon_threadsafe(how, outcome)
        except RuntimeError:  # the loop is closed: nobody waits any more
            if how == self._fail:
                self._report(outcome)

    def _succeed(self, result: T) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)
        else:  # whoever awaited it was cancelled
            self._report(error)

    def _report(self, error: object) -> None:
        if self._reports:
            logger.error(
                "a write failed after whoever had called for it was gone: %s: %s",
                type(error).__name__,
                error,
            )


def _some_of(steps: Iterator[Step]) -> list[Step]:
    return list(islice(steps, _STEPS_AT_ONCE))
