"""What a store must show after faults, in plain Python, and processes that die in this one.

A `Model` is one life of a session: all its events, and the chain of files that hold them.
What compaction keeps, what damage takes away, the view, the history and what `verify` has
to report are worked out from these two alone, without the code that is tested.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from journal.engines.files.storage import DiskStorage
from journal.events import Clear, Event, Handoff, Set, Takeover
from tests.faults.crashes import going_wrong
from tests.support import CHANGING, DiesAt, FailsAt

Told = tuple[Any, ...]
"""An event as its writer knows it: its op and what it is about."""

View = dict[str, dict[str, Any]]


def told(event: Event) -> Told:
    """An event that was read, as its writer knew it."""
    match event:
        case Set():
            return "set", event.runtime_id, event.turn_id, msgspec.json.decode(event.state)
        case Clear():
            return "clear", event.runtime_id
        case Handoff():
            return "handoff", event.source, event.target, event.turn_id, event.reason
        case Takeover():
            return "takeover", event.runtime_id, event.handoff_seq, event.seen_seq
        case _:
            raise AssertionError(f"nobody appends such events: {event}")


def fold(events: list[Told]) -> View:
    view: View = {}
    for event in events:
        if event[0] == "set":
            view.setdefault(event[1], {})[event[2]] = event[3]
        elif event[0] == "clear" and event[1] is None:
            view.clear()
        elif event[0] == "clear":
            view.pop(event[1], None)
    return view


class Finding(NamedTuple):
    """What `verify` has to report; place and length only of bytes that are no event."""

    kind: str
    where: str
    offset: int = 0
    length: int = 0


@dataclass
class File:
    """A log file: events up to `base` were folded to the `kept` ones, in this order.

    `name` is what its successor calls it. `damaged` are the lines, by seq, that are not
    intact any more: offset and length of each.
    """

    header: dict[str, Any]
    kept: list[int]
    name: str = ""
    damaged: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def base(self) -> int:
        return int(self.header["base_seq"])

    def intact_kept(self) -> list[int]:
        return [seq for seq in self.kept if seq not in self.damaged]

    def findings(self) -> Iterator[Finding]:
        stretches: list[tuple[int, int]] = []
        for offset, length in sorted(self.damaged.values()):
            if stretches and sum(stretches[-1]) == offset:  # they touch: one stretch
                start, before = stretches.pop()
                offset, length = start, before + length
            stretches.append((offset, length))
        for offset, length in stretches:
            yield Finding("corrupt", self.name, offset, length)
        if len(self.intact_kept()) < len(self.kept):
            yield Finding("kept", self.name)


class Model:
    """One life of a session, from its creation to its deletion."""

    def __init__(self, header: dict[str, Any], name: str) -> None:
        self.events: list[Told] = []  # acknowledged or found: event 1 is the first
        self.files = [File(header, [], name)]  # as far back as history reaches
        self.heads: dict[int, str] = {}  # that were noted down, by seq

    @property
    def log_id(self) -> str:
        return str(self.now.header["log_id"])

    @property
    def last(self) -> int:
        return len(self.events)

    @property
    def now(self) -> File:
        return self.files[-1]

    def of(self, seqs: list[int]) -> list[Told]:
        return [self.events[seq - 1] for seq in seqs]

    # What is there

    def chain(self, file: File, until: int) -> list[int]:
        """The intact events of a file after its base."""
        return [seq for seq in range(file.base + 1, until + 1) if seq not in file.damaged]

    def folded(self, file: File, until: int) -> list[int]:
        """What is folded to get the view as of `until`, from one file."""
        return file.intact_kept() + self.chain(file, until)

    def view(self) -> View:
        return fold(self.of(self.folded(self.now, self.last)))

    def reached(self, first: int = 0) -> list[int]:
        """The events after the base of the `first` file, through those that replaced it."""
        found = []
        for file, later in zip(self.files[first:], [*self.files[first + 1 :], None], strict=True):
            found += self.chain(file, later.base if later is not None else self.last)
        return found

    def history(self) -> list[int]:
        """The seqs of all that is left, in order."""
        return sorted(self.files[0].intact_kept()) + self.reached()

    def view_at(self, seq: int) -> View | None:
        """None if that was dropped."""
        if seq == 0:
            return {}
        first = max((n for n, file in enumerate(self.files) if file.base <= seq), default=None)
        if first is None:
            return None
        later = [number for number in self.reached(first) if number <= seq]
        return fold(self.of(self.files[first].intact_kept() + later))

    def versions(self, runtime: str, turn: str) -> list[tuple[int, Any]]:
        """Of a turn: the seq and the state of each, None where a clear took it away."""
        found: list[tuple[int, Any]] = []
        for seq in self.history():
            event = self.events[seq - 1]
            alive = bool(found) and found[-1][1] is not None
            if event[:3] == ("set", runtime, turn):
                found.append((seq, event[3]))
            elif alive and event[0] == "clear" and event[1] in (None, runtime):
                found.append((seq, None))
        return found

    def living(self, until: int) -> list[int]:
        """What a compaction of the newest file as of `until` has to keep, in its order."""
        others, turns = [], {}
        seqs = self.folded(self.now, until)
        view = fold(self.of(seqs))
        for seq in seqs:
            event = self.events[seq - 1]
            if event[0] == "set":
                turns[event[1:3]] = seq
            elif event[0] != "clear":
                others.append(seq)
        alive = [turns[runtime, turn] for runtime, held in view.items() for turn in held]
        return sorted(others) + alive

    def unanswered(self, runtime: str) -> int | None:
        """The seq of the latest handoff to a runtime since it last took over."""
        found = None
        for seq in self.folded(self.now, self.last):
            event = self.events[seq - 1]
            if event[0] == "handoff" and event[2] == runtime:
                found = seq
            elif event[:2] == ("takeover", runtime):
                found = None
        return found

    def lines(self) -> list[int]:
        """The seqs of the newest file's lines, in their order."""
        return self.now.kept + list(range(self.now.base + 1, self.last + 1))

    def findings(self) -> list[Finding]:
        return sorted(finding for file in self.files for finding in file.findings())

    # What happens

    def compacted(self, header: dict[str, Any]) -> None:
        """Another file has taken the log's place."""
        assert header["log_id"] == self.log_id
        assert self.now.base <= header["base_seq"] <= self.last
        kept = self.living(header["base_seq"])
        assert header["kept"] == len(kept), "not what lives was kept"
        damaged = bool(self.now.damaged)
        name, self.now.name = self.now.name, header["archive"]
        if header["archive"] is None:
            assert not damaged, "evidence was dropped"
            self.files.clear()
        self.files.append(File(header, kept, name))

    def damage(self, seq: int, offset: int, length: int) -> None:
        self.now.damaged[seq] = (offset, length)
        self.heads.pop(seq, None)


def header_in(data: bytes) -> dict[str, Any]:
    header = json.loads(data.partition(b"\n")[0])
    assert header["op"] == "open"
    return dict(header)


# Processes


class TearsAt(DiesAt):
    """A fault: the process is killed when the `number`th write (from 0) is half done."""

    def __call__(self, name: str, args: tuple[Any, ...]) -> None:
        if self.dead or name == "write":
            if self.left == 0 and not self.dead:
                os.write(args[0], args[1][: len(args[1]) * 2 // 3])
            super().__call__(name, args)


class ShortAt(FailsAt):
    """A fault: the `number`th write (from 0) writes only a part, and says so."""

    def __init__(self, number: int) -> None:
        super().__init__(number, 0)

    def __call__(self, name: str, args: tuple[Any, ...]) -> Any:
        if name != "write":
            return None
        self.left -= 1
        if self.left != -1 or len(args[1]) < 2:
            return None
        self.failed = name
        return os.write(args[0], args[1][: len(args[1]) // 2])


class MeanwhileAt(FailsAt):
    """A fault that is none: somebody else acts before the `number`th changing call."""

    def __init__(self, number: int, act: Callable[[], None]) -> None:
        super().__init__(number, 0)
        self._act = act

    def __call__(self, name: str, args: tuple[Any, ...]) -> None:
        if name in CHANGING:
            self.left -= 1
            if self.left == -1:
                self.failed = name
                self._act()


Fault = Callable[[str, tuple[Any, ...]], Any]


class Process:
    """A process that dies as in `crashes.going_wrong`; `fault` is what it meets next.

    Syncs are not made, only failed: no power is cut here.
    """

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self._calls = going_wrong.Process(DiskStorage(), self._meet)
        self.storage = self._calls.storage

    def _meet(self, name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        answer = self.fault(name, args) if self.fault is not None else None
        if answer is None:
            return True if name in ("sync", "sync_folder") else call()
        return answer

    def die(self) -> None:
        self._calls.die()


def change_a_byte(path: Path, offset: int, by: int) -> None:
    """Of a line: to any other byte but a newline, which would make two lines of it."""
    data = bytearray(path.read_bytes())
    assert data[offset] != 0x0A
    data[offset] ^= by if data[offset] ^ by != 0x0A else by ^ 0x80
    path.write_bytes(bytes(data))
