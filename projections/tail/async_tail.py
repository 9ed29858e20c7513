"""The tail for code that runs in an event loop: `async for arrival in store.tail()`."""

import asyncio
import threading
import weakref
from collections.abc import Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Self, TypeAlias

from journal import exiting
from journal.errors import ClosedError
from journal.reprs import repr_of_parts
from projections.tail.tail import Arrival, Tail

_Request: TypeAlias = "tuple[asyncio.AbstractEventLoop, asyncio.Future[Arrival | None]] | None"


class AsyncTail:
    """Waits for a `Tail` in a thread of its own, so that the loop never does.

    Cancelling a wait, by a timeout for example, loses nothing: the next one gets what
    arrived. For one task at a time. Stopping the tail ends the iteration and the thread;
    so does dropping the last reference to this.
    """

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._wanted: asyncio.Future[Arrival | None] | None = None
        self._requests: SimpleQueue[_Request] = SimpleQueue()
        self._end = weakref.finalize(self, _end, tail, self._requests)
        thread = threading.Thread(
            target=_work, args=(tail, self._requests), name="journal-tail", daemon=True
        )
        if not exiting.started(thread):
            tail.close()
            raise ClosedError("no thread can be started for the tail; the program may be ending")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Arrival:
        if not self._end.alive:
            raise StopAsyncIteration
        loop = asyncio.get_running_loop()
        if self._wanted is None:
            self._wanted = loop.create_future()
            self._requests.put((loop, self._wanted))
        elif self._wanted.get_loop() is not loop and not self._wanted.done():
            raise RuntimeError(
                "this tail waits for an event in another event loop already; go on there, or "
                "begin another tail after the last cursor"
            )
        try:
            arrival = await asyncio.shield(self._wanted)
        except asyncio.CancelledError:
            raise  # what arrives meanwhile is for the next wait
        except BaseException:
            self._end()  # as with any iterator, after an error there is nothing more
            raise
        self._wanted = None
        if arrival is None:
            self._end()
            raise StopAsyncIteration
        return arrival

    async def aclose(self) -> None:
        """Stop the tail and let go of its files."""
        self._end()

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield repr(self._tail)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


def _end(tail: Tail, requests: "SimpleQueue[_Request]") -> None:
    tail.stop()
    requests.put(None)


def _work(tail: Tail, requests: "SimpleQueue[_Request]") -> None:
    """Answer one request after the other. Must not hold the `AsyncTail` itself."""
    try:
        while (request := requests.get()) is not None:
            loop, wanted = request
            try:
                outcome: Arrival | BaseException | None = next(tail, None)
            except BaseException as error:  # noqa: BLE001 - raised where it is awaited
                outcome = error
            try:
                loop.call_soon_threadsafe(_settle, wanted, outcome)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more
            del wanted, outcome
    finally:
        tail.close()


def _settle(
    wanted: "asyncio.Future[Arrival | None]", outcome: Arrival | BaseException | None
) -> None:
    if wanted.done():
        return
    if isinstance(outcome, BaseException):
        wanted.set_exception(outcome)
    else:
        wanted.set_result(outcome)
