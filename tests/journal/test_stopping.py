"""Ending a wait: at once, from anywhere, and with nothing of it left behind."""

import gc
import os
import select
import signal
import threading
from time import monotonic

import pytest

from journal.stopping import StopEvent
from tests.support import finish, forked

PATIENCE = 60.0
"""Seconds after which something that has to happen has not happened."""


def is_readable(stop: StopEvent) -> bool:
    return bool(select.select([stop], [], [], 0)[0])


@pytest.mark.parametrize("waits", ["before", "after"])
def test_it_is_readable_from_the_moment_in_which_it_is_set(waits: str) -> None:
    stop = StopEvent()
    if waits == "before":
        assert not is_readable(stop)
    assert not stop.is_set()
    stop.set()
    assert stop.is_set()
    assert is_readable(stop)
    assert is_readable(stop), "and stays so"


def test_a_wait_ends_when_it_is_set_by_another_thread() -> None:
    stop = StopEvent()
    timer = threading.Timer(0.05, stop.set)
    began = monotonic()
    timer.start()
    assert stop.wait(PATIENCE)
    assert monotonic() - began < PATIENCE
    timer.join()
    assert stop.wait(PATIENCE), "a second one does not begin"


def test_a_wait_ends_when_it_is_set_by_a_signal_handler() -> None:
    stop = StopEvent()
    before = signal.signal(signal.SIGUSR1, lambda *_: stop.set())
    timer = threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGUSR1])
    began = monotonic()
    timer.start()
    try:
        assert stop.wait(PATIENCE)
        assert monotonic() - began < PATIENCE
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)


def test_a_wait_ends_by_itself() -> None:
    assert not StopEvent().wait(0.001)


def test_setting_it_more_often_than_a_pipe_holds_blocks_nobody() -> None:
    stop = StopEvent()
    assert not is_readable(stop)
    for _ in range(70_000):
        stop.set()
    assert is_readable(stop)


def test_its_descriptors_are_made_for_the_first_wait_and_closed_with_it() -> None:
    gc.collect()
    before = set(os.listdir("/proc/self/fd"))
    stop = StopEvent()
    stop.set()
    assert set(os.listdir("/proc/self/fd")) == before
    assert is_readable(stop)
    assert len(os.listdir("/proc/self/fd")) == len(before) + 2
    del stop
    assert set(os.listdir("/proc/self/fd")) == before


def test_without_descriptors_a_wait_sees_it_in_the_end() -> None:
    assert finish([forked(_WITHOUT_DESCRIPTORS)]) == ["False True\n"]


_WITHOUT_DESCRIPTORS = """
import os, resource
from journal.stopping import StopEvent
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
try:
    while True:
        os.open("/dev/null", os.O_RDONLY)
except OSError:
    pass
stop = StopEvent()
first = stop.wait(0.01)
stop.set()
print(first, stop.wait(0.01))
"""


def test_a_forked_child_sets_its_own() -> None:
    assert finish([forked(_FORKS)]) == ["parent: False []\n"]


_FORKS = """
import os, select
from journal.stopping import StopEvent
stop = StopEvent()
stop.fileno()
child = os.fork()
if child == 0:
    stop.set()
    os._exit(0 if stop.wait(0) and select.select([stop], [], [], 0)[0] else 1)
assert os.waitpid(child, 0)[1] == 0
print("parent:", stop.is_set(), select.select([stop], [], [], 0)[0])
"""
