"""Fewer files may be open than there are sessions: idle logs make room for those in use."""

import gc
import json
import os
import resource
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import pytest

from journal.engines.files.storage import DiskStorage
from journal.errors import AppendError, ReadError
from journal.room import Answer, Holder, make_room, offer, try_again
from projections import DefaultSessionStore
from tests.faults.sizes import Figure, sized
from tests.support import FaultyStorage, finish, python

EMFILE, ENFILE, ENOENT = 24, 23, 2


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No store of another test has anything to close."""
    holders: weakref.WeakSet[Holder] = weakref.WeakSet()
    monkeypatch.setattr("journal.room._holders", holders)


TAILED = """
import json, resource, sys, threading
from projections import DefaultSessionStore

folder, sessions, late = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
writer = DefaultSessionStore(folder, durability="os")
for number in range(sessions):
    writer.set_many(f"s-{number}", [("agent", f"turn-{n}", {"n": n}) for n in range(3)])

def write():
    for number in range(late):
        writer.set_runtime_state(f"s-{number * 7 % sessions}", "agent", f"late-{number}", {})

found = {}
with DefaultSessionStore(folder) as reader, reader.tail(from_start=True) as tail:
    thread = threading.Thread(target=write)
    thread.start()
    for number, arrival in enumerate(tail, start=1):
        found.setdefault(arrival.session_id, []).append(arrival.event.seq)
        if number == 3 * sessions + late:
            break
    thread.join()
    again = reader.get_runtime_state("s-0", "agent", "turn-1")
    listed = len(reader.list_sessions())
writer.close()
print(json.dumps({"found": found, "again": again, "listed": listed}))
"""


@sized(quick=200, storm=3000)
def test_a_tail_of_many_sessions_under_a_limit_of_64(
    tmp_path: Path, size: int, figure: Figure
) -> None:
    """Nothing missing, nothing twice, while another store of the process writes to all."""
    late = size // 4
    (output,) = finish([python(TAILED, str(tmp_path / "s"), str(size), str(late))])
    ended = json.loads(output)
    assert ended["again"] == {"n": 1}
    assert ended["listed"] == size == len(ended["found"])
    for session, seqs in ended["found"].items():
        assert seqs == list(range(1, len(seqs) + 1)), session
    assert sum(map(len, ended["found"].values())) == 3 * size + late
    figure(f"{3 * size + late:,} events of {size:,} sessions tailed with 64 open files")


AWAITED = """
import asyncio, resource, sys
from projections import AsyncSessionStore, DefaultSessionStore

async def main():
    store = AsyncSessionStore(DefaultSessionStore(sys.argv[1], durability=sys.argv[2]))
    calls = [
        store.set_runtime_state(f"s-{n % 100}", "agent", f"turn-{n}", {"n": n}) for n in range(300)
    ]
    assert await asyncio.gather(*calls) == [True] * 300
    views = await asyncio.gather(*[store.get_runtime_state(f"s-{n}", "agent") for n in range(100)])
    print(sorted(state["n"] for view in views for state in view.values()) == list(range(300)))
    await store.close()

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
asyncio.run(main())
"""


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_an_event_loop_with_more_sessions_than_open_files(tmp_path: Path, durability: str) -> None:
    assert finish([python(AWAITED, str(tmp_path / "s"), durability)]) == ["True\n"]


@pytest.fixture
def limit() -> Iterator[int]:
    """Few more open files than there are already."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = max(map(int, os.listdir("/proc/self/fd"))) + 40
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, before[1]))
    yield allowed
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def take_all() -> list[int]:
    """Every number that is free."""
    taken = []
    while True:
        try:
            taken.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            return taken


def let_go(taken: list[int]) -> None:
    for fd in taken:
        os.close(fd)


def test_logs_that_nobody_uses_are_closed_for_those_that_are(tmp_path: Path, limit: int) -> None:
    """Also when all that is left is taken by the program itself."""
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for number in range(6):
            store.set_runtime_state(f"s-{number}", "agent", "turn", {"n": number})
        taken = take_all()
        try:
            for number in range(12):
                store.set_runtime_state(f"s-{number}", "agent", "turn", {"n": number})
                assert store.get_runtime_state(f"s-{number % 3}", "agent", "turn")
            assert len(store.list_sessions()) == 12
            assert store.verify("s-0").problems == []
        finally:
            let_go(taken)


def test_where_nothing_can_be_closed_the_error_says_what_to_do(tmp_path: Path, limit: int) -> None:
    with DefaultSessionStore(tmp_path / "old", durability="os") as store:
        store.set_runtime_state("s", "agent", "turn", {"n": 1})
    with DefaultSessionStore(tmp_path / "old") as reader, DefaultSessionStore(tmp_path) as writer:
        taken = take_all()
        try:
            with pytest.raises(ReadError, match=rf"may have {limit} open.*ulimit -n") as reading:
                reader.get_runtime_state("s", "agent")
            with pytest.raises(AppendError, match=r"ulimit -n") as writing:
                writer.set_runtime_state("s", "agent", "turn", {})
        finally:
            let_go(taken)
        assert reading.value.errno == writing.value.errno == EMFILE
        assert reader.get_runtime_state("s", "agent") == {"turn": {"n": 1}}
        assert writer.set_runtime_state("s", "agent", "turn", {}) is True


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_with_any_number_of_files_left_it_is_done_or_said(
    tmp_path: Path, limit: int, durability: Literal["os", "fsync"]
) -> None:
    """Whichever of a call's files is the first one too many."""
    done = 0
    errors: list[OSError] = []
    for spare in range(6):
        folder = tmp_path / str(spare)
        with DefaultSessionStore(folder, durability=durability) as store:
            taken = take_all()
            let_go(taken[:spare])
            try:
                for session in ("a", "b"):
                    store.set_runtime_state(session, "agent", "turn", {"n": spare})
                    store.flush()
                    assert store.get_runtime_state(session, "agent") == {"turn": {"n": spare}}
                    done += 1
            except OSError as error:
                errors.append(error)
            finally:
                let_go(taken[spare:])
            assert store.verify("a").problems == []
            assert store.set_runtime_state("a", "agent", "turn", {"n": spare}) is True
    assert done >= 2
    assert errors
    assert {each.errno for each in errors} == {EMFILE}
    assert all("ulimit -n" in str(each) for each in errors)


def test_a_store_leaves_most_of_the_numbers_to_the_program(tmp_path: Path, limit: int) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for number in range(limit):
            store.set_runtime_state(f"s-{number}", "agent", "turn", {})
        taken = take_all()
        let_go(taken)
    assert len(taken) >= 40 - limit // 4


def cost_of_a_tail(folder: Path, sessions: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many calls it takes to read all of so many sessions, and then an event of each."""
    calls: Counter[str] = Counter()
    with DefaultSessionStore(folder, durability="os") as writer:
        for number in range(sessions):
            writer.set_runtime_state(f"s-{number}", "agent", "turn", {})
        storage = FaultyStorage(lambda name, args: calls.update((name,)))
        with DefaultSessionStore(folder, storage=storage) as reader:
            tail = reader.tail(from_start=True)
            everything = frozenset(f"s-{number}" for number in range(sessions))
            news = [everything, everything, everything]
            monkeypatch.setattr(tail._backend, "watch", lambda stop: iter(news))
            assert len(list(tail)) == sessions
            tail.close()
    return calls


def test_what_a_tail_costs_grows_with_the_sessions_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journal.room.limit", lambda: 64)
    small = cost_of_a_tail(tmp_path / "small", 100, monkeypatch)
    large = cost_of_a_tail(tmp_path / "large", 200, monkeypatch)
    assert small["open"] > 100, "more than may be open"
    for call, count in small.items():
        assert large[call] <= 2 * count + 10, call


# Making room


class Box:
    """Holds as many files as it is told."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked = 0
        offer(self)

    def close_idle(self) -> Answer:
        self.asked += 1
        return self._answers.pop(0) if self._answers else Answer.NONE


def too_many(times: int, errno: int = EMFILE) -> Any:
    left = [times]

    def call(word: str) -> str:
        if left[0]:
            left[0] -= 1
            raise OSError(errno, "no room")
        return word

    return call


@pytest.mark.parametrize("errno", [EMFILE, ENFILE])
def test_a_call_is_made_again_as_long_as_something_is_closed(errno: int) -> None:
    box = Box(Answer.CLOSED, Answer.BUSY, Answer.CLOSED)
    assert try_again(OSError(errno, "no room"), too_many(2, errno), "done") == "done"
    assert box.asked == 3


def test_another_error_is_none_of_ours() -> None:
    box = Box(Answer.CLOSED)
    with pytest.raises(FileNotFoundError):
        try_again(OSError(EMFILE, "no room"), too_many(1, ENOENT), "done")
    assert box.asked == 1


def test_an_error_of_an_open_keeps_nothing_alive(tmp_path: Path) -> None:
    """A file that is open further up would keep its lock until the garbage is collected."""

    class Local:
        pass

    def fail() -> "weakref.ref[Local]":
        kept = Local()
        with suppress(FileNotFoundError):
            DiskStorage.open(str(tmp_path / "gone"), 0)
        assert DiskStorage.list(str(tmp_path / "gone")) == []
        return weakref.ref(kept)

    gc.collect()
    gc.disable()
    try:
        assert fail()() is None
    finally:
        gc.enable()


def test_whoever_needs_room_to_make_room_gets_none() -> None:
    class Deep:
        def close_idle(self) -> Answer:
            assert make_room() is Answer.NONE
            return Answer.CLOSED

    deep: Holder = Deep()
    offer(deep)
    assert make_room() is Answer.CLOSED
