"""Work off the caller's path: who waits for it, what it says, and when it gives way."""

import asyncio
import fcntl
import logging
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from journal import CompactionAbandonedError, CompactionReport, Limits
from journal.engines.files.locking import LockFile
from journal.errors import LockTimeoutError
from projections import DefaultSessionStore
from projections.store.async_store import AsyncSessionStore
from projections.store.background import Job, Maintenance
from projections.store.bloat import DEAD_BYTES, DEAD_SPREAD, RECHECK
from projections.store.locks import SessionLocks
from tests.faults.sizes import Figure, sized
from tests.support import FaultyStorage, files_in, finish_maintenance, no_fault

PATIENCE = 60.0
"""Seconds after which something that has to happen has not happened."""

TEXT = "x" * 8000
MOST = 10  # times as many sets as are asked for, at most


def store_at(folder: Path, fault: Callable[..., Any] = no_fault, **options: Any) -> Any:
    limits = Limits(1_000_000, 10_000_000)
    storage = FaultyStorage(fault)
    return DefaultSessionStore(folder, durability="os", limits=limits, storage=storage, **options)


def fill(store: DefaultSessionStore, sets: int) -> None:
    """So many sets of one turn of session `s`, of which all but the last is dead."""
    for number in range(sets):
        store.set_runtime_state("s", "r", "t", {"n": number, "text": TEXT})


def until_due(store: DefaultSessionStore) -> None:
    """Write until a compaction is due, whatever chance says."""
    fill(store, int(DEAD_BYTES * DEAD_SPREAD + RECHECK) // len(TEXT))


def in_background() -> bool:
    return threading.current_thread().name == "journal-maintenance"


class Held:
    """A fault: the background's first call of this name waits for `go_on`."""

    def __init__(self, call: str) -> None:
        self.call = call
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, name: str, args: tuple[Any, ...]) -> None:
        if name == self.call and in_background() and not self.reached.is_set():
            self.reached.set()
            assert self.go_on.wait(PATIENCE)


class Kept(Maintenance):
    """Jobs that are done when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, Job] = {}

    def schedule(self, name: str, job: Job, *, at_exit: bool = False) -> bool:
        self.jobs.setdefault(name, job)
        return True

    def do_all(self) -> None:
        jobs, self.jobs = self.jobs, {}
        for name, job in jobs.items():
            self._do(name, job)


def archives(folder: Path) -> list[str]:
    return sorted(name for name in files_in(folder) if name.startswith("archive/"))


@contextmanager
def compacted_elsewhere(folder: Path) -> Iterator[None]:
    """While another process compacts session `s`: it has locked the scratch file."""
    with open(folder / "s.jsonl.new", "wb") as scratch:
        fcntl.flock(scratch, fcntl.LOCK_EX)
        yield
    (folder / "s.jsonl.new").unlink()


# Closing


def close_plain(store: DefaultSessionStore) -> None:
    store.close()


def close_async(store: DefaultSessionStore) -> None:
    async def close() -> None:
        await AsyncSessionStore(store).close()

    asyncio.run(close())


@pytest.mark.parametrize("close", [close_plain, close_async])
def test_a_close_stops_a_compaction_that_takes_too_long(
    close: Callable[[DefaultSessionStore], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The gate opens when the close has lost its patience, and not before."""
    held = Held("open")
    store = store_at(tmp_path, lambda name, args: held(name, args))
    until_due(store)
    assert held.reached.wait(PATIENCE)
    before = (tmp_path / "s.jsonl").read_bytes()

    def lose_patience(self: Maintenance, timeout: float | None = None) -> bool:
        if self._stopping:
            held.go_on.set()
            assert wait(self, PATIENCE), "it has stopped"
        return False

    wait = Maintenance.wait
    monkeypatch.setattr(Maintenance, "wait", lose_patience)
    close(store)
    assert (tmp_path / "s.jsonl").read_bytes() == before
    assert files_in(tmp_path) == {"s.jsonl", "s.json", "s.snapshot"}
    assert caplog.records == []


def test_a_close_does_not_wait_for_work_that_does_not_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a disk that hangs. The work goes on by itself."""
    monkeypatch.setattr("projections.store.background._PATIENCE", 0.01)
    monkeypatch.setattr("projections.store.background._GRACE", 0.01)
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def hang(stop: Callable[[], bool]) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)
        assert stop()
        ended.set()

    background = Maintenance()
    background.schedule("a job", hang)
    assert begun.wait(PATIENCE)
    background.close()
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(PATIENCE)
    assert background.wait(PATIENCE)


def test_a_close_waits_five_seconds_for_background_work_at_the_most() -> None:
    from projections.store import background

    assert background._PATIENCE + background._GRACE == 5.0


def test_a_close_carries_out_a_compaction_that_was_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Else the log of short programs, each of which writes a little, grows without end."""
    with store_at(tmp_path, auto_compact=False) as store:
        until_due(store)
    store = store_at(tmp_path)
    closing, close = threading.Event(), Maintenance.close

    def begin_to_close(self: Maintenance) -> None:
        closing.set()
        close(self)

    monkeypatch.setattr(Maintenance, "close", begin_to_close)
    store._maintenance.schedule("what keeps it waiting", lambda _: closing.wait(PATIENCE))
    store._compactor.schedule("s")
    store.close()
    assert (tmp_path / "s.jsonl").stat().st_size < 10_000
    assert caplog.records == []


def test_a_close_waits_for_the_locks_of_all_session_files_together_no_longer_than_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [0.0]
    waited: list[float] = []

    def acquire(self: LockFile, timeout: float) -> None:
        waited.append(timeout)
        clock[0] += timeout
        raise LockTimeoutError("PraisonAI has it")

    store = store_at(tmp_path)
    monkeypatch.setattr("projections.store.refreshing.Budget.allows", lambda *_: False)
    for number in range(20):
        store.set_runtime_state(f"s{number}", "r", "t", {})
    for module in ("refreshing", "open_sessions"):
        monkeypatch.setattr(f"projections.store.{module}.monotonic", lambda: clock[0])
    monkeypatch.setattr(LockFile, "acquire", acquire)
    store.close()
    assert len(waited) == len(caplog.records) == 20, "each is tried, and told of"
    assert 5.0 <= sum(waited) < 5.1


# What is said


def test_that_another_process_is_at_it_is_no_failure_of_an_automatic_compaction(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with store_at(tmp_path) as store:
        with compacted_elsewhere(tmp_path):
            until_due(store)
            finish_maintenance(store)
        assert archives(tmp_path) == []
        assert caplog.records == []
        until(lambda: archives(tmp_path) != [], store)


@pytest.mark.parametrize("how", ["compacted", "deleted", "deleted and made again"])
def test_that_the_log_is_another_by_now_is_no_failure_of_an_automatic_compaction(
    how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    held = Held("sync")
    with store_at(tmp_path) as other, store_at(tmp_path, held) as store:
        until_due(store)
        assert held.reached.wait(PATIENCE)
        (tmp_path / "s.jsonl.new").unlink()  # or the other one would be refused
        if how == "compacted":
            other.compact("s")
        else:
            other.delete_session("s")
        if how == "deleted and made again":
            other.set_runtime_state("s", "r", "t", {})
        held.go_on.set()
        finish_maintenance(store)
        assert [record.getMessage() for record in caplog.records] == []


def test_a_log_that_another_process_has_just_compacted_is_not_compacted_again(
    tmp_path: Path,
) -> None:
    with store_at(tmp_path) as store, store_at(tmp_path) as other:
        store._compactor.maintenance = kept = Kept()
        until_due(store)
        assert list(kept.jobs) == ["compaction of session 's'"]
        other.compact("s")
        finish_maintenance(other)
        store.set_runtime_state("s", "r", "t", {"dead": "by now"})
        store.set_runtime_state("s", "r", "t", {})
        size = (tmp_path / "s.jsonl").stat().st_size
        kept.do_all()
        assert (tmp_path / "s.jsonl").stat().st_size == size
        assert len(archives(tmp_path)) == 1
        fill(store, DEAD_BYTES // len(TEXT) // 2)
        assert kept.jobs == {}


def test_a_compaction_that_fails_is_told_once_until_it_has_worked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    full = threading.Event()

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "write" and full.is_set() and in_background():
            raise OSError(ENOSPC, "No space left on device")

    with store_at(tmp_path, fault) as store:
        for _ in range(2):
            full.set()
            until(lambda: caplog.records != [], store)
            for _ in range(3):
                until_due(store)
                finish_maintenance(store)
            (record,) = caplog.records
            assert record.levelno == logging.WARNING
            assert "compaction of session 's' failed" in record.getMessage()
            assert "No space left on device" in record.getMessage()
            caplog.clear()
            full.clear()
            before = archives(tmp_path)
            until(lambda: archives(tmp_path) != before, store)  # noqa: B023 - in this very round
            assert caplog.records == []


def until(reached: Callable[[], bool], store: DefaultSessionStore) -> None:
    """Write until it is: after a failure, the log has to grow before it is tried again."""
    for _ in range(50):
        until_due(store)
        finish_maintenance(store)
        if reached():
            return
    raise AssertionError("it was not tried again")


# When


@pytest.mark.parametrize(("chance", "limit"), [(b"\x00", 1.0), (b"\xff", DEAD_SPREAD)])
def test_how_much_is_dead_before_a_compaction_is_left_to_chance_within_limits(
    chance: bytes, limit: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that processes that write one session do not all begin at once."""
    monkeypatch.setattr("projections.store.bloat.os.urandom", lambda count: chance)
    with store_at(tmp_path) as store:
        store._compactor.maintenance = kept = Kept()
        while not kept.jobs:
            fill(store, 1)
        size = (tmp_path / "s.jsonl").stat().st_size
        least = limit - (limit - 1) / 256
        assert least * DEAD_BYTES < size < limit * DEAD_BYTES + RECHECK + 2 * len(TEXT)


# Two at a time


def in_thread(
    call: Callable[[], Any], name: str | None = None
) -> tuple[threading.Thread, list[Any]]:
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(call())
        except Exception as error:  # noqa: BLE001 - looked at by the test
            outcome.append(error)

    thread = threading.Thread(target=run, name=name)
    thread.start()
    return thread, outcome


@pytest.mark.parametrize("call", ["open", "write", "sync", "lock", "link", "rename"])
def test_compacting_waits_for_the_automatic_compaction_of_the_same_store(
    call: str, tmp_path: Path
) -> None:
    held = Held(call)
    with store_at(tmp_path, held) as store:
        # nobody writes while the automatic compaction has the log's lock
        store._compactor.maintenance = kept = Kept()
        until_due(store)
        automatic, _ = in_thread(kept.do_all, "journal-maintenance")
        assert held.reached.wait(PATIENCE)
        thread, outcome = in_thread(lambda: store.compact("s"))
        assert outcome == []
        held.go_on.set()
        for each in (automatic, thread):
            each.join(PATIENCE)
        (report,) = outcome
        assert isinstance(report, CompactionReport)
        assert report.bytes_after < 10_000
        assert store.verify("s").ok


def test_threads_that_compact_one_session_all_succeed(tmp_path: Path) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "link":
            reached.set()
            assert go_on.wait(PATIENCE)

    with store_at(tmp_path, fault, auto_compact=False) as store:
        fill(store, 10)
        first, found = in_thread(lambda: store.compact("s"))
        assert reached.wait(PATIENCE)
        others = [in_thread(lambda: store.compact("s")) for _ in range(4)]
        go_on.set()
        for thread, _ in [(first, found), *others]:
            thread.join(PATIENCE)
        reports = [outcome[0] for _, outcome in [(first, found), *others]]
        assert [report.events_after for report in reports] == [1] * 5
        assert [report.events_before for report in reports] == [10, 1, 1, 1, 1]


def test_compacting_beside_another_process_says_that_one_is_under_way(tmp_path: Path) -> None:
    with store_at(tmp_path) as store:
        fill(store, 10)
        with (
            compacted_elsewhere(tmp_path),
            pytest.raises(CompactionAbandonedError, match="another compaction is under way"),
        ):
            store.compact("s")
        assert store.compact("s") is not None


class TestSessionLocks:
    def test_a_session_has_one_lock_as_long_as_somebody_has_it(self) -> None:
        locks = SessionLocks()
        lock = locks.of("a")
        assert locks.of("a") is lock
        assert locks.of("b") is not lock
        del lock
        assert list(locks._locks) == []

    def test_a_forked_child_finds_them_free(self) -> None:
        locks = SessionLocks()
        lock = locks.of("a")
        thread, _ = in_thread(lock.acquire)
        thread.join(PATIENCE)
        locks.after_fork()
        assert locks.of("a").acquire(blocking=False)


# Two processes


def write(folder: Path, runtime: str, count: int, said: Any) -> None:
    """So many sets, and more, without haste, until there were two compactions.

    Where the processors are taken, writers in haste leave a compaction behind.
    """
    messages: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    logging.getLogger("journal").addHandler(Listener(logging.INFO))
    with store_at(folder) as store:
        for number in range(MOST * count):
            store.set_runtime_state("s", runtime, "t", {"n": number, "text": TEXT})
            if number >= count:
                sleep(0.001)
                if not number % 100 and len(archives(folder)) > 1:
                    break
    said.put((runtime, number, messages))


@sized(quick=3000, storm=25_000)
def test_two_processes_that_write_one_session_say_nothing(
    size: int, tmp_path: Path, figure: Figure
) -> None:
    context = multiprocessing.get_context("forkserver")
    said: Any = context.Queue()
    processes = [
        context.Process(target=write, args=(tmp_path, f"r{number}", size, said))
        for number in range(2)
    ]
    for process in processes:
        process.start()
    found = [said.get(timeout=10 * PATIENCE) for _ in processes]
    assert [messages for _, _, messages in found] == [[], []]
    for process in processes:
        process.join(PATIENCE)
    last = {runtime: number for runtime, number, _ in found}
    with store_at(tmp_path) as store:
        report = store.verify("s")
        assert report.ok
        for runtime, number in last.items():
            assert store.get_runtime_state("s", runtime)["t"]["n"] == number
    assert report.head is not None
    assert report.head.seq == sum(last.values()) + len(last)
    count = len(archives(tmp_path))
    assert count > 1, "else they did not compact"
    figure(f"2 processes, {report.head.seq:,} sets, {count} compactions: nothing logged")
