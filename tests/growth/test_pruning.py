"""Pruning a folder: what a session costs does not grow with the others."""

from collections import Counter
from pathlib import Path
from typing import Any

from journal import Prune
from projections import DefaultSessionStore
from tests.growth.counting import calls
from tests.support import FaultyStorage

ALL = Prune(keep_last=0)
BATCH = 128  # sessions whose syncs of the folders are shared


def folder_of(path: Path, sessions: int) -> str:
    """Sessions with a session file, every tenth with history."""
    with DefaultSessionStore(path, durability="os") as store:
        for number in range(sessions):
            for status in ("open", "completed"):
                store.set_runtime_state(f"s-{number}", "native", "turn", {"status": status})
            if number % 10 == 0:
                store.compact(f"s-{number}")
    return str(path)


def storage_calls(path: Path, sessions: int) -> Counter[str]:
    """The calls of the operating system that pruning all of them makes, by name."""
    made: Counter[str] = Counter()

    def count(name: str, _args: tuple[Any, ...]) -> None:
        made[name] += 1

    folder = folder_of(path, sessions)
    with DefaultSessionStore(folder, storage=FaultyStorage(count)) as store:
        made.clear()
        assert len(store.prune(ALL).pruned) == sessions
        return Counter(made)


def test_a_session_more_costs_a_few_calls_of_the_system_and_no_listing(tmp_path: Path) -> None:
    """About 48 of them, of which one is a sync; folders are synced and listed for many."""
    few, many = (storage_calls(tmp_path / str(n), n) for n in (BATCH, 2 * BATCH))
    more = {name: (many[name] - few[name]) / BATCH for name in many}
    assert sum(more.values()) <= 55, more
    assert more["sync"] == 1
    assert more["sync_folder"] <= 3 / BATCH
    for listing in ("list", "names", "names_of", "own_names"):
        assert many[listing] == few[listing], listing


def test_a_session_more_takes_few_steps(tmp_path: Path) -> None:
    """About 445 calls of functions written in Python, to look at it and to delete it."""

    def cost(sessions: int) -> int:
        folder = folder_of(tmp_path / str(sessions), sessions)
        with DefaultSessionStore(folder) as store:
            return calls(lambda: store.prune(ALL)).number

    assert cost(2 * BATCH) - cost(BATCH) <= 480 * BATCH
