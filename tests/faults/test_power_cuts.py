"""Real power cuts: a mounted ext4 stops taking anything, and is mounted again as it is then.

What was acknowledged with durability "fsync" is there, nothing is there twice or that was
never begun, and writing goes on. The writers are stopped before the cut: one whose sync the
cut itself let return would have been told of a success that no real disk had promised.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from journal.errors import JournalError
from projections import DefaultSessionStore
from tests.faults.kernel.disks import Ext4, ext4
from tests.faults.sizes import Figure, sized
from tests.faults.storms.checker import Summary, check_whole_history
from tests.faults.storms.deeds import Began, Change, Ended, now
from tests.faults.storms.remaking import SESSION as REMADE
from tests.faults.storms.remaking import check_remade, is_torn, remake
from tests.faults.storms.storm import CONTEXT, check_goes_on
from tests.faults.storms.workers import Stage, work

WRITERS = ("w0", "w1", "w2")
ROUND = 20
"""Cuts on one folder; then another one on the same disk, so that checking stays fast."""

_STEP = 0.001  # seconds between looks at what the workers do
_PATIENCE = 60.0  # seconds: for what hangs
_ENDED = b'"type":"ended"'


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Ext4]:
    with ext4(tmp_path / "disk") as disk:
        yield disk


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(_STEP)


def is_stopped(pid: int | None) -> bool:
    """Every thread of a process: one in the middle of a sync stops only after it."""
    states = [
        stat.read_text().rpartition(")")[2].split()[0]
        for stat in Path(f"/proc/{pid}/task").glob("*/stat")
    ]
    assert states, f"worker {pid} has ended by itself: see its traceback"
    assert "Z" not in states
    return set(states) == {"T"}


def count_in(path: Path, what: bytes) -> int:
    return path.read_bytes().count(what) if path.exists() else 0


class Machine:
    """Workers on a disk, what they said in files on another one, and the power switch."""

    def __init__(self, disk: Ext4, records: Path, name: str, durability: str) -> None:
        self._disk = disk
        deeds = records / f"{name}-deeds"
        deeds.mkdir()
        self._deeds = deeds
        self._remaking = records / f"{name}-remaking"
        self._dice = random.Random(f"{name} {durability}")
        folder = disk.folder / name
        self.stage = Stage(str(folder), str(deeds), ("one", "two"), WRITERS, durability)
        self.folder = folder
        self._witness = self.stage.witness("after")
        self.torn = 0  # logs that a cut left with a torn tail
        self.deleted = 0

    def run_and_cut(self) -> None:
        """Until they have had so much acknowledged; then all of them lose power at once."""
        before, some = self._done(), self._dice.randrange(3, 100)
        processes = self._start()

        def enough() -> bool:
            ended = [process.name for process in processes if process.exitcode is not None]
            assert not ended, f"{ended} have ended by themselves: see their tracebacks"
            more = [now - then for now, then in zip(self._done(), before, strict=True)]
            return all(more) and sum(more) >= some

        try:
            wait_until(enough)
            self._cut(processes)
        finally:
            for process in processes:
                process.kill()
                process.join()
        self._disk.unplug()
        self._disk.plug_in()

    def _start(self) -> list[ForkServerProcess]:
        does = [(work, name) for name in (*WRITERS, "c0")]
        processes = [CONTEXT.Process(target=what, args=(self.stage, name)) for what, name in does]
        remaking = (self.stage, str(self._remaking))
        processes.append(CONTEXT.Process(target=remake, args=remaking))
        for process in processes:
            process.start()
        return processes

    def _cut(self, processes: list[ForkServerProcess]) -> None:
        for process in processes:
            assert process.pid is not None
            os.kill(process.pid, signal.SIGSTOP)
        for process in processes:
            wait_until(partial(is_stopped, process.pid))
        self._disk.cut_power()

    def _done(self) -> list[int]:
        """How much each of the workers has done; the compactor's work shows in the archive."""
        acknowledged = [count_in(self._deeds / name, _ENDED) for name in WRITERS]
        archived = {path.name.removesuffix(".gz") for path in self.folder.glob("archive/*.jsonl*")}
        return [*acknowledged, count_in(self._remaking, b"made "), len(archived)]

    def check(self) -> Summary:
        """Look at what is there, append to it, then judge the whole history."""
        for path in self.folder.glob("*.json"):
            assert "runtime_state" in json.loads(path.read_bytes())
        self.deleted = check_remade(self.folder, self._remaking)
        with self.stage.open() as store:
            for session in self.stage.sessions:
                self.torn += is_torn(store, session)
                self._append(store, session)
        return self.check_history()

    def check_history(self) -> Summary:
        return check_whole_history(self.folder, self._deeds, self.stage.sessions)

    def _append(self, store: DefaultSessionStore, session: str) -> None:
        change = Change("set", "after", "t", now())
        self._witness.say(Began(session, [change], now()))
        assert store.set_runtime_state(session, "after", "t", {"n": change.number})
        self._witness.say(Ended(now()))

    def check_goes_on(self) -> None:
        with self.stage.open() as store:
            store.delete_session(REMADE)
        check_goes_on(self.stage)


@sized(quick=2, storm=10, long=300)
def test_nothing_acknowledged_is_lost_or_twice_however_often_the_power_fails(
    disk: Ext4, tmp_path: Path, size: int, figure: Figure
) -> None:
    total, deleted, torn = Summary(), 0, 0
    for start in range(0, size, ROUND):
        machine = Machine(disk, tmp_path, f"r{start}", "fsync")
        for _ in range(min(ROUND, size - start)):
            machine.run_and_cut()
            summary = machine.check()
        total.add(summary)
        deleted += machine.deleted
        torn += machine.torn
        machine.check_goes_on()
    assert total.acknowledged > size * 3 * len(WRITERS), "too little was at stake"
    assert total.compactions >= size / 2
    assert deleted >= size / 2
    figure(
        f"{size:,} power cuts: {total.acknowledged:,} events acknowledged, 0 lost, 0 twice, "
        f"0 gaps ({total.unacknowledged:,} more were begun and are there); "
        f"{total.compactions:,} compactions, {deleted:,} deletions, {torn:,} torn tails"
    )


def test_a_cut_takes_what_was_not_synced(disk: Ext4, tmp_path: Path) -> None:
    """Were it otherwise, the test above would pass without a single sync."""
    folder = disk.folder / "sessions"
    with DefaultSessionStore(folder) as store:
        store.set_runtime_state("s", "native", "synced", {"n": 1})
    with DefaultSessionStore(folder, durability="os") as store:
        for number in range(100):
            assert store.set_runtime_state("s", "native", f"t{number}", {"n": 1})
        disk.cut_power()
    disk.unplug()
    disk.plug_in()
    with DefaultSessionStore(folder) as store:
        assert list(store.get_runtime_state("s", "native")) == ["synced"]
        assert store.verify("s").ok
        assert store.set_runtime_state("s", "native", "next", {"n": 1}) is True


def test_the_check_notices_what_a_cut_took(disk: Ext4, tmp_path: Path) -> None:
    """The very same storm, with writers that do not sync what they acknowledge."""
    machine = Machine(disk, tmp_path, "unsynced", "os")
    machine.run_and_cut()
    with pytest.raises(AssertionError, match=r"acknowledged and not there|there is no log"):
        machine.check_history()


def test_once_the_power_is_gone_nothing_is_acknowledged(disk: Ext4) -> None:
    """Every call fails, from a writer that had the file open and from one that opens it."""
    with DefaultSessionStore(disk.folder) as store:
        store.set_runtime_state("s", "native", "t", {"n": 1})
        disk.cut_power()
        for number in range(3):
            with pytest.raises(JournalError):
                store.set_runtime_state("s", "native", "t", {"n": number})
        with pytest.raises(JournalError):
            store.flush()
        with DefaultSessionStore(disk.folder) as other, pytest.raises(JournalError):
            other.set_runtime_state("s", "native", "t", {"n": 2})
