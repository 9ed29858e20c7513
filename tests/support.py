"""What several test modules need: a projection that remembers, faults, other processes."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from journal.backend import Backend
from journal.engines.files.log import FileLog, LogOptions
from journal.engines.files.segment import Segment
from journal.engines.files.storage import DiskStorage
from journal.events import Event, Set
from journal.names import paths_of
from projections import DefaultSessionStore
from tests import warm

ROOT = Path(__file__).resolve().parent.parent

TURN_1 = {"calls": ["c-1"]}
TURN_2 = {"calls": ["c-2"]}
BOTH = {"native": {"turn-1": TURN_1, "turn-2": TURN_2}}


class Recorder:
    """A projection that keeps every event it is given since the last reset."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def fold(self, event: Event) -> None:
        self.events.append(event)

    @property
    def turns(self) -> list[str]:
        """The turn ids of the sets among them."""
        return [event.turn_id for event in self.events if isinstance(event, Set)]

    def reset(self) -> None:
        self.events.clear()


def set_event(turn: str, state: Any = None, runtime: str = "native") -> Set:
    encoded = msgspec.json.encode({"turn": turn} if state is None else state)
    return Set(runtime_id=runtime, turn_id=turn, state=Raw(encoded))


def open_log(
    folder: Path, session: str = "s", storage: DiskStorage | None = None, **options: Any
) -> tuple[FileLog, Recorder]:
    """A log and the projection that follows it; durability "os" unless told otherwise."""
    recorder = Recorder()
    settings = {"durability": "os", **options}
    chosen = LogOptions(storage=storage or DiskStorage(), **settings)
    return FileLog(paths_of(str(folder), session), recorder, chosen), recorder


def segment_of(log: FileLog) -> Segment:
    """The file that the log has read last."""
    assert log.catchup.segment is not None
    return log.catchup.segment


def turns_in(folder: Path, session: str = "s") -> list[str]:
    """The turn ids of all sets in a log, read afresh."""
    log, recorder = open_log(folder, session)
    log.refresh()
    log.close()
    return [event.turn_id for event in recorder.events if isinstance(event, Set)]


def is_there(engine: Backend, session: str = "s") -> bool:
    """Whether an engine has a session."""
    log = engine.open(session, Recorder())
    try:
        return log.refresh()
    finally:
        log.close()


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the process runs after it."""


class FaultyStorage(DiskStorage):
    """A disk on which chosen calls go wrong.

    `fault` is asked before each call with its name and arguments. What it returns
    replaces the call's result, what it raises is the call's error; None lets it happen.
    """

    def __init__(self, fault: "Callable[[str, tuple[Any, ...]], Any]") -> None:
        self.fault = fault

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in _CALLS:
            fault = super().__getattribute__("fault")

            def call(*args: Any) -> Any:
                answer = fault(name, args)
                return found(*args) if answer is None else answer

            return call
        return found


_CALLS = {name for name in vars(DiskStorage) if not name.startswith("_")}
CHANGING = {"open", "write", "truncate", "sync", "sync_folder", "rename", "link", "unlink"} | {
    "make_folder"
}
"""The calls after which the disk may be another."""


class DiesAt:
    """A fault: the process is killed before the `number`th changing call (from 0)."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.dead = False

    def __call__(self, name: str, args: tuple[Any, ...]) -> None:
        if self.dead and name != "close":
            raise Killed
        if name in CHANGING:
            if self.left == 0:
                self.dead = True
                raise Killed
            self.left -= 1


class FailsAt:
    """A fault: the `number`th changing call (from 0) fails with `errno`, once."""

    def __init__(self, number: int, errno: int) -> None:
        self.left = number
        self.errno = errno
        self.failed: str | None = None

    def __call__(self, name: str, args: tuple[Any, ...]) -> None:
        if name in CHANGING:
            self.left -= 1
            if self.left == -1:
                self.failed = name
                raise OSError(self.errno, os.strerror(self.errno))


def fails(call: str, errno: int, *, after: int = 0, times: int = 1) -> Callable[..., None]:
    """A fault: `call` fails `times` times after having worked `after` times."""
    counts = {"seen": 0}

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == call:
            counts["seen"] += 1
            if after < counts["seen"] <= after + times:
                raise OSError(errno, os.strerror(errno))

    return fault


def no_fault(name: str, args: tuple[Any, ...]) -> None:
    """Everything works."""


def python(code: str, *args: str, **kwargs: Any) -> "subprocess.Popen[str]":
    """Another Python process that runs `code` with `sys.argv[1:]` from `args`."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *args],
        **{"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kwargs},
        text=True,
    )


def forked(code: str, *args: str, **kwargs: Any) -> "subprocess.Popen[str]":
    """As `python`, in a tenth of the time: forked from a process that has imported everything.

    Its `pid` is another one's, which passes on signals that end programs, and ends with it.
    """
    return subprocess.Popen(
        warm.python_command(code, *args),
        **{"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kwargs},
        text=True,
    )


def finish(processes: Sequence["subprocess.Popen[str]"]) -> list[str]:
    """Wait for processes that must succeed; their standard outputs."""
    outputs = []
    for process in processes:
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
        outputs.append(out)
    return outputs


def finish_maintenance(store: DefaultSessionStore) -> None:
    """Wait until what a store does in the background is done."""
    assert store._maintenance.wait(60)


def state_in(path: Path) -> Any:
    """What a session file shows of the view."""
    return json.loads(path.read_bytes())["runtime_state"]


def needs(tool: str) -> None:
    """Skip a test for want of a program; in CI, which installs it, that is a failure."""
    if shutil.which(tool) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{tool} is not installed; .ci/run has to install it")
        pytest.skip(f"{tool} is not installed")


def files_in(folder: Path) -> set[str]:
    """The names of all files below a folder, but for the session file's lock."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".json.lock")
    }


def bytes_in(folder: Path) -> dict[str, bytes]:
    """Every file of the folder, unpacked."""
    return {
        path.name: gzip.decompress(path.read_bytes())
        if path.suffix == ".gz"
        else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
