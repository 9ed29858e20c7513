"""Tasks that are cancelled, writes that fail."""

import asyncio
import functools
import gc
import threading
from errno import EIO, ENOSPC
from pathlib import Path
from typing import Any

import pytest

from journal.errors import (
    AppendError,
    SyncError,
)
from projections import DefaultSessionStore
from projections.store.async_store import AsyncSessionStore
from projections.store.store import writer_of
from tests.projections.store.async_store.gates import (
    PATIENCE,
    all_of,
    gated,
    join,
    put,
    run,
    stopped_at,
    turns,
)


def test_a_write_whose_task_is_cancelled_is_written_in_its_place(tmp_path: Path) -> None:
    gate, store = gated(tmp_path)

    async def one(turn: str) -> None:
        await put(store, turn)

    async def main() -> None:
        gate.shut()
        tasks = [asyncio.create_task(one(turn)) for turn in ("a", "b", "c")]
        await gate.reached()
        for task in tasks[:2]:  # one that is being written, one that waits
            task.cancel()
        results = await all_of(*tasks[:2])
        assert [type(result) for result in results] == [asyncio.CancelledError] * 2
        assert not tasks[2].done()
        gate.open()
        await tasks[2]
        await store.close()

    run(main())
    assert turns(tmp_path) == ["first", "a", "b", "c"]


def test_a_failed_write_whose_task_is_cancelled_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate, store = gated(tmp_path)

    async def main() -> None:
        gate.errors = [OSError(ENOSPC, "No space left on device")]
        failing = await stopped_at(gate, store, "failing")
        failing.cancel()
        gate.open()
        assert await put(store, "fine")
        await store.close()

    run(main())
    assert turns(tmp_path) == ["first", "fine"]
    (report,) = caplog.records
    assert report.levelname == "ERROR"
    assert "s.jsonl" in report.message
    assert "No space left on device" in report.message


def test_a_failed_write_whose_loop_is_closed_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate, store = gated(tmp_path)

    async def main() -> None:
        gate.errors = [OSError(ENOSPC, "No space left on device")]
        await stopped_at(gate, store, "failing")

    asyncio.run(main())
    gate.open()
    join(store)
    store.store.close()
    assert turns(tmp_path) == ["first"]
    (report,) = caplog.records
    assert "No space left on device" in report.message


def test_a_failed_read_whose_task_is_cancelled_is_nobodys(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate, store = gated(tmp_path)

    async def main() -> None:
        await stopped_at(gate, store)
        store.diff("s", "native/nothing").cancel()
        gate.open()
        await store.close()

    run(main())
    assert caplog.records == []


def test_a_failed_write_is_raised_where_it_is_awaited_and_nowhere_else(tmp_path: Path) -> None:
    gate, store = gated(tmp_path)

    async def main() -> None:
        gate.errors = [OSError(ENOSPC, "No space left on device")]
        failing = await stopped_at(gate, store, "failing")
        fine = put(store, "fine"), put(store, "fine", "other")
        gate.open()
        with pytest.raises(AppendError) as caught:
            await failing
        assert caught.value.errno == ENOSPC
        assert await all_of(*fine) == [True, True]
        await store.close()

    run(main())
    assert turns(tmp_path) == ["first", "fine"]


def test_a_failed_write_that_nobody_awaits_is_reported_by_asyncio(tmp_path: Path) -> None:
    gate, store = gated(tmp_path)
    reports: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, report: reports.append(report))
        gate.errors = [OSError(ENOSPC, "No space left on device")]
        put(store, "failing")
        await store.flush()
        assert await put(store, "fine")
        gc.collect()
        await store.close()

    asyncio.run(main())
    (report,) = reports
    assert report["message"] == "Future exception was never retrieved"
    assert isinstance(report["exception"], AppendError)
    assert turns(tmp_path) == ["first", "fine"]


def test_a_failed_sync_reaches_all_whose_writes_it_was(tmp_path: Path) -> None:
    gate, store = gated(tmp_path, "sync")

    async def main() -> None:
        gate.errors = [None, OSError(EIO, "Input/output error")]
        slow = await stopped_at(gate, store)
        waiting = [put(store, f"turn-{number}") for number in range(3)]
        gate.open()
        assert await slow
        found = await all_of(*waiting)
        assert [type(error) for error in found] == [SyncError] * 3
        assert await put(store, "other", "other")
        await store.close()

    run(main())


def test_each_is_told_of_a_failure_they_share_by_an_error_of_their_own(tmp_path: Path) -> None:
    """Or one's notes and traceback would be in the other's."""
    gate, store = gated(tmp_path, "sync")

    async def main() -> None:
        gate.errors = [None, OSError(EIO, "Input/output error")]
        await stopped_at(gate, store)
        waiting = [put(store, f"turn-{number}") for number in range(3)]
        gate.open()
        found = await all_of(*waiting)
        assert len({id(error) for error in found}) == 3
        assert {str(error) for error in found} == {str(found[0])}
        found[0].add_note("the first one's")
        assert not any(hasattr(error, "__notes__") for error in found[1:])
        await store.close()

    run(main())


def test_of_sets_that_wait_together_those_for_which_there_is_room_are_saved(
    tmp_path: Path,
) -> None:
    """A write that failed has left nothing, so each can be tried by itself."""
    gate, store = gated(tmp_path)

    async def main() -> None:
        full = OSError(ENOSPC, "No space left on device")
        gate.errors = [None, full, None, full, None]
        slow = await stopped_at(gate, store)
        waiting = [put(store, turn) for turn in ("a", "b", "c")]
        gate.open()
        assert await slow
        found = await all_of(*waiting)
        assert found[0] == found[2] == True  # noqa: E712 - an error is true as well
        assert isinstance(found[1], AppendError)
        await store.close()

    run(main())
    assert turns(tmp_path) == ["first", "slow", "a", "c"]


@pytest.mark.parametrize("method", ["get_runtime_state", "take_over", "audit"])
def test_what_a_call_raises_is_raised_where_it_is_awaited(
    method: str, async_store: AsyncSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only what the journal raises: a thread that died of it would answer nobody."""

    class Unheard(BaseException):
        pass

    def broken(*_: object) -> None:
        raise Unheard

    args = ("s",) if method == "audit" else ("s", "native")
    async_store.store.set_runtime_state("s", "native", "turn-1", {})

    async def main() -> None:
        await async_store.set_runtime_state("s", "native", "turn-1", {})
        with monkeypatch.context() as patch:
            patch.setattr(async_store.store, method, broken)
            with pytest.raises(Unheard):
                await getattr(async_store, method)(*args)
        await getattr(async_store, method)(*args)

    run(main())


def test_an_append_that_fails_in_no_known_way_is_told_to_all_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, store = gated(tmp_path)

    async def main() -> None:
        slow = await stopped_at(gate, store)
        with monkeypatch.context() as patch:
            patch.setattr(writer_of(store.store), "append", None)
            waiting = [put(store, "a"), put(store, "b")]
            gate.open()
            found = await all_of(*waiting)
        assert await slow
        assert [type(error) for error in found] == [TypeError] * 2
        assert await put(store, "c")
        await store.close()

    run(main())
    assert turns(tmp_path) == ["first", "slow", "c"]


def test_without_a_thread_to_be_had_each_call_is_made_once_by_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may refuse a thread; what a thread that is there takes up is not done again."""
    async_store = AsyncSessionStore(DefaultSessionStore(tmp_path))
    asked: list[str] = []
    writer = writer_of(async_store.store)
    append, audit = writer.append, async_store.store.audit

    def counted_append(session_id: str, events: Any, *, refresh: bool) -> None:
        asked.extend(event.turn_id for event in events)
        append(session_id, events, refresh=refresh)

    def counted_audit(session_id: str) -> object:
        asked.append(session_id)
        return audit(session_id)

    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    queues, begun, go_on = async_store._writer.queues, threading.Barrier(3), threading.Event()

    def busy() -> None:
        begun.wait(PATIENCE)
        assert go_on.wait(PATIENCE)

    monkeypatch.setattr(writer, "append", counted_append)
    monkeypatch.setattr(async_store.store, "audit", counted_audit)

    async def main() -> None:
        # one thread of each kind is there, and busy, when no second one can be had
        for begin in (functools.partial(queues.write, "busy"), queues.aside):
            begin(busy)
        begun.wait(PATIENCE)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refused)
            calls: list[asyncio.Future[Any]] = [put(async_store, "a"), put(async_store, "b")]
            calls.append(async_store.audit("s"))
            go_on.set()
            found = await all_of(*calls)
        assert found[:2] == [True, True]
        await async_store.flush()

    run(main())
    join(async_store)
    assert asked == ["a", "b", "s"]
