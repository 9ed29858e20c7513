"""Turns that are open and ought not to be: their writer has ended, or they last very long."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from journal.events import Event
from projections.handoffs.audit import audit
from projections.handoffs.findings import AuditFinding
from tests.projections.handoff_steps import at, clears, hands, log, sets, takes, writes

OPEN = {"status": "open", "tool_calls": [{"id": "c", "name": "charge_card"}]}


def of_kind(kind: str, found: tuple[AuditFinding, ...]) -> list[AuditFinding]:
    return [finding for finding in found if finding.kind == kind]


def gone(*writers: str) -> Callable[[Event], bool | None]:
    """These have ended; of the others nothing is known."""
    return lambda event: True if event.writer in writers else None


def test_an_open_turn_whose_writer_has_ended_is_a_fault() -> None:
    events = log(
        replace(sets("codex", "t7", opened_at="2026-11-22T09:00:00Z", **OPEN), writer="box:42"),
        replace(sets("codex", "t7", **OPEN), writer="box:42"),
    )
    found = audit(events, gone("box:42"))
    assert found.ok is False
    (finding,) = found.findings
    assert (finding.kind, finding.severity) == ("writer_gone", "fault")
    assert (finding.events, finding.turns) == ((2,), (("codex", "t7"),))
    assert finding.text == (
        "t7 (codex) is open since 2026-11-22T09:00:00Z, but its writer box:42 has ended; "
        "charge_card (c) has no result"
    )
    assert audit(events).ok is True, "by itself, an audit knows of no process"
    assert audit(events, gone("box:43")).ok is True
    assert audit(events, lambda _: False).ok is True


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"n": 1},
        {"status": "waiting"},
        {"status": "requires_action"},
        {"status": "completed"},
        {"status": "interrupted"},
        {"status": "unheard of"},
        {"status": "open", "source": {"harness": "codex", "file": "x"}},
    ],
)
def test_a_turn_that_does_not_say_it_runs_here_is_left_alone(state: dict[str, Any]) -> None:
    """One that waits for a person may be gone on with by another process."""
    assert audit(log(sets("a", "t", **state)), lambda _: True).findings == ()


def test_only_the_last_writer_of_a_turn_in_the_view_counts() -> None:
    first = replace(sets("a", "t", **OPEN), writer="box:1")
    last = replace(sets("a", "t", **OPEN), writer="box:2")
    assert audit(log(first, last), gone("box:1")).ok is True
    assert audit(log(first, clears("a")), gone("box:1")).ok is True
    assert audit(log(last, first), gone("box:1")).ok is False


def test_calls_lost_because_the_writer_has_ended_are_beneath() -> None:
    events = log(sets("a", "t", **OPEN), hands("a", "b"), takes("b", 2))
    (finding,) = audit(events, lambda _: True).findings
    assert finding.kind == "writer_gone"
    assert [each.kind for each in finding.consequences] == ["lost_calls"]


def test_a_turn_that_ran_twice_because_its_writer_ended_is_one_incident() -> None:
    events = log(replace(sets("a", "t", **OPEN), writer="box:1"), sets("b", "t", status="done"))
    found = audit(events, gone("box:1"))
    assert [each.kind for each in found.findings] == ["double_run"]
    assert "writer_gone" in [each.kind for each in found.findings[0].consequences]


# Turns that last long

START = datetime(2026, 11, 22, 10, tzinfo=UTC)


def turn(turn_id: str, opened: float, closed: float | None = None, **state: Any) -> Event:
    """A turn that says when it was open, in seconds."""
    of = {"opened_at": (START + timedelta(seconds=opened)).isoformat()}
    if closed is not None:
        of["closed_at"] = (START + timedelta(seconds=closed)).isoformat()
    status = {"status": "open" if closed is None else "completed"}
    return sets("a", turn_id, **{**status, **of, **state})


def long_open(*steps: Event, now: float) -> list[tuple[str, str]]:
    found = audit(log(*steps), now=START + timedelta(seconds=now))
    assert found.ok is True, "it may go on for as long as it likes"
    return [turn for each in of_kind("long_open", found.findings) for turn in each.turns]


def test_a_turn_open_ten_times_longer_than_any_before_it_is_remarked() -> None:
    steps = [turn("1", 0, 4), turn("2", 5, 6), turn("3", 10)]
    assert long_open(*steps, now=50) == []
    assert long_open(*steps, now=51) == [("a", "3")]
    found = audit(log(*steps), now=START + timedelta(seconds=51))
    assert found.findings[0].text == (
        "3 (a) is open since 2026-11-22T10:00:10+00:00, more than ten times as long as any turn "
        "before it (4 s)"
    )
    assert audit(log(*steps)).findings == (), "without a clock nothing lasts"


def test_after_turns_of_milliseconds_one_of_seconds_is_nothing_to_wonder_about() -> None:
    steps = [turn("1", 0, 0.003), turn("2", 1)]
    assert long_open(*steps, now=11) == []
    assert long_open(*steps, now=11.1) == [("a", "2")]


def test_times_of_events_count_where_a_turn_does_not_give_its_own() -> None:
    """From its first event to the one that first shows it over."""
    steps = [
        sets("a", "1", status="open"),
        sets("a", "1", status="completed"),
        sets("a", "1", status="completed"),
        sets("a", "2", status="open"),
    ]
    assert at(1) == "2026-11-22T10:00:01.000000Z"
    assert long_open(*steps, now=14) == []
    assert long_open(*steps, now=14.5) == [("a", "2")]


@pytest.mark.parametrize(
    "steps",
    [
        [turn("1", 0)],
        [sets("a", "0", status="completed"), turn("1", 0)],
        [writes("a", "0"), turn("1", 0)],
        [turn("0", 0, 1), turn("1", 2, status="waiting")],
        [turn("0", 0, 1), turn("1", 2, status="unheard of")],
        [turn("0", 0, 1), turn("1", 2), clears()],
        [turn("0", 0), turn("1", 1)],
        [turn("0", 3, 1), turn("1", 1)],
        [turn("0", 0, 1), turn("1", 2, opened_at="yesterday")],
        [turn("0", 0, 1), turn("1", 2, opened_at="2026-11-22T10:00:02")],
        [turn("1", 2), turn("0", 0, 1)],
    ],
    ids=[
        *("none before", "one of no duration", "one that says nothing", "waits", "says nothing"),
        *("cleared", "another as long", "a clock set back", "no time", "no zone"),
        "only one after it",
    ],
)
def test_where_there_is_no_measure_nothing_is_said(steps: list[Event]) -> None:
    assert long_open(*steps, now=10_000) == []


def test_a_turn_whose_writer_has_ended_is_not_said_to_last_long_too() -> None:
    events = log(turn("1", 0, 4), turn("2", 10))
    found = audit(events, lambda _: True, START + timedelta(hours=1))
    assert [finding.kind for finding in found.findings] == ["writer_gone"]


DURATIONS = st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=6)


@given(DURATIONS)
def test_what_lasts_long_is_what_the_definition_says(turns: list[tuple[int, bool]]) -> None:
    """Each turn has lasted so long, and is open or not; they began in this order."""
    now = 1000
    steps = [
        turn(f"t{number}", now - lasted) if is_open else turn(f"t{number}", 0, lasted)
        for number, (lasted, is_open) in enumerate(turns)
    ]
    expected = []
    for number, (lasted, is_open) in enumerate(turns):
        longest = max((other for other, _ in turns[:number]), default=0)
        if is_open and longest and lasted > 10 * longest:
            expected.append(("a", f"t{number}"))
    assert long_open(*steps, now=now) == expected
