"""Moments and errors of the file engine that few operations meet, one by one."""

import os
import zlib
from collections.abc import Callable, Iterator
from errno import EACCES, EIO, EMFILE, ENOSPC
from pathlib import Path
from typing import Any

import pytest

from journal.engines.files import watching
from journal.engines.files.appending import allow_writing
from journal.engines.files.archives import pack_archives
from journal.engines.files.backup import copy_log
from journal.engines.files.directory import Directory
from journal.engines.files.ends import scan_beginning
from journal.engines.files.inotify import Inotify
from journal.engines.files.log import LogOptions
from journal.engines.files.logfile import LogFile
from journal.engines.files.seeking import _point_after
from journal.engines.files.sources import Source, lines_in, readable, sources_of
from journal.engines.files.storage import DiskStorage
from journal.engines.files.watching import FolderWatch
from journal.errors import AppendError, CursorError, ReadError, StorageError
from journal.events import Clear
from journal.names import paths_of
from journal.scan import Scanner
from journal.state import MAX_LINE
from journal.stopping import StopEvent
from tests.faults.damage.forgery import rechain, with_fields
from tests.journal.engines.seals import seal_line
from tests.support import FaultyStorage, fails, open_log, set_event, turns_in


def engine(folder: Path, storage: DiskStorage | None = None) -> Directory:
    return Directory(str(folder), LogOptions("os", storage=storage or DiskStorage()))


def write(folder: Path, *turns: str) -> None:
    log, _ = open_log(folder)
    log.append([set_event(turn) for turn in turns])
    log.close()


def archived(folder: Path) -> Path:
    """A session with an archive, whose path is returned."""
    write(folder, "a", "b", "a")
    engine(folder).compact("s")
    (path,) = (folder / "archive").iterdir()
    return path


# Appending


def test_a_file_that_the_system_refuses_to_look_at_is_not_written(tmp_path: Path) -> None:
    write(tmp_path, "a")
    storage = FaultyStorage(fails("open", EIO, after=1))
    file = LogFile(storage, str(tmp_path / "s.jsonl"), create=False)
    with pytest.raises(AppendError, match="cannot append to"):
        allow_writing(file)
    file.close()


def half_then_stuck(name: str, args: tuple[Any, ...]) -> int | None:
    """The disk takes half of what is written, and then refuses to cut it off."""
    if name == "write":
        return os.write(args[0], args[1][: len(args[1]) // 2])
    if name == "truncate":
        raise OSError(EIO, os.strerror(EIO))
    return None


def test_a_write_that_can_neither_be_done_nor_undone_is_said_to_be_unknown(
    tmp_path: Path,
) -> None:
    write(tmp_path, "a")
    log, _ = open_log(tmp_path, storage=FaultyStorage(half_then_stuck))
    with pytest.raises(StorageError, match="is unknown"):
        log.append([set_event("b")])
    log.close()
    write(tmp_path, "c")
    assert turns_in(tmp_path) == ["a", "c"]


def test_an_error_of_a_close_is_of_no_consequence(tmp_path: Path) -> None:
    fault = fails("close", EIO, times=100)

    def close_and_fail(name: str, args: tuple[Any, ...]) -> None:
        if name == "close":
            os.close(args[0])
        fault(name, args)

    log, _ = open_log(tmp_path, storage=FaultyStorage(close_and_fail))
    log.append([set_event("a")])
    log.close()
    assert turns_in(tmp_path) == ["a"]


# Sealing


def test_a_seal_that_does_not_fit_on_the_disk_is_taken_off(tmp_path: Path) -> None:
    write(tmp_path, "a", "a")
    before = (tmp_path / "s.jsonl").read_bytes()

    def fault(name: str, args: tuple[Any, ...]) -> int | None:
        if name == "write" and b'"op":"sealed"' in args[1]:
            return os.write(args[0], args[1][:10])
        return None

    with pytest.raises(OSError, match=os.strerror(ENOSPC)):
        engine(tmp_path, FaultyStorage(fault)).compact("s")
    assert (tmp_path / "s.jsonl").read_bytes() == before


def test_a_seal_stands_on_a_line_of_its_own(tmp_path: Path) -> None:
    """Also after a last line that has lost its end."""
    write(tmp_path, "a", "b", "a")
    path = tmp_path / "s.jsonl"
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    engine(tmp_path).compact("s")
    assert engine(tmp_path).verify("s").ok
    assert sorted(turns_in(tmp_path)) == ["a", "b"]


# Archives


def test_what_stands_behind_a_packed_archive_is_damage(tmp_path: Path) -> None:
    path = archived(tmp_path)
    engine(tmp_path).pack("s")
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(packed.read_bytes() + b"more")
    (problem,) = engine(tmp_path).verify("s").problems
    assert problem.kind == "archive"
    assert "goes on after its end" in problem.reason


def test_packing_that_is_stopped_within_a_file_leaves_it_as_it_was(tmp_path: Path) -> None:
    path = archived(tmp_path)
    before = path.read_bytes()
    asked = iter([False, True])
    assert pack_archives(DiskStorage(), paths_of(str(tmp_path), "s"), lambda: next(asked)) == 0
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_the_beginning_of_a_file_without_an_end_of_line_is_read_too(tmp_path: Path) -> None:
    write(tmp_path, "a")
    header, event = (tmp_path / "s.jsonl").read_bytes().splitlines()
    assert scan_beginning([header]).header is not None
    assert scan_beginning([event]).count == 1
    assert scan_beginning([b"{"]).header is None


# Looking back, following, seeking


def test_a_log_that_was_only_begun_has_no_history_and_no_end_to_go_to(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").touch()
    assert engine(tmp_path).history("s", 0) is None
    follower = engine(tmp_path).follow("s")
    follower.to_end()
    write(tmp_path, "a")
    assert [event.seq for event in follower.read()] == [1]
    follower.close()


def test_a_follower_that_is_closed_while_it_reads_a_damaged_log_ends(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), Clear()])
    log.close()
    engine(tmp_path).compact("s")
    path = tmp_path / "s.jsonl"
    path.write_bytes(with_fields(path.read_bytes(), kept_digest="0" * 32))
    follower = engine(tmp_path).follow("s")
    events = follower.read()
    assert next(events).seq == 1  # from the archive
    follower.close()
    assert [event.seq for event in events] == [2]
    assert list(follower.read()) == []
    follower.close()


def test_a_follower_of_a_log_that_was_forged_says_so_though_nobody_can_look_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> None:
        raise ReadError(EIO, "the disk is on fire")

    monkeypatch.setattr(Directory, "history", unreadable)
    write(tmp_path, "a")
    write(tmp_path, "b")
    follower = engine(tmp_path).follow("s")
    assert [event.seq for event in follower.read()] == [1, 2]
    write(tmp_path, "c")
    path = tmp_path / "s.jsonl"
    header, first, *others = path.read_bytes().splitlines(keepends=True)
    forged = [header, with_fields(first, turn_id="x"), *others]
    path.write_bytes(b"".join(rechain(forged, 2)))
    with pytest.raises(CursorError):
        list(follower.read())
    follower.close()


def test_lines_that_were_all_appended_with_the_last_lead_up_to_it(tmp_path: Path) -> None:
    """The last lines of a file may begin with the first of one append."""
    write(tmp_path, "a", "b", "c")
    header, *lines = (tmp_path / "s.jsonl").read_bytes().splitlines()
    scanner = Scanner()
    list(scanner.read([header + b"\n"]))
    point = _point_after(scanner, reversed(lines), 1000, most=1000)
    assert point is not None
    assert len(point.hashes) == 3


# Compacting and deleting what others are at


def test_what_a_compaction_has_left_may_be_tidied_up_by_another(tmp_path: Path) -> None:
    write(tmp_path, "a", "b", "a")
    (tmp_path / "archive").mkdir()
    os.link(tmp_path / "s.jsonl", tmp_path / "archive" / "s.2.jsonl")  # a compaction that died

    def tidied(name: str, args: tuple[Any, ...]) -> None:
        if name == "unlink" and args[0].endswith("s.2.jsonl"):
            os.unlink(args[0])

    assert engine(tmp_path, FaultyStorage(tidied)).compact("s") is not None
    assert sorted(turns_in(tmp_path)) == ["a", "b"]
    assert engine(tmp_path).verify("s").ok


def test_a_deletion_that_another_process_finishes_is_left_to_it(tmp_path: Path) -> None:
    write(tmp_path, "a")
    with (tmp_path / "s.jsonl").open("ab") as file:
        file.write(seal_line("deleted"))
    locks = []

    def other_is_quicker(name: str, args: tuple[Any, ...]) -> bool | None:
        if name != "lock":
            return None
        locks.append(args)
        if len(locks) == 2:  # the first one was let go, to list what is to be removed
            (tmp_path / "s.jsonl").unlink()
            return False
        return None

    log, _ = open_log(tmp_path, storage=FaultyStorage(other_is_quicker))
    log.append([set_event("b")])
    log.close()
    assert turns_in(tmp_path) == ["b"]


def test_damage_that_moves_is_reported_where_it_is_now(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What was read before was cut back and replaced, so that the old report says nothing."""
    write(tmp_path, "a", "b")
    path = tmp_path / "s.jsonl"
    header, first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + b"garbage\n" + first)
    log, recorder = open_log(tmp_path)
    log.refresh()
    assert len(caplog.records) == 1
    path.write_bytes(header + b"\n" * 8 + first + b"rubbish\n" + second)
    log.refresh()
    log.close()
    assert recorder.turns == ["a", "b"]
    assert len(caplog.records) == 2


# Sources of what was lost


def test_an_archive_folder_that_cannot_be_listed_is_no_source(tmp_path: Path) -> None:
    path = archived(tmp_path)
    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes())
    (tmp_path / "archive" / "s.1.torn").write_bytes(b"x")  # evidence that holds no events
    paths = paths_of(str(tmp_path), "s")
    found = sources_of(DiskStorage(), paths, [str(copy)])
    assert [each.where for each in found] == [str(copy), str(path)]
    refused = FaultyStorage(fails("names_of", EACCES))
    assert [each.where for each in sources_of(refused, paths, [str(copy)])] == [str(copy)]


def pieces_then(error: Exception, data: bytes) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        yield data
        raise error

    return pieces


@pytest.mark.parametrize("error", [OSError(EIO, ""), zlib.error(), ReadError(None, "x")], ids=repr)
def test_a_source_is_read_as_far_as_it_can_be(error: Exception, tmp_path: Path) -> None:
    write(tmp_path, "a")
    data = (tmp_path / "s.jsonl").read_bytes()
    source = Source("where", pieces_then(error, data))
    assert list(readable(source)) == [data]
    assert [event.seq for event, _ in lines_in(source)] == [1]


def test_a_line_longer_than_any_may_be_takes_no_memory_and_the_next_is_found(
    tmp_path: Path,
) -> None:
    write(tmp_path, "a")
    data = (tmp_path / "s.jsonl").read_bytes()
    junk = b"x" * (1 << 20)
    pieces = [junk] * (MAX_LINE // len(junk) + 2) + [b"\n", data]
    found = lines_in(Source("where", lambda: iter(pieces)))
    assert [event.seq for event, _ in found] == [1]


# Backups


def test_a_backup_may_be_of_somebody_who_cannot_give_files_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise PermissionError

    write(tmp_path / "source", "a")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "fchown", refuse)
    (tmp_path / "copy" / "archive").mkdir(parents=True)
    source, target = (paths_of(str(tmp_path / name), "s") for name in ("source", "copy"))
    assert copy_log(DiskStorage(), source, target) is not None
    assert turns_in(tmp_path / "copy") == ["a"]


def test_an_archive_that_goes_while_all_are_copied_is_left_out(tmp_path: Path) -> None:
    """The way back is broken, so that every archive is tried; one is packed meanwhile."""
    path = archived(tmp_path / "source")
    log = tmp_path / "source" / "s.jsonl"
    break_the_way_back(tmp_path / "source")

    def go(name: str, args: tuple[Any, ...]) -> None:
        if name == "find" and args[0] == str(path):
            path.unlink(missing_ok=True)

    (tmp_path / "copy" / "archive").mkdir(parents=True)
    source, target = (paths_of(str(tmp_path / name), "s") for name in ("source", "copy"))
    found = copy_log(FaultyStorage(go), source, target)
    assert found is not None
    assert found.archives == 0
    assert Path(target.log).read_bytes() == log.read_bytes()


def break_the_way_back(folder: Path) -> None:
    log = folder / "s.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"log_id"', b'"lXg_id"', 1))


def test_where_the_way_back_is_broken_all_archives_are_copied_and_only_they(
    tmp_path: Path,
) -> None:
    path = archived(tmp_path / "source")
    break_the_way_back(tmp_path / "source")
    (path.parent / "s.1.x.new").touch()
    os.link(tmp_path / "source" / "s.jsonl", path.parent / "s.4.jsonl")  # a compaction that died
    (tmp_path / "copy" / "archive").mkdir(parents=True)
    source, target = (paths_of(str(tmp_path / name), "s") for name in ("source", "copy"))
    assert copy_log(DiskStorage(), source, target) is not None
    assert [each.name for each in Path(target.archive).iterdir()] == [path.name]


def test_an_archive_that_names_itself_is_copied_once(tmp_path: Path) -> None:
    path = archived(tmp_path / "source")
    header, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([with_fields(header, archive=path.name), *others]))
    (tmp_path / "copy" / "archive").mkdir(parents=True)
    source, target = (paths_of(str(tmp_path / name), "s") for name in ("source", "copy"))
    found = copy_log(DiskStorage(), source, target)
    assert found is not None
    assert found.archives == 1


# Watching


def test_what_the_kernel_refuses_is_raised_with_its_number(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Inotify(str(tmp_path / "nowhere"), StopEvent())


def test_a_child_that_was_forked_while_it_waited_knows_nothing(tmp_path: Path) -> None:
    notifier = Inotify(str(tmp_path), StopEvent())
    notifier.after_fork()
    assert notifier.wait(0.0) is None
    assert notifier.is_over
    notifier.close()  # again: the number may be another file's by now


def watch(folder: Path, storage: DiskStorage | None = None) -> FolderWatch:
    return FolderWatch(str(folder), storage or DiskStorage(), lambda name: name)


def test_a_folder_that_goes_before_it_is_watched_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(folder: str, stop: StopEvent) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(watching, "open_notifier", gone)
    assert watch(tmp_path)._open(StopEvent()) is None


def test_that_a_folder_cannot_be_watched_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(folder: str, stop: StopEvent) -> None:
        raise OSError(EMFILE, os.strerror(EMFILE))

    monkeypatch.setattr(watching, "open_notifier", refuse)
    watched = watch(tmp_path)
    for _ in range(2):
        assert watched._open(StopEvent()) is None
    assert len(caplog.records) == 1


def test_a_folder_that_cannot_be_looked_at_is_not_the_one_that_was_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = watch(tmp_path, FaultyStorage(fails("names", EACCES)))
    assert watched._all_sessions() == frozenset()

    def refuse(path: str) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "stat", refuse)
    is_current = watched._is_current()
    monkeypatch.undo()
    assert not is_current
