"""The audit of handoffs costs twice as much for twice the session, and so does what it says."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import msgspec
import pytest

from journal.events import Event
from projections.cli.lanes import draw
from projections.handoffs.audit import audit
from projections.handoffs.findings import HandoffAudit
from projections.handoffs.owner import LatestOwner
from projections.view import View
from tests.growth.counting import steps
from tests.projections.handoff_steps import child_of, clears, hands, log, sets, takes, writes

N = 60
LINEAR = 2.25
"""What twice as much may cost: n log n at these sizes, and nothing with a square in it."""

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def called_one_by_one(n: int) -> Iterator[Event]:
    """A parent whose call is open hands over for each child, and gets the session back."""
    yield sets("main", "top", status="open", tool_calls=[{"id": "c", "status": "open"}])
    for number in range(n):
        child = f"w{number % 3}"
        yield hands("main", child)
        yield takes(child, 2 + 6 * number)
        yield sets(child, f"t{number}", status="completed", tool_calls=[f"c{number}"])
        yield hands(child, "main")
        yield takes("main", 5 + 6 * number)
        yield sets("main", "top", status="open", tool_calls=[{"id": "c", "status": "open"}])


def open_calls_at_every_change(n: int) -> Iterator[Event]:
    for number in range(n):
        yield writes("ab"[number % 2], f"t{number}", f"c{number}", f"d{number}")
        yield takes("ba"[number % 2])


def takeovers_that_have_seen_little(n: int) -> Iterator[Event]:
    yield from (writes("main", f"t{number}", f"c{number}") for number in range(n))
    yield from (takes("ab"[number % 2], seen=number) for number in range(n))


def handoffs_that_nobody_answers(n: int) -> Iterator[Event]:
    yield writes("main", "t")
    yield from (hands("main", "other") for _ in range(n))
    yield takes("other")


def handoffs_to_itself(n: int) -> Iterator[Event]:
    """Changes with one target beside a turn of its own that is not understood."""
    for number in range(n):
        yield sets("main", f"t{number}", blob={"n": number})
        yield hands("main", "main")
        yield takes("main", 2 + 3 * number)


def turns_that_are_not_understood(n: int) -> Iterator[Event]:
    for number in range(n):
        yield sets("ab"[number % 2], f"t{number}", blob={"n": number})
        yield takes("ba"[number % 2])


def one_id_for_all_calls(n: int) -> Iterator[Event]:
    """And results that may be any one's."""
    yield from (writes("main", f"t{number}", "call_0") for number in range(n))
    yield takes("other")
    yield from (writes("other", f"u{number}", done=["call_0"]) for number in range(n))


def a_turn_with_many_calls(n: int) -> Iterator[Event]:
    """Each is named once, open, and the end of the turn ends all."""
    yield from (writes("main", "t", f"c{number}") for number in range(n))
    yield takes("other")
    yield sets("main", "t", status="completed")


def children_side_by_side(n: int) -> Iterator[Event]:
    yield sets("main", "top", status="open")
    for status in ("open", "completed"):
        for number in range(n):
            yield sets(f"w{number % 5}", f"t{number}", status=status, **child_of("main", "top"))


def a_quarrel(n: int) -> Iterator[Event]:
    yield from (writes("ab"[number % 2], "t") for number in range(n))


def quarrels_about_many_turns(n: int) -> Iterator[Event]:
    yield from (writes("ab"[number % 2], f"t{number // 2}") for number in range(n))


def late_writes(n: int) -> Iterator[Event]:
    yield from (writes("main", f"t{number}") for number in range(n))
    yield hands("main", "other")
    yield takes("other", n + 1)
    yield from (writes("main", f"t{number}") for number in range(n))


def turns_cleared_and_begun_anew(n: int) -> Iterator[Event]:
    for number in range(n):
        yield sets("ab"[number % 2], "t", **child_of("b", "t"), tool_calls=["c"])
        yield clears("ab"[number % 2])
        yield takes("ba"[number % 2])


def open_turns(n: int) -> Iterator[Event]:
    yield from (sets("main", f"t{number}", status="open") for number in range(n))


SESSIONS = [
    *(called_one_by_one, open_calls_at_every_change, takeovers_that_have_seen_little),
    *(handoffs_that_nobody_answers, handoffs_to_itself, turns_that_are_not_understood),
    *(one_id_for_all_calls, a_turn_with_many_calls, children_side_by_side),
    *(a_quarrel, quarrels_about_many_turns, late_writes),
    *(turns_cleared_and_begun_anew, open_turns),
]
EACH = pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.__name__)


def events_of(session: Callable[[int], Iterator[Event]], n: int) -> list[Event]:
    return log(*session(n))


def audited(events: list[Event]) -> HandoffAudit:
    return audit(events, lambda _: True, NOW)


@EACH
def test_twice_the_session_is_twice_the_steps(session: Callable[[int], Iterator[Event]]) -> None:
    small, large = events_of(session, N), events_of(session, 2 * N)
    assert steps(lambda: audited(large)) <= LINEAR * steps(lambda: audited(small))


@EACH
def test_twice_the_session_is_twice_the_answer(session: Callable[[int], Iterator[Event]]) -> None:
    small, large = (len(msgspec.json.encode(audited(events_of(session, n)))) for n in (N, 2 * N))
    assert large <= LINEAR * small


@EACH
def test_the_owner_that_a_store_keeps_costs_as_little(
    session: Callable[[int], Iterator[Event]],
) -> None:
    def fold(events: list[Event]) -> None:
        owner, view = LatestOwner(), View()
        for event in events:
            owner.fold(event, view.turns)
            view.fold(event)

    small, large = events_of(session, N), events_of(session, 2 * N)
    assert steps(lambda: fold(large)) <= LINEAR * steps(lambda: fold(small))


def test_two_thousand_handoffs_are_a_small_answer() -> None:
    """At most a kilobyte for each."""
    events = events_of(called_one_by_one, 1000)
    found = audited(events)
    assert len(found.changes) == 2000
    assert len(msgspec.json.encode(found)) < 2000 * 1024


@pytest.mark.parametrize("session", [called_one_by_one, open_calls_at_every_change])
def test_the_drawing_of_twice_the_session_takes_twice_the_steps(
    session: Callable[[int], Iterator[Event]],
) -> None:
    def drawn(events: list[Event]) -> Callable[[], object]:
        found = audited(events)
        return lambda: draw(found, events, 80)

    small, large = (drawn(events_of(session, n)) for n in (2 * N, 4 * N))
    assert steps(large) <= LINEAR * steps(small)
