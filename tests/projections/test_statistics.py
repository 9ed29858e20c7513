"""What a session's turns took, against a count of what was planned for them."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, Struct
from msgspec.structs import replace

from journal.errors import NotFoundError
from journal.events import Clear, Event, Set
from projections import AsyncSessionStore, DefaultSessionStore
from projections.statistics.counting import count
from projections.statistics.figures import SessionStatistics, TimeSpread, ToolFigures, Usage
from tests.growth.counting import steps
from tests.projections.handoff_steps import clears, hands, log, sets, unknown
from tests.support import set_event

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
FATES = ["completed", "error", "denied", "cancelled", "interrupted", "open", "waiting"]
ENDS = ["open", "waiting", "completed", "error", "cancelled", "interrupted", "abandoned"]


class PlannedCall(Struct):
    tool: str
    fate: str
    seconds: int | None


class PlannedTurn(Struct):
    """`kept` is how many of its finished calls its last state still has room for."""

    runtime: str
    calls: list[PlannedCall]
    end: str
    seconds: int
    usage: dict[str, int]
    model: str | None
    kept: int

    def states(self) -> list[dict[str, Any]]:
        """One after each call, and one at the end."""
        found = [self._state("open", number, number) for number in range(len(self.calls))]
        return [*found, self._state("open", len(self.calls), 99), self._last()]

    def _last(self) -> dict[str, Any]:
        finished = [each for each in self.calls if each.fate not in ("open", "waiting")]
        dropped = max(len(finished) - self.kept, 0)
        return {
            **self._state(self.end, len(self.calls), self.kept),
            "closed_at": at(self.seconds),
            "usage": self.usage,
            "omitted": {"tool_calls": dropped},
            **({"model": self.model} if self.model else {}),
        }

    def _state(self, status: str, begun: int, kept: int) -> dict[str, Any]:
        """With the calls that have begun, but for the oldest that are finished and do not fit."""
        named = [call_object(n, each) for n, each in enumerate(self.calls[:begun])]
        finished = [each for each in named if each["status"] not in ("open", "waiting")]
        dropped = [each["id"] for each in finished[: max(len(finished) - kept, 0)]]
        left = [each for each in named if each["id"] not in dropped]
        return {"turn": 1, "status": status, "opened_at": at(0), "tool_calls": left}


def at(seconds: int) -> str:
    return (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def call_object(number: int, call: PlannedCall) -> dict[str, Any]:
    found = {"id": f"call-{number}", "name": call.tool, "status": call.fate}
    if call.seconds is not None:
        found |= {"started_at": at(0), "ended_at": at(call.seconds)}
    return found


CALLS = st.builds(
    PlannedCall, st.sampled_from("xyz"), st.sampled_from(FATES), st.none() | st.integers(0, 99)
)
USAGES = st.dictionaries(
    st.sampled_from(["input_tokens", "output_tokens", "cache_read_tokens", "cost_usd"]),
    st.integers(0, 1000),
)
TURNS = st.builds(
    PlannedTurn,
    st.sampled_from("ab"),
    st.lists(CALLS, max_size=5),
    st.sampled_from(ENDS),
    st.integers(0, 99),
    USAGES,
    st.sampled_from(["m", "n", None]),
    st.integers(0, 5),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[PlannedTurn], list[Event]]:
    """Planned turns, and the events of a session in which they run side by side.

    At the end everything may be cleared, and turns of the same ids run again.
    """
    planned: list[PlannedTurn] = []
    events: list[Event] = []
    for _ in range(draw(st.integers(1, 2))):
        turns = draw(st.lists(TURNS, max_size=4))
        running = [[(turn, n, state) for state in turn.states()] for n, turn in enumerate(turns)]
        while running:
            each = draw(st.sampled_from(running))
            turn, number, state = each.pop(0)
            events.append(set_event(f"t-{number}", state, turn.runtime))
            running = [left for left in running if left]
        planned += turns
        lasts: list[Event] = [clears(), hands("a", "b"), unknown()]
        last = draw(st.sampled_from(lasts))
        events.append(last)
        if not isinstance(last, Clear):
            break
    return planned, log(*events)


def spread(durations: list[int | None]) -> tuple[int, float | None, float | None]:
    """How many are known, their median and the longest."""
    known = sorted(each for each in durations if each is not None)
    if not known:
        return 0, None, None
    low, high = known[(len(known) - 1) // 2], known[len(known) // 2]
    return len(known), (low + high) / 2, known[-1]


def seen(times: TimeSpread) -> tuple[int, float | None, float | None]:
    return times.known, times.median, times.longest


@given(histories())
def test_the_figures_are_those_of_the_plan(
    history: tuple[list[PlannedTurn], list[Event]],
) -> None:
    planned, events = history
    found = count(events)
    assert found.events == len(events)
    in_order = [event.runtime_id for event in events if isinstance(event, Set)]
    assert [each.runtime_id for each in found.runtimes] == list(dict.fromkeys(in_order))
    for figures in (*found.runtimes, found.total):
        turns = [each for each in planned if figures.runtime_id in (None, each.runtime)]
        assert figures.turns == len(turns)
        assert figures.statuses == Counter(turn.end for turn in turns)
        assert (figures.unrecognised, figures.left_out) == (0, 0)
        assert figures.calls == sum(len(turn.calls) for turn in turns)
        amounts = Counter[str]()
        for turn in turns:
            amounts.update(turn.usage)
        assert figures.usage == Usage(
            input_tokens=amounts["input_tokens"],
            output_tokens=amounts["output_tokens"],
            cached_tokens=amounts["cache_read_tokens"],
            cost_usd=amounts["cost_usd"],
        )
        over = [turn.seconds for turn in turns if turn.end not in ("open", "waiting")]
        assert seen(figures.times) == spread(list(over))
    check_tools(found, [call for turn in planned for call in turn.calls])
    assert found.models == Counter(turn.model for turn in planned if turn.model)


def check_tools(found: SessionStatistics, calls: list[PlannedCall]) -> None:
    assert {each.name for each in found.tools} == {call.tool for call in calls}
    for figures in (*found.tools, found.all_tools):
        own = [call for call in calls if figures.name in (None, call.tool)]
        assert figures.calls == len(own)
        assert figures.statuses == Counter(call.fate for call in own)
        assert seen(figures.times) == spread([call.seconds for call in own])


# Cases that the plans do not have


def tools_of(*events: Event) -> dict[str | None, ToolFigures]:
    return {each.name: each for each in count(log(*events)).tools}


def test_turns_of_any_shape_are_counted_and_those_not_understood_are_said() -> None:
    found = count(
        log(
            sets("a", "1", status="success"),
            sets("a", "2", n=1),
            sets("a", "3"),
            sets("b", "4", messages=[{"role": "user", "content": "Hello"}]),
            replace(sets("b", "5"), state=Raw(b'{"cut')),
        )
    )
    assert (found.total.turns, found.total.unrecognised) == (5, 3)
    assert found.total.statuses == {"completed": 1}
    own = [(each.runtime_id, each.unrecognised) for each in found.runtimes]
    assert own == [("a", 2), ("b", 1)]
    assert found.total.times == TimeSpread()


def test_a_result_in_a_later_turn_ends_the_call() -> None:
    asked = {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "search"}}]}
    answer = {"role": "tool", "tool_call_id": "c", "content": "found"}
    assert tools_of(sets("a", "1", messages=[asked]))["search"].statuses == {"open": 1}
    both = tools_of(sets("a", "1", messages=[asked]), sets("a", "2", messages=[answer]))
    assert both["search"].statuses == {"completed": 1}


def test_a_call_of_which_nothing_tells_is_in_no_status() -> None:
    (figures,) = tools_of(sets("a", "1", status="error", tool_calls=["c-1"])).values()
    assert (figures.name, figures.calls, figures.statuses) == (None, 1, {})


def test_calls_that_no_state_names_are_counted_as_left_out() -> None:
    one = {"id": "c-9", "name": "search", "status": "completed"}
    omitted = {"tool_calls": 8, "open_calls": 1}
    found = count(log(set_event("1", {"turn": 1, "tool_calls": [one], "omitted": omitted})))
    assert (found.total.calls, found.total.left_out) == (1, 9)


def test_a_call_that_was_open_when_its_turn_was_cleared_stays_open() -> None:
    call = {"id": "c", "name": "search", "status": "open"}
    found = tools_of(sets("a", "1", status="open", tool_calls=[call]), clears("a"))
    assert found["search"].statuses == {"open": 1}


def test_a_session_without_events_has_no_times() -> None:
    found = count([])
    assert (found.events, found.first_at, found.last_at, found.seconds) == (0, None, None, None)
    assert (found.total.turns, found.runtimes, found.tools) == (0, (), ())


def test_first_and_last_are_by_seq_and_a_clock_that_went_back_makes_nothing_negative() -> None:
    events = log(sets("a", "1"), sets("a", "2"))
    later = [replace(events[0], ts=events[1].ts), replace(events[1], ts=events[0].ts)]
    found = count(later)
    assert (found.first_at, found.last_at, found.seconds) == (events[1].ts, events[0].ts, 0.0)


# The store


def test_a_store_counts_what_was_archived_and_cleared_too(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for n in range(5):
            store.set_runtime_state("s", "a", f"t-{n}", {"status": "completed"})
        store.clear_runtime_state("s")
        store.compact("s", "archive")
        store.set_runtime_state("s", "b", "t-9", {"status": "error"})
        found = store.statistics("s")
        with pytest.raises(NotFoundError):
            store.statistics("none")
    assert found.total.statuses == {"completed": 5, "error": 1}
    assert repr(found) == "SessionStatistics(7 events, 6 turns, 0 calls)"


def test_an_event_loop_counts_the_same(tmp_path: Path) -> None:
    async def counted() -> SessionStatistics:
        async with AsyncSessionStore(DefaultSessionStore(tmp_path, durability="os")) as store:
            await store.set_runtime_state("s", "a", "t", {"status": "completed"})
            return await store.statistics("s")

    found = asyncio.run(counted())
    assert found.total.statuses == {"completed": 1}


def test_counting_takes_time_in_proportion_to_the_events() -> None:
    def cost(turns: int) -> int:
        call = {"id": "c", "name": "search", "status": "completed"}
        states = [
            set_event(f"t-{n}", {"turn": 1, "status": status, "tool_calls": [call]})
            for n in range(turns)
            for status in ("open", "completed")
        ]
        events = log(*states)
        return steps(lambda: count(events))

    assert cost(80) <= 2.1 * cost(40)
