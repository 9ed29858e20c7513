"""Compactions while others append, compact and delete."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import DiskStorage
from journal.errors import (
    CompactionAbandonedError,
    CompactionError,
    DamagedError,
    LockTimeoutError,
)
from tests.journal.engines.compaction.steps import directory, write_log
from tests.support import (
    FaultyStorage,
    files_in,
    is_there,
    open_log,
    set_event,
    turns_in,
)


def test_what_is_appended_during_a_compaction_is_in_the_new_log(tmp_path: Path) -> None:
    """An append between any two calls of the compaction, from another descriptor."""
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    appended = ["a"]
    busy = threading.local()

    def interfere(name: str, args: tuple[object, ...]) -> None:
        quiet = name in ("lock", "unlock", "close") or hasattr(busy, "yes")
        if not quiet and not storage_locked():
            busy.yes = True
            turn = f"meanwhile-{len(appended)}"
            log.append([set_event(turn)])
            appended.append(turn)
            del busy.yes

    def storage_locked() -> bool:
        probe = LogFile(DiskStorage(), str(tmp_path / "s.jsonl"), create=False)
        free = DiskStorage.lock(probe.fd)
        probe.close()
        return not free

    report = directory(tmp_path, FaultyStorage(interfere)).compact("s")
    assert report is not None
    assert len(appended) > 10
    log.append([set_event("after")])
    assert turns_in(tmp_path) == [*appended, "after"]
    assert directory(tmp_path).verify("s").ok


def test_a_second_compaction_at_the_same_time_is_refused(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    refused: list[str] = []

    def fault(name: str, args: tuple[object, ...]) -> None:
        if name == "link":
            with pytest.raises(CompactionError, match="another compaction"):
                directory(tmp_path).compact("s")
            refused.append(name)

    directory(tmp_path, FaultyStorage(fault)).compact("s")
    assert refused == ["link"]


def test_a_log_deleted_while_it_is_compacted_stays_deleted(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    engine = directory(tmp_path)

    def fault(name: str, args: tuple[object, ...]) -> None:
        if name == "sync" and is_there(engine):
            engine.delete("s")

    with pytest.raises(CompactionError):
        directory(tmp_path, FaultyStorage(fault)).compact("s")
    assert not is_there(engine)
    assert files_in(tmp_path) == set()


def test_where_nobody_appends_nothing_is_looked_for_twice(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a", {"x": "y" * (1 << 17)}), set_event("a", {"x": "y" * (1 << 19)})])
    calls: list[str] = []
    storage = FaultyStorage(lambda name, args: calls.append(name))
    assert directory(tmp_path, storage).compact("s") is not None
    rounds = 20
    assert 1 < calls.count("size") < rounds


def test_a_writer_that_finds_a_seal_reopens_the_path(tmp_path: Path) -> None:
    log, recorder = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    directory(tmp_path).compact("s")
    log.append([set_event("b")])
    assert b'"turn_id":"b"' in (tmp_path / "s.jsonl").read_bytes()
    assert b'"turn_id":"b"' not in (tmp_path / "archive" / "s.2.jsonl").read_bytes()
    log.refresh()
    assert [event.seq for event in recorder.events] == [1, 2, 3]


def test_a_log_emptied_behind_our_back_is_not_begun_anew(tmp_path: Path) -> None:
    """What was compacted has begun: an empty file in its place is a loss, not a start."""
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    directory(tmp_path).compact("s")
    directory(tmp_path).pack("s")
    (tmp_path / "s.jsonl").write_bytes(b"")
    fresh, _ = open_log(tmp_path)
    with pytest.raises(DamagedError, match="archive"):
        fresh.refresh()
    with pytest.raises(DamagedError):
        fresh.append([set_event("b")])
    assert not directory(tmp_path).verify("s").ok


def test_a_writer_that_does_not_let_go_makes_it_give_up(tmp_path: Path) -> None:
    before = write_log(tmp_path).read_bytes()
    log, _ = open_log(tmp_path)
    log.refresh()
    assert log.file is not None
    assert log.file.try_lock()
    with pytest.raises(LockTimeoutError, match=r"for 0\.01 s"):
        directory(tmp_path, lock_timeout=0.01).compact("s")
    assert (tmp_path / "s.jsonl").read_bytes() == before
    assert files_in(tmp_path) == {"s.jsonl"}


def test_two_that_begin_at_once_do_not_write_into_each_others_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scratch file of the first has just become the log when the second locks it."""
    write_log(tmp_path)
    left = ["lock"]
    opened: list[LogFile] = []  # none is closed just because nobody has it any more
    monkeypatch.setattr("journal.engines.files.logfile.tell_after_fork", opened.append)

    def compact_first(name: str, args: tuple[Any, ...]) -> None:
        if name in left:
            left.remove(name)
            directory(tmp_path).compact("s")

    with pytest.raises(CompactionError, match="'s': the log was replaced or cut"):
        directory(tmp_path, FaultyStorage(compact_first)).compact("s")
    assert [file.path for file in opened if file.is_open] == []
    assert files_in(tmp_path) == {"s.jsonl", "archive/s.3.jsonl"}
    assert turns_in(tmp_path) == ["a", "b"]
    assert directory(tmp_path).verify("s").ok


def test_a_writer_faster_than_the_copying_is_made_to_wait_in_the_end(tmp_path: Path) -> None:
    """Whenever it has the lock it finds more than is worth locking them out for, but that ends."""
    write_log(tmp_path)
    log, _ = open_log(tmp_path)
    wrote: list[str] = []
    rounds = 1  # for which it lets go of the lock again

    def append_more(name: str, args: tuple[Any, ...]) -> None:
        if name == "size" and len(wrote) < 1000:
            wrote.append(name)
            try:
                log.append([set_event(str(len(wrote)), {"x": "y" * (1 << 19)})])
            except LockTimeoutError:
                wrote.pop()

    log.close()
    log, _ = open_log(tmp_path, lock_timeout=0.0)
    report = directory(tmp_path, FaultyStorage(append_more)).compact("s")
    assert report is not None
    assert rounds < len(wrote) < 100
    assert turns_in(tmp_path) == ["a", "b", *map(str, range(1, len(wrote) + 1))]
    assert directory(tmp_path).verify("s").ok
    assert report.events_after == 2 + len(wrote)
    assert report.events_before == 3 + len(wrote)


def test_a_log_damaged_while_it_is_compacted_stays_as_it_is(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    log, _ = open_log(tmp_path)
    left = ["sync"]

    def damage(name: str, args: tuple[Any, ...]) -> None:
        if name in left:
            left.remove(name)
            with path.open("ab") as file:
                file.write(b"garbage\n")
            end = path.stat().st_size
            with path.open("ab") as file:
                file.write(lines[-1])
            assert path.stat().st_size > end

    lines = path.read_bytes().splitlines(keepends=True)
    log.append([set_event("c")])
    lines = path.read_bytes().splitlines(keepends=True)
    os.truncate(path, path.stat().st_size - len(lines[-1]))
    with pytest.raises(CompactionError, match="replaced or cut"):
        directory(tmp_path, FaultyStorage(damage)).compact("s")
    assert path.read_bytes() == b"".join([*lines[:-1], b"garbage\n", lines[-1]])
    assert files_in(tmp_path) == {"s.jsonl"}


def test_a_log_cut_while_it_is_compacted_stays_as_it_is(tmp_path: Path) -> None:
    """What the compaction has folded is not there any more: nothing may come of it."""
    path = write_log(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    left = ["sync"]

    def cut(name: str, args: tuple[Any, ...]) -> None:
        if name in left:
            left.remove(name)
            os.truncate(path, path.stat().st_size - len(lines[-1]))
            open_log(tmp_path)[0].append([set_event("c")])

    with pytest.raises(CompactionError, match="replaced or cut"):
        directory(tmp_path, FaultyStorage(cut)).compact("s")
    assert turns_in(tmp_path) == ["a", "b", "c"]
    assert files_in(tmp_path) == {"s.jsonl"}


def test_a_line_that_is_being_written_while_it_is_copied_comes_whole(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    begun = path.stat().st_size
    log, _ = open_log(tmp_path)
    log.append([set_event("c", {"x": "y" * (1 << 17)}), set_event("d", {"z": "z" * 1000})])
    log.close()
    rest = path.read_bytes()[begun:]
    os.truncate(path, begun)
    syncs: list[str] = []
    pieces = {1: rest[:-500], 3: rest[-500:]}  # before the first round, and after it

    def write(name: str, args: tuple[Any, ...]) -> None:
        if name == "sync":
            syncs.append(name)
            with path.open("ab") as file:
                file.write(pieces.pop(len(syncs), b""))

    directory(tmp_path, FaultyStorage(write)).compact("s")
    assert pieces == {}
    assert turns_in(tmp_path) == ["a", "b", "c", "d"]
    assert directory(tmp_path).verify("s").ok


def test_another_that_was_quicker_is_noticed_before_anything_is_written(tmp_path: Path) -> None:
    write_log(tmp_path)
    calls: list[str] = []

    def compact_first(name: str, args: tuple[Any, ...]) -> None:
        if name == "lock" and "lock" not in calls:
            directory(tmp_path).compact("s")
        calls.append(name)

    with pytest.raises(CompactionAbandonedError):
        directory(tmp_path, FaultyStorage(compact_first)).compact("s")
    assert "write" not in calls


def test_a_session_deleted_while_it_is_packed_fails_no_packing(tmp_path: Path) -> None:
    """Before any call of the packing; another compaction's leftovers are there too."""
    for number in range(200):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_log(folder)
        engine = directory(folder)
        engine.compact("s")
        (folder / "archive" / "s.1.jsonl.gz.new").write_bytes(b"unfinished")
        calls = 0

        def delete(name: str, args: tuple[Any, ...], number: int = number) -> None:
            nonlocal calls
            if calls == number:
                directory(folder).delete("s")  # noqa: B023 - called in this very round
            calls += 1

        directory(folder, FaultyStorage(delete)).pack("s")
        if calls <= number:
            break
        assert files_in(folder) == set()
    assert number > 15
    assert files_in(folder) == {"s.jsonl", "archive/s.3.jsonl.gz"}
