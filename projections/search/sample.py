"""How often bytes that a pattern may require stand in the logs: counted in a bit of them.

What no log was looked at for, and what the bit of them is too short to tell, is guessed.
"""

import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from journal.engines.files.storage import Storage
from projections.search.elements import Bytes, Run

_BITS, _BIT = 8, 1 << 13  # how many are read, and the bytes of one
_TEXT_REPEATS = 0.5  # of the bits that a byte would say if it did not depend on its neighbours
_WORD = 1e-3  # how often a common word may stand somewhere; of longer ones, less
_COMMON = frozenset(b" etaoinsrhld")
_SELDOM = frozenset(b"QXZJK@#%&$~^`|;!?<>*+=()'")
_ASCII = frozenset(range(0x80))


class Sample:
    """Some bytes of the logs that are searched; of none at all, all is guessed."""

    def __init__(self, data: bytes = b"") -> None:
        self._data = data
        self._bytes = frozenset(data) or _ASCII

    def often(self, run: Run) -> float:
        """In what share of all places it stands. O(length of the sample)."""
        guess = _guess(run)
        if not self._data:
            return guess
        count = self._count(run)
        return count / len(self._data) if count else min(guess, 1 / len(self._data))

    def may_hold(self, run: Run) -> bool:
        """Whether each place of the run may have a byte that the sample has."""
        return not any(self._bytes.isdisjoint(choice) for choice in run)

    def _count(self, run: Run) -> int:
        if not self.may_hold(run):
            return 0
        if all(len(choice) == 1 for choice in run):
            return self._data.count(bytes(byte for (byte,) in run))
        return len(re.findall(expression_of(run), self._data, re.DOTALL))


def sample_of(storage: Storage, logs: Sequence[tuple[str, int]]) -> Sample:
    """Some bits of logs, whose paths and sizes these are; without what cannot be read."""
    bits = []
    for path, place in _places(logs):
        with suppress(OSError):
            fd = storage.open(path, os.O_RDONLY)
            try:
                bits.append(storage.read(fd, _BIT, place))
            finally:
                storage.close(fd)
    return Sample(b"".join(bits))


def _places(logs: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """Where to look, as evenly as if all logs were one."""
    step = max(sum(size for _, size in logs) // _BITS, 1)
    ahead = step // 2
    for path, size in logs:
        for place in range(ahead, size, step):
            yield path, place
            ahead += step
        ahead -= size


def expression_of(run: Run) -> bytes:
    """The run as a regular expression."""
    return b"".join(b"[%b]" % b"".join(b"\\x%02x" % byte for byte in sorted(each)) for each in run)


def _guess(run: Sequence[Bytes]) -> float:
    by_bytes = 2.0 ** -(_TEXT_REPEATS * sum(map(_bits, run)))
    return float(max(by_bytes, _WORD * 2.0 ** -(len(run) / 2)))


def _bits(choice: Bytes) -> float:
    """How seldom a byte is one of these, roughly."""
    share = sum(map(_share, choice))
    return -math.log2(min(share, 1.0)) if share else math.inf


def _share(byte: int) -> float:
    if byte in _COMMON:
        return 0.05
    return 0.001 if byte in _SELDOM or byte >= 0x80 else 0.015
