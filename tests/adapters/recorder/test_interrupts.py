"""Ctrl-C in the middle of a call that records: whoever comes next goes on, in any thread."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.faults.sizes import sized
from tests.interrupting import Interrupter

CALLS = ["save", "open_inside", "save_soon", "save_behind", "close", "set_in_loop"]


@pytest.mark.parametrize("durability", ["os", "fsync"])
@pytest.mark.parametrize("call", CALLS)
@sized(quick=61, storm=7, long=1)
def test_an_interrupt_at_any_step_leaves_nobody_waiting(
    call: str, durability: str, size: int, tmp_path: Path
) -> None:
    """At one step of `size` of them. In a program of its own, which ends itself if it hangs.

    Then the thread that was interrupted and another one write, are seen in the view, and all
    that waits is joined; and the program ends.
    """
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.adapters.recorder.interrupted"),
            *(call, durability, str(tmp_path / "journal"), "0", str(size)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 1000, "it was interrupted at many steps"


def test_an_interrupt_comes_at_each_step_of_a_call() -> None:
    """And not where the interpreter would not let it in: a lock of C is never left taken."""
    lock = threading.Lock()
    passed: list[str] = []

    def call() -> None:
        with lock:
            passed.append("in")
        passed.append("after")

    interrupter, seen, step = Interrupter(["test_interrupts"]), set(), 0
    while interrupter.reaches(step, call):
        assert not lock.locked()
        seen.add(tuple(passed))
        passed.clear()
        step += 1
    assert seen == {("in",), ("in", "after")}
