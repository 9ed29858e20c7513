"""Several processes that share the work, as this one would do it alone.

Each task's result comes back in the order of the tasks. A process that is forked reads files and
writes to its pipe, nothing else: it ends without running what a program runs at its end, and it
dies of Ctrl-C, which the terminal sends to it too, without a word.
"""

import fcntl
import os
import signal
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

import msgspec

from journal.errors import ReadError

T = TypeVar("T")

_LENGTH = struct.Struct("<q")
_PIECE = 1 << 20  # bytes read from a pipe at once


def in_crew(tasks: Sequence[T], work: Callable[[T], Any], processes: int) -> Iterator[Any]:
    """`work` of each task, in order. What it returns must be plain: lists, bytes, numbers.

    Raises `ReadError` if a process ends before its work is done.
    """
    if processes < 2 or len(tasks) < 2:
        yield from map(work, tasks)
        return
    crew: list[tuple[int, int]] = []
    try:
        for number in range(processes):
            crew.append(_start(tasks[number::processes], work, [pipe for _, pipe in crew]))
        for number in range(len(tasks)):
            pipe = crew[number % processes][1]
            (length,) = _LENGTH.unpack(_read(pipe, _LENGTH.size))
            yield msgspec.msgpack.decode(_read(pipe, length))
    finally:
        _dismiss(crew)


def _start(tasks: Sequence[T], work: Callable[[T], Any], others: Sequence[int]) -> tuple[int, int]:
    """A process for these tasks, and the pipe that its results come from."""
    ours, theirs = os.pipe()
    with suppress(OSError):  # it is how quick it is, no more
        fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, _PIECE)
    pid = os.fork()
    if pid == 0:
        _work(tasks, work, theirs, (*others, ours))
    os.close(theirs)
    return pid, ours


def _work(
    tasks: Sequence[T], work: Callable[[T], Any], pipe: int, others: Sequence[int]
) -> NoReturn:
    """What such a process does. The pipes of the others must not stay open because of it."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nobody reads: there is no more to do
        for other in others:
            os.close(other)
        for task in tasks:
            data = msgspec.msgpack.encode(work(task))
            view = memoryview(_LENGTH.pack(len(data)) + data)
            while view:
                view = view[os.write(pipe, view) :]
    finally:
        os._exit(0)


def _read(pipe: int, length: int) -> bytearray:
    data = bytearray()
    while len(data) < length:
        piece = os.read(pipe, min(length - len(data), _PIECE))
        if not piece:
            raise ReadError(None, "a process that searched has ended too early; search again")
        data += piece
    return data


def _dismiss(crew: Sequence[tuple[int, int]]) -> None:
    for pid, pipe in crew:
        os.close(pipe)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid, _ in crew:
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
