"""Reading a new file ahead: what happens beside it is seen as if it had not been."""

import os
import shutil
from collections.abc import Callable
from errno import EIO
from pathlib import Path

import pytest

from journal.engines.files import ahead
from journal.engines.files.directory import Directory
from journal.engines.files.log import FileLog, LogOptions
from journal.engines.files.segment import SLICE
from journal.events import Event
from tests.support import (
    FaultyStorage,
    Recorder,
    fails,
    no_fault,
    open_log,
    segment_of,
    set_event,
)

MANY = 3000


@pytest.fixture
def compacted(tmp_path: Path) -> tuple[FileLog, Recorder]:
    """A log that has folded everything, and of which others have made a new file since."""
    log, recorder = open_log(tmp_path)
    events = [set_event(f"t{number}", {"text": "x" * 100}) for number in range(MANY)]
    log.append(events)
    log.append([set_event("t0")])
    log.refresh()
    assert Directory(str(tmp_path), LogOptions("os")).compact("s", "drop") is not None
    other, _ = open_log(tmp_path)
    other.append(events)
    other.close()
    return log, recorder


class Pauses:
    """Calls of `pause`, in the second of which something happens."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.count = 0
        self._act = act

    def __call__(self) -> None:
        self.count += 1
        if self.count == 2:
            self._act()


def test_it_is_read_in_pieces_and_folded_at_once(
    compacted: tuple[FileLog, Recorder], tmp_path: Path
) -> None:
    log, recorder = compacted
    seen: list[int] = []
    pauses = Pauses(lambda: None)

    def pause() -> None:
        pauses()
        seen.append(len(recorder.turns))

    assert log.refresh(pause)
    assert set(seen) == {MANY + 1}, "nothing is folded before all of it is"
    assert len(recorder.turns) == 2 * MANY + 1
    assert pauses.count > (tmp_path / "s.jsonl").stat().st_size // 2 // SLICE


def test_an_append_meanwhile_is_in_the_log_and_folded_in_its_place(
    compacted: tuple[FileLog, Recorder],
) -> None:
    log, recorder = compacted
    log.refresh(Pauses(lambda: log.append([set_event("mine")])))
    assert recorder.turns[-1] == "mine"
    assert len(recorder.turns) == 2 * MANY + 2


def test_who_reads_meanwhile_reads_all_of_it(compacted: tuple[FileLog, Recorder]) -> None:
    log, recorder = compacted
    found: list[int] = []

    def read() -> None:
        log.refresh()
        found.append(len(recorder.turns))

    log.refresh(Pauses(read))
    assert found == [2 * MANY + 1] == [len(recorder.turns)]


@pytest.mark.parametrize("append_first", [False, True])
@pytest.mark.parametrize("how", ["cut", "an older copy"])
def test_a_loss_meanwhile_is_reported_once_and_the_view_is_the_file(
    how: str,
    append_first: bool,
    compacted: tuple[FileLog, Recorder],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    log, recorder = compacted
    path = tmp_path / "s.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    shorter = b"".join(lines[: len(lines) - 100])

    def lose() -> None:
        if append_first:
            log.append([set_event("mine")])
        if how == "cut":
            os.truncate(path, len(shorter))
        else:
            (tmp_path / "older").write_bytes(shorter)
            shutil.move(tmp_path / "older", path)

    log.refresh(Pauses(lose))
    log.look_again()
    log.refresh()
    assert "mine" not in recorder.turns
    fresh, whole = open_log(tmp_path)
    fresh.refresh()
    assert set(recorder.turns) == set(whole.turns)
    assert log.head == fresh.head
    losses = [each for each in caplog.messages if "which this process had read" in each]
    was_read = append_first or how == "an older copy"  # the file that it took the place of
    assert len(losses) == was_read, "of what was known, and once"


def test_what_would_take_much_memory_is_read_as_usual(
    compacted: tuple[FileLog, Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "_MOST", 1000)
    log, recorder = compacted
    assert log.refresh(lambda: None)
    assert len(recorder.turns) == 2 * MANY + 1


def test_what_was_read_ahead_is_not_taken_for_another_file(
    compacted: tuple[FileLog, Recorder], tmp_path: Path
) -> None:
    """It was compacted once more meanwhile, and somebody else of the process has seen that."""
    log, recorder = compacted

    def compact_again() -> None:
        assert Directory(str(tmp_path), LogOptions("os")).compact("s", "drop") is not None
        log.look_again()
        log.refresh()

    log.refresh(Pauses(compact_again))
    fresh, whole = open_log(tmp_path)
    fresh.refresh()
    assert log.head == fresh.head
    assert set(recorder.turns) == set(whole.turns)


def test_what_was_read_ahead_is_not_taken_if_it_was_cut_since(
    compacted: tuple[FileLog, Recorder], tmp_path: Path
) -> None:
    log, recorder = compacted
    path = tmp_path / "s.jsonl"

    def cut() -> None:
        lines = path.read_bytes().splitlines(keepends=True)
        os.truncate(path, sum(map(len, lines[:-3])))

    pauses = Pauses(lambda: None)
    ahead_of = log.catchup.read_ahead

    def read_and_cut(pause: Callable[[], object]) -> ahead.ReadAhead | None:
        found = ahead_of(pause)
        cut()
        return found

    log.catchup.read_ahead = read_and_cut  # type: ignore[method-assign]
    log.refresh(pauses)
    fresh, whole = open_log(tmp_path)
    fresh.refresh()
    assert log.head == fresh.head
    assert set(recorder.turns) == set(whole.turns)


@pytest.mark.parametrize("call", ["open", "find", "size", "read", "identify"])
def test_trouble_on_the_way_is_left_to_the_usual_reading(call: str, tmp_path: Path) -> None:
    def moved() -> tuple[FileLog, FaultyStorage]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        storage = FaultyStorage(no_fault)
        log, _ = open_log(folder, storage=storage)
        events = [set_event(f"t{number}", {"text": "x" * 100}) for number in range(1500)]
        log.append([*events, set_event("t0")])
        log.refresh()
        assert Directory(str(folder), LogOptions("os")).compact("s", "drop") is not None
        return log, storage

    for after in range(6):
        log, storage = moved()
        storage.fault = fails(call, EIO, after=after)
        try:
            assert log.refresh(lambda: None)
        except OSError:
            pass  # of the usual reading, which says so
        storage.fault = no_fault
        assert log.refresh()
        assert log.head is not None
        assert log.head.seq == 1501
        log.close()


def test_a_file_that_is_replaced_or_gone_just_then_is_left_to_the_usual_reading(
    tmp_path: Path,
) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a", {"text": "x" * ahead.LEAST})])
    log.refresh()
    segment, place = segment_of(log), log.head
    segment.forget()
    (tmp_path / "s.jsonl").rename(tmp_path / "elsewhere")
    assert ahead.read_ahead(segment, place, 0, lambda: None) is None
    shutil.copy(tmp_path / "elsewhere", tmp_path / "s.jsonl")
    assert ahead.read_ahead(segment, place, 0, lambda: None) is None


def test_inside_an_append_nothing_is_read_ahead(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a")])

    def events() -> list[Event]:
        assert log.refresh(lambda: None)
        return [set_event("b")]

    assert log.append(events).seq == 2


def test_what_ends_the_program_passes_and_the_log_is_read_anew(tmp_path: Path) -> None:
    storage = FaultyStorage(no_fault)
    log, recorder = open_log(tmp_path, storage=storage)
    log.append([set_event("a")])
    log.close()

    def interrupted(name: str, _: object) -> None:
        if name == "open":
            storage.fault = no_fault
            raise KeyboardInterrupt

    storage.fault = interrupted
    with pytest.raises(KeyboardInterrupt):
        log.refresh(lambda: None)
    assert log.refresh()
    assert recorder.turns == ["a"]


def test_who_has_not_folded_what_was_compacted_reads_as_usual(tmp_path: Path) -> None:
    log, recorder = open_log(tmp_path)
    log.append([set_event("first")])
    log.refresh()
    other, _ = open_log(tmp_path)
    events = [set_event(f"t{number}", {"text": "x" * 100}) for number in range(1500)]
    other.append([*events, set_event("t0")])
    assert Directory(str(tmp_path), LogOptions("os")).compact("s", "drop") is not None
    pauses = Pauses(lambda: None)
    assert log.refresh(pauses)
    assert pauses.count == 0
    assert set(recorder.turns) == {"first", *(f"t{number}" for number in range(1500))}


def test_what_was_appended_during_a_compaction_is_folded_once(tmp_path: Path) -> None:
    """It is in the new file after what was kept, and was folded from the old one."""
    log, recorder = open_log(tmp_path)
    events = [set_event(f"t{number}", {"text": "x" * 100}) for number in range(1000)]
    log.append([*events, set_event("t0")])
    log.refresh()
    left = ["sync"]

    def append_more(name: str, _: object) -> None:
        if name in left:
            left.remove(name)
            log.append([set_event("meanwhile", {"text": "x" * 100}) for _ in range(500)])
            log.refresh()

    storage = FaultyStorage(append_more)
    assert Directory(str(tmp_path), LogOptions("os", storage=storage)).compact("s") is not None
    before = len(recorder.turns)
    assert log.refresh(lambda: None)
    assert len(recorder.turns) == before == 1501
    log.append([set_event("later")])
    assert log.refresh(lambda: None)
    assert recorder.turns[-1] == "later"


def test_a_copy_that_was_never_compacted_is_read_as_usual(tmp_path: Path) -> None:
    log, recorder = open_log(tmp_path)
    log.append([set_event(f"t{number}", {"text": "x" * 100}) for number in range(1500)])
    shutil.copy(tmp_path / "s.jsonl", tmp_path / "copy")
    log.append([set_event("forgotten")])
    log.refresh()
    (tmp_path / "copy").rename(tmp_path / "s.jsonl")
    pauses = Pauses(lambda: None)
    assert log.refresh(pauses)
    assert pauses.count == 0
    assert recorder.turns[-1] == "t1499"
