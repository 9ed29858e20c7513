"""Verification says where: file, byte and event. A person goes there with an editor."""

from pathlib import Path

import pytest

from journal.codec import decode_line
from journal.events import Set
from tests.journal.engines.recorded import engine, lines_of, record
from tests.support import files_in

FILES = ["s.jsonl", "archive/s.3.jsonl", "archive/s.6.jsonl"]
KEPT = {"s.jsonl": 3, "archive/s.3.jsonl": 0, "archive/s.6.jsonl": 2}  # turns a compaction kept


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_line_is_named_by_its_file_its_bytes_and_its_event(
    tmp_path: Path, file: str
) -> None:
    """Each but a file's last event: with that, its end is gone, which is said otherwise."""
    record(tmp_path)
    assert set(FILES) == files_in(tmp_path)
    path = tmp_path / file
    lines = lines_of(path)
    events = [event for event in map(decode_line, lines) if isinstance(event, Set)]
    for number, event in enumerate(events[:-1], 1):
        bad = lines[number].replace(b'"native"', b'"nativE"')
        path.write_bytes(b"".join([*lines[:number], bad, *lines[number + 1 :]]))
        (problem,) = [x for x in engine(tmp_path).verify("s").problems if x.length]
        assert (problem.kind, problem.where) == ("corrupt", str(path))
        assert problem.offset == len(b"".join(lines[:number]))
        assert problem.length == len(bad)
        assert problem.seq == (None if number <= KEPT[file] else event.seq), (
            "which was kept is lost"
        )


def test_a_torn_end_is_named_by_its_bytes(tmp_path: Path) -> None:
    record(tmp_path)
    path = tmp_path / "s.jsonl"
    whole = path.stat().st_size
    with path.open("ab") as log:
        log.write(b'{"type":"se')
    (problem,) = engine(tmp_path).verify("s").problems
    assert (problem.kind, problem.where) == ("torn", str(path))
    assert (problem.offset, problem.length, problem.seq) == (whole, 11, None)


def test_a_missing_archive_is_named_with_the_last_event_it_held(tmp_path: Path) -> None:
    record(tmp_path)
    path = tmp_path / "archive/s.3.jsonl"
    path.unlink()
    (problem,) = engine(tmp_path).verify("s").problems
    assert (problem.kind, problem.where) == ("archive", str(path))
    assert (problem.offset, problem.length, problem.seq) == (0, 0, 3)


def test_an_archive_without_its_seal_is_named_by_its_end(tmp_path: Path) -> None:
    record(tmp_path)
    path = tmp_path / "archive/s.3.jsonl"
    lines = lines_of(path)
    path.write_bytes(b"".join(lines[:-1]))
    (problem,) = engine(tmp_path).verify("s").problems
    assert (problem.kind, problem.where) == ("archive", str(path))
    assert (problem.offset, problem.length) == (len(b"".join(lines[:-1])), 0)


def test_an_archive_that_ends_early_is_named_with_the_first_event_that_it_lacks(
    tmp_path: Path,
) -> None:
    """By who reads the history, too. That event is still read: compaction has kept it."""
    record(tmp_path)
    path = tmp_path / "archive/s.6.jsonl"
    lines = lines_of(path)[:-2]  # without event 6 and the seal
    path.write_bytes(b"".join(lines))
    past = engine(tmp_path).history("s")
    assert past is not None
    assert [entry.event.seq for entry in past.in_order()] == list(range(1, 10))
    (problem,) = past.problems
    assert (problem.kind, problem.where, problem.seq) == ("archive", str(path), 6)
    assert (problem.offset, problem.length) == (len(b"".join(lines)), 0)


def test_a_file_that_is_no_log_is_named_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"no log\n")
    (problem,) = [x for x in engine(tmp_path).verify("s").problems if x.kind == "header"]
    assert (problem.where, problem.offset, problem.length, problem.seq) == (str(path), 0, 0, None)


@pytest.mark.parametrize(("number", "missing"), [(1, []), (2, [2])])
def test_an_event_that_a_compaction_kept_and_its_archive_lacks_is_named(
    tmp_path: Path, number: int, missing: list[int]
) -> None:
    """Of the first two events of the first archive, the next file begins with the second."""
    record(tmp_path)
    path = tmp_path / "archive/s.3.jsonl"
    lines = lines_of(path)
    lines[number] = lines[number].replace(b'"native"', b'"nativE"')
    path.write_bytes(b"".join(lines))
    found = [x for x in engine(tmp_path).verify("s").problems if x.kind == "base"]
    assert [(x.where, x.seq) for x in found] == [(str(path), seq) for seq in missing]
