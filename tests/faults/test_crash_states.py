"""Power cuts: every state that the disk may be in afterwards opens with all acknowledged.

`crashes.crash_states` records what the journal tells a disk, and builds what may be left of it
after each operation. Each of these disks is opened, read, appended to, verified and
compacted, as the next process would. What a session file holds of others' is there as well.
"""

from collections.abc import Callable
from functools import partial
from itertools import count

import pytest

from journal.errors import JournalError
from tests.faults.crashes.stories import (
    SAVING,
    STORIES,
    Judge,
    Story,
    compacting_while_another_appends,
)
from tests.faults.sizes import Figure, sized
from tests.faults.snapshots import of_any_log

LEAST = 12
"""Different disks that any story leaves at least; fewer would mean that nothing is tried."""

ONLY_SHORTEN_A_WAIT = {
    "compaction.py, _replace: storage.sync(old.file.fd)",
    "compaction.py, _write_kept: self._storage.sync(new.fd)",
    "replacing.py, catch_up: self._storage.sync(self._new.fd)",
    "replacing.py, catch_up: self._storage.sync(self._old.file.fd)",
    "recovery.py, cut_torn_tail: storage.sync(file.fd)",
    "sealing.py, unseal: storage.sync(file.fd)",
}
"""Syncs without which nothing can be lost, not even without all of them.

Those of a compaction leave less to sync with the lock held, where `swap` syncs the new
file and the seal syncs the old one. What is cut off a log was never acknowledged, and the
sync of the append or seal that comes next covers the cut.
"""


@pytest.mark.parametrize("tell", STORIES)
@sized(quick=(1, 4), storm=(3, 1))
def test_every_state_of_the_disk_after_a_power_cut_has_all_that_was_acknowledged(
    tell: Callable[[Story], None], size: tuple[int, int], figure: Figure
) -> None:
    """With up to so many of the unsynced changes of each file and folder missing."""
    missing, every = size
    story = Story()
    tell(story)
    disks = Judge(story, missing, every).judge()
    assert disks >= LEAST
    figure(f"{tell.__name__}: {story.clock} operations, all {disks} different disks")


@pytest.mark.parametrize("tell", SAVING)
@sized(quick=(1, 16), storm=(1, 1))
def test_what_is_opened_from_a_snapshot_is_what_the_disk_has_of_the_log(
    tell: Callable[[Story], None], size: tuple[int, int], figure: Figure
) -> None:
    """A snapshot is never synced: it may be newer than the log, older, half there, or gone."""
    missing, every = size
    story = Story()
    with of_any_log():
        tell(story)
        disks = Judge(story, missing, every).judge()
    assert disks >= LEAST
    figure(f"{tell.__name__}: {story.clock} operations, all {disks} different disks")


@sized(quick=(1, 3), storm=(3, 1))
def test_power_cuts_while_another_process_appends_during_a_compaction(
    size: tuple[int, int], figure: Figure
) -> None:
    """The other comes in at each of the compaction's calls in turn, or at some of them."""
    missing, step = size
    disks = 0
    for number in count(0, step):
        story = Story()
        if not compacting_while_another_appends(story, number):
            break
        disks += Judge(story, missing, step).judge()
    assert number >= LEAST
    figure(f"{number // step} moments to append, {disks} different disks")


def is_noticed(ignored: frozenset[str], tell: Callable[[Story], object]) -> bool:
    """Whether the power cuts of this story show that these syncs are not made."""
    story = Story(ignored)
    try:
        tell(story)
        Judge(story, missing=1).judge()
    except (AssertionError, JournalError, LookupError, ValueError):
        return True
    return False


def all_stories() -> list[Callable[[Story], object]]:
    meanwhile = [partial(compacting_while_another_appends, number=n) for n in range(LEAST)]
    return [*STORIES, *meanwhile]


@sized(storm=None)
def test_no_sync_can_be_left_out_unnoticed(size: None, figure: Figure) -> None:
    """Each sync of the product, left out, loses something here; or it only saves time."""
    asked: dict[str, list[Callable[[Story], object]]] = {}
    for tell in all_stories():
        story = Story()
        tell(story)
        for line in story.storage.asked:
            asked.setdefault(line, []).append(tell)
    noticed = {
        line
        for line, tells in asked.items()
        if any(is_noticed(frozenset({line}), tell) for tell in tells)
    }
    assert asked.keys() - noticed == ONLY_SHORTEN_A_WAIT
    assert not any(is_noticed(frozenset(ONLY_SHORTEN_A_WAIT), tell) for tell in all_stories())
    figure(f"{len(noticed)} of {len(asked)} syncs left out are noticed, the others harmless")
