"""Whether the process that wrote an event has ended, as far as this machine can tell.

An event's `writer` is `host:pid` (`journal.codec.default_writer`). That says nothing of when the
process started, nor of the PID namespace that counted its pid, so the rule is one that holds for
any namespace. A writer is **gone** only if all of this is true:

- We are in the machine's first PID namespace, and can read the status of every process. So we
  see every process of the machine, with its pid in each namespace that it is in (`NSpid`).
- The event is of this host by name, and of this boot: not older than the machine, not newer
  than now.
- No process has that pid, in any namespace, and started before the event. A zombie counts as
  none: it writes nothing any more.

Inside a container, or where `/proc` is missing or hides processes, nothing is told: whatever has
that host name and pid may be in another namespace that cannot be seen from there. Another
machine of the same name that writes into the same folder cannot be told apart; give it a `writer`
of its own. If the clock was set forward after the event, a writer that is alive may seem to have
started too late; a step of two seconds is allowed for.
"""

import os
import re
from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from journal.events import Event

_WRITER = re.compile(r"(?P<host>.+):(?P<pid>[1-9][0-9]{0,9})", re.ASCII | re.DOTALL)
_FIRST_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO of the kernel: the same on all machines
_SLACK = 2.0  # seconds: the kernel gives the time of the boot in whole seconds
_DEAD = frozenset("ZXx")


class _Process(Struct, frozen=True):
    """A process: its pids, from the first namespace inwards, and when it started, in seconds."""

    pids: tuple[int, ...]
    started: float


class Writers:
    """Tells of events whether their writers have ended. Looks at `/proc` once, when first asked.

    `proc` is where the system's processes are listed, `host` the name of this machine and `now`
    the time as seconds since the epoch; they are given by tests.
    """

    def __init__(
        self, proc: str = "/proc", host: str | None = None, now: float | None = None
    ) -> None:
        self._proc = proc
        self._host = host if host is not None else os.uname().nodename
        self._now = now if now is not None else datetime.now().timestamp()
        self._machine: _Machine | None = None
        self._has_looked = False

    def is_gone(self, event: Event) -> bool | None:
        """True if the process that wrote it has ended, False if it may be alive.

        None if that cannot be told. Never raises. O(processes) the first time and O(1) then.
        """
        return self.has_ended(event.writer, event.ts)

    def has_ended(self, writer_id: str, ts: str) -> bool | None:
        """The same of an event with this `writer` and this `ts`."""
        writer = _WRITER.fullmatch(writer_id)
        if writer is None or writer["host"] != self._host:
            return None
        written = _seconds(ts)
        machine = self._look()
        if machine is None or written is None or not machine.booted <= written <= self._now:
            return None
        return not machine.had(int(writer["pid"]), written)

    def _look(self) -> "_Machine | None":
        if not self._has_looked:
            self._has_looked = True
            try:
                self._machine = _machine(self._proc)
            except (OSError, ValueError, LookupError):  # no Linux, hidden, or written otherwise
                self._machine = None
        return self._machine


class _Machine(Struct, frozen=True):
    """When the machine was booted, and when the first process of each pid started."""

    booted: float
    started: dict[int, float]

    def had(self, pid: int, moment: float) -> bool:
        """Whether a process of this pid, in any namespace, may have been there then."""
        started = self.started.get(pid)
        return started is not None and started <= moment + _SLACK


def _machine(proc: str) -> _Machine | None:
    """None where not all processes can be seen. Raises OSError, ValueError, LookupError."""
    if os.stat(f"{proc}/self/ns/pid").st_ino != _FIRST_NAMESPACE:
        return None
    pids = [int(name) for name in os.listdir(proc) if name.isdecimal()]
    if 1 not in pids:
        return None  # hidden: the first process never ends
    booted = float(_field(f"{proc}/stat", "btime"))
    started: dict[int, float] = {}
    for process in _processes(proc, pids, booted):
        for pid in process.pids:
            started[pid] = min(process.started, started.get(pid, process.started))
    return _Machine(booted, started)


def _processes(proc: str, pids: list[int], booted: float) -> Iterator[_Process]:
    tick = os.sysconf("SC_CLK_TCK")
    for pid in pids:
        try:
            spaces = _field(f"{proc}/{pid}/status", "NSpid:")
            stat = _text(f"{proc}/{pid}/stat").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
        if stat[0] not in _DEAD:
            started = booted + int(stat[19]) / tick  # field 22, of which the name is the second
            yield _Process(tuple(map(int, spaces.split())), started)


def _field(path: str, name: str) -> str:
    """The rest of the line that begins with a name. Raises LookupError if there is none."""
    for line in _text(path).split("\n"):
        if line.startswith((f"{name} ", f"{name}\t")):
            return line[len(name) :].strip()
    raise LookupError(f"{path} has no {name}")


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _seconds(timestamp: str) -> float | None:
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None
