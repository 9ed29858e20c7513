"""Files that can be appended to but not cut (`chattr +a`), and seals that nobody can take off.

People put that attribute on logs which nobody may change. Nothing that seals a log may begin
there, and where a seal was left all the same, the log goes on after it.
"""

import errno
import os
import shutil
import subprocess
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

from journal.codec import control_line
from journal.engines.files.compaction import compact
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import DiskStorage
from journal.errors import AppendError, StorageError
from journal.events import Sealed
from journal.names import paths_of
from projections import DefaultSessionStore
from tests.support import (
    FaultyStorage,
    fails,
    files_in,
    finish_maintenance,
    is_there,
    needs,
    no_fault,
    open_log,
    set_event,
    turns_in,
)

REFUSED = {"truncate", "rename", "link", "unlink"}


class AppendOnly:
    """A fault: the log has the attribute, whose calls the kernel refuses."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def __call__(self, name: str, args: tuple[Any, ...]) -> None:
        if name in REFUSED and self._is_log(args):
            self.refused.append(name)
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    @staticmethod
    def _is_log(args: tuple[Any, ...]) -> bool:
        if isinstance(args[0], int):
            return os.readlink(f"/proc/self/fd/{args[0]}").endswith("s.jsonl")
        return any(str(path).endswith("s.jsonl") for path in args)


def engine(folder: Path, storage: DiskStorage) -> Directory:
    return Directory(str(folder), LogOptions("os", 5.0, None, storage))


def write(folder: Path, *turns: str) -> Path:
    log, _ = open_log(folder)
    for turn in turns:
        log.append([set_event(turn)])
    log.close()
    return folder / "s.jsonl"


def seal_it(path: Path, reason: str = "compacted", ending: bytes = b"\n") -> bytes:
    """Leave what a compaction leaves that dies between the seal and the rename."""
    log, _ = open_log(path.parent)
    log.refresh()
    assert log.head is not None
    seal = Sealed(
        reason=reason, last_seq=log.head.seq, last_hash=log.head.hash, ts="t", writer="dead"
    )
    log.close()
    line = control_line(seal)[:-1] + ending
    with path.open("ab") as file:
        file.write(line)
    return line


@pytest.mark.parametrize("history", ["archive", "drop"])
def test_a_compaction_that_could_not_go_back_is_not_begun(tmp_path: Path, history: Any) -> None:
    path = write(tmp_path, "a", "a", "b")
    before = path.read_bytes()
    storage = FaultyStorage(AppendOnly())
    with pytest.raises(StorageError, match="append-only") as caught:
        engine(tmp_path, storage).compact("s", history)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert files_in(tmp_path) == {"s.jsonl"}
    log, recorder = open_log(tmp_path, storage=storage)
    log.append([set_event("c")])
    log.refresh()
    assert recorder.turns == ["a", "a", "b", "c"]


def test_it_is_asked_again_with_the_seal_to_come(tmp_path: Path) -> None:
    """The attribute may be set while the new log is written."""
    path = write(tmp_path, "a", "a")
    before = path.read_bytes()
    calls: list[str] = []
    fault = AppendOnly()

    def set_later(name: str, args: tuple[Any, ...]) -> None:
        calls.append(name)
        if "sync_folder" in calls or "rename" in calls:
            fault(name, args)

    with pytest.raises(StorageError, match="as it was"):
        engine(tmp_path, FaultyStorage(set_later)).compact("s")
    assert fault.refused == ["truncate"]
    assert path.read_bytes() == before
    assert "s.jsonl.new" not in files_in(tmp_path)


def test_a_seal_that_cannot_be_taken_off_is_told_and_stops_nobody(tmp_path: Path) -> None:
    path = write(tmp_path, "a", "a", "b")
    calls: list[str] = []
    fault = AppendOnly()

    def set_too_late(name: str, args: tuple[Any, ...]) -> None:
        calls.append(name)
        if "link" in calls:
            fault(name, args)

    with pytest.raises(StorageError, match="could not be taken off") as caught:
        engine(tmp_path, FaultyStorage(set_too_late)).compact("s")
    assert "as it was" not in str(caught.value)
    assert b'"op":"sealed"' in path.read_bytes()
    log, recorder = open_log(tmp_path, storage=FaultyStorage(AppendOnly()))
    log.append([set_event("c")])
    assert recorder.turns == ["a", "a", "b", "c"] == turns_in(tmp_path)
    assert engine(tmp_path, DiskStorage()).verify("s").ok


def test_a_seal_whose_write_failed_and_that_cannot_be_taken_off_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, "a", "a")
    calls: list[str] = []
    fault = AppendOnly()

    def fail(name: str, args: tuple[Any, ...]) -> None:
        if name == "write" and b'"sealed"' in args[1]:
            calls.append(name)
            os.write(args[0], args[1])
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if calls:
            fault(name, args)

    with pytest.raises(StorageError, match="could not be taken off"):
        compact(FaultyStorage(fail), paths_of(str(tmp_path), "s"), "archive", 1.0, None)
    log, _ = open_log(tmp_path, storage=FaultyStorage(AppendOnly()))
    log.append([set_event("b")])
    assert turns_in(tmp_path) == ["a", "a", "b"]
    assert path.exists()


class TestADeadSealThatStays:
    @pytest.fixture(
        params=[b"\n", b"", b"\n\n", b"\r\n"], ids=["line", "unended", "blank", "crlf"]
    )
    def path(self, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
        path = write(tmp_path, "a", "a", "b")
        self.seal = seal_it(path, ending=request.param)
        return path

    def test_the_log_goes_on_after_it_for_everybody(self, path: Path) -> None:
        folder = path.parent
        storage = FaultyStorage(AppendOnly())
        reader, seen = open_log(folder)  # knows the file since before
        reader.refresh()
        follower = engine(folder, DiskStorage()).follow("s")
        assert [event.seq for event in follower.read()] == [1, 2, 3]
        before = path.read_bytes()
        for turn in ("c", "d"):
            log, recorder = open_log(folder, storage=storage)
            log.append([set_event(turn)])
            log.append([set_event(f"{turn} again")])
            log.close()
        assert path.read_bytes().startswith(before), "nothing was cut off"
        expected = ["a", "a", "b", "c", "c again", "d", "d again"]
        assert recorder.turns == expected == turns_in(folder)
        reader.refresh()
        assert seen.turns == expected
        assert [event.seq for event in follower.read()] == [4, 5, 6, 7]
        disk = engine(folder, DiskStorage())
        past = disk.history("s")
        assert past is not None
        assert [entry.event.seq for entry in past.in_order()] == [1, 2, 3, 4, 5, 6, 7]
        report = disk.verify("s")
        assert (report.ok, report.events) == (True, 7), report.problems
        follower.close()

    def test_a_later_compaction_takes_it_into_the_archive(self, path: Path) -> None:
        folder = path.parent
        log, _ = open_log(folder, storage=FaultyStorage(AppendOnly()))
        log.append([set_event("b")])
        log.close()
        disk = engine(folder, DiskStorage())
        done = disk.compact("s")
        assert done is not None
        assert done.events_after == 2
        assert b'"sealed"' not in path.read_bytes()
        assert disk.verify("s").ok
        past = disk.history("s")
        assert past is not None
        assert [entry.event.seq for entry in past.in_order()] == [1, 2, 3, 4]

    def test_where_it_can_be_taken_off_it_is(self, path: Path) -> None:
        assert self.seal in path.read_bytes()
        log, _ = open_log(path.parent)
        log.append([set_event("c")])
        assert b'"sealed"' not in path.read_bytes()
        assert turns_in(path.parent) == ["a", "a", "b", "c"]
        assert engine(path.parent, DiskStorage()).verify("s").ok


@pytest.mark.parametrize("content", [b"garbage\n", b'{"seq":9}\n', b"half a li"])
def test_what_stands_after_a_seal_that_stays_is_never_glued_to(
    tmp_path: Path, content: bytes
) -> None:
    path = write(tmp_path, "a")
    seal_it(path)
    with path.open("ab") as file:
        file.write(content)
    before = path.read_bytes()
    log, _ = open_log(tmp_path, storage=FaultyStorage(AppendOnly()))
    with pytest.raises(StorageError):
        log.append([set_event("b")])
    assert path.read_bytes() == before


def test_a_seal_that_cannot_be_cut_off_is_not_passed_while_anything_stands_after_it(
    tmp_path: Path,
) -> None:
    """Cutting fails once. The append is refused, and the next one mends both."""
    path = write(tmp_path, "a")
    whole = path.read_bytes()
    seal_it(path)
    with path.open("ab") as file:
        file.write(b"half a li")
    before = path.read_bytes()
    log, _ = open_log(tmp_path, storage=FaultyStorage(fails("truncate", errno.EIO)))
    with pytest.raises(StorageError):
        log.append([set_event("b")])
    assert path.read_bytes() == before
    log.append([set_event("c")])
    log.close()
    assert path.read_bytes().startswith(whole)
    assert b'"sealed"' not in path.read_bytes()
    assert turns_in(tmp_path) == ["a", "c"]


@pytest.mark.parametrize("stranger", ["repeated", "skipping", "of another chain", "a header"])
def test_only_the_next_event_of_the_chain_voids_a_seal(tmp_path: Path, stranger: str) -> None:
    path = write(tmp_path, "a", "b")
    header, first, second = path.read_bytes().splitlines(keepends=True)
    other = write(tmp_path / "other", "x", "y", "z").read_bytes().splitlines(keepends=True)
    path.write_bytes(header + first)
    seal_it(path)
    lines = {
        "repeated": first,
        "skipping": other[3],
        "of another chain": other[2],
        "a header": header,
    }
    with path.open("ab") as file:
        file.write(lines[stranger])
    assert turns_in(tmp_path) == ["a"]
    problems = engine(tmp_path, DiskStorage()).verify("s").problems
    assert [problem.reason for problem in problems] == ["bytes stand after a seal"]
    with path.open("ab") as file:
        file.write(second)
    assert turns_in(tmp_path) == ["a", "b"], "it goes on all the same, once that comes"


@pytest.mark.parametrize("damaged", [{2}, {3}, {2, 3}, {2, 3, 4}, {1, 2}, {2, 4}], ids=str)
@pytest.mark.parametrize("place", [0, 40, -3])
def test_a_damaged_line_after_a_seal_that_stays_costs_no_other_event(
    tmp_path: Path, damaged: set[int], place: int
) -> None:
    """They were acknowledged: neither are they passed over nor cut off by the next append."""
    path = write(tmp_path, "a", "b", "c", "d", "e")
    header, *lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + lines[0])
    seal = seal_it(path)
    for seq in damaged:
        line = bytearray(lines[seq - 1])
        line[place] ^= 1
        lines[seq - 1] = bytes(line)
    path.write_bytes(header + lines[0] + seal + b"".join(lines[1:]))
    intact = [turn for seq, turn in enumerate("abcde", 1) if seq not in damaged]
    assert turns_in(tmp_path) == intact
    before = path.read_bytes()
    log, _ = open_log(tmp_path)
    log.append([set_event("f")])
    log.close()
    assert turns_in(tmp_path) == [*intact, "f"]
    assert path.read_bytes().startswith(before)
    assert {problem.kind for problem in engine(tmp_path, DiskStorage()).verify("s").problems} == {
        "corrupt"
    }


def test_the_seal_of_a_deletion_is_never_passed(tmp_path: Path) -> None:
    path = write(tmp_path, "a", "b")
    header, first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + first)
    seal_it(path, "deleted")
    with path.open("ab") as file:
        file.write(second)
    assert not is_there(engine(tmp_path, DiskStorage()))


def test_a_deletion_that_could_not_finish_is_not_begun(tmp_path: Path) -> None:
    path = write(tmp_path, "a")
    before = path.read_bytes()
    storage = FaultyStorage(AppendOnly())
    with pytest.raises(AppendError, match="cannot be deleted"):
        engine(tmp_path, storage).delete("s")
    assert path.read_bytes() == before
    log, _ = open_log(tmp_path, storage=storage)
    assert log.append([set_event("b")]).seq == 2


def grow(store: DefaultSessionStore, bytes_to_write: int) -> None:
    """Overwrite a turn until so much is dead; after each set, let a compaction try."""
    for number in range(bytes_to_write >> 16):
        store.set_runtime_state("s", "r", "t", {"n": number, "text": "x" * (1 << 16)})
        finish_maintenance(store)


def test_a_compaction_by_itself_that_fails_so_is_tried_less_and_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = AppendOnly()
    store = DefaultSessionStore(
        tmp_path, durability="os", storage=FaultyStorage(fault), redact=None
    )
    tries = []
    real = Directory.compact

    def count(self: Directory, session_id: str, *args: Any) -> Any:
        tries.append(session_id)
        return real(self, session_id, *args)

    monkeypatch.setattr(Directory, "compact", count)
    grow(store, 6 << 20)
    assert len(tries) == 2, "once over 1 MiB, once more over 3"
    assert store.get_runtime_state("s", "r", "t")["n"] == 95
    store.close()


def protect(path: Path) -> None:
    done = subprocess.run(["chattr", "+a", str(path)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this file system, or this user, has no attributes: {done.stderr}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may set the attribute")
def test_with_the_real_attribute() -> None:
    needs("chattr")
    folder = Path("/var/tmp") / f"journal-{uuid.uuid4().hex}"  # /tmp is often a tmpfs
    folder.mkdir(mode=0o700)
    try:
        with DefaultSessionStore(folder, durability="os") as store:
            store.set_runtime_state("s", "r", "t", {"n": 0})
            protect(folder / "s.jsonl")
            grow(store, 2 << 20)
            with pytest.raises(StorageError, match="append-only"):
                store.compact("s")
            store.set_runtime_state("s", "r", "t", {"n": 1})
            assert store.verify("s").ok
        seal_it(folder / "s.jsonl")
        with DefaultSessionStore(folder, durability="fsync", auto_compact=False) as store:
            store.set_runtime_state("s", "r", "t", {"n": 2})
            assert store.get_runtime_state("s", "r", "t") == {"n": 2}
            assert store.verify("s").ok
        subprocess.run(["chattr", "-a", str(folder / "s.jsonl")], check=True)
        with DefaultSessionStore(folder) as store:
            report = store.compact("s")
            assert report is not None
            assert report.events_after == 1
            assert store.get_runtime_state("s", "r", "t") == {"n": 2}
    finally:
        subprocess.run(["chattr", "-R", "-a", str(folder)], check=False)
        shutil.rmtree(folder)


def test_threads_append_beside_a_compaction_that_cannot_go_back(tmp_path: Path) -> None:
    """The failing compaction holds the lock for a moment, and nobody sees an error of it."""
    write(tmp_path, "a", "a")
    storage = FaultyStorage(no_fault)
    log, recorder = open_log(tmp_path, storage=FaultyStorage(AppendOnly()))
    failed: list[StorageError] = []
    storage.fault = AppendOnly()

    def compact_again_and_again() -> None:
        for _ in range(30):
            with pytest.raises(StorageError) as caught:
                engine(tmp_path, storage).compact("s")
            failed.append(caught.value)

    thread = threading.Thread(target=compact_again_and_again)
    thread.start()
    numbers = [str(number) for number in range(200)]
    for number in numbers:
        log.append([set_event(number)])
    thread.join(20)
    assert len(failed) == 30
    log.refresh()
    assert recorder.turns == ["a", "a", *numbers] == turns_in(tmp_path)
