"""What a call costs in a turn that has had many: in steps, and in bytes of its states."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from journal import Limits
from projections import DefaultSessionStore
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Turn
from projections.adapters.values import DETAILS, Record, Slicer
from tests.adapters.clock import Clock, LogWrites, stopped_clock
from tests.growth.counting import steps

FEW, MANY = 40, 4_000
SOME = 20  # calls that are looked at


def roomy(folder: Path) -> DefaultSessionStore:
    """A store in which there is room for all that is recorded, as in those that `mirror` makes."""
    limits = Limits(turn_bytes=1 << 20, runtime_bytes=1 << 40)
    return DefaultSessionStore(folder, durability="os", limits=limits)


def make_calls(turn: Turn, first: int, save: Callable[[Turn], object]) -> None:
    """Some calls more, each as an adapter makes it: saved as it begins, and as it ends."""
    for number in range(first, first + SOME):
        turn.call_started(f"call-{number}", "search", {"number": f"{number:06d}"})
        save(turn)
        turn.call_ended(f"call-{number}", result=f"found {number:06d}")
        save(turn)


def turn_with(recorder: Recorder, count: int) -> Turn:
    """An open turn with so many calls behind it, of which nothing was written since."""
    turn = recorder.turn("s", "triage", f"turn-{count}")
    recorder.open(turn)
    for number in range(0, count, SOME):
        make_calls(turn, number, lambda _: None)
    return turn


def test_a_call_that_is_joined_with_others_takes_the_same_steps_after_40_calls_as_after_4000(
    tmp_path: Path,
) -> None:
    with stopped_clock(), roomy(tmp_path) as store:
        recorder = Recorder(store)

        def of(count: int) -> int:
            turn = turn_with(recorder, count)
            make_calls(turn, count, recorder.save)  # the first of these is written at once
            return steps(lambda: make_calls(turn, count + SOME, recorder.save))

        few, many = of(FEW), of(MANY)
        recorder.end()
    assert many <= 1.05 * few


@pytest.mark.parametrize("record", ["ids", "slices"])
def test_a_state_takes_the_same_steps_and_bytes_however_many_calls_were_before(
    record: Record,
) -> None:
    """Once there are as many as there is room for; before that, less."""

    def turn_of(count: int) -> Turn:
        turn = Turn("s", "triage", slicer=Slicer(DETAILS[record]))
        for number in range(0, count, SOME):
            make_calls(turn, number, lambda _: None)
        return turn

    few, full, many = (turn_of(count) for count in (FEW, MANY // 4, MANY))
    sizes = [len(msgspec.json.encode(turn.state())) for turn in (few, full, many)]
    assert sizes[2] <= sizes[1] * 1.01 <= DETAILS[record].turn_bytes * 1.01
    assert steps(many.state) <= 1.05 * steps(full.state)
    assert steps(few.state) <= 1.05 * steps(full.state)


def test_a_call_of_50_ms_writes_as_much_after_4000_calls_as_after_1000(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full state for its opening and one for its end, whatever came before."""

    def written(count: int, clock: Clock, log: LogWrites) -> int:
        with roomy(tmp_path / f"{count}") as store:
            recorder = Recorder(store)
            turn = turn_with(recorder, count)
            before = log.bytes

            def save(turn: Turn) -> None:
                clock.advance(0.05)
                recorder.save(turn)

            make_calls(turn, count, save)
            found = log.bytes - before
            recorder.end()
        return found

    with stopped_clock() as clock:
        log = LogWrites(clock, monkeypatch)
        few, many = (written(count, clock, log) for count in (MANY // 4, MANY))
    assert SOME * (DETAILS["slices"].turn_bytes // 2) < many <= 1.02 * few
