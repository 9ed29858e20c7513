"""SIGKILL: writers, readers, tails and compactions killed at random lose and repeat nothing."""

from pathlib import Path

import pytest

from tests.faults.sizes import Figure, sized
from tests.faults.storms.checker import Summary
from tests.faults.storms.storm import storm

ROUND = 500
"""Kills of one storm; a longer one goes on in an empty folder, so that checking stays fast."""


@sized(quick=24, storm=150, long=5_000)
@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_nothing_acknowledged_is_lost_or_twice_however_often_workers_are_killed(
    tmp_path: Path, size: int, durability: str, figure: Figure
) -> None:
    total = Summary()
    for start in range(0, size, ROUND):
        folder = tmp_path / str(start)
        folder.mkdir()
        total.add(storm(folder, min(ROUND, size - start), durability))
    figure(f"{size:,} kills, durability {durability}: {total}")
    assert total.acknowledged > size * 5, "too slow a storm proves nothing"
    assert total.reads > size / 5
    assert total.tailed > size
    assert total.compactions > size / 100
