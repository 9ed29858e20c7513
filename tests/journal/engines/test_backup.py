"""Copying one session: whole, whoever changes it at whatever moment."""

import gzip
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from journal.engines.files.backup import CopiedLog, copy_log
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import CHUNK, DiskStorage
from journal.errors import ReadError
from journal.names import paths_of
from tests.journal.engines.seals import seal_line
from tests.support import FaultyStorage, files_in, no_fault, open_log, set_event, turns_in

Prepare: TypeAlias = Callable[[Path], None]

SESSION = "s"
ARCHIVED = 2
"""Archives that the session has."""


class Quick(DiskStorage):
    """A disk for those who only make what is to be copied."""

    @staticmethod
    def sync(fd: Any) -> None:
        pass

    @staticmethod
    def sync_folder(path: str) -> None:
        pass


def directory(folder: Path) -> Directory:
    return Directory(str(folder), LogOptions(durability="os", storage=Quick()))


def write(folder: Path, *turns: str) -> None:
    log, _ = open_log(folder)
    log.append([set_event(turn) for turn in turns])
    log.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six events: two in a packed archive, two in one that is not, two in the log."""
    folder = tmp_path_factory.mktemp("template")
    engine = directory(folder)
    write(folder, "a", "a")
    engine.compact(SESSION)
    engine.pack(SESSION)
    write(folder, "b", "a")
    engine.compact(SESSION)
    write(folder, "c", "a")
    return folder


@pytest.fixture
def prepare(template: Path) -> Prepare:
    """Makes a folder with that session."""

    def make(folder: Path) -> None:
        shutil.copytree(template, folder)

    return make


def copied(source: Path, target: Path, storage: DiskStorage | None = None) -> CopiedLog | None:
    (target / "archive").mkdir(parents=True, exist_ok=True)
    return copy_log(
        storage or DiskStorage(), paths_of(str(source), SESSION), paths_of(str(target), SESSION)
    )


def history(folder: Path) -> list[int]:
    """The seqs of all events; their log must be whole."""
    engine = directory(folder)
    assert engine.verify(SESSION).problems == []
    past = engine.history(SESSION)
    assert past is not None
    found = [entry.event.seq for entry in past.in_order()]
    assert past.problems == []
    assert past.floor or found == list(range(1, len(found) + 1))
    return found


def remake(folder: Path) -> None:
    directory(folder).delete(SESSION)
    write(folder, "new", "new", "new")
    directory(folder).compact(SESSION)


def drop(folder: Path) -> None:
    write(folder, "d")
    directory(folder).compact(SESSION, "drop")


CHANGES: dict[str, Callable[[Path], object]] = {
    "append": lambda folder: write(folder, "d"),
    "compact": lambda folder: directory(folder).compact(SESSION),
    "pack": lambda folder: directory(folder).pack(SESSION),
    "compact and pack": lambda folder: (
        directory(folder).compact(SESSION),
        directory(folder).pack(SESSION),
    ),
    "append and drop": drop,
    "delete": lambda folder: directory(folder).delete(SESSION),
    "remake": remake,
}


class Changes:
    """A fault that lets somebody change the source before the nth call, or before each."""

    def __init__(self, folder: Path, change: str, at: int | None) -> None:
        self.folder = folder
        self.change = CHANGES[change]
        self.at = at
        self.calls = 0

    def __call__(self, name: str, args: tuple[Any, ...]) -> None:
        if self.at in (None, self.calls):
            self.change(self.folder)
        self.calls += 1


def calls_of_a_copy(folder: Path) -> int:
    changes = Changes(folder, "pack", -1)
    copied(folder, folder / "copy", FaultyStorage(changes))
    return changes.calls


@pytest.mark.parametrize("change", CHANGES)
def test_a_session_that_is_changed_at_any_moment_is_copied_whole(
    prepare: Prepare, change: str, tmp_path: Path
) -> None:
    prepare(tmp_path / "counted")
    calls = calls_of_a_copy(tmp_path / "counted")
    assert calls > 20
    for at in range(calls):
        source, target = tmp_path / f"{at}", tmp_path / f"copy-{at}"
        prepare(source)
        found = copied(source, target, FaultyStorage(Changes(source, change, at)))
        if found is None:
            assert change in ("delete", "remake"), "nothing else makes it disappear"
            assert files_in(target) == set()
            continue
        events = history(target)
        if change == "remake":
            assert len(events) in (3, 6), "the old one or the new one"
        elif change == "append and drop" and events[0] != 1:
            assert events[-1] == 7, "copied anew after the history was dropped"
        else:
            assert len(events) >= 6
        archives = [name for name in files_in(target) if name.startswith("archive/")]
        assert len(archives) == found.archives, "no more than belongs to it"
        turns_in(target)  # and it can be written


def test_nothing_is_changed_locked_or_made_in_the_original(
    prepare: Prepare, tmp_path: Path
) -> None:
    source, target = tmp_path / "source", tmp_path / "copy"
    prepare(source)
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    touched: list[Any] = []

    def watch(name: str, args: tuple[Any, ...]) -> None:
        if name in ("lock", "unlock", "truncate", "unlink", "rename", "link", "make_folder"):
            touched.append((name, args))
        if name == "open" and str(args[0]).startswith(str(source)):
            assert args[1] == os.O_RDONLY
        if name in ("write", "truncate"):
            assert str(target) in os.readlink(f"/proc/self/fd/{args[0]}")

    found = copied(source, target, FaultyStorage(watch))
    assert found is not None
    assert found.archives == ARCHIVED
    assert [name for name, _ in touched] == ["truncate"], "of the copy"
    assert {path: path.read_bytes() for path in source.rglob("*") if path.is_file()} == before
    sizes = [path.stat().st_size for path in target.rglob("*") if path.is_file()]
    assert found.size == sum(sizes)
    assert history(target) == [1, 2, 3, 4, 5, 6]


def test_all_of_the_copy_is_synced(prepare: Prepare, tmp_path: Path) -> None:
    prepare(tmp_path / "source")
    written: set[str] = set()

    def watch(name: str, args: tuple[Any, ...]) -> None:
        if name in ("write", "truncate"):
            written.add(os.readlink(f"/proc/self/fd/{args[0]}"))
        elif name == "sync":
            written.discard(os.readlink(f"/proc/self/fd/{args[0]}"))
        elif name == "close" and args[0] > 2:
            assert os.readlink(f"/proc/self/fd/{args[0]}") not in written

    assert copied(tmp_path / "source", tmp_path / "copy", FaultyStorage(watch)) is not None
    assert written == set()


def test_modes_and_times_are_kept(prepare: Prepare, tmp_path: Path) -> None:
    source = tmp_path / "source"
    prepare(source)
    for path in source.rglob("s.*"):
        path.chmod(0o640)
        os.utime(path, ns=(1_000_000_000, 2_000_000_000))
    assert copied(source, tmp_path / "copy") is not None
    for path in (tmp_path / "copy").rglob("s.*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert path.stat().st_mtime_ns == 2_000_000_000


def test_a_session_that_changes_without_end_is_an_error_and_leaves_nothing(
    prepare: Prepare,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    source = tmp_path / "source"
    prepare(source)

    def compact_and_drop(name: str, args: tuple[Any, ...]) -> None:
        if name == "open" and str(args[0]) == str(source / "s.jsonl"):
            write(source, "d")
            directory(source).compact(SESSION)
        elif name == "open" and str(args[0]).startswith(str(source / "archive")):
            drop(source)

    monkeypatch.setattr("journal.engines.files.backup._MOST_TRIES", 5)
    with pytest.raises(ReadError, match="faster than it can be copied"):
        copied(source, tmp_path / "copy", FaultyStorage(compact_and_drop))
    assert files_in(tmp_path / "copy") == set()


# What a writer is at


@pytest.mark.parametrize("tail", [b'{"seq":7,"ts":', b"\0" * 100, b'{"op":"sealed",'])
def test_what_has_no_end_yet_is_not_copied(prepare: Prepare, tail: bytes, tmp_path: Path) -> None:
    source = tmp_path / "source"
    prepare(source)
    whole = (source / "s.jsonl").read_bytes()
    (source / "s.jsonl").write_bytes(whole + tail)
    assert copied(source, tmp_path / "copy") is not None
    assert (tmp_path / "copy" / "s.jsonl").read_bytes() == whole


def test_a_last_line_that_only_lacks_its_end_is_copied(prepare: Prepare, tmp_path: Path) -> None:
    source = tmp_path / "source"
    prepare(source)
    whole = (source / "s.jsonl").read_bytes()
    (source / "s.jsonl").write_bytes(whole[:-1])
    assert copied(source, tmp_path / "copy") is not None
    assert (tmp_path / "copy" / "s.jsonl").read_bytes() == whole[:-1]


def test_what_stands_before_a_seal_is_copied(prepare: Prepare, tmp_path: Path) -> None:
    """Of a compaction that died, or that has come to its end since the log was opened."""
    source = tmp_path / "source"
    prepare(source)
    whole = (source / "s.jsonl").read_bytes()
    (source / "s.jsonl").write_bytes(whole + seal_line("compacted") + b"half a li")
    assert copied(source, tmp_path / "copy") is not None
    assert (tmp_path / "copy" / "s.jsonl").read_bytes() == whole


def test_a_log_of_many_pieces_is_copied_to_its_end(prepare: Prepare, tmp_path: Path) -> None:
    source = tmp_path / "source"
    prepare(source)
    log, _ = open_log(source)
    log.append([set_event(f"t{n}", "x" * 100_000) for n in range(3 * CHUNK // 100_000)])
    log.close()
    with (source / "s.jsonl").open("ab") as file:
        file.write(b'{"seq":' + b"x" * (CHUNK + 10))  # ends in another piece than the last line
    assert copied(source, tmp_path / "copy") is not None
    assert len(history(tmp_path / "copy")) == 6 + 3 * CHUNK // 100_000


def test_a_write_that_is_cut_back_while_it_is_read_leaves_no_damage_in_the_copy(
    prepare: Prepare,
    tmp_path: Path,
) -> None:
    """Half of a batch is read; it fails and is cut back, and others write in its place."""
    source = tmp_path / "source"
    prepare(source)
    size = (source / "s.jsonl").stat().st_size
    write(source, "e", "f")
    reads: list[int] = []

    def cut_back(name: str, args: tuple[Any, ...]) -> bytes | None:
        if name == "read" and args[1] > size:  # the log, not its header or an archive
            reads.append(args[0])
            if len(reads) == 2:
                data = os.pread(args[0], args[1], args[2])
                return data[: data.rindex(b"\n", 0, -1) - 20] + data[size : size + 300] + b"\n"
        return None

    assert copied(source, tmp_path / "copy", FaultyStorage(cut_back)) is not None
    assert len(reads) > 2
    assert history(tmp_path / "copy") == [1, 2, 3, 4, 5, 6, 7, 8]


# Damage


def damage_log(folder: Path) -> None:
    path = folder / "s.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"c"', b'"x"', 1))


def damage_last_line(folder: Path) -> None:
    path = folder / "s.jsonl"
    path.write_bytes(path.read_bytes()[:-10] + b"xxxxxxxxx\n")


def damage_header(folder: Path) -> None:
    path = folder / "s.jsonl"
    path.write_bytes(b"x" + path.read_bytes())


def damage_all(folder: Path) -> None:
    (folder / "s.jsonl").write_bytes(b"garbage without any line end")


def damage_packed(folder: Path) -> None:
    path = folder / "archive" / "s.2.jsonl.gz"
    path.write_bytes(path.read_bytes()[:20])


def damage_archive(folder: Path) -> None:
    path = folder / "archive" / "s.4.jsonl"
    path.write_bytes(b"x" + path.read_bytes())


def lose_archive(folder: Path) -> None:
    (folder / "archive" / "s.4.jsonl").unlink()


def name_itself(folder: Path) -> None:
    """An archive that is its own predecessor."""
    path = folder / "archive" / "s.4.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"s.2.jsonl"', b'"s.4.jsonl"'))


def newer_format(folder: Path) -> None:
    path = folder / "s.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":9') + b"unknown")


DAMAGE = [damage_log, damage_last_line, damage_header, damage_all, damage_packed, damage_archive]
DAMAGE += [lose_archive, name_itself, newer_format]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_what_is_damaged_is_copied_as_it_is(
    prepare: Prepare, damage: Callable[[Path], None], tmp_path: Path
) -> None:
    source, target = tmp_path / "source", tmp_path / "copy"
    prepare(source)
    damage(source)
    assert copied(source, target) is not None
    assert files_in(target) == files_in(source)
    for name in files_in(source):
        assert (target / name).read_bytes() == (source / name).read_bytes(), name


def test_evidence_goes_along_and_scratch_files_do_not(prepare: Prepare, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "copy"
    prepare(source)
    for name in ("s.10-abcdef12.torn", "s.4.jsonl.gz.new", "other.1.torn"):
        (source / "archive" / name).write_bytes(b"x")
    os.link(source / "s.jsonl", source / "archive" / "s.6.jsonl")  # a compaction that died
    expected = {"s.jsonl", "archive/s.2.jsonl.gz", "archive/s.4.jsonl"}
    expected.add("archive/s.10-abcdef12.torn")
    found = copied(source, target)
    assert found is not None
    assert found.archives == ARCHIVED
    assert files_in(target) == expected
    with gzip.open(target / "archive" / "s.2.jsonl.gz") as archive:
        assert archive.read().count(b"\n") == 4  # header, two events, seal


@pytest.mark.parametrize("what", ["nothing", "empty", "deleted"])
def test_what_is_no_session_is_not_copied(prepare: Prepare, what: str, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "copy"
    prepare(source)
    directory(source).delete(SESSION)
    if what == "empty":
        (source / "s.jsonl").touch()
    elif what == "deleted":
        write(source, "a")
        with (source / "s.jsonl").open("ab") as file:
            file.write(seal_line("deleted"))
    assert copied(source, target, FaultyStorage(no_fault)) is None
    assert files_in(target) == set()
