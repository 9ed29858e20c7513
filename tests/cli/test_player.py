"""The tape that a replay plays: its pauses, its speed, and the way back."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from projections.cli.replay import player as module
from projections.cli.replay.player import Player, Tape
from projections.replay import Step, paced
from tests.support import set_event


class Item(NamedTuple):
    number: int
    ts: str


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def items(seconds: list[int]) -> list[Item]:
    """One at each second of a day."""
    return [Item(n, _stamp(each)) for n, each in enumerate(seconds)]


def _stamp(second: int) -> str:
    return f"2026-11-22T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000000Z"


seconds = st.lists(st.integers(0, 40_000), max_size=12)
moves = st.lists(st.sampled_from("fffbp"), max_size=60)


@given(st.integers(0, 25), moves, st.integers(2, 9))
def test_a_tape_goes_forward_and_back_as_far_as_it_keeps(
    count: int, todo: list[str], kept: int
) -> None:
    every = items([0] * count)
    read: list[int] = []

    def source() -> Iterator[Item]:
        for item in every:
            read.append(item.number)
            yield item

    place = furthest = 0  # how many of all lie before or at our place, now and at most
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MOST_KEPT", kept)
        tape = Tape(source())
        for move in todo:
            if move == "f":
                assert tape.forward() == (every[place] if place < count else None)
                place = min(count, place + 1)
            elif move == "p":
                assert tape.following == (every[place] if place < count else None)
            else:
                oldest = max(0, len(read) - kept)  # the first that is kept
                found = tape.back()
                assert found == (every[place - 2] if place - 2 >= oldest else None)
                place -= found is not None
                assert tape.is_cut is (oldest > 0)
            assert tape.current == (every[place - 1] if place else None)
            furthest = max(furthest, place)
            assert len(read) <= furthest + 1, "it reads no further than asked"


@given(
    seconds,
    st.sampled_from([0.5, 1.0, 7.0, 1000.0]),
    st.none() | st.sampled_from([0.0, 2.0, 100.0]),
)
def test_untouched_it_plays_when_a_replay_in_a_pipe_does(
    at: list[int], speed: float, most: float | None
) -> None:
    """Also where the recorded clock was set back."""
    clock, other = Clock(), Clock()
    player = Player(Tape(items(at)), speed, most, clock=clock)
    found = []
    while (wait := player.wait()) is not None:
        clock.sleep(max(0.0, wait))
        player.advance()
        found.append(clock.now)
    steps = [Step(replace(set_event("t"), ts=item.ts), None, None) for item in items(at)]
    expected = [other.now for _ in paced(steps, speed, most, other.sleep, other)]
    assert found == pytest.approx(expected)
    assert player.is_at_end


@given(st.floats(0.0, 1.0), st.lists(st.booleans(), min_size=1, max_size=20))
def test_when_the_speed_changes_the_same_part_of_a_pause_is_left(
    part: float, faster: list[bool]
) -> None:
    clock = Clock()
    player = Player(Tape(items([0, 1000])), 1.0, clock=clock)
    player.advance()
    clock.sleep(part * 1000)
    for each in faster:
        (player.faster if each else player.slower)()
    wait = player.wait()
    assert wait is not None
    length = 0.0 if player.speed == math.inf else 1000 / player.speed
    if math.inf not in _speeds(faster):
        assert wait == pytest.approx((1 - part) * length, abs=1e-6)
    assert player.pause == pytest.approx(length)


def _speeds(faster: list[bool]) -> list[float]:
    player = Player(Tape(items([])), 1.0)
    found = []
    for each in faster:
        (player.faster if each else player.slower)()
        found.append(player.speed)
    return found


@given(st.lists(st.booleans(), max_size=40))
def test_speeds_stay_in_their_range_and_come_back(faster: list[bool]) -> None:
    speeds = [1.0, *_speeds(faster)]
    for before, after, up in zip(speeds, speeds[1:], faster, strict=False):
        assert after == before or (after > before) is up
        assert 0.1 <= after <= math.inf
    assert _speeds([True, False]) == [2.0, 1.0]
    assert _speeds([True] * 40)[-1] == math.inf
    assert _speeds([False] * 40)[-1] == 0.1


def test_a_speed_between_the_usual_ones_goes_to_the_next() -> None:
    player = Player(Tape(items([])), 3.0)
    player.faster()
    assert player.speed == 5.0
    player = Player(Tape(items([])), 3.0)
    player.slower()
    assert player.speed == 2.0


def test_a_step_begins_the_next_pause_and_a_pause_waits_for_nothing() -> None:
    clock = Clock()
    player = Player(Tape(items([0, 100, 200, 300])), 1.0, clock=clock)
    assert player.wait() == 0
    player.advance()
    assert player.wait() == 100
    clock.sleep(30)
    assert player.step() == items([0, 100])[1], "now, though it is not due"
    assert player.wait() == 100
    player.toggle()
    assert player.wait() is None
    clock.sleep(1000)
    player.toggle()
    assert player.wait() == 100, "the pause is not over because of that"
    assert player.back() == items([0])[0]
    assert (player.wait(), player.is_paused) == (None, True)
    assert player.back() is None
    player.toggle()
    assert player.wait() == 100


def test_who_was_away_is_not_flooded() -> None:
    """Stopped by Ctrl-Z for an hour: what was due meanwhile comes at its speed."""
    clock = Clock()
    player = Player(Tape(items([0, 10, 20, 30])), 1.0, clock=clock)
    player.advance()
    clock.sleep(3600)
    player.advance()
    assert player.wait() == pytest.approx(9)
