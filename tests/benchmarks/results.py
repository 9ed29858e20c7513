"""What a part of the suite finds: rows of figures, and how they stand to the goals."""

from typing import Literal

from msgspec import Struct

from tests.benchmarks.measure import Stats

Unit = Literal["×", "s", "events/s", "bytes", ""]

OURS = "journal"
"""The name of the contender that is us."""


class Goal(Struct, frozen=True):
    """A bound and what was measured for it."""

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


def at_most(text: str, value: float, limit: float, unit: Unit = "×") -> Goal:
    """The goal that `value` is no more than `limit`."""
    return Goal(text, value, limit, unit)


def at_least(text: str, value: float, limit: float, unit: Unit = "×") -> Goal:
    """The goal that `value` is no less than `limit`."""
    return Goal(text, value, limit, unit, least=True)


def ratio(figures: dict[str, Stats], one: str, other: str) -> float:
    """How many times longer the median of `one` is than that of `other`."""
    return figures[one].median / figures[other].median
