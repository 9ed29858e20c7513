"""Compactions of damaged logs, and what dead ones leave."""

import errno
import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from journal.errors import (
    CompactionError,
    StorageError,
)
from journal.events import Handoff
from tests.journal.engines.compaction.steps import directory, header_of, write_log
from tests.journal.engines.seals import seal_line
from tests.support import (
    FaultyStorage,
    files_in,
    is_there,
    open_log,
    set_event,
    turns_in,
)


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


def test_a_compacted_log_that_lost_kept_events_is_archived_as_the_evidence_it_is(
    tmp_path: Path,
) -> None:
    """Nothing in it is dead, and nothing after the loss tells of it but its end."""
    path = write_log(tmp_path)
    directory(tmp_path).compact("s", "drop")
    cut = path.read_bytes().splitlines(keepends=True)[:-1]
    path.write_bytes(b"".join(cut))
    report = directory(tmp_path).compact("s", "drop")
    assert report is not None
    assert report.archive is not None
    assert Path(report.archive).read_bytes().startswith(b"".join(cut))
    assert (report.events_before, report.events_after) == (1, 1)
    assert turns_in(tmp_path) == ["a"]
    assert directory(tmp_path).compact("s", "drop") is not None


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


def test_a_log_without_its_header_is_compacted_as_the_damaged_log_it_is(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    report = directory(tmp_path).compact("s")
    assert report is not None
    assert (report.events_before, report.events_after) == (3, 2)
    assert turns_in(tmp_path) == ["a", "b"]
    assert len(header_of(path)["log_id"]) == 16


def test_the_seal_of_a_compaction_that_died_is_taken_off(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    lines = path.read_bytes()
    path.write_bytes(lines + seal_line("compacted") + b"half a li")
    assert directory(tmp_path).compact("s") is not None
    archived = (tmp_path / "archive" / "s.3.jsonl").read_bytes()
    assert archived.startswith(lines)
    assert archived.count(b'"op":"sealed"') == 1
    assert turns_in(tmp_path) == ["a", "b"]
    assert [n.rpartition(".")[2] for n in files_in(tmp_path)].count("torn") == 1


def test_a_session_whose_deletion_was_begun_is_not_brought_back(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    sealed = path.read_bytes() + seal_line("deleted")
    path.write_bytes(sealed)
    assert directory(tmp_path).compact("s") is None
    assert path.read_bytes() == sealed
    assert not is_there(directory(tmp_path))


def test_a_deletion_that_dies_in_the_middle_of_a_compaction_is_not_undone(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    left = ["sync"]

    def seal(name: str, args: tuple[Any, ...]) -> None:
        if name in left:
            left.remove(name)
            with path.open("ab") as file:
                file.write(seal_line("deleted"))

    before = path.read_bytes()
    with pytest.raises(CompactionError):
        directory(tmp_path, FaultyStorage(seal)).compact("s")
    assert path.read_bytes() == before + seal_line("deleted")
    assert files_in(tmp_path) == {"s.jsonl"}
    assert not is_there(directory(tmp_path))


def test_a_torn_tail_is_not_archived_but_set_aside(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    with path.open("ab") as file:
        file.write(b"half a li")
    directory(tmp_path).compact("s")
    assert b"half a li" not in (tmp_path / "archive" / "s.3.jsonl").read_bytes()
    assert [p.read_bytes() for p in tmp_path.glob("archive/*.torn")] == [b"half a li"]


def test_no_name_in_the_archive_is_taken_twice(tmp_path: Path) -> None:
    """A log lost with its history still there; another reaches the same seq, again and again."""
    contents: list[bytes] = []
    for number in range(4):
        path = write_log(tmp_path)
        directory(tmp_path).compact("s")
        name = header_of(path)["archive"]
        assert name == ("s.3.jsonl" if number == 0 else f"s.3-{number + 1}.jsonl")
        contents.append((tmp_path / "archive" / name).read_bytes())
        if number == 1:
            directory(tmp_path).pack("s")
        path.unlink()
    found = [path.read_bytes() for path in (tmp_path / "archive").iterdir()]
    assert sorted(gzip.decompress(c) if c[:2] == b"\x1f\x8b" else c for c in found) == sorted(
        contents
    )


def test_unfinished_copies_go_but_only_of_this_session(tmp_path: Path) -> None:
    write_log(tmp_path)
    archive = tmp_path / "archive"
    archive.mkdir()
    for name in ("s.9-aa.torn.new", "s2.9-aa.torn.new", "s.1-bb.torn", "s.7.jsonl"):
        (archive / name).write_bytes(b"x")
    os.link(tmp_path / "s.jsonl", archive / "s.2.jsonl")  # of a compaction that died
    directory(tmp_path).compact("s")
    kept = {"s2.9-aa.torn.new", "s.1-bb.torn", "s.7.jsonl", "s.3.jsonl"}
    assert {path.name for path in archive.iterdir()} == kept


def test_a_scratch_file_that_cannot_be_removed_hides_no_error_and_is_used_again(
    tmp_path: Path,
) -> None:
    before = write_log(tmp_path).read_bytes()

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "unlink" or (name == "link" and args):
            raise OSError(errno.EACCES if name == "unlink" else errno.ENOSPC, "no")

    with pytest.raises(StorageError) as caught:
        directory(tmp_path, FaultyStorage(fault)).compact("s")
    assert caught.value.errno == errno.ENOSPC
    assert (tmp_path / "s.jsonl").read_bytes() == before
    (tmp_path / "s.jsonl.new").write_bytes(b"x" * 10_000)
    directory(tmp_path).compact("s")
    assert files_in(tmp_path) == {"s.jsonl", "archive/s.3.jsonl"}
    assert directory(tmp_path).verify("s").ok


def test_handoffs_out_of_order_in_a_log_without_a_header_are_kept_in_order(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    handoffs = [Handoff(source="a", target=target) for target in "bc"]
    log.append([*handoffs, set_event("a"), set_event("a")])
    log.close()
    path = tmp_path / "s.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[2], lines[1], *lines[3:]]))
    directory(tmp_path).compact("s")
    assert path.read_bytes().splitlines(keepends=True)[1:] == [lines[1], lines[2], lines[4]]
