"""What the end of a store waits for."""

import asyncio
import threading
from errno import EIO
from pathlib import Path

import pytest

from journal.errors import (
    ClosedError,
)
from projections import DefaultSessionStore
from projections.store.async_store import AsyncSessionStore
from tests.projections.store.async_store.gates import (
    PATIENCE,
    all_of,
    gated,
    join,
    others_run,
    put,
    run,
    stopped_at,
    turns,
)


def test_close_waits_for_all_that_was_called_for(tmp_path: Path) -> None:
    gate, store = gated(tmp_path)

    async def main() -> None:
        slow = await stopped_at(gate, store)
        read = store.get_runtime_state("s", "native", "last")
        last = put(store, "last")
        view = store.state_at("s")
        closing = store.close()
        for call in (
            lambda: put(store, "more"),
            lambda: store.take_over("s", "native"),
            lambda: store.has_log("s"),
            lambda: store.list_sessions(),
            lambda: store.set_many("s", [("native", "more", {})]),
        ):
            with pytest.raises(ClosedError, match="the store is closed; make a new one"):
                call()
        assert not closing.done()
        gate.open()
        await closing
        assert slow.done()
        assert last.done()
        assert read.done()
        assert list((await view)["native"]) == ["first", "slow", "last"]
        with pytest.raises(ClosedError):
            store.store.has_log("s")
        await store.close()

    run(main())
    assert turns(tmp_path) == ["first", "slow", "last"]
    join(store)


def test_close_waits_for_reads_that_go_on_and_closing_twice_for_the_first_close(
    async_store: AsyncSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, read_on = threading.Event(), threading.Event()
    closing_begun, close_on = threading.Event(), threading.Event()
    close = async_store.store.close
    order: list[str] = []

    def long_audit(session_id: str) -> None:
        begun.set()
        assert read_on.wait(PATIENCE)
        order.append("audited")

    def long_close() -> None:
        order.append("closing")
        closing_begun.set()
        assert close_on.wait(PATIENCE)
        close()
        order.append("closed")

    monkeypatch.setattr(async_store.store, "audit", long_audit)
    monkeypatch.setattr(async_store.store, "close", long_close)

    async def main() -> None:
        audited = async_store.audit("s")
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        closing = [async_store.close(), async_store.close()]
        await others_run()
        assert order == []
        read_on.set()
        await audited
        assert await asyncio.to_thread(closing_begun.wait, PATIENCE)
        assert order == ["audited", "closing"]
        assert not any(each.done() for each in closing)
        close_on.set()
        await all_of(*closing)
        assert order == ["audited", "closing", "closed", "closing", "closed"]

    run(main())


def test_what_closing_raises_is_raised(
    async_store: AsyncSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise OSError(EIO, "Input/output error")

    async def main() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(async_store.store, "close", broken)
            with pytest.raises(OSError, match="Input/output error"):
                await async_store.close()

    run(main())


def test_as_a_context_manager_it_closes_and_its_threads_end(tmp_path: Path) -> None:
    def threads() -> set[str]:
        return {
            thread.name
            for thread in threading.enumerate()
            if thread.name.startswith("journal-") and thread not in before
        }

    before = set(threading.enumerate())

    async def main() -> None:
        async with AsyncSessionStore(DefaultSessionStore(tmp_path)) as store:
            put(store, "turn-1")
            assert await store.has_log("s")
            assert threads()
        with pytest.raises(ClosedError):
            store.store.has_log("s")

    run(main())
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
    assert threads() == set()
    assert turns(tmp_path) == ["turn-1"]
