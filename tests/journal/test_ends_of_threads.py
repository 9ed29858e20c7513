"""What is done after a fork and at the end of the program, seen from within this process."""

import logging
import sys
import threading
import weakref
from collections.abc import Callable

import pytest

from journal import exiting, forking


class Told:
    """Notes what it is told, and fails if it is to."""

    def __init__(self, notes: list[str], name: str, fails: bool = False) -> None:
        self.notes, self.name, self.fails = notes, name, fails

    def at_exit(self) -> None:
        self.notes.append(f"{self.name} {exiting.has_begun()}")
        if self.fails:
            raise ValueError("as it happens")

    def after_fork(self) -> None:
        self.at_exit()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    """The only ones that are told: the second of the three fails."""
    deferring: weakref.WeakValueDictionary[int, exiting.Deferring] = weakref.WeakValueDictionary()
    forkables: weakref.WeakValueDictionary[int, forking.Forkable] = weakref.WeakValueDictionary()
    monkeypatch.setattr(exiting, "_deferring", deferring)
    monkeypatch.setattr(exiting, "begun", False)
    monkeypatch.setattr(forking, "_forkables", forkables)
    notes: list[str] = []
    told = [Told(notes, "1"), Told(notes, "2", fails=True), Told(notes, "3")]
    for one in told:
        exiting.tell_at_exit(one)
        forking.tell_after_fork(one)
    return told


def test_at_the_end_one_that_fails_keeps_no_other_from_its_work(
    told: list[Told], caplog: pytest.LogCaptureFixture
) -> None:
    assert not exiting.has_begun()
    exiting.begin()
    assert told[0].notes == ["3 True", "2 True", "1 True"]
    assert "could not do all it had put off" in caplog.text


def test_in_a_child_one_that_fails_keeps_no_other_from_letting_go(
    told: list[Told], caplog: pytest.LogCaptureFixture
) -> None:
    forking._after_fork_in_child()
    assert told[0].notes == ["1 False", "2 False", "3 False"]
    assert "could not let go of" in caplog.text


def test_while_the_interpreter_ends_no_thread_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    thread = threading.Thread(target=begun.append, args=("begun",))
    monkeypatch.setattr(sys, "is_finalizing", lambda: True)
    assert not exiting.started(thread)
    monkeypatch.undo()
    assert thread.ident is None
    assert begun == []


def without_a_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "lastResort", None)


@pytest.mark.parametrize("prepare", [without_a_last_resort, lambda _: None])
def test_the_locks_of_handlers_are_new_once_threads_have_stopped(
    monkeypatch: pytest.MonkeyPatch, prepare: Callable[[pytest.MonkeyPatch], None]
) -> None:
    handler = logging.StreamHandler()
    logger = logging.getLogger("journal")
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(forking, "stopped_at", None)
    monkeypatch.setattr(forking, "_stoppables", weakref.WeakValueDictionary())
    handler.createLock()
    before = handler.lock
    prepare(monkeypatch)
    monkeypatch.setattr(sys, "is_finalizing", lambda: True)
    forking.leave_stopped_threads()
    monkeypatch.undo()
    assert handler.lock is not before
