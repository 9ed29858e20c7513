"""Replay against a plain list of what was done: nothing missing, nothing else, in order."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal import ClosedError, HistoryError, NotFoundError
from journal.events import Clear, Event, Handoff, Set, Takeover, Unknown
from projections import DefaultSessionStore
from projections.replay import Step, concerns, paced, steps
from projections.times import stamp_of
from tests.projections.replay_model import (
    RUNTIMES,
    START,
    TURNS,
    Model,
    Shown,
    engines,
    fold,
    operations,
    runtimes,
    session,
    shown,
)


def steps_of(model: Model, *args: Any, **options: Any) -> list[Step]:
    """The steps of a replay; where nothing was done there is no session, which is an error."""
    if model.events:
        return list(model.store.replay("s", *args, **options))
    with pytest.raises(NotFoundError):
        model.store.replay("s", *args, **options)
    return []


def replayed(model: Model, *args: Any, **options: Any) -> list[Shown]:
    return [shown(step.event) for step in steps_of(model, *args, **options)]


@engines
@given(todo=operations, compactions=st.integers(0, 3))
def test_a_replay_is_what_was_done_before_and_after_any_compactions(
    in_memory: bool, todo: list[tuple[Any, ...]], compactions: int
) -> None:
    with session(in_memory, todo) as model:
        for _ in range(compactions + 1):
            found = steps_of(model)
            assert [shown(step.event) for step in found] == model.events
            for step, event in zip(found, model.events, strict=True):
                assert step.state == event.get("state")
                assert step.turn == event.get("turn_id")
            model.compact()


@engines
@given(todo=operations)
def test_the_state_at_every_seq_is_what_the_steps_up_to_it_fold_to(
    in_memory: bool, todo: list[tuple[Any, ...]]
) -> None:
    with session(in_memory, todo) as model:
        done = replayed(model)
        for seq in range(len(model.events) + 1):
            found = json.dumps(model.store.state_at("s", seq))
            assert found == json.dumps(fold(model.events[:seq])), "in the order of turns, too"
            assert found == json.dumps(fold(done[:seq]))
        if model.events:
            with pytest.raises(NotFoundError, match=f"no event {len(model.events) + 1} yet"):
                model.store.state_at("s", len(model.events) + 1)


@engines
@given(todo=operations)
def test_the_history_of_a_turn_is_every_version_of_it(
    in_memory: bool, todo: list[tuple[Any, ...]]
) -> None:
    with session(in_memory, todo) as model:
        for runtime in RUNTIMES if model.events else ():
            for turn in TURNS:
                found = model.store.history("s", runtime, turn)
                assert [(v.event.seq, v.state) for v in found] == model.versions(runtime, turn)


@engines
@given(todo=operations, data=st.data())
def test_a_part_of_a_replay_is_that_part_of_the_whole(
    in_memory: bool, todo: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    with session(in_memory, todo) as model:
        points = (
            st.none()
            | st.integers(0, 30)
            | st.integers(-20, 60).map(lambda seconds: START + timedelta(seconds=seconds))
        )
        since, until = data.draw(points), data.draw(points)
        runtime = data.draw(st.none() | runtimes)

        def belongs(event: Shown) -> bool:
            return (
                (since is None or place(event, since) >= 0)
                and (until is None or place(event, until) <= 0)
                and (runtime is None or is_about(event, runtime))
            )

        expected = [event for event in model.events if belongs(event)]
        assert replayed(model, runtime, since, until) == expected


def place(event: Shown, point: int | datetime) -> int:
    """Negative before a point, 0 at it, positive after it."""
    if isinstance(point, int):
        return int(event["seq"]) - point
    at = datetime.fromisoformat(event["ts"])
    return (at > point) - (at < point)


def is_about(event: Shown, runtime: str) -> bool:
    if event["op"] == "Handoff":
        return runtime in (event["source"], event["target"])
    return event["runtime_id"] == runtime or event["runtime_id"] is None


@engines
@given(todo=operations)
def test_as_of_a_moment_is_as_of_the_last_event_that_is_not_later(
    in_memory: bool, todo: list[tuple[Any, ...]]
) -> None:
    """By seq where the clock was set back: nothing that was done vanishes in between."""
    with session(in_memory, todo) as model:
        stamps = {datetime.fromisoformat(event["ts"]) for event in model.events} | {START}
        for stamp in sorted(stamps):
            for when in (stamp, stamp - timedelta(microseconds=1)):
                reached = [e["seq"] for e in model.events if e["ts"] <= stamp_of(when)]
                expected = fold(model.events[: max(reached, default=0)])
                assert json.dumps(model.store.state_at("s", when)) == json.dumps(expected)
                assert model.store.state_at("s", stamp_of(when)) == expected


@engines
@given(todo=operations, after=operations)
def test_where_history_is_dropped_the_past_begins_with_what_was_kept(
    in_memory: bool, todo: list[tuple[Any, ...]], after: list[tuple[Any, ...]]
) -> None:
    with session(in_memory, todo) as model:
        expected = fold(model.events)
        model.compact("drop")
        past = model.store.past("s")
        floor = past.floor if past is not None else 0
        assert floor in (0, len(model.events)), "all or nothing of it was replaced"
        for name, *arguments in after:
            if name != "compact":
                getattr(model, name)(*arguments)
        for seq in range(1, floor):
            with pytest.raises(HistoryError, match=f"as of event {seq} .* before event {floor}"):
                model.store.state_at("s", seq)
        for seq in range(max(floor, 1), len(model.events) + 1):
            found = model.store.state_at("s", seq)
            assert json.dumps(found) == json.dumps(fold(model.events[:seq]))
        assert model.store.state_at("s", 0) == {}
        found_events = replayed(model)
        assert [event for event in found_events if event["seq"] > floor] == model.events[floor:]
        kept = [event for event in found_events if event["seq"] <= floor]
        assert [event for event in model.events if event in kept] == kept
        assert not floor or fold(kept) == expected


def test_a_clock_that_was_set_back_hides_nothing(tmp_path: Path) -> None:
    with session(in_memory=False) as model:
        model.set(("r", "t", 1))
        model.pass_time(-3600)
        model.set(("r", "t", 2))
        model.pass_time(1800)
        assert model.store.state_at("s", START) == {"r": {"t": {"n": 2}}}
        assert model.store.state_at("s", model.now) == {"r": {"t": {"n": 2}}}
        assert model.store.state_at("s", START - timedelta(hours=2)) == {}
        assert [event["seq"] for event in replayed(model, until=model.now)] == [2]


class TestWhatIsAsked:
    def test_to_ask_for_a_session_that_does_not_exist_makes_none(
        self, store: DefaultSessionStore
    ) -> None:
        assert store.state_at("none", 7) == store.state_at("none", "now") == {}
        for ask in (lambda: store.replay("none"), lambda: store.history("none", "r", "t")):
            with pytest.raises(NotFoundError):
                ask()
        assert not Path(str(store.session_dir), "none.jsonl").exists()

    @pytest.mark.parametrize("options", [{"since": -1}, {"until": "soon"}, {"since": 1.5}])
    def test_bad_points_are_refused_at_once(
        self, store: DefaultSessionStore, options: dict[str, Any]
    ) -> None:
        with pytest.raises((ValueError, TypeError), match=r"since|soon"):
            store.replay("s", **options)
        with pytest.raises((ValueError, TypeError), match=r"at|soon"):
            store.state_at("s", *options.values())

    @pytest.mark.parametrize("speed", [0, -1.0, float("nan")])
    def test_a_speed_must_go_forward(self, store: DefaultSessionStore, speed: float) -> None:
        with pytest.raises(ValueError, match="speed is"):
            store.replay("s", speed=speed)

    @pytest.mark.parametrize("wait", [-0.1, float("nan")])
    def test_a_longest_wait_is_not_negative(self, store: DefaultSessionStore, wait: float) -> None:
        with pytest.raises(ValueError, match="max_wait is"):
            store.replay("s", speed=1.0, max_wait=wait)

    def test_speed_and_longest_wait_are_heeded(
        self, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[tuple[float, float | None]] = []

        def noted(found: Iterator[Step], speed: float, max_wait: float | None) -> Iterator[Step]:
            asked.append((speed, max_wait))
            return found

        monkeypatch.setattr("projections.replay.paced", noted)
        store.set_runtime_state("s", "r", "t", {})
        assert len(list(store.replay("s"))) == 1
        assert asked == [], "without a speed nothing waits"
        assert len(list(store.replay("s", speed=10.0, max_wait=0.5))) == 1
        assert asked == [(10.0, 0.5)]

    def test_after_close_nothing_is_read(self, store: DefaultSessionStore) -> None:
        store.close()
        for ask in (
            lambda: store.replay("s"),
            lambda: store.state_at("s", 0),
            lambda: store.state_at("s", "now"),
            lambda: store.history("s", "r", "t"),
        ):
            with pytest.raises(ClosedError):
                ask()

    def test_a_replay_reads_one_event_after_the_other(self, store: DefaultSessionStore) -> None:
        """What is appended while one replays is not needed to begin, and not in the way."""
        store.set_many("s", [("r", f"t{n}", {"n": n}) for n in range(5)])
        found = store.replay("s")
        first = next(found)
        store.set_runtime_state("s", "r", "later", {})
        store.compact("s", "drop")
        assert [first.turn, *(step.turn for step in found)][:5] == [f"t{n}" for n in range(5)]


def test_an_event_concerns_the_runtimes_that_it_names() -> None:
    raw = msgspec.Raw(b"{}")
    about: list[tuple[Event, set[str]]] = [
        (Set(runtime_id="a", turn_id="b", state=raw), {"a"}),
        (Clear(runtime_id="a"), {"a"}),
        (Clear(), {"a", "b", "c"}),
        (Handoff(source="a", target="b"), {"a", "b"}),
        (Takeover(runtime_id="b"), {"b"}),
        (Unknown(seq=1, op="note", prev="", hash="", line=b""), set()),
        (Unknown(seq=1, op="note", prev="", hash="", line=b"", runtime_id="c"), {"c"}),
    ]
    for event, expected in about:
        assert {runtime for runtime in "abc" if concerns(event, runtime)} == expected


def test_steps_stop_reading_after_the_last_one_wanted() -> None:
    def events() -> Iterator[Event]:
        for seq in (1, 2, 3):
            yield Clear(seq=seq, ts="")
        raise AssertionError("read on")

    assert [step.event.seq for step in steps(events(), until=2)] == [1, 2]


# Pace


class Stopwatch:
    """Time that passes only by sleeping, and by what a consumer takes."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.oversleep = 0.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0, "a wait of nothing is none"
        self.now += seconds + self.oversleep

    def clock(self) -> float:
        return self.now


def at(*seconds: float) -> list[Step]:
    """Steps recorded so many seconds after the start."""
    return [
        Step(Clear(seq=seq, ts=stamp_of(START + timedelta(seconds=after))), None, None)
        for seq, after in enumerate(seconds, 1)
    ]


def times_of(
    recorded: list[Step],
    speed: float = 1.0,
    max_wait: float | None = None,
    consumer: Callable[[int], float] = lambda _: 0.0,
    oversleep: float = 0.0,
) -> list[float]:
    """When each step came, in seconds after the first one."""
    watch = Stopwatch()
    watch.oversleep = oversleep
    found: list[float] = []
    for step in paced(recorded, speed, max_wait, watch.sleep, watch.clock):
        assert step is recorded[len(found)]
        found.append(watch.now - 1000.0)
        watch.now += consumer(len(found))
    assert len(found) == len(recorded)
    return found


gaps = st.lists(st.integers(-40, 80).map(lambda quarters: quarters / 4), max_size=20)


@given(gaps, st.sampled_from([0.25, 0.5, 1.0, 2.0, 8.0]), st.none() | st.sampled_from([0.0, 2.0]))
def test_steps_are_as_far_apart_as_they_were_recorded(
    between: list[float], speed: float, max_wait: float | None
) -> None:
    """A clock that was set back makes no wait; the longest wait caps each."""
    recorded, expected = [0.0], [0.0]
    for gap in between:
        wait = max(gap, 0.0) / speed
        recorded.append(recorded[-1] + gap)
        expected.append(expected[-1] + (wait if max_wait is None else min(wait, max_wait)))
    assert times_of(at(*recorded), speed, max_wait) == expected


def test_what_the_consumer_and_the_system_take_does_not_add_up() -> None:
    recorded = at(*range(1001))
    assert times_of(recorded, consumer=lambda _: 0.5) == list(range(1001))
    found = times_of(recorded, oversleep=0.25)
    assert found == [0, *(n + 0.25 for n in range(1, 1001))], "each late by one oversleep only"


def test_after_a_long_pause_the_rest_does_not_come_all_at_once() -> None:
    found = times_of(at(*range(10)), consumer=lambda count: 100.0 if count == 3 else 0.0)
    assert found[:4] == [0, 1, 2, 102]
    assert [later - earlier for earlier, later in pairwise(found[4:])] == [1.0] * 5


def test_timestamps_that_cannot_be_compared_make_no_wait() -> None:
    odd = ["2026-11-22T10:18:00Z", "yesterday", "2026-11-22T11:18:00", "2026-11-22T12:18:00Z", ""]
    recorded = [Step(Clear(seq=seq, ts=ts), None, None) for seq, ts in enumerate(odd, 1)]
    assert times_of(recorded) == [0.0] * 5


def test_without_steps_nothing_waits() -> None:
    assert times_of([]) == []
