"""Each method does what the store's does, from the moment that it is called."""

import asyncio
import inspect
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from journal import SessionConfig
from journal.errors import (
    NotFoundError,
    StateTypeError,
    StateValueError,
)
from journal.events import Event
from journal.reports import CompactionReport
from projections import DefaultSessionStore
from projections.store.async_store import AsyncSessionStore
from tests.projections.store.async_store.gates import (
    T,
    all_of,
    gated,
    join,
    put,
    run,
    stopped_at,
    turns,
)
from tests.support import state_in


def methods(of: type) -> dict[str, inspect.Signature]:
    names = {name for name in dir(of) if not name.startswith("_")}
    found = {name: getattr(of, name) for name in names}
    return {name: inspect.signature(it) for name, it in found.items() if inspect.isfunction(it)}


def test_its_methods_are_those_of_the_store_with_the_same_parameters() -> None:
    """Whoever adds a method or a parameter to one of them has to think of the other."""
    theirs, ours = methods(DefaultSessionStore), methods(AsyncSessionStore)
    assert ours.keys() == theirs.keys() - {"past", "newest"}  # of tools that wait anyway
    for name in ours:
        here, there = ours[name].parameters.values(), theirs[name].parameters.values()
        plain = [[(p.name, p.kind, p.default) for p in each] for each in (here, there)]
        assert plain[0] == plain[1], name


ELSEWHERE = {"set_runtime_state", "set_many", "append_once", "close"}


@pytest.mark.parametrize("name", sorted(methods(AsyncSessionStore).keys() - ELSEWHERE))
def test_every_argument_is_passed_on_and_the_answer_comes_back(
    name: str, async_store: AsyncSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = list(methods(AsyncSessionStore)[name].parameters)[1:]
    given = {each: each for each in parameters if each not in ("speed", "max_wait")}
    passed: list[tuple[str, ...]] = []

    def answer(*args: str, **named: str) -> Iterator[str]:
        assert all(key == value for key, value in named.items())
        passed.append((*args, *named.values()))
        return iter(("the answer",))

    async def main() -> list[str]:
        monkeypatch.setattr(async_store.store, name, answer)
        asked = getattr(async_store, name)(**given)
        if name == "replay":
            return [step async for step in asked]
        if name == "tail":
            with pytest.raises(TypeError, match="async"):  # this one is no tail
                await asked
            return ["the answer"]
        return list(await asked)

    assert run(main()) == ["the answer"]
    assert passed == [tuple(given)]


SESSIONS, RUNTIMES, TURNS = ["s", "a/b", ""], ["native", "harness"], ["turn-1", "turn-2"]


one_session, one_runtime, one_turn = map(st.sampled_from, (SESSIONS, RUNTIMES, TURNS))


STATES = st.dictionaries(st.sampled_from(["n", "tool_calls"]), st.integers(0, 9), max_size=2)


ITEMS = st.lists(st.tuples(one_runtime, one_turn, STATES), max_size=3)


CALLS = st.one_of(
    st.tuples(st.just("set_runtime_state"), one_session, one_runtime, one_turn, STATES),
    st.tuples(st.just("set_runtime_state"), one_session, one_runtime, one_turn, STATES),
    st.tuples(st.just("set_many"), one_session, ITEMS),
    st.tuples(st.just("clear_runtime_state"), one_session, one_runtime | st.none()),
    st.tuples(st.just("hand_off"), one_session, one_runtime, one_runtime),
    st.tuples(st.just("take_over"), one_session, one_runtime),
    st.tuples(st.just("get_runtime_state"), one_session, one_runtime, one_turn | st.none()),
    st.tuples(st.just("delete_session"), one_session),
    st.tuples(st.just("compact"), one_session),
)


def outcome(call: Callable[[], T]) -> T | str:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - what it raises is compared
        return repr(error)


def timeless(store: DefaultSessionStore, session: str) -> list[Event]:
    """A session's events without what differs from one time to the next."""
    nothing = {"ts": "", "writer": "", "prev": "", "hash": ""}
    steps = store.replay(session) if store.session_exists(session) else ()
    return [structs.replace(step.event, **nothing) for step in steps]


@given(st.lists(CALLS, max_size=14))
def test_calls_that_nobody_waits_for_in_between_do_as_one_after_the_other(
    calls: list[tuple[Any, ...]],
) -> None:
    async def all_at_once(store: DefaultSessionStore) -> list[Any]:
        async with AsyncSessionStore(store) as async_store:
            asked = [getattr(async_store, name)(*args) for name, *args in calls]
            found = await all_of(*asked)
            seen = {one: await async_store.state_at(one) for one in SESSIONS}
        return [*(repr(r) if isinstance(r, Exception) else r for r in found), seen]

    with tempfile.TemporaryDirectory() as folder:
        plain = DefaultSessionStore(Path(folder, "plain"), durability="os")
        views, expected = [], []
        for name, *args in calls:
            expected.append(outcome(lambda n=name, a=args: getattr(plain, n)(*a)))  # type: ignore[misc]
            views.append({one: plain.state_at(one) for one in SESSIONS})
        together = DefaultSessionStore(Path(folder, "together"), durability="os")
        *found, seen = run(all_at_once(together))

        for index, (name, *args) in enumerate(calls):
            if name == "get_runtime_state":  # sees what was called for before it, or more
                session, runtime, turn = args
                shown = [view[session].get(runtime, {}) for view in views[index:]]
                assert found[index] in [
                    turns if turn is None else turns.get(turn, {}) for turns in shown
                ]
            elif name == "compact":  # writes go on meanwhile, another compaction does not
                assert found[index] is None or isinstance(found[index], CompactionReport | str)
                # nor one beside a deletion: it is an error, or abandoned
                result = str(found[index])
                assert "Error" not in result or result.startswith("Compaction")
            else:
                assert found[index] == expected[index]
        assert seen == {one: plain.state_at(one) for one in SESSIONS}
        with DefaultSessionStore(Path(folder, "together")) as reader:
            for one in SESSIONS:
                assert timeless(reader, one) == timeless(plain, one)
                assert reader.verify(one).ok
        plain.close()


def test_everything_else_is_answered_as_by_the_store(async_store: AsyncSessionStore) -> None:
    store = async_store.store

    async def main() -> None:
        put(async_store, "turn-1")
        put(async_store, "turn-1")
        async_store.hand_off("s", "native", "harness", "turn-1", "tired")
        async_store.take_over("s", "harness")
        assert await async_store.history("s", "native", "turn-1") == store.history(
            "s", "native", "turn-1"
        )
        assert await async_store.state_at("s", 1) == {"native": {"turn-1": {"turn": "turn-1"}}}
        assert (await async_store.diff("s", "native/turn-1")).text() == ""
        assert await async_store.resolve("s", "native/turn-1") == {"turn": "turn-1"}
        assert await async_store.blame("s", "native", "turn-1", 1) == store.blame(
            "s", "native", "turn-1", 1
        )
        assert await async_store.audit("s") == store.audit("s")
        report = await async_store.verify("s")
        assert report == store.verify("s")
        assert await async_store.verify("s", str(report.head)) == report
        assert await async_store.has_log("s")
        assert await async_store.session_exists("s")
        assert not await async_store.session_exists("t")
        assert await async_store.session_file_path("s") == store.session_file_path("s")
        document = msgspec.json.decode(await async_store.session_document("s"))
        assert document["runtime_state"] == {"native": {"turn-1": {"turn": "turn-1"}}}
        assert await async_store.list_sessions() == store.list_sessions()
        assert await async_store.list_sessions(0) == []
        await async_store.refresh_session_file("s")
        assert state_in(Path(store.session_file_path("s") or "")) == document["runtime_state"]
        await async_store.flush()
        (change,) = (await async_store.audit("s")).changes
        assert (change.source, change.reason, change.turn_id) == ("native", "tired", "turn-1")
        dropped = await async_store.compact("s", "drop")
        assert dropped is not None
        assert (dropped.events_before, dropped.events_after) == (4, 3)  # of the two sets one lives
        assert [step.event.seq for step in store.replay("s")] == [2, 3, 4]
        with pytest.raises(NotFoundError):
            await async_store.resolve("s", "nobody")

    run(main())


def test_a_store_that_does_not_mirror_says_true_and_writes_nothing(tmp_path: Path) -> None:
    config = SessionConfig(persist=True, mirror_runtime_state=False)
    silent = AsyncSessionStore(DefaultSessionStore(tmp_path, config=config))
    loud = AsyncSessionStore(DefaultSessionStore(tmp_path))

    async def main() -> None:
        assert await silent.set_runtime_state("s", "native", "turn-1", {"a": float("nan")})
        assert await silent.set_many("s", [("native", "turn-1", {})])
        assert await silent.hand_off("s", "native", "harness")
        assert await silent.take_over("s", "harness") == {}
        assert await loud.set_runtime_state("s", "native", "turn-1", {}, mirror_enabled=False)
        assert await loud.set_many("s", [("native", "turn-1", {})], mirror_enabled=False)
        assert await loud.set_many("s", [])
        assert await silent.set_runtime_state(5, "native", "t", {})  # type: ignore[arg-type]
        assert not await loud.session_exists("s")

    run(main())
    assert list(tmp_path.iterdir()) == []


def test_a_state_is_taken_as_it_is_at_the_call(async_store: AsyncSessionStore) -> None:
    state: dict[str, Any] = {"calls": ["c-1"]}
    items = [("native", "turn-2", state)]

    async def main() -> None:
        one = async_store.set_runtime_state("s", "native", "turn-1", state)
        many = async_store.set_many("s", items)
        state["calls"].append("c-2")
        items.clear()
        assert await all_of(one, many) == [True, True]

    run(main())
    then = {"calls": ["c-1"]}
    assert async_store.store.get_runtime_state("s", "native") == {"turn-1": then, "turn-2": then}


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("set_runtime_state", ("s", "native", "t", {"a": [float("nan")]})),
        ("set_runtime_state", ("s", "native", "t", ["no dict"])),
        ("set_runtime_state", (5, "native", "t", {})),
        ("set_many", ("s", [("native", "t", {}), ("native", "t", {"a": {1}})])),
        ("set_many", ("s", [("native", "t")])),
        ("get_runtime_state", (5, "native")),
        ("take_over", (5, "native")),
    ],
)
def test_what_cannot_be_kept_is_refused_at_the_call_as_by_the_store(
    method: str, args: Any, async_store: AsyncSessionStore
) -> None:
    with pytest.raises((StateTypeError, StateValueError)) as theirs:
        getattr(async_store.store, method)(*args)

    async def main() -> None:
        with pytest.raises(theirs.type) as ours:
            getattr(async_store, method)(*args)  # not awaited
        assert str(ours.value) == str(theirs.value)

    run(main())
    assert not async_store.store.session_exists("s")


def test_outside_of_an_event_loop_nothing_is_begun(async_store: AsyncSessionStore) -> None:
    calls: list[Callable[[], object]] = [
        lambda: put(async_store, "turn-1"),
        lambda: async_store.hand_off("s", "native", "harness"),
        lambda: async_store.list_sessions(),
        lambda: async_store.get_runtime_state("s", "native"),
        async_store.close,
    ]
    for call in calls:
        with pytest.raises(RuntimeError, match="no running event loop"):
            call()
    join(async_store)
    assert not async_store.store.session_exists("s")


def test_an_id_that_no_log_can_hold_is_refused_alone(tmp_path: Path) -> None:
    gate, store = gated(tmp_path)

    async def main() -> None:
        await stopped_at(gate, store)
        waiting: list[asyncio.Future[Any]] = [
            put(store, "before"),
            store.set_runtime_state("s", "native", 5, {}),  # type: ignore[arg-type]
            store.set_runtime_state("s", "\ud800", "turn", {}),
            put(store, "after"),
        ]
        gate.open()
        found = await all_of(*waiting)
        assert found[0] == found[3] == True  # noqa: E712 - an error is true as well
        assert [type(error) for error in found[1:3]] == [StateTypeError, StateValueError]
        await store.close()

    run(main())
    assert turns(tmp_path) == ["first", "slow", "before", "after"]
