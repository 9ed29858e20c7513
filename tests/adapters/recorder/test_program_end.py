"""Turns that end in finalizers: of a collection in the middle of things, and at the very end."""

import gc
import threading
from pathlib import Path
from typing import Any

import pytest

from journal.config import Durability
from projections import DefaultSessionStore
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Turn
from projections.store.store import writer_of
from tests.adapters.recorder.ways import new, states
from tests.faults.ends.stage import Last
from tests.projections.store.async_store.gates import PATIENCE
from tests.support import FaultyStorage, no_fault


def held(lock: "threading.RLock") -> None:
    """Have it held by a thread that has gone and will never give it back."""
    holder = threading.Thread(target=lock.acquire)
    holder.start()
    holder.join()


def test_a_turn_that_ends_while_it_is_being_queued_is_written_after_that(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a finalizer on the same thread: the older state must not come after the newer."""
    recorder, turn = Recorder(store), new()
    recorder.open(turn)
    encoder = writer_of(store).encoder
    make_event = encoder.event_of

    def interrupted(*args: Any) -> Any:
        monkeypatch.setattr(encoder, "event_of", make_event)
        event = make_event(*args)
        recorder.close_soon(turn)
        return event

    monkeypatch.setattr(encoder, "event_of", interrupted)
    recorder.save(turn)
    assert recorder.failures == 0
    assert states(store) == [("open", {}), ("open", {}), ("completed", {})]


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_a_turn_that_ends_while_it_is_being_written_is_written_after_that(
    durability: Durability, tmp_path: Path
) -> None:
    storage = FaultyStorage(no_fault)
    with DefaultSessionStore(tmp_path, durability=durability, storage=storage) as store:
        recorder, turn = Recorder(store), new()
        recorder.open(turn)

        def interrupted(name: str, args: tuple[Any, ...]) -> None:
            if name == "write":
                storage.fault = no_fault
                recorder.close_soon(turn)

        storage.fault = interrupted
        recorder.save(turn)
        recorder.join()
        assert recorder.failures == 0
        assert states(store) == [("open", {}), ("open", {}), ("completed", {})]


def test_a_turn_that_a_stopped_thread_was_writing_still_ends(store: DefaultSessionStore) -> None:
    recorder, turn = Recorder(store), new()
    recorder.open(turn)
    for lock in (turn.lock, recorder._failures._lock, recorder._owner._open._lock):
        held(lock)
    turn.is_being_queued = True
    recorder._owner._open.after_stop()
    recorder._failures.after_stop()
    ending = threading.Thread(target=recorder.close_soon, args=(turn,), daemon=True)
    ending.start()
    ending.join(PATIENCE)
    recorder.join()
    assert recorder.failures == 0
    assert states(store)[-1] == ("completed", {})


def test_at_the_end_deferred_work_is_done_by_the_thread_that_defers_it(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or, if that comes in the middle of other work, after that."""
    recorder = Recorder(store)
    monkeypatch.setattr("journal.exiting.begun", True)
    order: list[str] = []

    def work() -> None:
        recorder.defer(lambda: order.append("second"))
        order.append("first")

    recorder.defer(work)
    assert order == ["first", "second"]
    recorder.defer(lambda: order.append("third"))
    assert order == ["first", "second", "third"]


def test_a_turn_that_is_collected_with_its_recorder_is_written(
    store: DefaultSessionStore,
) -> None:
    """Nobody has the recorder any more, but for the work itself."""

    def leave_behind() -> threading.Event:
        recorder, turn, written = Recorder(store), Turn("s", "triage", "turn-1"), threading.Event()
        recorder.open(turn)

        def end() -> None:
            recorder.close_soon(turn)
            recorder._turns.queued.join()
            written.set()

        Last(lambda: recorder.defer(end)).in_a_circle()
        return written

    written = leave_behind()
    gc.collect()
    assert written.wait(PATIENCE)
    assert states(store)[-1] == ("completed", {})
