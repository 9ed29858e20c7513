"""What following costs: long lines, looks without news, descriptors."""

import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest

from journal.engines.files.storage import CHUNK
from journal.events import Set
from tests.journal.engines.follower.reader import seqs
from tests.journal.engines.follower.world import World
from tests.support import Recorder, set_event

# Long lines, long logs


def test_lines_longer_than_what_is_read_at_a_time_arrive_whole(world: World) -> None:
    follower = world.reader().follow("s")
    log = world.reader().open("s", Recorder())
    for size in (CHUNK - 400, CHUNK, 3 * CHUNK + 1):
        log.append([set_event("a", "x" * size), set_event("b", "y")])
        first, second = follower.read()
        assert isinstance(first, Set)
        assert isinstance(second, Set)
        assert len(bytes(first.state)) == size + 2
        assert bytes(second.state) == b'"y"'
    world.compact()
    assert len(seqs(world.reader().follow("s"))) == 6


def test_a_long_torn_tail_is_not_read_at_every_look(world: World) -> None:
    world.batch()
    world.put(b"\0" * (3 * CHUNK))
    reads: list[int] = []

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "read":
            reads.append(args[1])

    follower = world.reader(fault).follow("s")
    assert seqs(follower) == [1, 2, 3]
    reads.clear()
    assert seqs(follower) == []
    assert sum(reads) < 100
    world.append()
    assert seqs(follower) == [4]


def test_a_look_without_news_costs_three_calls(world: World) -> None:
    calls: list[str] = []

    def fault(name: str, args: tuple[Any, ...]) -> None:
        calls.append(name)

    world.batch()
    follower = world.reader(fault).follow("s")
    assert seqs(follower) == [1, 2, 3]
    calls.clear()
    assert seqs(follower) == []
    assert calls == ["find", "size", "read"]


# Descriptors


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Descriptors must not stay open until the garbage collector comes by."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_no_descriptor_stays_open(world: World, no_collector: None) -> None:
    world.batch()
    before = open_files()
    follower = world.reader().follow("s")
    behind = world.reader().follow("s")
    for number in range(12):
        if number % 3:
            follower.close()
        world.append_and_compact()
        if number % 4 == 0:
            world.pack()
        if number % 2:
            assert next(follower.read()).seq  # and no more of it
            follower.to_end()
        else:
            assert len(seqs(follower)) > 1
        behind = world.reader().follow("s", behind.cursor)
        assert next(behind.read()).seq == number + 1
    follower.close()
    del behind
    assert open_files() == before


def test_closing_in_the_middle_of_a_read_does_not_end_it(world: World, small_chunks: None) -> None:
    for _ in range(4):
        world.append_and_compact()
    world.batch()
    follower = world.reader().follow("s")
    seen = []
    for event in follower.read():
        seen.append(event.seq)
        follower.close()
    assert seen == list(range(1, 12))


def test_a_forked_child_reads_on_with_files_of_its_own(world: World, small_chunks: None) -> None:
    """Also in the middle of a read: the descriptor's number may be another file's by then."""
    for _ in range(6):
        world.batch()
    follower = world.reader().follow("s")
    reading = follower.read()
    assert next(reading).seq == 1
    child = os.fork()
    if child == 0:
        good = False
        try:
            for _ in range(20):
                os.open(os.devnull, os.O_RDONLY)
            good = [event.seq for event in reading] == list(range(2, 19))
            world.reader().open("s", Recorder()).append([set_event("child")])
            good = good and seqs(follower) == [19]
        finally:
            os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [event.seq for event in reading][:17] == list(range(2, 19))
    assert seqs(follower) in ([], [19])
    assert follower.cursor is not None
    assert follower.cursor.seq == 19
