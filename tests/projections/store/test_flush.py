"""What `flush` promises, whoever closes, deletes or flushes sessions at the same time.

When it returns, all that had been acknowledged when it was called is synced and shown in
the session files: a `Ledger` knows which bytes were synced.
"""

import gc
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EIO, EROFS
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journal.engines.files.locking import LockFile
from journal.engines.files.storage import DiskStorage
from journal.errors import LockTimeoutError, SyncError
from projections import DefaultSessionStore
from projections.store.dirty import Dirty, new_mark
from projections.store.session import Session
from projections.store.session_file import SessionFile
from tests.faults.sizes import Figure, sized
from tests.support import files_in, state_in

PATIENCE = 60.0
"""Seconds after which something that has to happen has not happened."""


class Ledger(DiskStorage):
    """A disk that counts the writes to each log, and knows how many of them were synced."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.written: dict[str, int] = {}
        self.synced: dict[str, int] = {}
        self.syncs: list[str] = []
        self.before_write: Callable[[str], None] | None = None

    def write(self, fd: int, data: bytes) -> int:  # type: ignore[override] # no staticmethod
        name = name_of(fd)
        if self.before_write is not None:
            self.before_write(name)
        count = os.write(fd, data)
        with self._lock:
            self.written[name] = self.written.get(name, 0) + 1
        return count

    def sync(self, fd: int) -> None:  # type: ignore[override] # no staticmethod
        name = name_of(fd)
        covered = self.written.get(name, 0)
        os.fdatasync(fd)
        with self._lock:
            self.syncs.append(name)
            self.synced[name] = max(covered, self.synced.get(name, 0))

    def unsynced(self) -> set[str]:
        """The logs that are there and hold more than was synced."""
        return {
            name
            for name, count in self.written.items()
            if name.endswith(".jsonl") and count > self.synced.get(name, 0)
        }


def name_of(fd: int) -> str:
    return os.path.basename(os.readlink(f"/proc/self/fd/{fd}"))


def store_on(folder: Path, ledger: Ledger, **options: Any) -> DefaultSessionStore:
    chosen = {"durability": "os", "max_open": 1, "auto_compact": False, **options}
    return DefaultSessionStore(folder, storage=ledger, **chosen)


def out_of_date(store: DefaultSessionStore, folder: Path) -> set[str]:
    """The sessions whose session file does not show what their log says."""
    return {
        session
        for info in store.list_sessions()
        if info["log_bytes"]
        for session in (info["session_id"],)
        if state_in(folder / f"{session}.json") != store.state_at(session)
    }


WRITES: dict[str, Callable[[DefaultSessionStore], object]] = {
    "set": lambda store: store.set_runtime_state("a", "r", "t", {"n": 1}),
    "set_many": lambda store: store.set_many("a", [("r", "t", {"n": 1}), ("r", "u", {})]),
    "clear": lambda store: store.clear_runtime_state("a", "r"),
    "hand_off": lambda store: store.hand_off("a", "r", "other"),
    "take_over": lambda store: store.take_over("a", "other"),
}

MEANWHILE = ["closes", "flushes", "closes flushes", "closes opens", "closes opens flushes"]
MEANWHILE += ["deletes", "deletes flushes"]


def do(steps: str, store: DefaultSessionStore) -> None:
    """What other threads do meanwhile; in a store that holds one log open, reading closes."""
    for step in steps.split():
        match step:
            case "closes":
                store.get_runtime_state("b", "r")
            case "opens":
                store.get_runtime_state("a", "r")
            case "flushes":
                store.flush()
            case "deletes":
                store.delete_session("a")


@pytest.mark.parametrize("write", [name for name in WRITES if name != "clear"])
@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_what_happens_to_a_session_before_a_thread_writes_through_it_loses_nothing(
    write: str, meanwhile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread has looked the session up, and has not yet appended to it."""
    append = Session.append
    pending = [meanwhile]

    def late(self: Session, *args: Any, **options: Any) -> None:
        if pending and self.session_id == "a":
            do(pending.pop(), store)
        append(self, *args, **options)

    ledger = Ledger()
    with store_on(tmp_path, ledger) as store:
        store.set_runtime_state("a", "r", "before", {})
        store.flush()
        monkeypatch.setattr("projections.store.refreshing.Budget.allows", lambda *_: False)
        monkeypatch.setattr(Session, "append", late)
        WRITES[write](store)
        assert not pending
        assert "a.jsonl" in ledger.unsynced(), "else this shows nothing"
        store.flush()
        assert ledger.unsynced() == set()
        assert out_of_date(store, tmp_path) == set()


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("at", ["first flush", "other flush"])
def test_a_flush_in_the_middle_of_an_append_leaves_it_to_the_next_one(
    write: str, at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session was closed after the writer had looked it up: nothing keeps them apart."""
    append = Session.append
    ledger = Ledger()
    with store_on(tmp_path, ledger) as store:
        store.set_runtime_state("a", "r", "before", {})
        if at == "other flush":
            store.flush()
        closed = [store._sessions.get("a")]
        store.get_runtime_state("b", "r")

        def through_closed(self: Session, *args: Any, **options: Any) -> None:
            append(closed.pop() if closed else self, *args, **options)

        def flush_before(name: str) -> None:
            if name == "a.jsonl":
                ledger.before_write = None
                store.flush()
                assert "a.jsonl" not in ledger.unsynced()

        monkeypatch.setattr("projections.store.refreshing.Budget.allows", lambda *_: False)
        monkeypatch.setattr(Session, "append", through_closed)
        ledger.before_write = flush_before
        WRITES[write](store)
        assert "a.jsonl" in ledger.unsynced(), "else this shows nothing"
        store.flush()
        assert ledger.unsynced() == set()
        assert out_of_date(store, tmp_path) == set()


def test_a_deletion_that_fails_leaves_the_session_to_be_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger()
    with store_on(tmp_path, ledger) as store:
        store.set_runtime_state("a", "r", "t", {"n": 1})
        monkeypatch.setattr("projections.store.refreshing.Budget.allows", lambda *_: False)
        store.set_runtime_state("a", "r", "t", {"n": 2})
        with monkeypatch.context() as patch:

            def refuse(self: LockFile, timeout: float) -> None:
                raise LockTimeoutError("PraisonAI has it")

            patch.setattr(LockFile, "acquire", refuse)
            with pytest.raises(LockTimeoutError):
                store.delete_session("a")
        store.flush()
        assert ledger.unsynced() == set()
        assert out_of_date(store, tmp_path) == set()


def test_of_a_deleted_session_nothing_is_left_to_be_done(tmp_path: Path) -> None:
    ledger = Ledger()
    with store_on(tmp_path, ledger) as store:
        store.set_runtime_state("a", "r", "t", {})
        assert store.delete_session("a")
        ledger.syncs.clear()
        store.flush()
        assert ledger.syncs == []
    assert files_in(tmp_path) == set()


def test_a_flush_beside_one_that_is_not_done_syncs_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comes while the first is at its sync, which then fails."""
    ledger, real = Ledger(), Ledger.sync
    pending = ["the first sync"]

    def sync(self: Ledger, fd: int) -> None:
        if pending:
            pending.clear()
            store.flush()
            assert ledger.unsynced() == set()
            raise OSError(EIO, os.strerror(EIO))
        real(self, fd)

    with store_on(tmp_path, ledger) as store:
        store.set_runtime_state("a", "r", "t", {})
        monkeypatch.setattr(Ledger, "sync", sync)
        with pytest.raises(SyncError):
            store.flush()


@pytest.mark.parametrize("durability", ["os", "fsync"])
@pytest.mark.parametrize("use", [*WRITES, "get"])
def test_a_log_that_a_thread_uses_after_it_was_closed_is_not_left_open(
    use: str, durability: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more logs than `max_open` are open once the calls have returned."""
    with store_on(tmp_path, Ledger(), durability=durability) as store:
        store.set_runtime_state("a", "r", "before", {})
        closed = [store._sessions.get("a")]
        store.get_runtime_state("b", "r")
        assert logs_open(tmp_path) == []
        find = store._sessions.get
        monkeypatch.setattr(
            store._sessions, "get", lambda name: closed.pop() if closed else find(name)
        )
        gc.disable()
        try:
            if use == "get":
                assert store.get_runtime_state("a", "r") == {"before": {}}
            else:
                WRITES[use](store)
            assert not closed
            assert logs_open(tmp_path) == []
        finally:
            gc.enable()


def logs_open(folder: Path) -> list[str]:
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    targets = [os.readlink(link) for link in links if os.path.lexists(link)]
    return [target for target in targets if target.startswith(f"{folder}/a.jsonl")]


def test_that_a_session_file_cannot_be_written_is_logged_once_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """However often its session is closed and opened again meanwhile."""

    def refuse(self: SessionFile, path: str, data: bytes) -> None:
        raise OSError(EROFS, os.strerror(EROFS))

    with store_on(tmp_path, Ledger()) as store:
        for _ in range(2):
            with monkeypatch.context() as patch:
                patch.setattr(SessionFile, "_replace", refuse)
                patch.setattr("projections.store.refreshing.Budget.allows", lambda *_: True)
                for number in range(3):
                    for session in ("a", "b"):
                        store.set_runtime_state(session, "r", "t", {"n": number})
            messages = sorted(record.getMessage() for record in caplog.records)
            assert len(messages) == 2
            for session, message in zip(("a", "b"), messages, strict=True):
                assert message.startswith(f"session '{session}': the session file is out of date")
            caplog.clear()
            for session in ("a", "b"):
                store._sessions.get(session).refresher.refresh_or_warn()
            assert store._sessions.stale.failing == set()


# Nothing to do, nothing done


def steps() -> st.SearchStrategy[list[tuple[str, str]]]:
    session = st.sampled_from("abc")
    return st.lists(st.tuples(st.sampled_from(["set", "get", "flush", "delete"]), session))


@pytest.mark.parametrize("durability", ["os", "fsync"])
@settings(suppress_health_check=list(HealthCheck))
@given(steps=steps(), max_open=st.integers(1, 3))
def test_a_flush_syncs_the_logs_written_since_the_last_one_and_no_other(
    durability: str, steps: list[tuple[str, str]], max_open: int, tmp_path_factory: Any
) -> None:
    ledger = Ledger()
    folder = tmp_path_factory.mktemp("model")
    written: set[str] = set()
    with store_on(folder, ledger, durability=durability, max_open=max_open) as store:
        for step, session in [*steps, ("flush", ""), ("flush", "")]:
            if step == "set":
                store.set_runtime_state(session, "r", "t", {})
                written.add(f"{session}.jsonl")
            elif step == "get":
                store.get_runtime_state(session, "r")
            elif step == "delete":
                store.delete_session(session)
                written.discard(f"{session}.jsonl")
            else:
                ledger.syncs.clear()
                store.flush()
                logs = sorted(name for name in ledger.syncs if name.endswith(".jsonl"))
                assert logs == (sorted(written) if durability == "os" else [])
                written.clear()


def test_what_is_remembered_is_that_of_sessions_written_since_the_last_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.store.refreshing.Budget.allows", lambda *_: False)
    with store_on(tmp_path, Ledger()) as store:
        for number in range(20):
            store.set_runtime_state(f"s{number}", "r", "t", {})
            store.get_runtime_state(f"other-{number}", "r")
        remembered = {f"s{number}" for number in range(20)}
        assert store._sessions.stale.ids() == store._sessions.unsynced.ids() == remembered
        store.flush()
        assert store._sessions.stale.ids() == store._sessions.unsynced.ids() == set()


def test_in_memory_nothing_is_remembered() -> None:
    from journal import SessionConfig

    config = SessionConfig(persist=False, mirror_runtime_state=True)
    with DefaultSessionStore(config=config, durability="os") as store:
        store.set_runtime_state("a", "r", "t", {})
        assert store._sessions.stale.ids() == store._sessions.unsynced.ids() == set()
        store.flush()


class TestDirty:
    def test_what_is_marked_while_it_is_cleaned_stays(self) -> None:
        dirty = Dirty()
        dirty.marks["a"] = new_mark()
        mark = dirty.mark_of("a")
        dirty.marks["a"] = new_mark()
        dirty.clean("a", mark)
        assert dirty.ids() == {"a"}
        dirty.clean("a", dirty.mark_of("a"))
        assert dirty.ids() == set()

    def test_cleaning_what_is_clean_does_nothing(self) -> None:
        dirty = Dirty()
        dirty.clean("a", dirty.mark_of("a"))
        assert dirty.mark_of("a") is None
        assert dirty.ids() == set()


# At random


@contextmanager
def hurried() -> Iterator[None]:
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def worker(store: DefaultSessionStore, ledger: Ledger, name: str, dice: random.Random) -> int:
    """One session's only writer: what it has saved is synced whenever its flush returns."""
    flushes = 0
    for number in range(dice.randrange(1, 4)):
        store.set_runtime_state(name, "r", f"t{number}", {"n": number})
        if dice.random() < 0.2:
            written = ledger.written[f"{name}.jsonl"]
            store.flush()
            flushes += 1
            assert ledger.synced.get(f"{name}.jsonl", 0) >= written, "flush has returned"
        if dice.random() < 0.1:
            store.delete_session(name)
            store.set_runtime_state(name, "r", "again", {})
    return flushes


def race(folder: Path, seed: int, threads: int) -> int:
    """All at once on a store that holds one log open; then a flush must leave nothing."""
    ledger, dice = Ledger(), random.Random(seed)
    failures: list[BaseException] = []
    flushes: list[int] = []

    def run(name: str, dice: random.Random) -> None:
        try:
            flushes.append(worker(store, ledger, name, dice))
        except BaseException as error:  # noqa: BLE001 - raised by the test
            failures.append(error)

    with store_on(folder, ledger) as store:
        workers = [
            threading.Thread(target=run, args=(f"s{n}", random.Random(dice.random())))
            for n in range(threads)
        ]
        for thread in workers:
            thread.start()
        for thread in workers:
            thread.join(PATIENCE)
        if failures:
            raise failures[0]
        store.flush()
        assert ledger.unsynced() == set(), f"seed {seed}"
        assert out_of_date(store, folder) == set(), f"seed {seed}"
    return sum(flushes)


@sized(quick=1.5, storm=60.0)
def test_many_threads_that_have_one_log_open_leave_nothing_behind(
    size: float, tmp_path: Path, figure: Figure
) -> None:
    rounds = flushes = 0
    until = monotonic() + size
    with hurried():
        while monotonic() < until or rounds < 3:
            flushes += race(tmp_path / str(rounds), rounds, threads=16)
            rounds += 1
    assert flushes > rounds, "else they did not meet"
    figure(
        f"{rounds} rounds of 16 threads with one log open, {flushes} flushes meanwhile: 0 logs "
        "not synced, 0 session files out of date"
    )
