"""Compaction of files: writers go on, history is kept, interruptions are survived."""

import gzip
import threading
from pathlib import Path

import pytest

from journal.compaction import Compaction
from journal.directory import Directory
from journal.errors import CompactionError, DamagedError
from journal.events import Clear
from journal.handle import LogFile
from journal.log import LogOptions
from journal.names import paths_of
from journal.storage import DiskStorage
from projections.view import View
from tests.support import FaultyStorage, files_in, open_log, set_event, turns_in


def directory(folder: Path, storage: DiskStorage | None = None) -> Directory:
    return Directory(str(folder), LogOptions("os", 5.0, None, storage or DiskStorage()))


def test_kept_lines_are_the_same_bytes_and_the_archive_has_the_rest(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("b"), set_event("a")])
    lines = (tmp_path / "s.jsonl").read_bytes().splitlines()
    engine = directory(tmp_path)
    engine.compact("s")
    assert (tmp_path / "s.jsonl").read_bytes().splitlines()[1:] == [lines[3], lines[2]]
    archived = (tmp_path / "archive" / "s.3.jsonl").read_bytes().splitlines()
    assert archived[:-1] == lines
    assert archived[-1].startswith(b'{"op":"sealed","reason":"compacted","last_seq":3')
    assert engine.pack("s") == 1
    packed = tmp_path / "archive" / "s.3.jsonl.gz"
    assert gzip.decompress(packed.read_bytes()).splitlines() == archived
    assert files_in(tmp_path) == {"s.jsonl", "archive/s.3.jsonl.gz"}
    assert engine.verify("s").archived_events == 3


def test_history_can_be_dropped_with_all_that_was_archived_before(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    engine = directory(tmp_path)
    log.append([set_event("a"), set_event("a")])
    engine.compact("s")
    log.append([set_event("a")])
    engine.compact("s", "drop")
    assert files_in(tmp_path) == {"s.jsonl"}
    assert engine.verify("s").ok
    with pytest.raises(ValueError, match="history"):
        engine.compact("s", "burn")  # type: ignore[arg-type]


def test_a_damaged_log_is_archived_even_when_history_is_dropped(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("b"), set_event("c")])
    log.close()
    path = tmp_path / "s.jsonl"
    damaged = path.read_bytes().replace(b'{"turn":"b"}', b'{"turn":"x"}')
    path.write_bytes(damaged)
    engine = directory(tmp_path)
    engine.compact("s", "drop")
    assert (tmp_path / "archive" / "s.3.jsonl").read_bytes().startswith(damaged)
    assert turns_in(tmp_path) == ["a", "c"]


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
        if name == "sync" and engine.exists("s"):
            engine.delete("s")

    with pytest.raises(CompactionError):
        directory(tmp_path, FaultyStorage(fault)).compact("s")
    assert not engine.exists("s")
    assert files_in(tmp_path) == set()


def test_a_new_file_that_does_not_fold_to_the_same_is_never_put_in_place(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("b"), set_event("a")])
    before = (tmp_path / "s.jsonl").read_bytes()

    class Bends(DiskStorage):
        """A disk that turns a 1 of the new file into something else."""

        @staticmethod
        def write(fd: int, data: bytes) -> int:  # type: ignore[override]
            return DiskStorage.write(fd, data.replace(b'"turn":"b"', b'"turn":"B"'))

    with pytest.raises(CompactionError, match="does not fold"):
        directory(tmp_path, Bends()).compact("s")
    assert (tmp_path / "s.jsonl").read_bytes() == before
    assert files_in(tmp_path) == {"s.jsonl"}


def test_a_writer_that_finds_a_seal_reopens_the_path(tmp_path: Path) -> None:
    log, recorder = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    directory(tmp_path).compact("s")
    log.append([set_event("b")])
    assert b'"turn_id":"b"' in (tmp_path / "s.jsonl").read_bytes()
    assert b'"turn_id":"b"' not in (tmp_path / "archive" / "s.2.jsonl").read_bytes()
    assert [event.seq for event in recorder.events] == [1, 2, 3]


def test_many_compactions_keep_the_chain_through_all_archives(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    engine = directory(tmp_path)
    for number in range(1, 6):
        log.append([set_event("a", {"n": number}), set_event(f"t{number}"), set_event("x")])
        engine.compact("s")
        if number % 2:
            engine.pack("s")
    log.append([Clear()])
    engine.compact("s")
    report = engine.verify("s")
    assert report.ok
    archives = len(list((tmp_path / "archive").iterdir()))
    assert archives == 5, "all but the first, which found nothing dead"
    assert turns_in(tmp_path) == []


def test_memory_of_a_compaction_is_places_not_states(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event(str(n), {"text": "x" * 1000}) for n in range(50)])
    log.append([set_event("0", {"text": "y"})])
    paths = paths_of(str(tmp_path), "s")
    run = Compaction(DiskStorage(), paths, "archive", 5.0, "w")
    report = run.run()
    assert report is not None
    view = View()
    fresh = directory(tmp_path).open("s", view)
    fresh.refresh()
    assert list(view.turns["native"]) == [str(n) for n in range(50)]


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


def test_an_archive_is_never_overwritten(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    directory(tmp_path).compact("s")
    directory(tmp_path).pack("s")
    packed = (tmp_path / "archive" / "s.2.jsonl.gz").read_bytes()
    log.close()
    (tmp_path / "s.jsonl").unlink()  # somebody removes the log, but not its history
    again, _ = open_log(tmp_path)
    again.append([set_event("b"), set_event("b")])
    directory(tmp_path).compact("s")
    assert packed in [path.read_bytes() for path in (tmp_path / "archive").iterdir()]
    assert directory(tmp_path).verify("s").ok


@pytest.mark.parametrize("operation", ["compact", "pack", "begin"])
def test_nothing_is_renamed_before_it_is_synced(tmp_path: Path, operation: str) -> None:
    """A rename may reach the disk before what was written under the old name."""
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    if operation == "pack":
        directory(tmp_path).compact("s")
    dirty: set[object] = set()
    renamed: list[object] = []

    def watch(name: str, args: tuple[object, ...]) -> None:
        if name in ("write", "truncate"):
            dirty.add(args[0])
        elif name in ("sync", "close"):
            assert name == "sync" or args[0] not in dirty, "closed before it was synced"
            dirty.discard(args[0])
        elif name == "rename":
            assert dirty == set(), "renamed before it was synced"
            renamed.append(args)

    storage = FaultyStorage(watch)
    if operation == "begin":
        fresh, _ = open_log(tmp_path, "older", storage=storage)
        fresh.append([set_event("new")], seed=lambda: [set_event("imported")])
    elif operation == "compact":
        appended: list[str] = []

        def append_meanwhile(name: str, args: tuple[object, ...]) -> None:
            watch(name, args)
            if name == "sync" and not appended:
                appended.append("b")
                log.append([set_event("b")])

        directory(tmp_path, FaultyStorage(append_meanwhile)).compact("s")
        assert turns_in(tmp_path) == ["a", "b"]
    else:
        directory(tmp_path, storage).pack("s")
    assert len(renamed) == 1


def test_history_is_dropped_also_when_nothing_in_the_log_is_dead(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    directory = Directory(str(tmp_path), LogOptions(durability="os"))
    directory.compact("s")
    assert list((tmp_path / "archive").iterdir())
    report = directory.compact("s", "drop")
    assert report is not None
    assert report.events_before == report.events_after == 1
    assert list((tmp_path / "archive").iterdir()) == []
    assert directory.verify("s").problems == []
    assert log.append([set_event("b")]).seq == 3
    log.close()
