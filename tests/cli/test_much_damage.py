"""Damage in many places is told in few lines, with how often and the first place; `verify`
alone lists all.
"""

import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from projections import DefaultSessionStore
from tests.faults.damage.commands import reading, run
from tests.support import open_log, set_event

KINDS = {"repeated": "order", "bad": "corrupt", "missing": "gap"}


def damaged(folder: Path, kind: str, places: int) -> Path:
    """A log of one session with so many places of damage, and events before and after them."""
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        store.set_many("s", [("native", f"t-{n}", {"n": n}) for n in range(2 * places + 2)])
    path = folder / "s.jsonl"
    header, *events = path.read_bytes().splitlines(keepends=True)
    match kind:
        case "repeated":
            lines = [*events, *events[:places]]
        case "bad":
            lines = [events[0], *(b"x\n" + event for event in events[1 : places + 1])]
            lines += events[places + 1 :]
        case _:
            lines = [event for n, event in enumerate(events) if n % 2 == 0][: places + 1]
    path.write_bytes(header + b"".join(lines))
    report = Directory(str(folder), LogOptions("os")).verify("s")
    assert [problem.kind for problem in report.problems] == [KINDS[kind]] * places
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_every_command_says_it_in_as_many_lines_whatever_the_number(
    tmp_path: Path, kind: str
) -> None:
    said: dict[int, list[int]] = {}
    for places in (20, 40):
        folder = tmp_path / str(places)
        damaged(folder, kind, places)
        copy = tmp_path / "copy"
        for command in reading("s", "native", "t-0")[:: 1 if kind == "repeated" else 4]:
            shutil.copytree(folder, copy)
            result = run(*command, folder=str(copy))
            shutil.rmtree(copy)
            lines = result.err.decode().splitlines()
            assert len(lines) <= 5, command
            said.setdefault(places, []).append(len(lines))
            reports = [line for line in lines if " at byte " in line]
            assert all(f"and {places - 1} more of this kind" in line for line in reports), command
            assert all("`journal verify s`" in line for line in reports), command
        assert any(said[places])
    assert said[20] == said[40]


@pytest.mark.parametrize("kind", KINDS)
def test_verify_lists_every_place(tmp_path: Path, kind: str) -> None:
    damaged(tmp_path, kind, 50)
    shown = run("verify", "s", folder=str(tmp_path)).out.decode()
    assert len(set(re.findall(r"byte [\d,]+", shown))) == 50


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_that_has_the_log_open_is_reported_in_one_line(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = damaged(tmp_path, kind, 30)
    with caplog.at_level(logging.WARNING), DefaultSessionStore(tmp_path) as store:
        for _ in range(3):
            store.get_runtime_state("s", "native")
            store.set_runtime_state("s", "native", "t", {})
        (record,) = caplog.records
    message = record.getMessage()
    assert f"session 's': {path}: {KINDS[kind]} at byte " in message
    assert "and 29 more of this kind" in message


def test_each_kind_has_its_line_and_what_comes_later_one_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer, _ = open_log(tmp_path, "my session")
    writer.append([set_event(str(number)) for number in range(6)])
    writer.close()
    log, _ = open_log(tmp_path, "my session")
    (path,) = tmp_path.glob("*.jsonl")
    header, *events = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([header, events[0], b"x\n", *events[1:4], events[1], events[2]]))
    with caplog.at_level(logging.ERROR):
        assert log.refresh()
        first = [record.getMessage() for record in caplog.records]
        with path.open("ab") as file:
            file.write(b"x\n" + events[4] + b"x\n" + events[5])
        assert log.refresh()
    assert ["corrupt at" in line for line in first] == [True, False]
    assert "and 1 more" not in first[0]
    assert "order at" in first[1]
    assert "and 1 more of this kind" in first[1]
    later = [record.getMessage() for record in caplog.records][len(first) :]
    assert ["corrupt at" in line for line in later] == [True]
    assert "and 1 more of this kind" in later[0]
    assert "`journal verify 'my session'`" in first[0], "to be pasted into a shell"


def test_places_beyond_what_memory_holds_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged(tmp_path, "bad", 30)
    monkeypatch.setattr("journal.scan._LONGEST_NOTED", 10)
    report = Directory(str(tmp_path), LogOptions("os")).verify("s")
    assert len(report.problems) == 11
    assert "20 more places" in report.problems[-1].reason


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n", b"\n\n"),
        lambda data: b"\n" + data + b" \n\r\n",
    ],
    ids=["no last newline", "CRLF", "blank lines", "blanks around"],
)
def test_no_command_finds_fault_with_white_space(
    tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    folder = tmp_path / "folder"
    with DefaultSessionStore(folder, durability="os") as store:
        store.set_many("s", [("native", f"t-{n % 4}", {"n": n}) for n in range(8)])
        store.hand_off("s", "native", "harness")
    path = folder / "s.jsonl"
    path.write_bytes(change(path.read_bytes()))
    before = path.read_bytes()
    for command in reading("s", "native", "t-3"):
        result = run(*command, folder=str(folder))
        allowed = {0, 1} if command[0] in ("diff", "handoffs") else {0}  # 1: it found something
        assert result.code in allowed, command
        unread = b", as far as can be seen without reading the lines" * ("--quick" in command)
        assert result.err in (b"", b"journal: Nothing to do%b.\n" % unread), command
    assert path.read_bytes() == before
