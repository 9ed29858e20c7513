"""How long a lock is waited for."""

from itertools import islice
from time import monotonic

import pytest

from journal.errors import LockTimeoutError
from journal.waiting import Pauses, attempts, waiting_since


def tries(timeout: float, since: float | None = None) -> int:
    """How often the lock was tried for before the time was up."""
    made = iter(attempts(timeout, "log", since))
    for count in range(1000):
        try:
            next(made)
        except LockTimeoutError:
            return count
    return pytest.fail("there is no end of it")


def test_it_is_tried_for_at_least_once() -> None:
    assert tries(0.0) == 1


def test_the_time_counts_from_when_the_wait_began() -> None:
    assert tries(60.0, since=monotonic() - 60.0) == 1
    with waiting_since(monotonic() - 60.0):
        assert tries(60.0) == 1
        assert tries(60.0, since=monotonic()) == 1


def test_the_message_names_the_whole_time() -> None:
    with waiting_since(monotonic() - 5.0), pytest.raises(LockTimeoutError, match="for 5 s"):
        list(attempts(5.0, "log"))


def test_afterwards_it_counts_as_before() -> None:
    with waiting_since(monotonic() - 60.0):
        with waiting_since(monotonic()):
            assert len(list(islice(attempts(60.0, "log"), 3))) == 3
        assert tries(60.0) == 1
    assert len(list(islice(attempts(60.0, "log"), 3))) == 3


class Clock:
    """Time goes by only while somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        monkeypatch.setattr("journal.waiting.monotonic", lambda: self.now)
        monkeypatch.setattr("journal.waiting.sleep", self.sleep)
        monkeypatch.setattr("journal.waiting.os.urandom", lambda count: b"\x80" * count)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def wait(clock: Clock, pauses: Pauses, seconds: float) -> float:
    """Wait for a lock that is held for so long. Returns the first pause."""
    clock.pauses.clear()
    until = clock.now + seconds
    for _ in attempts(60.0, "log", None, pauses):
        if clock.now >= until:
            break
    return clock.pauses[0]


def test_a_lone_other_writer_is_waited_for_in_short_pauses(clock: Clock) -> None:
    pauses = Pauses()
    for _ in range(3):
        assert wait(clock, pauses, 0.01) == 0.000_05
        clock.now += 0.1


def test_a_wait_soon_after_another_does_not_begin_with_short_pauses_again(clock: Clock) -> None:
    """Each attempt in vain takes the processor from the one that has the lock."""
    pauses = Pauses()
    firsts = [wait(clock, pauses, 0.000_4) for _ in range(20)]
    assert firsts == sorted(firsts)
    assert firsts[0] == 0.000_05
    assert 0.000_4 <= firsts[-1] <= 0.001
    assert len(clock.pauses) == 1
    assert wait(clock, Pauses(), 0.01) == 0.000_05, "that is of one lock only"


def test_a_wait_never_begins_with_more_than_a_millisecond(clock: Clock) -> None:
    """However long the last one was: a compaction may have held the lock once."""
    pauses = Pauses()
    wait(clock, pauses, 5.0)
    assert wait(clock, pauses, 0.01) <= 0.001


def test_a_wait_ends_in_time_whatever_it_remembers(clock: Clock) -> None:
    pauses = Pauses()
    wait(clock, pauses, 5.0)
    begun = clock.now
    with pytest.raises(LockTimeoutError):
        list(attempts(0.25, "log", None, pauses))
    assert clock.now - begun == pytest.approx(0.25)
