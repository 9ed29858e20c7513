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
from journal.engines.files.sources import Source, lines_in, readable, sources_of
from journal.engines.files.storage import DiskStorage
from journal.engines.files.watching import FolderWatch
from journal.errors import AppendError, ReadError, StorageError
from journal.names import paths_of
from journal.state import MAX_LINE
from journal.stopping import StopEvent
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
    log.write_bytes(log.read_bytes().replace(b'"log_id"', b'"lXg_id"', 1))

    def go(name: str, args: tuple[Any, ...]) -> None:
        if name == "find" and args[0] == str(path):
            path.unlink(missing_ok=True)

    (tmp_path / "copy" / "archive").mkdir(parents=True)
    source, target = (paths_of(str(tmp_path / name), "s") for name in ("source", "copy"))
    found = copy_log(FaultyStorage(go), source, target)
    assert found is not None
    assert found.archives == 0
    assert Path(target.log).read_bytes() == log.read_bytes()


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
