"""Where a replay says that the session changed hands: by the rules of the audit."""

from itertools import groupby, pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from journal.events import Event, Handoff
from projections.cli.replay.owner_changes import OwnerChanges
from projections.cli.terminal.output import Segment
from projections.handoffs.audit import audit
from tests.projections.handoff_histories import HISTORIES
from tests.projections.handoff_steps import at, child_of, hands, sets, takes, writes


def text_of(mark: list[Segment]) -> str:
    return "".join(each if isinstance(each, str) else each[0] for each in mark)


def marks(events: list[Event], left_out: frozenset[int] = frozenset()) -> list[tuple[int, str]]:
    """Before which events there is a line, and which; `left_out` are seqs that are not shown."""
    changes = OwnerChanges()
    found = []
    for event in events:
        changes.fold(event)
        if event.seq not in left_out and (mark := changes.mark(event)) is not None:
            found.append((event.seq, text_of(mark)))
    return found


def names_in(mark: str) -> list[str]:
    return mark.strip("─ ").removesuffix(", unannounced").split(" → ")


def numbered(*steps: Event) -> list[Event]:
    return [replace(step, seq=seq, ts=at(seq)) for seq, step in enumerate(steps, 1)]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([writes("a", "t1"), writes("a", "t2")], []),
        ([writes("a", "t1"), hands("a", "b")], []),
        ([writes("a", "t1"), hands("a", "b"), takes("b", 2)], [(3, "── a → b ──")]),
        ([writes("a", "t1"), hands("a", "b"), writes("b", "t2")], [(3, "── a → b ──")]),
        ([writes("a", "t1"), writes("b", "t2")], [(2, "── a → b, unannounced ──")]),
        (
            [writes("a", "t1"), hands("a", "b"), takes("b", 2), writes("a", "t9")],
            [(3, "── a → b ──"), (4, "── b → a, unannounced ──")],
        ),
        ([writes("a", "t1"), sets("b", "t2", **child_of("a", "t1"))], []),
    ],
)
def test_a_line_stands_before_the_event_that_takes_the_session(
    steps: list[Event], expected: list[tuple[int, str]]
) -> None:
    assert marks(numbered(*steps)) == expected


@given(HISTORIES)
def test_the_owners_are_those_of_the_audit(events: list[Event]) -> None:
    handoffs = {event.seq for event in events if isinstance(event, Handoff)}
    # One that the history has lost is believed by the audit, which has all of it.
    assume(all(getattr(event, "handoff_seq", None) in {None, *handoffs} for event in events))
    owners = [runtime for runtime, _ in groupby(span.runtime_id for span in audit(events).spans)]
    names = [names_in(text) for _, text in marks(events)]
    assert names == [[before, after] for before, after in pairwise(owners)]


@given(HISTORIES, st.frozensets(st.integers(1, 40)))
def test_what_happened_in_events_that_are_not_shown_is_said_before_the_next(
    events: list[Event], left_out: frozenset[int]
) -> None:
    """Every line goes on where the one before has ended; all say what happened, once."""
    shown = [event.seq for event in events if event.seq not in left_out]
    until_then = [event for event in events if shown and event.seq <= shown[-1]]
    every = [names_in(text) for _, text in marks(until_then)]
    found = [names_in(text) for _, text in marks(events, left_out)]
    assert [pair for names in found for pair in pairwise(names)] == [*map(tuple, every)]
    assert {seq for seq, _ in marks(events, left_out)} <= set(shown)
