"""One session's log file: what an append promises, and whose word it takes."""

import errno
import fcntl
import gc
import itertools
import json
import logging
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from journal.codec import control_line, digest_of
from journal.engines.files.directory import Directory
from journal.engines.files.log import FileLog, LogOptions
from journal.errors import (
    AppendError,
    DamagedError,
    LockTimeoutError,
    ReadError,
    StateValueError,
    StorageError,
    SyncError,
    UnsupportedFormatError,
    WrongSessionError,
)
from journal.events import GENESIS, Clear, Event, Handoff, Open, Sealed, Takeover, Unknown
from journal.group_commit import Request
from journal.room import Answer
from tests.support import (
    FailsAt,
    FaultyStorage,
    Recorder,
    fails,
    finish,
    forked,
    no_fault,
    open_log,
    segment_of,
    set_event,
    turns_in,
)


def test_events_are_numbered_chained_and_folded_in_order(tmp_path: Path) -> None:
    log, recorder = open_log(tmp_path)
    for turn in ("a", "b", "c"):
        log.append([set_event(turn)])
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert [line.get("seq") for line in lines] == [None, 1, 2, 3]
    assert [line["prev"] for line in lines[1:]] == [GENESIS, lines[1]["hash"], lines[2]["hash"]]
    assert recorder.turns == ["a", "b", "c"]


def test_reading_what_is_not_there_creates_nothing(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path / "missing", "unknown")
    assert not log.refresh()
    assert log.head is None
    assert not (tmp_path / "missing").exists()


def test_a_takeover_records_the_last_event_before_it(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), Handoff(source="native", target="plugin", reason="test")])
    log.append([Takeover(runtime_id="plugin", handoff_seq=2)])
    last = json.loads((tmp_path / "s.jsonl").read_text().splitlines()[-1])
    assert (last["handoff_seq"], last["seen_seq"]) == (2, 2)


def test_an_unknown_op_loads_and_later_appends_follow_it(tmp_path: Path) -> None:
    log, recorder = open_log(tmp_path)
    head = log.append([set_event("a")])
    covered = (
        f'{{"seq":2,"ts":"2030-01-01T00:00:00.000000Z","op":"rename","to":"b","writer":"x",'
        f'"prev":"{head.hash}"'
    )
    line = f'{covered},"hash":"{digest_of(covered.encode())}"}}\n'
    with (tmp_path / "s.jsonl").open("a") as file:
        file.write(line)
    assert log.append([set_event("c")]).seq == 3
    unknown = recorder.events[1]
    assert isinstance(unknown, Unknown)
    assert (unknown.op, unknown.line) == ("rename", line.rstrip().encode())


def test_equal_and_backward_times_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _ = open_log(tmp_path)
    for second in (500, 500, 100, 300):
        monkeypatch.setattr("journal.codec.time_ns", lambda now=second: now * 1_000_000_000)
        log.append([set_event(str(second))])
    assert turns_in(tmp_path) == ["500", "500", "100", "300"]


class TestRefusals:
    def test_a_newer_format_is_not_written_to(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event("a")])
        log.close()
        path = tmp_path / "s.jsonl"
        before = path.read_bytes().replace(b'"format":1', b'"format":2')
        path.write_bytes(before)
        newer, _ = open_log(tmp_path)
        with pytest.raises(UnsupportedFormatError, match="format 2"):
            newer.append([set_event("b")])
        assert path.read_bytes() == before

    def test_reading_a_newer_format_warns_of_it(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event("a")])
        path = tmp_path / "s.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        newer = lines[0].replace(b'"format":1', b'"format":2').partition(b',"hash"')[0]
        lines[0] = b'%b,"hash":"%b"}\n' % (newer, digest_of(newer).encode())
        path.write_bytes(b"".join(lines))
        reader, seen = open_log(tmp_path)
        with caplog.at_level(logging.WARNING):
            assert reader.refresh()
        assert "is of format 2" in caplog.text
        assert len(seen.events) == 1

    def test_a_log_of_another_session_is_not_taken_for_ours(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path, "theirs")
        log.append([set_event("a")])
        (tmp_path / "theirs.jsonl").rename(tmp_path / "ours.jsonl")
        ours, _ = open_log(tmp_path, "ours")
        with pytest.raises(WrongSessionError, match="'theirs'"):
            ours.refresh()
        with pytest.raises(WrongSessionError):
            ours.append([set_event("b")])

    def test_a_file_that_is_no_log_is_an_error_and_stays_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "s.jsonl"
        path.write_text("Dear diary,\nnothing happened.\n")
        log, _ = open_log(tmp_path)
        with pytest.raises(DamagedError, match="not a journal log"):
            log.refresh()
        with pytest.raises(DamagedError):
            log.append([set_event("a")])
        assert path.read_text() == "Dear diary,\nnothing happened.\n"

    @pytest.mark.parametrize("call", ["open", "read"])
    @pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
    def test_an_unreadable_log_is_an_error_never_an_empty_session(
        self, tmp_path: Path, call: str, number: int
    ) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event("a")])
        storage = FaultyStorage(fails(call, number, times=99))
        broken, _ = open_log(tmp_path, storage=storage)
        with pytest.raises(ReadError) as caught:
            broken.refresh()
        assert caught.value.errno == number
        assert str(tmp_path / "s.jsonl") in str(caught.value)

    def test_a_symbolic_link_is_followed_neither_for_reading_nor_for_writing(
        self, tmp_path: Path
    ) -> None:
        target = tmp_path / "precious"
        target.write_text("")
        (tmp_path / "s.jsonl").symlink_to(target)
        log, _ = open_log(tmp_path)
        with pytest.raises(ReadError, match="symbolic link"):
            log.refresh()
        with pytest.raises(AppendError, match="symbolic link"):
            log.append([set_event("a")])
        assert target.read_text() == ""

    def test_a_folder_in_the_place_of_the_log_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "s.jsonl").mkdir()
        log, _ = open_log(tmp_path)
        with pytest.raises(ReadError):
            log.refresh()
        with pytest.raises(AppendError):
            log.append([set_event("a")])

    def test_a_read_only_log_is_read_and_says_why_it_is_not_written(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event("a")])

        def read_only(name: str, args: tuple[object, ...]) -> None:
            if name == "open" and isinstance(args[1], int) and args[1] & os.O_RDWR:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        mounted, seen = open_log(tmp_path, storage=FaultyStorage(read_only))
        assert mounted.refresh()
        assert len(seen.events) == 1
        with pytest.raises(AppendError, match="Read-only file system"):
            mounted.append([set_event("b")])


class TestFailedWrites:
    def test_a_full_disk_raises_and_writing_goes_on_once_there_is_room(
        self, tmp_path: Path
    ) -> None:
        storage = FaultyStorage(no_fault)
        log, recorder = open_log(tmp_path, storage=storage)
        log.append([set_event("a")])
        storage.fault = fails("write", errno.ENOSPC)
        with pytest.raises(AppendError, match="Nothing was appended") as caught:
            log.append([set_event("lost")])
        assert caught.value.errno == errno.ENOSPC
        assert log.append([set_event("b")]).seq == 2
        assert recorder.turns == ["a", "b"]
        assert turns_in(tmp_path) == ["a", "b"]

    @pytest.mark.parametrize("room", [0, 1, 100])
    def test_a_short_write_is_cut_back_before_anything_else_is_written(
        self, tmp_path: Path, room: int
    ) -> None:
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage)
        log.append([set_event("a")])
        before = (tmp_path / "s.jsonl").read_bytes()

        def short(name: str, args: tuple[object, ...]) -> int | None:
            if name != "write":
                return None
            fd, data = args
            assert isinstance(fd, int)
            assert isinstance(data, bytes)
            return os.write(fd, data[:room])

        storage.fault = short
        with pytest.raises(AppendError, match=f"only {room} of"):
            log.append([set_event("lost")])
        assert (tmp_path / "s.jsonl").read_bytes() == before
        storage.fault = no_fault
        log.append([set_event("b")])
        assert turns_in(tmp_path) == ["a", "b"]

    def test_a_first_append_that_fails_leaves_no_log(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path, storage=FaultyStorage(fails("write", errno.ENOSPC)))
        with pytest.raises(AppendError):
            log.append([set_event("a")])
        assert list(tmp_path.iterdir()) == []

    def test_no_success_is_reported_on_a_descriptor_whose_sync_failed(
        self, tmp_path: Path
    ) -> None:
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        log.append([set_event("a")])
        calls: list[str] = []

        def fault(name: str, args: tuple[object, ...]) -> None:
            calls.append(name)
            if name == "sync" and calls.count("sync") == 1:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        storage.fault = fault
        with pytest.raises(SyncError, match="unknown"):
            log.append([set_event("b")])
        calls.clear()
        calls.append("sync")  # of the failed append: the next ones work
        assert log.append([set_event("c")]).seq == 3
        assert calls.index("close") < calls.index("open") < calls.index("sync", 1)
        assert turns_in(tmp_path) == ["a", "b", "c"]

    def test_all_threads_that_share_a_failed_sync_are_told(self, tmp_path: Path) -> None:
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        log.append([set_event("a")])
        entered, go = threading.Event(), threading.Event()

        def fault(name: str, args: tuple[object, ...]) -> None:
            if name == "sync":
                entered.set()
                assert go.wait(20)
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        storage.fault = fault
        outcomes: list[str] = []

        def append(turn: str) -> None:
            try:
                log.append([set_event(turn)])
                outcomes.append("ok")
            except SyncError:
                outcomes.append("unknown")

        threads = [threading.Thread(target=append, args=(str(i),)) for i in range(4)]
        threads[0].start()
        assert entered.wait(20)
        for thread in threads[1:]:
            thread.start()
        while len(log._group._queue) < 3:
            time.sleep(0.001)
        go.set()
        for thread in threads:
            thread.join()
        assert outcomes == ["unknown"] * 4


class TestDurability:
    def test_fsync_syncs_each_append_before_it_returns(self, tmp_path: Path) -> None:
        calls: list[str] = []
        storage = FaultyStorage(lambda name, args: calls.append(name))
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        log.append([set_event("a")])
        assert "sync_folder" in calls
        for _ in range(3):
            calls.clear()
            log.append([set_event("b")])
            assert calls.index("write") < calls.index("sync")

    def test_os_never_syncs_an_append(self, tmp_path: Path) -> None:
        calls: list[str] = []
        storage = FaultyStorage(lambda name, args: calls.append(name))
        log, _ = open_log(tmp_path, storage=storage, durability="os")
        log.append([set_event("a")])
        log.append([set_event("b")])
        assert "sync" not in calls
        log.flush()
        assert "sync" in calls

    def test_threads_share_syncs(self, tmp_path: Path) -> None:
        """While one sync is under way, seven threads line up; one more sync covers them."""
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        log.append([set_event("first")])
        entered, go = threading.Event(), threading.Event()
        syncs: list[str] = []

        def fault(name: str, args: tuple[object, ...]) -> None:
            if name == "sync":
                syncs.append(name)
                entered.set()
                assert go.wait(20)

        storage.fault = fault
        threads = [
            threading.Thread(target=log.append, args=([set_event(str(i))],)) for i in range(8)
        ]
        threads[0].start()
        assert entered.wait(20)
        for thread in threads[1:]:
            thread.start()
        while len(log._group._queue) < 7:
            time.sleep(0.001)
        go.set()
        for thread in threads:
            thread.join()
        assert len(syncs) == 2


class TestOtherProcesses:
    def test_a_log_replaced_behind_our_back_is_noticed_within_a_second(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log, recorder = open_log(tmp_path)
        log.append([set_event("old")])
        (tmp_path / "s.jsonl").unlink()
        other, _ = open_log(tmp_path)
        other.append([set_event("new")])
        later = time.monotonic() + 1.0
        monkeypatch.setattr("journal.engines.files.reader.monotonic", lambda: later)
        log.refresh()
        assert recorder.turns == ["new"]
        log.append([set_event("next")])
        assert turns_in(tmp_path) == ["new", "next"]

    def test_a_log_cut_behind_our_back_is_read_again(self, tmp_path: Path) -> None:
        log, recorder = open_log(tmp_path)
        log.append([set_event("a")])
        keep = (tmp_path / "s.jsonl").stat().st_size
        log.append([set_event("b")])
        os.truncate(tmp_path / "s.jsonl", keep)
        log.refresh()
        assert recorder.turns == ["a"]
        assert log.append([set_event("c")]).seq == 2

    def test_lines_seen_of_a_batch_that_was_cut_back_are_forgotten(self, tmp_path: Path) -> None:
        """A reader folds a line; the writer's batch fails; another line of the same size."""
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        reader, _ = open_log(tmp_path)
        end = (tmp_path / "s.jsonl").stat().st_size
        writer.append([set_event("x")])
        reader.refresh()
        os.truncate(tmp_path / "s.jsonl", end)
        another, _ = open_log(tmp_path)
        another.append([set_event("y")])
        reader.append([set_event("z")])
        assert turns_in(tmp_path) == ["a", "y", "z"]
        fresh, _ = open_log(tmp_path)
        fresh.refresh()
        assert segment_of(fresh).scanner.damage == []

    def test_what_it_has_waited_for_its_turn_among_threads_counts(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path, durability="fsync", lock_timeout=60.0)
        log.append([set_event("a")])
        with (tmp_path / "s.jsonl").open("rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            with pytest.raises(LockTimeoutError):
                log._append_for_group(lambda: [Request([set_event("b")])], monotonic() - 60.0)
        assert turns_in(tmp_path) == ["a"]

    def test_a_writer_waits_for_the_lock_and_gives_up_with_a_clear_error(
        self, tmp_path: Path
    ) -> None:
        holder, _ = open_log(tmp_path)
        holder.append([set_event("a")])
        file = holder.file
        assert file is not None
        file.lock(1)
        waiting, _ = open_log(tmp_path, lock_timeout=0.05)
        with pytest.raises(LockTimeoutError, match=r"s\.jsonl"):
            waiting.append([set_event("b")])
        reader, seen = open_log(tmp_path)
        assert reader.refresh()
        assert len(seen.events) == 1
        file.unlock()
        waiting.append([set_event("b")])
        assert turns_in(tmp_path) == ["a", "b"]

    def test_the_lock_of_a_killed_process_is_free(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event("a")])
        holder = forked(_HOLD_LOCK, str(tmp_path / "s.jsonl"))
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
        assert log.append([set_event("b")]).seq == 2

    def test_a_forked_child_writes_on_its_own_and_leaves_the_parents_lock(
        self, tmp_path: Path
    ) -> None:
        (output,) = finish([forked(_FORK_IN_USE, str(tmp_path))])
        assert output.split() == ["ok"]
        found = turns_in(tmp_path)
        assert sorted(found) == sorted(["before"] + [f"{w}{i}" for w in "pc" for i in range(200)])

    def test_an_interrupt_in_mid_call_leaves_log_and_view_in_step(self, tmp_path: Path) -> None:
        class Interrupted(KeyboardInterrupt):
            pass

        def fault(name: str, args: tuple[object, ...]) -> None:
            if name in calls:
                calls.remove(name)
                raise Interrupted

        calls: set[str] = set()
        storage = FaultyStorage(fault)
        log, recorder = open_log(tmp_path, storage=storage, durability="fsync")
        log.append([set_event("0")])
        for name in ("lock", "read", "find", "write", "unlock", "sync"):
            calls.add(name)
            assert log.file is not None
            with pytest.raises(Interrupted):
                log.append([set_event(name)])
            assert calls == set(), f"{name} was never called"
            log.append([set_event(f"after {name}")])
            log.refresh()
            seen = recorder.turns
            assert seen == turns_in(tmp_path)


_HOLD_LOCK = """
import fcntl, sys, time
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(60)
"""

_FORK_IN_USE = """
import os, sys, threading
from pathlib import Path
from tests.support import open_log, set_event
log, _ = open_log(Path(sys.argv[1]), durability="fsync")
log.append([set_event("before")])
stop = threading.Event()
busy = threading.Thread(target=lambda: [log.refresh() for _ in iter(stop.is_set, True)])
busy.start()
child = os.fork()
who = "c" if child == 0 else "p"
for i in range(200):
    log.append([set_event(f"{who}{i}")])
if child == 0:
    os._exit(0)
stop.set()
busy.join()
_, status = os.waitpid(child, 0)
print("ok" if status == 0 else status)
"""


def test_a_header_that_lies_about_kept_events_is_noticed(tmp_path: Path) -> None:
    header = Open(
        format=1,
        session_id="s",
        log_id="0123456789abcdef",
        base_seq=0,
        base_hash=GENESIS,
        kept=2,
        kept_digest=digest_of(b""),
        archive=None,
        ts="",
        writer="",
    )
    (tmp_path / "s.jsonl").write_bytes(control_line(header))
    log, _ = open_log(tmp_path)
    log.append([set_event("a")])
    fresh, _ = open_log(tmp_path)
    fresh.refresh()
    assert [damage.kind for damage in segment_of(fresh).scanner.damage] == ["kept"]


def test_clear_without_runtime_is_written_without_the_key(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([Clear(), Clear(runtime_id="native")])
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert "runtime_id" not in lines[1]
    assert lines[2]["runtime_id"] == "native"


def sealed(path: Path, reason: str) -> None:
    """Seal a log as a compaction or a deletion does that dies right then."""
    seal = Sealed(reason=reason, last_seq=1, last_hash="0" * 32, ts="", writer="")
    with path.open("ab") as file:
        file.write(control_line(seal))


def counting(calls: list[str]) -> Callable[[str, tuple[Any, ...]], None]:
    """A fault that lets everything work and notes the calls."""
    return lambda name, args: calls.append(name)


def at(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Set the clock of everything that looks how long ago something was."""
    monkeypatch.setattr("journal.engines.files.reader.monotonic", lambda: seconds)


def test_logs_are_durable_unless_told_otherwise_and_wait_half_a_minute() -> None:
    options = LogOptions()
    assert (options.durability, options.lock_timeout, options.writer) == ("fsync", 30.0, None)


def test_the_header_of_a_new_log_and_its_events_name_who_wrote_them(tmp_path: Path) -> None:
    named, _ = open_log(tmp_path, "named", writer="me")
    named.append([set_event("a")])
    unnamed, _ = open_log(tmp_path, "unnamed")
    unnamed.append([set_event("a")])
    us = f"{os.uname().nodename}:{os.getpid()}"
    for session, writer in (("named", "me"), ("unnamed", us)):
        text = (tmp_path / f"{session}.jsonl").read_text()
        header, event = (json.loads(line) for line in text.splitlines())
        assert (header["writer"], event["writer"]) == (writer, writer)
        assert header.pop("ts")[:2] == "20"
        assert len(bytes.fromhex(header.pop("log_id"))) == 8
        assert header.pop("hash")
        assert header == {
            "op": "open",
            "format": 1,
            "session_id": session,
            "base_seq": 0,
            "base_hash": GENESIS,
            "kept": 0,
            "kept_digest": digest_of(b""),
            "archive": None,
            "writer": writer,
        }


def test_flushing_what_was_never_opened_or_begun_does_nothing(tmp_path: Path) -> None:
    calls: list[str] = []
    log, _ = open_log(tmp_path, storage=FaultyStorage(counting(calls)))
    log.flush()
    assert not (tmp_path / "s.jsonl").exists()
    (tmp_path / "s.jsonl").write_bytes(b"")
    log.flush()
    assert not log.refresh()
    log.flush()
    assert "sync" not in calls


def test_flushing_a_log_that_was_closed_meanwhile_syncs_it(tmp_path: Path) -> None:
    calls: list[str] = []
    log, _ = open_log(tmp_path, storage=FaultyStorage(counting(calls)))
    log.append([set_event("a")])
    log.close()
    assert "sync" not in calls
    log.flush()
    assert calls.count("sync") == 1


def test_a_log_whose_first_event_cannot_be_made_leaves_no_file(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    with pytest.raises(TypeError):
        log.append([Clear(runtime_id=5)])  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_closing_a_log_closes_its_file_and_reading_opens_it_again(
    tmp_path: Path, durability: str
) -> None:
    calls: list[str] = []
    storage = FaultyStorage(counting(calls))
    log, recorder = open_log(tmp_path, storage=storage, durability=durability)
    log.append([set_event("a")])
    file = log.file
    assert file is not None
    calls.clear()
    log.close()
    assert (calls.count("close"), calls.count("sync")) == (1, 0), "nobody waits for a sync"
    assert not file.is_open
    log.close()
    assert calls.count("close") == 1
    assert log.refresh()
    assert recorder.turns == ["a"]


def test_events_that_cannot_be_made_leave_a_log_as_it_was(tmp_path: Path) -> None:
    log, recorder = open_log(tmp_path)
    log.append([set_event("a")])
    before = (tmp_path / "s.jsonl").read_bytes()

    def make() -> list[Event]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        log.append(make)
    assert (tmp_path / "s.jsonl").read_bytes() == before
    other, _ = open_log(tmp_path, lock_timeout=0.0)
    assert other.append([set_event("b")]).seq == 2, "it is not locked any more"
    log.refresh()
    assert recorder.turns == ["a", "b"]


def test_where_the_lock_is_free_nobody_gets_ready_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which would make each append slower by a tenth."""
    log, _ = open_log(tmp_path)
    monkeypatch.setattr(
        "journal.engines.files.log.attempts", lambda *args: pytest.fail("it got ready")
    )
    assert [log.append([set_event(turn)]).seq for turn in "ab"] == [1, 2]


def test_a_batch_is_one_write_and_its_events_have_one_time(tmp_path: Path) -> None:
    calls: list[str] = []
    log, _ = open_log(tmp_path, storage=FaultyStorage(counting(calls)))
    head = log.append([set_event("a"), set_event("b"), set_event("c")])
    assert calls.count("write") == 1
    assert head == log.head
    assert log.size == (tmp_path / "s.jsonl").stat().st_size
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert len({line["ts"] for line in lines[1:]}) == 1


def test_a_log_is_begun_with_the_events_of_an_older_session_also_after_a_wait(
    tmp_path: Path,
) -> None:
    """Somebody holds the lock of the empty file at first, then lets it go, unused."""
    (tmp_path / "s.jsonl").write_bytes(b"")
    holder = os.open(tmp_path / "s.jsonl", os.O_RDWR)
    assert FaultyStorage.lock(holder)
    tries: list[str] = []

    def let_go(name: str, args: tuple[Any, ...]) -> None:
        if name == "lock":
            tries.append(name)
            if len(tries) == 3:
                os.close(holder)

    log, recorder = open_log(tmp_path, storage=FaultyStorage(let_go))
    log.append([set_event("new")], import_events=lambda: [set_event("old")])
    assert recorder.turns == ["old", "new"] == turns_in(tmp_path)


class TestAfterAFork:
    def test_a_log_starts_afresh_whatever_it_was_in_the_middle_of(self, tmp_path: Path) -> None:
        """The thread that held the lock, or was appending, does not exist in the child."""
        log, recorder = open_log(tmp_path)
        log.append([set_event("a")])
        held, end = threading.Event(), threading.Event()

        def hold() -> None:
            with log.lock:
                held.set()
                end.wait(20)

        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(20)
        old_lock, file = log.lock, log.file
        assert file is not None
        try:
            log.busy = True
            file.after_fork()
            log.after_fork()
            assert log.lock is not old_lock
            assert recorder.turns == []
            assert log.head is None
            assert log.refresh()
            assert recorder.turns == ["a"]
            assert log.append([set_event("b")]).seq == 2
        finally:
            end.set()
            thread.join()

    def test_a_child_writes_under_its_own_name_and_parent_and_child_take_turns(
        self, tmp_path: Path
    ) -> None:
        log, recorder = open_log(tmp_path, durability="fsync")
        log.append([set_event("before")])
        child = os.fork()
        if child == 0:
            code = 1
            try:
                log.append([set_event("child")])
                code = 0 if recorder.turns == ["before", "child"] else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        log.append([set_event("parent")])
        assert recorder.turns == ["before", "child", "parent"] == turns_in(tmp_path)
        lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
        assert [int(line["writer"].rpartition(":")[2]) for line in lines[2:]] == [
            child,
            os.getpid(),
        ]


class TestTheFileAtThePath:
    def test_a_torn_file_that_is_the_log_no_more_is_left_alone(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event("a")])
        path = tmp_path / "s.jsonl"
        path.rename(tmp_path / "away")
        with (tmp_path / "away").open("ab") as file:
            file.write(b"half a li")
        other, _ = open_log(tmp_path)
        other.append([set_event("new")])
        log.append([set_event("b")])
        assert turns_in(tmp_path) == ["new", "b"]
        assert (tmp_path / "away").read_bytes().endswith(b"half a li")
        assert not (tmp_path / "archive").exists()

    def test_reading_looks_for_it_once_a_second_and_appending_every_time(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[str] = []
        at(monkeypatch, 100.0)
        log, _ = open_log(tmp_path, storage=FaultyStorage(counting(calls)))
        log.append([set_event("a")])
        log.append([set_event("b")])
        log.refresh()
        for later, looks in ((100.9, 0), (101.0, 1), (101.9, 0), (102.0, 1)):
            at(monkeypatch, later)
            calls.clear()
            log.refresh()
            assert (calls.count("find"), calls.count("read")) == (looks, looks), later
        calls.clear()
        log.append([set_event("c")])
        assert sorted(calls) == ["find", "lock", "read", "unlock", "write"]

    def test_what_was_read_without_the_lock_is_looked_at_again_once_a_second(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        calls: list[str] = []
        at(monkeypatch, 100.0)
        reader, _ = open_log(tmp_path, storage=FaultyStorage(counting(calls)))
        reader.refresh()
        for later, reads in ((100.0, 0), (100.9, 0), (101.0, 1), (101.9, 0), (102.0, 1)):
            at(monkeypatch, later)
            calls.clear()
            reader.refresh()
            assert calls.count("read") == reads, later

    def test_an_append_after_a_read_reads_and_folds_only_what_is_new(self, tmp_path: Path) -> None:
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a", {"x": "y" * 1000})])
        read: list[int] = []

        def note(name: str, args: tuple[Any, ...]) -> None:
            if name == "read":
                read.append(args[2])

        log, recorder = open_log(tmp_path, storage=FaultyStorage(note))
        log.refresh()
        recorder.events.clear()
        end = log.size
        read.clear()
        writer.append([set_event("b")])
        log.append([set_event("c")])
        assert recorder.turns == ["b", "c"]
        assert min(read) == end - 64, "enough to see that it is the same line still"

    @pytest.mark.parametrize("length", [1 << 20, (1 << 20) + 1], ids=["short", "long"])
    def test_a_long_torn_tail_is_read_once_and_again_when_it_grows(
        self, tmp_path: Path, length: int
    ) -> None:
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        path = tmp_path / "s.jsonl"
        end = path.stat().st_size
        with path.open("ab") as file:
            file.write(b"x" * length)
        read: list[int] = []
        storage = FaultyStorage(
            lambda name, args: read.append(args[2]) if name == "read" else None
        )
        log, recorder = open_log(tmp_path, storage=storage)
        for look in range(3):
            read.clear()
            assert log.refresh()
            tail = [place for place in read if place >= end]
            assert bool(tail) == (look == 0 or length == 1 << 20), look
        with path.open("ab") as file:
            file.write(b"\n" + path.read_bytes()[:end].splitlines(keepends=True)[1])
        read.clear()
        assert log.refresh()
        assert any(place >= end for place in read)
        assert recorder.turns == ["a"]

    def test_a_tail_that_was_too_long_to_read_again_is_read_when_the_file_is_another(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of the same size as the one before, which had a long torn tail."""
        path = tmp_path / "s.jsonl"
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        end = path.stat().st_size
        writer.append([set_event("b", {"x": "y" * (2 << 20)})])
        whole = path.read_bytes()
        path.write_bytes(whole[:end] + b"x" * (len(whole) - end))
        log, recorder = open_log(tmp_path)
        at(monkeypatch, 100.0)
        assert log.refresh()
        assert recorder.turns == ["a"]
        path.unlink()
        path.write_bytes(whole)
        at(monkeypatch, 101.0)
        assert log.refresh()
        assert recorder.turns == ["a", "b"]

    def test_a_log_that_is_deleted_or_comes_back_is_told_from_one_that_is_not(
        self, tmp_path: Path
    ) -> None:
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        log, recorder = open_log(tmp_path)
        assert (log.refresh(), log.is_deleted) == (True, False)
        sealed(tmp_path / "s.jsonl", "deleted")
        for _ in range(2):
            assert (log.refresh(), log.is_deleted, log.head) == (False, True, None)
            assert recorder.events == []
        log.append([set_event("new")])
        assert (log.refresh(), log.is_deleted) == (True, False)
        assert recorder.turns == ["new"] == turns_in(tmp_path)

    def test_the_seal_of_a_compaction_that_died_stops_no_reader_and_no_writer(
        self, tmp_path: Path
    ) -> None:
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        sealed(tmp_path / "s.jsonl", "compacted")
        log, recorder = open_log(tmp_path)
        assert (log.refresh(), log.is_deleted) == (True, False)
        assert log.append([set_event("b")]).seq == 2
        assert recorder.turns == ["a", "b"] == turns_in(tmp_path)
        assert b"sealed" not in (tmp_path / "s.jsonl").read_bytes()
        assert writer.append([set_event("c")]).seq == 3

    def test_where_there_is_no_torn_tail_none_is_reported(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        sealed(tmp_path / "s.jsonl", "compacted")
        log, _ = open_log(tmp_path)
        assert log.append([set_event("b")]).seq == 2
        assert writer.append([set_event("c")]).seq == 3
        assert caplog.text == ""

    @pytest.mark.parametrize("before", [b"", b"garbage\n"], ids=["the seal", "no event"])
    def test_a_log_of_which_no_event_is_left_is_not_begun_anew(
        self, tmp_path: Path, before: bytes
    ) -> None:
        """A compaction had sealed it, so there were some: this is a loss, not a start."""
        path = tmp_path / "s.jsonl"
        path.write_bytes(before)
        sealed(path, "compacted")
        (tmp_path / "archive").mkdir()
        (tmp_path / "archive" / "s.1.jsonl").write_bytes(b"")
        log, recorder = open_log(tmp_path)
        for _ in range(2):
            with pytest.raises(DamagedError):
                log.append([set_event("b")])
        assert path.read_bytes() == before
        assert recorder.events == []

    def test_an_empty_file_that_a_reader_opened_is_not_begun_over_a_history(
        self, tmp_path: Path
    ) -> None:
        """It was there before us, so it is what is left of the log of these archives."""
        (tmp_path / "s.jsonl").write_bytes(b"")
        log, _ = open_log(tmp_path)
        assert not log.refresh()
        (tmp_path / "archive").mkdir()
        (tmp_path / "archive" / "s.1.jsonl").write_bytes(b"")  # restored from a backup
        with pytest.raises(DamagedError, match="archive"):
            log.append([set_event("b")])
        assert (tmp_path / "s.jsonl").read_bytes() == b""

    def test_a_log_that_was_compacted_under_a_reader_is_opened_again_at_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not only when it is time to look where the path leads."""
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        looks: list[str] = []

        def note(name: str, args: tuple[Any, ...]) -> None:
            if name == "size":
                looks.append(name)
                assert len(looks) < 10, "it looks at the same file again and again"

        at(monkeypatch, 100.0)
        log, recorder = open_log(tmp_path, storage=FaultyStorage(note))
        log.refresh()
        path = tmp_path / "s.jsonl"
        whole = path.read_bytes()
        sealed(path, "compacted")
        path.rename(tmp_path / "archived")
        path.write_bytes(whole)
        open_log(tmp_path)[0].append([set_event("b")])
        assert log.refresh()
        assert recorder.turns == ["a", "b"]

    @pytest.mark.parametrize("reason", ["deleted", "compacted", "torn"])
    def test_nothing_is_mended_in_a_log_that_may_not_be_written(
        self, tmp_path: Path, reason: str
    ) -> None:
        writer, _ = open_log(tmp_path)
        writer.append([set_event("a")])
        path = tmp_path / "s.jsonl"
        if reason == "torn":
            with path.open("ab") as file:
                file.write(b"half a li")
        else:
            sealed(path, reason)
        before = path.read_bytes()

        def read_only(name: str, args: tuple[Any, ...]) -> None:
            if name == "open" and args[1] & os.O_RDWR:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        log, _ = open_log(tmp_path, storage=FaultyStorage(read_only))
        with pytest.raises(AppendError, match=r"s\.jsonl: cannot be written: Read-only") as caught:
            log.append([set_event("b")])
        assert caught.value.errno == errno.EROFS
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]


def test_whatever_call_of_an_append_fails_the_next_one_succeeds(tmp_path: Path) -> None:
    """Each call of a first and of a second append, and what the error says of it."""
    kinds: set[str] = set()
    for number in itertools.count():
        folder = tmp_path / str(number)
        fault = FailsAt(number, errno.EIO)
        log, recorder = open_log(folder, storage=FaultyStorage(fault), durability="fsync")
        acknowledged: list[str] = []
        for turn in ("a", "b"):
            try:
                log.append([set_event(turn)])
                acknowledged.append(turn)
            except StorageError as error:
                kinds.add(f"{type(error).__name__} {error.errno}")
        if fault.failed is None:
            break
        log.append([set_event("c")])
        found = turns_in(folder)
        assert [turn for turn in found if turn in acknowledged] == acknowledged
        assert found == recorder.turns
        assert found[-1] == "c"
    assert kinds == {"AppendError 5", "SyncError 5"}
    assert number >= 8


@pytest.mark.parametrize("call", ["size", "find", "lock", "unlock", "read"])
def test_an_append_that_the_system_interrupts_says_that_it_is_unknown_what_came_of_it(
    tmp_path: Path, call: str
) -> None:
    open_log(tmp_path)[0].append([set_event("a")])
    storage = FaultyStorage(fails(call, errno.EIO))
    log, _ = open_log(tmp_path, storage=storage)
    with pytest.raises(StorageError) as caught:
        log.append([set_event("b")])
    assert caught.value.errno == errno.EIO
    assert str(tmp_path / "s.jsonl") in str(caught.value)
    assert "Input/output error" in str(caught.value)
    assert log.append([set_event("c")]).seq == (3 if call == "unlock" else 2)


# At once


def test_at_once_appends_only_to_an_open_log_that_nobody_has_locked(tmp_path: Path) -> None:
    """For event loops: it never waits, and says so."""
    log, recorder = open_log(tmp_path)
    assert not log.append_at_once([set_event("turn-0")]), "there is no log yet"
    assert not list(tmp_path.iterdir())
    (tmp_path / "s.jsonl").touch()
    assert not log.refresh()
    assert not log.append_at_once([set_event("turn-0")]), "nor now"
    log.append([set_event("turn-1")])
    assert log.append_at_once([set_event("turn-2")])
    with (tmp_path / "s.jsonl").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert not log.append_at_once([set_event("turn-3")])
    with log.lock, ThreadPoolExecutor(1) as thread:
        assert not thread.submit(log.append_at_once, [set_event("turn-4")]).result()
    assert log.append_at_once([set_event("turn-5")])
    log.close()
    assert turns_in(tmp_path) == recorder.turns == ["turn-1", "turn-2", "turn-5"]


def _others_append(log: FileLog, folder: Path) -> None:
    other, _ = open_log(folder)
    other.append([set_event("turn-2")])
    other.close()


def _a_sync_fails(log: FileLog, folder: Path) -> None:
    assert isinstance(log.storage, FaultyStorage)
    before, log.storage.fault = log.storage.fault, fails("sync", errno.EIO)
    with pytest.raises(SyncError):
        log.flush()
    log.storage.fault = before


def _a_writer_dies(log: FileLog, folder: Path) -> None:
    with (folder / "s.jsonl").open("ab") as file:
        file.write(b'{"seq":2,')


def _another_log_is_there(log: FileLog, folder: Path) -> None:
    _others_append(log, folder)
    assert Directory(str(folder), LogOptions()).compact("s", "archive") is not None


def _it_is_gone(log: FileLog, folder: Path) -> None:
    (folder / "s.jsonl").unlink()


@pytest.mark.parametrize(
    "happens",
    [
        _others_append,
        _a_sync_fails,
        _a_writer_dies,
        _another_log_is_there,
        _it_is_gone,
    ],
)
def test_at_once_does_not_read_on_or_mend(
    happens: Callable[[FileLog, Path], None], tmp_path: Path
) -> None:
    """That may be any amount of work, for an event loop that would wait."""
    calls: list[str] = []
    storage = FaultyStorage(lambda name, args: calls.append(name))
    log, recorder = open_log(tmp_path, storage=storage)
    log.append([set_event("turn-1")])
    happens(log, tmp_path)
    calls.clear()
    assert not log.append_at_once([set_event("turn-3")])
    assert set(calls) <= {"size", "find", "lock", "unlock", "read"}
    assert calls.count("read") <= 1, "more than a look at the last line"
    log.append([set_event("turn-4")])
    assert recorder.turns[-1] == "turn-4"
    assert log.append_at_once([set_event("turn-5")])
    log.close()


@pytest.mark.parametrize("call", ["find", "lock", "read"])
def test_at_once_leaves_it_to_an_append_to_say_what_is_wrong(call: str, tmp_path: Path) -> None:
    storage = FaultyStorage(no_fault)
    log, _ = open_log(tmp_path, storage=storage)
    log.append([set_event("turn-1")])
    storage.fault = fails(call, errno.EIO)
    assert not log.append_at_once([set_event("turn-2")])
    assert log.append_at_once([set_event("turn-3")])
    log.close()


def test_at_once_never_syncs(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path, durability="fsync")
    log.append([set_event("turn-1")])
    assert not log.append_at_once([set_event("turn-2")])
    log.close()
    assert turns_in(tmp_path) == ["turn-1"]


def test_at_once_refuses_what_cannot_be_written_and_goes_on(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("turn-1")])
    with pytest.raises(StateValueError):
        log.append_at_once([Clear(runtime_id="lone \ud800")])
    assert log.append_at_once([set_event("turn-2")])
    log.close()
    assert turns_in(tmp_path) == ["turn-1", "turn-2"]


# Making room for other files


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
    log.close()
    assert recorder.turns == turns_in(tmp_path) == ["a", "b"]


# The end of the program


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on it looks as if the interpreter had stopped all other threads."""
    monkeypatch.setattr("journal.forking.stopped_at", None)
    monkeypatch.setattr("journal.forking._stoppables", weakref.WeakValueDictionary())

    def stop() -> None:
        monkeypatch.setattr("journal.exiting.begun", True)
        monkeypatch.setattr(sys, "is_finalizing", lambda: True)

    return stop


@pytest.mark.parametrize("use", ["append", "refresh"])
def test_a_lock_that_a_stopped_thread_has_is_not_waited_for(
    tmp_path: Path, stopped: Callable[[], None], use: str
) -> None:
    log, recorder = open_log(tmp_path)
    log.append([set_event("a")])
    holder = threading.Thread(target=log.lock.acquire)
    holder.start()
    holder.join()  # it has gone, and will never give back the lock
    stopped()
    if use == "append":
        log.append([set_event("b")])
    assert log.refresh()
    assert recorder.turns == (["a", "b"] if use == "append" else ["a"])
    log.close()


def test_a_log_that_a_stopped_thread_was_writing_is_not_written_to(
    tmp_path: Path, stopped: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both could append an event of the same number. It is told at once, not after 30 s."""
    monkeypatch.setattr("journal.waiting.LAST_PATIENCE", 0.05)
    now, naps = [1000.0], [0.0]

    def nap(seconds: float) -> None:
        now[0] += seconds
        naps[0] += seconds

    for module in ("waiting", "forking"):
        monkeypatch.setattr(f"journal.{module}.monotonic", lambda: now[0])
    monkeypatch.setattr("journal.waiting.sleep", nap)
    log, _ = open_log(tmp_path, lock_timeout=30.0)
    log.append([set_event("a")])
    file = log.file
    assert file is not None
    assert file.try_lock()
    stopped()
    for turn in "bcdef":  # all of them together, not each, wait for so long
        with pytest.raises(LockTimeoutError, match="Nothing was written"):
            log.append([set_event(turn)])
    assert naps == [pytest.approx(0.05)]
    assert file.is_open, "its number is not free for others"
    file.unlock()
    log.close()
    assert turns_in(tmp_path) == ["a"]


def test_a_finalizer_that_is_garbage_together_with_the_log_appends(tmp_path: Path) -> None:
    """Python clears weak references to such a log before it calls the finalizer."""

    class Last:
        def __init__(self) -> None:
            self.log, _ = open_log(tmp_path, durability="fsync")
            self.itself = self

        def __del__(self) -> None:
            self.log.append([set_event("t")])

    Last()
    gc.collect()
    assert turns_in(tmp_path) == ["t"]
