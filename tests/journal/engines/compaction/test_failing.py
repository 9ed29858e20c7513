"""Compactions that fail, die or are refused."""

import errno
import itertools
import os
from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.living import Living
from journal.engines.files.storage import DiskStorage
from journal.errors import (
    CompactionError,
    StorageError,
    UnsupportedFormatError,
    WrongSessionError,
)
from journal.events import Handoff
from tests.journal.engines.compaction.steps import directory, living_in, write_log
from tests.support import (
    DiesAt,
    FailsAt,
    FaultyStorage,
    Killed,
    fails,
    files_in,
    open_log,
    set_event,
    turns_in,
)


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


@pytest.mark.parametrize("lost", ["a turn", "a handoff", "nothing"])
def test_any_difference_between_what_lives_and_what_was_written_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Also where we ourselves have forgotten something, or something is there besides."""
    log, _ = open_log(tmp_path)
    handoffs = [Handoff(source="a", target=target) for target in "bc"]
    log.append([*handoffs, set_event("a"), set_event("b"), set_event("a")])
    before = (tmp_path / "s.jsonl").read_bytes()
    lines = Living.lines
    forgotten = {"a turn": slice(0, -1), "a handoff": slice(1, None), "nothing": slice(None)}
    monkeypatch.setattr(Living, "lines", lambda self: [*lines(self)][forgotten[lost]])

    def add(name: str, args: tuple[Any, ...]) -> int | None:
        if lost == "nothing" and name == "write" and args[1].startswith(b'{"op":"open"'):
            head, newline, rest = args[1].partition(b"\n")
            DiskStorage.write(args[0], head + newline + b"garbage\n" + rest)
            return len(args[1])
        return None

    with pytest.raises(CompactionError, match="does not fold"):
        directory(tmp_path, FaultyStorage(add)).compact("s")
    assert (tmp_path / "s.jsonl").read_bytes() == before
    assert files_in(tmp_path) == {"s.jsonl"}


@pytest.mark.parametrize("content", [b"", b'{"op":"open","form'], ids=["empty", "half a header"])
def test_a_log_that_was_never_begun_is_no_session(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.jsonl").write_bytes(content)
    assert directory(tmp_path).compact("s") is None
    assert (tmp_path / "s.jsonl").read_bytes() == content
    assert files_in(tmp_path) == {"s.jsonl"}


@pytest.mark.parametrize("call", ["open", "read", "size", "identify", "find", "own_names"])
def test_what_the_system_refuses_to_read_is_an_error_and_changes_nothing(
    tmp_path: Path, call: str
) -> None:
    before = write_log(tmp_path).read_bytes()
    with pytest.raises(StorageError, match="Input/output error") as caught:
        directory(tmp_path, FaultyStorage(fails(call, errno.EIO))).compact("s")
    assert caught.value.errno == errno.EIO
    assert (tmp_path / "s.jsonl").read_bytes() == before
    directory(tmp_path).compact("s")  # nobody holds its lock, whoever keeps the error
    assert files_in(tmp_path) == {"s.jsonl", "archive/s.3.jsonl"}


def test_a_call_that_fails_leaves_the_log_as_it_was_or_compacted(tmp_path: Path) -> None:
    """Every call that changes the disk, one after the other, and what the error says."""
    told: list[str] = []
    numbers: set[int | None] = set()
    for number in itertools.count():
        folder = tmp_path / str(number)
        before = write_log(folder).read_bytes()
        fault = FailsAt(number, errno.EIO)
        try:
            directory(folder, FaultyStorage(fault)).compact("s")
        except StorageError as error:
            told.append("was compacted" if "'s': was compacted, but" in str(error) else "was")
            numbers.add(error.errno)
        else:
            assert fault.failed is None, "a failed call went unnoticed"
            break
        if told[-1] == "was":
            assert (folder / "s.jsonl").read_bytes() == before, number
            assert files_in(folder) == {"s.jsonl"}, number
        else:
            assert files_in(folder) == {"s.jsonl", "archive/s.3.jsonl"}
        assert directory(folder).verify("s").ok, number
        assert open_log(folder)[0].append([set_event("c")]).seq == 4
        assert living_in(folder) == ["a", "b", "c"]
    assert told == ["was"] * (len(told) - 1) + ["was compacted"]
    assert len(told) > 10
    assert numbers == {errno.EIO}


def test_killed_at_any_call_the_next_compaction_leaves_nothing_behind(tmp_path: Path) -> None:
    for number in itertools.count():
        folder = tmp_path / str(number)
        write_log(folder)
        try:
            directory(folder, FaultyStorage(DiesAt(number))).compact("s")
            break
        except Killed:
            pass
        report = directory(folder).compact("s")
        assert report is not None
        assert files_in(folder) == {"s.jsonl", "archive/s.3.jsonl"}, number
        assert directory(folder).verify("s").ok, number
        assert turns_in(folder) == ["a", "b"], number
    assert number > 10


def test_an_interrupt_after_the_rename_takes_nothing_back(tmp_path: Path) -> None:
    write_log(tmp_path)
    real = DiskStorage()

    def interrupt(name: str, args: tuple[Any, ...]) -> None:
        if name == "rename":
            real.rename(*args)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        directory(tmp_path, FaultyStorage(interrupt)).compact("s")
    assert files_in(tmp_path) == {"s.jsonl", "archive/s.3.jsonl"}
    assert (tmp_path / "archive" / "s.3.jsonl").read_bytes().count(b'"op":"sealed"') == 1
    assert directory(tmp_path).verify("s").ok


def test_what_may_not_be_written_is_not_compacted(tmp_path: Path) -> None:
    before = write_log(tmp_path).read_bytes()

    def read_only(name: str, args: tuple[Any, ...]) -> None:
        if name == "open" and args[1] & os.O_RDWR and args[0].endswith("s.jsonl"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with pytest.raises(StorageError, match=r"'s': compaction failed \(Read-only") as caught:
        directory(tmp_path, FaultyStorage(read_only)).compact("s")
    assert caught.value.errno == errno.EROFS
    assert (tmp_path / "s.jsonl").read_bytes() == before


def test_logs_that_are_not_ours_to_rewrite_are_refused(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    ours = path.read_bytes()
    theirs = write_log(tmp_path, "theirs").read_bytes()
    newer = ours.replace(b'"format":1', b'"format":9')
    refusals = [(newer, UnsupportedFormatError, "format 9"), (theirs, WrongSessionError, "theirs")]
    for content, kind, text in refusals:
        path.write_bytes(content)
        with pytest.raises(kind, match=text):
            directory(tmp_path).compact("s")
        assert path.read_bytes() == content
