"""The end of the program: what is done then, in which order, and what nobody waits for."""

import logging
import sys
import threading
import weakref
from collections.abc import Callable

import pytest

from journal import exiting
from journal.forking import leave_stopped_threads, tell_after_stop
from journal.state import on_fresh_stack
from tests.support import finish, python

PATIENCE = 30.0


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on it looks as if the interpreter had stopped all other threads."""
    monkeypatch.setattr("journal.forking.stopped_at", None)
    monkeypatch.setattr("journal.forking._stoppables", weakref.WeakValueDictionary())
    return lambda: monkeypatch.setattr(sys, "is_finalizing", lambda: True)


AT_EXIT = """
import atexit
from journal import exiting

class Work:
    def __init__(self, name):
        self.name = name
        exiting.tell_at_exit(self)
    def at_exit(self):
        print(self.name, exiting.begun, flush=True)
        if self.name == "bad":
            raise ValueError("as it happens")

kept = [Work("first"), Work("bad"), Work("last")]
gone = Work("gone")
del gone
atexit.register(lambda: print("registered later", exiting.begun, flush=True))
"""


def test_what_was_put_off_is_done_the_last_one_first() -> None:
    process = python(AT_EXIT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert output.splitlines() == [
        "registered later False",
        "last True",
        "bad True",
        "first True",
    ]
    assert "could not do all it had put off" in errors
    assert "as it happens" in errors


IN_A_FINALIZER = """
import threading
from journal import exiting
from journal.state import on_fresh_stack

class Late:
    def __init__(self, print=print):
        self.print = print
    def __del__(self):
        self.print(exiting.started(threading.Thread(target=print)), on_fresh_stack(len, b"four"))

late = Late()
"""


def test_no_thread_is_started_in_a_finalizer_at_the_end() -> None:
    """It would never begin, and on Python 3.11 whoever started it would wait for ever."""
    assert finish([python(IN_A_FINALIZER)]) == ["False 4\n"]


def test_a_thread_that_is_not_to_be_had_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    assert exiting.started(threading.Thread(target=int))
    monkeypatch.setattr(threading.Thread, "start", refused)
    assert not exiting.started(threading.Thread(target=int))
    assert on_fresh_stack(len, b"four") == 4


class Locked:
    def __init__(self) -> None:
        self.stops = 0
        tell_after_stop(self)

    def after_stop(self) -> None:
        self.stops += 1


def test_locks_are_taken_from_stopped_threads_once_and_not_before(
    stop: Callable[[], None],
) -> None:
    locked = Locked()
    leave_stopped_threads()
    assert locked.stops == 0
    stop()
    leave_stopped_threads()
    leave_stopped_threads()
    assert locked.stops == 1


def test_what_is_logged_at_the_end_waits_for_no_thread_that_was_logging(
    stop: Callable[[], None],
) -> None:
    seen: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    handler = Kept()
    logger = logging.getLogger("journal")
    logger.addHandler(handler)
    try:
        holder = threading.Thread(target=handler.acquire)
        holder.start()
        holder.join()  # it has gone, and will never give back the lock
        stop()
        leave_stopped_threads()
        saying = threading.Thread(target=logger.error, args=("not written",), daemon=True)
        saying.start()
        saying.join(PATIENCE)
        assert seen == ["not written"]
    finally:
        logger.removeHandler(handler)
