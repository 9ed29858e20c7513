"""Power cuts: every state that the disk may be in afterwards opens with all acknowledged.

`tests.faults.crash_states` records what the journal tells a disk, and builds what may be left of
it after each operation. Each of these disks is opened, read, appended to, verified and
compacted, as the next process would.
"""

from collections.abc import Callable
from random import Random

import pytest

from journal.directory import Directory
from journal.events import Clear, Event, Handoff
from journal.log import LogOptions
from journal.memory import MemoryStorage
from tests.faults.crash_states import RecordingStorage, crash_states
from tests.support import Recorder, set_event

FOLDER = "/memory"


def engine(storage: MemoryStorage) -> Directory:
    return Directory(FOLDER, LogOptions("fsync", 1.0, "writer", storage))


class Scenario:
    """A program at work on a recording disk, and what it was told about it."""

    def __init__(self) -> None:
        self.storage = RecordingStorage()
        self.directory = engine(self.storage)
        self.recorder = Recorder()
        self.log = self.directory.open("s", self.recorder)
        self.acknowledged: list[tuple[int, int, str]] = []  # after which operation, seq, hash
        self.attempted: set[tuple[int, str]] = set()
        self.may_go_at: int | None = None  # the operation from which events may be gone

    def append(self, *events: Event) -> None:
        head = self.log.append(list(events))
        now = self.storage.recording.clock
        for event in self.recorder.events:
            if (event.seq, event.hash) not in self.attempted:
                self.attempted.add((event.seq, event.hash))
                self.acknowledged.append((now, event.seq, event.hash))
        assert self.recorder.events[-1].seq == head.seq

    def lets_go(self) -> None:
        """What follows may take events away: deletion, or dropping history."""
        self.may_go_at = self.storage.recording.clock


def appending(run: Scenario) -> None:
    run.append(set_event("a"))
    run.append(set_event("b"), set_event("c"), Handoff(source="native", target="other"))
    run.append(set_event("a", {"newer": True}))


def repairing(run: Scenario) -> None:
    run.append(set_event("a"))
    fd = run.storage.open(f"{FOLDER}/s.jsonl", 0)
    run.storage.write(fd, b'{"seq":2,"ts":"20')
    run.storage.close(fd)
    run.append(set_event("b"))


def compacting(run: Scenario) -> None:
    appending(run)
    run.directory.compact("s")
    run.append(set_event("d"), Clear(runtime_id="other"))
    run.directory.pack("s")
    run.append(set_event("d", {"newer": True}))
    run.directory.compact("s")
    run.append(set_event("e"))


def dropping(run: Scenario) -> None:
    run.append(set_event("a"))
    run.append(set_event("a", {"newer": True}))
    run.lets_go()
    run.directory.compact("s", "drop")
    run.append(set_event("d"))


def deleting(run: Scenario) -> None:
    run.append(set_event("a"))
    run.append(set_event("a", {"newer": True}))
    run.directory.compact("s")
    run.lets_go()
    run.directory.delete("s")
    run.log.refresh()
    run.append(set_event("d"))


SCENARIOS: list[tuple[Callable[[Scenario], None], int]] = [
    (appending, 30),
    (repairing, 25),
    (compacting, 100),
    (dropping, 40),
    (deleting, 50),
]
"""Each with how many states it has at least; fewer would mean that nothing is tried."""


@pytest.mark.parametrize(("scenario", "least"), SCENARIOS)
def test_every_state_of_the_disk_after_a_power_cut_has_all_that_was_acknowledged(
    scenario: Callable[[Scenario], None], least: int
) -> None:
    run = Scenario()
    scenario(run)
    dice = Random(scenario.__name__)
    count = 0
    for after in range(run.storage.recording.clock + 1):
        acknowledged = {(seq, digest) for at, seq, digest in run.acknowledged if at <= after}
        complete = run.may_go_at is None or after <= run.may_go_at
        for disk in crash_states(run.storage.recording, after, dice):
            count += 1
            found = events_in(disk)
            if complete:
                assert acknowledged <= set(found), f"lost after operation {after}"
            assert set(found) <= run.attempted, f"never appended: after operation {after}"
            assert [seq for seq, _ in found] == sorted(seq for seq, _ in found)
            check_usable(disk)
    assert count >= least


def events_in(disk: MemoryStorage) -> list[tuple[int, str]]:
    past = engine(disk).history("s")
    entries = past.in_order() if past is not None else ()
    return [(entry.event.seq, entry.event.hash) for entry in entries]


def check_usable(disk: MemoryStorage) -> None:
    """The next process appends, verifies and compacts, and nothing is left lying about."""
    directory = engine(disk)
    log = directory.open("s", Recorder())
    log.append([set_event("after"), set_event("after")])
    log.close()
    assert directory.verify("s").problems == []
    directory.compact("s")
    directory.pack("s")
    assert directory.verify("s").problems == []
    names = [entry.name for path in (FOLDER, f"{FOLDER}/archive") for entry in disk.list(path)]
    assert not [name for name in names if name.endswith(".new")]
