"""Followers, one thing at a time."""

import os
from errno import EIO, EMFILE
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journal.codec import NEWEST, control_line, decode_line
from journal.engines.files.follower import FileFollower
from journal.engines.files.log import FileLog
from journal.engines.memory import MemoryStorage
from journal.errors import (
    CursorError,
    DamagedError,
    ReadError,
    UnsupportedFormatError,
    WrongSessionError,
)
from journal.events import Clear, Cursor, Event, Open, Set
from tests.journal.engines.follower.reader import Between, seqs
from tests.journal.engines.follower.world import World
from tests.support import Recorder, set_event


@pytest.mark.parametrize("lives", [1, 2])
def test_a_session_whose_deletion_is_unfinished_is_there_for_no_new_follower(
    world: World, lives: int
) -> None:
    """Whether it knows nothing yet, or another log of that session. The next one is all new."""
    engine = world.reader()
    after = None
    for _ in range(lives):
        after = world.cursor(3) if world.log_id else None
        world.begin_anew()
        world.batch()
    inside = engine.follow("s")
    next(iter(inside.read()))
    fresh = engine.follow("s", after)
    world.die_deleting()
    assert world.exists
    assert (seqs(fresh), fresh.cursor) == ([], after)
    assert seqs(inside) == [2, 3, 4]  # of what it was in the middle of, it misses nothing
    world.append()
    assert seqs(fresh) == seqs(inside) == [1]


def test_a_deletion_that_is_taken_back_takes_nothing_from_a_new_follower(world: World) -> None:
    world.batch()
    size = len(world.data)
    world.die_deleting()
    fresh = world.reader().follow("s")
    assert seqs(fresh) == []
    world.cut(size)
    assert seqs(fresh) == [1, 2, 3]


def test_with_the_file_open_nothing_is_lost_to_a_compaction_that_drops() -> None:
    """Whenever it comes: a file is read to its end before it is left."""
    for call in range(100):
        between = Between()
        world = World("/memory", MemoryStorage())
        log = world.reader().open("s", Recorder())
        follower = world.reader(between).follow("s")
        log.append([set_event("a")])
        assert seqs(follower) == [1]
        log.append([set_event("a")])

        def drop(world: World = world, log: FileLog = log) -> None:
            log.append([set_event("a"), set_event("a")])
            world.reader().compact("s", "drop")

        between.arm((call, drop))
        found = [(event.seq, follower.lost) for event in follower.read()]
        if between.plan:
            return
        found += [(event.seq, follower.lost) for event in follower.read()]
        assert found == [(2, 0), (3, 0), (4, 0)]


def test_what_came_before_a_log_of_which_nothing_lives_is_read(world: World) -> None:
    log = world.reader().open("s", Recorder())
    log.append([set_event("a"), Clear()])
    follower = world.reader().follow("s")
    world.compact()
    assert seqs(follower) == [1, 2]
    assert seqs(follower) == []


def cut_back_under(world: World, follower: FileFollower) -> FileLog:
    """The follower has read events 4 and 5, which are then cut back. Returns a writer."""
    world.batch()
    world.begin_write()
    assert seqs(follower) == [1, 2, 3, 4, 5]
    follower.close()
    world.cut_back()
    return world.reader().open("s", Recorder())


def test_what_took_the_place_of_what_was_cut_back_is_read_from_archives(world: World) -> None:
    """Also when it is overwritten in those that are no older than the follower's place."""
    follower = world.reader().follow("s")
    log = cut_back_under(world, follower)
    for count in (2, 3):
        log.append([set_event("a")] * count)
        world.reader().compact("s")
    found = [(event.seq, follower.lost) for event in follower.read()]
    assert found == [(seq, 0) for seq in range(4, 9)]


@pytest.mark.parametrize("last", [set_event("a"), Clear()])
def test_when_that_was_dropped_it_is_said_to_be_lost(world: World, last: Event) -> None:
    follower = world.reader().follow("s")
    log = cut_back_under(world, follower)
    log.append([set_event("a"), last])
    world.reader().compact("s", "drop")
    log.append([set_event("b")])
    found = [(event.seq, follower.lost) for event in follower.read()]
    assert found == ([(6, 1)] if isinstance(last, Clear) else [(5, 1), (6, 0)])


@pytest.mark.parametrize("call", range(4))
def test_what_took_its_place_is_read_even_if_it_ends_where_we_read(call: int) -> None:
    """Of the new events only one that seems to be an old one is in the bytes we read."""
    between = Between()
    world = World("/memory", MemoryStorage())
    follower = world.reader(between).follow("s")
    world.batch()
    start = len(world.data)
    world.begin_write(2)
    assert seqs(follower) == [1, 2, 3, 4, 5]
    end = len(world.data) - 30  # of what was read
    world.write_on()
    size = len(world.data)

    def go_on() -> None:
        world.cut_back()
        log = world.reader().open("s", Recorder())
        log.append([set_event("new", "x" * (end - start - 200))])
        assert end < len(world.data)
        log.append([set_event("new", "x")])
        assert len(world.data) < size

    between.arm((call, go_on))
    events = [*follower.read(), *follower.read()]
    new = [event.seq for event in events if isinstance(event, Set) and event.turn_id == "new"]
    assert new == [4, 5]


def test_nothing_comes_again_when_a_file_with_a_gap_is_read_anew(world: World) -> None:
    for _ in range(3):
        world.batch()
    data = world.data
    place = data.index(b'"seq":3')
    damaged = data[:place] + b"X" + data[place + 1 :]
    world.cut(0)
    world.put(damaged)
    follower = world.reader().follow("s")
    assert seqs(follower) == [1, 2, 4, 5, 6, 7, 8, 9]
    copy = world.log_path + ".copy"
    Path(copy).write_bytes(damaged)
    os.rename(copy, world.log_path)
    assert seqs(follower) == []


@pytest.mark.parametrize("how", ["written over", "put in its place"])
def test_a_refused_cursor_is_good_again_once_the_log_that_was_read_is_back(
    world: World, how: str
) -> None:
    world.batch()
    size = len(world.data)
    world.batch()
    read, after = world.data, world.cursor(6)
    world.cut(size)
    world.reader().open("s", Recorder()).append([set_event("other")] * 3)
    follower = world.reader().follow("s", after)
    for _ in range(2):
        with pytest.raises(CursorError):
            seqs(follower)
    if how == "written over":
        world.cut(0)
        world.put(read)
    else:
        follower.close()  # as of one that was idle
        copy = world.log_path + ".copy"
        Path(copy).write_bytes(read)
        os.rename(copy, world.log_path)
    world.append()
    assert [(event.seq, follower.lost) for event in follower.read()] == [(7, 0)]


def test_a_cursor_that_a_half_written_copy_does_not_reach_is_good_once_it_is_whole(
    world: World,
) -> None:
    for _ in range(3):
        world.batch()
    whole, after = world.data, world.cursor(9)
    for end in range(1, len(whole), len(whole) // 7):
        world.cut(0)
        world.put(whole[:end])
        follower = world.reader().follow("s", after)
        try:
            seqs(follower)
        except CursorError:
            pass  # it lies ahead of what is there
        world.put(whole[end:])
        world.append()
        assert [(event.seq, follower.lost) for event in follower.read()] == [(10, 0)]
        world.cut(len(whole))
        follower.close()


def test_an_event_of_the_same_length_in_place_of_one_cut_back_is_read(world: World) -> None:
    world.append()
    follower = world.reader().follow("s")
    size = len(world.data)
    for turn in ("one", "two", "six"):
        log = world.reader().open("s", Recorder())
        log.append([set_event(turn)])
        log.close()
        (event,) = [event for event in follower.read() if event.seq == 2]
        assert isinstance(event, Set)
        assert event.turn_id == turn
        world.cut(size)


def test_of_a_batch_that_was_cut_back_everything_is_read_again_however_long_it_was(
    world: World,
) -> None:
    world.append()
    size = len(world.data)
    world.reader().open("s", Recorder()).append([set_event(str(n)) for n in range(3000)])
    follower = world.reader().follow("s")
    assert seqs(follower) == list(range(1, 3002))
    world.cut(size)
    world.batch()
    assert seqs(follower) == [2, 3, 4]


def test_what_is_remembered_of_a_long_log_is_bounded(world: World) -> None:
    log = world.reader().open("s", Recorder())
    follower = world.reader().follow("s")
    for number in range(1500):
        log.append([set_event("a", {"n": number})])
    assert len(seqs(follower)) == 1500
    assert len(follower._position._hashes) <= 1001


def test_damage_in_what_comes_next_hides_nothing_and_repeats_nothing(world: World) -> None:
    """It makes a follower read the file once more from its beginning."""
    world.batch()
    follower = world.reader().follow("s")
    assert seqs(follower) == [1, 2, 3]
    world.append()
    world.append()
    data = world.data
    place = data.index(b'"seq":4')
    world.cut(place)
    world.put(b"X" + data[place + 1 :])
    assert [(event.seq, follower.lost) for event in follower.read()] == [(5, 1)]
    world.reader().open("s", Recorder()).append([set_event("a")])
    assert [(event.seq, follower.lost) for event in follower.read()] == [(6, 0)]


def test_without_a_header_all_events_are_read_and_the_cursor_goes_on(world: World) -> None:
    world.batch()
    follower = world.reader().follow("s")
    assert seqs(follower) == [1, 2, 3]
    world.append()
    data = world.data
    world.cut(0)
    world.put(b"X" + data[1:])
    assert seqs(follower) == [4]
    assert follower.cursor == world.cursor(4)
    assert seqs(world.reader().follow("s")) == [1, 2, 3, 4]
    late = world.reader().follow("s", Cursor(world.log_id, 2))
    assert seqs(late) == [3, 4]
    late.to_end()
    assert late.cursor == world.cursor(4)


def test_a_log_cut_down_to_nothing_and_begun_again_is_another_log(world: World) -> None:
    world.batch()
    follower = world.reader().follow("s")
    assert seqs(follower) == [1, 2, 3]
    world.cut(0)
    assert seqs(follower) == []
    world.reader().open("s", Recorder()).append([set_event("new")])
    assert seqs(follower) == [1]


def test_what_is_no_log_is_an_error_each_time_and_what_follows_is_read(world: World) -> None:
    world.batch()
    data = world.data
    world.cut(0)
    world.put(b"this is no journal\n")
    follower = world.reader().follow("s")
    for _ in range(2):
        with pytest.raises(DamagedError):
            seqs(follower)
    world.cut(0)
    world.put(data)
    assert seqs(follower) == [1, 2, 3]


def test_a_log_of_another_session_is_refused_by_reading_and_by_skipping(world: World) -> None:
    world.batch()
    os.rename(world.log_path, os.path.join(world.folder, "x.jsonl"))
    follower = world.reader().follow("x")
    for attempt in (follower.read, follower.to_end) * 2:
        with pytest.raises(WrongSessionError):
            list(attempt() or ())
    assert follower.cursor is None


def test_events_of_a_newer_format_are_read_as_far_as_they_can_be(world: World) -> None:
    world.batch()
    header, *events = world.data.splitlines(True)
    known = decode_line(header[:-1])
    assert isinstance(known, Open)
    world.cut(0)
    world.put(
        control_line(msgspec.structs.replace(known, format=NEWEST + 1, hash="")) + b"".join(events)
    )
    assert seqs(world.reader().follow("s")) == [1, 2, 3]
    world.cut(0)
    world.put(b'{"op":"open","format":%d,"new":"layout"}\n{"new":1}\n' % (NEWEST + 1))
    with pytest.raises(UnsupportedFormatError):
        seqs(world.reader().follow("s"))


@pytest.mark.parametrize("call", ["open", "identify", "size", "read", "find"])
def test_an_error_while_reading_is_told_and_the_next_read_goes_on(world: World, call: str) -> None:
    world.batch()
    failing = False

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if failing and name == call:
            raise OSError(EIO, "no")

    follower = world.reader(fault).follow("s")
    reading = follower.read()
    assert next(reading).seq == 1
    assert [event.seq for event in reading] == [2, 3]
    for _ in range(2):
        world.append()
        follower.close()
        failing = True
        for attempt in (follower.read, follower.to_end):
            with pytest.raises(ReadError, match=r"s\.jsonl"):
                list(attempt() or ())
        failing = False
        assert len(seqs(follower)) == 1


def test_an_archive_that_cannot_be_read_just_now_is_not_given_up(world: World) -> None:
    """`lost` is for good; what the operating system refuses may be there next time."""
    world.batch()
    world.append_and_compact()
    failing = True

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if failing and name == "open" and "/archive/" in args[0]:
            raise OSError(EMFILE, "no")

    follower = world.reader(fault).follow("s")
    with pytest.raises(ReadError, match="archive/s"):
        seqs(follower)
    failing = False
    assert seqs(follower) == [1, 2, 3, 4, 5]
