"""What a usual call of a store costs in calls of functions written in Python.

Next to the system calls, the encoding and the hashes, which the guarantees ask for, these are
what its time is made of: a call and the dozen steps in it take a fifth of a microsecond. The
bounds are what is there now. Who needs one more call says here what for.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from journal import Limits
from projections import DefaultSessionStore
from tests.growth.counting import Calls, calls

STATE = {"status": "completed", "tool_calls": [{"id": "call-1", "name": "search"}]}
TURNS = 100


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DefaultSessionStore]:
    """A store with a session that is open. Nothing exceeds its limits."""
    limits = Limits(turn_bytes=1 << 20, runtime_bytes=1 << 30)
    with DefaultSessionStore(
        tmp_path, durability="os", limits=limits, auto_compact=False
    ) as store:
        store.set_many("s", turns("first", TURNS))
        yield store


def turns(name: str, count: int) -> list[tuple[str, str, dict[str, Any]]]:
    return [("native", f"{name}-{number}", STATE) for number in range(count)]


def usual(call: Callable[[], object]) -> Calls:
    """The fewest of some: now and then a session file is due, or a second is over."""
    return min(calls(call) for _ in range(10))


def test_a_set_makes_few_calls(store: DefaultSessionStore) -> None:
    """1 is the store's, 5 make an event of the state (6 without hyperscan), 6 lead through the
    session to the log, 4 lock and look at the file, 5 make the line, 2 write it and unlock, 6
    take note of it and fold it, 2 look what else is due: 31 or 32.
    """
    found = usual(lambda: store.set_runtime_state("s", "native", "turn", STATE))
    assert found.number <= 32
    assert found.depth <= 10


def test_a_get_makes_few_calls(store: DefaultSessionStore) -> None:
    """The store's, the session's, the log's and the view's, and one of the storage."""
    found = usual(lambda: store.get_runtime_state("s", "native", "first-1"))
    assert found.number <= 7
    assert found.depth <= 4


def test_a_set_of_many_makes_few_calls_for_each(store: DefaultSessionStore) -> None:
    """5 make an event of the state (6 without hyperscan), 3 make the line, 3 fold it."""

    def count(many: int) -> int:
        items = turns("next", many)
        return usual(lambda: store.set_many("s", items)).number

    assert count(2 * TURNS) - count(TURNS) <= 12 * TURNS
