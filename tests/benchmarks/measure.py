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

Block = Callable[[int, int], Sequence[int]]
"""Operations that are timed where they are made: gives the nanoseconds of each.

The first argument is the number of the first of them, the second how many there are.
"""

_NANOSECONDS = 1_000_000_000


class Stats(Struct, frozen=True):
    """How long one operation took, in seconds, over `count` of them.

    `p999` is None in results that are older than it.
    """

    count: int
    median: float
    p90: float
    p99: float
    max: float
    mean: float
    p999: float | None = None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Stats":
        """Percentiles by the nearest rank: each is a time that was measured."""
        ranked = sorted(seconds)
        count = len(ranked)
        if not count:
            raise ValueError("nothing was measured")

        def rank(per_mille: int) -> float:
            return ranked[-(-per_mille * count // 1000) - 1]

        mean = sum(ranked) / count
        return cls(count, rank(500), rank(900), rank(990), ranked[-1], mean, rank(999))

    def each(self, parts: int) -> "Stats":
        """Of one part, where what was timed did `parts` alike."""
        return Stats(
            self.count,
            self.median / parts,
            self.p90 / parts,
            self.p99 / parts,
            self.max / parts,
            self.mean / parts,
            self.p999 / parts if self.p999 is not None else None,
        )


def interleave(
    operations: Mapping[str, Operation],
    *,
    rounds: int,
    block: int,
    elsewhere: Mapping[str, Block] | None = None,
) -> dict[str, Stats]:
    """Time `rounds` x `block` operations of each contender, one after the other.

    Those of `elsewhere` time themselves, in processes of their own. Who is first changes with
    every round. The first round warms up and is not counted.
    """
    blocks = {name: timed(operation) for name, operation in operations.items()}
    blocks |= elsewhere or {}
    taken = {name: array("q") for name in blocks}
    for turn, name in in_turn(list(blocks), rounds + 1):
        taken[name].extend(blocks[name](turn * block, block))
    return {
        name: Stats.of([ns / _NANOSECONDS for ns in found[block:]])
        for name, found in taken.items()
    }


def timed(operation: Operation) -> Block:
    """The operation as blocks that are timed here."""
    clock = perf_counter_ns

    def run(first: int, count: int) -> Sequence[int]:
        taken = array("q")
        note = taken.append
        for index in range(first, first + count):
            start = clock()
            operation(index)
            note(clock() - start)
        return taken

    return run


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
