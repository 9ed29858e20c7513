"""What the recorder makes of turns, on real files, both ways: from threads and from a loop."""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Iterator
from errno import EACCES, ENOSPC
from pathlib import Path
from typing import Any

import pytest

from journal import Limits, SessionConfig
from journal.config import Durability
from journal.errors import ClosedError, DamagedError, StateTypeError
from journal.events import Handoff, Set, Takeover
from projections import DefaultSessionStore
from projections.adapters import turns
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Status, Turn
from projections.sessions import Session
from tests.support import FaultyStorage, fails, no_fault, state_in
from tests.test_store_async import PATIENCE, Gate


class Way:
    """A recorder as threads use it, or, with a runner, as an event loop does."""

    def __init__(self, recorder: Recorder, runner: asyncio.Runner | None) -> None:
        self.recorder = recorder
        self.runner = runner

    def to(self, recorder: Recorder) -> "Way":
        """The same way with another recorder."""
        return Way(recorder, self.runner)

    def open(self, turn: Turn) -> None:
        self._do(self.recorder.open, self.recorder.aopen, turn)

    def save(self, turn: Turn) -> None:
        self._do(self.recorder.save, self.recorder.asave, turn)

    def close(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        self._do(self.recorder.close, self.recorder.aclose, turn, status, error)

    def settle(self) -> None:
        """Until all is written, and the loop has heard what came of it."""
        self.recorder.join()
        if self.runner is not None:
            self.runner.run(asyncio.sleep(0))

    def _do(
        self,
        call: Callable[..., None],
        acall: Callable[..., Coroutine[Any, Any, None]],
        *args: object,
    ) -> None:
        if self.runner is None:
            call(*args)
        else:
            self.runner.run(acall(*args))


@pytest.fixture(params=["threads", "loop"])
def way(request: pytest.FixtureRequest, store: DefaultSessionStore) -> Iterator[Way]:
    if request.param == "threads":
        yield Way(Recorder(store), None)
        return
    with asyncio.Runner() as runner:
        reports: list[dict[str, Any]] = []
        runner.get_loop().set_exception_handler(lambda _, report: reports.append(report))
        yield Way(Recorder(store), runner)
        assert reports == []


def new(runtime: str = "triage", turn: str = "turn-1", **fields: Any) -> Turn:
    return Turn(session_id="s", runtime_id=runtime, turn_id=turn, **fields)


def inside(parent: Turn, runtime: str, turn: str, call: str | None, **fields: Any) -> Turn:
    return new(runtime, turn, parent=parent, parent_call_id=call, **fields)


def states(store: DefaultSessionStore, runtime: str = "triage", turn: str = "turn-1") -> list[Any]:
    """The status of each version of a turn, and those of its calls."""
    found = []
    for version in store.history("s", runtime, turn):
        calls = {call["id"]: call["status"] for call in version.state.get("tool_calls", [])}
        found.append((version.state["status"], calls))
    return found


def story(store: DefaultSessionStore, session: str = "s") -> list[str]:
    """The events of a session, a few words each."""
    found = []
    for step in store.replay(session):
        match step.event:
            case Set(runtime_id=runtime, turn_id=turn):
                found.append(f"{runtime} {turn} {step.state['status']}")
            case Handoff(source=source, target=target, reason=reason):
                found.append(f"{source} -> {target}: {reason}")
            case Takeover(runtime_id=runtime, handoff_seq=answered):
                found.append(f"{runtime} takes over {answered}")
    return found


def changes(store: DefaultSessionStore) -> list[tuple[str | None, str, str]]:
    return [(each.source, each.target, each.status) for each in store.audit("s").changes]


# What is written


def test_a_turn_is_written_when_it_opens_with_each_call_and_when_it_closes(
    way: Way, store: DefaultSessionStore
) -> None:
    turn = new()
    turn.says("user", "Weather?")
    way.open(turn)
    turn.call_started("call-1", "weather")
    way.save(turn)
    turn.call_ended("call-1")
    way.save(turn)
    turn.says("assistant", "Sunny.")
    way.close(turn)
    assert states(store) == [
        ("open", {}),
        ("open", {"call-1": "open"}),
        ("open", {"call-1": "completed"}),
        ("completed", {"call-1": "completed"}),
    ]
    first, *_, last = (version.state for version in store.history("s", "triage", "turn-1"))
    question = {"role": "user", "content": "Weather?"}
    assert first["transcript"] == [question]
    assert last["transcript"] == [question, {"role": "assistant", "content": "Sunny."}]
    assert store.audit("s").ok
    assert (way.recorder.failures, way.recorder.last_failure) == (0, None)


def test_a_turn_ends_once(way: Way, store: DefaultSessionStore) -> None:
    turn = new()
    way.open(turn)
    way.close(turn, "error", ValueError("no such city"))
    way.close(turn)
    way.settle()
    assert story(store) == ["triage turn-1 open", "triage turn-1 error"]
    state = store.get_runtime_state("s", "triage", "turn-1")
    assert state["error"] == "ValueError: no such city"


def test_a_state_is_within_the_limits_of_the_store(way: Way, tmp_path: Path) -> None:
    limits = Limits(turn_bytes=300, on_exceed="reject")
    with DefaultSessionStore(tmp_path, limits=limits) as strict:
        way = way.to(Recorder(strict))
        turn = new()
        turn.says("user", "Weather? " * 100)
        way.open(turn)
        way.close(turn)
        assert states(strict) == [("open", {}), ("completed", {})]
    assert way.recorder.failures == 0


def test_a_store_that_does_not_mirror_is_left_alone(way: Way, tmp_path: Path) -> None:
    config = SessionConfig(persist=True, mirror_runtime_state=False)
    folder = tmp_path / "silent"
    with DefaultSessionStore(folder, config=config) as silent:
        way = way.to(Recorder(silent))
        outer = new()
        inner = inside(outer, "billing", "turn-2", "call-1")
        for turn in (outer, inner):
            way.open(turn)
        for turn in (inner, outer):
            way.close(turn)
    assert not folder.exists()
    assert way.recorder.failures == 0


# Who has the session


def test_a_turn_inside_a_call_is_handed_the_session_and_hands_it_back(
    way: Way, store: DefaultSessionStore
) -> None:
    outer = new()
    outer.call_started("call-1", "ask_billing")
    way.open(outer)
    inner = inside(outer, "billing", "turn-2", "call-1")
    outer.handed_to(inner)
    way.open(inner)
    innermost = inside(inner, "bank", "turn-3", None)
    way.open(innermost)
    way.close(innermost, "error", TimeoutError())
    way.close(inner)
    outer.call_ended("call-1")
    way.close(outer)
    assert story(store) == [
        "triage turn-1 open",
        "triage -> billing: call-1",
        "billing takes over 2",
        "billing turn-2 open",
        "billing -> bank: called for by turn-2",
        "bank takes over 5",
        "bank turn-3 open",
        "bank turn-3 error",
        "bank -> billing: turn-3 is error",
        "billing takes over 9",
        "billing turn-2 completed",
        "billing -> triage: turn-2 is completed",
        "triage takes over 12",
        "triage turn-1 completed",
    ]
    audit = store.audit("s")
    assert audit.ok
    assert {change.status for change in audit.changes} == {"taken over"}
    (open_call,) = audit.changes[0].open_calls
    assert (open_call.id, open_call.finished_by) == ("call-1", "triage")


def test_what_is_handed_over_for_good_does_not_come_back(
    way: Way, store: DefaultSessionStore
) -> None:
    first = new()
    way.open(first)
    second = inside(first, "billing", "turn-2", None, for_good=True)
    first.handed_to(second)
    way.close(first)
    way.open(second)
    way.close(second)
    assert story(store) == [
        "triage turn-1 open",
        "triage turn-1 completed",
        "triage -> billing: called for by turn-1",
        "billing takes over 3",
        "billing turn-2 open",
        "billing turn-2 completed",
    ]
    again = new("billing", "turn-3")
    way.open(again)
    way.close(again)
    assert changes(store) == [("triage", "billing", "taken over")]
    assert store.audit("s").ok


def test_who_goes_on_for_good_inside_a_call_gives_back_to_the_caller(
    way: Way, store: DefaultSessionStore
) -> None:
    outer = new()
    way.open(outer)
    called = inside(outer, "billing", "turn-2", "call-1")
    way.open(called)
    successor = inside(called, "bank", "turn-3", None, for_good=True)
    called.handed_to(successor)
    way.close(called)
    way.open(successor)
    way.close(successor)
    way.close(outer)
    assert changes(store) == [
        ("triage", "billing", "taken over"),
        ("billing", "bank", "taken over"),
        ("bank", "triage", "taken over"),
    ]
    assert store.audit("s").ok


def test_one_runtime_after_another_is_a_handover(way: Way, store: DefaultSessionStore) -> None:
    for runtime, turn in (("triage", "a"), ("triage", "b"), ("billing", "c"), ("triage", "d")):
        one = new(runtime, turn)
        way.open(one)
        way.close(one)
    assert story(store) == [
        "triage a open",
        "triage a completed",
        "triage b open",
        "triage b completed",
        "triage -> billing: the turn before is over",
        "billing takes over 5",
        "billing c open",
        "billing c completed",
        "billing -> triage: the turn before is over",
        "triage takes over 9",
        "triage d open",
        "triage d completed",
    ]
    assert store.audit("s").ok


def test_turns_side_by_side_are_not_handed_over(way: Way, store: DefaultSessionStore) -> None:
    """The audit shows what happened: they wrote in turns, and nobody had announced it."""
    one, other = new("triage", "turn-1"), new("billing", "turn-2")
    way.open(one)
    way.open(other)
    way.close(one)
    way.close(other)
    assert story(store) == [
        "triage turn-1 open",
        "billing turn-2 open",
        "triage turn-1 completed",
        "billing turn-2 completed",
    ]
    assert {status for _, _, status in changes(store)} == {"unannounced"}


def test_a_turn_in_another_session_takes_nothing_from_this_one(
    way: Way, store: DefaultSessionStore
) -> None:
    outer = new()
    way.open(outer)
    inner = Turn("elsewhere", "billing", "turn-2", parent=outer, parent_call_id="call-1")
    way.open(inner)
    way.close(inner)
    way.close(outer)
    assert story(store) == ["triage turn-1 open", "triage turn-1 completed"]
    assert story(store, "elsewhere") == ["billing turn-2 open", "billing turn-2 completed"]
    parent = store.get_runtime_state("elsewhere", "billing", "turn-2")["parent"]
    assert parent["session"] == "s"


def test_after_a_restart_the_session_is_had_by_whose_turn_closed_last(
    way: Way, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = (f"2026-01-23T10:20:{second:02}.000Z" for second in range(60))
    monkeypatch.setattr(turns, "now", lambda: next(times))
    for runtime, turn in (("triage", "a"), ("billing", "b"), ("triage", "c")):
        one = new(runtime, turn)
        way.open(one)
        way.close(one)
    way = way.to(Recorder(store))
    next_one = new("harness", "d")
    way.open(next_one)
    way.settle()
    assert story(store)[10:] == [
        "triage -> harness: the turn before is over",
        "harness takes over 11",
        "harness d open",
    ]


def test_after_a_crash_nobody_is_known_to_have_given_the_session_away(
    way: Way, store: DefaultSessionStore
) -> None:
    way.open(new("triage", "a"))  # and never closes
    way.settle()
    way = way.to(Recorder(store))
    one = new("harness", "b")
    way.open(one)
    way.close(one)
    assert story(store) == ["triage a open", "harness b open", "harness b completed"]
    assert changes(store) == [("triage", "harness", "unannounced")]


def test_an_older_session_is_looked_at_once(
    way: Way, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look costs as much as the session is large."""
    looks: list[str] = []

    def look(session: str, at: None = None) -> dict[str, Any]:
        looks.append(session)
        return {}

    monkeypatch.setattr(store, "state_at", look)
    for number in range(3):
        turn = new(turn=f"turn-{number}")
        way.open(turn)
        way.close(turn)
    assert looks == ["s"]


# Trouble


@pytest.mark.parametrize(("call", "errno"), [("write", ENOSPC), ("open", EACCES)])
def test_a_journal_that_fails_is_counted_and_logged_once_and_no_agent_hears_of_it(
    call: str, errno: int, way: Way, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = FaultyStorage(no_fault)
    with DefaultSessionStore(tmp_path / "new", storage=storage, durability="os") as store:
        way = way.to(Recorder(store))
        storage.fault = fails(call, errno, times=1 << 30)
        for name in ("lost-1", "lost-2"):
            turn = new(turn=name)
            way.open(turn)
            way.close(turn)
            way.settle()
        failures = way.recorder.failures
        assert failures >= 4
        assert getattr(way.recorder.last_failure, "errno", None) == errno
        storage.fault = no_fault
        turn = new(turn="kept")
        way.open(turn)
        way.close(turn)
        assert story(store) == ["triage kept open", "triage kept completed"]
        assert way.recorder.failures == failures
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    text = record.getMessage()
    assert text.startswith("turn 'lost-1' of 'triage' in session 's' is not mirrored: ")
    assert text.endswith(". The agent goes on; further failures are counted, not logged")
    assert record.exc_info is None


def test_every_failed_write_is_counted(way: Way, tmp_path: Path) -> None:
    storage = FaultyStorage(no_fault)
    with DefaultSessionStore(tmp_path / "new", storage=storage, durability="os") as store:
        way = way.to(Recorder(store))
        turn = new()
        way.open(turn)
        way.settle()
        storage.fault = fails("write", ENOSPC)
        way.save(turn)
        way.settle()
        assert way.recorder.failures == 1
        way.close(turn)
        way.settle()
        assert way.recorder.failures == 1
        assert states(store) == [("open", {}), ("completed", {})]


def test_who_had_the_session_may_stay_unknown(
    way: Way, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> None:
        raise DamagedError("nothing can be read")

    monkeypatch.setattr(store, "state_at", damaged)
    turn = new()
    way.open(turn)
    way.close(turn)
    assert isinstance(way.recorder.last_failure, DamagedError)
    assert states(store) == [("open", {}), ("completed", {})]


def test_what_can_be_no_session_is_counted(way: Way, store: DefaultSessionStore) -> None:
    turn = Turn(session_id=5, runtime_id="triage")  # type: ignore[arg-type]
    way.open(turn)
    way.save(turn)
    way.close(turn)
    way.settle()
    assert isinstance(way.recorder.last_failure, StateTypeError)
    assert store.list_sessions() == []


def test_a_store_that_was_closed_is_counted(way: Way, store: DefaultSessionStore) -> None:
    turn = new()
    way.open(turn)
    way.settle()
    store.close()
    way.close(turn)
    way.settle()
    assert way.recorder.failures == 1
    assert isinstance(way.recorder.last_failure, ClosedError)


def test_an_adapters_own_trouble_is_counted_with_the_rest_and_shows_where_it_was(
    way: Way, store: DefaultSessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        raise KeyError("a new release has no such field")
    except KeyError as error:
        way.recorder.note_failure(error)
        noted = error
    store.close()
    turn = new()
    way.close(turn)
    way.settle()
    way.recorder.note_failure(ValueError("and another"))
    assert way.recorder.failures == 3
    assert isinstance(way.recorder.last_failure, ValueError)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is noted
    assert "KeyError: 'a new release has no such field'" in record.getMessage()


# Threads


def test_what_is_raised_to_end_the_program_passes(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, turn = Recorder(store), new()
    recorder.open(turn)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            recorder.save(turn)
    recorder.close(turn, "cancelled")
    assert states(store) == [("open", {}), ("cancelled", {})]
    assert recorder.failures == 0


def test_when_tools_end_in_several_threads_the_last_state_has_them_all(
    store: DefaultSessionStore,
) -> None:
    recorder, turn = Recorder(store), new()
    recorder.open(turn)
    together = threading.Barrier(8)

    def tool(name: str) -> None:
        together.wait(PATIENCE)
        for number in range(5):
            turn.call_started(f"{name}-{number}", "search")
            recorder.save(turn)
            turn.call_ended(f"{name}-{number}")
            recorder.save(turn)

    threads = [threading.Thread(target=tool, args=(f"t{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    found = states(store)
    assert len(found) == 81
    finished = [
        {call for call, status in calls.items() if status == "completed"} for _, calls in found
    ]
    omitted = store.history("s", "triage", "turn-1")[-1].state.get("tool_calls_omitted", 0)
    assert omitted + len(finished[-1]) == 40
    assert recorder.failures == 0


def test_states_of_several_threads_come_in_the_order_in_which_they_were(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state taken earlier is not written over one taken later."""
    recorder, turn = Recorder(store), new()
    recorder.open(turn)
    append, begun, go_on = store.append, threading.Event(), threading.Event()

    def slow_append(*args: Any, **options: Any) -> None:
        if threading.current_thread() is first:
            begun.set()
            assert go_on.wait(PATIENCE)
        append(*args, **options)

    monkeypatch.setattr(store, "append", slow_append)
    first = threading.Thread(target=recorder.save, args=(turn,))
    first.start()
    assert begun.wait(PATIENCE)
    turn.call_started("call-1", "search")
    second = threading.Thread(target=recorder.save, args=(turn,))
    second.start()
    while second.is_alive() and not turn.writing.locked():
        pass
    go_on.set()
    for thread in (first, second):
        thread.join(PATIENCE)
    assert states(store) == [("open", {}), ("open", {}), ("open", {"call-1": "open"})]


# Event loops


class Door:
    """A lock at which somebody gets ahead of whoever comes first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.ahead: Callable[[], None] | None = None

    def __enter__(self) -> None:
        ahead, self.ahead = self.ahead, None
        if ahead is not None:
            ahead()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_a_thread_does_not_write_before_what_the_loop_has_queued(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the older state of the queue would be written over the newer one of the thread."""
    recorder = Recorder(store)
    append, join = store.append, recorder._async_store.join
    go_on = threading.Event()
    go_on.set()

    def slow_append(session_id: str, events: Any, *, refresh: bool) -> None:
        if threading.current_thread().name.startswith("journal-write"):
            assert go_on.wait(PATIENCE)
        append(session_id, events, refresh=refresh)

    def noted_join(session_id: str | None = None) -> None:
        go_on.set()
        join(session_id)

    monkeypatch.setattr(store, "append", slow_append)
    monkeypatch.setattr(recorder._async_store, "join", noted_join)

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def ahead() -> None:
            go_on.clear()
            asyncio.run_coroutine_threadsafe(recorder.asave(turn), loop).result(PATIENCE)
            turn.call_started("call-1", "search")

        door = Door()
        turn = new(writing=door)
        await recorder.aopen(turn)
        door.ahead = ahead
        await asyncio.to_thread(recorder.save, turn)

    asyncio.run(main())
    recorder.join()
    assert states(store) == [("open", {}), ("open", {}), ("open", {"call-1": "open"})]


def test_the_loop_waits_for_the_disk_where_somebody_could_miss_it(tmp_path: Path) -> None:
    """Before a tool runs, and when the turn is over; not when it opens, nor between calls."""
    gate = Gate("write")
    storage = FaultyStorage(gate)
    with DefaultSessionStore(tmp_path, storage=storage) as store:
        recorder = Recorder(store)

        async def main() -> None:
            turn = new()
            gate.shut()
            await recorder.aopen(turn)
            await recorder.asave(turn)
            await gate.reached()
            for save in (recorder.asave, recorder.aclose):
                if save == recorder.asave:
                    turn.call_started("call-1", "search")
                else:
                    turn.call_ended("call-1")
                waiting = asyncio.ensure_future(save(turn))
                await asyncio.sleep(0)  # it has queued what it has to say
                assert await recorder._async_store.has_log("other") is False
                assert not waiting.done()
                gate.open()
                await waiting
                written = await recorder._async_store.history("s", "triage", "turn-1")
                assert written[-1].state == turn.state(store.limits)
                gate.shut()
            gate.open()

        asyncio.run(main())


@pytest.mark.parametrize("known", [False, True])
def test_a_turn_whose_opening_is_cancelled_is_written_all_the_same(
    known: bool, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, turn = Recorder(store), new()
    looking, go_on, look = threading.Event(), threading.Event(), store.state_at

    def slow_look(*args: Any) -> Any:
        looking.set()
        assert go_on.wait(PATIENCE)
        return look(*args)

    async def main() -> None:
        if known:
            await recorder.aclose(new(turn="turn-0"))
        monkeypatch.setattr(store, "state_at", slow_look)
        task = asyncio.ensure_future(recorder.aopen(turn))
        if not known:
            assert await asyncio.to_thread(looking.wait, PATIENCE)
        else:
            await asyncio.sleep(0)
        task.cancel()
        go_on.set()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled() or known
        await recorder.aclose(turn, "cancelled")

    asyncio.run(main())
    recorder.join()
    assert states(store) == [("open", {}), ("cancelled", {})]
    assert recorder.failures == 0


def test_a_turn_whose_closing_is_cancelled_is_written_and_handed_back_all_the_same(
    tmp_path: Path,
) -> None:
    gate = Gate("write")
    storage = FaultyStorage(gate)
    with DefaultSessionStore(tmp_path, storage=storage) as store:
        recorder = Recorder(store)

        async def main() -> None:
            outer = new()
            await recorder.aopen(outer)
            inner = inside(outer, "billing", "turn-2", "call-1")
            await recorder.aopen(inner)
            await recorder._async_store.flush()
            gate.shut()
            closing = asyncio.ensure_future(recorder.aclose(inner))
            await gate.reached()
            closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing
            assert not asyncio.all_tasks() - {asyncio.current_task()}
            gate.open()

        asyncio.run(main())
        recorder.join()
        assert story(store) == [
            "triage turn-1 open",
            "triage -> billing: call-1",
            "billing takes over 2",
            "billing turn-2 open",
            "billing turn-2 completed",
            "billing -> triage: turn-2 is completed",
            "triage takes over 6",
        ]
        assert recorder.failures == 0


def test_what_fails_after_a_cancellation_is_counted(tmp_path: Path) -> None:
    gate = Gate("write")
    storage = FaultyStorage(gate)
    with DefaultSessionStore(tmp_path, storage=storage) as store:
        recorder = Recorder(store)

        async def main() -> None:
            turn = new()
            await recorder.aopen(turn)
            await recorder._async_store.flush()
            gate.shut()
            gate.errors = [OSError(ENOSPC, "No space left on device")]
            closing = asyncio.ensure_future(recorder.aclose(turn))
            await gate.reached()
            closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing
            gate.open()
            await recorder._async_store.flush()

        asyncio.run(main())
        assert recorder.failures == 1
        assert getattr(recorder.last_failure, "errno", None) == ENOSPC


def test_several_loops_in_several_threads_share_a_recorder(store: DefaultSessionStore) -> None:
    recorder = Recorder(store)

    async def main(name: str) -> None:
        for number in range(10):
            turn = Turn(name, "triage", f"{name}-{number}")
            await recorder.aopen(turn)
            turn.call_started("call-1", "search")
            await recorder.asave(turn)
            turn.call_ended("call-1")
            await recorder.asave(turn)
            await recorder.aclose(turn)

    names = ["a", "b", "c", "d"]
    threads = [threading.Thread(target=lambda n=name: asyncio.run(main(n))) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    for name in names:
        expected = [f"triage {name}-{number} {status}" for number in range(10)
                    for status in ("open", "open", "open", "completed")]  # fmt: skip
        assert story(store, name) == expected
    assert recorder.failures == 0


def test_a_coroutine_that_runs_in_no_loop_of_asyncio_is_not_mirrored_and_goes_on(
    store: DefaultSessionStore,
) -> None:
    """Another library's loop, such as trio's."""
    recorder, turn = Recorder(store), new()
    for call in (recorder.aopen(turn), recorder.asave(turn), recorder.aclose(turn)):
        with pytest.raises(StopIteration):
            call.send(None)
    assert isinstance(recorder.last_failure, RuntimeError)
    assert not store.session_exists("s")


# The session file


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_the_session_file_is_written_after_a_turn_and_by_another_thread(
    durability: Durability, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes longer than all else: not while the agent waits."""
    writers: list[threading.Thread] = []
    write, written = Session.refresh_file, threading.Event()

    def noted(self: Session, timeout: float | None = None) -> None:
        writers.append(threading.current_thread())
        write(self, timeout)
        written.set()

    monkeypatch.setattr(Session, "refresh_file", noted)
    with DefaultSessionStore(tmp_path, durability=durability) as store:
        recorder, first, second = Recorder(store), new(), new(turn="turn-2")
        recorder.open(first)
        recorder.save(first)
        assert writers == []
        recorder.close(first)
        assert written.wait(PATIENCE)
        assert state_in(tmp_path / "s.json")["triage"]["turn-1"]["status"] == "completed"

        async def main() -> None:
            await recorder.aopen(second)
            await recorder.asave(second)
            await recorder.aclose(second)

        written.clear()
        asyncio.run(main())
        assert written.wait(PATIENCE)
        assert threading.main_thread() not in writers
    assert state_in(tmp_path / "s.json")["triage"]["turn-2"]["status"] == "completed"
