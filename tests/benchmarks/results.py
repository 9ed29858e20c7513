"""What a part of the suite finds: rows of figures, and how they stand to the goals."""

from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from tests.benchmarks.measure import Stats

Unit = Literal["×", "s", "events/s", "bytes", ""]

OURS = "journal"
"""The name of the contender that is us."""


class Goal(Struct, frozen=True):
    """A bound and what was measured for it; `text` stands behind either: `2 ×` of what?"""

    text: str
    value: float
    limit: float
    unit: Unit = "×"
    least: bool = False  # the value has to be at least the limit, not at most

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.least else self.value <= self.limit


class Row(Struct, frozen=True):
    """One thing that was measured, of us and of the others, and the goals it is held to."""

    name: str
    figures: dict[str, Stats]
    goals: list[Goal]
    note: str = ""


class Results(Struct, frozen=True):
    """What one run found: `quick` or in whole size, of some parts or all."""

    quick: bool
    machine: dict[str, str]
    parts: dict[str, list[Row]]

    @property
    def rows(self) -> list[Row]:
        """Of all parts."""
        return [row for rows in self.parts.values() for row in rows]

    def as_json(self) -> bytes:
        """Indented, with a newline at its end."""
        return msgspec.json.format(msgspec.json.encode(self)) + b"\n"


def read(path: str | Path) -> Results:
    """What `as_json` gave. Raises OSError or msgspec.DecodeError."""
    return msgspec.json.decode(Path(path).read_bytes(), type=Results)


def at_most(text: str, value: float, limit: float, unit: Unit = "×") -> Goal:
    """The goal that `value` is no more than `limit`."""
    return Goal(text, value, limit, unit)


def at_least(text: str, value: float, limit: float, unit: Unit = "×") -> Goal:
    """The goal that `value` is no less than `limit`."""
    return Goal(text, value, limit, unit, least=True)


def ratio(figures: dict[str, Stats], one: str, other: str) -> float:
    """How many times longer the median of `one` is than that of `other`."""
    return figures[one].median / figures[other].median
