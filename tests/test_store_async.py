"""The store for event loops: the same store, in the order of the calls, and no call blocks.

Where something has to wait, a disk is stopped by a `Gate` until the test has seen what it came
for; nothing here goes by the clock.
"""

import asyncio
import fcntl
import functools
import gc
import inspect
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import ExitStack
from errno import EIO, ENOSPC
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from journal import Limits, SessionConfig
from journal.backend import CompactionReport
from journal.errors import (
    AppendError,
    ClosedError,
    LimitExceededError,
    NotFoundError,
    StateTypeError,
    StateValueError,
    SyncError,
)
from journal.events import Event, Set
from projections import DefaultSessionStore, store_async
from projections.queues import Queues
from projections.replay import Pace, Step
from projections.store_async import AsyncSessionStore
from projections.tail import Arrival
from tests.support import FaultyStorage, finish, python, set_event, state_in

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
    """As `store.join`, but a test that waits in vain fails."""
    waiting = threading.Thread(target=store.join, args=(session,), daemon=True)
    waiting.start()
    waiting.join(PATIENCE)
    assert not waiting.is_alive()


def gated(folder: Path, gate: Gate, **options: Any) -> AsyncSessionStore:
    """A store on a disk with a gate, and a session `s` with one turn, `first`."""
    store = DefaultSessionStore(folder, storage=FaultyStorage(gate), **options)
    store.set_runtime_state("s", "native", "first", {})
    return AsyncSessionStore(store)


def put(store: AsyncSessionStore, turn: str, session: str = "s") -> "asyncio.Future[bool]":
    return store.set_runtime_state(session, "native", turn, {"turn": turn})


def turns(folder: Path, session: str = "s") -> list[str]:
    """The turns of all sets in a log, as another reader finds them."""
    with DefaultSessionStore(folder) as reader:
        events = [step.event for step in reader.replay(session)]
    return [event.turn_id for event in events if isinstance(event, Set)]


@pytest.fixture
def async_store(store: DefaultSessionStore) -> AsyncSessionStore:
    return AsyncSessionStore(store)


# The same store


def methods(of: type) -> dict[str, inspect.Signature]:
    names = {name for name in dir(of) if not name.startswith("_")}
    found = {name: getattr(of, name) for name in names}
    return {name: inspect.signature(it) for name, it in found.items() if inspect.isfunction(it)}


def test_its_methods_are_those_of_the_store_with_the_same_parameters() -> None:
    """Whoever adds a method or a parameter to one of them has to think of the other."""
    theirs, ours = methods(DefaultSessionStore), methods(AsyncSessionStore)
    for_loops = {"join", "refresh_soon"}
    for_threads = {"past", "append_at_once", "refresh_session_file_if_due"}
    assert ours.keys() - for_loops == theirs.keys() - for_threads
    for name in ours.keys() - for_loops:
        here, there = ours[name].parameters.values(), theirs[name].parameters.values()
        plain = [[(p.name, p.kind, p.default) for p in each] for each in (here, there)]
        assert plain[0] == plain[1], name


ELSEWHERE = {"set_runtime_state", "set_many", "append", "join", "close", "refresh_soon"}


@pytest.mark.parametrize("name", sorted(methods(AsyncSessionStore).keys() - ELSEWHERE))
def test_every_argument_is_passed_on_and_the_answer_comes_back(
    name: str, async_store: AsyncSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = list(methods(AsyncSessionStore)[name].parameters)[1:]
    given = {each: each for each in parameters if each not in ("speed", "max_wait")}
    passed: list[tuple[str, ...]] = []

    def answer(*args: str) -> Iterator[str]:
        passed.append(args)
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
    return [structs.replace(step.event, **nothing) for step in store.replay(session)]


@settings(max_examples=50, deadline=None)
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
                assert "Error" not in str(found[index]) or "CompactionError" in str(found[index])
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


# From when it is called


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
    gate = Gate("write")
    store = gated(tmp_path, gate)

    async def main() -> None:
        gate.shut()
        put(store, "slow")
        await gate.reached()
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


# Waiting, and not waiting


def test_while_a_disk_is_slow_the_loop_and_other_sessions_go_on(tmp_path: Path) -> None:
    gate = Gate("sync")
    store = gated(tmp_path, gate)

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


def test_sixteen_slow_sessions_do_not_stop_their_readers(tmp_path: Path) -> None:
    """Those that write and those that read do not wait for each other's threads."""
    gate = Gate("sync", "")  # of all sessions
    store = gated(tmp_path, gate)

    async def main() -> None:
        gate.shut()
        slow = [put(store, "slow", f"s-{number}") for number in range(16)]
        await gate.reached()
        assert await store.get_runtime_state("s", "native") == {"first": {}}
        gate.open()
        assert all(await asyncio.gather(*slow))
        await store.close()

    run(main())


def test_a_read_sees_all_writes_called_for_before_it(tmp_path: Path) -> None:
    gate = Gate("write")
    store = gated(tmp_path, gate)

    async def main() -> None:
        gate.shut()
        put(store, "a")
        await gate.reached()
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
    gate = Gate("write")
    store = gated(tmp_path, gate)

    async def main() -> None:
        gate.shut()
        put(store, "slow")
        await gate.reached()
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
    gate = Gate("write")
    store = gated(tmp_path, gate)
    begun, go_on = threading.Event(), threading.Event()

    def long_look(*_: object) -> Iterator[Step]:
        begun.set()
        assert go_on.wait(PATIENCE)
        return iter(())

    monkeypatch.setattr(store.store, look, long_look)

    async def main() -> None:
        gate.shut()
        put(store, "before")
        await gate.reached()
        if look == "replay":
            looking = asyncio.ensure_future(collect(store.replay("s")))
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
    gate = Gate("sync")
    store = gated(tmp_path, gate)

    async def main() -> None:
        gate.shut()
        slow = put(store, "slow")
        await gate.reached()
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


def test_what_comes_between_sets_keeps_its_place(tmp_path: Path) -> None:
    gate = Gate("sync")
    store = gated(tmp_path, gate)

    async def main() -> list[str]:
        gate.shut()
        put(store, "slow")
        await gate.reached()
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

    def slow(*given: str | None) -> object:
        begun.set()
        assert go_on.wait(PATIENCE)
        return call(*given)

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
    gate, flushed = Gate("write"), list[str]()
    store = gated(tmp_path, gate)
    monkeypatch.setattr(store.store, "flush", lambda: flushed.extend(turns(tmp_path)))

    async def main() -> None:
        gate.shut()
        put(store, "slow")
        await gate.reached()
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
    gate = Gate("write")
    limits = Limits(turn_bytes=100, runtime_bytes=1000, on_exceed="reject")
    store = gated(tmp_path, gate, limits=limits)

    async def main() -> None:
        gate.shut()
        slow = put(store, "slow")
        await gate.reached()
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


# Being cancelled, and failing


def test_a_write_whose_task_is_cancelled_is_written_in_its_place(tmp_path: Path) -> None:
    gate = Gate("write")
    store = gated(tmp_path, gate)

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


def test_a_failed_write_whose_task_is_cancelled_is_nobodys(tmp_path: Path) -> None:
    gate = Gate("write")
    store = gated(tmp_path, gate)

    async def main() -> None:
        gate.shut()
        gate.errors = [OSError(ENOSPC, "No space left on device")]
        failing = put(store, "failing")
        await gate.reached()
        failing.cancel()
        gate.open()
        assert await put(store, "fine")
        await store.close()

    run(main())
    assert turns(tmp_path) == ["first", "fine"]


def test_a_failed_write_is_raised_where_it_is_awaited_and_nowhere_else(tmp_path: Path) -> None:
    gate = Gate("write")
    store = gated(tmp_path, gate)

    async def main() -> None:
        gate.shut()
        gate.errors = [OSError(ENOSPC, "No space left on device")]
        failing = put(store, "failing")
        await gate.reached()
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
    gate = Gate("write")
    store = gated(tmp_path, gate)
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
    gate = Gate("sync")
    store = gated(tmp_path, gate)

    async def main() -> None:
        gate.shut()
        gate.errors = [None, OSError(EIO, "Input/output error")]
        slow = put(store, "slow")
        await gate.reached()
        waiting = [put(store, f"turn-{number}") for number in range(3)]
        gate.open()
        assert await slow
        found = await all_of(*waiting)
        assert [type(error) for error in found] == [SyncError] * 3
        assert await put(store, "other", "other")
        await store.close()

    run(main())


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

    async def main() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(async_store.store, method, broken)
            with pytest.raises(Unheard):
                await getattr(async_store, method)(*args)
        await getattr(async_store, method)(*args)

    run(main())


def test_an_append_that_fails_in_no_known_way_is_told_to_all_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate("write")
    store = gated(tmp_path, gate)

    async def main() -> None:
        gate.shut()
        slow = put(store, "slow")
        await gate.reached()
        with monkeypatch.context() as patch:
            patch.setattr(store.store, "append", None)
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
    append, audit = async_store.store.append, async_store.store.audit

    def counted_append(session_id: str, events: Any, *, refresh: bool) -> None:
        asked.extend(event.turn_id for event in events)
        append(session_id, events, refresh=refresh)

    def counted_audit(session_id: str) -> object:
        asked.append(session_id)
        return audit(session_id)

    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    queues, begun, go_on = async_store._queues, threading.Barrier(3), threading.Event()

    def busy() -> None:
        begun.wait(PATIENCE)
        assert go_on.wait(PATIENCE)

    monkeypatch.setattr(async_store.store, "append", counted_append)
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


# Loops, threads, processes


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
    gate = Gate("write")
    store = gated(tmp_path, gate)

    async def main() -> None:
        gate.shut()
        put(store, "a")
        await gate.reached()
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
    gate = Gate("write")
    store = gated(tmp_path, gate)

    async def main() -> None:
        gate.shut()
        put(store, "slow")
        await gate.reached()
        put(store, "quick", "other")
        await asyncio.to_thread(join, store, "other")
        assert turns(tmp_path, "other") == ["quick"]
        join(store, "never heard of")
        threads = [
            threading.Thread(target=store.join, args=args, daemon=True) for args in ((), ("s",))
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
from projections.store_async import AsyncSessionStore
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
    async_store.join()
    asyncio.run(write("child", "d"))
    async_store.join()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
release.set()
async_store.join()
asyncio.run(write("s", "e"))
"""


def test_a_forked_child_can_use_it_and_does_nothing_of_its_parents(tmp_path: Path) -> None:
    finish([python(FORK, str(tmp_path))])
    assert turns(tmp_path) == ["first", "a", "b", "c", "e"]
    assert turns(tmp_path, "child") == ["d"]


EXIT = """
import asyncio, sys
from projections import DefaultSessionStore
from projections.store_async import AsyncSessionStore

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


# The end


def test_close_waits_for_all_that_was_called_for(tmp_path: Path) -> None:
    gate = Gate("write")
    store = gated(tmp_path, gate)

    async def main() -> None:
        gate.shut()
        slow = put(store, "slow")
        await gate.reached()
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
    begun, read_on, close_on = threading.Event(), threading.Event(), threading.Event()
    close = async_store.store.close
    order: list[str] = []

    def long_audit(session_id: str) -> None:
        begun.set()
        assert read_on.wait(PATIENCE)
        order.append("audited")

    def long_close() -> None:
        order.append("closing")
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
        await others_run()
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


# Replays and tails


async def collect(steps: AsyncIterator[Step]) -> list[Step]:
    return [step async for step in steps]


@pytest.mark.parametrize("limits", [{}, {"runtime_id": "harness"}, {"since": 3, "until": "150"}])
def test_a_replay_is_that_of_the_store(
    limits: dict[str, Any], async_store: AsyncSessionStore
) -> None:
    store = async_store.store
    store.set_many("s", [("native", f"turn-{number}", {"n": number}) for number in range(200)])
    store.hand_off("s", "native", "harness")
    found = run(collect(async_store.replay("s", **limits)))
    assert found == list(store.replay("s", **limits))
    assert len(found) == {0: 201, 1: 1, 2: 148}[len(limits)]
    assert run(collect(async_store.replay("nobody's"))) == []


def test_a_replay_sees_what_was_called_for_before_it(async_store: AsyncSessionStore) -> None:
    async def main() -> None:
        for turn in ("a", "b"):
            put(async_store, turn)
        assert [step.turn for step in await collect(async_store.replay("s"))] == ["a", "b"]

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
    monkeypatch.setattr(store_async, "Pace", Paced)

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
        run(collect(async_store.replay("s", **pace)))
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
    gate = Gate("write")
    store = gated(tmp_path, gate)

    async def main() -> None:
        gate.shut()
        put(store, "before")
        await gate.reached()
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


# At once, where nobody has to be waited for


def no_thread(store: AsyncSessionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a thread was asked for a write")

    monkeypatch.setattr(store._queues, "write", refuse)


def test_without_a_sync_a_set_is_written_when_the_call_returns(
    tmp_path: Path, async_store: AsyncSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trip to a thread takes several times as long as the write."""

    async def main() -> None:
        assert await put(async_store, "first"), "a thread opens the log"
        while not async_store._queues.is_idle("s"):
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
        assert not store.append_at_once("s", [store.intake.event("native", "second", {})])
        assert turns(tmp_path / name) == ["first"]
        store.close()


def waits(event: threading.Event) -> None:
    assert event.wait(PATIENCE)


def test_what_waits_is_not_overtaken(
    tmp_path: Path, async_store: AsyncSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    async def main() -> None:
        await put(async_store, "first")
        async_store._queues.write("s", lambda: waits(go_on))
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
