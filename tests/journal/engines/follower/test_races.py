"""Followers, read while others append, fail, compact, pack, die, delete and begin anew."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from journal.engines.files.storage import CHUNK
from journal.engines.memory import MemoryStorage
from tests.faults.sizes import sized
from tests.journal.engines.follower.reader import Between, Reader
from tests.journal.engines.follower.world import World

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
