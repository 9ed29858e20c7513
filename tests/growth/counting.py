"""Steps of the interpreter, as a measure that no other load on the machine can change."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple


def steps(call: Callable[[], object]) -> int:
    """How many bytecode instructions of Python code `call` executes in this thread.

    Loops inside of C functions are not seen.
    """
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        nonlocal count
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


class Calls(NamedTuple):
    """How many functions written in Python were called, and how many deep at most."""

    number: int
    depth: int


def calls(call: Callable[[], object]) -> Calls:
    """The calls that `call` makes in this thread; it itself is not counted.

    Resuming a generator counts as a call. Functions written in C are not seen.
    """
    count = depth = deepest = 0

    def profile(_frame: FrameType, event: str, _: Any) -> None:
        nonlocal count, depth, deepest
        if event == "call":
            count += 1
            depth += 1
            deepest = max(deepest, depth)
        elif event == "return":
            depth -= 1

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(before)
    return Calls(count - 1, deepest - 1)
