"""What editors make of lines and their ends."""

from collections.abc import Callable
from pathlib import Path

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from tests.journal.engines.changed.strokes import Clock, Reports, in_place, prepare, problems_in
from tests.support import (
    is_there,
    open_log,
    segment_of,
    set_event,
    turns_in,
)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: data + b" \t\r\n\n",
        lambda data: data.replace(b"\n", b"\n\n"),
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n", b"\r\n")[:-2],
        lambda data: b"\n\n" + data,
        lambda data: data[:-1] + b"   ",
        lambda data: data[:-1] + b" " * 40,
        lambda data: data.replace(b"\n", b" " * 900 + b"\n"),
        lambda data: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"),
        lambda data: data + b"\n" * 9000,
    ],
    ids=[
        "last newline",
        "blank line",
        "white line",
        "blanks between",
        "CRLF",
        "CRLF unended",
        "blanks first",
        "spaces last",
        "many spaces last",
        "trailing spaces",
        "BOM",
        "many",
    ],
)
class TestAnEditor:
    """It saves the file with other white space: that is no damage, and costs nothing."""

    def test_every_reader_and_writer_goes_on(
        self, tmp_path: Path, reports: Reports, clock: Clock, change: Callable[[bytes], bytes]
    ) -> None:
        path = prepare(tmp_path)
        log, recorder = open_log(path.parent)
        log.refresh()
        in_place(path, change(path.read_bytes()))
        changed = path.read_bytes()
        disk = Directory(str(path.parent), LogOptions("os"))
        assert turns_in(path.parent) == ["t1", "t2"]
        follower = disk.follow("s")
        assert [event.seq for event in follower.read()] == [1, 2]
        skipping = disk.follow("s")
        skipping.to_end()
        assert disk.verify("s").ok
        past = disk.history("s")
        assert past is not None
        assert [entry.event.seq for entry in past.in_order()] == [1, 2]
        assert path.read_bytes() == changed, "reading repairs nothing"
        clock.now += 1.0
        assert log.refresh()
        log.append([set_event("t2")])
        log.append([set_event("t4")])
        assert path.read_bytes().startswith(changed), "nothing was cut off"
        assert recorder.turns == ["t1", "t2", "t2", "t4"] == turns_in(path.parent)
        assert [event.seq for event in follower.read()] == [3, 4]
        assert [event.seq for event in skipping.read()] == [3, 4]
        assert disk.verify("s").ok
        assert disk.compact("s") is not None
        log.append([set_event("t5")])
        assert turns_in(path.parent) == ["t1", "t2", "t4", "t5"]
        assert disk.verify("s").ok
        assert reports.texts == []
        assert disk.delete("s")
        assert not is_there(disk)

    def test_a_compacted_log_too(
        self, tmp_path: Path, reports: Reports, clock: Clock, change: Callable[[bytes], bytes]
    ) -> None:
        path = prepare(tmp_path)
        writer, _ = open_log(path.parent)
        writer.append([set_event("t1")])
        disk = Directory(str(path.parent), LogOptions("os"))
        log, recorder = open_log(path.parent)
        log.refresh()
        assert disk.compact("s") is not None
        in_place(path, change(path.read_bytes()))
        clock.now += 1.0
        assert log.refresh()
        assert recorder.turns == ["t1", "t2", "t1"], "it goes on where it was"
        log.append([set_event("t5")])
        assert turns_in(path.parent) == ["t1", "t2", "t5"]
        assert disk.verify("s").ok
        assert reports.texts == []

    def test_it_is_compacted_as_it_is(
        self, tmp_path: Path, reports: Reports, change: Callable[[bytes], bytes]
    ) -> None:
        path = prepare(tmp_path)
        writer, _ = open_log(path.parent)
        writer.append([set_event("t1")])
        in_place(path, change(path.read_bytes()))
        disk = Directory(str(path.parent), LogOptions("os"))
        report = disk.compact("s")
        assert report is not None
        assert (report.events_before, report.events_after) == (3, 2)
        assert turns_in(path.parent) == ["t1", "t2"]
        assert disk.verify("s").ok
        assert reports.texts == []


@pytest.mark.parametrize("lost", range(1, 4))
def test_the_first_lines_alone_may_lack_their_newline(tmp_path: Path, lost: int) -> None:
    """The header with nothing after it, and a seal: whole, they count as well."""
    path = prepare(tmp_path)
    header = path.read_bytes().splitlines(keepends=True)[0]
    path.write_bytes(header[:-lost])
    log, recorder = open_log(path.parent)
    assert log.refresh() == (lost == 1)
    log.append([set_event("first")])
    assert recorder.turns == ["first"] == turns_in(path.parent)
    kept = path.read_bytes().startswith(header)
    assert kept == (lost == 1)
    assert problems_in(path.parent) == []


def test_glued_lines_are_noted_alike_whoever_reads_them(tmp_path: Path) -> None:
    """The writer of another program appends after a line without newline."""
    path = prepare(tmp_path)
    header, first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + first[:-1])
    log, recorder = open_log(path.parent)
    assert log.refresh()
    with path.open("ab") as file:
        file.write(second)
    assert log.refresh()
    assert recorder.turns == ["t1", "t2"] == turns_in(path.parent)
    found = segment_of(log).scanner.damage
    assert [(damage.kind, damage.offset) for damage in found] == [
        ("corrupt", len(header + first) - 1)
    ]
    assert len(problems_in(path.parent)) == 1


def test_a_line_that_lacks_its_newline_and_moves_is_not_cut_short(tmp_path: Path) -> None:
    """By one byte: then all of it but its brace stands where it stood."""
    path = prepare(tmp_path)
    data = path.read_bytes()
    in_place(path, data[:-1])
    log, recorder = open_log(path.parent)
    assert log.refresh()
    in_place(path, data[:-1].replace(b"\n", b"\n\n", 1))
    log.append([set_event("t3")])
    assert turns_in(path.parent) == ["t1", "t2", "t3"]
    assert problems_in(path.parent) == []
    assert log.refresh()
    assert set(recorder.turns) == {"t1", "t2", "t3"}
