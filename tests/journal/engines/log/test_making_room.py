"""Logs that are closed so that other files can be opened."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import FileLog, LogOptions
from journal.room import Answer
from tests.support import (
    FaultyStorage,
    Recorder,
    open_log,
    set_event,
    turns_in,
)


def test_an_idle_log_is_closed_for_others_and_goes_on_where_it_was(tmp_path: Path) -> None:
    log, recorder = open_log(tmp_path)
    assert log.close_idle() is Answer.NONE, "it is not open yet"
    log.append([set_event("a")])
    file = log.file
    assert file is not None
    assert log.close_idle() is Answer.CLOSED
    assert not file.is_open
    assert log.close_idle() is Answer.NONE
    log.append([set_event("b")])
    assert recorder.turns == ["a", "b"]
    log.close()


def closed_for_others(folder: Path) -> tuple[FileLog, Recorder, list[int]]:
    """A log that was, and the lengths of what is read of it from then on."""
    lengths: list[int] = []

    def note(name: str, args: tuple[Any, ...]) -> None:
        if name == "read":
            lengths.append(args[1])

    log, recorder = open_log(folder, storage=FaultyStorage(note))
    log.append([set_event("a"), set_event("b")])
    assert log.close_idle() is Answer.CLOSED
    lengths.clear()
    return log, recorder, lengths


@pytest.mark.parametrize("append", [True, False])
def test_what_was_read_of_a_log_closed_for_others_is_not_read_again(
    tmp_path: Path, append: bool
) -> None:
    log, recorder, lengths = closed_for_others(tmp_path)
    if append:
        log.append([set_event("c")])
    assert log.refresh()
    assert recorder.turns == ["a", "b", "c"][: 2 + append]
    assert sum(lengths) <= 128, "the end, to see that it is there still"
    other, _ = open_log(tmp_path)
    other.append([set_event("d")])
    other.close()
    assert log.refresh()
    assert recorder.turns[-1] == "d"
    log.close()


def cut(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))


def cut_and_gone_on(path: Path) -> None:
    cut(path)
    log, _ = open_log(path.parent)
    log.append([set_event("B")])
    log.close()


def copied(path: Path) -> None:
    content = path.read_bytes()
    path.rename(path.with_suffix(".old"))
    path.write_bytes(content)


def deleted(path: Path) -> None:
    path.unlink()


def begun_again(path: Path) -> None:
    path.unlink()
    log, _ = open_log(path.parent)
    log.append([set_event("of another")])
    log.close()


@pytest.mark.parametrize("change", [cut, cut_and_gone_on, copied, deleted, begun_again])
@pytest.mark.parametrize("append", [True, False])
def test_a_log_that_changes_while_it_is_closed_for_others_is_seen_as_it_is(
    tmp_path: Path, change: Callable[[Path], None], append: bool
) -> None:
    log, recorder, _ = closed_for_others(tmp_path)
    change(tmp_path / "s.jsonl")
    if append:
        log.append([set_event("c")])
    log.refresh()
    log.close()
    assert recorder.turns == turns_in(tmp_path)
    assert ("c" in recorder.turns) is append
    assert Directory(str(tmp_path), LogOptions()).verify("s").problems == []


def test_a_log_in_use_is_not_closed_for_others(tmp_path: Path) -> None:
    """By another thread: whoever asks may wait. By the one that asks: it would be for ever."""
    answers: list[Answer] = []
    log, _ = open_log(tmp_path, durability="fsync")

    def ask_aside() -> None:
        with ThreadPoolExecutor(1) as threads:
            answers.append(threads.submit(log.close_idle).result())

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name in ("write", "sync"):
            answers.append(log.close_idle())
            ask_aside()

    log.storage = FaultyStorage(fault)
    log.append([set_event("a")])
    assert answers == [Answer.NONE, Answer.BUSY] * 2, "while it is written, and while it is synced"
    log.close()
    assert turns_in(tmp_path) == ["a"]


def test_what_was_written_and_not_yet_synced_is_not_closed_for_others(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a")])
    file = log.file
    assert file is not None
    file.mark_written()
    assert log.close_idle() is Answer.BUSY
    log.close()


def test_a_log_that_is_replaced_before_its_reader_first_appends_is_opened_again(
    tmp_path: Path,
) -> None:
    first, _ = open_log(tmp_path)
    first.append([set_event("a")])
    first.close()
    log, recorder = open_log(tmp_path)
    assert log.refresh()
    content = (tmp_path / "s.jsonl").read_bytes()
    (tmp_path / "s.jsonl").unlink()
    (tmp_path / "s.jsonl").write_bytes(content)
    log.append([set_event("b")])
    log.refresh()
    log.close()
    assert recorder.turns == turns_in(tmp_path) == ["a", "b"]
