"""Turns that end in finalizers: of a collection in the middle of things, and at the very end."""

import gc
import threading

import pytest

from journal.errors import ReentryError
from projections import DefaultSessionStore
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Turn
from tests.adapters.recorder.ways import new, states
from tests.faults.ends.stage import Last
from tests.projections.store_async.gates import PATIENCE


def held(lock: "threading.RLock") -> None:
    """Have it held by a thread that has gone and will never give it back."""
    holder = threading.Thread(target=lock.acquire)
    holder.start()
    holder.join()


def test_a_turn_that_ends_while_it_is_being_written_is_counted(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a finalizer on the same thread: the older state must not come after the newer."""
    recorder, turn = Recorder(store), new()
    recorder.open(turn)
    append = store.append

    def interrupted(*args: object, **options: object) -> None:
        monkeypatch.setattr(store, "append", append)
        recorder.close_soon(turn)
        append(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "append", interrupted)
    recorder.save(turn)
    assert recorder.failures == 1
    assert isinstance(recorder.last_failure, ReentryError)
    assert states(store)[-1] == ("open", {})


def test_a_turn_that_a_stopped_thread_was_writing_still_ends(store: DefaultSessionStore) -> None:
    recorder, turn = Recorder(store), new()
    recorder.open(turn)
    for lock in (turn.writing, turn.lock, recorder._lock, recorder._custody._lock):
        held(lock)
    turn.is_being_written = True
    recorder._custody.after_stop()
    recorder.after_stop()
    ending = threading.Thread(target=recorder.close_soon, args=(turn,), daemon=True)
    ending.start()
    ending.join(PATIENCE)
    recorder.join()
    assert recorder.failures == 0
    assert states(store)[-1] == ("completed", {})


def test_at_the_end_a_note_is_carried_out_by_whoever_leaves_it(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or, if that comes in the middle of another note, after that one."""
    recorder = Recorder(store)
    monkeypatch.setattr("journal.exiting.begun", True)
    order: list[str] = []

    def note() -> None:
        recorder.leave(lambda: order.append("second"))
        order.append("first")

    recorder.leave(note)
    assert order == ["first", "second"]
    recorder.leave(lambda: order.append("third"))
    assert order == ["first", "second", "third"]


def test_a_turn_that_is_collected_with_its_recorder_is_written(
    store: DefaultSessionStore,
) -> None:
    """Nobody has the recorder any more, but for the note itself."""

    def leave_behind() -> threading.Event:
        recorder, turn, written = Recorder(store), Turn("s", "triage", "turn-1"), threading.Event()
        recorder.open(turn)

        def end() -> None:
            recorder.close_soon(turn)
            recorder._async_store.join()
            written.set()

        Last(lambda: recorder.leave(end)).in_a_circle()
        return written

    written = leave_behind()
    gc.collect()
    assert written.wait(PATIENCE)
    assert states(store)[-1] == ("completed", {})
