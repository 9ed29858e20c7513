"""Sets that nobody has to be waited for are written when they are called."""

import fcntl
import threading
from contextlib import ExitStack
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest

from journal import Limits
from journal.errors import (
    AppendError,
)
from projections import DefaultSessionStore
from projections.store.async_store import AsyncSessionStore
from projections.store.store import writer_of
from tests.projections.store.async_store.gates import (
    PATIENCE,
    all_of,
    others_run,
    put,
    run,
    turns,
    waits,
)
from tests.support import FaultyStorage


def no_thread(store: AsyncSessionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a thread was asked for a write")

    monkeypatch.setattr(store._writer.queues, "write", refuse)


def test_without_a_sync_a_set_is_written_when_the_call_returns(
    tmp_path: Path, async_store: AsyncSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trip to a thread takes several times as long as the write."""

    async def main() -> None:
        assert await put(async_store, "first"), "a thread opens the log"
        while not async_store._writer.queues.is_idle("s"):
            pass  # the thread is about to leave
        with monkeypatch.context() as patch:
            no_thread(async_store, patch)
            asked = put(async_store, "second")
            assert turns(tmp_path) == ["first", "second"]
            assert asked.result() is True

    run(main())


def test_with_a_sync_or_with_limits_that_reject_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(on_exceed="reject")
    for name, options in {"a": {"limits": limits, "durability": "os"}, "b": {}}.items():
        store = DefaultSessionStore(tmp_path / name, **options)  # type: ignore[arg-type]
        store.set_runtime_state("s", "native", "first", {})
        writer = writer_of(store)
        event = writer.encoder.event("s", "native", "second", {})
        assert not writer.append_at_once("s", [event])
        assert turns(tmp_path / name) == ["first"]
        store.close()


def test_what_waits_is_not_overtaken(
    tmp_path: Path, async_store: AsyncSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    async def main() -> None:
        await put(async_store, "first")
        async_store._writer.queues.write("s", lambda: waits(go_on))
        second = put(async_store, "second")
        third = put(async_store, "third")
        assert turns(tmp_path) == ["first"]
        go_on.set()
        await all_of(second, third)
        await put(async_store, "fourth")

    run(main())
    assert turns(tmp_path) == ["first", "second", "third", "fourth"]


@pytest.mark.parametrize("who", ["thread", "process"])
def test_for_a_lock_that_somebody_has_a_thread_waits(
    who: str, tmp_path: Path, async_store: AsyncSessionStore
) -> None:
    async def main() -> None:
        await put(async_store, "first")
        with ExitStack() as held:
            if who == "process":
                file = held.enter_context((tmp_path / "s.jsonl").open("rb"))
                fcntl.flock(file, fcntl.LOCK_EX)
            else:
                go_on, has_it = threading.Event(), threading.Event()

                def hold() -> None:
                    with async_store.store._sessions.get("s").log.lock:
                        has_it.set()
                        assert go_on.wait(PATIENCE)

                threading.Thread(target=hold).start()
                held.callback(go_on.set)
                assert has_it.wait(PATIENCE)
            asked = put(async_store, "second")
            await others_run()  # the loop is free
            assert not asked.done()
        assert await asked

    run(main())
    assert turns(tmp_path) == ["first", "second"]


def test_an_error_of_a_write_at_once_is_raised_where_it_is_awaited(tmp_path: Path) -> None:
    full = threading.Event()

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "write" and full.is_set():
            raise OSError(ENOSPC, "No space left on device")

    with DefaultSessionStore(tmp_path, durability="os", storage=FaultyStorage(fault)) as plain:
        store = AsyncSessionStore(plain)

        async def main() -> None:
            await put(store, "first")
            await put(store, "second")
            full.set()
            asked = put(store, "third")
            with pytest.raises(AppendError, match="No space left"):
                await asked
            full.clear()
            await put(store, "fourth")

        run(main())
    assert turns(tmp_path) == ["first", "second", "fourth"]
