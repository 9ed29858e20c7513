"""Programs that end while daemon threads of theirs set states: the search aborts none."""

import importlib.util
from pathlib import Path

import pytest

from tests.faults.sizes import sized
from tests.support import python

PROGRAM = """
import sys, threading
from projections import DefaultSessionStore
store = DefaultSessionStore(sys.argv[1], durability="os", auto_compact=False)
begun = threading.Semaphore(0)
def work(number):
    states = [{"text": "x" * 300}, {"text": "x" * 300, "note": "a token of thanks"}]
    for n in range(10**9):
        store.set_runtime_state(f"s{number}", "native", "turn", {"n": n, **states[n % 2]})
        if n == 20:
            begun.release()
for number in range(4):
    threading.Thread(target=work, args=(number,), daemon=True).start()
for _ in range(4):
    begun.acquire()
"""


@sized(quick=5, storm=200)
def test_no_program_is_aborted_at_its_end(tmp_path: Path, size: int) -> None:
    if importlib.util.find_spec("hyperscan") is None:
        pytest.skip("the extra `fast` is not installed")
    codes = []
    for number in range(size):
        program = python(PROGRAM, str(tmp_path / str(number)))
        program.communicate(timeout=60)
        codes.append(program.returncode)
    assert set(codes) == {0}
