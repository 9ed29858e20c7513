"""The same search with `hyperscan`, the extra `fast`: one pass for all that is looked for."""

from collections.abc import Sequence
from typing import Any

from projections.search.elements import Run
from projections.search.look import Place, Places
from projections.search.requirement import Requirement
from projections.search.sample import expression_of

_ASCII_ESCAPES = ((rb"\\u00[2-7]", 5),)
_DIGITS = rb"1-9a-fA-F"
_ESCAPES = (
    (rb"\\u[%b]" % _DIGITS, 3),
    (rb"\\u0[%b]" % _DIGITS, 4),
    (rb"\\u00[2-9a-fA-F]", 5),
)
"""Escapes that we never write, as in `look`, and the length of each.

What may stand there is named: that takes half the time of naming what may not.
"""


# In nanoseconds for each byte:
_PASS = 0.02  # one more run
_STOP = 500.0  # one that is found, whether it is asked for or not: so often for each byte


class FastLook:
    """For one requirement; keeps nothing of what it is given."""

    @staticmethod
    def passes(runs: Sequence[Run], often: float) -> float:
        """What it costs to look for runs."""
        return _PASS * len(runs) + _STOP * often

    def __init__(self, required: Requirement) -> None:
        """Raises ImportError where the extra is not installed."""
        import hyperscan

        escapes = _ASCII_ESCAPES if required.is_ascii else _ESCAPES
        self._lengths = [len(run) for run in required.runs] + [size for _, size in escapes]
        self._runs = len(required.runs)
        self._database = hyperscan.Database()
        expressions = [*map(expression_of, required.runs), *(each for each, _ in escapes)]
        self._database.compile(
            expressions=expressions,
            ids=list(range(len(expressions))),
            elements=len(expressions),
            flags=[hyperscan.HS_FLAG_DOTALL] * len(expressions),
        )

    def places(self, data: bytes, stop: int) -> Places:
        """See `look.Look`."""
        found: list[Place] = []
        lengths, runs = self._lengths, self._runs

        def note(number: int, _start: int, end: int, *_: Any) -> None:
            found.append((end - lengths[number], number >= runs))

        scanned: Any = memoryview(data)[:stop]  # no copy; its types know bytes only
        self._database.scan(scanned, match_event_handler=note)
        found.sort()
        each = iter(found)
        current = next(each, None)

        def first(after: int) -> Place | None:
            nonlocal current
            while current is not None and current[0] < after:
                current = next(each, None)
            return current

        return first
