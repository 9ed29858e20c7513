"""The reading methods of `AsyncSessionStore`."""

import asyncio
import functools
from asyncio import Future
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from journal.events import Head, Origin
from journal.reports import SessionInfo, VerifyReport
from projections.inspection import Point
from projections.refs import Ref
from projections.replay import Pace, Step, Version, check_pace
from projections.store.async_store.calls import AsyncCalls
from projections.store.store import DefaultSessionStore
from projections.tail.arguments import After
from projections.tail.async_tail import AsyncTail
from projections.tail.choice import Patterns

if TYPE_CHECKING:
    from projections.compare.blame import Blamed
    from projections.compare.difference import Difference
    from projections.handoffs.findings import HandoffAudit
    from projections.statistics.figures import SessionStatistics
    from projections.summary import Summary

_STEPS_AT_ONCE = 64  # of a replay, read by one trip to a thread


class AsyncLookingBack:
    """Each method does, costs and raises what the store's method of its name does.

    It reads in a thread, after the writes of the session that were called for before it.
    """

    store: DefaultSessionStore
    _calls: AsyncCalls

    def list_sessions(self, limit: int | None = None) -> "Future[list[SessionInfo]]":
        """The sessions, last changed first, at most `limit` of them. Looks at all of them.

        Waits for the writes of all sessions.
        """
        return self._calls.after_all(lambda: self.store.list_sessions(limit))

    def summary(self, info: SessionInfo) -> "Future[Summary]":
        """A session of `list_sessions` in a few words. Waits for the writes of all sessions."""
        return self._calls.after_all(lambda: self.store.summary(info))

    def session_exists(self, session_id: str) -> "Future[bool]":
        """Whether there is a log or a session file of this id."""
        return self._calls.read(session_id, lambda: self.store.session_exists(session_id))

    def has_log(self, session_id: str) -> "Future[bool]":
        """Whether anything was written to the session's log."""
        return self._calls.read(session_id, lambda: self.store.has_log(session_id))

    def verify(self, session_id: str, head: Head | str | None = None) -> "Future[VerifyReport]":
        """Check every line of a session, the chain, and the archives. Reads all of them."""
        return self._calls.read(session_id, lambda: self.store.verify(session_id, head))

    def origin(self, session_id: str) -> "Future[Origin | None]":
        """Where a session was forked from; None if it was not, or there is no such session."""
        return self._calls.read(session_id, lambda: self.store.origin(session_id))

    def session_document(self, session_id: str) -> "Future[bytes]":
        """The session file, JSON, as a refresh would write it now."""
        return self._calls.read(session_id, lambda: self.store.session_document(session_id))

    def session_file_path(self, session_id: str) -> "Future[str | None]":
        """Where the session file is, or would be; None when everything is in memory."""
        return self._calls.read(session_id, lambda: self.store.session_file_path(session_id))

    def state_at(
        self, session_id: str, at: Point | None = None
    ) -> "Future[dict[str, dict[str, Any]]]":
        """The whole view `{runtime_id: {turn_id: state}}` as of a seq or a moment, or now."""
        return self._calls.read(session_id, lambda: self.store.state_at(session_id, at))

    def history(self, session_id: str, runtime_id: str, turn_id: str) -> "Future[list[Version]]":
        """Every version of a turn, oldest first, as `Version(event, state)`. Reads all events."""
        return self._calls.read(
            session_id, lambda: self.store.history(session_id, runtime_id, turn_id)
        )

    def diff(
        self, session_id: str, old: Ref | Point, new: Ref | Point | None = None
    ) -> "Future[Difference]":
        """What is different between two states, as JSON Patch and as text."""
        return self._calls.read(session_id, lambda: self.store.diff(session_id, old, new))

    def resolve(self, session_id: str, ref: Ref | Point) -> "Future[Any]":
        """The state that a ref names."""
        return self._calls.read(session_id, lambda: self.store.resolve(session_id, ref))

    def blame(
        self, session_id: str, runtime_id: str, turn_id: str, at: Point | None = None
    ) -> "Future[list[Blamed]]":
        """Which event set each value of a turn, as `Blamed(path, value, event)`."""
        return self._calls.read(
            session_id, lambda: self.store.blame(session_id, runtime_id, turn_id, at)
        )

    def audit(self, session_id: str) -> "Future[HandoffAudit]":
        """Who had the session when, what was handed over, and what was lost. Reads all events."""
        return self._calls.read(session_id, lambda: self.store.audit(session_id))

    def statistics(self, session_id: str) -> "Future[SessionStatistics]":
        """How many turns and calls there were, and what they took. Reads all events."""
        return self._calls.read(session_id, lambda: self.store.statistics(session_id))

    def replay(
        self,
        session_id: str,
        runtime_id: str | None = None,
        since: Point | None = None,
        until: Point | None = None,
        speed: float | None = None,
        max_wait: float | None = None,
    ) -> AsyncIterator[Step]:
        """The session again, step by step: `async for step in store.replay(...)`.

        Holds 64 steps in memory at a time.
        """
        check_pace(speed, max_wait)
        pace = Pace(speed, max_wait) if speed is not None else None
        replayed = self._calls.read(
            session_id, lambda: self.store.replay(session_id, runtime_id, since, until)
        )
        return self._steps(replayed, pace)

    async def _steps(
        self, asked: "Future[Iterator[Step]]", pace: Pace | None
    ) -> AsyncIterator[Step]:
        replayed: Iterator[Step] = iter(())
        try:
            replayed = await asked
            while steps := await self._calls.aside(functools.partial(_some_of, replayed)):
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
        *,
        matching: Patterns | None = None,
        excluding: Patterns | None = None,
    ) -> AsyncTail:
        """Events as they arrive: `async for arrival in await store.tail(...)`.

        It begins when it has been awaited: what is written from then on arrives.
        """
        return aiter(
            await self._calls.after_all(
                lambda: self.store.tail(
                    sessions, after, from_start, matching=matching, excluding=excluding
                )
            )
        )


def _some_of(steps: Iterator[Step]) -> list[Step]:
    return list(islice(steps, _STEPS_AT_ONCE))
