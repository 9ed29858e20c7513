"""A store of which only so many bytes of states may wait: what is called for beyond that."""

import asyncio
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from journal.errors import StateTypeError
from journal.events import Set
from projections import DefaultSessionStore
from projections.store.async_store import AsyncSessionStore
from projections.store.async_store.entries import Append
from projections.store.async_store.lines import SessionLines
from projections.store.async_store.writer import AsyncWriter
from projections.store.store import writer_of
from tests.projections.store.async_store.gates import Gate, all_of, gated, run

STATE = {"text": "x" * 1000}
ROOM = 5_000  # for as many states, the last one just begun


def narrow(folder: Path) -> tuple[Gate, AsyncSessionStore]:
    """A gate at the writes of a store in which little may wait."""
    gate, store = gated(folder)
    return gate, AsyncSessionStore(store.store, max_waiting=ROOM)


async def filled(gate: Gate, store: AsyncSessionStore) -> list["asyncio.Future[bool]"]:
    """Calls for sets until it is full, of which the first has come to the gate."""
    gate.shut()
    calls = [put(store, 0)]
    await gate.reached()
    while not store._writer.is_full:
        calls.append(put(store, len(calls)))
    return calls


def put(store: AsyncSessionStore, number: int, state: Any = STATE) -> "asyncio.Future[bool]":
    return store.set_runtime_state("s", "native", f"turn-{number}", state)


async def turns_of(store: AsyncSessionStore) -> list[str]:
    return list(await store.get_runtime_state("s", "native"))


def test_no_more_wait_than_it_says_and_all_are_written_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are called for, alone or together, and read after that."""
    gate, store = narrow(tmp_path)
    encoder, made = store._store_writer.encoder, [0]
    encode = encoder.event

    def counted(*args: Any) -> Set:
        made[0] += 1
        return encode(*args)

    async def main() -> list[str]:
        calls = await filled(gate, store)
        monkeypatch.setattr(encoder, "event", counted)
        calls += [put(store, number) for number in range(len(calls), 50)]
        batch = ((name, "turn", STATE) for name in ("a", "b"))
        calls.append(store.set_many("s", batch))
        found = turns_of(store)
        assert made == [0]
        assert ROOM <= store._writer.queues.bytes < ROOM + 2 * len(STATE["text"])
        gate.open()
        assert all(await all_of(*calls))
        turns = await found
        assert list(await store.get_runtime_state("s", "b")) == ["turn"]
        await store.close()
        return turns

    assert run(main()) == ["first", *(f"turn-{number}" for number in range(50))]
    assert made[0] >= 45
    assert store._writer.queues.bytes == 0


def test_what_is_cancelled_before_its_turn_writes_nothing(tmp_path: Path) -> None:
    gate, store = narrow(tmp_path)

    async def main() -> tuple[int, list[str]]:
        early = await filled(gate, store)
        late = [put(store, number) for number in range(100, 104)]
        late[1].cancel()
        early[-1].cancel()  # its state was taken: it is written
        gate.open()
        assert [type(each) for each in await all_of(*late)] == [
            *(bool, asyncio.CancelledError, bool, bool)
        ]
        turns = await turns_of(store)
        await store.close()
        return len(early), turns

    count, turns = run(main())
    assert turns == [
        "first",
        *(f"turn-{number}" for number in range(count)),
        *("turn-100", "turn-102", "turn-103"),
    ]


def test_where_all_are_cancelled_nothing_is_written(tmp_path: Path) -> None:
    gate, store = narrow(tmp_path)

    async def main() -> int:
        early = await filled(gate, store)
        early.append(store.hand_off("s", "native", "harness"))  # so they stand by themselves
        for number in range(100, 104):
            put(store, number).cancel()
        gate.open()
        assert all(await all_of(*early))
        turns = await turns_of(store)
        await store.close()
        return len(turns) - len(early)

    assert run(main()) == 0


def test_what_is_wrong_with_a_state_is_raised_where_it_is_awaited(tmp_path: Path) -> None:
    """And does no harm to those that are written with it."""
    gate, store = narrow(tmp_path)

    async def main() -> None:
        early = await filled(gate, store)
        late = [put(store, 100), put(store, 101, {"x": object()}), put(store, 102)]
        gate.open()
        assert [type(each) for each in await all_of(*early, *late)] == [
            *([bool] * (len(early) + 1)),
            *(StateTypeError, bool),
        ]
        await store.close()

    run(main())


def test_closing_waits_for_what_came_too_late_to_be_taken(tmp_path: Path) -> None:
    gate, store = narrow(tmp_path)

    async def main() -> None:
        await filled(gate, store)
        late = put(store, 100)
        closing = store.close()
        gate.open()
        await closing
        assert await late

    run(main())
    with DefaultSessionStore(tmp_path) as again:
        assert again.get_runtime_state("s", "native", "turn-100") == STATE


def test_what_is_made_late_is_written_in_portions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or all of it would be in memory at once, although it was not to be."""
    monkeypatch.setattr("projections.store.async_store.writer.MOST_BYTES", 3 * len(STATE["text"]))
    gate, store = narrow(tmp_path)

    async def main() -> None:
        calls = await filled(gate, store)
        calls += [put(store, number) for number in range(100, 120)]
        gate.open()
        assert all(await all_of(*calls))
        await store.close()

    run(main())
    assert gate.count > 20 // 3


def test_a_set_that_waits_takes_little_more_memory_than_its_state_has_bytes(
    tmp_path: Path,
) -> None:
    """Encoders leave their buffer around what they return; it is half as long again."""
    gate, store = gated(tmp_path)
    state, count = {"text": "x" * 4096}, 200

    async def main() -> int:
        gate.shut()
        calls = [put(store, 0, state)]
        await gate.reached()
        tracemalloc.start()
        calls += [put(store, number, state) for number in range(count)]
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        gate.open()
        assert all(await all_of(*calls))
        await store.close()
        return grown

    assert 4096 <= run(main()) / count <= 1.4 * 4096


@pytest.mark.parametrize("wrong", [0, -1, "1", 1.5])
def test_a_number_that_makes_no_sense_is_refused(wrong: Any, tmp_path: Path) -> None:
    with (
        DefaultSessionStore(tmp_path) as store,
        pytest.raises((TypeError, ValueError), match="max_waiting"),
    ):
        AsyncSessionStore(store, max_waiting=wrong)


def test_without_a_number_it_is_never_full(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path) as store:
        assert not AsyncWriter(writer_of(store)).is_full


def of_size(size: int) -> Append:
    event = Set(runtime_id="r", turn_id="t", state=Raw(b"1" * size))
    return Append([event], lambda error: None, refresh=False)


CALL, STEPS = st.just("call"), ("take", "finish")


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 99) | CALL | st.sampled_from(STEPS)))
)
def test_the_bytes_are_those_of_what_stands_in_the_lines(steps: list[tuple[str, Any]]) -> None:
    lines = SessionLines()
    for session, step in steps:
        if step not in STEPS:
            lines.put(session, (lambda: None) if step == "call" else of_size(step))
        elif (line := lines.of(session)) is None:
            pass
        elif step == "finish":
            lines.finish(session, line)
        elif not line.waits_for(line.begun):
            lines.take(line)
        waiting = [
            entry
            for line in lines._lines.values()
            for number, entry in line.entries
            if number > line.begun
        ]
        assert lines.bytes == sum(each.size for each in waiting if isinstance(each, Append))
