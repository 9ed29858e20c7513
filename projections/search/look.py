"""Where in the bytes of a log stands what a pattern requires.

Runs of single bytes are looked for as they are. For others, all bytes are first replaced by what
they count as, so that one search finds `[A-Z]{4}-` as `AAAA-`.
"""

import re
from collections.abc import Callable, Sequence
from itertools import product
from typing import TypeAlias

from projections.search.elements import Bytes, Run
from projections.search.requirement import Passes, Requirement
from projections.search.sample import Sample

Place: TypeAlias = tuple[int, bool]
"""A place, and whether an escape is there that we never write; there, anything may match."""

Places: TypeAlias = Callable[[int], Place | None]
"""The first place from some place on, which is never before the one that was asked for last."""

Look: TypeAlias = Callable[[bytes, int], Places]
"""The places in some bytes, up to where they stop."""

# What passes take, in nanoseconds for each byte:
_PASS, _PER_LENGTH = 0.2, 1.5  # looking for bytes: the more they are, the more it can pass over
_ABSENT = 0.1  # looking whether any of some bytes is there at all
_LOWER, _TRANSLATE = 0.3, 0.6
_STOP = 300.0  # stopping at a place and going on

_MOST_WAYS = 4  # in which one run may stand in the replaced bytes

_ESCAPES = re.compile(rb"\\u(?!00[01])")
"""A character escaped that is no control character."""

_ASCII_ESCAPES = re.compile(rb"\\u00[2-7]")


class PlainLook:
    """With what comes with Python."""

    @staticmethod
    def passes(sample: Sample) -> Passes:
        """What it costs to look for runs, in logs such as this sample is of."""

        def cost(runs: Sequence[Run], often: float) -> float:
            each = (
                _PASS + _PER_LENGTH / len(run) if sample.may_hold(run) else _ABSENT for run in runs
            )
            return _cost_of_replacing(runs) + sum(each) + _STOP * often

        return cost

    def __init__(self, required: Requirement) -> None:
        self._escapes = _ASCII_ESCAPES if required.is_ascii else _ESCAPES
        self._replace, self.needles = _replacing(required.runs)

    def places(self, data: bytes, stop: int) -> Places:
        """See `Look`."""
        text = self._replace(data)
        finds = [_finder(text, needle, stop) for needle in self.needles if _may_hold(text, needle)]
        finds.append(_matcher(data, self._escapes, stop))
        found = [find(0) for find in finds]
        escape = len(finds) - 1

        def first(after: int) -> Place | None:
            best = stop
            for index, place in enumerate(found):
                if 0 <= place < after:
                    found[index] = place = finds[index](after)
                if 0 <= place < best:
                    best = place
            return (best, best == found[escape]) if best < stop else None

        return first


def _finder(text: bytes, needle: bytes, stop: int) -> Callable[[int], int]:
    return lambda start: text.find(needle, start, stop)


def _may_hold(text: bytes, needle: bytes) -> bool:
    """Whether it has all of its bytes: which takes far less time than to look for it."""
    return all(map(text.__contains__, needle))


def _matcher(data: bytes, wanted: re.Pattern[bytes], stop: int) -> Callable[[int], int]:
    def find(start: int) -> int:
        found = wanted.search(data, start, stop)
        return found.start() if found is not None else -1

    return find


def _replacing(runs: Sequence[Run]) -> tuple[Callable[[bytes], bytes], list[bytes]]:
    """What to replace in the bytes, and what to look for then."""
    choices = _choices(runs)
    if _are_single(choices):
        return bytes, [bytes(byte for (byte,) in run) for run in runs]
    if _are_cases(choices):
        lower = {choice: bytes(choice).lower()[:1] for choice in choices}
        return bytes.lower, [b"".join(lower[choice] for choice in run) for run in runs]
    table, needles = _counted_as(runs, choices)
    return lambda data: data.translate(table), needles


def _cost_of_replacing(runs: Sequence[Run]) -> float:
    choices = _choices(runs)
    if _are_single(choices):
        return 0.0
    return _LOWER if _are_cases(choices) else _TRANSLATE


def _choices(runs: Sequence[Run]) -> list[Bytes]:
    return list(dict.fromkeys(choice for run in runs for choice in run))


def _are_single(choices: Sequence[Bytes]) -> bool:
    return all(len(choice) == 1 for choice in choices)


def _are_cases(choices: Sequence[Bytes]) -> bool:
    """Whether all that is in any of them is one byte if case is ignored."""
    return all(len(set(bytes(choice).lower())) == 1 for choice in choices)


def _counted_as(
    runs: Sequence[Run], choices: Sequence[frozenset[int]]
) -> tuple[bytes, list[bytes]]:
    """What each byte counts as, and the runs in terms of that."""
    first: dict[tuple[bool, ...], int] = {}
    table = bytes(
        first.setdefault(tuple(byte in each for each in choices), byte) for byte in range(256)
    )
    found = []
    for run in runs:
        ways = [sorted({table[byte] for byte in choice}) for choice in run]
        count = 1
        for way in ways:
            count *= len(way)
        if count > _MOST_WAYS:
            merged = _merged(choices)
            wider = [tuple(merged[choice] for choice in run) for run in runs]
            return _counted_as(wider, list(dict.fromkeys(merged.values())))
        found += [bytes(way) for way in product(*ways)]
    return table, found


def _merged(choices: Sequence[frozenset[int]]) -> dict[frozenset[int], frozenset[int]]:
    """For each choice the one that it becomes if those that overlap are made into one."""
    groups: list[frozenset[int]] = []
    for choice in choices:
        together = choice.union(*(group for group in groups if group & choice))
        groups = [group for group in groups if not group & choice] + [together]
    return {
        choice: next((group for group in groups if choice <= group), choice) for choice in choices
    }
