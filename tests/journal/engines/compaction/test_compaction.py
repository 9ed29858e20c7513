"""Compaction of files: writers go on, history is kept, interruptions are survived."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from journal.backend import always, never
from journal.engines.files.compaction import Compaction
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.segment import SLICE
from journal.engines.files.storage import DiskStorage
from journal.events import Clear, Handoff
from journal.names import paths_of
from journal.reports import CompactionReport
from projections.view import View
from tests.journal.engines.compaction.steps import directory, header_of, write_log
from tests.support import (
    FaultyStorage,
    files_in,
    open_log,
    set_event,
    turns_in,
)


def test_kept_lines_are_the_same_bytes_and_the_archive_has_the_rest(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("b"), set_event("a")])
    lines = (tmp_path / "s.jsonl").read_bytes().splitlines()
    engine = directory(tmp_path)
    engine.compact("s")
    assert (tmp_path / "s.jsonl").read_bytes().splitlines()[1:] == [lines[3], lines[2]]
    archived = (tmp_path / "archive" / "s.3.jsonl").read_bytes().splitlines()
    assert archived[:-1] == lines
    assert archived[-1].startswith(b'{"op":"sealed","reason":"compacted","last_seq":3')
    assert engine.pack("s") == 1
    packed = tmp_path / "archive" / "s.3.jsonl.gz"
    assert gzip.decompress(packed.read_bytes()).splitlines() == archived
    assert files_in(tmp_path) == {"s.jsonl", "archive/s.3.jsonl.gz"}
    assert engine.verify("s").archived_events == 3


def test_history_can_be_dropped_with_all_that_was_archived_before(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    engine = directory(tmp_path)
    log.append([set_event("a"), set_event("a")])
    engine.compact("s")
    log.append([set_event("a")])
    engine.compact("s", "drop")
    assert files_in(tmp_path) == {"s.jsonl"}
    assert engine.verify("s").ok
    with pytest.raises(ValueError, match="history"):
        engine.compact("s", "burn")  # type: ignore[arg-type]


def test_many_compactions_keep_the_chain_through_all_archives(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    engine = directory(tmp_path)
    for number in range(1, 6):
        log.append([set_event("a", {"n": number}), set_event(f"t{number}"), set_event("x")])
        engine.compact("s")
        if number % 2:
            engine.pack("s")
    log.append([Clear()])
    engine.compact("s")
    report = engine.verify("s")
    assert report.ok
    archives = len(list((tmp_path / "archive").iterdir()))
    assert archives == 5, "all but the first, which found nothing dead"
    assert turns_in(tmp_path) == []


def test_memory_of_a_compaction_is_places_not_states(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event(str(n), {"text": "x" * 1000}) for n in range(50)])
    log.append([set_event("0", {"text": "y"})])
    paths = paths_of(str(tmp_path), "s")
    run = Compaction(DiskStorage(), paths, "archive", 5.0, "w", never, always)
    report = run.run()
    assert report is not None
    view = View()
    fresh = directory(tmp_path).open("s", view)
    fresh.refresh()
    assert list(view.turns["native"]) == [str(n) for n in range(50)]


def test_history_is_dropped_also_when_nothing_in_the_log_is_dead(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    directory = Directory(str(tmp_path), LogOptions(durability="os"))
    directory.compact("s")
    assert list((tmp_path / "archive").iterdir())
    report = directory.compact("s", "drop")
    assert report is not None
    assert report.events_before == report.events_after == 1
    assert list((tmp_path / "archive").iterdir()) == []
    assert directory.verify("s").problems == []
    assert log.append([set_event("b")]).seq == 3
    log.close()


def test_the_report_and_the_header_say_what_was_done(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    before = header_of(path)
    size = path.stat().st_size
    report = directory(tmp_path, writer="me").compact("s")
    archive = tmp_path / "archive" / "s.3.jsonl"
    assert report == CompactionReport(
        session_id="s",
        events_before=3,
        events_after=2,
        bytes_before=size,
        bytes_after=path.stat().st_size,
        base_seq=3,
        archive=str(archive),
    )
    head = directory(tmp_path).verify("s").head
    assert head is not None
    after = header_of(path)
    assert {key: after[key] for key in ("format", "session_id", "log_id")} == {
        key: before[key] for key in ("format", "session_id", "log_id")
    }
    assert (after["base_seq"], after["base_hash"], after["kept"]) == (3, head.hash, 2)
    assert (after["archive"], after["writer"]) == ("s.3.jsonl", "me")
    assert json.loads(archive.read_bytes().splitlines()[-1])["writer"] == "me"


def test_the_report_of_a_compaction_that_found_nothing_dead(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    directory(tmp_path).compact("s")
    size = path.stat().st_size
    assert directory(tmp_path).compact("s") == CompactionReport(
        session_id="s",
        events_before=2,
        events_after=2,
        bytes_before=size,
        bytes_after=size,
        base_seq=3,
        archive=None,
    )


def test_more_than_is_written_at_a_time_comes_in_order(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    for number in range(6):
        log.append([set_event(str(number), {"text": str(number) * (SLICE // 2)})])
    log.append([set_event("0"), Handoff(source="a", target="b")])
    lines = (tmp_path / "s.jsonl").read_bytes().splitlines(keepends=True)
    widest: list[int] = []

    def measure(name: str, args: tuple[Any, ...]) -> None:
        if name == "write":
            widest.append(len(args[1]))

    report = directory(tmp_path, FaultyStorage(measure)).compact("s")
    assert report is not None
    kept = (tmp_path / "s.jsonl").read_bytes().splitlines(keepends=True)[1:]
    assert kept == [lines[8], lines[7], *lines[2:7]]
    assert max(widest) < 2 * SLICE
    assert len(widest) < 6
    assert report.bytes_after == (tmp_path / "s.jsonl").stat().st_size


def test_a_log_that_is_cut_while_it_is_read_is_compacted_as_it_is_then(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a"), set_event("b")])
    path = tmp_path / "s.jsonl"
    end = len(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    left = [lambda: os.truncate(path, end)]

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "read" and args[2] == 0 and left:
            left.pop()()

    report = directory(tmp_path, FaultyStorage(fault)).compact("s")
    assert left == []
    assert report is not None
    assert (report.events_before, report.events_after) == (2, 1)
    assert turns_in(tmp_path) == ["a"]
    assert directory(tmp_path).verify("s").problems == []
