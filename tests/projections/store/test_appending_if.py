"""`append_once` and `expect`: writes that depend on what others have written."""

import os
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from journal import NO_HEAD, ConflictError, Head, Limits, SessionConfig
from journal.engines.files.storage import DiskStorage
from journal.events import Set
from projections import AsyncSessionStore, DefaultSessionStore
from tests.journal.engines.cas.narrow import TROUBLE, NarrowStore
from tests.projections.store.async_store.gates import run
from tests.projections.store.cas_store import CasStore
from tests.support import finish, forked

WRITERS, KEYS, TRIES = 16, 20, 3

RETRYING = f"""
import sys
from projections import DefaultSessionStore

folder, me = sys.argv[1:]
with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
    answers = []
    for number in range({KEYS}):
        for _ in range({TRIES}):
            answers.append(store.append_once(f"key-{{number}}", "s", "native", "t", {{"by": me}}))
        if number % 5 == int(me) % 5:
            try:
                store.compact("s")
            except Exception as error:
                assert "Abandoned" in type(error).__name__, error
    print(sum(answers))
"""


def test_many_processes_that_retry_everything_append_each_event_once(tmp_path: Path) -> None:
    """While others compact."""
    told = finish([forked(RETRYING, str(tmp_path), str(me)) for me in range(WRITERS)])
    assert sum(map(int, told)) == KEYS, "each is appended by one process, in one of its tries"
    with DefaultSessionStore(tmp_path) as store:
        events = [step.event for step in store.replay("s")]
        assert [event.once for event in events if isinstance(event, Set)] == [
            f"key-{number}" for number in range(KEYS)
        ]
        assert store.verify("s").ok


class Syncs(DiskStorage):
    """A disk that notes what was synced."""

    def __init__(self) -> None:
        self.synced: list[str] = []

    def sync(self, fd: int) -> None:  # type: ignore[override] # no staticmethod
        self.synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{fd}")))
        super().sync(fd)


def test_an_event_that_is_there_already_is_made_durable_before_the_answer(tmp_path: Path) -> None:
    """Whoever wrote it may have died before its sync."""
    disk = Syncs()
    with DefaultSessionStore(tmp_path, durability="os") as dead:
        dead.append_once("k", "s", "native", "t", {})
        with DefaultSessionStore(tmp_path, storage=disk) as store:
            assert store.append_once("k", "s", "native", "t", {}) is False
            assert disk.synced == ["s.jsonl"]


ENGINES: dict[str, Callable[[Path], DefaultSessionStore]] = {
    "files": lambda folder: DefaultSessionStore(folder, durability="os"),
    "files, synced": lambda folder: DefaultSessionStore(folder),
    "files, rejecting": lambda folder: DefaultSessionStore(
        folder, durability="os", limits=Limits(64, 4096, on_exceed="reject")
    ),
    "memory": lambda folder: DefaultSessionStore(
        config=SessionConfig(persist=False, mirror_runtime_state=True)
    ),
    "compare and swap": lambda folder: CasStore(NarrowStore(cycle(TROUBLE))),
}


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DefaultSessionStore]:
    with ENGINES[request.param](tmp_path) as made:
        yield made


def test_what_was_appended_under_a_key_is_not_appended_again(store: DefaultSessionStore) -> None:
    assert store.append_once("k", "s", "native", "t", {"n": 1}) is True
    head = store.head("s")
    assert store.append_once("k", "s", "codex", "u", {"n": 2}) is False
    assert store.head("s") == head
    assert store.append_once("other", "s", "native", "t", {"n": 3}) is True
    assert store.append_once("k", "another session", "native", "t", {"n": 4}) is True
    assert store.get_runtime_state("s", "native") == {"t": {"n": 3}}


def test_a_write_that_expects_the_head_goes_through_once(store: DefaultSessionStore) -> None:
    assert store.head("s") == NO_HEAD
    writes: list[Callable[[Head | str], object]] = [
        lambda head: store.set_runtime_state("s", "native", "t", {}, expect=head),
        lambda head: store.set_many("s", [("native", "t", {}), ("native", "u", {})], expect=head),
        lambda head: store.hand_off("s", "native", "codex", expect=head),
    ]
    for write in writes:
        head = store.head("s")
        write(head)
        after = store.head("s")
        assert after.seq > head.seq
        for expected in (head, str(head)):
            with pytest.raises(ConflictError, match="Nothing was written") as caught:
                write(expected)
            assert (caught.value.expected, caught.value.head) == (head, after)
        assert store.head("s") == after
    assert store.verify("s").ok


def test_a_session_made_again_is_not_the_one_that_was_expected(store: DefaultSessionStore) -> None:
    store.set_runtime_state("s", "native", "t", {})
    head = store.head("s")
    store.delete_session("s")
    for expected in (head, Head(head.log_id, 0, NO_HEAD.hash)):
        with pytest.raises(ConflictError, match="not"):
            store.set_runtime_state("s", "native", "t", {}, expect=expected)
    assert not store.session_exists("s")
    assert store.set_runtime_state("s", "native", "t", {}, expect=NO_HEAD)


def test_a_count_by_many_threads_that_expect_what_they_read_is_right(tmp_path: Path) -> None:
    """No update is lost, which without `expect` would be."""
    stores = [DefaultSessionStore(tmp_path, durability="os") for _ in range(4)]

    def count(store: DefaultSessionStore) -> None:
        for _ in range(10):
            while True:
                head = store.head("s")
                state = store.get_runtime_state("s", "native", "t")
                try:
                    added = {"n": state.get("n", 0) + 1}
                    store.set_runtime_state("s", "native", "t", added, expect=head)
                    break
                except ConflictError:
                    continue

    with ThreadPoolExecutor(len(stores)) as threads:
        list(threads.map(count, stores))
    assert stores[0].get_runtime_state("s", "native", "t") == {"n": 40}
    assert stores[0].head("s").seq == 40
    for store in stores:
        store.close()


def test_the_error_of_a_conflict_can_be_pickled(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path) as store:
        store.set_runtime_state("s", "native", "t", {})
        with pytest.raises(ConflictError) as caught:
            store.set_runtime_state("s", "native", "t", {}, expect=NO_HEAD)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.expected, again.head) == (
        str(caught.value),
        NO_HEAD,
        caught.value.head,
    )


@pytest.mark.parametrize("wrong", ["", "7", "a:1:0123456789ab", 7, b"a:1:x"])
def test_what_is_no_head_is_refused(wrong: Any, tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path) as store:
        with pytest.raises((TypeError, ValueError), match=r"head|expect"):
            store.set_runtime_state("s", "native", "t", {}, expect=wrong)
        assert not store.session_exists("s")


@pytest.mark.parametrize("wrong", [None, 7, b"k", "\ud800"])
def test_what_is_no_key_is_refused(wrong: Any, tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path) as store:
        with pytest.raises((TypeError, ValueError), match=r"key"):
            store.append_once(wrong, "s", "native", "t", {})
        assert not store.session_exists("s")


def test_a_store_that_does_not_mirror_appends_nothing(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, config=SessionConfig()) as store:
        assert store.append_once("k", "s", "native", "t", {}) is True
        assert store.set_runtime_state("s", "native", "t", {}, expect="a:1:b" * 8)
        assert not store.session_exists("s")


def test_the_asynchronous_store_does_the_same_in_the_order_of_the_calls(tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncSessionStore(DefaultSessionStore(tmp_path)) as store:
            first = store.append_once("k", "s", "native", "t", {"n": 1})
            again = store.append_once("k", "s", "native", "t", {"n": 2})
            assert [await first, await again] == [True, False]
            head = await store.head("s")
            state = {"n": 3}
            written = store.set_runtime_state("s", "native", "t", state, expect=head)
            state["n"] = 4  # it is taken as it was
            assert await written
            with pytest.raises(ConflictError):
                await store.set_many("s", [("native", "t", {})], expect=str(head))
            assert await store.get_runtime_state("s", "native", "t") == {"n": 3}

    run(main())
