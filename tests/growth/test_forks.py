"""What a fork costs: the same, however many events there are."""

from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from tests.growth.counting import steps
from tests.support import FaultyStorage, Recorder, open_log, set_event


class Cost:
    """Storage calls, and bytes read and written."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.read = self.written = 0

    def __call__(self, name: str, args: tuple[Any, ...]) -> None:
        self.calls.append(name)
        if name == "read":
            self.read += args[1]
        elif name == "write":
            self.written += len(args[1])


def cost_of(folder: Path, events: int, at: int | None) -> tuple[Cost, int]:
    """Of a fork of a session of so many events, whose lines are all of one length; and steps."""
    log, _ = open_log(folder)
    for number in range(0, events, 100):
        log.append([set_event(f"{each:06}") for each in range(number, number + 100)])
    cost = Cost()
    engine = Directory(str(folder), LogOptions("os", storage=FaultyStorage(cost)))
    return cost, steps(lambda: engine.fork("s", "f", at))


@pytest.mark.parametrize("share", [None, 0.5], ids=["at the head", "in the middle"])
def test_a_fork_of_twice_as_many_events_costs_the_same(
    tmp_path: Path, share: float | None
) -> None:
    cost_of(tmp_path / "first", 100, None)  # which imports what it needs
    costs = []
    for events in (1_000, 2_000, 4_000):
        at = None if share is None else int(events * share)
        costs.append(cost_of(tmp_path / str(events), events, at))
    for cost, _ in costs:
        assert cost.written < 1_000
        assert cost.read < 400_000
    most = max(len(cost.calls) for cost, _ in costs)
    assert most <= min(len(cost.calls) for cost, _ in costs) + 4, "a probe more, or two"
    fewest, highest = min(number for _, number in costs), max(number for _, number in costs)
    assert highest < 1.5 * fewest


def test_writing_to_a_fork_reads_nothing_of_what_is_shared(tmp_path: Path) -> None:
    def read_for_an_append(events: int) -> int:
        folder = tmp_path / str(events)
        cost_of(folder, events, None)
        cost = Cost()
        engine = Directory(str(folder), LogOptions("os", storage=FaultyStorage(cost)))
        log = engine.open("f", Recorder())
        log.append([set_event("a")])
        log.append([set_event("b")])
        log.close()
        return cost.read

    assert read_for_an_append(1_000) == read_for_an_append(2_000)
