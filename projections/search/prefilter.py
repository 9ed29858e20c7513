"""Finds the lines in which a pattern may match, in the bytes of a log as they are.

Every line in which it does match is found, and as few others as can be. Where a run that the
pattern requires stands in a line, the pattern is tried on the string there; so most lines need
not be decoded to know.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from projections.search.look import Look
from projections.search.strings import Line, Verdict, is_escaped, line_at, tried_at

Matches: TypeAlias = Callable[[str], object]
"""Whether the pattern matches in a text."""


class Candidate(NamedTuple):
    """A line from `begin` to `end`, without its newline. `is_sure`: the pattern matches in it.

    Else it may. All of that goes for a line that is intact.
    """

    begin: int
    end: int
    is_sure: bool


class EveryLine:
    """For patterns that require nothing."""

    def lines(self, data: bytes, stop: int, _matches: Matches) -> Iterator[Candidate]:
        """See `Prefilter.lines`."""
        start = 0
        while start < stop:
            end = data.find(b"\n", start, stop)
            end = stop if end < 0 else end
            yield Candidate(start, end, False)
            start = end + 1


class Prefilter:
    """For patterns that require something. Keeps nothing between two calls."""

    def __init__(self, look: Look) -> None:
        """`look` finds where what is required stands, in any bytes."""
        self._look = look

    def lines(self, data: bytes, stop: int, matches: Matches) -> Iterator[Candidate]:
        """The lines of `data`, which begins with one, up to `stop`, where one ends.

        Times and hashes, which every line has, are passed over. Takes time in proportion to the
        length of `data`.
        """
        places = self._look(data, stop)
        line = Line(0, -1, 0, 0, -1)
        after = 0
        while (found := places(after)) is not None:
            place, is_escape = found
            if place > line.end:
                line = line_at(data, *_ends_at(data, place, line.end + 1, stop))
            verdict = Verdict.NO
            if place < line.low:
                after = line.low
            elif place >= line.high:
                after = line.end
            elif not is_escape:
                verdict, after = tried_at(data, place, line, matches)
            elif is_escaped(data, place):
                after = place + 2
            else:
                verdict = Verdict.MAYBE
            if verdict is not Verdict.NO:
                yield Candidate(line.begin, line.end, verdict is Verdict.YES)
                after = line.end


def _ends_at(data: bytes, place: int, after: int, stop: int) -> tuple[int, int]:
    """Where the line begins and ends that has a place."""
    begin = data.rfind(b"\n", after, place) + 1 or after
    end = data.find(b"\n", place, stop)
    return begin, stop if end < 0 else end
