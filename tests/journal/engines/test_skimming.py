"""A writer that counts what others have appended does what one does that reads it."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.codec import decode_line
from journal.engines.files import locked_end
from journal.engines.files.directory import Directory
from journal.engines.files.log import FileLog, LogOptions
from journal.events import Clear, Handoff
from tests.support import FaultyStorage, Recorder, open_log, set_event, turns_in

EVENTS: list[Callable[[int], Any]] = [
    lambda number: set_event(f"t{number % 3}", {"n": number}),
    lambda number: set_event(f"t{number}", {"text": "x" * 9000}),  # longer than is read at once
    lambda number: Handoff(source="a", target="b"),
    lambda number: Clear(runtime_id="native"),
]


class Folder:
    """A folder with a log of some events, of which `log` knows all."""

    def __init__(self, known: int) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="journal-skimming-"))
        self.log, _ = open_log(self.path)
        self.log.append([set_event(f"t{number % 3}", {"n": number}) for number in range(known)])

    @property
    def file(self) -> Path:
        return self.path / "s.jsonl"

    def others(self, act: str, number: int) -> None:
        """What somebody else does to the log."""
        lines = self.file.read_bytes().splitlines(keepends=True)
        match act:
            case "append":
                other, _ = open_log(self.path)
                other.append([EVENTS[number % len(EVENTS)](number)])
                other.close()
            case "compact":
                Directory(str(self.path), LogOptions("os")).compact("s")
            case "paste":
                start, count = number % len(lines), 1 + number // len(lines) % 3
                self.add(b"".join(lines[start : start + count]))
            case "blank":
                self.add(b"\n")
            case "garbage":
                self.add(b'{"seq":7}\n')
            case "die":
                self.add(lines[-1][: 1 + number % len(lines[-1])])
            case _:
                self.file.write_bytes(b"".join(edited(lines, act, number)))

    def add(self, data: bytes) -> None:
        with self.file.open("ab") as file:
            file.write(data)

    def appended_by(self, log: FileLog) -> tuple[int, bytes, bytes]:
        """The seq of an event, what the log was before it, and the `prev` of its line.

        A log that is begun anew has an id of its own.
        """
        seq = log.append([set_event("mine", {"n": -1})]).seq
        *before, line = self.file.read_bytes().splitlines(keepends=True)
        return seq, b"".join(before) if seq > 1 else b"", line.partition(b',"prev":')[2][:40]


def edited(lines: list[bytes], act: str, number: int) -> list[bytes]:
    """The lines of a log once somebody has saved them otherwise. The header stays."""
    header, *events = lines
    match act:
        case "swap":
            events[-2:] = reversed(events[-2:])
        case "take out" if events:
            del events[number % len(events)]
        case "twice instead" if events:
            line = events.pop(number % len(events))
            events.append(events[number % len(events)] if events and number % 2 else line)
        case "unend":
            return [b"".join(lines).rstrip(b"\n")]
    return [header, *events]


ACTS = ["append"] * 4 + ["compact", "paste", "swap", "twice instead"]
ACTS += ["take out", "blank", "garbage", "die", "unend"]


@given(
    known=st.integers(1, 6),
    acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 50)), max_size=6),
    is_fresh=st.booleans(),
)
def test_it_appends_where_a_reader_would(
    known: int, acts: list[tuple[str, int]], is_fresh: bool
) -> None:
    """Whether it knew the log before or not."""
    folder = Folder(known)
    copy = folder.path.with_name(f"{folder.path.name}-copy")
    try:
        for act, number in acts:
            folder.others(act, number)
        shutil.copytree(folder.path, copy)
        found = folder.appended_by(open_log(folder.path)[0] if is_fresh else folder.log)
        check_is_what_a_reader_appends(found, folder, copy)
    finally:
        shutil.rmtree(folder.path)
        shutil.rmtree(copy, ignore_errors=True)


@given(
    known=st.integers(1, 6),
    acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 50)), max_size=6),
    few=st.sampled_from([0, 1 << 12]),
    moment=st.sampled_from([0.0, 60.0]),
)
def test_a_writer_that_waited_appends_where_a_reader_would(
    known: int, acts: list[tuple[str, int]], few: int, moment: float
) -> None:
    """It counts before it has the lock: whatever happens until it has it, it finds out."""
    folder = Folder(known)
    copy = folder.path.with_name(f"{folder.path.name}-copy")
    left = list(acts)

    def held(name: str, args: tuple[Any, ...]) -> bool | None:
        if name == "lock" and left:
            folder.others(*left.pop(0))
            return False
        if name == "lock":
            shutil.copytree(folder.path, copy, dirs_exist_ok=True)
        return None

    try:
        log, _ = open_log(folder.path, storage=FaultyStorage(held))
        log.refresh()
        with patch.multiple(locked_end, _FEW=few, _MOMENT=moment):
            log.note_look()
            found = folder.appended_by(log)
        check_is_what_a_reader_appends(found, folder, copy)
    finally:
        shutil.rmtree(folder.path)
        shutil.rmtree(copy, ignore_errors=True)


def check_is_what_a_reader_appends(
    found: tuple[int, bytes, bytes], folder: Folder, copy: Path
) -> None:
    """`copy` is what `folder` was before; see `Folder.appended_by` for `found`."""
    other = Folder.__new__(Folder)
    other.path = copy
    reader, _ = open_log(copy)
    reader.refresh()
    assert found == other.appended_by(reader)
    fresh, recorder = open_log(folder.path)
    fresh.refresh()
    assert recorder.turns[-1] == "mine", "True, and no reader sees it"


@pytest.mark.parametrize("appended", [1, 2, 3])
@pytest.mark.parametrize("start", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [1, 2])
def test_older_lines_pasted_after_the_newest_are_not_the_newest(
    appended: int, start: int, count: int, tmp_path: Path
) -> None:
    """They are out of order, and so would be what is appended after them as if they were."""
    log, _ = open_log(tmp_path)
    log.append([set_event("known")])
    other, _ = open_log(tmp_path)
    for number in range(appended):
        other.append([set_event(f"t{number}")])
    path = tmp_path / "s.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    with path.open("ab") as file:
        file.write(b"".join(lines[start : start + count]))
    assert log.append([set_event("mine")]).seq == appended + 2
    fresh, recorder = open_log(tmp_path)
    fresh.refresh()
    assert recorder.turns == ["known", *[f"t{number}" for number in range(appended)], "mine"]


@pytest.mark.parametrize("saved", ["in place", "by rename"])
@pytest.mark.parametrize(
    "order", [[1, 2, 3, 5, 4], [1, 4, 5, 4], [1, 3, 4, 5, 2], [1, 2, 4, 5, 3], [1, 5, 4, 4, 4]]
)
def test_as_many_lines_in_another_order_are_not_taken_for_the_log(
    order: list[int], saved: str, tmp_path: Path
) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("t1")])
    other, _ = open_log(tmp_path)
    other.append([set_event(f"t{number}") for number in (2, 3, 4, 5)])
    path = tmp_path / "s.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    edited = b"".join([lines[0], *(lines[number] for number in order)])
    if saved == "in place":
        path.write_bytes(edited)
    else:
        (tmp_path / "edited").write_bytes(edited)
        (tmp_path / "edited").rename(path)
    log.append([set_event("mine")])
    fresh, recorder = open_log(tmp_path)
    fresh.refresh()
    assert recorder.turns[-1] == "mine", "True, and no reader sees it"


@pytest.fixture
def read(tmp_path: Path) -> list[tuple[int, int]]:
    return []


def logs_of(folder: Path, read: list[tuple[int, int]]) -> tuple[FileLog, Recorder]:
    """A log whose reads are noted, as (offset, length)."""

    def note(name: str, args: tuple[Any, ...]) -> None:
        if name == "read":
            read.append((args[2], args[1]))

    return open_log(folder, storage=FaultyStorage(note))


def test_what_others_appended_is_folded_by_the_next_read(tmp_path: Path) -> None:
    (log, mine), (other, _) = open_log(tmp_path), open_log(tmp_path)
    log.append([set_event("a")])
    other.append([set_event("b")])
    log.append([set_event("c")])
    assert mine.turns == ["a"]
    assert log.unfolded == len((tmp_path / "s.jsonl").read_bytes()) - mine_end(tmp_path, 2)
    log.append([set_event("d")])
    assert log.refresh()
    assert mine.turns == ["a", "b", "c", "d"]
    assert log.unfolded == 0


def test_what_others_append_while_one_waits_is_counted_before_the_lock_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or all would wait for it: what is read with the lock is the end of the last line."""
    monkeypatch.setattr(locked_end, "_MOMENT", 60.0)
    other, _ = open_log(tmp_path)
    attempts: list[int] = []  # bytes read after each of them

    def waits(name: str, args: tuple[Any, ...]) -> bool | None:
        if name == "read":
            attempts[-1] += args[1]
        if name != "lock":
            return None
        attempts.append(0)
        if len(attempts) > 2:
            return None
        other.append([set_event(f"t{number}", {"n": number}) for number in range(100)])
        return False

    log, _ = open_log(tmp_path, storage=FaultyStorage(waits))
    attempts.append(0)
    other.append([set_event("begun")])
    log.refresh()
    attempts.clear()
    assert log.append([set_event("mine")]).seq == 202
    before, between, *with_lock = attempts
    of_others = (tmp_path / "s.jsonl").stat().st_size // 2
    assert of_others // 2 < before < 2 * of_others
    assert of_others // 2 < between < 2 * of_others
    assert sum(with_lock) < of_others // 10


@pytest.mark.parametrize("events", [1, 300])
def test_a_writer_decodes_two_lines_of_a_log_that_it_did_not_know(
    events: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of however many events: the header and the last one. Others wait for it meanwhile."""
    other, _ = open_log(tmp_path)
    other.append([set_event(f"t{number}") for number in range(events)])
    decoded: list[bytes] = []

    def note(line: bytes) -> Any:
        decoded.append(line)
        return decode_line(line)

    monkeypatch.setattr("journal.engines.files.skimming.decode_line", note)
    monkeypatch.setattr("journal.scan.decode_line", note)
    log, recorder = open_log(tmp_path)
    assert log.append([set_event("mine")]).seq == events + 1
    assert len(decoded) == 2
    assert log.refresh()
    assert len(recorder.events) == events + 1


def test_a_header_alone_is_a_log_that_has_begun(tmp_path: Path) -> None:
    """Its events were lost. An older session is not put first again."""
    other, _ = open_log(tmp_path)
    other.append([set_event("gone")])
    path = tmp_path / "s.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    log, _ = open_log(tmp_path)
    assert log.append([set_event("mine")], lambda: [set_event("older")]).seq == 1
    assert turns_in(tmp_path) == ["mine"]


def test_only_what_is_there_is_asked_for(tmp_path: Path, read: list[tuple[int, int]]) -> None:
    """Memory for a megabyte takes longer to get than some lines to read."""
    log, _ = logs_of(tmp_path, read)
    other, _ = open_log(tmp_path)
    log.append([set_event("a")])
    other.append([set_event(f"t{number}", {"text": "x" * 500}) for number in range(50)])
    read.clear()
    log.append([set_event("b")])
    assert sum(length for _, length in read) < 1.1 * (tmp_path / "s.jsonl").stat().st_size


def mine_end(folder: Path, lines: int) -> int:
    return len(b"".join((folder / "s.jsonl").read_bytes().splitlines(keepends=True)[:lines]))


def test_what_is_made_from_the_newest_state_sees_what_was_only_counted(tmp_path: Path) -> None:
    (log, mine), (other, _) = open_log(tmp_path), open_log(tmp_path)
    log.append([set_event("a")])
    other.append([set_event("b")])
    log.append([set_event("c")])
    seen: list[list[str]] = []

    def make() -> list[Any]:
        seen.append(mine.turns)
        return [set_event("d")]

    log.append(make)
    assert seen == [["a", "b", "c"]]
    assert mine.turns == ["a", "b", "c", "d"]


@pytest.mark.parametrize("appended", [0, 3])
def test_after_a_compaction_by_others_only_lines_are_counted(
    tmp_path: Path, read: list[tuple[int, int]], appended: int
) -> None:
    """Also where what was known is not in the new file any more."""
    log, mine = logs_of(tmp_path, read)
    other, _ = open_log(tmp_path)
    log.append([set_event("a", {"n": number}) for number in range(5)])
    other.append([set_event("b")])
    Directory(str(tmp_path), LogOptions("os")).compact("s")
    for number in range(appended):
        other.append([set_event("c", {"n": number})])
    folded = len(mine.events)
    assert log.append([set_event("d")]).seq == 7 + appended
    assert len(mine.events) == folded, "it was read"
    assert log.refresh()
    assert mine.turns[-1] == "d"
    assert Directory(str(tmp_path), LogOptions("os")).verify("s").ok


def test_what_is_longer_than_a_line_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is judged there; counting holds no more than a line in memory."""
    log, recorder = open_log(tmp_path)
    log.append([set_event("mine")])
    other, _ = open_log(tmp_path)
    other.append([set_event("long", "x" * 2000)])
    monkeypatch.setattr("journal.engines.files.skimming.MAX_LINE", 1000)
    assert log.append([set_event("mine again")]).seq == 3
    assert recorder.turns == ["mine", "long", "mine again"]


def test_several_events_are_appended_after_those_of_others(tmp_path: Path) -> None:
    log, recorder = open_log(tmp_path)
    log.append([set_event("mine")])
    other, _ = open_log(tmp_path)
    other.append([set_event("other")])
    assert log.append([set_event("a"), set_event("b")]).seq == 4
    log.refresh()
    assert recorder.turns == ["mine", "other", "a", "b"]
