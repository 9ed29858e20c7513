"""Strangers and logs in any order, against a model."""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from journal.backend import never
from journal.engines.files.directory import Directory
from journal.engines.files.log import FileLog, LogOptions
from journal.events import Event, Head, Set
from tests.journal.engines.changed.strokes import (
    GONE,
    Clock,
    Reports,
    empty,
    in_place,
    problems_in,
)
from tests.support import (
    Recorder,
    open_log,
    set_event,
)

TURNS = st.sampled_from(["a", "b", "c"])
WHO = st.sampled_from([0, 1, 2])
ACTS = st.tuples(st.sampled_from(["append", "append", "append", "look", "close", "compact"]), WHO)


class Strangers(RuleBasedStateMachine):
    """Three processes with the log open, strangers, and a model: what is in the file.

    `events` are the states of all events of the file, each state once ever, so that it tells
    an event from all others.
    """

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp(prefix="journal-strangers-"))
        self.folder = self.base / "s"
        self.path = self.folder / "s.jsonl"
        self.clock = Clock()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("journal.engines.files.reader.monotonic", self.clock)
        self.patch.setattr("journal.engines.files.segment.SLICE", 100)  # less than a line
        self.patch.setattr("journal.engines.files.ahead.LEAST", 0)
        self.reports = Reports()
        logging.getLogger("journal").addHandler(self.reports)
        self.logs: list[tuple[FileLog, Recorder]] = []
        for durability in ("os", "fsync", "os"):
            self.logs.append(open_log(self.folder, writer="w", durability=durability))
        self.events: list[tuple[str, int]] = []
        self.number = 10_000
        self.numbers: dict[str, int] = {}  # by the hashes of their events
        self.saved: list[tuple[bytes, list[tuple[str, int]]]] = []
        self.torn = False
        # Who has not seen the last compaction does not know of a deletion after it either.
        self.behind: set[int] = set()
        self.append(0, "a")

    def teardown(self) -> None:
        self.patch.undo()
        logging.getLogger("journal").removeHandler(self.reports)
        for log, _ in self.logs:
            log.close()
        shutil.rmtree(self.base)

    # The processes

    def look(self, who: int, act: Callable[[], object]) -> None:
        """Whatever notices a change says once what is gone, and nothing if nothing is."""
        known, before = self.logs[who][0].head, len(self.reports.losses)
        lost = known is not None and known.seq > 0 and self.is_gone(known)
        unknown = known is not None and (who in self.behind or self.base_seq() > known.seq)
        act()
        said = len(self.reports.losses) - before
        assert said == lost or (lost and unknown and not said)
        self.behind.discard(who)

    def is_gone(self, known: Head) -> bool:
        return self.numbers[known.hash] not in {number for _, number in self.events}

    def note(self, head: Head, number: int) -> None:
        self.numbers[head.hash] = number

    def base_seq(self) -> int:
        """Up to which event the file was compacted, whoever's log it is."""
        if not self.path.exists() or not self.path.read_bytes().strip():
            return 0
        return int(msgspec.json.decode(self.path.read_bytes().split(b"\n")[0])["base_seq"])

    @rule(who=WHO, turn=TURNS, then_read=st.booleans())
    def append(self, who: int, turn: str, then_read: bool = True) -> None:
        self.number += 1
        number, log = self.number, self.logs[who][0]
        event = set_event(turn, {"n": number})
        self.look(who, lambda: self.note(log.append([event]), number))
        self.events.append((turn, number))
        self.torn = False
        if then_read:
            assert log.refresh()
            assert view_of(self.logs[who][1]) == dict(self.events)
        fresh, recorder = open_log(self.folder)
        assert fresh.refresh()
        fresh.close()
        assert view_of(recorder) == dict(self.events), "True, and it is not in the log"
        assert problems_in(self.folder) == []

    @rule(who=WHO, in_parts=st.booleans())
    def read(self, who: int, in_parts: bool) -> None:
        self.clock.now += 1.0
        log, recorder = self.logs[who]
        self.look(who, lambda: log.refresh(never if in_parts else None))
        assert view_of(recorder) == dict(self.events)

    @rule(
        who=WHO,
        is_fresh=st.booleans(),
        before=st.lists(ACTS, max_size=4),
        meanwhile=st.lists(ACTS, max_size=8),
    )
    def read_meanwhile(
        self, who: int, is_fresh: bool, before: list[tuple[str, int]], meanwhile: list[Any]
    ) -> None:
        """In parts, while others, and other threads of its own process, use the log."""
        for each in (0, 1, 2):
            self.read(each, in_parts=False)
        if is_fresh:
            self.restart(who)
        said = len(self.reports.losses)
        for act in before:
            self.act(*act)
        left = list(meanwhile)
        log, _ = self.logs[who]
        log.refresh(lambda: self.act(*left.pop()) if left else None)
        for log, recorder in self.logs:
            log.refresh()
            assert view_of(recorder) == dict(self.events)
        assert len(self.reports.losses) == said

    def act(self, act: str, who: int) -> None:
        """Also of the process that reads, which then gives up what it has read of a part."""
        match act:
            case "append":
                self.append(who, "abc"[who], then_read=False)
            case "look":
                self.logs[who][0].refresh()
            case "close":
                self.logs[who][0].close()
            case "compact" if self.path.exists() and not self.torn:
                self.compact("drop")

    @rule(who=WHO)
    def peek(self, who: int) -> None:
        """Within the second, it may notice or not; it never says so twice."""
        before = len(self.reports.losses)
        self.logs[who][0].refresh()
        assert len(self.reports.losses) - before <= 1

    @rule(who=WHO)
    def restart(self, who: int) -> None:
        self.logs[who][0].close()
        self.logs[who] = open_log(self.folder, writer="w")

    @precondition(lambda self: self.path.exists() and not self.torn)
    @rule(history=st.sampled_from(["archive", "drop"]))
    def compact(self, history: Any) -> None:
        Directory(str(self.folder), LogOptions("os")).compact("s", history)
        self.behind = {0, 1, 2}

    # The strangers

    @property
    def is_plain(self) -> bool:
        """Nothing was compacted: lines and events are one to one, and no archive is missed."""
        if not self.path.exists():
            return False
        content = self.path.read_bytes()
        return b'"kept":0,' in content and content.count(b'"n":') == len(self.events)

    @precondition(lambda self: self.path.exists() and not self.torn)
    @rule()
    def save_a_copy(self) -> None:
        self.saved.append((self.path.read_bytes(), self.events.copy()))

    def is_complete(self, content: bytes) -> bool:
        """Whether the archives are of such a log; of others, damage is reported."""
        if not content.strip():
            return not archives(self.folder)
        name = msgspec.json.decode(content.split(b"\n")[0])["archive"]
        return name is None or (self.folder / "archive" / name).exists()

    @precondition(lambda self: self.saved)
    @rule(data=st.data(), over=st.booleans())
    def put_a_copy(self, data: st.DataObject, over: bool) -> None:
        content, events = data.draw(st.sampled_from(self.saved))
        if self.is_complete(content):
            self.put(content, events, over)

    def put(self, content: bytes, events: list[tuple[str, int]], over: bool) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if over and self.path.exists():
            in_place(self.path, content)
        else:
            (self.folder / "put").write_bytes(content)
            (self.folder / "put").rename(self.path)
        self.events, self.torn = events.copy(), False

    @precondition(lambda self: self.is_plain and self.events and not self.torn)
    @rule(data=st.data(), over=st.booleans(), more=st.integers(0, 3))
    def put_a_branch(self, data: st.DataObject, over: bool, more: int) -> None:
        keep = data.draw(st.integers(0, len(self.events) - 1))
        other = self.base / "branch"
        other.mkdir()
        (other / "s.jsonl").write_bytes(self.first(keep))
        log, _ = open_log(other, writer="w")
        events = self.events[:keep]
        for _ in range(more):
            self.number += 1
            events.append(("b", self.number))
            self.note(log.append([set_event("b", {"n": self.number})]), self.number)
        log.close()
        content = (other / "s.jsonl").read_bytes()
        shutil.rmtree(other)
        self.put(content, events, over)

    def first(self, events: int) -> bytes:
        lines = [line for line in self.path.read_bytes().splitlines(keepends=True) if line.strip()]
        return b"".join(lines[: events + 1])

    @precondition(lambda self: self.is_plain and not self.torn)
    @rule(data=st.data(), beyond=st.sampled_from([0, 1, 50]))
    def cut(self, data: st.DataObject, beyond: int) -> None:
        """At the end of a line or in it."""
        keep = data.draw(st.integers(0, len(self.events)))
        whole = self.path.read_bytes()
        length = min(len(self.first(keep)) + beyond, len(whole))
        if whole.startswith(self.first(keep)):
            os.truncate(self.path, length)
            if keep < len(self.events):
                self.events = self.events[:keep]
                self.torn = beyond > 0

    @precondition(lambda self: self.path.exists() and not archives(self.folder))
    @rule()
    def empty(self) -> None:
        empty(self.path)
        self.events, self.torn = [], False

    @precondition(lambda self: self.path.exists())
    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        """Other white space, as editors leave it; nothing is lost by that."""
        if not self.torn:
            content = self.path.read_bytes()
            change = data.draw(st.sampled_from([lambda c: c.rstrip(), lambda c: c + b"\n\r\n"]))
            in_place(self.path, change(content))

    @precondition(lambda self: self.path.exists() and not self.torn)
    @rule(data=st.data(), blank=st.sampled_from([b"\n", b" \r\n", b" " * 40 + b"\n"]))
    def put_a_blank_line(self, data: st.DataObject, blank: bytes) -> None:
        """After any line, those that compaction has kept among them."""
        lines = self.path.read_bytes().splitlines(keepends=True)
        if lines:
            lines.insert(data.draw(st.integers(1, len(lines))), blank)
            in_place(self.path, b"".join(lines))

    @precondition(lambda self: self.folder.exists())
    @rule(how=st.sampled_from(["file", "folder", "moved"]))
    def take_away(self, how: str) -> None:
        match how:
            case "file":
                self.path.unlink(missing_ok=True)
            case "folder":
                shutil.rmtree(self.folder)
            case "moved":
                self.folder.rename(self.base / f"away-{self.number}-{os.urandom(4).hex()}")
        self.events, self.torn = [], False

    @invariant()
    def nothing_else_is_logged(self) -> None:
        others = [text for text in self.reports.texts if GONE not in text]
        assert all("cut off" in text for text in others), others


def archives(folder: Path) -> list[Path]:
    return list((folder / "archive").glob("s.*.jsonl")) if folder.exists() else []


def number_of(event: Event) -> int:
    assert isinstance(event, Set)
    return int(msgspec.json.decode(bytes(event.state))["n"])


def view_of(recorder: Recorder) -> dict[str, int]:
    return {event.turn_id: number_of(event) for event in recorder.events if isinstance(event, Set)}
