"""Followers, read while others append, fail, compact, pack, die, delete and begin anew.

`World` is a session whose writers do all that between any two system calls of a reader;
it knows from the bytes of the log alone what a reader must find.
"""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EIO, EMFILE
from pathlib import Path
from typing import Any, TypeAlias, cast

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from journal.backend import History
from journal.codec import control_line, decode_line
from journal.engines.files.directory import Directory
from journal.engines.files.follower import FileFollower
from journal.engines.files.log import FileLog, LogOptions
from journal.engines.files.storage import CHUNK, DiskStorage, Storage
from journal.engines.memory import MemoryStorage
from journal.errors import (
    CompactionError,
    CursorError,
    DamagedError,
    HistoryError,
    ReadError,
    UnsupportedFormatError,
    WrongSessionError,
)
from journal.events import Clear, Cursor, Event, Open, Set
from tests.faults.sizes import sized
from tests.support import Killed, Recorder, set_event

decode = msgspec.json.decode
Fault: TypeAlias = Callable[[str, tuple[Any, ...]], Any]


def unsynced(name: str, args: tuple[Any, ...]) -> Any:
    """A fault: syncs do nothing. They cost most of the time, and a reader sees no difference."""
    return 0 if name in ("sync", "sync_folder") else None


class Asking:
    """A storage before each call of which `fault` is asked, as by `FaultyStorage`."""

    def __init__(self, storage: Storage, fault: Fault) -> None:
        self._storage = storage
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._storage, name)

        def ask(*args: Any) -> Any:
            answer = self._fault(name, args)
            return call(*args) if answer is None else answer

        return ask


class World:
    """A session and its writers.

    `truth` has the hash of every event that was in the log to stay, by log id and seq;
    `seen` has all that a reader may have seen, with what was cut back again.
    """

    def __init__(self, folder: str, storage: Storage) -> None:
        self.folder = folder
        self.log_path = os.path.join(folder, "s.jsonl")
        self.truth: dict[str, dict[int, str]] = {}
        self.seen: set[str] = set()
        self.log_id = ""
        self.now: dict[int, str] = {}  # what is after the base of the log
        self.dropped = False
        self._storage = storage
        self._engine = self.reader()
        self._log = self._engine.open("s", Recorder())
        self._pending: tuple[int, bytes] | None = None  # where a write began; what is left of it
        self._number = 0

    def reader(self, fault: Fault = unsynced) -> Directory:
        storage = cast(Storage, Asking(self._storage, fault))
        return Directory(self.folder, LogOptions(durability="os", storage=storage))

    # The log's bytes, with nothing of what is tested

    @contextmanager
    def _opened(self) -> Iterator[int]:
        fd = self._storage.open(self.log_path, os.O_RDWR | os.O_APPEND)
        try:
            yield fd
        finally:
            self._storage.close(fd)

    @property
    def exists(self) -> bool:
        return self._storage.find(self.log_path) is not None

    @property
    def data(self) -> bytes:
        with self._opened() as fd:
            return self._storage.read(fd, self._storage.size(fd), 0)

    def put(self, data: bytes) -> None:
        with self._opened() as fd:
            self._storage.write(fd, data)

    def cut(self, size: int) -> None:
        with self._opened() as fd:
            self._storage.truncate(fd, size)

    def _note(self, *, to_stay: bool = True) -> None:
        """Look what is in the log now."""
        self._pending = None if to_stay else self._pending
        self.now = {}
        if not self.exists:
            return
        header: dict[str, Any] = {}
        for line in self.data.split(b"\n")[:-1]:
            record = decode(line)
            header = header or record
            if record.get("seq", 0) > header["base_seq"]:
                self.seen.add(record["hash"])
                self.now[record["seq"]] = record["hash"]
                if to_stay:
                    self.truth.setdefault(header["log_id"], {})[record["seq"]] = record["hash"]
        if header:
            self.log_id = header["log_id"]

    def cursor(self, seq: int) -> Cursor:
        """The place after an event of the log."""
        return Cursor(self.log_id, seq, self.truth[self.log_id][seq][:12])

    def _events(self, count: int) -> list[Event]:
        """Some turns are overwritten again and again, so that there is something dead."""
        self._number += 1
        if self._number % 5 == 0:
            return [Clear(runtime_id="other")] * count
        name = "native" if self._number % 2 else "other"
        return [set_event(f"t{n}", {"n": self._number}, name) for n in range(count)]

    # What writers do

    def append(self) -> None:
        self._log.append(self._events(1))
        self._note()

    def batch(self) -> None:
        self._log.append(self._events(3))
        self._note()

    def append_as_another(self) -> None:
        other = self._engine.open("s", Recorder())
        other.append(self._events(1))
        other.close()
        self._note()

    def compact(self, history: History = "archive") -> None:
        try:
            self._engine.compact("s", history)
        except CompactionError:
            return  # somebody has died deleting it
        self._note()

    def append_and_compact(self) -> None:
        self.append()
        self.append()
        self.compact()

    def drop(self) -> None:
        self.append()
        self.append()
        self.compact("drop")
        self.dropped = True

    def pack(self) -> None:
        self._engine.pack("s")

    def delete(self) -> None:
        self._engine.delete("s")
        self.dropped = True
        self._pending = None

    def begin_anew(self) -> None:
        self.delete()
        self.append()

    def begin_write(self, whole_lines: int = 2) -> None:
        """The first part of a batch of four is there to see, with half a line more."""
        here = self.data if self.exists else b""
        if self._pending is not None or not here.endswith(b"\n") or b'"op":"sealed"' in here:
            return
        written: list[bytes] = []

        def fault(name: str, args: tuple[Any, ...]) -> Any:
            if name != "write":
                return unsynced(name, args)
            written.append(args[1])
            return len(args[1])

        log = self.reader(fault).open("s", Recorder())
        log.append(self._events(4))
        log.close()
        (data,) = written
        cut = sum(len(line) for line in data.splitlines(True)[:whole_lines]) + 30
        self.put(data[:cut])
        self._pending = (len(here), data[cut:])
        self._note(to_stay=False)

    def write_on(self) -> None:
        """A line more of it is there to see, and half of another."""
        if self._pending is not None:
            start, rest = self._pending
            more = rest.find(b"\n", rest.find(b"\n") + 1) - 30
            if more > 0:
                self.put(rest[:more])
                self._pending = (start, rest[more:])
                self._note(to_stay=False)

    def end_write(self) -> None:
        if self._pending is not None:
            self.put(self._pending[1])
            self._note()

    def cut_back(self) -> None:
        """The write fails: all of it goes again."""
        if self._pending is not None:
            self.cut(self._pending[0])
            self._note()

    def cut_back_and_go_on(self) -> None:
        self.cut_back()
        self.append()

    def cut_back_and_go_on_longer(self) -> None:
        self.cut_back()
        self.batch()
        self.batch()

    def cut_back_and_compact(self) -> None:
        self.cut_back()
        self.append_and_compact()

    def die_compacting(self) -> None:
        """After the seal, before the rename."""
        self.append()
        self.append()
        self._die_at("rename", lambda engine: engine.compact("s"))

    def die_deleting(self) -> None:
        if self.exists:
            self._die_at("unlink", lambda engine: engine.delete("s"))
            self.dropped = True

    def _die_at(self, call: str, act: Callable[[Directory], object]) -> None:
        dead = False

        def fault(name: str, args: tuple[Any, ...]) -> Any:
            nonlocal dead
            dead = dead or name == call
            if dead and name not in ("close", "unlock"):
                raise Killed
            return unsynced(name, args)

        try:
            act(self.reader(fault))
        except Killed:
            pass
        self._note()

    def come_to_rest(self) -> None:
        self.append()

    def close(self) -> None:
        self._log.close()


class Reader:
    """A follower and everything it has yielded, with the place where it began."""

    def __init__(self, world: World, follower: FileFollower) -> None:
        self.world = world
        self.follower = follower
        self.got: list[tuple[str, Event, int]] = []
        self.forgets = False  # whether it went on from a cursor alone
        self.start = follower.cursor
        self.skipped: dict[int, str] = {}

    def read(self, most: int | None = None) -> None:
        try:
            self._read(most)
        except CursorError as error:
            self._go_on_after(error)
            self._read(most)

    def _read(self, most: int | None) -> None:
        for number, event in enumerate(self.follower.read()):
            cursor = self.follower.cursor
            assert cursor is not None
            assert cursor.seq == event.seq
            self.got.append((cursor.log_id, event, self.follower.lost))
            if number + 1 == most:
                return

    def _go_on_after(self, error: CursorError) -> None:
        """A cursor alone cannot tell an event that was cut back from one of another history."""
        assert self.forgets, "it knew which events were there to stay"
        cursor = error.cursor
        there = self.world.truth[cursor.log_id].get(cursor.seq, "none")
        assert not there.startswith(cursor.hash), f"refused without need: {error}"
        self.follower.close()
        self.follower = self.world.reader().follow("s", error.resume_after)
        self.begin_here()
        self.skipped.clear()

    def read_again_if_told(self) -> None:
        """An archive may be dropped or deleted while it is read."""
        try:
            self.read()
        except HistoryError:
            if not self.world.dropped:
                raise
            self.read()

    def begin_here(self) -> None:
        """Forget what came before."""
        self.got.clear()
        self.start = self.follower.cursor
        self.skipped = dict(self.world.now)

    def check(self) -> None:
        """Nothing twice, nothing in the wrong place, nothing missing that `lost` hides."""
        world = self.world
        hashes = [event.hash for _, event, _ in self.got]
        assert len(set(hashes)) == len(hashes), "an event came twice"
        assert set(hashes) <= world.seen, "an event was never there"
        kept = {digest for log in world.truth.values() for digest in log.values()}
        if self.forgets and not set(hashes) <= kept:
            return  # it went on from the seq of what was cut back then: there is no knowing
        log_ids = list(dict.fromkeys(log_id for log_id, _, _ in self.got))
        assert [log_id for log_id in world.truth if log_id in log_ids] == log_ids
        for log_id in log_ids:
            self._check_log(log_id, [item[1:] for item in self.got if item[0] == log_id])
        if world.truth.get(world.log_id):
            last = max(world.truth[world.log_id])
            if self.start != world.cursor(last):
                assert self.got, "nothing was read"
                assert (self.got[-1][0], self.got[-1][1].seq) == (world.log_id, last)

    def _check_log(self, log_id: str, got: list[tuple[Event, int]]) -> None:
        truth = self.world.truth[log_id]
        start, found = 0, dict[int, str]()
        if self.start is not None and self.start.log_id == log_id:
            start, found = self.start.seq, dict(self.skipped)
        told: set[int] = set()  # seqs that were said to be lost

        def is_stale(seq: int) -> bool:
            """What was yielded there has been cut back since."""
            return seq in found and found[seq] != truth.get(seq)

        place = start
        for event, lost in got:
            for seq in range(event.seq, place + 1):
                assert is_stale(seq), "it went back without need"
                del found[seq]
            first = event.seq - lost
            while lost and is_stale(first - 1):
                first -= 1  # how many, it cannot know; that it is some has to be said
            told |= set(range(first, event.seq))
            found[event.seq] = event.hash
            place = event.seq
        while is_stale(place):
            assert log_id != self.world.log_id
            place -= 1  # it was deleted before anything came in its place
        missing = {
            seq
            for seq, digest in truth.items()
            if seq <= place and (seq > start or seq in self.skipped) and found.get(seq) != digest
        }
        assert missing <= told, f"{sorted(missing)} are missing, told were {sorted(told)}"
        assert self.world.dropped or not told, "nothing was dropped, so nothing can be lost"


class Between:
    """A fault: before the calls with these numbers (from 0), something else happens."""

    def __init__(self) -> None:
        self.calls = 0
        self.plan: list[tuple[int, Callable[[], None]]] = []

    def arm(self, *plan: tuple[int, Callable[[], None]]) -> None:
        self.calls = 0
        self.plan = sorted(plan, key=lambda item: item[0])

    def __call__(self, name: str, args: tuple[Any, ...]) -> Any:
        self.calls += 1
        while self.plan and self.plan[0][0] < self.calls:
            self.plan.pop(0)[1]()
        return unsynced(name, args)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(str(tmp_path), DiskStorage())
    yield world
    world.close()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that a line or two fit: many more places for something to happen in."""
    monkeypatch.setattr("journal.engines.files.storage.CHUNK", 400)
    monkeypatch.setattr("journal.engines.files.seeking._WINDOW", 400)


def seqs(follower: FileFollower) -> list[int]:
    return [event.seq for event in follower.read()]


# Whatever happens in the middle of a read

BEGINNINGS: dict[str, list[str]] = {
    "nothing": [],
    "events": ["batch"],
    "archives": ["batch", "append_and_compact", "append_and_compact", "pack", "append"],
    "a dead compactor": ["batch", "die_compacting"],
    "a batch being written": ["batch", "begin_write"],
}
EVENTS = [
    *("append", "batch", "append_and_compact", "drop", "pack", "die_compacting"),
    *("begin_anew", "die_deleting"),
    *("begin_write", "end_write", "cut_back_and_go_on", "cut_back_and_go_on_longer"),
    "cut_back_and_compact",
]


def follow_through(beginning: str, reader_was: str, happens: str, size: int) -> None:
    """Read while something happens before one of the calls, again for every `size`th of them."""
    first = len(beginning + reader_was + happens) % size  # not the same ones each time
    for call in range(first, 100, size):
        between = Between()
        world = World("/memory", MemoryStorage())
        reader = Reader(world, world.reader(between).follow("s"))
        for act in BEGINNINGS[beginning]:
            getattr(world, act)()
        if reader_was != "new":
            reader.read()
        if reader_was in ("closed", "behind"):
            reader.follower.close()
        if reader_was == "behind":
            world.append_and_compact()
            world.append_and_compact()
        between.arm((call, getattr(world, happens)))
        reader.read_again_if_told()
        if between.plan:
            return  # the read had fewer calls
        world.come_to_rest()
        reader.read()
        reader.check()
    raise AssertionError("a read of so little takes fewer calls")


@sized(quick=4, storm=1)
@pytest.mark.parametrize("happens", EVENTS)
@pytest.mark.parametrize("reader_was", ["new", "open", "closed"])
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_nothing_is_missed_or_repeated_whatever_happens_during_a_read(
    beginning: str, reader_was: str, happens: str, size: int, small_chunks: None
) -> None:
    follow_through(beginning, reader_was, happens, size)


@sized(quick=4, storm=1)
@pytest.mark.parametrize("happens", EVENTS)
@pytest.mark.parametrize("beginning", ["events", "a batch being written"])
def test_nothing_is_missed_or_repeated_by_a_follower_that_has_to_catch_up(
    beginning: str, happens: str, size: int, small_chunks: None
) -> None:
    follow_through(beginning, "behind", happens, size)


@pytest.mark.parametrize("chunk", [400, CHUNK])
def test_what_is_cut_back_and_replaced_between_two_calls_is_read(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest line is still in its place when that is asked, but not when the rest is
    read."""
    monkeypatch.setattr("journal.engines.files.storage.CHUNK", chunk)
    for call in range(10):
        between = Between()
        world = World("/memory", MemoryStorage())
        reader = Reader(world, world.reader(between).follow("s"))
        world.batch()
        world.begin_write(1)
        reader.read()
        world.write_on()
        between.arm((call, world.cut_back_and_go_on_longer))
        reader.read()
        if between.plan:
            break
        reader.read()
        reader.check()


# Any order of anything, with several followers

ACTS = [
    *(*EVENTS, "append_as_another", "compact", "delete", "cut_back"),
    *("begin_write", "begin_write", "begin_write", "write_on", "write_on"),
    *("cut_back_and_compact", "cut_back_and_go_on_longer"),
]
acts = st.sampled_from(ACTS)
plans = st.lists(st.tuples(st.integers(0, 15), acts), max_size=3)


class FollowerMachine(RuleBasedStateMachine):
    """Followers with different habits; each has to come to the same."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.between = Between()
        self.world = World("/memory", MemoryStorage())
        self.engine = self.world.reader(self.between)
        self.often, self.seldom, self.closing, self.restarting, self.skipping = self.readers = [
            Reader(self.world, self.engine.follow("s")) for _ in range(5)
        ]
        self.restarting.forgets = True

    @initialize(chunk=st.integers(300, 900))
    def read_in_chunks(self, chunk: int) -> None:
        self.patch.setattr("journal.engines.files.storage.CHUNK", chunk)
        self.patch.setattr("journal.engines.files.seeking._WINDOW", chunk)

    @rule(act=acts)
    def write(self, act: str) -> None:
        getattr(self.world, act)()

    @rule()
    def read_often(self) -> None:
        self.often.read()

    @rule(plan=plans)
    def read_while_things_happen(self, plan: list[tuple[int, str]]) -> None:
        self._read(self.often, plan)

    @rule(plan=plans)
    def read_then_close(self, plan: list[tuple[int, str]]) -> None:
        self._read(self.closing, plan)
        self.closing.follower.close()

    @rule(plan=plans)
    def read_after_a_restart(self, plan: list[tuple[int, str]]) -> None:
        self._read(self.restarting, plan)
        self.restarting.follower.close()
        self.restarting.follower = self.engine.follow("s", self.restarting.follower.cursor)

    @rule(reader=st.integers(0, 4), most=st.integers(1, 4))
    def give_up_in_the_middle(self, reader: int, most: int) -> None:
        self.readers[reader].read(most)

    @rule()
    def skip(self) -> None:
        self.skipping.follower.to_end()
        self.skipping.begin_here()

    def _read(self, reader: Reader, plan: list[tuple[int, str]]) -> None:
        self.between.arm(*((call, getattr(self.world, act)) for call, act in plan))
        reader.read_again_if_told()
        self.between.arm()

    def teardown(self) -> None:
        self.patch.undo()
        self.world.come_to_rest()
        for reader in self.readers:
            reader.read()
            reader.check()


TestFollowers = FollowerMachine.TestCase
TestFollowers.settings = settings(stateful_step_count=25, derandomize=True)


# One thing at a time


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
    world.put(control_line(msgspec.structs.replace(known, format=2, hash="")) + b"".join(events))
    assert seqs(world.reader().follow("s")) == [1, 2, 3]
    world.cut(0)
    world.put(b'{"op":"open","format":2,"new":"layout"}\n{"new":1}\n')
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


# Skipping


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
