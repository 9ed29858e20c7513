"""Ctrl-C at every step of some code, as the interpreter delivers it: between two instructions.

A signal's handler does not run just anywhere. So nothing is raised by the tracing itself: the
signal is set off before an instruction, and the interpreter raises it where it would.
"""

import ctypes
import signal
import sys
import threading
from collections.abc import Callable, Collection
from types import FrameType
from typing import Any

_c_function = ctypes.PYFUNCTYPE(None, *[ctypes.py_object] * 3)

_set_off = _c_function(("PyErr_SetInterrupt", ctypes.pythonapi))
"""Set off SIGINT. A trace function in Python would be interrupted itself."""

_pass_on = _c_function(("PyGILState_Check", ctypes.pythonapi))
"""A trace function that does nothing."""


class Interrupter:
    """Calls something and interrupts it before one of its steps; only in the main thread.

    A step is an instruction in a file whose path has one of `files` in it.
    """

    def __init__(self, files: Collection[str]) -> None:
        self._files = tuple(files)

    def reaches(self, step: int, call: Callable[[], object]) -> bool:
        """Interrupt at `step`, and let the interrupt pass. False if the call has no such step."""
        passed, reached = 0, False

        def trace(frame: FrameType, _event: str, _arg: Any) -> Callable[..., Any] | None:
            nonlocal passed, reached
            if not any(name in frame.f_code.co_filename for name in self._files):
                return None
            frame.f_trace_opcodes = True
            passed += 1
            if passed <= step:
                return trace
            reached = True
            sys.settrace(_pass_on)
            _trace_from(frame, _pass_on)
            return _set_off

        def interrupt(_number: int, frame: FrameType | None) -> None:
            sys.settrace(None)
            _trace_from(frame, _pass_on)
            raise KeyboardInterrupt

        assert threading.current_thread() is threading.main_thread()
        before = signal.signal(signal.SIGINT, interrupt)
        try:
            sys.settrace(trace)
            call()
            sys.settrace(None)
            for _ in range(2):  # where one that was set off last is raised
                pass
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
            signal.signal(signal.SIGINT, before)
        return reached


def _trace_from(frame: FrameType | None, trace: Callable[..., Any]) -> None:
    while frame is not None:
        frame.f_trace = trace
        frame = frame.f_back
