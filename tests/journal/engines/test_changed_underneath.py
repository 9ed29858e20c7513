"""A log that other programs change, lock or no lock, under processes that have it open.

Somebody empties it, puts an older copy or another branch over it or in its place, cuts it,
moves or deletes it. Then nothing that is acknowledged afterwards may be lost, the chain goes
on from the file as it is, and what is gone from view is reported: once, by each process.
"""

import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from journal.engines.files.directory import Directory
from journal.engines.files.log import FileLog, LogOptions
from journal.engines.files.logfile import LogFile
from journal.errors import AppendError, DamagedError, JournalError, StorageError
from journal.events import Event, Set
from journal.room import Answer
from projections import DefaultSessionStore
from tests.faults.sizes import sized
from tests.support import (
    FaultyStorage,
    Recorder,
    is_there,
    no_fault,
    open_log,
    segment_of,
    set_event,
    turns_in,
)

GONE = "which this process had read"


class Clock:
    """Stands still until told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("journal.engines.files.reader.monotonic", clock)
    return clock


class Reports(logging.Handler):
    """What is logged at WARNING or above."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    @property
    def losses(self) -> list[str]:
        return [text for text in self.texts if GONE in text]


@pytest.fixture
def reports() -> Any:
    reports = Reports()
    logger = logging.getLogger("journal")
    logger.addHandler(reports)
    yield reports
    logger.removeHandler(reports)


# What a stranger does. Each is given the log's path; `old` beside the folder is a copy of the
# folder with two events fewer, `branch` one in which these two are others, as long as ours.


def in_place(path: Path, data: bytes) -> None:
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()


def empty(path: Path) -> None:
    in_place(path, b"")


def old(path: Path) -> Path:
    return path.parent.parent / "old" / path.name


def branch(path: Path) -> Path:
    return path.parent.parent / "branch" / path.name


def cut_in_a_line(path: Path) -> None:
    os.truncate(path, old(path).stat().st_size + 30)


def cut_and_grown(path: Path) -> None:
    """Shorter for a while, then as long as it was."""
    data = branch(path).read_bytes()
    in_place(path, old(path).read_bytes())
    with path.open("ab") as file:
        file.write(data[old(path).stat().st_size :])


def with_its_times(stroke: Callable[[Path], None]) -> Callable[[Path], None]:
    def strike(path: Path) -> None:
        before = path.stat()
        stroke(path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return strike


def move(path: Path) -> None:
    path.rename(path.with_suffix(".away"))


def rename_into_place(source: Callable[[Path], Path]) -> Callable[[Path], None]:
    def strike(path: Path) -> None:
        shutil.copy(source(path), path.parent / "copy")
        (path.parent / "copy").rename(path)

    return strike


def hard_linked_and_replaced(path: Path) -> None:
    """The number of the file's names stays the same."""
    os.link(path, path.parent / "backup")
    rename_into_place(old)(path)


def move_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("away"))


def replace_folder(path: Path) -> None:
    move_folder(path)
    shutil.copytree(old(path).parent, path.parent)


STROKES: dict[str, tuple[Callable[[Path], None], str, list[str]]] = {
    "emptied in place": (empty, "events 1 to 4", []),
    "an older copy over it": (
        lambda path: in_place(path, old(path).read_bytes()),
        "events 3 to 4, which this process had read, are gone: the log now ends at event 2",
        ["t1", "t2"],
    ),
    "an older copy over it, with the times it had": (
        with_its_times(lambda path: in_place(path, old(path).read_bytes())),
        "events 3 to 4",
        ["t1", "t2"],
    ),
    "an older copy in its place": (rename_into_place(old), "events 3 to 4", ["t1", "t2"]),
    "an older copy in its place, which has another name": (
        hard_linked_and_replaced,
        "events 3 to 4",
        ["t1", "t2"],
    ),
    "a branch of the same size over it": (
        lambda path: in_place(path, branch(path).read_bytes()),
        "event 4, which this process had read, is gone: in its place is another branch",
        ["t1", "t2", "x3", "x4"],
    ),
    "a branch over it, with the times it had": (
        with_its_times(lambda path: in_place(path, branch(path).read_bytes())),
        "event 4",
        ["t1", "t2", "x3", "x4"],
    ),
    "a branch in its place": (rename_into_place(branch), "event 4", ["t1", "t2", "x3", "x4"]),
    "cut": (
        lambda path: os.truncate(path, old(path).stat().st_size),
        "events 3 to 4",
        ["t1", "t2"],
    ),
    "cut in the middle of a line": (cut_in_a_line, "events 3 to 4", ["t1", "t2"]),
    "cut, and grown again": (cut_and_grown, "event 4", ["t1", "t2", "x3", "x4"]),
    "deleted": (os.unlink, "events 1 to 4", []),
    "moved": (move, "events 1 to 4", []),
    "the folder moved": (move_folder, "events 1 to 4", []),
    "the folder deleted": (lambda path: shutil.rmtree(path.parent), "events 1 to 4", []),
    "the folder replaced": (replace_folder, "events 3 to 4", ["t1", "t2"]),
    "another log of the session": (
        lambda path: rename_into_place(lambda path: another(path))(path),
        "events 1 to 4, which this process had read, are gone: in its place is another log",
        ["new"],
    ),
}


def another(path: Path) -> Path:
    return path.parent.parent / "another" / path.name


def prepare(tmp_path: Path) -> Path:
    """The copies that strokes use, and the folder with the first two events."""
    folder = tmp_path / "s"
    log, _ = open_log(folder, writer="w")
    for turn in ("t1", "t2"):
        log.append([set_event(turn)])
    log.close()
    shutil.copytree(folder, tmp_path / "old")
    shutil.copytree(folder, tmp_path / "branch")
    log, _ = open_log(tmp_path / "branch", writer="w")
    for turn in ("x3", "x4"):
        log.append([set_event(turn)])
    log.close()
    log, _ = open_log(tmp_path / "another", writer="w")
    log.append([set_event("new")])
    log.close()
    return folder / "s.jsonl"


def problems_in(folder: Path) -> list[str]:
    return [str(problem) for problem in Directory(str(folder), LogOptions()).verify("s").problems]


@pytest.mark.parametrize("durability", ["os", "fsync"])
@pytest.mark.parametrize("stroke", STROKES)
class TestAStroke:
    def test_is_noticed_by_the_next_append(
        self, tmp_path: Path, clock: Clock, reports: Reports, stroke: str, durability: str
    ) -> None:
        path = prepare(tmp_path)
        strike, what, left = STROKES[stroke]
        log, recorder = open_log(path.parent, writer="w", durability=durability)
        for turn in ("t3", "t4"):
            log.append([set_event(turn)])
        strike(path)
        log.append([set_event("after")])
        assert recorder.turns == [*left, "after"] == turns_in(path.parent)
        assert problems_in(path.parent) == []
        (report,) = reports.losses
        assert what in report
        assert f"session 's': {path}" in report
        clock.now += 2.0
        log.append([set_event("more")])
        assert log.refresh()
        assert len(reports.losses) == 1, "it was said once"
        assert recorder.turns == [*left, "after", "more"] == turns_in(path.parent)

    def test_is_noticed_by_a_look_a_second_later(
        self, tmp_path: Path, clock: Clock, reports: Reports, stroke: str, durability: str
    ) -> None:
        path = prepare(tmp_path)
        strike, what, left = STROKES[stroke]
        writer, _ = open_log(path.parent, writer="w", durability=durability)
        for turn in ("t3", "t4"):
            writer.append([set_event(turn)])
        writer.close()
        log, recorder = open_log(path.parent)
        assert log.refresh()
        strike(path)
        clock.now += 1.0
        assert log.refresh() == bool(left)
        assert recorder.turns == left
        (report,) = reports.losses
        assert what in report
        clock.now += 1.0
        log.refresh()
        assert len(reports.losses) == 1, "it was said once"

    def test_is_noticed_by_the_first_append_of_a_reader(
        self, tmp_path: Path, clock: Clock, reports: Reports, stroke: str, durability: str
    ) -> None:
        """Its file is open for reading only, and has to be opened for writing."""
        path = prepare(tmp_path)
        strike, what, left = STROKES[stroke]
        writer, _ = open_log(path.parent, writer="w")
        for turn in ("t3", "t4"):
            writer.append([set_event(turn)])
        writer.close()
        log, recorder = open_log(path.parent, writer="w", durability=durability)
        assert log.refresh()
        strike(path)
        log.append([set_event("after")])
        assert recorder.turns == [*left, "after"] == turns_in(path.parent)
        assert problems_in(path.parent) == []
        (report,) = reports.losses
        assert what in report

    def test_is_noticed_by_an_append_that_must_not_wait(
        self, tmp_path: Path, clock: Clock, reports: Reports, stroke: str, durability: str
    ) -> None:
        path = prepare(tmp_path)
        strike, _, left = STROKES[stroke]
        log, _ = open_log(path.parent, writer="w")
        for turn in ("t3", "t4"):
            assert log.append([set_event(turn)])
        assert log.append_at_once([set_event("t5")])
        strike(path)
        assert not log.append_at_once([set_event("after")]), "somebody has to read anew"
        log.append([set_event("after")])
        assert turns_in(path.parent) == [*left, "after"]
        assert len(reports.losses) == 1


@pytest.mark.parametrize("stroke", ["an older copy in its place", "deleted", "the folder moved"])
def test_a_reader_that_was_closed_says_what_it_can_know(
    tmp_path: Path, reports: Reports, stroke: str
) -> None:
    """While nobody looked, a session may have been deleted; but no log becomes an older one."""
    path = prepare(tmp_path)
    log, recorder = open_log(path.parent, writer="w")
    log.append([set_event("t3")])
    log.append([set_event("t4")])
    log.close()
    STROKES[stroke][0](path)
    assert log.refresh() == bool(STROKES[stroke][2])
    assert recorder.turns == STROKES[stroke][2]
    assert len(reports.losses) == (stroke == "an older copy in its place")


@pytest.mark.parametrize("stroke", STROKES)
@pytest.mark.parametrize("then", ["read", "append"])
def test_a_log_that_was_closed_to_make_room_is_compared_when_it_is_opened_again(
    tmp_path: Path, reports: Reports, stroke: str, then: str
) -> None:
    path = prepare(tmp_path)
    strike, _, left = STROKES[stroke]
    log, recorder = open_log(path.parent, writer="w")
    for turn in ("t3", "t4"):
        log.append([set_event(turn)])
    assert log.close_idle() is Answer.CLOSED
    strike(path)
    if then == "append":
        log.append([set_event("after")])
        left = [*left, "after"]
    assert log.refresh() == bool(left)
    assert recorder.turns == left == turns_in(path.parent)
    assert len(reports.losses) <= 1


@pytest.mark.parametrize("then", ["nothing", "made again"])
@pytest.mark.parametrize("compacted", [False, True])
def test_a_deletion_by_another_process_is_no_loss(
    tmp_path: Path, clock: Clock, reports: Reports, then: str, compacted: bool
) -> None:
    log, recorder = open_log(tmp_path)
    log.append([set_event("a")])
    log.append([set_event("a")])
    other = Directory(str(tmp_path), LogOptions("os"))
    if compacted:
        assert other.compact("s") is not None
    assert other.delete("s")
    if then == "made again":
        anew, _ = open_log(tmp_path)
        anew.append([set_event("b")])
    clock.now += 1.0
    log.refresh()
    log.append([set_event("c")])
    assert recorder.turns == [*(["b"] if then == "made again" else []), "c"]
    assert reports.texts == []


def test_a_log_emptied_that_has_archives_is_an_error(tmp_path: Path, clock: Clock) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a")])
    log.append([set_event("a")])
    assert Directory(str(tmp_path), LogOptions("os")).compact("s") is not None
    log.append([set_event("a")])
    empty(tmp_path / "s.jsonl")
    for _ in range(2):
        with pytest.raises(DamagedError):
            log.append([set_event("b")])
        clock.now += 1.0
        with pytest.raises(DamagedError):
            log.refresh()


# In the middle of an append: before each of its calls.

CALLS = 12


@pytest.mark.parametrize("durability", ["os", "fsync"])
@pytest.mark.parametrize("stroke", STROKES)
def test_a_stroke_in_the_middle_of_an_append_loses_nothing_silently(
    tmp_path: Path, reports: Reports, stroke: str, durability: str
) -> None:
    """With "fsync", True is for the file that the path leads to when the sync returns.

    Only between our look and our write can a stranger make us write to the wrong place.
    """
    outcomes: Counter[str] = Counter()
    for number in range(CALLS):
        folder = tmp_path / str(number)
        path = prepare(folder)
        calls: list[str] = []

        def fault(
            name: str, args: tuple[Any, ...], calls: list[str] = calls, path: Path = path
        ) -> None:
            if len(calls) == number:  # noqa: B023 - it is called in this very round
                STROKES[stroke][0](path)
            calls.append(name)

        storage = FaultyStorage(no_fault)
        log, _ = open_log(path.parent, writer="w", storage=storage, durability=durability)
        for turn in ("t3", "t4"):
            log.append([set_event(turn)])
        storage.fault = fault
        try:
            log.append([set_event("after")])
            outcome = "done"
        except AppendError:
            outcome = "not appended"
        except StorageError:
            outcome = "unknown"
        storage.fault = no_fault
        if len(calls) <= number:
            break
        there = "after" in turns_in(path.parent)
        outcomes[f"{outcome}, {'there' if there else 'not there'}"] += 1
        replaced = calls[number:].count("find") and not _keeps_the_inode(stroke)
        if outcome == "done" and durability == "fsync" and replaced:
            assert there, f"True for a file that is gone, after {calls[:number]}"
        if outcome == "not appended":
            assert not there, f"appended again, it would be there twice: {calls[:number]}"
        assert outcome != "unknown"
        again, _ = open_log(path.parent, writer="w")
        again.append([set_event("next")])
        assert turns_in(path.parent)[-1] == "next"
    else:
        pytest.fail("an append makes more calls than were struck")
    assert outcomes["done, there"] >= 3, "the strokes before the look cost nothing"


def _keeps_the_inode(stroke: str) -> bool:
    return " over it" in stroke or stroke.startswith(("emptied", "cut"))


def in_the_sync(storage: FaultyStorage, strike: Callable[[], None]) -> None:
    """Strike once while the next sync is under way."""

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "sync":
            storage.fault = no_fault
            strike()

    storage.fault = fault


class TestWhileItIsSynced:
    """Another file is at the path when the sync returns."""

    def test_a_compaction_that_took_it_along_is_fine(
        self, tmp_path: Path, reports: Reports
    ) -> None:
        storage = FaultyStorage(no_fault)
        log, recorder = open_log(tmp_path, storage=storage, durability="fsync")
        log.append([set_event("a")])
        other = Directory(str(tmp_path), LogOptions("os"))
        synced: list[str] = []

        def compact() -> None:
            assert other.compact("s") is not None
            storage.fault = lambda name, args: synced.append(name) if name == "sync" else None

        in_the_sync(storage, compact)
        assert log.append([set_event("a")]).seq == 2
        assert synced, "what holds it now is synced as well"
        assert recorder.turns == ["a", "a"]
        assert turns_in(tmp_path) == ["a"]
        assert reports.texts == []

    def test_a_deletion_came_after_it(self, tmp_path: Path, reports: Reports) -> None:
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        log.append([set_event("a")])
        other = Directory(str(tmp_path), LogOptions("os"))
        deleted: list[bool] = []
        in_the_sync(storage, lambda: deleted.append(other.delete("s")))
        assert log.append([set_event("b")]).seq == 2
        assert deleted == [True]
        assert not log.refresh()
        assert reports.texts == []

    def test_a_copy_that_has_it_is_synced_and_fine(self, tmp_path: Path) -> None:
        storage = FaultyStorage(no_fault)
        log, recorder = open_log(tmp_path, storage=storage, durability="fsync")
        path = tmp_path / "s.jsonl"
        in_the_sync(storage, lambda: rename_into_place(lambda path: path)(path))
        assert log.append([set_event("a")]).seq == 1
        assert recorder.turns == ["a"] == turns_in(tmp_path)

    def test_what_another_had_read_may_be_lost_and_ours_not(
        self, tmp_path: Path, reports: Reports
    ) -> None:
        """A copy with our event in it, but without one that came after it."""
        storage = FaultyStorage(no_fault)
        log, recorder = open_log(tmp_path, storage=storage, durability="fsync")
        path = tmp_path / "s.jsonl"
        log.append([set_event("a")])

        def strike() -> None:
            shutil.copy(path, tmp_path / "copy")
            other, _ = open_log(tmp_path)
            other.append([set_event("lost")])
            log.refresh()
            (tmp_path / "copy").rename(path)

        in_the_sync(storage, strike)
        assert log.append([set_event("ours")]).seq == 2
        assert recorder.turns == ["a", "ours"] == turns_in(tmp_path)
        (report,) = reports.losses
        assert "event 3" in report

    @pytest.mark.parametrize("history", ["archive", "drop"])
    def test_where_nobody_can_know_it_is_said_to_be_unknown(
        self, tmp_path: Path, history: Any
    ) -> None:
        """A copy without it, which others append to and compact, before we look."""
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        path = tmp_path / "s.jsonl"
        log.append([set_event("a")])
        shutil.copy(path, tmp_path / "copy")

        def strike() -> None:
            other, _ = open_log(tmp_path)
            other.append([set_event("b")])
            log.refresh()
            (tmp_path / "copy").rename(path)
            other, _ = open_log(tmp_path)
            for _ in range(2):
                other.append([set_event("c")])
            log.look_again()
            log.refresh()
            other.append([set_event("d")])
            Directory(str(tmp_path), LogOptions("os")).compact("s", history)

        in_the_sync(storage, strike)
        with pytest.raises(StorageError, match="unknown"):
            log.append([set_event("ours")])

    def test_all_threads_that_share_the_sync_hear_of_it(self, tmp_path: Path) -> None:
        import threading

        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        path = tmp_path / "s.jsonl"
        log.append([set_event("a")])
        shutil.copy(path, tmp_path / "copy")
        outcomes: dict[str, str] = {}
        waiting = threading.Event()

        def append(turn: str) -> None:
            try:
                log.append([set_event(turn)])
                outcomes[turn] = "done"
            except AppendError:
                outcomes[turn] = "not appended"

        threads = [threading.Thread(target=append, args=(str(n),)) for n in range(8)]

        def fault(name: str, args: tuple[Any, ...]) -> None:
            if name == "write":
                waiting.wait(0.01)  # so that others queue up
            if name == "sync" and (tmp_path / "copy").exists():
                (tmp_path / "copy").rename(path)

        storage.fault = fault
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        found = set(turns_in(tmp_path)) - {"a"}
        assert len(outcomes) == 8
        assert found == {turn for turn, outcome in outcomes.items() if outcome == "done"}
        assert "not appended" in outcomes.values()

    def test_a_path_that_cannot_be_looked_at_is_no_success(self, tmp_path: Path) -> None:
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        log.append([set_event("a")])

        def broken(name: str, args: tuple[Any, ...]) -> None:
            if name == "find":
                raise PermissionError(13, "Permission denied")

        def after_the_sync() -> None:
            storage.fault = broken

        in_the_sync(storage, after_the_sync)
        with pytest.raises(StorageError, match=r"Permission denied.* unknown; read"):
            log.append([set_event("b")])

    def test_the_inode_of_a_file_that_was_closed_meanwhile_says_nothing(
        self, tmp_path: Path
    ) -> None:
        """Replaced and closed, as in a signal handler, its inode may be the new file's."""
        storage = FaultyStorage(no_fault)
        file = LogFile(storage, str(tmp_path / "s.jsonl"), create=True)
        places = [None, file.id]

        def close_in_the_sync(name: str, args: tuple[Any, ...]) -> Any:
            if name == "sync" and file.is_open and len(places) == 2:
                storage.fault = lambda name, args: (
                    places.pop(0) or False if name == "find" else None
                )
                file.close()
                return 0  # the sync that is under way goes on in the kernel
            return None

        storage.fault = close_in_the_sync
        assert not file.sync_through(file.mark_written())
        assert not places, "it was looked at before the close and after the sync"

    @pytest.mark.parametrize("comes", ["a copy", "nothing"])
    def test_a_flush_syncs_what_is_at_the_path(
        self, tmp_path: Path, reports: Reports, comes: str
    ) -> None:
        storage = FaultyStorage(no_fault)
        log, recorder = open_log(tmp_path, storage=storage)
        path = tmp_path / "s.jsonl"
        log.append([set_event("a")])
        synced: list[int] = []

        def strike() -> None:
            if comes == "a copy":
                rename_into_place(lambda path: path)(path)
            else:
                path.unlink()
            storage.fault = lambda name, args: (
                synced.append(os.fstat(args[0]).st_ino) if name == "sync" else None
            )

        in_the_sync(storage, strike)
        log.flush()
        storage.fault = no_fault
        if comes == "a copy":
            assert synced == [path.stat().st_ino]
            assert recorder.turns == ["a"]
        else:
            assert synced == []
            assert len(reports.losses) == 1

    def test_a_flush_in_a_signal_handler_leaves_that_to_the_append(self, tmp_path: Path) -> None:
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage)
        path = tmp_path / "s.jsonl"
        log.append([set_event("a")])
        flushed: list[str] = []

        def handler(name: str, args: tuple[Any, ...]) -> None:
            if name == "read":
                storage.fault = no_fault
                rename_into_place(lambda path: path)(path)
                log.flush()
                flushed.append(name)

        storage.fault = handler
        log.append([set_event("b")])
        assert flushed
        assert turns_in(tmp_path) == ["a", "b"]


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


# Everything at any moment

TURNS = st.sampled_from(["a", "b", "c"])
WHO = st.sampled_from([0, 1, 2])


class Strangers(RuleBasedStateMachine):
    """Three processes with the log open, strangers, and a model: what is in the file.

    `events` are the states of all events of the file, each state once ever, so that it tells
    an event from all others.
    """

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp(prefix="journal-strangers-"))
        self.folder = self.base / "s"
        self.path = self.folder / "s.jsonl"
        self.clock = Clock()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("journal.engines.files.reader.monotonic", self.clock)
        self.reports = Reports()
        logging.getLogger("journal").addHandler(self.reports)
        self.logs: list[tuple[FileLog, Recorder]] = []
        for durability in ("os", "fsync", "os"):
            self.logs.append(open_log(self.folder, writer="w", durability=durability))
        self.events: list[tuple[str, int]] = []
        self.number = 10_000
        self.saved: list[tuple[bytes, list[tuple[str, int]]]] = []
        self.torn = False
        # Who has not seen the last compaction does not know of a deletion after it either.
        self.behind: set[int] = set()
        self.append(0, "a")

    def teardown(self) -> None:
        self.patch.undo()
        logging.getLogger("journal").removeHandler(self.reports)
        for log, _ in self.logs:
            log.close()
        shutil.rmtree(self.base)

    # The processes

    def look(self, who: int, act: Callable[[], object]) -> None:
        """Whatever notices a change says once what is gone, and nothing if nothing is."""
        events, before = self.logs[who][1].events, len(self.reports.losses)
        known = number_of(events[-1]) if events else None
        lost = known is not None and known not in {number for _, number in self.events}
        unknown = lost and (who in self.behind or self.base_seq() > events[-1].seq)
        act()
        said = len(self.reports.losses) - before
        assert said == lost or (unknown and not said)
        self.behind.discard(who)

    def base_seq(self) -> int:
        """Up to which event the file was compacted, whoever's log it is."""
        if not self.path.exists() or not self.path.read_bytes().strip():
            return 0
        return int(msgspec.json.decode(self.path.read_bytes().split(b"\n")[0])["base_seq"])

    @rule(who=WHO, turn=TURNS)
    def append(self, who: int, turn: str) -> None:
        self.number += 1
        number, log = self.number, self.logs[who][0]
        event = set_event(turn, {"n": number})
        self.look(who, lambda: log.append([event]))
        self.events.append((turn, number))
        self.torn = False
        assert view_of(self.logs[who][1]) == dict(self.events)
        fresh, recorder = open_log(self.folder)
        assert fresh.refresh()
        fresh.close()
        assert view_of(recorder) == dict(self.events), "True, and it is not in the log"
        assert problems_in(self.folder) == []

    @rule(who=WHO)
    def read(self, who: int) -> None:
        self.clock.now += 1.0
        log, recorder = self.logs[who]
        self.look(who, log.refresh)
        assert view_of(recorder) == dict(self.events)

    @rule(who=WHO)
    def peek(self, who: int) -> None:
        """Within the second, it may notice or not; it never says so twice."""
        before = len(self.reports.losses)
        self.logs[who][0].refresh()
        assert len(self.reports.losses) - before <= 1

    @rule(who=WHO)
    def restart(self, who: int) -> None:
        self.logs[who][0].close()
        self.logs[who] = open_log(self.folder, writer="w")

    @precondition(lambda self: self.path.exists() and not self.torn)
    @rule(history=st.sampled_from(["archive", "drop"]))
    def compact(self, history: Any) -> None:
        Directory(str(self.folder), LogOptions("os")).compact("s", history)
        self.behind = {0, 1, 2}

    # The strangers

    @property
    def is_plain(self) -> bool:
        """Nothing was compacted: lines and events are one to one, and no archive is missed."""
        if not self.path.exists():
            return False
        content = self.path.read_bytes()
        return b'"kept":0,' in content and content.count(b'"n":') == len(self.events)

    @precondition(lambda self: self.path.exists() and not self.torn)
    @rule()
    def save_a_copy(self) -> None:
        self.saved.append((self.path.read_bytes(), self.events.copy()))

    def is_complete(self, content: bytes) -> bool:
        """Whether the archives are of such a log; of others, damage is reported."""
        if not content.strip():
            return not archives(self.folder)
        name = msgspec.json.decode(content.split(b"\n")[0])["archive"]
        return name is None or (self.folder / "archive" / name).exists()

    @precondition(lambda self: self.saved)
    @rule(data=st.data(), over=st.booleans())
    def put_a_copy(self, data: st.DataObject, over: bool) -> None:
        content, events = data.draw(st.sampled_from(self.saved))
        if self.is_complete(content):
            self.put(content, events, over)

    def put(self, content: bytes, events: list[tuple[str, int]], over: bool) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if over and self.path.exists():
            in_place(self.path, content)
        else:
            (self.folder / "put").write_bytes(content)
            (self.folder / "put").rename(self.path)
        self.events, self.torn = events.copy(), False

    @precondition(lambda self: self.is_plain and self.events and not self.torn)
    @rule(data=st.data(), over=st.booleans(), more=st.integers(0, 3))
    def put_a_branch(self, data: st.DataObject, over: bool, more: int) -> None:
        keep = data.draw(st.integers(0, len(self.events) - 1))
        other = self.base / "branch"
        other.mkdir()
        (other / "s.jsonl").write_bytes(self.first(keep))
        log, _ = open_log(other, writer="w")
        events = self.events[:keep]
        for _ in range(more):
            self.number += 1
            events.append(("b", self.number))
            log.append([set_event("b", {"n": self.number})])
        log.close()
        content = (other / "s.jsonl").read_bytes()
        shutil.rmtree(other)
        self.put(content, events, over)

    def first(self, events: int) -> bytes:
        lines = [line for line in self.path.read_bytes().splitlines(keepends=True) if line.strip()]
        return b"".join(lines[: events + 1])

    @precondition(lambda self: self.is_plain and not self.torn)
    @rule(data=st.data(), beyond=st.sampled_from([0, 1, 50]))
    def cut(self, data: st.DataObject, beyond: int) -> None:
        """At the end of a line or in it."""
        keep = data.draw(st.integers(0, len(self.events)))
        whole = self.path.read_bytes()
        length = min(len(self.first(keep)) + beyond, len(whole))
        if whole.startswith(self.first(keep)):
            os.truncate(self.path, length)
            if keep < len(self.events):
                self.events = self.events[:keep]
                self.torn = beyond > 0

    @precondition(lambda self: self.path.exists() and not archives(self.folder))
    @rule()
    def empty(self) -> None:
        empty(self.path)
        self.events, self.torn = [], False

    @precondition(lambda self: self.path.exists())
    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        """Other white space, as editors leave it; nothing is lost by that."""
        if not self.torn:
            content = self.path.read_bytes()
            change = data.draw(st.sampled_from([lambda c: c.rstrip(), lambda c: c + b"\n\r\n"]))
            in_place(self.path, change(content))

    @precondition(lambda self: self.path.exists() and not self.torn)
    @rule(data=st.data(), blank=st.sampled_from([b"\n", b" \r\n", b" " * 40 + b"\n"]))
    def put_a_blank_line(self, data: st.DataObject, blank: bytes) -> None:
        """After any line, those that compaction has kept among them."""
        lines = self.path.read_bytes().splitlines(keepends=True)
        if lines:
            lines.insert(data.draw(st.integers(1, len(lines))), blank)
            in_place(self.path, b"".join(lines))

    @precondition(lambda self: self.folder.exists())
    @rule(how=st.sampled_from(["file", "folder", "moved"]))
    def take_away(self, how: str) -> None:
        match how:
            case "file":
                self.path.unlink(missing_ok=True)
            case "folder":
                shutil.rmtree(self.folder)
            case "moved":
                self.folder.rename(self.base / f"away-{self.number}-{os.urandom(4).hex()}")
        self.events, self.torn = [], False

    @invariant()
    def nothing_else_is_logged(self) -> None:
        others = [text for text in self.reports.texts if GONE not in text]
        assert all("cut off" in text for text in others), others


def archives(folder: Path) -> list[Path]:
    return list((folder / "archive").glob("s.*.jsonl")) if folder.exists() else []


def number_of(event: Event) -> int:
    assert isinstance(event, Set)
    return int(msgspec.json.decode(bytes(event.state))["n"])


def view_of(recorder: Recorder) -> dict[str, int]:
    return {event.turn_id: number_of(event) for event in recorder.events if isinstance(event, Set)}


@sized(quick=15, storm=400)
def test_whatever_strangers_do_nothing_is_lost_in_silence(size: int) -> None:
    Strangers.TestCase.settings = settings(
        max_examples=size,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    Strangers.TestCase().runTest()


def test_the_store_says_so_and_goes_on(tmp_path: Path, reports: Reports, clock: Clock) -> None:
    """The same through the public store, its view and its session file."""
    folder = tmp_path / "s"
    with DefaultSessionStore(folder) as store:
        store.set_runtime_state("s", "native", "t1", {"v": 1})
        store.flush()
        shutil.copytree(folder, tmp_path / "copy")
        store.set_runtime_state("s", "native", "t2", {"v": 2})
        shutil.copy(tmp_path / "copy" / "s.jsonl", folder / "s.jsonl")
        assert store.set_runtime_state("s", "native", "t3", {"v": 3})
        assert store.get_runtime_state("s", "native") == {"t1": {"v": 1}, "t3": {"v": 3}}
        assert store.verify("s").ok
        (report,) = reports.losses
        assert "event 2" in report
        shutil.copy(tmp_path / "copy" / "s.jsonl", folder / "s.jsonl")
        clock.now += 1.0
        assert store.get_runtime_state("s", "native") == {"t1": {"v": 1}}
        assert len(reports.losses) == 2
    (folder / "s.jsonl").write_bytes(b"garbage\n")
    with DefaultSessionStore(folder) as store, pytest.raises(JournalError):
        store.set_runtime_state("s", "native", "t", {})
