"""Restorations of logs that are damaged in several places, forged, deleted, or not to be read."""

import gzip
import os
from collections.abc import Callable
from errno import EACCES, EIO
from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.restoring import RestoreReport, restore
from journal.engines.files.storage import DiskStorage
from journal.errors import JournalError, NotFoundError, ReadError, UnsupportedFormatError
from journal.names import paths_of
from projections import DefaultSessionStore
from tests.faults.damage.forgery import rechain, with_fields
from tests.journal.engines import seals
from tests.journal.engines.restorations import compacted, lines, log, restored
from tests.support import FaultyStorage

LOST = "f" * 32
"""The hash of an event that nobody has."""


GARBAGE = b"\x00\xff garbage\n"


def spoil(path: Path, number: int) -> None:
    found = lines(path)
    put(path, [*found[:number], GARBAGE, *found[number + 1 :]])


def seqs(report: RestoreReport) -> list[int]:
    return [one.seq for one in report.restored]


def put(path: Path, found: list[bytes]) -> Path:
    path.write_bytes(b"".join(found))
    return path


def unpacked(path: Path) -> Path:
    """The archived log in the place of its packed form."""
    path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    path.unlink()
    return path.with_suffix("")


def with_storage(folder: Path, storage: DiskStorage) -> RestoreReport:
    return restore(storage, paths_of(str(folder), "s"), [])


def test_what_was_kept_stays_damaged_while_a_later_event_comes_back(tmp_path: Path) -> None:
    compacted(tmp_path)
    spoil(log(tmp_path), 2)
    copy = put(tmp_path / "copy", lines(log(tmp_path)))
    whole = lines(log(tmp_path))
    for path in (tmp_path / "archive").iterdir():
        path.unlink()
    spoil(log(tmp_path), 5)
    report = restored(tmp_path, copy)
    assert seqs(report) == [8]
    assert lines(log(tmp_path)) == [*whole[:5], GARBAGE, *whole[5:]], "what stays is not hidden"


def test_a_line_that_only_lost_its_end_gets_it_back(tmp_path: Path) -> None:
    compacted(tmp_path)
    with DefaultSessionStore(tmp_path, durability="os", auto_compact=False) as store:
        store.set_runtime_state("s", "x", "end", {})
    whole = lines(log(tmp_path))
    copy = put(tmp_path / "copy", whole)
    put(log(tmp_path), [*whole[:5], whole[5].rstrip(b"\n"), whole[7]])
    report = restored(tmp_path, copy)
    assert seqs(report) == [9]
    assert lines(log(tmp_path)) == whole


def test_an_event_that_names_another_before_it_than_was_found_is_reported(tmp_path: Path) -> None:
    compacted(tmp_path)
    whole = lines(log(tmp_path))
    copy = put(tmp_path / "copy", whole)
    forged = with_fields(whole[6], prev=LOST)
    put(log(tmp_path), [*whole[:5], forged])
    report = restored(tmp_path, copy)
    assert "event 9 names another one before it" in " ".join(report.left)


def test_events_of_two_histories_are_not_taken_for_one(tmp_path: Path) -> None:
    """The copy has event 8 of this log, and an event 9 that follows another event 8."""
    compacted(tmp_path)
    header, *others = lines(log(tmp_path))
    ninth = with_fields(others[5], prev=LOST)
    copy = put(tmp_path / "copy", [header, *others[:5], ninth])
    tenth = rechain([ninth, with_fields(others[5], seq=10, turn="late")], 1)[1]
    put(log(tmp_path), [header, *others[:4], tenth])
    report = restored(tmp_path, copy)
    assert "event 10 names another one before it" in " ".join(report.left)


def test_what_was_kept_cannot_be_proved_by_an_archive_that_lost_its_own(tmp_path: Path) -> None:
    compacted(tmp_path)
    spoil(unpacked(tmp_path / "archive" / "s.7.jsonl.gz"), 1)
    (tmp_path / "archive" / "s.5.jsonl.gz").unlink()
    spoil(log(tmp_path), 2)
    before = log(tmp_path).read_bytes()
    report = restored(tmp_path)
    assert report.restored == []
    assert "the archives do not have all of them either" in " ".join(report.left)
    assert log(tmp_path).read_bytes() == before


@pytest.mark.parametrize("lost_too", [[], [5]], ids=["alone", "beside event 8"])
def test_an_older_state_is_never_put_in_the_place_of_a_newer_one_that_is_lost(
    tmp_path: Path, lost_too: list[int]
) -> None:
    """Without event 6 the archive folds to as many turns, but with the state before it."""
    compacted(tmp_path)
    archive = unpacked(tmp_path / "archive" / "s.7.jsonl.gz")
    for path in (archive, log(tmp_path)):
        spoil(path, next(n for n, x in enumerate(lines(path)) if x.startswith(b'{"seq":6,')))
    for number in lost_too:
        spoil(log(tmp_path), number)
    before = log(tmp_path).read_bytes()
    report = restored(tmp_path)
    assert (report.restored, report.evidence) == ([], None)
    assert "the archives do not have all of them either" in " ".join(report.left)
    assert log(tmp_path).read_bytes() == before


# Logs that cannot be restored


def newer(path: Path) -> None:
    header, *others = lines(path)
    put(path, [with_fields(header, format=99), *others])


def deleted(path: Path) -> None:
    put(path, [*lines(path), seals.seal_line("deleted")])


@pytest.mark.parametrize(
    ("change", "error"), [(newer, UnsupportedFormatError), (deleted, NotFoundError)]
)
def test_what_is_no_log_of_ours_is_left_alone(
    change: Callable[[Path], None], error: type[JournalError], tmp_path: Path
) -> None:
    compacted(tmp_path)
    change(log(tmp_path))
    before = log(tmp_path).read_bytes()
    with pytest.raises(error):
        restored(tmp_path)
    assert log(tmp_path).read_bytes() == before


def test_where_nobody_may_write_nothing_is_restored(tmp_path: Path) -> None:
    compacted(tmp_path)
    spoil(log(tmp_path), 2)

    def refuse(name: str, args: tuple[Any, ...]) -> None:
        if name == "open" and args[1] & os.O_RDWR:
            raise PermissionError(EACCES, os.strerror(EACCES))

    with pytest.raises(JournalError, match="could not be restored"):
        with_storage(tmp_path, FaultyStorage(refuse))


def test_an_error_that_says_where_it_was_is_raised_as_it_is(tmp_path: Path) -> None:
    compacted(tmp_path)

    def refuse(name: str, args: tuple[Any, ...]) -> None:
        if name == "read":
            raise ReadError(EIO, "the disk is on fire")

    with pytest.raises(ReadError, match="on fire"):
        with_storage(tmp_path, FaultyStorage(refuse))
