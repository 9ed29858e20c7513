"""Replays and tails in an event loop."""

import asyncio
import gc
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from journal.errors import (
    ClosedError,
    NotFoundError,
    StateTypeError,
)
from journal.events import Set
from projections import DefaultSessionStore
from projections.replay import Pace, Step
from projections.store.async_store import AsyncSessionStore
from projections.tail.tail import Arrival
from tests.projections.store.async_store.gates import (
    all_of,
    collect,
    gated,
    put,
    run,
    stopped_at,
)
from tests.support import set_event


@pytest.mark.parametrize("limits", [{}, {"runtime_id": "harness"}, {"since": 3, "until": "150"}])
def test_a_replay_is_that_of_the_store(
    limits: dict[str, Any], async_store: AsyncSessionStore
) -> None:
    store = async_store.store
    store.set_many("s", [("native", f"turn-{number}", {"n": number}) for number in range(200)])
    store.hand_off("s", "native", "harness")
    found = run(collect(lambda: async_store.replay("s", **limits)))
    assert found == list(store.replay("s", **limits))
    assert len(found) == {0: 201, 1: 1, 2: 148}[len(limits)]


def test_of_a_session_that_does_not_exist_there_is_nothing_to_look_back_at(
    async_store: AsyncSessionStore,
) -> None:
    async def main() -> None:
        steps = async_store.replay("nobody's")
        for asked in (
            lambda: anext(aiter(steps)),
            lambda: async_store.audit("nobody's"),
            lambda: async_store.history("nobody's", "native", "a"),
        ):
            with pytest.raises(NotFoundError, match="there is no session"):
                await asked()

    run(main())


def test_a_replay_sees_what_was_called_for_before_it(async_store: AsyncSessionStore) -> None:
    async def main() -> None:
        for turn in ("a", "b"):
            put(async_store, turn)
        assert [step.turn for step in await collect(lambda: async_store.replay("s"))] == ["a", "b"]

    run(main())


def test_nonsense_is_refused_where_a_replay_is_called_for(async_store: AsyncSessionStore) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="speed"):
            async_store.replay("s", speed=-1.0)
        with pytest.raises(StateTypeError, match="session_id"):
            async_store.replay(5)  # type: ignore[arg-type]
        await async_store.close()
        with pytest.raises(ClosedError):
            async_store.replay("s")

    run(main())


def test_a_replay_waits_as_long_as_it_took_without_blocking_the_loop(
    async_store: AsyncSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    clock = [100.0]

    async def sleep(seconds: float) -> None:
        waits.append(round(seconds, 3))
        clock[0] += max(seconds, 0.0)

    class Paced(Pace):
        def __init__(self, speed: float, max_wait: float | None) -> None:
            super().__init__(speed, max_wait, lambda: clock[0])

    events = [
        Step(structs.replace(set_event("t"), seq=number, ts=f"2026-01-23T10:20:{at}Z"), "t", {})
        for number, at in enumerate(("00", "04", "30"), 1)
    ]
    monkeypatch.setattr(async_store.store, "replay", lambda *_: iter(events))
    monkeypatch.setattr("projections.store.async_store.looking_back.Pace", Paced)

    async def main() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "sleep", sleep)
            found = [step async for step in async_store.replay("s", speed=2.0, max_wait=5)]
        assert found == events

    run(main())
    assert waits == [0.0, 2.0, 5.0]


def descriptors(folder: Path) -> list[str]:
    """The files below a folder that this process has open."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
        except FileNotFoundError:
            pass  # the one that the list was read from
    return sorted(path for path in found if path.startswith(str(folder)))


@pytest.mark.filterwarnings("error::ResourceWarning")
def test_a_replay_that_is_left_early_leaves_nothing_open(tmp_path: Path) -> None:
    store = AsyncSessionStore(DefaultSessionStore(tmp_path, durability="os"))
    store.store.set_many("s", [("native", f"turn-{n}", {"text": "x" * 900}) for n in range(5000)])

    async def main() -> None:
        before = descriptors(tmp_path)
        async for step in store.replay("s"):
            assert step.turn == "turn-0"
            assert descriptors(tmp_path) != before, "it reads as it goes"
            break
        steps = store.replay("s")
        await anext(steps)
        looking = asyncio.ensure_future(anext(aiter(store.replay("s"))))
        await asyncio.sleep(0)
        tailing = asyncio.ensure_future(store.tail("s", from_start=True))
        await asyncio.sleep(0)
        looking.cancel()
        tailing.cancel()
        await all_of(looking, tailing)
        await steps.aclose()  # type: ignore[attr-defined]
        gc.collect()
        await asyncio.sleep(0)  # the loop closes what was left
        await store.close()
        gc.collect()
        assert descriptors(tmp_path) == []

    run(main())


@pytest.mark.parametrize("pace", [{"speed": 0}, {"speed": -1.0}, {"speed": 1, "max_wait": -1}])
def test_a_pace_that_nobody_can_keep_is_refused(
    pace: dict[str, Any], async_store: AsyncSessionStore
) -> None:
    with pytest.raises(ValueError, match="it must be") as theirs:
        async_store.store.replay("s", **pace)
    with pytest.raises(ValueError, match="it must be") as ours:
        run(collect(lambda: async_store.replay("s", **pace)))
    assert str(ours.value) == str(theirs.value)


def test_a_replay_ends_when_the_store_is_closed(async_store: AsyncSessionStore) -> None:
    async def main() -> None:
        put(async_store, "a")
        steps = async_store.replay("s")
        assert (await anext(aiter(steps))).turn == "a"
        await async_store.close()
        with pytest.raises(ClosedError):
            await anext(aiter(steps))

    run(main())


def turn_of(arrival: Arrival) -> str:
    assert isinstance(arrival.event, Set)
    return arrival.event.turn_id


def test_a_tail_begins_when_it_has_been_awaited(tmp_path: Path) -> None:
    gate, store = gated(tmp_path)

    async def main() -> None:
        await stopped_at(gate, store, "before")
        tailing = asyncio.ensure_future(store.tail("s"))
        whole = asyncio.ensure_future(store.tail("s", from_start=True))
        await asyncio.sleep(0)  # they have asked
        gate.open()
        tail, all_of_it = await tailing, await whole
        put(store, "after")
        put(store, "other", "other")
        put(store, "last")
        arrivals = [await anext(tail), await anext(tail)]
        assert [turn_of(arrival) for arrival in arrivals] == ["after", "last"]
        again = await store.tail("s", arrivals[0].cursor)
        assert (await anext(again)).event == arrivals[1].event
        found = [turn_of(await anext(all_of_it)) for _ in range(4)]
        assert found == ["first", "before", "after", "last"]
        for each in (tail, again, all_of_it):
            await each.aclose()
        await store.close()

    run(main())


def test_a_tail_ends_with_the_store(async_store: AsyncSessionStore) -> None:
    async def main() -> list[str]:
        found = []
        async for arrival in await async_store.tail():
            found.append(arrival.session_id)
            if len(found) == 2:
                await async_store.close()
        return found

    async def writing() -> list[str]:
        reading = asyncio.ensure_future(main())
        while not async_store.store._tails:
            await async_store.has_log("s")
        put(async_store, "a")
        put(async_store, "b", "t")
        return await reading

    assert sorted(run(writing())) == ["s", "t"]
