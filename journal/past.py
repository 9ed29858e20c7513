"""What is left of a session's history, as an engine gives it to be read once."""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from journal.events import Event, Origin
from journal.reports import Problem
from journal.reprs import count, name, repr_of_parts

NOW = 1 << 62
"""A seq that no log reaches. A past read from there on holds what is in the log itself only."""


class Entry(NamedTuple):
    """An event and its line as it is stored, byte for byte, without the newline."""

    event: Event
    line: bytes

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield repr(self.event)
        yield count(len(self.line), "byte")


class Past(Struct, kw_only=True):
    """What is left of a session's history, to be read once.

    `rest` yields every event after `floor`. Of those up to `floor`, `kept` has the ones
    that compaction kept, in the order in which folding them gives the view as of `floor`; it
    is empty where `floor` is 0. Where the header that has the floor is damaged, `floor` is 0
    and `kept` has all up to the last event that is out of order. `folded_at` is when that
    compaction was, a timestamp like those of events, or empty; `floor_hash` is the hash of the
    event `floor`, empty where the header that has it is damaged. `problems` is what turned out
    to be damaged or missing; it may grow while `rest` is read. `origin` is where the session was
    forked from, if it was.
    """

    log_id: str
    floor: int
    floor_hash: str
    folded_at: str
    kept: list[Entry]
    rest: Iterator[Entry]
    problems: list[Problem]
    origin: Origin | None = None

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield name(self.log_id)
        yield f"floor {self.floor}"
        yield f"{len(self.kept):,} kept"
        yield count(len(self.problems), "problem")

    @property
    def why_short(self) -> str:
        """Why not all events up to the floor are there; to be asked where there is a floor."""
        lost = (problem for problem in self.problems if problem.kind == "archive")
        if any(problem.seq is None or problem.seq <= self.floor for problem in lost):
            return f"the archive that has the events up to {self.floor} cannot be read"
        return f"compaction has dropped what was overwritten before event {self.floor}"

    def in_order(self) -> Iterator[Entry]:
        """All that is left, by seq."""
        yield from sorted(self.kept, key=lambda entry: entry.event.seq)
        yield from self.rest

    def to_fold(self) -> Iterator[Event]:
        """All that is left, in the order in which folding gives the view."""
        for entry in self.kept:
            yield entry.event
        for entry in self.rest:
            yield entry.event


class Newest(NamedTuple):
    """The newest events of a session, the newest first, to be read once.

    Between an event and the next one that `entries` yields there was no other. They end at the
    first event of the session, or before: where an older one can only be read from the
    beginning of the log, because it was compacted, is damaged, or cannot be read just now.
    `base` is the last event that a compaction has folded, 0 if none has; `entries` do not reach
    it.
    """

    log_id: str
    base: int
    entries: Iterator[Entry]

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield name(self.log_id)
        yield f"base {self.base}"
