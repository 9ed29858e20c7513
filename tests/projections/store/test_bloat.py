"""When a log counts as bloated, also where others have appended what was not folded yet."""

import threading
from typing import Any

import pytest

from projections.store.bloat import DEAD_BYTES, DEAD_SPREAD, MOST_UNKNOWN, RECHECK, Bloat

MB = 1 << 20


class Log:
    """Of `size` bytes, the last `unfolded` of which are not in the view."""

    def __init__(self) -> None:
        self.size, self.unfolded, self.live_bytes = 0, 0, 0  # the last is the view's
        self.lock = threading.RLock()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def bloat(log: Log) -> Bloat:
    watched: Any = log
    return Bloat(watched, watched)


def due_at(log: Log, bloat: Bloat, unfolded: float, living: float, most: int) -> int | None:
    """The size at which it is due while it grows; shares are of the log and of what is folded."""
    while log.size < most:
        log.size += RECHECK // 4
        log.unfolded = int(log.size * unfolded)
        log.live_bytes = int((log.size - log.unfolded) * living)
        if bloat.is_due():
            return log.size
    return None


def test_a_log_that_others_fill_with_what_lives_is_not_read_again_and_again(
    log: Log, bloat: Bloat
) -> None:
    """To find out that there is nothing to do would take a reading of all of it."""
    assert due_at(log, bloat, unfolded=0.9, living=1.0, most=MOST_UNKNOWN) is None


@pytest.mark.parametrize("unfolded", [0.0, 0.5, 0.9])
def test_what_is_not_folded_is_taken_to_be_as_dead_as_the_rest(
    unfolded: float, log: Log, bloat: Bloat
) -> None:
    due = due_at(log, bloat, unfolded, living=0.05, most=2 * DEAD_BYTES)
    assert due is not None
    assert DEAD_BYTES < due < DEAD_SPREAD * DEAD_BYTES / 0.95 + 2 * RECHECK


def test_what_nobody_folds_is_counted_now_and_then(log: Log, bloat: Bloat) -> None:
    """Or a log would grow for ever in which only others write over what they wrote."""
    log.size = log.live_bytes = MB
    counted = []
    while log.size < 1000 * MB:
        log.size += RECHECK
        log.unfolded = log.size - MB
        if bloat.is_due():
            counted.append(log.size)
            assert not bloat.is_wanted(log.size, log.size)
    assert MOST_UNKNOWN < counted[0] < MOST_UNKNOWN + MB + 2 * RECHECK
    assert 3 <= len(counted) <= 4, "each time it has five times as many bytes"


def test_what_was_counted_in_vain_is_not_counted_again_by_the_next_job(
    log: Log, bloat: Bloat
) -> None:
    """A set may have asked for it while it was counted."""
    assert due_at(log, bloat, unfolded=0.0, living=0.0, most=2 * MB) is not None
    assert not bloat.is_settled()
    assert not bloat.is_wanted(log.size, live=MB)
    assert bloat.is_settled()
    log.size = 20 * MB
    assert not bloat.is_settled()


def test_one_that_failed_may_be_tried_again(log: Log, bloat: Bloat) -> None:
    log.size = 2 * MB
    bloat.wait_until_doubled(log.size)
    assert not bloat.is_settled()


def test_after_a_compaction_by_another_it_has_to_grow_first(log: Log, bloat: Bloat) -> None:
    assert due_at(log, bloat, unfolded=0.0, living=0.0, most=2 * MB) is not None
    log.size = log.unfolded = MB // 2
    assert not bloat.is_due()
    assert bloat.is_settled()
