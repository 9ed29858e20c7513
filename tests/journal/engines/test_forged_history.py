"""Logs and archives that were forged, or damaged beyond the usual: what verification says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journal.codec import control_line
from journal.engines.files import verification
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.segment import Segment
from journal.events import Clear, Head, Sealed
from tests.faults.damage.forgery import with_fields
from tests.support import open_log, set_event

NEWER = 99


def engine(folder: Path) -> Directory:
    return Directory(str(folder), LogOptions("os"))


def record(folder: Path) -> list[Head]:
    """Three events in an archive, and one after them; the heads after 3 and 4."""
    log, _ = open_log(folder)
    heads = [log.append([set_event("a"), set_event("b"), set_event("a")])]
    engine(folder).compact("s")
    heads.append(log.append([set_event("c")]))
    log.close()
    return heads


def archive(folder: Path) -> Path:
    (path,) = (folder / "archive").glob("s.*.jsonl")
    return path


def change_line(path: Path, number: int, **fields: Any) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number] = with_fields(lines[number], **fields)
    path.write_bytes(b"".join(lines))


def problems(folder: Path, noted: Head | None = None) -> list[tuple[str, str]]:
    return [(each.kind, each.reason) for each in engine(folder).verify("s", noted).problems]


def has(found: list[tuple[str, str]], kind: str, words: str) -> bool:
    return any(each == kind and words in reason for each, reason in found)


FORGED: dict[str, tuple[Callable[[Path], Path], int, dict[str, Any], str, str]] = {
    "a log of a newer format": (
        lambda folder: folder / "s.jsonl", 0, {"format": NEWER}, "header", "is of format 99",
    ),
    "a log of another session": (
        lambda folder: folder / "s.jsonl", 0, {"session_id": "t"}, "header", "holds session 't'",
    ),
    "an archive of a newer format": (
        archive, 0, {"format": NEWER}, "header", "is of format 99",
    ),
    "an archive sealed by a deletion": (
        archive, -1, {"reason": "deleted"}, "archive", "sealed by a deletion",
    ),
    "an archive sealed at another event": (
        archive, -1, {"last_seq": 7}, "archive", "was sealed at 7",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FORGED)
def test_a_line_whose_hash_fits_but_not_what_it_says_is_found(case: str, tmp_path: Path) -> None:
    path, number, fields, kind, words = FORGED[case]
    record(tmp_path)
    change_line(path(tmp_path), number, **fields)
    assert has(problems(tmp_path), kind, words)


def test_an_archive_that_names_itself_is_read_once(tmp_path: Path) -> None:
    record(tmp_path)
    change_line(archive(tmp_path), 0, archive=archive(tmp_path).name)
    assert has(problems(tmp_path), "archive", "its own predecessor")


def test_an_archive_without_events_of_its_own_is_a_link_of_the_chain(tmp_path: Path) -> None:
    """Its base is the event that the log begins after, and stands in an older archive."""
    log, _ = open_log(tmp_path)
    base = log.append([set_event("a"), Clear()])
    engine(tmp_path).compact("s")
    path = tmp_path / "s.jsonl"
    seal = Sealed(
        reason="compacted", last_seq=base.seq, last_hash=base.hash, ts="", writer="test:1"
    )
    between = path.read_bytes() + control_line(seal)
    (tmp_path / "archive" / "s.between.jsonl").write_bytes(between)
    change_line(path, 0, archive="s.between.jsonl")
    assert problems(tmp_path, base) == []


def test_a_head_noted_where_a_compaction_was_is_the_base_of_the_log(tmp_path: Path) -> None:
    """Also where the archive is gone, which has the event itself."""
    base, head = record(tmp_path)
    assert problems(tmp_path, base) == problems(tmp_path, head) == []
    archive(tmp_path).unlink()
    assert not has(problems(tmp_path, base), "head", "")
    assert has(problems(tmp_path, Head(base.log_id, base.seq, "f" * 32)), "head", "not the one")


def test_of_damage_beyond_all_bounds_the_rest_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journal.scan._LONGEST_NOTED", 3)
    record(tmp_path)
    with (tmp_path / "s.jsonl").open("ab") as file:
        file.write(b"garbage\n" * 2 + b"\xff\n" * 3)
    lines = (tmp_path / "s.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "s.jsonl").write_bytes(b"".join(b"garbage\n" + line for line in lines[1:] * 3))
    assert any("more places of damage" in reason for _, reason in problems(tmp_path))


def test_an_event_that_is_written_while_a_log_is_verified_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What looked torn is whole by the time that the lock is free."""
    record(tmp_path)
    path = tmp_path / "s.jsonl"
    whole = path.read_bytes()
    log, _ = open_log(tmp_path)
    head = log.append([set_event("late")])
    late = path.read_bytes()[len(whole) :]
    log.close()
    path.write_bytes(whole + late[:20])
    torn_bytes = verification.Verification._torn_bytes

    def finish(self: verification.Verification, segment: Segment) -> int:
        with path.open("ab") as file:
            file.write(late[20:])
        return torn_bytes(self, segment)

    monkeypatch.setattr(verification.Verification, "_torn_bytes", finish)
    report = engine(tmp_path).verify("s", head)
    assert report.problems == []
    assert report.head == head
