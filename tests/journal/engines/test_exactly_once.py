"""An engine whose answers get lost: each append is in the log once, or not, as it said.

And the proof that this suite is one: an engine that takes an answer for more than it says is
found out.
"""

from collections.abc import Callable
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journal.errors import AppendError, SyncError
from tests.faults.sizes import examples
from tests.journal.engines.cas.exactly_once import Step, check_exactly_once
from tests.journal.engines.cas.narrow import (
    Conflict,
    Fault,
    Landed,
    Message,
    NoAnswerError,
)
from tests.journal.engines.cas.stream import Send, Stream

deeds = st.sampled_from(
    ["append", "append", "append", "answer", "refresh", "refresh", "follow", "archive", "drop"]
)
steps = st.lists(st.tuples(deeds, st.integers(0, 1)), min_size=4, max_size=10)
troubles = st.lists(
    st.sampled_from([Fault.NONE] * len(Fault) + list(Fault)), min_size=10, max_size=40
)


class Hasty(Stream):
    """Gives up soon, so that errors are met too."""

    patience = 4


class LooksForIt(Hasty):
    """Takes what it does not find, just after an answer was lost, for not written."""

    def _land(self, expected: int, send: Send) -> int | None:
        def send_and_look(ident: str) -> Landed | Conflict:
            try:
                return send(ident)
            except NoAnswerError:
                newest = self.newest()
                if newest is not None and newest.ident == ident:
                    return Landed(newest.place)
                return Conflict(-1)

        return _deciding_on(Conflict(-1), super()._land, expected, send_and_look)


class TrustsVagueConflicts(Hasty):
    """Takes a conflict without a place for a lost race, though it may be with itself."""

    def _land(self, expected: int, send: Send) -> int | None:
        return _deciding_on(Conflict(None), super()._land, expected, send)


class FoldsStaleReads(Hasty):
    """Takes what a replica has for all there is."""

    def _is_all(self, found: list[Message], newest: Message, after: int) -> bool:
        return bool(found) or super()._is_all(found, newest, after)


class DrawsNewIdents(Hasty):
    """Does not know its own message again."""

    def _land(self, expected: int, send: Send) -> int | None:
        return super()._land(expected, lambda ident: send(uuid4().hex))


class CallsTheUnknownRefused(Hasty):
    """Says that nothing was written where it does not know."""

    def _unknown(self) -> SyncError:
        return AppendError(None, "nothing was written")  # type: ignore[return-value]


class CallsTheUnknownWritten(Hasty):
    """Gives up, and says that it was written."""

    def _land(self, expected: int, send: Send) -> int | None:
        try:
            return super()._land(expected, send)
        except SyncError:
            return expected + 1


class _Decided(Exception):  # noqa: N818 - no error
    """What an answer was taken to say."""


def _deciding_on(
    answer: Conflict, land: Callable[[int, Send], int | None], expected: int, send: Send
) -> int | None:
    """`land`, but `answer` means that somebody else was quicker."""

    def decide(ident: str) -> Landed | Conflict:
        found = send(ident)
        if found == answer:
            raise _Decided
        return found

    try:
        return land(expected, decide)
    except _Decided:
        return None


@settings(max_examples=examples(2), suppress_health_check=list(HealthCheck))
@given(steps=steps, faults=troubles)
@pytest.mark.parametrize("stream_of", [Stream, Hasty])
def test_each_append_is_in_the_log_as_often_as_it_said(
    stream_of: type[Stream], steps: list[Step], faults: list[Fault]
) -> None:
    check_exactly_once(stream_of, steps, faults)


TWO_APPENDS: list[Step] = [("append", 0), ("append", 0)]
FIRST = [Fault.NONE] * 2  # the calls of an append that begins a log: where is its end? put
NEXT = [Fault.NONE] * 3  # of one that goes on: where is its end? what is there? put

MUTATIONS: dict[type[Stream], tuple[list[Step], list[Fault]]] = {
    LooksForIt: (TWO_APPENDS, [*FIRST, *NEXT[1:], Fault.LATE]),
    TrustsVagueConflicts: (TWO_APPENDS, [*FIRST, *NEXT[1:], Fault.LOST, Fault.VAGUE]),
    FoldsStaleReads: ([*TWO_APPENDS, ("refresh", 1)], [*FIRST, *NEXT, Fault.NONE, Fault.STALE]),
    DrawsNewIdents: (TWO_APPENDS, [*FIRST, *NEXT[1:], Fault.LOST]),
    CallsTheUnknownRefused: (TWO_APPENDS, [*FIRST, *NEXT[1:], *[Fault.LOST] * Hasty.patience]),
    CallsTheUnknownWritten: (TWO_APPENDS, [*FIRST, *NEXT[1:], *[Fault.NEVER] * Hasty.patience]),
}
"""Wrong decisions, each with what happens to two clients that shows it."""


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_an_engine_that_takes_an_answer_for_more_than_it_says_is_found_out(
    mutation: type[Stream],
) -> None:
    steps, faults = MUTATIONS[mutation]
    check_exactly_once(Hasty, steps, faults)
    with pytest.raises(AssertionError):
        check_exactly_once(mutation, steps, faults)
