"""A disk that can be stopped, and event loops that must be left as they were."""

import asyncio
import gc
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from journal.events import Set
from projections import DefaultSessionStore
from projections.replay import Step
from projections.store.async_store import AsyncSessionStore
from tests.support import FaultyStorage

T = TypeVar("T")


PATIENCE = 60.0
"""Seconds after which something that has to happen has not happened."""


class Gate:
    """A fault: calls on one session's log wait while it is shut, and all are counted."""

    def __init__(self, call: str, session: str = "s") -> None:
        self.call = call
        self.file = f"{session}.jsonl"
        self.count = 0
        self.errors: list[OSError | None] = []  # of the next calls, one each
        self._reached = threading.Event()
        self._open = threading.Event()
        self._open.set()

    def shut(self) -> None:
        self.count = 0
        self._reached.clear()
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def reached(self) -> None:
        """Until somebody waits at it."""
        assert await asyncio.to_thread(self._reached.wait, PATIENCE)

    def __call__(self, name: str, args: tuple[Any, ...]) -> None:
        if name != self.call or not os.readlink(f"/proc/self/fd/{args[0]}").endswith(self.file):
            return
        self.count += 1
        self._reached.set()
        assert self._open.wait(PATIENCE)
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error


def run(main: Coroutine[Any, Any, T]) -> T:
    """In an event loop of its own, which must be left with no task and nothing to report."""
    reports: list[dict[str, Any]] = []

    async def watched() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda _, report: reports.append(report))
        result = await asyncio.wait_for(main, PATIENCE)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left
        gc.collect()
        return result

    result = asyncio.run(watched())
    assert reports == []
    return result


async def all_of(*asked: Awaitable[Any]) -> list[Any]:
    """What came of them, errors too."""
    return await asyncio.gather(*asked, return_exceptions=True)


async def others_run() -> None:
    """Time for threads that do what they should not."""
    for _ in range(50):
        await asyncio.to_thread(lambda: None)


def join(store: AsyncSessionStore, session: str | None = None) -> None:
    """Wait for all writes; a test that waits in vain fails."""
    waiting = threading.Thread(target=store._writer.join, args=(session,), daemon=True)
    waiting.start()
    waiting.join(PATIENCE)
    assert not waiting.is_alive()


def gated(
    folder: Path, call: str = "write", session: str = "s", **options: Any
) -> tuple[Gate, AsyncSessionStore]:
    """A gate at that call of that session, and a store behind it with a turn `first` in `s`."""
    gate = Gate(call, session)
    store = DefaultSessionStore(folder, storage=FaultyStorage(gate), **options)
    store.set_runtime_state("s", "native", "first", {})
    return gate, AsyncSessionStore(store)


def put(store: AsyncSessionStore, turn: str, session: str = "s") -> "asyncio.Future[bool]":
    return store.set_runtime_state(session, "native", turn, {"turn": turn})


async def stopped_at(
    gate: Gate, store: AsyncSessionStore, turn: str = "slow"
) -> "asyncio.Future[bool]":
    """A set that is being written, and waits at the gate, which is shut from now on."""
    gate.shut()
    setting = put(store, turn)
    await gate.reached()
    return setting


def turns(folder: Path, session: str = "s") -> list[str]:
    """The turns of all sets in a log, as another reader finds them."""
    with DefaultSessionStore(folder) as reader:
        events = [step.event for step in reader.replay(session)]
    return [event.turn_id for event in events if isinstance(event, Set)]


def waits(event: threading.Event) -> None:
    assert event.wait(PATIENCE)


async def collect(replay: Callable[[], AsyncIterator[Step]]) -> list[Step]:
    return [step async for step in replay()]
