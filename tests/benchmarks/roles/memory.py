"""What a process holds in memory while it does one thing; prints by how many bytes it grew."""

import asyncio
import fcntl
import gc
import os
from collections.abc import Awaitable, Callable
from typing import Any

from projections import AsyncSessionStore, DefaultSessionStore
from tests.benchmarks.artefacts import RUNTIME, SESSION, encode, turn_id
from tests.benchmarks.ours import LIMITS
from tests.benchmarks.roles.talking import ready, say

_LONG = 600.0  # seconds
_SETTLED = 0.5  # seconds after which what waits has reached the place where it waits


def memory(task: str, folder: str) -> None:
    """Do one thing with the session of the benchmarks."""
    tasks = {"view": _view, "verify": _verify, "tail": _tail}
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        store.get_runtime_state("none", RUNTIME, turn_id(0))  # what any first use loads
        ready()
        say(growth(lambda: tasks[task](store)))


def waiting_sets(
    folder: str, count: int, size: int, with_store: bool, max_waiting: int | None = None
) -> None:
    """Have `count` sets of so many bytes wait for a lock, each called for by a task.

    Without the store, the same tasks wait for futures, and nobody holds the states.
    """
    state = state_of(size)
    asyncio.run(_wait_in_store(folder, count, state, max_waiting) if with_store else _wait(count))


def state_of(size: int) -> dict[str, Any]:
    """A state that has so many bytes as JSON."""
    return {"text": "x" * (size - len(encode({"text": ""})))}


async def _wait_in_store(
    folder: str, count: int, state: dict[str, Any], max_waiting: int | None
) -> None:
    store = DefaultSessionStore(
        folder, durability="os", limits=LIMITS, lock_timeout=_LONG, auto_compact=False
    )
    async with AsyncSessionStore(store, max_waiting=max_waiting) as sessions:
        await sessions.set_runtime_state(SESSION, RUNTIME, "begun", state)
        ready()
        lock = os.open(f"{folder}/{SESSION}.jsonl", os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        grown, tasks = await _grown(
            count, lambda n: sessions.set_runtime_state(SESSION, RUNTIME, turn_id(n), state)
        )
        os.close(lock)
        say(grown)
        await asyncio.gather(*tasks)


async def _wait(count: int) -> None:
    loop = asyncio.get_running_loop()
    waiting: list[asyncio.Future[bool]] = []

    def call(_: int) -> asyncio.Future[bool]:
        waiting.append(loop.create_future())
        return waiting[-1]

    ready()
    grown, tasks = await _grown(count, call)
    for future in waiting:
        future.set_result(True)
    say(grown)
    await asyncio.gather(*tasks)


async def _grown(
    count: int, call: Callable[[int], Awaitable[bool]]
) -> tuple[int, list[asyncio.Task[bool]]]:
    """By how much memory grew when `count` tasks wait for their calls; and the tasks."""

    async def caller(number: int) -> bool:
        return await call(number)

    gc.collect()
    before = _memory("VmRSS")
    tasks = [asyncio.create_task(caller(number)) for number in range(count)]
    await asyncio.sleep(_SETTLED)
    if any(task.done() for task in tasks):
        raise AssertionError("something does not wait")
    return _memory("VmRSS") - before, tasks


def growth(task: Callable[[], None]) -> int:
    """By how many bytes this process grows while it does `task`, at the most.

    The kernel's peak is reset before: the one of `getrusage` is inherited from the parent.
    """
    gc.collect()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = _memory("VmRSS")
    task()
    return _memory("VmHWM") - before


def _memory(name: str) -> int:
    """A line of /proc/self/status, in bytes."""
    with open("/proc/self/status") as lines:
        found = next(line for line in lines if line.startswith(name + ":"))
    return int(found.split()[1]) << 10


def _view(store: DefaultSessionStore) -> None:
    assert store.get_runtime_state(SESSION, RUNTIME, turn_id(0))


def _verify(store: DefaultSessionStore) -> None:
    assert store.verify(SESSION).ok


def _tail(store: DefaultSessionStore) -> None:
    head = store.verify(SESSION).head
    assert head is not None
    with store.tail(SESSION, from_start=True) as tail:
        for arrival in tail:
            if arrival.event.seq == head.seq:
                break
