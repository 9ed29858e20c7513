"""SIGKILL: writers, readers, tails and compactions killed at random lose and repeat nothing."""

import random
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.faults.sizes import Figure, sized
from tests.faults.snapshots import of_any_log
from tests.faults.storms.checker import Summary
from tests.faults.storms.saving import SESSION, THAWED, look, looks_in, save_and_look
from tests.faults.storms.storm import CONTEXT, running, storm
from tests.support import files_in

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


_PAUSE = 0.2  # seconds at most between two kills


@sized(quick=12, storm=300, long=3_000)
def test_snapshots_say_what_the_log_says_while_processes_save_compact_delete_and_die(
    tmp_path: Path, size: int, figure: Figure
) -> None:
    """One session, which four processes open again and again, each from the others' snapshots."""
    folder, dice = tmp_path / "sessions", random.Random(size)
    records = [tmp_path / f"w{number}" for number in range(4)]

    def worker(record: Path) -> ForkServerProcess:
        args = (str(folder), record.name, str(record))
        return CONTEXT.Process(target=save_and_look, args=args, daemon=True)

    processes = [worker(record) for record in records]
    with running(processes):
        for _ in range(size):
            time.sleep(dice.random() * _PAUSE)
            number = dice.randrange(len(records))
            assert [process.exitcode for process in processes] == [None] * 4, "see its traceback"
            processes[number].kill()
            processes[number].join()
            processes[number] = worker(records[number])
            processes[number].start()
    looks = b"".join(map(looks_in, records))
    check_saved(folder)
    figure(f"{size:,} kills, {len(looks):,} looks, {looks.count(THAWED):,} of them at a snapshot")
    assert looks.count(THAWED) > size


def check_saved(folder: Path) -> None:
    """The next save tidies up, and the next deletion leaves nothing."""
    with of_any_log():
        for number in range(2):
            with DefaultSessionStore(folder, auto_compact=False) as store:
                store.set_runtime_state(SESSION, "after", "t", {"n": number})
        assert look(str(folder)) == THAWED
        assert f"{SESSION}.snapshot.new" not in files_in(folder)
        with DefaultSessionStore(folder, auto_compact=False) as store:
            assert store.delete_session(SESSION)
    left = {name for name in files_in(folder) if not name.startswith("archive/")}
    assert left <= {f"{SESSION}.json.lock", f"{SESSION}.jsonl.new"}
