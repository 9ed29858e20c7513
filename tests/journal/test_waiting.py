"""How long a lock is waited for."""

from itertools import islice
from time import monotonic

import pytest

from journal.errors import LockTimeoutError
from journal.waiting import attempts, waiting_since


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
