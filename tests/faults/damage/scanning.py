"""The parse of a log restarted at any of its lines, so that damage costs a line or two to try.

`Scanner` is what the log, verification, compaction and every reader judge bytes with; all
it knows of the lines before is in its attributes, so a copy stands for having read them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from journal.events import Event
from journal.kept import KeptCheck
from journal.scan import Scanner
from tests.faults.damage.forgery import lines_of, write_session

EVENTS = 1000


class Line(NamedTuple):
    """A line where it stands, and the scanner as it is before it."""

    start: int
    data: bytes
    before: Scanner

    @property
    def stop(self) -> int:
        return self.start + len(self.data)


@dataclass(frozen=True)
class Parsed:
    """A log without damage, and what each of its lines yields: nothing, or its event."""

    data: bytes
    lines: list[Line]
    events: list[Event | None]

    @property
    def kept(self) -> int:
        """How many lines after the header are of events that compaction kept."""
        header = self.lines[1].before.header
        assert header is not None
        return header.kept

    def complete_before(self, place: int) -> list[Event]:
        """The events of the lines that end at `place` or before, the last perhaps without its
        newline.
        """
        return [
            event
            for line, event in zip(self.lines, self.events, strict=True)
            if event is not None and line.stop - 1 <= place
        ]


def fork(scanner: Scanner) -> Scanner:
    """A copy that goes its own way."""
    copy, kept = Scanner(), KeptCheck()
    vars(copy).update(vars(scanner), _kept=kept)
    vars(kept).update(vars(scanner._kept), _digest=scanner._kept._digest.copy())
    copy.damage = scanner.damage.copy()
    copy._seen = scanner._seen.copy()
    copy._suspects = scanner._suspects.copy()
    return copy


def parse(data: bytes) -> Parsed:
    scanner = Scanner()
    lines, events = [], []
    for line in lines_of(data):
        lines.append(Line(scanner.end, line, fork(scanner)))
        found = list(scanner.feed(line))
        assert len(found) <= 1
        events.append(found[0] if found else None)
    scanner.finish()
    assert scanner.end == len(data)
    assert not scanner.damage, "a log with damage is no place to begin"
    assert events.count(None) == 1, "of all lines only the header is no event"
    return Parsed(data, lines, events)


def plain_log(folder: Path, events: int = EVENTS) -> Parsed:
    """A log of so many events that never was compacted."""
    return parse(write_session(folder, events).read_bytes())


def compacted_log(folder: Path, events: int = EVENTS) -> Parsed:
    """A log of at least so many events, of which compaction kept some."""
    written = events + events // 2
    parsed = parse(write_session(folder, written, [events // 2 + 1]).read_bytes())
    assert parsed.kept > events // 50
    assert len(parsed.lines) > events
    return parsed


LOGS = {"plain": plain_log, "compacted": compacted_log}


def scan(data: bytes) -> tuple[Scanner, list[Event]]:
    """A whole file, judged from its first byte on."""
    scanner = Scanner()
    events = list(scanner.read([data]))
    scanner.finish()
    return scanner, events
