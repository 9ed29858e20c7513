"""Sessions in memory: one costs the same beside ten others as beside thousands."""

import os
import threading

import pytest

from journal.config import SessionConfig
from journal.engines.memory import MemoryDirectory, MemoryStorage
from projections import DefaultSessionStore
from tests.growth.counting import steps


def store_with(sessions: int) -> DefaultSessionStore:
    config = SessionConfig(persist=False, mirror_runtime_state=True)
    store = DefaultSessionStore(config=config, auto_compact=False, max_open=10_000)
    for number in range(sessions):
        store.set_runtime_state(f"s-{number}", "native", "turn", {"n": 0})
    return store


@pytest.mark.parametrize("name", ["set", "get", "clear"])
def test_a_call_takes_the_same_steps_however_many_sessions_there_are(name: str) -> None:
    def cost(sessions: int) -> int:
        store = store_with(sessions)
        calls = {
            "set": lambda: store.set_runtime_state("s-1", "native", "turn", {"n": 1}),
            "get": lambda: store.get_runtime_state("s-1", "native", "turn"),
            "clear": lambda: store.clear_runtime_state("s-1", "native"),
        }
        store.get_runtime_state("s-1", "native")  # the look at the path is not due
        return steps(calls[name])

    assert abs(cost(400) - cost(200)) < 20


def test_what_a_watcher_does_after_one_change_does_not_grow_with_the_sessions() -> None:
    def cost(sessions: int) -> int:
        storage = MemoryDirectory()._memory
        for number in range(sessions):
            create(storage, f"/memory/{number}.jsonl")
        seen = storage.changes
        create(storage, "/memory/1.jsonl")
        found: list[str] = []
        count = steps(lambda: found.extend(storage.changed_since(seen)))
        assert found == ["/memory/1.jsonl"]
        return count

    assert cost(400) == cost(200)


def test_a_deleted_file_leaves_nothing_behind() -> None:
    storage = MemoryStorage()
    for number in range(2000):
        create(storage, f"/memory/{number}.jsonl")
        storage.unlink(f"/memory/{number}.jsonl")
    assert len(storage.changed_since(0)) < 100


def test_a_deletion_is_news_too() -> None:
    storage = MemoryStorage()
    create(storage, "/memory/s.jsonl")
    seen = storage.changes
    storage.unlink("/memory/s.jsonl")
    assert storage.changed_since(seen) == ["/memory/s.jsonl"]


def test_each_name_of_a_changed_file_is_news() -> None:
    storage = MemoryStorage()
    create(storage, "/memory/a.jsonl")
    storage.link("/memory/a.jsonl", "/memory/b.jsonl")
    storage.rename("/memory/a.jsonl", "/memory/c.jsonl")
    seen = storage.changes
    create(storage, "/memory/c.jsonl")
    assert sorted(storage.changed_since(seen)) == ["/memory/b.jsonl", "/memory/c.jsonl"]


def test_a_change_wakes_whoever_waits_for_one() -> None:
    storage = MemoryStorage()
    woken = threading.Event()

    def wait() -> None:
        with storage.news:
            storage.news.wait_for(lambda: storage.changed_since(0))
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    create(storage, "/memory/s.jsonl")
    assert woken.wait(10)
    thread.join()


def create(storage: MemoryStorage, path: str) -> None:
    """Make a file, or write to it."""
    fd = storage.open(path, os.O_CREAT | os.O_RDWR)
    storage.write(fd, b"line\n")
    storage.close(fd)
