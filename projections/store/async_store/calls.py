"""Calls of a store, made in event loops and carried out in threads."""

from asyncio import Future
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from journal.waiting import waiting_since
from projections.store.async_store.entries import LineCall
from projections.store.async_store.queues import Queues
from projections.store.async_store.reply import Reply

T = TypeVar("T")


class AsyncCalls:
    """Each method returns at once a future of what `call` returns or raises.

    They raise `ClosedError` once the queues are closed, `StateTypeError` for a session id that
    is no string, and RuntimeError where no event loop runs.
    """

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    def write(self, session_id: str, call: Callable[[], T]) -> "Future[T]":
        """After what was called for in the session before; timeouts of locks count from now."""
        self._queues.check(session_id)
        since = monotonic()
        reply: Reply[T] = Reply(reports=True)

        def write() -> None:
            with waiting_since(since):
                reply.carry_out(call)

        self._queues.write(session_id, LineCall(write, reply.fail))
        return reply.future

    def read(self, session_id: str, call: Callable[[], T]) -> "Future[T]":
        """After the writes that were called for in the session before."""
        self._queues.check(session_id)
        reply: Reply[T] = Reply()
        self._queues.read(session_id, lambda: reply.carry_out(call))
        return reply.future

    def after_all(self, call: Callable[[], T]) -> "Future[T]":
        """After the writes that were called for before, in all sessions."""
        self._queues.check_open()
        reply: Reply[T] = Reply()
        self._queues.after_all(lambda: reply.carry_out(call))
        return reply.future

    def aside(self, call: Callable[[], T]) -> "Future[T]":
        """As soon as a thread is free, whatever waits to be written."""
        self._queues.check_open()
        reply: Reply[T] = Reply()
        self._queues.aside(lambda: reply.carry_out(call))
        return reply.future

    def close(self, call: Callable[[], None]) -> "Future[None]":
        """After all that was called for so far. Nothing can be called for any more."""
        reply: Reply[None] = Reply()
        self._queues.close(lambda: reply.carry_out(call))
        return reply.future
