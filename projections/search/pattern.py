"""A pattern, as `re` has it, and where it matches in an event."""

import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from journal.codec import decode_line
from journal.events import Event, Open, Sealed
from projections.search.fast import FastLook
from projections.search.look import PlainLook
from projections.search.prefilter import Candidate, EveryLine, Prefilter
from projections.search.requirement import Costs, Passes, Requirement, requirement_of
from projections.search.sample import Sample
from projections.search.texts import texts_of


class Match(NamedTuple):
    """A text of an event in which the pattern matches, first from `start` to `end`."""

    place: str
    text: str
    start: int
    end: int


class PatternError(ValueError):
    """The pattern is not a regular expression; the message says where it is wrong."""


class Pattern:
    """A pattern to search for. If it is all lower case, case is ignored."""

    def __init__(self, text: str, *, fixed: bool = False, ignore_case: bool = False) -> None:
        """With `fixed` it is a text to be found as it is. Raises `PatternError`."""
        self.text = text
        flags = re.IGNORECASE if ignore_case or text == text.lower() else 0
        expression = re.escape(text) if fixed else text
        self._expression, self._flags = expression, flags
        try:
            with _without_warnings():
                self._search = re.compile(expression, flags).search
                self._prefilter: Prefilter | EveryLine = self._without_extra(Sample())
        except (re.error, RecursionError, OverflowError) as error:
            why = error if str(error) else "it is nested too deep"
            raise PatternError(f"{text!r} is not a regular expression: {why}") from None

    def tune(self, sample: Sample) -> None:
        """Look for what is quickly found in logs such as this is a sample of.

        With the extra `fast`, if it is installed: worth its start from some megabytes on.
        """
        with _without_warnings():
            self._prefilter = self._with_extra(sample) or self._without_extra(sample)

    def _without_extra(self, sample: Sample) -> Prefilter | EveryLine:
        required = self._required(PlainLook.passes(sample), sample)[0]
        return EveryLine() if required is None else Prefilter(PlainLook(required).places)

    def _with_extra(self, sample: Sample) -> Prefilter | None:
        """None where it is not installed, or would take longer."""
        required, cost = self._required(FastLook.passes, sample)
        if required is not None and cost < self._required(PlainLook.passes(sample), sample)[1]:
            with suppress(ImportError):
                return Prefilter(FastLook(required).places)
        return None

    def _required(self, passes: Passes, sample: Sample) -> tuple[Requirement | None, float]:
        """What to look for, and what that costs."""
        costs = Costs(passes, sample)
        required = requirement_of(self._expression, self._flags, costs)
        return required, math.inf if required is None else costs.of(required)

    def candidates(self, data: bytes, stop: int) -> Iterator[Candidate]:
        """The lines of `data`, which begins with one, up to `stop`, in which it may match."""
        return self._prefilter.lines(data, stop, self._search)

    def find(self, text: str) -> re.Match[str] | None:
        """Where it matches first in a text."""
        return self._search(text)

    def matches(self, event: Event) -> bool:
        """Whether it matches in any text of the event."""
        search = self._search
        return any(search(text) is not None for _, text in texts_of(event))

    def all_in(self, event: Event) -> list[Match]:
        """The texts of the event in which it matches."""
        found = []
        for place, text in texts_of(event):
            match = self._search(text)
            if match is not None:
                found.append(Match(place, text, *match.span()))
        return found


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Of what other versions of Python may understand otherwise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def event_in(line: bytes) -> Event | None:
    """The event in an intact line; None for control lines and for what is not intact."""
    record = decode_line(line)
    return None if isinstance(record, Open | Sealed) else record
