"""Several threads and loops, and tasks that are cancelled."""

import asyncio
import fcntl
import os
import signal
import threading
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest

from journal.config import Durability
from projections import DefaultSessionStore
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Turn
from tests.adapters.recorder.ways import Way, changes, inside, new, states, story
from tests.projections.store.async_store.gates import PATIENCE, Gate
from tests.support import FaultyStorage, no_fault


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_what_is_raised_to_end_the_program_passes(durability: Durability, tmp_path: Path) -> None:
    storage = FaultyStorage(no_fault)
    with DefaultSessionStore(tmp_path, durability=durability, storage=storage) as store:
        recorder, turn = Recorder(store), new()
        recorder.open(turn)

        def interrupted(name: str, _: object) -> None:
            if name == "write":
                raise KeyboardInterrupt

        storage.fault = interrupted
        with pytest.raises(KeyboardInterrupt):
            recorder.save(turn)
        storage.fault = no_fault
        recorder.close(turn, "cancelled")
        assert states(store) == [("open", {}), ("cancelled", {})]
        assert recorder.failures == 0


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_what_others_have_queued_behind_it_is_written_all_the_same(
    durability: Durability, tmp_path: Path
) -> None:
    """Behind a handover too, which is no append that could be at once."""
    storage = FaultyStorage(no_fault)
    with DefaultSessionStore(tmp_path, durability=durability, storage=storage) as store:
        recorder, outer = Recorder(store), new()
        recorder.open(outer)

        def interrupted(name: str, _: object) -> None:
            if name == "write":
                storage.fault = no_fault
                recorder.save_soon(outer)
                raise KeyboardInterrupt

        for stopped in (inside(outer, "billing", "turn-2", "call-1"), outer):
            storage.fault = interrupted
            with pytest.raises(KeyboardInterrupt):
                (recorder.save if stopped is outer else recorder.open)(stopped)
            recorder.join()
        assert states(store) == [("open", {}), ("open", {}), ("open", {})]
        assert recorder.failures == 0


def test_when_tools_end_in_several_threads_the_last_state_has_them_all(
    store: DefaultSessionStore,
) -> None:
    recorder, turn = Recorder(store), new()
    recorder.open(turn)
    together = threading.Barrier(4)

    def tool(name: str) -> None:
        together.wait(PATIENCE)
        for number in range(5):
            turn.call_started(f"{name}-{number}", "search")
            recorder.save(turn)
            turn.call_ended(f"{name}-{number}")
            recorder.save(turn)

    threads = [threading.Thread(target=tool, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    found = states(store)
    assert len(found) == 41
    finished = [
        {call for call, status in calls.items() if status == "completed"} for _, calls in found
    ]
    assert len(finished[-1]) == 20
    assert recorder.failures == 0


@pytest.mark.parametrize("first", ["a thread", "a loop"])
def test_states_come_in_the_order_in_which_they_were(
    first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state taken earlier is not written over one taken later, and nobody waits to take one."""
    gate, in_line = Gate("write"), threading.Event()
    with DefaultSessionStore(tmp_path, storage=FaultyStorage(gate)) as store:
        recorder, turn = Recorder(store), new()
        recorder.open(turn)
        line_up = recorder._turns.queued.line_up

        def noted(*args: Any) -> Any:
            begin = line_up(*args)
            in_line.set()
            return begin

        async def main() -> None:
            waiting = []
            gate.shut()
            if first == "a loop":
                await recorder.asave(turn)
            else:
                waiting.append(asyncio.create_task(asyncio.to_thread(recorder.save, turn)))
            await gate.reached()
            turn.call_started("call-1", "search")
            monkeypatch.setattr(recorder._turns.queued, "line_up", noted)
            waiting.append(asyncio.create_task(asyncio.to_thread(recorder.save, turn)))
            assert await asyncio.to_thread(in_line.wait, PATIENCE)
            turn.call_ended("call-1")
            recorder.save_soon(turn)
            gate.open()
            await asyncio.gather(*waiting)

        asyncio.run(main())
        recorder.join()
        assert states(store) == [
            ("open", {}),
            ("open", {}),
            ("open", {"call-1": "open"}),
            ("open", {"call-1": "completed"}),
        ]


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_a_loop_goes_on_while_a_thread_of_the_turn_waits_for_another_process(
    durability: Durability, tmp_path: Path
) -> None:
    """The lock of the turn, of the session and of the queue are the loop's as well."""
    with DefaultSessionStore(tmp_path, durability=durability) as store:
        recorder, turn = Recorder(store), new()
        recorder.open(turn)
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0)

        async def main() -> None:
            with (tmp_path / "s.jsonl").open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # as another process would
                turn.call_started("call-1", "search")
                thread = threading.Thread(target=recorder.save, args=(turn,))
                thread.start()
                while recorder._turns.queued.queues.is_idle("s"):
                    await asyncio.sleep(0)
                beating = asyncio.create_task(beat())
                turn.call_ended("call-1")
                for save in (recorder.asave, recorder.aclose):
                    before = beats
                    saving = asyncio.ensure_future(save(turn))
                    while beats < before + 100:
                        await asyncio.sleep(0)
                    assert thread.is_alive(), "the lock is still held"
                    assert saving.done() is (save == recorder.asave)
                inner = inside(turn, "billing", "turn-2", None)
                await asyncio.wait_for(recorder.aopen(inner), PATIENCE)
                recorder.close_soon(inner)
            await saving
            beating.cancel()
            await asyncio.to_thread(thread.join, PATIENCE)

        asyncio.run(main())
        recorder.join()
        assert [status for status, _ in states(store)] == ["open", "open", "open", "completed"]
        assert recorder.failures == 0


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
                assert await asyncio.to_thread(store.has_log, "other") is False
                assert not waiting.done()
                gate.open()
                await waiting
                written = store.history("s", "triage", "turn-1")
                assert written[-1].state == turn.state()
                gate.shut()
            gate.open()

        asyncio.run(main())


def test_an_agent_does_not_wait_for_ever_for_a_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.adapters.writing.PATIENCE", 0.01)
    gate = Gate("write")
    with DefaultSessionStore(tmp_path, storage=FaultyStorage(gate)) as store:
        recorder, turn = Recorder(store), new()

        async def main() -> None:
            await recorder.aopen(turn)
            await asyncio.to_thread(recorder.join)
            gate.shut()
            turn.call_started("c-1", "search")
            await recorder.asave(turn)
            turn.call_ended("c-1")
            await recorder.aclose(turn)
            assert not gate._open.is_set()

        asyncio.run(main())
        gate.open()
        recorder.join()
        assert recorder.failures == 0
        assert [status for status, _ in states(store)] == ["open", "open", "completed"]


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
            await asyncio.to_thread(recorder.join)
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
            "triage -> billing: called for by triage",
            "billing takes over 2",
            "billing turn-2 open",
            "billing turn-2 completed",
            "billing -> triage: billing is completed",
            "triage takes over 6",
        ]
        assert recorder.failures == 0


@pytest.mark.parametrize("gone", ["the task", "the loop"])
def test_what_fails_when_whoever_waits_is_gone_is_counted(gone: str, tmp_path: Path) -> None:
    gate = Gate("write")
    storage = FaultyStorage(gate)
    with DefaultSessionStore(tmp_path, storage=storage) as store:
        recorder = Recorder(store)

        async def main() -> None:
            turn = new()
            await recorder.aopen(turn)
            await asyncio.to_thread(recorder.join)
            gate.shut()
            gate.errors = [OSError(ENOSPC, "No space left on device")]
            closing = asyncio.ensure_future(recorder.aclose(turn))
            await gate.reached()
            closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing
            if gone == "the task":
                gate.open()
                await asyncio.to_thread(recorder.join)

        asyncio.run(main())
        gate.open()
        recorder.join()
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


def test_a_coroutine_in_another_librarys_loop_is_mirrored_too(
    store: DefaultSessionStore,
) -> None:
    """Such as trio's: there is nothing that could be awaited, so it waits."""
    recorder, turn = Recorder(store), new()
    turn.call_started("c-1", "search")
    for call in (recorder.aopen(turn), recorder.asave(turn), recorder.aclose(turn)):
        with pytest.raises(StopIteration):
            call.send(None)
    assert recorder.failures == 0
    assert [status for status, _ in states(store)] == ["open", "open", "completed"]


# Finalizers


def test_turns_that_the_garbage_collector_ends_in_the_middle_of_our_work_are_closed(
    way: Way, tmp_path: Path
) -> None:
    """At every call of the storage: with the locks of log, store and recorder held."""
    left: list[Turn] = []

    def finalizer(name: str, args: tuple[Any, ...]) -> None:
        if left:
            turn = left.pop()
            recorder.defer(lambda: recorder.close_soon(turn, "cancelled"))

    storage = FaultyStorage(no_fault)
    with DefaultSessionStore(tmp_path, durability="os", storage=storage) as store:
        recorder = Recorder(store)
        mine = way.to(recorder)
        abandoned = [new("streamer", f"turn-{number}") for number in range(30)]
        for turn in abandoned:
            mine.open(turn)
        left.extend(abandoned)
        storage.fault = finalizer
        for number in range(40):
            turn = new(turn=f"turn-{number}")
            mine.open(turn)
            mine.close(turn)
        mine.settle()
        storage.fault = no_fault
        assert left == []
        assert recorder.failures == 0
        streams = store.get_runtime_state("s", "streamer").values()
        assert [stream["status"] for stream in streams] == ["cancelled"] * len(abandoned)


def test_what_was_left_is_written_soon_also_if_nothing_else_happens(
    way: Way, store: DefaultSessionStore
) -> None:
    mine, turn, written = way.to(Recorder(store)), new(), threading.Event()
    mine.open(turn)
    mine.recorder.defer(lambda: mine.recorder.close_soon(turn, "cancelled"))
    mine.recorder.defer(written.set)
    assert written.wait(PATIENCE)
    mine.settle()
    assert [status for status, _ in states(store)] == ["open", "cancelled"]


def test_to_join_is_to_wait_for_what_was_left(way: Way, store: DefaultSessionStore) -> None:
    mine, turn = way.to(Recorder(store)), new()
    mine.open(turn)
    mine.recorder._deferred.end()  # nobody is quicker
    mine.recorder.defer(lambda: mine.recorder.close_soon(turn, "cancelled"))
    mine.recorder.join()
    assert [status for status, _ in states(store)] == ["open", "cancelled"]


def test_what_was_left_is_written_before_what_comes_after_it(
    way: Way, store: DefaultSessionStore
) -> None:
    """Or the session would not be handed over by whoever has just been left."""
    mine = way.to(Recorder(store))
    mine.recorder._deferred.end()  # nobody is quicker
    first, second = new("first"), new("second")
    mine.open(first)
    mine.recorder.defer(lambda: mine.recorder.close_soon(first, "cancelled"))
    mine.open(second)
    mine.close(second)
    mine.settle()
    assert changes(store) == [("first", "second", "taken over")]


def test_a_forked_child_waits_for_no_thread_of_its_parents(store: DefaultSessionStore) -> None:
    """A thread that holds a lock at the fork is not there in the child to let go of it."""
    recorder = Recorder(store)
    recorder.open(new("parent"))
    with recorder._owner._open._lock, recorder._failures._lock:
        child = os.fork()
        if child == 0:  # pragma: no cover
            signal.alarm(int(PATIENCE))
            turn = new("child")
            recorder.open(turn)
            recorder.note_failure(ValueError("counted"))
            recorder.close(turn)
            os._exit(recorder.failures)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert [status for status, _ in states(store, "child")] == ["open", "completed"]
