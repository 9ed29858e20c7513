"""Timing: single operations of several contenders, a block of one, then a block of the next.

What disturbs a machine for a second disturbs all of them, so their ratios can be trusted
even where the times cannot.
"""

import os
from array import array
from collections.abc import Callable, Mapping, Sequence
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

        def rank(share: float) -> float:
            return ranked[min(count - 1, int(share * count))]

        return cls(count, rank(0.5), rank(0.9), rank(0.99), ranked[-1], sum(ranked) / count)


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
    names = list(operations)
    for turn in range(rounds + 1):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            operation, note = operations[name], taken[name].append
            for index in range(turn * block, (turn + 1) * block):
                start = clock()
                operation(index)
                note(clock() - start)
    return {
        name: Stats.of([ns / _NANOSECONDS for ns in found[block:]])
        for name, found in taken.items()
    }


def once(operation: Callable[[], object]) -> float:
    """How many seconds a call takes."""
    start = perf_counter_ns()
    operation()
    return (perf_counter_ns() - start) / _NANOSECONDS


def settle() -> None:
    """Have the disk write what earlier parts left, so that no later part pays for it."""
    os.sync()
