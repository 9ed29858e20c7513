"""What waits for what, and what goes on meanwhile."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journal import Limits
from journal.config import Durability
from journal.errors import LimitExceededError, LockTimeoutError
from projections import DefaultSessionStore
from projections.replay import Step
from projections.store.async_store import AsyncSessionStore
from projections.store.async_store.queues import READERS, WRITERS, Queues
from tests.projections.store.async_store.gates import (
    PATIENCE,
    Gate,
    all_of,
    collect,
    gated,
    join,
    others_run,
    put,
    run,
    stopped_at,
    turns,
)
from tests.support import FaultyStorage


def test_while_a_disk_is_slow_the_loop_and_other_sessions_go_on(tmp_path: Path) -> None:
    gate, store = gated(tmp_path, "sync")

    async def main() -> None:
        gate.shut()
        slow: list[asyncio.Future[Any]] = [put(store, "slow"), store.state_at("s")]
        await gate.reached()
        assert await put(store, "quick", "other")
        assert await store.get_runtime_state("other", "native") == {"quick": {"turn": "quick"}}
        assert not any(each.done() for each in slow)
        gate.open()
        assert await all_of(*slow) == [True, {"native": {"first": {}, "slow": {"turn": "slow"}}}]
        await store.close()

    run(main())


@pytest.mark.parametrize("number", [20, WRITERS])
def test_many_slow_sessions_stop_no_readers_and_other_writers_only_when_there_are_too_many(
    number: int, tmp_path: Path
) -> None:
    gate, store = gated(tmp_path, "sync", "-held")

    async def main() -> None:
        gate.shut()
        slow = [put(store, "slow", f"{each}-held") for each in range(number)]
        while gate.count < number:
            await asyncio.sleep(0.001)
        other = put(store, "quick")
        assert await store.get_runtime_state("other", "native") == {}
        await asyncio.to_thread(store._writer.join, "other")
        if number < WRITERS:
            assert await other
        assert not any(each.done() for each in slow)
        gate.open()
        assert all(await asyncio.gather(*slow, other))
        await store.close()

    run(main())


def test_to_join_waits_for_no_reader(tmp_path: Path) -> None:
    store = AsyncSessionStore(DefaultSessionStore(tmp_path))
    goes_on = threading.Event()

    def long_look(session_id: str, head: object) -> None:
        assert goes_on.wait(PATIENCE)

    async def main() -> None:
        await put(store, "first")
        store.store.verify = long_look  # type: ignore[method-assign, assignment]
        looks = [store.verify("s") for _ in range(READERS)]
        await asyncio.to_thread(join, store)
        await store._writer.joined("s")
        assert not any(look.done() for look in looks)
        goes_on.set()
        await asyncio.gather(*looks)
        await store.close()

    run(main())


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_a_lock_timeout_counts_from_the_call(durability: Durability, tmp_path: Path) -> None:
    """Not from when those before it have given up, one after the other."""
    gate, patience = Gate("write"), 0.2
    tries: list[object] = []

    def fault(name: str, args: tuple[Any, ...]) -> bool | None:
        gate(name, args)
        if name != "lock" or not another_has_the_lock.is_set():
            return None
        tries.append(args)
        return False

    another_has_the_lock = threading.Event()
    store = AsyncSessionStore(
        DefaultSessionStore(
            tmp_path,
            durability=durability,
            lock_timeout=patience,
            storage=FaultyStorage(fault),
        )
    )

    async def main() -> None:
        await put(store, "first")
        gate.shut()
        slow = store.hand_off("s", "native", "harness")
        await gate.reached()
        calls: list[asyncio.Future[Any]] = []
        for number in range(8):
            calls += [put(store, f"turn-{number}"), store.hand_off("s", "native", "harness")]
        await asyncio.sleep(patience)  # as long as they are willing to wait
        another_has_the_lock.set()
        gate.open()
        assert await slow
        found = await all_of(*calls)
        assert [type(error) for error in found] == [LockTimeoutError] * len(calls)
        assert len(tries) == 2 * len(calls), "each tries, and once more as its time is up"
        another_has_the_lock.clear()
        await store.close()

    run(main())


def test_a_read_sees_all_writes_called_for_before_it(tmp_path: Path) -> None:
    gate, store = gated(tmp_path)

    async def main() -> None:
        await stopped_at(gate, store, "a")
        store.hand_off("s", "native", "harness")
        put(store, "b")
        views = [store.get_runtime_state("s", "native"), store.state_at("s")]
        listed = store.list_sessions()
        gate.open()
        turns_then = {"first": {}, "a": {"turn": "a"}, "b": {"turn": "b"}}
        assert await all_of(*views) == [turns_then, {"native": turns_then}]
        (info,) = await listed
        assert info["log_bytes"] == (tmp_path / "s.jsonl").stat().st_size
        await store.close()

    run(main())


def test_what_asks_for_all_sessions_waits_for_each_that_has_writes(tmp_path: Path) -> None:
    gate, store = gated(tmp_path)

    async def main() -> None:
        await stopped_at(gate, store)
        put(store, "quick", "other")
        listed = store.list_sessions()
        assert await store.has_log("other")
        assert await store.state_at("other")  # after the part of `listed` that waits there
        assert not listed.done()
        gate.open()
        assert {info["session_id"] for info in await listed} == {"s", "other"}
        await store.close()

    run(main())


@pytest.mark.parametrize("look", ["audit", "compact", "replay", "list_sessions"])
def test_writes_do_not_wait_for_a_long_look(
    look: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, store = gated(tmp_path)
    begun, go_on = threading.Event(), threading.Event()

    def long_look(*_: object) -> Iterator[Step]:
        begun.set()
        assert go_on.wait(PATIENCE)
        return iter(())

    monkeypatch.setattr(store.store, look, long_look)

    async def main() -> None:
        await stopped_at(gate, store, "before")
        if look == "replay":
            looking = asyncio.ensure_future(collect(lambda: store.replay("s")))
            await asyncio.sleep(0)  # it has asked
        else:
            args = () if look == "list_sessions" else ("s",)
            looking = getattr(store, look)(*args)
        gate.open()
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        assert await put(store, "after")
        assert not looking.done()
        go_on.set()
        await looking

    run(main())
    assert turns(tmp_path) == ["first", "before", "after"]


def test_sets_that_wait_together_share_a_write_and_a_sync(tmp_path: Path) -> None:
    gate, store = gated(tmp_path, "sync")

    async def main() -> None:
        slow = await stopped_at(gate, store)
        waiting = [put(store, f"turn-{number}") for number in range(20)]
        many = store.set_many("s", [("native", f"many-{number}", {}) for number in range(5)])
        gate.open()
        assert await all_of(slow, *waiting, many) == [True] * 22
        assert gate.count == 2
        await store.close()

    run(main())
    expected = [
        "first",
        "slow",
        *(f"turn-{n}" for n in range(20)),
        *(f"many-{n}" for n in range(5)),
    ]
    assert turns(tmp_path) == expected


def test_what_is_written_together_is_bounded(tmp_path: Path) -> None:
    """However large the states are: a write of more than 2 GiB would be cut short."""
    gate, store = gated(tmp_path, limits=Limits(1 << 30, 1 << 30))
    big = {"text": "x" * (3 << 20)}

    async def main() -> None:
        await stopped_at(gate, store)
        waiting = [store.set_runtime_state("s", "native", f"t-{n}", big) for n in range(5)]
        gate.open()
        assert all(await asyncio.gather(*waiting))
        await store.close()

    run(main())
    assert gate.count == 1 + 3  # two at a time, of 8 MiB
    assert len(turns(tmp_path)) == 7


def test_what_comes_between_sets_keeps_its_place(tmp_path: Path) -> None:
    gate, store = gated(tmp_path, "sync")

    async def main() -> list[str]:
        await stopped_at(gate, store)
        put(store, "a")
        store.hand_off("s", "native", "harness")
        put(store, "b")
        store.clear_runtime_state("s", "native")
        put(store, "c")
        gate.open()
        steps = [step async for step in store.replay("s")]
        await store.close()
        return [type(step.event).__name__ + ":" + str(step.turn) for step in steps]

    assert run(main()) == [
        "Set:first", "Set:slow", "Set:a", "Handoff:None", "Set:b", "Clear:None", "Set:c",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("clear_runtime_state", ()),
        ("hand_off", ("native", "harness")),
        ("take_over", ("native",)),
        ("refresh_session_file", ()),
        ("delete_session", ()),
    ],
)
def test_nothing_of_a_session_is_written_before_what_was_called_for_before_it(
    method: str, args: tuple[str, ...], async_store: AsyncSessionStore, monkeypatch: Any
) -> None:
    begun, go_on, call = threading.Event(), threading.Event(), getattr(async_store.store, method)

    def slow(*given: str | None, **named: Any) -> object:
        begun.set()
        assert go_on.wait(PATIENCE)
        return call(*given, **named)

    monkeypatch.setattr(async_store.store, method, slow)

    async def main() -> None:
        put(async_store, "before")
        between = getattr(async_store, method)("s", *args)
        after = put(async_store, "after")
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        await others_run()
        assert not after.done()
        go_on.set()
        await between
        assert await after

    run(main())
    left = (
        ["after"] if method in ("clear_runtime_state", "delete_session") else ["before", "after"]
    )
    assert list(async_store.store.get_runtime_state("s", "native")) == left


def test_a_flush_waits_for_the_writes_of_all_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = list[str]()
    gate, store = gated(tmp_path)
    monkeypatch.setattr(store.store, "flush", lambda: flushed.extend(turns(tmp_path)))

    async def main() -> None:
        await stopped_at(gate, store)
        flushing = store.flush()
        await others_run()
        assert flushed == []
        gate.open()
        await flushing
        assert flushed == ["first", "slow"]
        await store.close()

    run(main())


def test_a_session_with_much_to_do_lets_another_have_its_thread_in_between() -> None:
    """Sixteen sessions have all threads; the seventeenth comes before what they do next."""
    queues = Queues(lambda session, appends: None)
    all_here, another = threading.Event(), threading.Event()
    in_time: list[bool] = []
    for number in range(16):
        queues.write(f"s-{number}", lambda: in_time.append(all_here.wait(PATIENCE)))
        queues.write(f"s-{number}", lambda: in_time.append(another.wait(PATIENCE)))
    queues.write("another", another.set)
    all_here.set()
    queues.join()
    assert in_time == [True] * 32
    queues.close(lambda: None)


def test_of_sets_that_wait_together_only_those_over_the_limit_are_refused(tmp_path: Path) -> None:
    limits = Limits(turn_bytes=100, runtime_bytes=1000, on_exceed="reject")
    gate, store = gated(tmp_path, limits=limits)

    async def main() -> None:
        slow = await stopped_at(gate, store)
        before = put(store, "before")
        large = store.set_runtime_state("s", "native", "large", {"text": "x" * 100})
        both = store.set_many("s", [("native", "x", {}), ("native", "y", {"text": "x" * 100})])
        after = put(store, "after")
        gate.open()
        found = await all_of(slow, before, large, both, after)
        assert [found[0], found[1], found[4]] == [True, True, True]
        for error, turn in ((found[2], "large"), (found[3], "y")):
            assert isinstance(error, LimitExceededError)
            assert f"turn {turn!r} of 'native'" in str(error)
        await store.close()

    run(main())
    assert turns(tmp_path) == ["first", "slow", "before", "after"]
