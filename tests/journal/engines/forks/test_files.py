"""Forks in files: what is shared on the disk, what is not, and what is wrong with either."""

import errno
import gzip
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from journal.codec import control_line, decode_line
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import DiskStorage
from journal.errors import (
    AppendError,
    CompactionAbandonedError,
    DamagedError,
    ExistsError,
    ForkedError,
    HistoryError,
    LockTimeoutError,
    ReadError,
    UnsupportedFormatError,
)
from journal.events import Open, Sealed
from projections.store.folded import FoldedSession
from tests.journal.engines.forks.told import events_of, folded, state_of, write
from tests.support import FaultyStorage, Recorder, fails, files_in, open_log, set_event


def engine(folder: Path, storage: DiskStorage | None = None, timeout: float = 1.0) -> Directory:
    return Directory(str(folder), LogOptions("os", timeout, None, storage or DiskStorage()))


def header_of(path: Path) -> Open:
    found = decode_line(path.read_bytes().splitlines()[0])
    assert isinstance(found, Open)
    return found


def inodes(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_ino for name in files_in(folder)}


def test_a_fork_is_a_header_and_another_name_of_its_origins_log(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a", "b", "c")
    engine(tmp_path).fork("s", "f", 2)
    found = inodes(tmp_path)
    (note,) = (name for name in found if name.endswith(".fork"))
    assert found.keys() == {"s.jsonl", "f.jsonl", "archive/f.2.jsonl", note}
    assert found["archive/f.2.jsonl"] == found["s.jsonl"]
    header = header_of(tmp_path / "f.jsonl")
    assert (tmp_path / "f.jsonl").read_bytes().count(b"\n") == 1
    assert (header.format, header.base_seq, header.kept) == (3, 2, 0)
    assert header.archive == "f.2.jsonl"
    assert header_of(tmp_path / "s.jsonl").format == 1, "the origin stays as old versions read it"


def test_all_archives_that_lead_up_to_it_are_shared_too(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a", "b", "a")
    engine(tmp_path).compact("s")
    engine(tmp_path).pack("s")
    write(engine(tmp_path), "s", "a")
    engine(tmp_path).compact("s")
    write(engine(tmp_path), "s", "c")
    engine(tmp_path).fork("s", "f")
    found = inodes(tmp_path)
    assert found["archive/f.5.jsonl"] == found["s.jsonl"]
    assert found["archive/f.4.jsonl"] == found["archive/s.4.jsonl"]
    assert found["archive/f.3.jsonl.gz"] == found["archive/s.3.jsonl.gz"]
    engine(tmp_path).compact("s", "drop")
    assert [event.seq for event in events_of(engine(tmp_path), "f")] == [1, 2, 3, 4, 5]


def test_a_fork_where_a_compaction_ended_does_not_clash_with_its_archive(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a", "b", "a")
    engine(tmp_path).compact("s")
    engine(tmp_path).fork("s", "f")
    assert inodes(tmp_path)["archive/f.3-2.jsonl"] == inodes(tmp_path)["s.jsonl"]
    assert [event.seq for event in events_of(engine(tmp_path), "f")] == [1, 2, 3]
    write(engine(tmp_path), "f", "a")
    engine(tmp_path).compact("f")
    engine(tmp_path).pack("f")
    assert [event.seq for event in events_of(engine(tmp_path), "f")] == [1, 2, 3, 4]
    assert engine(tmp_path).verify("f").ok


def test_a_fork_in_a_packed_archive(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a", "b", "a", "c")
    before = events_of(engine(tmp_path), "s")
    engine(tmp_path).compact("s")
    engine(tmp_path).pack("s")
    engine(tmp_path).fork("s", "f", 2)
    assert (tmp_path / "archive" / "f.2.jsonl.gz").exists()
    assert state_of(engine(tmp_path), "f") == folded(before[:2])
    write(engine(tmp_path), "f", "d", "d")
    report = engine(tmp_path).compact("f")
    assert report is not None
    assert (report.events_before, report.events_after) == (4, 3)
    assert list(state_of(engine(tmp_path), "f")) == ["a", "b", "d"]
    assert engine(tmp_path).verify("f").ok


def test_what_lives_is_in_a_compacted_forks_own_file_byte_for_byte(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a", "b", "a")
    lines = (tmp_path / "s.jsonl").read_bytes().splitlines(keepends=True)
    engine(tmp_path).fork("s", "f")
    write(engine(tmp_path), "f", "c", "c")
    engine(tmp_path).compact("f")
    kept = (tmp_path / "f.jsonl").read_bytes().splitlines(keepends=True)
    assert kept[1:3] == [lines[3], lines[2]]
    header = header_of(tmp_path / "f.jsonl")
    assert header.origin is not None
    assert (header.origin.session_id, header.origin.seq, header.shares) == ("s", 3, False)
    for name in os.listdir(tmp_path / "archive"):
        (tmp_path / "archive" / name).unlink()
    assert list(state_of(engine(tmp_path), "f")) == ["a", "b", "c"]


def test_packing_a_fork_leaves_its_origins_log_alone(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a", "b")
    engine(tmp_path).fork("s", "f")
    locked: list[object] = []
    assert engine(tmp_path, FaultyStorage(lambda name, _: locked.append(name))).pack("f") == 0
    assert "lock" not in locked
    write(engine(tmp_path), "s", "c")
    engine(tmp_path).compact("s")
    assert engine(tmp_path).pack("f") == 0, "a copy more is no gain"
    assert engine(tmp_path).verify("f").ok


def test_deletion_names_the_forks_and_leaves_all_as_it_was(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a")
    for fork in ("f", "g/h", "i"):
        engine(tmp_path).fork("s", fork)
    engine(tmp_path).delete("i")
    before = files_in(tmp_path)
    with pytest.raises(ForkedError, match=r"'f', 'g/h'.*--force") as refused:
        engine(tmp_path).delete("s")
    assert refused.value.forks == ("f", "g/h")
    assert files_in(tmp_path) == before
    engine(tmp_path).compact("f", "drop")
    with pytest.raises(ForkedError) as refused:
        engine(tmp_path).delete("s")
    assert refused.value.forks == ("g/h",), "the other has nothing of it any more"
    engine(tmp_path).delete("g/h")
    assert engine(tmp_path).delete("s")
    assert files_in(tmp_path) == {"f.jsonl"}


def test_many_forks_are_not_all_named(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a")
    for number in range(12):
        engine(tmp_path).fork("s", f"f{number:02}")
    with pytest.raises(ForkedError, match=r"'f09' and 2 more\."):
        engine(tmp_path).delete("s")


def test_a_deletion_with_force_takes_nothing_from_the_forks(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a", "b", "a")
    engine(tmp_path).compact("s")
    write(engine(tmp_path), "s", "c")
    engine(tmp_path).fork("s", "f")
    engine(tmp_path).fork("f", "g", 2)
    assert engine(tmp_path).delete("s", force=True)
    assert not any(name.startswith(("s.", "archive/s.")) for name in files_in(tmp_path))
    for session, seqs in (("f", [1, 2, 3, 4]), ("g", [1, 2])):
        assert [event.seq for event in events_of(engine(tmp_path), session)] == seqs
        assert engine(tmp_path).verify(session).ok
    engine(tmp_path).fork("f", "h", 4)
    assert engine(tmp_path).delete("f")
    assert [event.seq for event in events_of(engine(tmp_path), "h")] == [1, 2, 3, 4]
    assert engine(tmp_path).verify("h").ok


def test_a_fork_whose_beginning_is_gone_is_never_an_empty_session(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a", "b")
    engine(tmp_path).fork("s", "f")
    write(engine(tmp_path), "f", "c")
    (tmp_path / "archive" / "f.2.jsonl").unlink()
    with pytest.raises(DamagedError, match=r"fork of s@2, and archive/f\.2\.jsonl"):
        state_of(engine(tmp_path), "f")
    with pytest.raises(DamagedError, match="fork of s@2"):
        engine(tmp_path).history("f")
    with pytest.raises(DamagedError, match="fork of s@2"):
        engine(tmp_path).compact("f")
    (problem,) = engine(tmp_path).verify("f").problems
    assert problem.kind == "archive"
    assert "the fork's beginning, up to event 2" in problem.reason
    assert open_log(tmp_path, "f")[0].append([set_event("d")]).seq == 4, "who writes need not read"


def test_another_file_in_the_place_of_its_beginning_is_no_beginning(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a", "b")
    write(engine(tmp_path), "x", "a", "b")
    engine(tmp_path).fork("s", "f")
    (tmp_path / "archive" / "f.2.jsonl").unlink()
    os.link(tmp_path / "x.jsonl", tmp_path / "archive" / "f.2.jsonl")
    with pytest.raises(DamagedError, match="missing or another file"):
        state_of(engine(tmp_path), "f")
    assert [problem.kind for problem in engine(tmp_path).verify("f").problems][:1] == ["base"]


def test_what_is_damaged_before_the_border_is_reported_and_the_rest_loads(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(engine(tmp_path), "s", "a", "b", "c")
    engine(tmp_path).fork("s", "f", 3)
    write(engine(tmp_path), "f", "d")
    log = tmp_path / "s.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"turn_id":"b"', b'"turn_id":"B"'))
    assert list(state_of(engine(tmp_path), "f")) == ["a", "c", "d"]
    assert any("archive/f.3.jsonl" in record.message for record in caplog.records)
    (problem,) = engine(tmp_path).verify("f").problems
    assert (problem.kind, problem.seq) == ("corrupt", 2)
    opened, _ = open_log(tmp_path, "f")
    opened.refresh()
    assert opened.problem is not None
    assert opened.problem.seq == 2
    with pytest.raises(HistoryError, match="event 2, which is damaged"):
        engine(tmp_path).fork("s", "g", 2)
    engine(tmp_path).fork("s", "g", 3)
    assert list(state_of(engine(tmp_path), "g")) == ["a", "c"]


def test_an_origin_that_lost_the_event_at_the_border_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(engine(tmp_path), "s", "a", "b", "c")
    engine(tmp_path).fork("s", "f", 3)
    log = tmp_path / "s.jsonl"
    os.truncate(log, log.read_bytes().index(b'{"seq":3'))
    with caplog.at_level(logging.ERROR):
        assert list(state_of(engine(tmp_path), "f")) == ["a", "b"]
    assert any("ends before the event at which" in record.message for record in caplog.records)
    assert not engine(tmp_path).verify("f").ok


def test_what_is_damaged_after_the_border_is_nothing_to_the_fork(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(engine(tmp_path), "s", "a", "b", "c", "d")
    engine(tmp_path).fork("s", "f", 2)
    log = tmp_path / "s.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"turn_id":"c"', b'"turn_id":"C"') + b'{"seq":')
    assert list(state_of(engine(tmp_path), "f")) == ["a", "b"]
    assert engine(tmp_path).verify("f").ok
    assert not engine(tmp_path).verify("s").ok
    assert caplog.records == []


def test_a_log_whose_header_is_damaged_cannot_be_forked(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a", "b")
    log = tmp_path / "s.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"kept":0', b'"kept":1'))
    with pytest.raises(DamagedError, match="header is not intact"):
        engine(tmp_path).fork("s", "f")
    assert files_in(tmp_path) == {"s.jsonl"}


def test_a_log_of_a_newer_format_cannot_be_forked(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a")
    log = tmp_path / "s.jsonl"
    log.write_bytes(b'{"op":"open","format":99,"new":"layout"}\n{"new":1}\n')
    with pytest.raises(UnsupportedFormatError):
        engine(tmp_path).fork("s", "f")


def test_a_torn_tail_is_not_part_of_a_fork(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a", "b")
    with (tmp_path / "s.jsonl").open("ab") as file:
        file.write(b'{"seq":3,"ts":"20')
    assert engine(tmp_path).fork("s", "f").seq == 2
    assert list(state_of(engine(tmp_path), "f")) == ["a", "b"]
    assert engine(tmp_path).verify("f").ok


@pytest.mark.parametrize("number", [errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP])
def test_without_hard_links_the_files_are_copied(tmp_path: Path, number: int) -> None:
    write(engine(tmp_path), "s", "a", "b", "a")
    engine(tmp_path).compact("s")
    engine(tmp_path).pack("s")
    write(engine(tmp_path), "s", "c", "d")
    before = events_of(engine(tmp_path), "s")
    head = engine(tmp_path, FaultyStorage(fails("link", number, times=99))).fork("s", "f", 4)
    assert head.seq == 4
    found = inodes(tmp_path)
    assert found["archive/f.4.jsonl"] != found["s.jsonl"]
    assert events_of(engine(tmp_path), "f") == before[:4]
    assert engine(tmp_path).verify("f").ok
    with pytest.raises(ExistsError):
        engine(tmp_path, FaultyStorage(fails("link", number, times=99))).fork("s", "f", 4)


def test_a_writer_in_the_middle_of_an_append_is_waited_for(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a")
    fd = os.open(tmp_path / "s.jsonl", os.O_RDWR)
    try:
        assert DiskStorage.lock(fd)
        with pytest.raises(LockTimeoutError):
            engine(tmp_path, timeout=0.05).fork("s", "f")
    finally:
        os.close(fd)
    assert files_in(tmp_path) == {"s.jsonl"}
    assert engine(tmp_path).fork("s", "f").seq == 1


def test_a_log_that_is_compacted_while_the_lock_is_waited_for(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a", "b", "a")
    seen: list[str] = []

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "lock" and not seen:
            seen.append(name)
            engine(tmp_path).compact("s")

    assert engine(tmp_path, FaultyStorage(fault)).fork("s", "f").seq == 3
    assert list(state_of(engine(tmp_path), "f")) == ["a", "b"]
    assert engine(tmp_path).verify("f").ok


def test_a_session_that_is_begun_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a")

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "link" and args[1].endswith("f.jsonl") and "archive" not in args[1]:
            write(engine(tmp_path), "f", "mine")

    with pytest.raises(ExistsError):
        engine(tmp_path, FaultyStorage(fault)).fork("s", "f")
    assert list(state_of(engine(tmp_path), "f")) == ["mine"]
    assert engine(tmp_path).origin("f") is None


def test_what_is_left_of_an_earlier_session_is_not_taken_over(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a", "b", "a")
    write(engine(tmp_path), "f", "x", "y", "x")
    for session in ("s", "f"):
        engine(tmp_path).compact(session)
    (tmp_path / "f.jsonl").unlink()
    write(engine(tmp_path), "s", "c")
    with pytest.raises(ExistsError, match=r"f\.3\.jsonl is there, of an earlier session"):
        engine(tmp_path).fork("s", "f")
    assert not (tmp_path / "f.jsonl").exists()


def test_a_failed_fork_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a")
    with pytest.raises(AppendError, match=r"could not be forked to 'f'.*No space"):
        engine(tmp_path, FaultyStorage(fails("link", errno.ENOSPC))).fork("s", "f")
    assert files_in(tmp_path) == {"s.jsonl"}


def test_files_and_folders_have_the_modes_of_all_others(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a")
    engine(tmp_path).fork("s", "f")
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in files_in(tmp_path)} == {0o600}
    assert (tmp_path / "archive").stat().st_mode & 0o777 == 0o700


def test_long_ids(tmp_path: Path) -> None:
    session, fork = "x" * 300, "ü" * 200
    write(engine(tmp_path), session, "a", "b")
    engine(tmp_path).fork(session, fork)
    assert list(state_of(engine(tmp_path), fork)) == ["a", "b"]
    with pytest.raises(ForkedError):
        engine(tmp_path).delete(session)
    assert engine(tmp_path).verify(fork).ok


def test_a_forks_compaction_that_lost_a_kept_line_gets_it_back(tmp_path: Path) -> None:
    from journal.engines.files.restoring import restore

    write(engine(tmp_path), "s", "a", "b", "a")
    engine(tmp_path).fork("s", "f")
    write(engine(tmp_path), "f", "c", "c")
    engine(tmp_path).compact("f")
    log = tmp_path / "f.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole.replace(b'"turn_id":"b"', b'"turn_id":"B"'))
    paths = engine(tmp_path).paths("f")
    report = restore(DiskStorage(), paths)
    assert [found.seq for found in report.restored] == [2]
    assert report.left == []
    assert log.read_bytes() == whole


class TestSnapshots:
    """A fork's first reading begins with the snapshot of its origin, its next with its own."""

    def folded(self, folder: Path, session: str, *, save: bool = False) -> tuple[Any, int]:
        """The view, and how many bytes were read for it."""
        sizes: list[int] = []

        class Counting(DiskStorage):
            @staticmethod
            def read(fd: int, length: int, offset: int) -> bytes:
                data = os.pread(fd, length, offset)
                sizes.append(len(data))
                return data

        log = engine(folder, Counting()).open(session, found := FoldedSession())
        assert log.refresh()
        view = {turn: found.view.runtime("native")[turn] for turn in found.view.turns["native"]}
        if save:
            assert log.unsaved > 0
            log.save()
            assert log.unsaved == 0
        log.close()
        return view, sum(sizes)

    def test_each_is_used_and_tells_the_same(self, tmp_path: Path) -> None:
        write(engine(tmp_path), "s", *["a", "b", "c"] * 200)
        self.folded(tmp_path, "s", save=True)
        write(engine(tmp_path), "s", "d")
        engine(tmp_path).fork("s", "f")
        write(engine(tmp_path), "s", "not-mine")
        size = (tmp_path / "s.jsonl").stat().st_size
        whole = state_of(engine(tmp_path), "f")
        thawed, read = self.folded(tmp_path, "f", save=True)
        assert (thawed, read < size / 4) == (whole, True)
        write(engine(tmp_path), "f", "e")
        (tmp_path / "s.snapshot").unlink()
        (tmp_path / "archive" / "f.601.jsonl").rename(tmp_path / "aside")
        again, read = self.folded(tmp_path, "f")
        assert (list(again), read < size / 4) == (["a", "b", "c", "d", "e"], True)

    def test_one_that_goes_beyond_the_border_is_not_used(self, tmp_path: Path) -> None:
        write(engine(tmp_path), "s", *["a", "b", "c"] * 200)
        engine(tmp_path).fork("s", "f", 10)
        self.folded(tmp_path, "s", save=True)
        thawed, _ = self.folded(tmp_path, "f")
        assert thawed == folded(events_of(engine(tmp_path), "s")[:10])

    def test_one_of_a_fork_serves_the_forks_of_it(self, tmp_path: Path) -> None:
        write(engine(tmp_path), "s", *["a", "b", "c"] * 200)
        engine(tmp_path).fork("s", "f")
        write(engine(tmp_path), "f", "d")
        self.folded(tmp_path, "f", save=True)
        engine(tmp_path).fork("f", "g")
        size = (tmp_path / "s.jsonl").stat().st_size
        thawed, read = self.folded(tmp_path, "g")
        assert (list(thawed), read < size / 4) == (["a", "b", "c", "d"], True)


def test_a_crash_leaves_a_note_that_names_nobody(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a")
    engine(tmp_path).fork("s", "f")
    (tmp_path / "f.jsonl").unlink()
    assert engine(tmp_path).delete("s")
    assert files_in(tmp_path) == {"archive/f.1.jsonl"}


def test_a_note_that_says_nothing_names_nobody(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a")
    engine(tmp_path).fork("s", "f")
    (note,) = (tmp_path / "archive").glob("*.fork")
    for text in (b"", b"\0\0", b"[]", b"{"):
        note.write_bytes(text)
        assert engine(tmp_path).delete("s") is True
        write(engine(tmp_path), "s", "a")
        note.write_bytes(text)


def test_what_is_shared_is_the_origins_bytes_when_it_was_packed(tmp_path: Path) -> None:
    """Two forks of one archive, one before and one after it was packed."""
    write(engine(tmp_path), "s", "a", "b", "a")
    engine(tmp_path).fork("s", "early")
    engine(tmp_path).compact("s")
    engine(tmp_path).pack("s")
    engine(tmp_path).fork("s", "late", 2)
    plain = (tmp_path / "archive" / "early.3.jsonl").read_bytes()
    assert gzip.decompress((tmp_path / "archive" / "late.2.jsonl.gz").read_bytes()) == plain
    log = engine(tmp_path).open("early", recorder := Recorder())
    log.refresh()
    assert recorder.turns == ["a", "b", "a"]


class PacksAt:
    """A fault: the session `s` is packed before the `number`th of these calls (from 0)."""

    def __init__(self, folder: Path, call: str, number: int) -> None:
        self.folder, self.call, self.left = folder, call, number

    def __call__(self, name: str, args: tuple[Any, ...]) -> None:
        if name == self.call:
            self.left -= 1
            if self.left == -1:
                engine(self.folder).pack("s")


@pytest.mark.parametrize("call", ["open", "link"])
@pytest.mark.parametrize("at", [2, 5])
def test_an_archive_that_is_packed_while_it_is_shared(tmp_path: Path, call: str, at: int) -> None:
    for number in range(20):
        folder = tmp_path / str(number)
        write(engine(folder), "s", "a", "b", "a")
        engine(folder).compact("s")
        write(engine(folder), "s", "c", "a")
        before = events_of(engine(folder), "s")
        packs = PacksAt(folder, call, number)
        engine(folder, FaultyStorage(packs)).fork("s", "f", at)
        assert events_of(engine(folder), "f") == before[:at]
        assert engine(folder).verify("f").ok
        if packs.left >= 0:
            assert number > 0
            return
    raise AssertionError("there are more such calls")


class TestNewest:
    """The newest events of a fork are read from the ends of its files."""

    def newest(self, folder: Path, session: str, count: int = 1 << 30) -> tuple[list[int], int]:
        found = engine(folder).newest(session)
        assert found is not None
        seqs = [entry.event.seq for entry, _ in zip(found.entries, range(count), strict=False)]
        return seqs, found.base

    def test_they_go_on_in_what_is_shared(self, tmp_path: Path) -> None:
        write(engine(tmp_path), "s", *"abcdef")
        engine(tmp_path).fork("s", "f", 4)
        assert self.newest(tmp_path, "f") == ([4, 3, 2, 1], 0)
        write(engine(tmp_path), "f", "x", "y")
        assert self.newest(tmp_path, "f") == ([6, 5, 4, 3, 2, 1], 0)
        engine(tmp_path).fork("f", "g", 5)
        write(engine(tmp_path), "g", "z")
        assert self.newest(tmp_path, "g") == ([6, 5, 4, 3, 2, 1], 0)
        found = engine(tmp_path).newest("g")
        assert found is not None
        assert [entry.event for entry in found.entries][::-1] == events_of(engine(tmp_path), "g")
        write(engine(tmp_path), "s", *"ghi")
        assert self.newest(tmp_path, "g", 4) == ([6, 5, 4, 3], 0)

    def test_they_end_where_the_origin_was_compacted(self, tmp_path: Path) -> None:
        write(engine(tmp_path), "s", "a", "b", "a")
        engine(tmp_path).compact("s")
        write(engine(tmp_path), "s", "c", "d")
        engine(tmp_path).fork("s", "f")
        write(engine(tmp_path), "f", "x")
        assert self.newest(tmp_path, "f") == ([6, 5], 3)

    def test_they_end_where_anything_is_not_as_it_should_be(self, tmp_path: Path) -> None:
        write(engine(tmp_path), "s", "a", "b")
        engine(tmp_path).fork("s", "f")
        write(engine(tmp_path), "f", "x")
        os.truncate(tmp_path / "s.jsonl", (tmp_path / "s.jsonl").stat().st_size - 9)
        assert self.newest(tmp_path, "f") == ([3], 0)
        (tmp_path / "archive" / "f.2.jsonl").unlink()
        assert engine(tmp_path).newest("f") is None
        engine(tmp_path).delete("f")
        assert engine(tmp_path).newest("f") is None

    def test_few_are_read_with_few_bytes(self, tmp_path: Path) -> None:
        write(engine(tmp_path), "s", *["a", "b"] * 2000)
        engine(tmp_path).fork("s", "f")
        write(engine(tmp_path), "f", "x")
        read: list[int] = []

        def fault(name: str, args: tuple[Any, ...]) -> None:
            if name == "read":
                read.append(args[1])

        found = engine(tmp_path, FaultyStorage(fault)).newest("f")
        assert found is not None
        assert [next(found.entries).event.seq for _ in range(5)] == [4001, 4000, 3999, 3998, 3997]
        assert sum(read) < 100_000


def test_a_packed_beginning_that_cannot_be_unpacked_is_no_empty_one(tmp_path: Path) -> None:
    write(engine(tmp_path), "s", "a", "b", "a")
    engine(tmp_path).compact("s")
    write(engine(tmp_path), "s", "c", "b")
    engine(tmp_path).compact("s")
    engine(tmp_path).pack("s")
    engine(tmp_path).fork("s", "f", 4)
    (tmp_path / "archive" / "f.4.jsonl.gz").write_bytes(b"\x1f\x8b\x08\0")
    with pytest.raises(DamagedError, match="fork of s@4"):
        engine(tmp_path).history("f", 4)
    assert not engine(tmp_path).verify("f").ok


# At the worst moment


def a_fork(folder: Path) -> None:
    write(engine(folder), "s", "a", "b")
    engine(folder).fork("s", "f")
    write(engine(folder), "f", "a")


@pytest.mark.parametrize("happens", ["nothing", "replaced", "sealed"])
def test_a_compaction_of_a_fork_that_loses_its_beginning(
    happens: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives way to a deletion and to another log in its place; else it is damage."""
    a_fork(tmp_path)
    log = tmp_path / "f.jsonl"

    def lost(*_: object) -> None:
        if happens == "sealed":
            seal = Sealed(reason="deleted", last_seq=3, last_hash="0" * 32, ts="x", writer="w")
            with log.open("ab") as file:
                file.write(control_line(seal))
        if happens == "replaced":
            (tmp_path / "copy").write_bytes(log.read_bytes())
            os.replace(tmp_path / "copy", log)
        raise DamagedError("gone")

    monkeypatch.setattr("journal.engines.files.compaction.shared_living", lost)
    before = log.read_bytes()
    if happens == "nothing":
        with pytest.raises(DamagedError, match="gone"):
            engine(tmp_path).compact("f")
        assert log.read_bytes() == before
    elif happens == "sealed":
        report = engine(tmp_path).compact("f")
        assert report is not None
        assert report.events_after == report.events_before, "it is left to the deletion"
        assert log.read_bytes().startswith(before)
    else:
        with pytest.raises(CompactionAbandonedError, match="was replaced or cut"):
            engine(tmp_path).compact("f")


def test_an_origin_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    a_fork(tmp_path)
    storage = FaultyStorage(fails("read", errno.EIO, times=99))
    with pytest.raises(ReadError, match=r"f\.jsonl"):
        engine(tmp_path, storage).origin("f")
    assert engine(tmp_path).origin("nobody") is None
