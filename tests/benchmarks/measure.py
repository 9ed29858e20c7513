"""Timing: single operations of several contenders, a block of one, then a block of the next.

What disturbs a machine for a second disturbs all of them, so their ratios can be trusted
even where the times cannot.
"""

import os
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter_ns

from msgspec import Struct

Operation = Callable[[int], object]
"""One thing to time. Its argument counts up from 0 and never comes twice."""

_NANOSECONDS = 1_000_000_000


class Stats(Struct, frozen=True):
    """How long one operation took, in seconds, over `count` of them."""

    count: int
    median: float
    p90: float
    p99: float
    max: float
    mean: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Stats":
        """Percentiles by the nearest rank: each is a time that was measured."""
        ranked = sorted(seconds)
        count = len(ranked)
        if not count:
            raise ValueError("nothing was measured")

        def rank(percent: int) -> float:
            return ranked[-(-percent * count // 100) - 1]

        return cls(count, rank(50), rank(90), rank(99), ranked[-1], sum(ranked) / count)

    def each(self, parts: int) -> "Stats":
        """Of one part, where what was timed did `parts` alike."""
        spread = (self.median, self.p90, self.p99, self.max, self.mean)
        return Stats(self.count, *(seconds / parts for seconds in spread))


def interleave(
    operations: Mapping[str, Operation], *, rounds: int, block: int
) -> dict[str, Stats]:
    """Time `rounds` x `block` operations of each contender, one after the other.

    Who is first changes with every round. The first round warms up and is not counted.
    """
    clock = perf_counter_ns
    taken = {name: array("q") for name in operations}
    for turn, name in in_turn(list(operations), rounds + 1):
        operation, note = operations[name], taken[name].append
        for index in range(turn * block, (turn + 1) * block):
            start = clock()
            operation(index)
            note(clock() - start)
    return {
        name: Stats.of([ns / _NANOSECONDS for ns in found[block:]])
        for name, found in taken.items()
    }


def in_turn(names: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """All names once in each round, with the round's number; who is first changes."""
    for turn in range(rounds):
        for place in range(len(names)):
            yield turn, names[(turn + place) % len(names)]


def once(operation: Callable[[], object]) -> float:
    """How many seconds a call takes."""
    start = perf_counter_ns()
    operation()
    return (perf_counter_ns() - start) / _NANOSECONDS


def settle() -> None:
    """Have the disk write what earlier parts left, so that no later part pays for it."""
    os.sync()
