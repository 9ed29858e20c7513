"""What verification finds: each way to tamper with a log or its archives."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from journal.reports import VerifyReport
from tests.journal.engines.recorded import engine, lines_of, record
from tests.support import open_log, set_event


def kinds(report: VerifyReport) -> set[str]:
    return {problem.kind for problem in report.problems}


Tampering = Callable[[list[bytes]], list[bytes]]

TAMPERING: dict[str, tuple[Tampering, set[str]]] = {
    "a line is deleted": (lambda x: [*x[:5], *x[6:]], {"gap"}),
    "two lines are swapped": (lambda x: [*x[:4], x[5], x[4], *x[6:]], {"gap", "order"}),
    "a line is repeated": (lambda x: [*x[:5], x[4], *x[5:]], {"order"}),
    "a line is edited": (lambda x: [*x[:5], x[5].replace(b'"e"', b'"E"'), *x[6:]], {"corrupt"}),
    "a kept line is deleted": (lambda x: [x[0], *x[2:]], {"kept"}),
    "two kept lines are swapped": (lambda x: [x[0], x[2], x[1], *x[3:]], {"kept"}),
    "the header is edited": (lambda x: [x[0].replace(b'"s"', b'"t"'), *x[1:]], {"header"}),
    "half a line is at the end": (lambda x: [*x, x[-1][:30]], {"torn"}),
}


def test_what_we_write_passes(tmp_path: Path) -> None:
    head = record(tmp_path)
    report = engine(tmp_path).verify("s", head)
    assert report.problems == []
    assert report.head == head
    assert (report.events, report.archived_events) == (6, 6)


@pytest.mark.parametrize("case", TAMPERING)
def test_tampering_with_the_log_is_found(tmp_path: Path, case: str) -> None:
    tamper, expected = TAMPERING[case]
    record(tmp_path)
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"".join(tamper(lines_of(path))))
    report = engine(tmp_path).verify("s")
    assert expected <= kinds(report)
    assert all(problem.where.startswith(str(tmp_path)) for problem in report.problems)


def test_a_cut_tail_is_found_with_a_head_noted_before_and_only_then(tmp_path: Path) -> None:
    head = record(tmp_path)
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"".join(lines_of(path)[:-1]))
    assert engine(tmp_path).verify("s").ok
    assert kinds(engine(tmp_path).verify("s", head)) == {"head"}


def test_without_its_header_no_event_that_compaction_moved_is_said_to_be_lost_for_sure(
    tmp_path: Path,
) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("x"), set_event("a"), set_event("b"), set_event("x"), set_event("b")])
    engine(tmp_path).compact("s", "drop")
    log.append([set_event("c")])
    path = tmp_path / "s.jsonl"
    header, *lines = lines_of(path)
    path.write_bytes(header.replace(b"log_id", b"lXg_id") + b"".join(lines))
    reasons = [problem.reason for problem in engine(tmp_path).verify("s").problems]
    assert "the header is not intact" in reasons
    assert all("only the header would tell" in reason for reason in reasons if "missing" in reason)


def test_a_head_of_another_log_is_not_this_one_though_its_event_is_the_same(
    tmp_path: Path,
) -> None:
    head = record(tmp_path)
    assert engine(tmp_path).verify("s", head).ok
    other = replace(head, log_id="0123456789abcdef")
    (problem,) = engine(tmp_path).verify("s", other).problems
    assert problem.kind == "head"
    assert head.log_id in problem.reason
    assert other.log_id in problem.reason


def test_a_tail_cut_and_written_anew_is_found_with_the_head(tmp_path: Path) -> None:
    head = record(tmp_path)
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"".join(lines_of(path)[:-1]))
    log, _ = open_log(tmp_path)
    log.append([set_event("forged")])
    assert engine(tmp_path).verify("s").ok
    assert kinds(engine(tmp_path).verify("s", head)) == {"head"}


def pack_and_cut(path: Path) -> None:
    packed = gzip.compress(path.read_bytes())
    (path.parent / f"{path.name}.gz").write_bytes(packed[:-30])
    path.unlink()


ARCHIVE_TAMPERING: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "missing": (lambda path: path.unlink(), {"archive"}),
    "cut in the middle": (
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        {"archive", "base"},
    ),
    "an event deleted": (
        lambda path: path.write_bytes(b"".join([*lines_of(path)[:2], *lines_of(path)[3:]])),
        {"gap", "kept"},
    ),
    "an event edited": (
        lambda path: path.write_bytes(path.read_bytes().replace(b'"turn":"b"', b'"turn":"x"')),
        {"corrupt", "base"},
    ),
    "its last event and seal deleted": (
        lambda path: path.write_bytes(b"".join(lines_of(path)[:-2])),
        {"archive", "base"},
    ),
    "packed and cut": (pack_and_cut, {"archive"}),
    "packed and not gzip": (
        lambda path: path.rename(path.parent / f"{path.name}.gz"),
        {"archive"},
    ),
}


@pytest.mark.parametrize("which", ["s.3.jsonl", "s.6.jsonl"])
@pytest.mark.parametrize("case", ARCHIVE_TAMPERING)
def test_tampering_with_an_archive_is_found(tmp_path: Path, case: str, which: str) -> None:
    tamper, expected = ARCHIVE_TAMPERING[case]
    record(tmp_path)
    tamper(tmp_path / "archive" / which)
    assert kinds(engine(tmp_path).verify("s")) & expected


def test_an_archive_of_another_log_is_not_taken_for_ours(tmp_path: Path) -> None:
    record(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    record(other)
    (other / "archive" / "s.3.jsonl").rename(tmp_path / "archive" / "s.3.jsonl")
    assert "archive" in kinds(engine(tmp_path).verify("s"))


def test_a_file_that_is_no_log_does_not_pass(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text("hello\n")
    assert not engine(tmp_path).verify("s").ok


def test_an_append_under_way_is_not_taken_for_a_torn_tail(tmp_path: Path) -> None:
    record(tmp_path)
    log, _ = open_log(tmp_path)
    log.refresh()
    assert log.file is not None
    assert log.file.try_lock()  # a writer is at it, and has written half its line
    with (tmp_path / "s.jsonl").open("ab") as file:
        file.write(b'{"seq":10,"ts":"20')
    assert engine(tmp_path).verify("s").ok
    log.file.unlock()  # it died
    assert kinds(engine(tmp_path).verify("s")) == {"torn"}
