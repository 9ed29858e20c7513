"""Other hands in the middle of things: deep stacks, signals, packers, restored copies.

Each of these once lost something that had been acknowledged, or hung.
"""

import contextlib
import json
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import FIRST, DiskStorage
from journal.errors import DamagedError, JournalError, ReentryError, StorageError, SyncError
from projections import DefaultSessionStore
from projections.store.background import Maintenance
from tests.support import (
    BOTH,
    TURN_1,
    DiesAt,
    FaultyStorage,
    Killed,
    files_in,
    finish,
    forked,
    no_fault,
    open_log,
    segment_of,
    set_event,
    turns_in,
)


def engine(folder: Path, storage: DiskStorage | None = None) -> Directory:
    return Directory(str(folder), LogOptions("os", 5.0, None, storage or DiskStorage()))


def test_nested_states_are_no_damage_for_a_writer_deep_in_calls(tmp_path: Path) -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"a": deep}
    mine = DefaultSessionStore(tmp_path, durability="os")
    with DefaultSessionStore(tmp_path, durability="os") as other:
        other.set_runtime_state("s", "r", "shallow", {})
        assert mine.get_runtime_state("s", "r") == {"shallow": {}}
        other.set_runtime_state("s", "r", "deep", deep)

    def call(depth: int) -> None:
        if depth:
            call(depth - 1)
        else:
            mine.set_runtime_state("s", "r", "mine", {})

    for depth in range(sys.getrecursionlimit() - 20, 300, -1):
        try:
            call(depth)
            break
        except RecursionError:
            continue
    mine.close()
    found = turns_in(tmp_path)
    assert found[:2] == ["shallow", "deep"]
    assert set(found[2:]) == {"mine"}, "a RecursionError after the write may have it twice"


def test_a_view_does_not_go_on_with_a_restored_older_copy(tmp_path: Path) -> None:
    log, recorder = open_log(tmp_path)
    log.append([set_event(str(number)) for number in range(3)])
    shutil.copy(tmp_path / "s.jsonl", tmp_path / "copy")
    log.append([set_event("forgotten"), set_event("too")])
    (tmp_path / "copy").rename(tmp_path / "s.jsonl")
    other, _ = open_log(tmp_path)
    other.append([set_event("instead"), set_event("and"), set_event("more")])
    log.close()
    log.refresh()
    assert recorder.turns == ["0", "1", "2", "instead", "and", "more"]


@pytest.mark.parametrize("size", ["same", "longer"])
def test_a_reader_lets_go_of_what_was_cut_back(
    tmp_path: Path, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, _ = open_log(tmp_path)
    writer.append([set_event("a")])
    end = (tmp_path / "s.jsonl").stat().st_size
    reader, seen = open_log(tmp_path)
    writer.append([set_event("x")])
    reader.refresh()
    os.truncate(tmp_path / "s.jsonl", end)
    another, _ = open_log(tmp_path)
    another.append([set_event("y" if size == "same" else "longer than x")])
    if size == "same":  # noticed within a second, as a log replaced behind our back is
        import time

        later = time.monotonic() + 1.0
        monkeypatch.setattr("journal.engines.files.reader.monotonic", lambda: later)
    reader.refresh()
    assert seen.turns == ["a", "y" if size == "same" else "longer than x"]


def test_a_file_that_became_shorter_is_synced_again(tmp_path: Path) -> None:
    calls: list[str] = []
    storage = FaultyStorage(lambda name, args: calls.append(name))
    log, _ = open_log(tmp_path, storage=storage, durability="fsync")
    log.append([set_event("a")])
    keep = (tmp_path / "s.jsonl").stat().st_size
    log.append([set_event("b" * 500)])
    os.truncate(tmp_path / "s.jsonl", keep)
    log.refresh()
    calls.clear()
    log.append([set_event("c")])
    assert "sync" in calls


def test_an_append_never_goes_into_a_file_that_a_failed_beginner_removed(tmp_path: Path) -> None:
    """Another store has the empty file open when its maker fails and removes it."""
    other, _ = open_log(tmp_path)
    storage = FaultyStorage(no_fault)

    def look(name: str, args: tuple[object, ...]) -> None:
        if name == "write":
            storage.fault = no_fault
            other.refresh()
            other.refresh()
            raise OSError(28, "No space left on device")

    storage.fault = look
    log, _ = open_log(tmp_path, storage=storage)
    with pytest.raises(JournalError):
        log.append([set_event("lost")])
    other.append([set_event("kept")])
    assert turns_in(tmp_path) == ["kept"]


def test_reading_goes_on_while_a_writer_waits_for_another_process(tmp_path: Path) -> None:
    holder, _ = open_log(tmp_path)
    holder.append([set_event("a")])
    assert holder.file is not None
    assert holder.file.try_lock()
    log, recorder = open_log(tmp_path)
    log.refresh()
    writer = threading.Thread(target=log.append, args=([set_event("b")],))
    writer.start()
    done = threading.Event()

    def read() -> None:
        log.refresh()
        done.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert done.wait(10), "a reader waits for another process's lock"
    holder.file.unlock()
    writer.join(10)
    assert recorder.turns == ["a", "b"]


class TestReentry:
    def test_an_append_inside_an_append_is_refused_and_loses_nothing(self, tmp_path: Path) -> None:
        refused: list[str] = []
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage)
        log.append([set_event("a")])

        def handler(name: str, args: tuple[object, ...]) -> None:
            if name == "write":
                storage.fault = no_fault
                for number in (1, 2):  # a batch goes another way
                    with pytest.raises(ReentryError, match="signal handler"):
                        log.append([set_event("handler")] * number)
                assert log.refresh()
                refused.append(name)

        storage.fault = handler
        log.append([set_event("b")])
        assert refused == ["write"]
        assert turns_in(tmp_path) == ["a", "b"]

    def test_a_close_inside_an_append_leaves_its_file_open(self, tmp_path: Path) -> None:
        """Else the line would go into whatever is opened next under the same number."""
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage)
        log.append([set_event("a")])

        def handler(name: str, args: tuple[object, ...]) -> None:
            if name == "write":
                storage.fault = no_fault
                log.close()
                opened.append((tmp_path / "other").open("w"))

        opened: list[Any] = []
        storage.fault = handler
        log.append([set_event("b")])
        opened[0].close()
        assert (tmp_path / "other").read_text() == ""
        assert turns_in(tmp_path) == ["a", "b"]

    def test_an_append_inside_a_read_is_refused(self, tmp_path: Path) -> None:
        storage = FaultyStorage(no_fault)
        log, recorder = open_log(tmp_path, storage=storage)
        log.append([set_event("a")])
        log.close()

        def handler(name: str, args: tuple[object, ...]) -> None:
            if name == "read":
                storage.fault = no_fault
                with pytest.raises(ReentryError):
                    log.append([set_event("b")])

        other, _ = open_log(tmp_path)
        other.append([set_event("c")])
        storage.fault = handler
        assert log.refresh()
        assert recorder.turns == ["a", "c"] == turns_in(tmp_path)

    def test_a_signal_handler_may_flush_and_close(self, tmp_path: Path) -> None:
        (output,) = finish([forked(_FLUSH_IN_HANDLER, str(tmp_path))])
        assert output.split()[-1] == "done"

    def test_what_a_thread_raises_in_maintenance_stops_no_close(self) -> None:
        def fail(stop: object) -> None:
            raise MemoryError

        maintenance = Maintenance()
        maintenance.schedule("a job", fail)
        assert maintenance.wait(10)
        ran = threading.Event()
        maintenance.schedule("another", lambda stop: ran.set())
        assert ran.wait(10)
        maintenance.close()


_FLUSH_IN_HANDLER = """
import signal, sys
from journal import JournalError
from projections import DefaultSessionStore
store = DefaultSessionStore(sys.argv[1])
handled = 0
inside = False
def handler(*args):
    global handled, inside
    if inside:  # a slow flush: handlers on handlers would only run out of stack
        return
    inside = True
    handled += 1
    try:
        store.flush()
    except JournalError:
        pass
    finally:
        inside = False
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
number = 0
while handled < 30:
    number += 1
    store.set_runtime_state("s", "r", f"t{number % 50}", {"n": number})
signal.setitimer(signal.ITIMER_REAL, 0)
assert store.get_runtime_state("s", "r", f"t{number % 50}") == {"n": number}
assert store.verify("s").ok
store.close()
print("done")
"""


def test_a_flush_that_failed_is_still_owed_by_sessions_closed_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = DiskStorage()
    with DefaultSessionStore(tmp_path, durability="os", max_open=1, storage=storage) as store:
        for session in ("a", "b", "c"):
            store.set_runtime_state(session, "r", "t", {})
        real = storage.sync
        synced: list[str] = []
        broken = [True]

        def sync(fd: int) -> None:
            if broken[0]:
                raise OSError(5, "Input/output error")
            synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{fd}")))
            real(fd)

        monkeypatch.setattr(storage, "sync", sync, raising=False)
        with pytest.raises(SyncError):
            store.flush()
        broken[0] = False
        with pytest.raises(SyncError) as caught:  # of the one whose descriptor is still open
            store.flush()
        failed = str(caught.value).partition(":")[0]
        assert {*synced, os.path.basename(failed)} == {"a.jsonl", "b.jsonl", "c.jsonl"}


def test_a_flush_that_was_interrupted_still_owes_the_sessions_it_did_not_come_to(
    tmp_path: Path,
) -> None:
    names = [f"s{number}" for number in range(6)]
    calls: list[str] = []

    def interrupt_third(name: str, args: tuple[object, ...]) -> None:
        if name == "sync":
            calls.append(os.path.basename(os.readlink(f"/proc/self/fd/{args[0]}")))
            if len(calls) == 3:
                raise KeyboardInterrupt

    storage = FaultyStorage(interrupt_third)
    with DefaultSessionStore(tmp_path, durability="os", max_open=1, storage=storage) as store:
        for session in names:
            store.set_runtime_state(session, "r", "t", {})
        with pytest.raises(KeyboardInterrupt):
            store.flush()
        store.flush()
    done = calls[:2] + calls[3:]
    assert set(done) == {f"{session}.jsonl" for session in names}


@pytest.mark.parametrize("refreshed", [True, False], ids=["file is new", "file is old"])
def test_a_flush_syncs_each_session_that_was_closed_before_it_once(
    refreshed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.store.refreshing.Budget.allows", lambda *_: refreshed)
    synced: list[str] = []

    def watch(name: str, args: tuple[object, ...]) -> None:
        if name == "sync":
            synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{args[0]}")))

    storage = FaultyStorage(watch)
    with DefaultSessionStore(tmp_path, durability="os", max_open=2, storage=storage) as store:
        for number in range(5):
            store.set_runtime_state(f"s{number}", "r", "t", {})
        for number in range(5):
            store.get_runtime_state(f"s{number}", "r")  # opened and closed once more
        store.flush()
    assert sorted(synced) == [f"s{number}.jsonl" for number in range(5)]


def test_a_long_torn_tail_hides_nothing_after_a_close(tmp_path: Path) -> None:
    log, recorder = open_log(tmp_path)
    log.append([set_event("a")])
    with (tmp_path / "s.jsonl").open("ab") as file:
        file.write(b"\0" * (2 << 20))
    for _ in range(2):
        assert log.refresh()
        log.close()
        assert log.refresh()
    assert recorder.turns == ["a"]


class TestArchives:
    def test_writers_do_not_wait_for_the_packing_of_what_was_their_log(
        self, tmp_path: Path
    ) -> None:
        writer, _ = open_log(tmp_path, lock_timeout=0.2)
        writer.append([set_event("a"), set_event("a")])
        engine(tmp_path).compact("s")
        written: list[int] = []

        def fault(name: str, args: tuple[object, ...]) -> None:
            if name == "read" and not written:
                written.append(writer.append([set_event("b")]).seq)

        assert engine(tmp_path, FaultyStorage(fault)).pack("s") == 1
        assert written == [3]
        assert turns_in(tmp_path) == ["a", "b"]

    def test_two_packers_do_not_get_in_each_others_way(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event("a", {"x": "y" * 3_000_000}) for _ in range(3)])
        engine(tmp_path).compact("s")
        seconds: list[int] = []

        def fault(name: str, args: tuple[object, ...]) -> None:
            if name == "read" and args[1] != FIRST and not seconds:
                seconds.append(-1)
                seconds.append(engine(tmp_path).pack("s"))

        assert engine(tmp_path, FaultyStorage(fault)).pack("s") == 1
        assert seconds == [-1, 0]
        report = engine(tmp_path).verify("s")
        assert report.ok, report.problems
        assert files_in(tmp_path) == {"s.jsonl", "archive/s.3.jsonl.gz"}

    def test_a_packer_leaves_nothing_of_a_session_deleted_meanwhile(self, tmp_path: Path) -> None:
        for call in ("open", "read", "sync", "rename"):
            log, _ = open_log(tmp_path)
            log.append([set_event("a"), set_event("a")])
            engine(tmp_path).compact("s")
            done: list[bool] = []

            def fault(
                name: str, args: tuple[object, ...], call: str = call, done: list[bool] = done
            ) -> None:
                late = name != "open" or str(args[0]).endswith(".gz.new")
                if name == call and late and not done:
                    done.append(engine(tmp_path).delete("s"))

            try:
                engine(tmp_path, FaultyStorage(fault)).pack("s")
            except StorageError:
                pass  # what it was packing is gone
            assert done == [True]
            assert files_in(tmp_path) == set(), call

    def test_compacting_a_damaged_log_keeps_the_archive_it_came_from(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event(turn, {"n": n}) for n in range(9) for turn in "ab"])
        engine(tmp_path).compact("s")
        log.close()
        path = tmp_path / "s.jsonl"
        path.write_bytes(path.read_bytes().replace(b'{"n":8}', b'{"n":7}', 1))
        engine(tmp_path).compact("s")
        engine(tmp_path).pack("s")
        names = {name for name in files_in(tmp_path) if name.startswith("archive/")}
        assert names == {"archive/s.18.jsonl.gz", "archive/s.18-2.jsonl.gz"}
        assert engine(tmp_path).verify("s").archived_events == 18

    def test_dropping_history_keeps_what_repairs_set_aside(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event("a"), set_event("a")])
        with (tmp_path / "s.jsonl").open("ab") as file:
            file.write(b"half a line")
        log.append([set_event("a")])
        engine(tmp_path).compact("s", "drop")
        (aside,) = (tmp_path / "archive").iterdir()
        assert aside.read_bytes() == b"half a line"

    def test_lines_glued_together_are_lines_again_after_compaction(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event(turn) for turn in "abca"])
        log.close()
        path = tmp_path / "s.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([*lines[:2], lines[2].rstrip(b"\n"), *lines[3:]]))
        assert [p.kind for p in engine(tmp_path).verify("s").problems] == ["corrupt"]
        engine(tmp_path).compact("s")
        assert path.read_bytes().count(b"\n") == 4
        assert sorted(turns_in(tmp_path)) == ["a", "b", "c"]


class TestSeals:
    def test_what_stands_after_a_seal_is_set_aside_not_lost(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event("a"), set_event("a")])
        engine(tmp_path).compact("s")
        sealed = (tmp_path / "archive" / "s.2.jsonl").read_bytes()
        shutil.rmtree(tmp_path / "archive")
        after = (tmp_path / "s.jsonl").read_bytes().splitlines(keepends=True)[-1]
        (tmp_path / "s.jsonl").write_bytes(sealed + after)
        assert "corrupt" in {p.kind for p in engine(tmp_path).verify("s").problems}
        fresh, _ = open_log(tmp_path)
        fresh.append([set_event("b")])
        aside = [path.read_bytes() for path in (tmp_path / "archive").glob("*.torn")]
        assert [content.endswith(after) for content in aside] == [True]

    def test_a_deletion_killed_at_any_call_shows_the_old_or_nothing(self, tmp_path: Path) -> None:
        for number in range(40):
            folder = tmp_path / str(number)
            with DefaultSessionStore(folder) as store:
                store.set_many(
                    "s", [("native", turn, state) for turn, state in BOTH["native"].items()]
                )
                store.compact("s")
            with DefaultSessionStore(folder) as store:
                store.set_runtime_state("s", "native", "turn-2", {"not": "in the session file"})
                store._sessions.delete("s", lambda: False)  # its file is not refreshed
            expected = [
                {"turn-1": TURN_1, "turn-2": {"not": "in the session file"}},
                {},
            ]
            death = DiesAt(number)
            try:
                engine(folder, FaultyStorage(death)).delete("s", "s.json")
            except Killed:
                pass
            with DefaultSessionStore(folder) as store:
                found = store.get_runtime_state("s", "native")
                assert found in expected, number
                assert (engine(folder).history("s") is not None) is bool(found)
                assert store.session_exists("s") is bool(found)
                assert store.verify("s").ok
                store.set_runtime_state("s", "native", "turn-3", {})
                assert store.get_runtime_state("s", "native") == {**found, "turn-3": {}}
            if not death.dead:
                return
        raise AssertionError("deletion makes more calls than this test kills it at")

    def test_a_deletion_killed_at_any_call_is_finished_by_the_next(self, tmp_path: Path) -> None:
        for number in range(40):
            folder = tmp_path / str(number)
            with DefaultSessionStore(folder) as store:
                store.set_runtime_state("s", "native", "turn-1", TURN_1)
                store.set_runtime_state("s", "native", "turn-1", {"newer": True})
                store.compact("s")
            death = DiesAt(number)
            try:
                engine(folder, FaultyStorage(death)).delete("s", "s.json")
            except Killed:
                pass
            log_left = (folder / "s.jsonl").exists()
            with DefaultSessionStore(folder) as store:
                assert store.delete_session("s") is log_left, number
                assert store.delete_session("s") is False
            assert files_in(folder) == set()
            if not death.dead:
                return
        raise AssertionError("deletion makes more calls than this test kills it at")

    def test_deletion_does_not_depend_on_clocks(self, tmp_path: Path) -> None:
        with DefaultSessionStore(tmp_path) as store:
            store.set_runtime_state("s", "r", "t", {"n": 1})
            os.utime(tmp_path / "s.json", (2**31, 2**31))
            assert store.delete_session("s") is True
            assert store.session_exists("s") is False
            assert store.get_runtime_state("s", "r") == {}

    def test_an_empty_log_can_be_deleted_whatever_interrupts_it(self, tmp_path: Path) -> None:
        (tmp_path / "s.jsonl").write_bytes(b"")
        death = DiesAt(4)
        with pytest.raises(Killed):
            engine(tmp_path, FaultyStorage(death)).delete("s")
        log, _ = open_log(tmp_path)
        assert not log.refresh()
        log.append([set_event("a")])
        assert turns_in(tmp_path) == ["a"]


class TestOlderSessions:
    @pytest.mark.parametrize("room", [0, 300, 3000])
    def test_an_import_cut_short_by_death_is_no_import(self, tmp_path: Path, room: int) -> None:
        """Killed after `room` bytes: the session file must still be the source."""
        older = {"native": {f"t{n}": {"n": n} for n in range(20)}}
        content = json.dumps({"session_id": "s", "runtime_state": older})
        (tmp_path / "s.json").write_text(content)
        process = forked(_DIE_IN_FIRST_WRITE, str(tmp_path), str(room))
        process.communicate(timeout=60)
        assert process.returncode == 7
        with DefaultSessionStore(tmp_path, durability="os") as store:
            assert store.get_runtime_state("s", "native") == older["native"]
            store.set_runtime_state("s", "native", "new", {})
            assert store.get_runtime_state("s", "native") == {**older["native"], "new": {}}
            assert store.verify("s").ok
        assert files_in(tmp_path) == {"s.json", "s.jsonl"}


_DIE_IN_FIRST_WRITE = """
import os, sys
from journal.engines.files.storage import DiskStorage
from projections import DefaultSessionStore
def write(fd, data):
    os.write(fd, data[: int(sys.argv[2])])
    os._exit(7)
DiskStorage.write = staticmethod(write)
DefaultSessionStore(sys.argv[1], durability="os").set_runtime_state("s", "native", "new", {})
"""


@pytest.mark.parametrize("call", ["size", "lock", "unlock", "read", "find", "identify", "write"])
def test_whatever_the_system_refuses_it_is_a_journal_error(tmp_path: Path, call: str) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a")])
    log.close()

    def fault(name: str, args: tuple[object, ...]) -> None:
        if name == call:
            raise OSError(5, "Input/output error")

    for action in ("append", "refresh", "verify"):
        storage = FaultyStorage(fault)
        broken, _ = open_log(tmp_path, storage=storage)
        with contextlib.suppress(JournalError):  # and nothing else
            if action == "append":
                broken.append([set_event("b")])
            elif action == "refresh":
                broken.refresh()
            else:
                engine(tmp_path, storage).verify("s")
    assert set(turns_in(tmp_path)) <= {"a", "b"}


def test_bad_lines_side_by_side_cost_no_memory_each(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a")])
    with (tmp_path / "s.jsonl").open("ab") as file:
        file.write(b"x\n" * 100_000)
    log.refresh()
    assert len(segment_of(log).scanner._suspects) == 1
    log.append([set_event("b")])
    assert turns_in(tmp_path) == ["a", "b"]


def test_a_forked_child_does_not_hold_the_session_files_lock(tmp_path: Path) -> None:
    (output,) = finish([forked(_FORK_WITH_LOCK, str(tmp_path))])
    assert output.split() == ["ok"]


_FORK_WITH_LOCK = """
import os, signal, sys, time
from projections import DefaultSessionStore
from projections.store.session_file import SessionFile
store = DefaultSessionStore(sys.argv[1], durability="os")
child = []
render = SessionFile._replace
def replace(self, path, data):
    child.append(os.fork())
    if child[-1] == 0:
        time.sleep(60)
        os._exit(0)
    render(self, path, data)
SessionFile._replace = replace
store.set_runtime_state("s", "r", "t", {"n": 1})
SessionFile._replace = render
store.set_runtime_state("s", "r", "t", {"n": 2})
store.flush()
os.kill(child[0], signal.SIGKILL)
print("ok")
"""


def test_a_state_read_from_deep_inside_calls_is_not_called_damaged(tmp_path: Path) -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"a": deep}
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "r", "deep", deep)

        def call(depth: int) -> Any:
            return call(depth - 1) if depth else store.get_runtime_state("s", "r", "deep")

        for depth in range(sys.getrecursionlimit() - 20, 300, -1):
            try:
                assert len(json.dumps(call(depth))) == len(json.dumps(deep))
                break
            except RecursionError:
                continue
            except DamagedError as error:
                raise AssertionError("taken for damage") from error
