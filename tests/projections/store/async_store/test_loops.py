"""Several loops, threads and processes."""

import asyncio
import gc
import threading
from pathlib import Path

import pytest

from projections.store.async_store import AsyncSessionStore
from tests.projections.store.async_store.gates import (
    PATIENCE,
    gated,
    join,
    put,
    run,
    stopped_at,
    turns,
)
from tests.support import finish, forked, python


def test_several_loops_in_several_threads_share_a_store(
    async_store: AsyncSessionStore, tmp_path: Path
) -> None:
    names = ["a", "b", "c", "d"]
    errors: list[BaseException] = []

    async def main(name: str) -> None:
        waiting = [put(async_store, f"{name}-{number}") for number in range(30)]
        assert all(await asyncio.gather(*waiting))
        seen = await async_store.get_runtime_state("s", "native")
        assert {f"{name}-{number}" for number in range(30)} <= seen.keys()

    def loop(name: str) -> None:
        try:
            asyncio.run(main(name))
        except BaseException as error:  # noqa: BLE001 - shown below
            errors.append(error)

    threads = [threading.Thread(target=loop, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert errors == []
    written = turns(tmp_path)
    assert len(written) == 120
    for name in names:
        own = [turn for turn in written if turn.startswith(name)]
        assert own == [f"{name}-{number}" for number in range(30)]


def test_a_loop_that_closes_before_the_answer_leaves_the_writes_to_be_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate, store = gated(tmp_path)

    async def main() -> None:
        await stopped_at(gate, store, "a")
        store.take_over("s", "native")
        put(store, "b")
        store.get_runtime_state("s", "native")

    asyncio.run(main())
    gate.open()
    join(store)
    assert turns(tmp_path) == ["first", "a", "b"]
    gc.collect()
    assert capsys.readouterr() == ("", "")


def test_join_waits_for_a_session_or_for_all(tmp_path: Path) -> None:
    gate, store = gated(tmp_path)

    async def main() -> None:
        await stopped_at(gate, store)
        put(store, "quick", "other")
        await asyncio.to_thread(join, store, "other")
        assert turns(tmp_path, "other") == ["quick"]
        join(store, "never heard of")
        threads = [
            threading.Thread(target=store._writer.join, args=args, daemon=True)
            for args in ((), ("s",))
        ]
        for thread in threads:
            thread.start()
        assert await store.has_log("other")
        assert all(thread.is_alive() for thread in threads)
        put(store, "later")
        gate.open()
        for thread in threads:
            await asyncio.to_thread(thread.join, PATIENCE)
        assert turns(tmp_path)[:2] == ["first", "slow"]
        await store.close()

    run(main())


FORK = """
import asyncio, os, sys, threading
from projections import DefaultSessionStore
from projections.store.async_store import AsyncSessionStore
from tests.support import FaultyStorage

parent, reached, release = os.getpid(), threading.Event(), threading.Event()

def fault(name, args):
    if name == "write" and armed and os.getpid() == parent:
        reached.set()
        release.wait(60)

armed = False
store = DefaultSessionStore(sys.argv[1], storage=FaultyStorage(fault))
async_store = AsyncSessionStore(store)
store.set_runtime_state("s", "native", "first", {})
armed = True

async def queue():
    for turn in ("a", "b", "c"):
        async_store.set_runtime_state("s", "native", turn, {})

async def write(session, turn):
    assert await async_store.set_runtime_state(session, "native", turn, {})
    assert turn in await async_store.get_runtime_state(session, "native")

asyncio.run(queue())
reached.wait(60)
child = os.fork()
if child == 0:
    async_store._writer.join()
    asyncio.run(write("child", "d"))
    async_store._writer.join()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
release.set()
async_store._writer.join()
asyncio.run(write("s", "e"))
"""


def test_a_forked_child_can_use_it_and_does_nothing_of_its_parents(tmp_path: Path) -> None:
    finish([forked(FORK, str(tmp_path))])
    assert turns(tmp_path) == ["first", "a", "b", "c", "e"]
    assert turns(tmp_path, "child") == ["d"]


EXIT = """
import asyncio, sys
from projections import DefaultSessionStore
from projections.store.async_store import AsyncSessionStore

store = AsyncSessionStore(DefaultSessionStore(sys.argv[1]))

async def main():
    for number in range(60):
        for session in ("a", "b", "c"):
            store.set_runtime_state(session, "native", f"turn-{number}", {})
            if number % 20 == 0:
                store.take_over(session, "native")
                store.get_runtime_state(session, "native")
    if sys.argv[2] == "close":
        store.close()

asyncio.run(main())
"""


@pytest.mark.parametrize("end", ["close", "just end"])
def test_what_was_called_for_is_written_when_the_program_ends_without_waiting(
    end: str, tmp_path: Path
) -> None:
    process = python(EXIT, str(tmp_path), end)
    assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == 0
    for session in ("a", "b", "c"):
        assert turns(tmp_path, session) == [f"turn-{number}" for number in range(60)]
