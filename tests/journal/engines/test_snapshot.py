"""A log that is opened from its snapshot is as one that is read from its beginning."""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from errno import EACCES, EIO, ENOSPC
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, Struct

from journal.codec import control_line
from journal.engines.files import resuming
from journal.engines.files.directory import Directory
from journal.engines.files.log import FileLog, LogOptions
from journal.engines.files.storage import DiskStorage
from journal.errors import DamagedError, ReentryError
from journal.events import Clear, Event, Handoff, Open
from journal.fold import apply
from journal.names import paths_of
from journal.snapshots import EncodedTurns, Frozen
from tests.support import FaultyStorage, fails, files_in, open_log, set_event


class Plain:
    """A projection that cannot be saved: its log is always read from its beginning."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.turns: EncodedTurns = {}
        self.handoffs = 0

    def fold(self, event: Event) -> None:
        apply(self.turns, event, bytes(getattr(event, "state", b"")))
        self.handoffs += isinstance(event, Handoff)

    @property
    def shown(self) -> Any:
        """All that it holds, in order."""
        return [(key, list(of.items())) for key, of in self.turns.items()], self.handoffs


class FrozenTurns(Struct):
    turns: EncodedTurns
    handoffs: int

    @property
    def rest(self) -> bytes:
        return msgspec.json.encode(self.handoffs)

    def summary(self, seq: int) -> bytes:
        return msgspec.json.encode({"events": seq, "handoffs": self.handoffs})


class Saved(Plain):
    """The same, to be saved. Counts the events that it was given, and how often it thawed."""

    folded = 0
    thawed = 0

    def fold(self, event: Event) -> None:
        super().fold(event)
        self.folded += 1

    def fresh(self) -> "Saved":
        return Saved()

    def freeze(self) -> Frozen:
        return FrozenTurns({key: of.copy() for key, of in self.turns.items()}, self.handoffs)

    def thaw(self, turns: EncodedTurns, rest: bytes) -> None:
        self.turns, self.handoffs = turns, msgspec.json.decode(rest, type=int)
        self.thawed += 1


@pytest.fixture(autouse=True)
def _no_log_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few lines are saved, and not read, too."""
    monkeypatch.setattr(resuming, "SHORT", 0)
    monkeypatch.setattr("journal.engines.files.reader.SHORT", 0)


def opened(folder: Path, projection: Plain, storage: DiskStorage | None = None) -> FileLog:
    options = LogOptions("os", storage=storage or DiskStorage())
    return FileLog(paths_of(str(folder), "s"), projection, options)


def saved(folder: Path) -> Path:
    """Save a session as a process does that has just read it. Returns where."""
    log = opened(folder, Saved())
    log.save()
    log.close()
    return folder / "s.snapshot"


def thawed(folder: Path) -> Saved:
    """What a fresh process holds."""
    projection = Saved()
    log = opened(folder, projection)
    log.refresh()
    log.close()
    return projection


def append(folder: Path, *events: Event) -> None:
    log, _ = open_log(folder)
    log.append(events)
    log.close()


# Whatever happens to log and snapshot


EVENTS: list[Callable[[int], Event]] = [
    lambda number: set_event(f"t{number % 4}", {"n": number}),
    lambda number: set_event(f"t{number % 4}", "ü\n" * number, runtime="other"),
    lambda number: Handoff(source="a", target="b"),
    lambda number: Clear(runtime_id="native"),
]


class Session:
    """A session's files, and a process that has had its log open from the beginning."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="journal-snapshot-"))
        self.log, self.snapshot = self.folder / "s.jsonl", self.folder / "s.snapshot"
        self.engine = Directory(str(self.folder), LogOptions("os"))
        self.open = opened(self.folder, Saved())
        self.older: dict[str, bytes] = {}  # files as they were at some time
        append(self.folder, set_event("t0"))

    def act(self, act: str, number: int) -> None:
        match act:
            case "append":
                append(self.folder, EVENTS[number % len(EVENTS)](number))
            case "save":
                saved(self.folder)
            case "append here" | "save here":
                self.open.append([EVENTS[number % len(EVENTS)](number)])
                if act == "save here":
                    self.open.save()
            case "compact":
                self.engine.compact("s", "drop")
            case "delete":
                self.engine.delete("s")
            case "keep":
                self.older = {path.name: path.read_bytes() for path in self.files()}
            case "restore":
                self.restore(number)
            case _:
                self.change(act, number)

    def restore(self, number: int) -> None:
        """One of the files, or both."""
        for path in self.files():
            if path.name in self.older and number % 3 != (path == self.log):
                path.write_bytes(self.older[path.name])

    def change(self, act: str, number: int) -> None:
        """Somebody else has their hands on a file that is there."""
        path = self.log if act.startswith("log") else self.snapshot
        data = path.read_bytes() if path.exists() else b""
        if not data:
            return
        lines = data.splitlines(keepends=True)
        place = number % len(data)
        changed = {
            "log loses lines": b"".join(lines[: 1 + number % len(lines)]),
            "log is torn": data + lines[-1][: number % len(lines[-1])],
            "log gets blanks": data + b"\n \n",
            "log is unended": data.rstrip(b"\n"),
            "snapshot is cut": data[:place],
            "snapshot grows": data + lines[0],
            "snapshot is another": data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :],
        }
        path.write_bytes(changed[act])

    def files(self) -> list[Path]:
        return [path for path in (self.log, self.snapshot) if path.exists()]


ACTS = ["append", "append", "append here", "save", "save", "save here", "compact", "delete"]
ACTS += ["keep", "restore", "log loses lines", "log is torn", "log gets blanks"]
ACTS += ["log is unended", "snapshot is cut", "snapshot grows", "snapshot is another"]


@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 400)), max_size=12))
def test_a_log_with_a_snapshot_is_what_reading_all_of_it_gives(
    acts: list[tuple[str, int]],
) -> None:
    logging.disable()  # what was cut is reported, and is not what this is about
    session = Session()
    try:
        for act, number in acts:
            session.act(act, number)
            whole, fresh = Plain(), Saved()
            reader, other = opened(session.folder, whole), opened(session.folder, fresh)
            assert other.refresh() == reader.refresh()
            assert fresh.shown == whole.shown
            assert (other.head, other.size) == (reader.head, reader.size)
            for log in (reader, other):
                log.close()
        if session.log.exists():
            check_writes_after_snapshot(session.folder)
    finally:
        logging.disable(logging.NOTSET)
        session.open.close()
        shutil.rmtree(session.folder)


def check_writes_after_snapshot(folder: Path) -> None:
    """A writer that begins at the snapshot appends what one does that has read the log."""
    copy = folder.with_name(f"{folder.name}-copy")
    shutil.copytree(folder, copy)
    try:
        (copy / "s.snapshot").unlink(missing_ok=True)
        heads = []
        for place, projection in ((folder, Saved()), (copy, Plain())):
            log = opened(place, projection)
            heads.append(log.append([set_event("mine")]).seq)
            log.refresh()
            log.close()
        ends = [
            path.read_bytes().rpartition(b',"ts"')
            for path in (folder / "s.jsonl", copy / "s.jsonl")
        ]
        assert heads[0] == heads[1]
        assert len(ends[0][0]) == len(ends[1][0])
        shown = [thawed(folder).shown, thawed(copy).shown]
        assert shown[0] == shown[1]
    finally:
        shutil.rmtree(copy)


# What it is for


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Bytes read by the suffix of the file."""
    counts: dict[str, int] = {}

    def read(fd: int, length: int, offset: int) -> bytes:
        data = os.pread(fd, length, offset)
        suffix = os.readlink(f"/proc/self/fd/{fd}").rpartition(".")[2]
        counts[suffix] = counts.get(suffix, 0) + len(data)
        return data

    monkeypatch.setattr(DiskStorage, "read", staticmethod(read))
    return counts


def test_opening_reads_the_snapshot_and_what_came_after(
    tmp_path: Path, reads: dict[str, int]
) -> None:
    append(tmp_path, *(set_event(f"t{number % 5}", "x" * 500) for number in range(400)))
    snapshot = saved(tmp_path)
    append(tmp_path, set_event("after", "y" * 500), set_event("t0", "z"))
    reads.clear()
    found = thawed(tmp_path)
    assert (found.thawed, found.folded) == (1, 2)
    assert list(found.turns["native"]) == ["t0", "t1", "t2", "t3", "t4", "after"]
    assert reads["jsonl"] < 10_000 < (tmp_path / "s.jsonl").stat().st_size
    assert reads["snapshot"] <= snapshot.stat().st_size + 4096, "the first lines twice at most"


def test_a_log_that_is_opened_from_its_snapshot_goes_on_as_any_other(tmp_path: Path) -> None:
    append(tmp_path, set_event("a"), Handoff(source="a", target="b"))
    saved(tmp_path)
    projection = Saved()
    log = opened(tmp_path, projection)
    log.refresh()
    append(tmp_path, set_event("b"), Handoff(source="b", target="a"))
    log.append([set_event("c")])
    log.refresh()
    assert (projection.thawed, projection.handoffs) == (1, 2)
    assert list(projection.turns["native"]) == ["a", "b", "c"]
    assert thawed(tmp_path).shown == projection.shown


@pytest.mark.parametrize("others", [0, 1, 2])
def test_the_first_append_begins_at_the_snapshot(
    tmp_path: Path, reads: dict[str, int], others: int
) -> None:
    append(tmp_path, *(set_event(f"t{number % 5}", "x" * 500) for number in range(3000)))
    saved(tmp_path)
    append(tmp_path, *[set_event("other")] * others)
    reads.clear()
    projection = Saved()
    log = opened(tmp_path, projection)
    assert log.append([set_event("mine")]).seq == 3001 + others
    assert projection.folded == projection.thawed == 0
    assert sum(reads.values()) < 40_000 < (tmp_path / "s.jsonl").stat().st_size
    log.refresh()
    assert (projection.thawed, projection.folded) == (1, others + 1)
    assert list(projection.turns["native"])[-1:] == ["mine"]


# What it is not used for


def test_who_has_read_the_log_before_reads_it_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What was read and is gone has to be noticed: a snapshot may be of the log without it."""
    append(tmp_path, set_event("a"), set_event("b"))
    log = opened(tmp_path, projection := Saved())
    log.refresh()
    lines = (tmp_path / "s.jsonl").read_bytes().splitlines(keepends=True)
    log.close()
    (tmp_path / "s.jsonl").write_bytes(b"".join(lines[:2]))
    append(tmp_path, set_event("c"))
    saved(tmp_path)
    log.refresh()
    assert list(projection.turns["native"]) == ["a", "c"]
    assert projection.thawed == 0
    assert "event 2, which this process had read, is gone" in caplog.text


def test_a_damaged_log_is_not_saved(tmp_path: Path) -> None:
    append(tmp_path, set_event("a"), set_event("b"), set_event("c"))
    path = tmp_path / "s.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"b"', b'"x"'))
    assert not saved(tmp_path).exists()


def test_damage_after_the_snapshot_is_found_and_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    append(tmp_path, set_event("a"))
    saved(tmp_path)
    append(tmp_path, set_event("b"), set_event("c"))
    path = tmp_path / "s.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"b"', b'"x"'))
    log = opened(tmp_path, projection := Saved())
    log.refresh()
    assert list(projection.turns["native"]) == ["a", "c"]
    assert log.problem is not None
    assert log.problem.kind == "corrupt"
    assert "corrupt at byte" in caplog.text


def test_damage_before_the_snapshot_is_found_by_who_reads_it(tmp_path: Path) -> None:
    """The view is what it was; `verify` and compaction read the log."""
    append(tmp_path, set_event("a"), set_event("b"))
    saved(tmp_path)
    path = tmp_path / "s.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"a"', b'"x"', 1))
    found = thawed(tmp_path)
    assert list(found.turns["native"]) == ["a", "b"]
    report = Directory(str(tmp_path), LogOptions("os")).verify("s")
    assert [problem.kind for problem in report.problems] == ["corrupt"]


def test_a_snapshot_of_another_session_is_not_used(tmp_path: Path) -> None:
    """Not even of one that has the same events."""
    append(tmp_path, set_event("a"))
    other = tmp_path / "other"
    other.mkdir()
    log, _ = open_log(other)
    log.append([set_event("b")])
    log.close()
    shutil.copy(saved(other), tmp_path / "s.snapshot")
    found = thawed(tmp_path)
    assert (found.thawed, list(found.turns["native"])) == (0, ["a"])


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("s.jsonl", path)])
def test_what_is_no_file_is_no_snapshot(make: Callable[[Path], None], tmp_path: Path) -> None:
    append(tmp_path, set_event("a"))
    make(tmp_path / "s.snapshot")
    assert list(thawed(tmp_path).turns["native"]) == ["a"]


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"lengths": -1},
        {"lengths": 1 << 62},
        {"states": 1 << 62},
        {"states": 0},
        {"rest": Raw(b'"text"')},
        {"rest": Raw(b"[" * 5000 + b"]" * 5000)},
    ],
)
def test_a_snapshot_that_says_what_none_says_is_not_used(
    change: dict[str, Any], tmp_path: Path
) -> None:
    """Forged: its digest is right."""
    append(tmp_path, set_event("a"))
    path = saved(tmp_path)
    _, _, rest = path.read_bytes().partition(b"\n")
    forge(path, change, rest)
    found = thawed(tmp_path)
    assert list(found.turns["native"]) == ["a"]


def forge(path: Path, change: dict[str, Any], rest: bytes) -> None:
    """Give a snapshot another first line, whose digest is right, and `rest` after it."""
    fields = msgspec.json.decode(path.read_bytes().partition(b"\n")[0], type=dict[str, Raw])
    del fields["digest"]
    head = msgspec.json.encode({**fields, **change})[:-1]
    digest = sha256(head).hexdigest().encode()
    path.write_bytes(b'%b,"digest":"%b"}\n%b' % (head, digest, rest))


def test_a_log_of_a_newer_format_is_not_opened_from_it(tmp_path: Path) -> None:
    append(tmp_path, set_event("a"))
    path = tmp_path / "s.jsonl"
    header = msgspec.json.decode(path.read_bytes().partition(b"\n")[0])
    fields = {key: header[key] for key in header if key not in ("op", "hash")}
    saved(tmp_path)
    line = control_line(Open(**{**fields, "format": 99}))
    path.write_bytes(line + path.read_bytes().partition(b"\n")[2])
    found = thawed(tmp_path)
    assert found.thawed == 0


# What goes wrong with it is no error


@pytest.mark.parametrize("errno", [ENOSPC, EIO, EACCES])
@pytest.mark.parametrize("call", ["open", "write", "rename", "size", "find", "lock", "identify"])
def test_a_snapshot_that_cannot_be_written_is_none(call: str, errno: int, tmp_path: Path) -> None:
    append(tmp_path, set_event("a"))
    before = files_in(tmp_path)
    for after in range(12):
        log = opened(tmp_path, Saved(), FaultyStorage(fails(call, errno, after=after)))
        try:
            log.refresh()
        except (OSError, DamagedError):
            continue
        log.save()
        log.close()
        assert before <= files_in(tmp_path) <= before | {"s.snapshot", "s.snapshot.new"}
        assert list(thawed(tmp_path).turns["native"]) == ["a"]
    assert saved(tmp_path).exists()
    assert files_in(tmp_path) == before | {"s.snapshot"}, "and nothing stays of those that failed"


@pytest.mark.parametrize("call", ["open", "read", "size", "identify"])
def test_a_snapshot_that_cannot_be_read_is_none(call: str, tmp_path: Path) -> None:
    append(tmp_path, set_event("a"))
    saved(tmp_path)
    for after in range(12):
        projection = Saved()
        log = opened(tmp_path, projection, FaultyStorage(fails(call, EIO, after=after)))
        try:
            log.refresh()
        except OSError:
            continue  # it was the log
        assert list(projection.turns["native"]) == ["a"]
        log.close()


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    append(tmp_path, set_event("a"))
    before = len(os.listdir("/proc/self/fd"))
    path = saved(tmp_path)
    thawed(tmp_path)
    path.write_bytes(b"{")
    thawed(tmp_path)
    engine = Directory(str(tmp_path), LogOptions("os"))
    assert engine.saved_summary("s") is None
    assert engine.saved_turn("s", "native", "a") is None
    assert len(os.listdir("/proc/self/fd")) == before


# Deleted sessions


def test_a_deletion_takes_it_away(tmp_path: Path) -> None:
    append(tmp_path, set_event("a"))
    saved(tmp_path)
    (tmp_path / "s.snapshot.new").write_bytes(b"of a process that died")
    assert Directory(str(tmp_path), LogOptions("os")).delete("s")
    assert files_in(tmp_path) == set()


@pytest.mark.parametrize("moment", ["rename", "open"])
def test_a_session_that_is_deleted_while_it_is_saved_leaves_nothing(
    moment: str, tmp_path: Path
) -> None:
    """Before the snapshot has its name, and after."""
    append(tmp_path, set_event("a"))
    deleted = False

    def delete(name: str, args: tuple[Any, ...]) -> None:
        nonlocal deleted
        is_named = (tmp_path / "s.snapshot").exists()
        if not deleted and (name == "rename" if moment == "rename" else is_named):
            deleted = Directory(str(tmp_path), LogOptions("os")).delete("s")

    log = opened(tmp_path, Saved(), FaultyStorage(delete))
    log.save()
    log.close()
    assert deleted
    assert files_in(tmp_path) == set()


def test_two_that_save_at_once_write_it_once(tmp_path: Path) -> None:
    append(tmp_path, set_event("a"))
    writes = 0

    def save_too(name: str, args: tuple[Any, ...]) -> None:
        nonlocal writes
        if name == "write":
            writes += 1
            assert not saved(tmp_path).exists(), "it stands back"

    log = opened(tmp_path, Saved(), FaultyStorage(save_too))
    log.save()
    assert writes == 2, "so small a snapshot is two pieces"
    assert thawed(tmp_path).thawed == 1


# What is read of it by itself


def test_the_summary_is_that_of_the_session_as_it_is(tmp_path: Path) -> None:
    engine = Directory(str(tmp_path), LogOptions("os"))
    assert engine.saved_summary("s") is None
    append(tmp_path, set_event("a"), Handoff(source="a", target="b"))
    assert engine.saved_summary("s") is None
    saved(tmp_path)
    assert engine.saved_summary("s") == b'{"events":2,"handoffs":1}'
    append(tmp_path, set_event("b"))
    assert engine.saved_summary("s") is None


def test_a_turn_is_that_of_the_moment_it_was_saved(tmp_path: Path) -> None:
    engine = Directory(str(tmp_path), LogOptions("os"))
    states = {f"t{number}": {"text": "ü" * number} for number in range(5)}
    append(tmp_path, *(set_event(turn, state) for turn, state in states.items()))
    saved(tmp_path)
    append(tmp_path, set_event("t1", "after"))
    for turn, state in states.items():
        found = engine.saved_turn("s", "native", turn)
        assert found is not None
        assert (found.seq, found.state) == (5, msgspec.json.encode(state))
    missing = engine.saved_turn("s", "other", "t1")
    assert missing is not None
    assert missing.state is None
    os.truncate(tmp_path / "s.snapshot", (tmp_path / "s.snapshot").stat().st_size - 2)
    assert engine.saved_turn("s", "native", "t4") is None


def test_a_compaction_takes_it_away(tmp_path: Path) -> None:
    """What was dropped is not to stay there."""
    append(tmp_path, set_event("a", "of old"), set_event("a", "of today"))
    assert b"of today" in saved(tmp_path).read_bytes()
    append(tmp_path, set_event("a", "x"))
    assert Directory(str(tmp_path), LogOptions("os")).compact("s", "drop") is not None
    assert files_in(tmp_path) == {"s.jsonl"}


def test_it_can_be_read_line_by_line(tmp_path: Path) -> None:
    append(tmp_path, set_event("a", {"n": 1}), set_event("b", "ü", runtime="other"))
    head, lengths, *states = saved(tmp_path).read_text().splitlines()
    assert msgspec.json.decode(head)["place"]["seq"] == 2
    assert {key: list(of) for key, of in msgspec.json.decode(lengths).items()} == {
        "native": ["a"],
        "other": ["b"],
    }
    assert states == ['{"n":1}', '"ü"']


# It holds what the file holds, and nothing else


def test_what_was_folded_from_a_file_that_was_replaced_is_not_saved(tmp_path: Path) -> None:
    """A process may know an event that was damaged before a compaction had read it."""
    append(tmp_path, set_event("a"), set_event("b"), set_event("c"))
    log = opened(tmp_path, known := Saved())
    log.refresh()
    path = tmp_path / "s.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"b"', b'"x"'))
    Directory(str(tmp_path), LogOptions("os")).compact("s")
    log.append([set_event("d")])
    log.refresh()
    assert list(known.turns["native"]) == ["a", "b", "c", "d"]
    log.save()
    whole = Plain()
    opened(tmp_path, whole).refresh()
    assert thawed(tmp_path).shown == whole.shown
    assert list(whole.turns["native"]) == ["a", "c", "d"]


def test_a_signal_handler_cannot_append_in_the_middle_of_a_freeze(tmp_path: Path) -> None:
    """What it appended would be in the view, and after the place."""
    append(tmp_path, set_event("a"))

    class Interrupted(Saved):
        def freeze(self) -> Frozen:
            with pytest.raises(ReentryError):
                log.append([set_event("of the handler")])
            log.refresh()
            return super().freeze()

    log = opened(tmp_path, Interrupted())
    log.save()
    assert list(thawed(tmp_path).turns["native"]) == ["a"]
    assert log.append([set_event("later")]).seq == 2


def test_a_save_that_comes_just_before_a_compaction_is_done_leaves_nothing_of_old(
    tmp_path: Path,
) -> None:
    """The log is sealed already, and still at its path."""
    append(tmp_path, set_event("a", "of old"), set_event("a", "of today"))
    saver = opened(tmp_path, Saved())
    saver.refresh()

    def save_first(name: str, args: tuple[Any, ...]) -> None:
        if name == "rename" and args[1].endswith(".jsonl"):
            (tmp_path / "s.snapshot").write_bytes(b"of old: just saved")

    engine = Directory(str(tmp_path), LogOptions("os", storage=FaultyStorage(save_first)))
    assert engine.compact("s", "drop") is not None
    assert files_in(tmp_path) == {"s.jsonl"}


def test_what_a_dead_process_has_saved_of_a_deleted_session_goes_with_the_next_deletion(
    tmp_path: Path,
) -> None:
    append(tmp_path, set_event("a"))
    saved(tmp_path).rename(tmp_path / "s.snapshot.new")
    engine = Directory(str(tmp_path), LogOptions("os"))
    engine.delete("s")
    (tmp_path / "s.snapshot").write_bytes(b"saved by a process that died then")
    assert not engine.delete("s")
    assert files_in(tmp_path) == set()


def test_a_session_with_a_folder_in_the_place_of_its_snapshot_can_be_deleted(
    tmp_path: Path,
) -> None:
    append(tmp_path, set_event("a"))
    (tmp_path / "s.snapshot").mkdir()
    engine = Directory(str(tmp_path), LogOptions("os"))
    assert engine.compact("s") is not None
    assert engine.delete("s")
    append(tmp_path, set_event("b"))
    assert list(thawed(tmp_path).turns["native"]) == ["b"]


def test_what_no_reader_would_take_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(tmp_path, set_event("a"))
    monkeypatch.setattr("journal.engines.files.snapshot.MAX_LINE", 100)
    assert not saved(tmp_path).exists()
    assert files_in(tmp_path) == {"s.jsonl"}


def test_a_projection_that_cannot_be_saved_is_not(tmp_path: Path) -> None:
    append(tmp_path, set_event("a"))
    log = opened(tmp_path, Plain())
    log.refresh()
    log.save()
    assert files_in(tmp_path) == {"s.jsonl"}


def test_a_compacted_log_after_which_nothing_came_is_opened_from_it(tmp_path: Path) -> None:
    append(tmp_path, set_event("a", 1), set_event("b"), set_event("a", 2))
    Directory(str(tmp_path), LogOptions("os")).compact("s", "drop")
    saved(tmp_path)
    found = thawed(tmp_path)
    assert (found.thawed, found.folded) == (1, 0)
    assert found.turns["native"] == {"a": b"2", "b": b'{"turn":"b"}'}


@pytest.mark.parametrize("lengths", [b"[]", b'{"native":{"a":[1]}}', b"not JSON"])
@pytest.mark.parametrize("digest_is_right", [False, True])
def test_lengths_that_are_none_are_not_used(
    lengths: bytes, digest_is_right: bool, tmp_path: Path
) -> None:
    append(tmp_path, set_event("a"))
    path = saved(tmp_path)
    _, _, states = path.read_bytes().split(b"\n", 2)
    change: dict[str, Any] = {"lengths": len(lengths) + 1}
    if digest_is_right:
        change["lengths_digest"] = sha256(lengths).hexdigest()
    forge(path, change, lengths + b"\n" + states)
    assert list(thawed(tmp_path).turns["native"]) == ["a"]
    assert Directory(str(tmp_path), LogOptions("os")).saved_turn("s", "native", "a") is None


def test_a_turn_of_which_nothing_can_be_read_was_not_saved(tmp_path: Path) -> None:
    append(tmp_path, set_event("a"))
    engine = Directory(str(tmp_path), LogOptions("os"))
    assert engine.saved_turn("s", "native", "a") is None, "there is no snapshot"
    assert engine.saved_turn("none", "native", "a") is None, "nor such a session"
    saved(tmp_path)
    answers = set()
    for after in range(9):
        storage = FaultyStorage(fails("read", EIO, after=after))
        engine = Directory(str(tmp_path), LogOptions("os", storage=storage))
        answers.add(engine.saved_turn("s", "native", "a") is None)
    assert answers == {True, False}, "False where no read is left to fail"


def test_a_save_in_the_middle_of_an_append_does_nothing(tmp_path: Path) -> None:
    append(tmp_path, set_event("a"))
    log = opened(tmp_path, Saved())
    log.refresh()

    def event() -> list[Event]:
        log.save()
        return [set_event("b")]

    assert log.append(event).seq == 2
    assert files_in(tmp_path) == {"s.jsonl"}


def test_a_log_that_has_lost_its_header_since_it_was_read_is_not_saved(tmp_path: Path) -> None:
    append(tmp_path, set_event("a"))
    log = opened(tmp_path, Saved())
    log.refresh()
    with (tmp_path / "s.jsonl").open("r+b") as file:
        file.write(b"x")
    log.save()
    assert files_in(tmp_path) == {"s.jsonl"}


def test_what_is_saved_of_another_file_is_not_taken_for_ours(tmp_path: Path) -> None:
    """The log is compacted once more while it is read anew to be saved."""
    append(tmp_path, set_event("a"), set_event("a"))
    engine = Directory(str(tmp_path), LogOptions("os"))
    compactions = 0

    def compact(name: str, args: tuple[Any, ...]) -> None:
        nonlocal compactions
        if name == "open" and args[0] == str(tmp_path / "s.jsonl") and compactions == 1:
            compactions += 1
            append(tmp_path, set_event("a"))
            engine.compact("s", "drop")

    log = opened(tmp_path, known := Saved(), FaultyStorage(compact))
    log.refresh()
    engine.compact("s", "drop")
    log.refresh()
    compactions = 1
    log.save()
    assert compactions == 2
    log.append([set_event("b")])
    log.save()
    log.refresh()
    assert thawed(tmp_path).shown == known.shown


def test_a_log_whose_line_before_the_place_is_damaged_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its hash stands there as ever; what it is the hash of does not."""
    append(tmp_path, set_event("a"), set_event("b"))
    saved(tmp_path)
    append(tmp_path, set_event("c"))
    path = tmp_path / "s.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"b"', b'"x"'))
    found = thawed(tmp_path)
    assert (found.thawed, list(found.turns["native"])) == (0, ["a", "c"])
    assert "corrupt at byte" in caplog.text


def test_there_is_nothing_to_save_of_a_session_that_does_not_exist(tmp_path: Path) -> None:
    opened(tmp_path, Saved()).save()
    assert not (tmp_path / "s.snapshot").exists()


def test_a_log_that_is_replaced_before_it_is_written_is_not_saved(tmp_path: Path) -> None:
    append(tmp_path, set_event("a"))
    log = opened(tmp_path, Saved())
    log.refresh()
    log.save(lambda: (tmp_path / "s.jsonl").rename(tmp_path / "elsewhere"))
    assert not (tmp_path / "s.snapshot").exists()
    assert not (tmp_path / "s.snapshot.new").exists()
