"""A failed sync is never followed by a success for what it was to cover.

The kernel forgets what it could not write: the next sync of the same descriptor succeeds and
means nothing. So whoever waited for the failed one is told, and the file is opened anew.
"""

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import FileLog, LogOptions
from journal.engines.files.logfile import LogFile
from journal.errors import JournalError, SessionFileError, SyncError
from projections import DefaultSessionStore
from tests.faults.kernel.ledger import Ledger
from tests.faults.kernel.strace import Tampering, run, tamper
from tests.faults.kernel.traced import KEPT
from tests.faults.sizes import Figure, sized
from tests.faults.storms.checker import events_of
from tests.support import (
    FaultyStorage,
    fails,
    needs,
    no_fault,
    open_log,
    set_event,
    state_in,
    turns_in,
)

# Threads that share syncs, some of which fail


THREADS = 16


def run_threads(log: FileLog, ledger: Ledger, count: int) -> tuple[dict[str, int], set[str]]:
    """Each thread appends `count` turns: those acknowledged, with when, and the others."""
    acknowledged: dict[str, int] = {}
    unknown: set[str] = set()
    others: list[BaseException] = []

    def append(name: str) -> None:
        for number in range(count):
            turn = f"{name}-{number}"
            try:
                log.append([set_event(turn, {})])
                acknowledged[turn] = ledger.step()
            except SyncError:
                unknown.add(turn)
            except BaseException as error:  # noqa: BLE001 - asserted below
                others.append(error)

    def disturb() -> None:
        """Close it under the others, who must all the same be told what became of theirs."""
        while working.is_set():
            log.close()
            time.sleep(0.002)

    working = threading.Event()
    working.set()
    threads = [threading.Thread(target=append, args=(f"w{n}",)) for n in range(THREADS)]
    disturber = threading.Thread(target=disturb)
    for thread in [*threads, disturber]:
        thread.start()
    for thread in threads:
        thread.join()
    working.clear()
    disturber.join()
    assert not others, others
    return acknowledged, unknown


class Tally(NamedTuple):
    acknowledged: int
    unknown: int
    syncs: int
    failed: int


def check_round(folder: Path, count: int) -> Tally:
    ledger = Ledger(every=5)
    log, _ = open_log(folder, storage=FaultyStorage(ledger), durability="fsync")
    acknowledged, unknown = run_threads(log, ledger, count)
    log.close()
    wrong = {turn for turn, at in acknowledged.items() if not ledger.covers(turn, at)}
    assert wrong == set()
    assert {turn for turn in unknown if not ledger.told(turn)} == set(), "told for nothing"
    assert sorted(turns_in(folder)) == sorted([*acknowledged, *unknown])
    assert len(acknowledged) + len(unknown) == THREADS * count
    syncs = [sync for syncs in ledger.syncs.values() for sync in syncs]
    failed = sum(sync.failed for sync in syncs)
    return Tally(len(acknowledged), len(unknown), len(syncs), failed)


ROUND = 100
"""Appends of a thread to one log: after each failure all of it is read again."""


@sized(quick=12, storm=200, long=2_000)
def test_no_thread_is_told_of_a_success_after_a_failed_sync_of_that_descriptor(
    tmp_path: Path, size: int, figure: Figure
) -> None:
    tallies = [
        check_round(tmp_path / str(start), min(ROUND, size - start))
        for start in range(0, size, ROUND)
    ]
    acknowledged, unknown, syncs, failed = map(sum, zip(*tallies, strict=True))
    assert failed > size / 20
    assert unknown > failed, "no failed sync was shared"
    assert acknowledged > syncs - failed, "no other sync was shared"
    figure(
        f"{THREADS} threads, {acknowledged:,} appends acknowledged, {failed:,} of {syncs:,} "
        f"syncs failed and {unknown:,} appends were told: 0 false successes"
    )


# One caller


def test_flush_never_succeeds_again_on_a_descriptor_whose_sync_failed(tmp_path: Path) -> None:
    storage = FaultyStorage(no_fault)
    log, _ = open_log(tmp_path, storage=storage)
    log.append([set_event("a")])
    storage.fault = fails("sync", errno.EIO)
    with pytest.raises(SyncError, match="unknown"):
        log.flush()
    syncs: list[str] = []
    storage.fault = lambda name, args: syncs.append(name) if name == "sync" else None
    for _ in range(2):
        with pytest.raises(SyncError, match="unknown"):
            log.flush()
    assert syncs == [], "what it would say means nothing"
    log.append([set_event("b")])  # opens the file anew
    log.flush()
    assert syncs == ["sync"]
    assert turns_in(tmp_path) == ["a", "b"]


def test_who_closes_the_file_first_does_not_hide_a_failed_sync(tmp_path: Path) -> None:
    """Its sync stands for those who still wait for theirs, and so does its failure."""
    storage = FaultyStorage(no_fault)
    file = LogFile(storage, str(tmp_path / "s.jsonl"), create=True)
    ticket = file.mark_written()
    storage.fault = fails("sync", errno.EIO)
    file.close()
    with pytest.raises(SyncError, match="unknown"):
        file.sync_through(ticket)


CALLS: dict[str, Callable[[DefaultSessionStore], object]] = {
    "set": lambda store: store.set_runtime_state("s", "native", "new", {}),
    "set_many": lambda store: store.set_many("s", [("native", "new", {}), ("native", "x", {})]),
    "clear": lambda store: store.clear_runtime_state("s", "native"),
    "hand_off": lambda store: store.hand_off("s", "native", "other"),
    "take_over": lambda store: store.take_over("s", "other"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_of_the_store_whose_sync_fails_says_that_nobody_knows(
    tmp_path: Path, name: str
) -> None:
    """And what it wrote is shown, as any other reader shows it."""
    storage = FaultyStorage(no_fault)
    with DefaultSessionStore(tmp_path, storage=storage) as store:
        store.set_runtime_state("s", "native", "old", {})
        storage.fault = fails("sync", errno.EIO)
        with pytest.raises(SyncError, match="unknown"):
            CALLS[name](store)
        storage.fault = no_fault
        assert len(events_of(tmp_path, "s")) > 1
        with DefaultSessionStore(tmp_path) as other:
            shown = other.get_runtime_state("s", "native")
        assert store.get_runtime_state("s", "native") == shown
        assert store.set_runtime_state("s", "native", "next", {}) is True


def test_a_session_file_that_is_not_synced_is_not_put_in_place(tmp_path: Path) -> None:
    storage = FaultyStorage(no_fault)
    path = tmp_path / "s.json"

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "sync" and os.readlink(f"/proc/self/fd/{args[0]}").endswith(".json.new"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with DefaultSessionStore(tmp_path, storage=storage) as store:
        store.set_runtime_state("s", "native", "a", {"n": 1})
        before = path.read_bytes()
        storage.fault = fault
        assert store.set_runtime_state("s", "native", "a", {"n": 2}) is True
        for _ in range(2):
            with pytest.raises(SessionFileError, match="Input/output error"):
                store.flush()
            assert path.read_bytes() == before
        storage.fault = no_fault
        store.flush()
        assert state_in(path) == {"native": {"a": {"n": 2}}}


# Each sync of everything else


def append_to(folder: Path, *turns: str) -> None:
    log, _ = open_log(folder)
    for turn in turns:
        log.append([set_event(turn)])
    log.close()


def prepare_log(folder: Path) -> None:
    append_to(folder, "a", "b", "a")


def prepare_archive(folder: Path) -> None:
    prepare_log(folder)
    Directory(str(folder), LogOptions()).compact("s")
    append_to(folder, "a")


def prepare_torn(folder: Path) -> None:
    prepare_log(folder)
    with (folder / "s.jsonl").open("ab") as file:
        file.write(b'{"seq":4,"ts":"20')


def append_one(directory: Directory) -> None:
    log = directory.open("s", _Nothing())
    try:
        log.append([set_event("next")])
    finally:
        log.close()


class _Nothing:
    def fold(self, event: object) -> None:
        pass

    def reset(self) -> None:
        pass


OPERATIONS: dict[str, tuple[Callable[[Path], None], Callable[[Directory], object]]] = {
    "create": (lambda folder: None, append_one),
    "append": (prepare_log, append_one),
    "repair": (prepare_torn, append_one),
    "compact": (prepare_archive, lambda directory: directory.compact("s")),
    "compact and drop": (prepare_archive, lambda directory: directory.compact("s", "drop")),
    "pack": (prepare_archive, lambda directory: directory.pack("s")),
    "delete": (prepare_archive, lambda directory: directory.delete("s")),
}


def syncs_of(folder: Path, name: str, call: str) -> int:
    """How often an operation asks the disk for `call`."""
    prepare, operation = OPERATIONS[name]
    asked: list[str] = []
    prepare(folder)
    storage = FaultyStorage(lambda name, args: asked.append(name))
    operation(Directory(str(folder), LogOptions(storage=storage)))
    return asked.count(call)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("call", ["sync", "sync_folder"])
def test_nothing_is_reported_as_done_of_which_a_sync_failed(
    tmp_path: Path, name: str, call: str
) -> None:
    """Each sync that an operation makes, be it of a file or of a folder, fails it."""
    prepare, operation = OPERATIONS[name]
    count = syncs_of(tmp_path / "count", name, call)
    assert count > 0
    for number in range(count):
        folder = tmp_path / str(number)
        prepare(folder)
        storage = FaultyStorage(fails(call, errno.EIO, after=number))
        with pytest.raises(JournalError, match="Input/output error"):
            operation(Directory(str(folder), LogOptions(storage=storage)))
        append_to(folder, "next")


# By the kernel's own word


@sized(storm=3, long=1)
def test_a_failed_sync_of_a_real_process_is_reported(
    tmp_path: Path, size: int, figure: Figure
) -> None:
    """Every sync of a log or an archive that strace lets fail, in a run that has many."""
    needs("strace")
    tried = 0
    for call in ("fdatasync", "fsync"):
        folder = tmp_path / call
        archive = folder / "archive"
        packed = archive / "kept.4.jsonl.gz.new"
        paths = [folder, archive, packed, folder / "kept.jsonl", folder / "kept.jsonl.new"]
        ended, trace = run(folder, paths, [f"trace={call}"])
        assert set(ended.values()) == {"done"}
        for number in range(1, trace.count(f"{call}(") + 1, size):
            folder.rename(tmp_path / f"{call}-{number}")
            ended = tamper(folder, Tampering(call, "error=EIO", number, paths))
            assert set(ended.values()) & {"SyncError", "StorageError"}, f"{call} {number}: {ended}"
            with DefaultSessionStore(folder) as store:
                assert store.set_runtime_state(KEPT, "native", "next", {}) is True
            tried += 1
    assert tried >= 3
    figure(f"{tried} syncs of a real process failed, each reported")
