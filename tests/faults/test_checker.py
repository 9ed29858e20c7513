"""The checker of the whole history finds what it is there to find."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.faults.storms.checker import check_whole_history
from tests.faults.storms.deeds import (
    Began,
    Change,
    Deed,
    Ended,
    Noted,
    Read,
    Saw,
    Witness,
    deeds_in,
)
from tests.faults.storms.workers import Stage

SESSION = "s"


def turn(number: int) -> str:
    return f"t{number}"


def set_deeds(number: int, runtime: str = "w0") -> list[Deed]:
    change = Change("set", runtime, turn(number), number)
    return [Began(SESSION, [change], 10 * number), Ended(10 * number + 5)]


def stage_with(folder: Path, numbers: list[int]) -> Stage:
    """A log in which `w0` set one turn for each of `numbers`."""
    stage = Stage(str(folder / "sessions"), str(folder / "deeds"), (SESSION,), ("w0",), "os")
    Path(stage.deeds).mkdir()
    with stage.open() as store:
        for number in numbers:
            store.set_runtime_state(SESSION, "w0", turn(number), {"n": number})
    return stage


def told(stage: Stage, name: str, deeds: list[Deed]) -> None:
    witness = stage.witness(name)
    for deed in deeds:
        witness.say(deed)
    witness.close()


def check(stage: Stage) -> None:
    check_whole_history(Path(stage.folder), Path(stage.deeds), stage.sessions)


def seen(stage: Stage) -> list[Saw]:
    with stage.open() as store:
        past = store.past(SESSION)
        assert past is not None
        events = [entry.event for entry in past.in_order()]
    return [Saw(SESSION, event.seq, event.hash, f"c:{event.seq}") for event in events]


def test_what_is_right_passes(tmp_path: Path) -> None:
    stage = stage_with(tmp_path, [1, 2, 3])
    told(stage, "w0", [deed for number in (1, 2, 3) for deed in set_deeds(number)])
    told(stage, "r0", [Read(SESSION, "w0", {"t1": 1, "t2": 2}, 26, 30)])
    told(stage, "t0", [*seen(stage)])
    check(stage)


ALL = [1, 2, 3]

WRONG: dict[str, tuple[list[int], Callable[[], list[Deed]], str]] = {
    "acknowledged and lost": (
        [1, 2],
        lambda: [*set_deeds(1), *set_deeds(2), *set_deeds(3)],
        "acknowledged and not there",
    ),
    "all of a writer lost": (
        ALL,
        lambda: [deed for n in ALL for deed in set_deeds(n)] + set_deeds(4, "w1"),
        "acknowledged and not there",
    ),
    "a phantom": ([1, 2, 3], lambda: [*set_deeds(1), *set_deeds(2)], "never begun, twice"),
    "twice": (
        [1, 2, 2],
        lambda: [*set_deeds(1), *set_deeds(2)],
        "never begun, twice",
    ),
    "a writer's order": (
        [2, 1],
        lambda: [*set_deeds(1), *set_deeds(2)],
        "acknowledged and not there",
    ),
    "not begun when it was read": (
        ALL,
        lambda: [
            *(deed for n in ALL for deed in set_deeds(n)),
            Read(SESSION, "w0", {"t1": 1, "t2": 2, "t3": 3}, 21, 29),
        ],
        "shows none of",
    ),
    "not there when it was read": (
        ALL,
        lambda: [
            *(deed for n in ALL for deed in set_deeds(n)),
            Read(SESSION, "w0", {"t1": 1}, 26, 29),
        ],
        "shows none of",
    ),
    "a head that is not there": (
        ALL,
        lambda: [
            *(deed for n in ALL for deed in set_deeds(n)),
            Noted(SESSION, f"{'0' * 16}:3:{'0' * 32}"),
        ],
        "was noted",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_found(tmp_path: Path, case: str) -> None:
    numbers, deeds, message = WRONG[case]
    stage = stage_with(tmp_path, numbers)
    told(stage, "w0", deeds())
    with pytest.raises(AssertionError, match=message):
        check(stage)


def test_real_time_is_kept_between_writers(tmp_path: Path) -> None:
    """`w0` had been told that its event is there before `w1` began, which stands first."""
    stage = stage_with(tmp_path, [])
    with stage.open() as store:
        store.set_runtime_state(SESSION, "w1", turn(2), {"n": 2})
        store.set_runtime_state(SESSION, "w0", turn(1), {"n": 1})
    told(stage, "w0", set_deeds(1))
    told(stage, "w1", set_deeds(2, "w1"))
    with pytest.raises(AssertionError, match="stands after"):
        check(stage)


@pytest.mark.parametrize(
    "change",
    [lambda saw: saw[1:], lambda saw: [saw[0], saw[0], *saw[1:]], lambda saw: [saw[1], saw[0]]],
    ids=["missing", "twice", "order"],
)
def test_what_a_tail_missed_repeated_or_mixed_up_is_found(
    tmp_path: Path, change: Callable[[list[Saw]], list[Deed]]
) -> None:
    stage = stage_with(tmp_path, ALL)
    told(stage, "w0", [deed for number in ALL for deed in set_deeds(number)])
    told(stage, "t0", change(seen(stage)))
    with pytest.raises(AssertionError, match="t0: saw"):
        check(stage)


def test_a_gap_in_the_log_is_found(tmp_path: Path) -> None:
    stage = stage_with(tmp_path, ALL)
    path = Path(stage.folder) / f"{SESSION}.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))
    told(stage, "w0", [*set_deeds(1), *set_deeds(3)])
    with pytest.raises(AssertionError, match="seq 3 where 2 should be"):
        check(stage)


def lives(folder: Path, *said: list[Deed]) -> Path:
    for deeds in said:
        witness = Witness(folder, "w0")
        for deed in deeds:
            witness.say(deed)
        witness.close()
    return folder / "w0"


def test_a_witness_is_read_back_as_it_was_told(tmp_path: Path) -> None:
    first: list[Deed] = [*set_deeds(1), Read(SESSION, "w0", {"t": 1}, 1, 2)]
    assert list(deeds_in(lives(tmp_path, first, set_deeds(2)))) == first + set_deeds(2)


def test_what_a_witness_was_killed_in_was_not_said_and_what_comes_after_was(
    tmp_path: Path,
) -> None:
    path = lives(tmp_path, set_deeds(1))
    path.write_bytes(path.read_bytes()[:-9])
    lives(tmp_path, set_deeds(2))
    assert list(deeds_in(path)) == set_deeds(1)[:-1] + set_deeds(2)
    path.write_bytes(path.read_bytes().replace(b"began", b"be", 1))
    with pytest.raises(msgspec.DecodeError):
        list(deeds_in(path))
