"""What erasing costs: in proportion to what is looked at, whether anything is found or not."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.events import Set
from tests.growth.counting import steps
from tests.support import FaultyStorage, open_log, set_event


class Every:
    """Erases the states of every so many turns."""

    def __init__(self, nth: int) -> None:
        self.nth = nth

    def takes(self, event: Set) -> bool:
        return bool(self.nth) and int(event.turn_id) % self.nth == 0

    def finds(self, text: str) -> bool:
        return False


class Bytes:
    """How many were read and written."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, name: str, args: tuple[Any, ...]) -> None:
        if name == "read":
            self.count += args[1]
        elif name == "write":
            self.count += len(args[1])


def cost_of(folder: Path, events: int, nth: int) -> tuple[int, int]:
    """Bytes and steps of an erasure in a session of so many events."""
    log, _ = open_log(folder)
    for number in range(0, events, 100):
        log.append([set_event(f"{each:06}") for each in range(number, number + 100)])
    cost = Bytes()
    engine = Directory(str(folder), LogOptions("os", storage=FaultyStorage(cost)))
    made = steps(lambda: engine.erase("s", Every(nth)))
    assert cost.count > 0
    return cost.count, made


@pytest.mark.parametrize("nth", [0, 10, 1], ids=["nothing", "a tenth", "all"])
def test_twice_as_many_events_cost_twice_as_much(nth: int, tmp_path: Path) -> None:
    cost_of(tmp_path / "first", 100, nth)  # which imports what it needs
    costs = [cost_of(tmp_path / str(events), events, nth) for events in (1_000, 2_000, 4_000)]
    for (some_bytes, some_steps), (more_bytes, more_steps) in pairwise(costs):
        assert more_bytes <= 2.2 * some_bytes + 65_536
        assert more_steps <= 2.2 * some_steps
