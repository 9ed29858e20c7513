"""Logs at the end of the program."""

import gc
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from journal.errors import (
    LockTimeoutError,
)
from tests.support import (
    open_log,
    set_event,
    turns_in,
)


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on it looks as if the interpreter had stopped all other threads."""
    monkeypatch.setattr("journal.forking.stopped_at", None)
    monkeypatch.setattr("journal.forking._stoppables", weakref.WeakValueDictionary())

    def stop() -> None:
        monkeypatch.setattr("journal.exiting.begun", True)
        monkeypatch.setattr(sys, "is_finalizing", lambda: True)

    return stop


@pytest.mark.parametrize("use", ["append", "refresh"])
def test_a_lock_that_a_stopped_thread_has_is_not_waited_for(
    tmp_path: Path, stopped: Callable[[], None], use: str
) -> None:
    log, recorder = open_log(tmp_path)
    log.append([set_event("a")])
    holder = threading.Thread(target=log.lock.acquire)
    holder.start()
    holder.join()  # it has gone, and will never give back the lock
    stopped()
    if use == "append":
        log.append([set_event("b")])
    assert log.refresh()
    assert recorder.turns == (["a", "b"] if use == "append" else ["a"])
    log.close()


def test_a_log_that_a_stopped_thread_was_writing_is_not_written_to(
    tmp_path: Path, stopped: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both could append an event of the same number. It is told at once, not after 30 s."""
    monkeypatch.setattr("journal.waiting.LAST_PATIENCE", 0.05)
    now, naps = [1000.0], [0.0]

    def nap(seconds: float) -> None:
        now[0] += seconds
        naps[0] += seconds

    for module in ("waiting", "forking"):
        monkeypatch.setattr(f"journal.{module}.monotonic", lambda: now[0])
    monkeypatch.setattr("journal.waiting.sleep", nap)
    log, _ = open_log(tmp_path, lock_timeout=30.0)
    log.append([set_event("a")])
    file = log.file
    assert file is not None
    assert file.try_lock()
    stopped()
    for turn in "bcdef":  # all of them together, not each, wait for so long
        with pytest.raises(LockTimeoutError, match="Nothing was written"):
            log.append([set_event(turn)])
    assert naps == [pytest.approx(0.05)]
    assert file.is_open, "its number is not free for others"
    file.unlock()
    log.close()
    assert turns_in(tmp_path) == ["a"]


def test_a_finalizer_that_is_garbage_together_with_the_log_appends(tmp_path: Path) -> None:
    """Python clears weak references to such a log before it calls the finalizer."""

    class Last:
        def __init__(self) -> None:
            self.log, _ = open_log(tmp_path, durability="fsync")
            self.itself = self

        def __del__(self) -> None:
            self.log.append([set_event("t")])

    Last()
    gc.collect()
    assert turns_in(tmp_path) == ["t"]
