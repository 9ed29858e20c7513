"""Many at once on one session: processes, threads, forks. None lost, none twice, no gap.

What each did is judged by the checker of the whole history.
"""

import multiprocessing
import os
import threading
from collections import defaultdict
from collections.abc import Callable
from multiprocessing.context import ForkContext
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journal.events import Set
from projections import DefaultSessionStore
from tests.faults.sizes import Figure, sized
from tests.faults.storms.checker import check_whole_history, events_of
from tests.faults.storms.storm import CONTEXT, check_goes_on, running
from tests.faults.storms.workers import (
    TURNS,
    Going,
    Stage,
    Writer,
    compact,
    forever,
    read,
    tail,
    work,
)

SESSION = "one"


def stage_in(folder: Path, writers: list[str], durability: str) -> Stage:
    stage = Stage(
        str(folder / "sessions"), str(folder / "deeds"), (SESSION,), tuple(writers), durability
    )
    Path(stage.deeds).mkdir()
    return stage


def ended(processes: list[Any]) -> None:
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)


# Processes

_BATCH = 10


def append_many(stage: Stage, name: str, count: int) -> None:
    """Half of them one by one, half in batches: as fast as it goes, turns over and over."""
    pad = "x" * 200
    with stage.open() as store:
        number = 0
        while number < count:
            numbers = range(number, min(number + _BATCH, count))
            states = [{"n": n, "text": pad} for n in numbers]
            turns = [TURNS[n % len(TURNS)] for n in numbers]
            if number // _BATCH % 2:
                items = [(name, turn, state) for turn, state in zip(turns, states, strict=True)]
                assert store.set_many(SESSION, items)
            else:
                for turn, state in zip(turns, states, strict=True):
                    assert store.set_runtime_state(SESSION, name, turn, state)
            number += len(states)


@sized(quick=2_000, storm=80_000, long=1_000_000)
def test_processes_append_to_one_session_while_it_is_compacted(
    tmp_path: Path, size: int, figure: Figure
) -> None:
    writers = [f"w{number}" for number in range(8)]
    stage = stage_in(tmp_path, writers, "os")
    appending = [
        CONTEXT.Process(target=append_many, args=(stage, name, size // 8)) for name in writers
    ]
    compacting = CONTEXT.Process(target=work, args=(stage, "c0"))
    with running([*appending, compacting]):
        ended(appending)
        assert compacting.is_alive(), "the compactor has ended by itself"
    numbers = defaultdict(list)
    for event in events_of(Path(stage.folder), SESSION):
        assert isinstance(event, Set)
        numbers[event.runtime_id].append(msgspec.json.decode(event.state)["n"])
    assert dict(numbers) == {name: list(range(size // 8)) for name in writers}
    archives = len(list(Path(stage.folder, "archive").iterdir()))
    assert archives > 0, "nothing was compacted meanwhile"
    check_goes_on(stage)
    figure(f"8 processes, {size:,} events, {archives:,} compactions: none lost, none twice")


# Threads


class Crew:
    """Threads whose failures are not lost."""

    def __init__(self) -> None:
        self.failures: list[BaseException] = []

    def start(self, does: Callable[..., None], *args: Any) -> threading.Thread:
        thread = threading.Thread(target=self._guarded, args=(does, *args))
        thread.start()
        return thread

    def _guarded(self, does: Callable[..., None], *args: Any) -> None:
        try:
            does(*args)
        except BaseException as error:  # noqa: BLE001 - whoever started us asserts there is none
            self.failures.append(error)


def write_some(store: DefaultSessionStore, stage: Stage, name: str, count: int) -> None:
    writer = Writer(store, stage, name)
    for _ in range(count):
        writer.step()


def write_while(store: DefaultSessionStore, stage: Stage, name: str, going: Going) -> None:
    writer = Writer(store, stage, name)
    while going():
        writer.step()


def list_and_flush(store: DefaultSessionStore, going: Going) -> None:
    while going():
        assert {info["session_id"] for info in store.list_sessions()} <= {SESSION}
        store.flush()


@sized(quick=8, storm=100, long=1_000)
@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_threads_do_everything_at_once_with_one_store(
    tmp_path: Path, size: int, durability: str, figure: Figure
) -> None:
    """32 of them: 24 write `size` times each while others read, verify, compact and tail."""
    writers = [f"w{number}" for number in range(24)]
    stage = stage_in(tmp_path, writers, durability)
    crew, going = Crew(), threading.Event()
    going.set()
    with stage.open() as store:
        others = [crew.start(read, store, stage, f"r{n}", going.is_set) for n in range(3)]
        others += [crew.start(compact, store, stage, f"c{n}", going.is_set) for n in range(2)]
        others += [crew.start(list_and_flush, store, going.is_set)]
        tails = [crew.start(tail, store, stage, f"t{n}", forever) for n in range(2)]
        joined([crew.start(write_some, store, stage, name, size) for name in writers])
        going.clear()
        joined(others)
    joined(tails)  # closing the store has ended them
    assert not crew.failures, crew.failures
    summary = check_whole_history(Path(stage.folder), Path(stage.deeds), stage.sessions)
    assert summary.acknowledged >= size * 24
    assert summary.unacknowledged == 0
    assert summary.compactions > 0
    check_goes_on(stage)
    figure(f"32 threads, durability {durability}: {summary}")


def joined(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join()


# Forks

FORK: ForkContext = multiprocessing.get_context("fork")


def write_in_child(store: DefaultSessionStore, stage: Stage, name: str, count: int) -> None:
    """With a store, files and locks that were in use when we were forked."""
    write_some(store, stage, name, count)
    store.close()


@sized(quick=6, storm=60, long=300)
@pytest.mark.parametrize("durability", ["os", "fsync"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # that is what is tested
def test_children_forked_in_the_middle_of_use_go_on_with_the_store(
    tmp_path: Path, size: int, durability: str, figure: Figure
) -> None:
    """As gunicorn does with a preloaded application: workers come and go, and are killed.

    Threads of the parent write all the time, so that at each fork some of them are in the
    middle of an append, holding every kind of lock.
    """
    children = [f"w{number}" for number in range(size)]
    parents = [f"w-parent-{number}" for number in range(3)]
    stage = stage_in(tmp_path, [*children, *parents], durability)
    crew, going = Crew(), threading.Event()
    going.set()
    with stage.open() as store:
        threads = [crew.start(write_while, store, stage, name, going.is_set) for name in parents]
        for number in range(0, size, 3):
            three = [
                FORK.Process(target=write_in_child, args=(store, stage, name, count))
                for name, count in zip(children[number:], (20, 20, 1_000_000), strict=False)
            ]
            with running(three):  # and kill the last one in the middle of its work
                ended(three[:-1])
        going.clear()
        joined(threads)
    assert not crew.failures, crew.failures
    summary = check_whole_history(Path(stage.folder), Path(stage.deeds), stage.sessions)
    assert summary.acknowledged > 20 * 2 * size / 3
    check_goes_on(stage)
    figure(f"{size} children forked in the middle of use, durability {durability}: {summary}")


def test_each_process_signs_with_its_own_id(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path) as store:
        store.set_runtime_state("s", "parent", "t", {})
        child = FORK.Process(target=store.set_runtime_state, args=("s", "child", "t", {}))
        with running([child]):
            ended([child])
    events = events_of(tmp_path, "s")
    assert [event.writer.rpartition(":")[2] for event in events] == [
        str(os.getpid()),
        str(child.pid),
    ]
