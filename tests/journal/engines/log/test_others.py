"""Locks of other processes, and forks."""

import fcntl
import json
import os
import signal
import threading
import time
from pathlib import Path
from time import monotonic

import pytest

from journal.errors import (
    LockTimeoutError,
)
from journal.group_commit import Request
from tests.support import (
    FaultyStorage,
    finish,
    forked,
    open_log,
    segment_of,
    set_event,
    turns_in,
)


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
                log.refresh()
                code = 0 if recorder.turns == ["before", "child"] else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        log.append([set_event("parent")])
        log.refresh()
        assert recorder.turns == ["before", "child", "parent"] == turns_in(tmp_path)
        lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
        assert [int(line["writer"].rpartition(":")[2]) for line in lines[2:]] == [
            child,
            os.getpid(),
        ]
