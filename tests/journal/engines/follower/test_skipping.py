"""Followers that begin at the end."""

import pytest

from journal.engines.files.storage import CHUNK
from journal.events import Clear
from tests.journal.engines.follower.reader import seqs
from tests.journal.engines.follower.world import World
from tests.support import Recorder, set_event


def test_skipping_goes_to_the_end_of_the_log_that_is_there_now(world: World) -> None:
    world.batch()
    follower = world.reader().follow("s")
    assert seqs(follower) == [1, 2, 3]
    world.append_and_compact()
    world.append()
    follower.to_end()
    assert follower.cursor == world.cursor(6)
    assert seqs(follower) == []
    world.begin_anew()
    world.append()
    follower.to_end()
    assert follower.cursor == world.cursor(2)


@pytest.mark.parametrize("log", ["whole", "compacted", "without a header"])
def test_what_takes_the_place_of_skipped_events_that_are_cut_back_is_read(
    world: World, log: str
) -> None:
    world.batch()
    if log == "compacted":
        world.append_and_compact()
    seq, size = max(world.truth[world.log_id]), len(world.data)
    world.begin_write(3)
    if log == "without a header":
        data = world.data
        world.cut(0)
        world.put(b"X" + data[1:])
    follower = world.reader().follow("s")
    follower.to_end()
    assert follower.cursor is not None
    assert follower.cursor.seq == seq + 3
    world.cut(size)
    world.reader().open("s", Recorder()).append([set_event("a")] * 4)
    assert seqs(follower) == [seq + 1, seq + 2, seq + 3, seq + 4]


def test_skipping_knows_the_end_of_any_log(world: World) -> None:
    """Ends that cannot be told from the last lines: sealed, torn, empty, very long."""
    follower = world.reader().follow("s")

    def check_skipping(seq: int) -> None:
        follower.to_end()
        assert follower.cursor is not None
        assert (follower.cursor.log_id, follower.cursor.seq) == (world.log_id, seq)
        assert seqs(follower) == []

    world.batch()
    world.put(b'{"seq":4,"ts":')
    check_skipping(3)
    world.die_compacting()
    check_skipping(5)
    log = world.reader().open("s", Recorder())
    log.append([Clear()])
    world.compact()
    check_skipping(6)
    log.append([set_event("a", "x" * 3 * CHUNK)])
    check_skipping(7)
    for number in range(300):
        log.append([set_event(str(number), "x" * 10_000)])
    check_skipping(307)
    log.append([set_event("a")])
    world.compact()
    check_skipping(308)
    world.append()
    assert [(event.seq, follower.lost) for event in follower.read()] == [(309, 0)]
