"""A folder of logs: what is a session in it, what is none, and what deleting leaves."""

import errno
import fcntl
import itertools
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from journal.codec import control_line
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import CHUNK, DiskStorage, FileEntry
from journal.errors import AppendError, LockTimeoutError, ReadError, StorageError
from journal.events import Clear, Sealed
from journal.names import paths_of
from journal.state import MAX_LINE
from tests.support import (
    DiesAt,
    FaultyStorage,
    Killed,
    fails,
    files_in,
    is_there,
    open_log,
    set_event,
)

LONG_ID = "x" * 300


def directory(folder: Path, storage: DiskStorage | None = None, **options: Any) -> Directory:
    settings = {"durability": "os", "lock_timeout": 5.0, **options}
    return Directory(str(folder), LogOptions(storage=storage or DiskStorage(), **settings))


def begin(folder: Path, session: str = "s") -> Path:
    """A session with two archived events, one living, and a session file. Its log."""
    log, _ = open_log(folder, session)
    log.append([set_event("a"), set_event("a")])
    log.close()
    directory(folder).compact(session)
    Path(paths_of(str(folder), session).session_file).write_text("{}")
    return Path(paths_of(str(folder), session).log)


def once(call: str, action: Callable[[], object]) -> Callable[[str, tuple[Any, ...]], None]:
    """A fault that does something in the middle of the first `call`."""
    left = [action]

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == call and left:
            left.pop()()

    return fault


def read_only(name: str, args: tuple[Any, ...]) -> None:
    """A fault: the folder is mounted read-only."""
    if name == "open" and args[1] & (os.O_RDWR | os.O_CREAT):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def open_descriptors(below: Path) -> list[str]:
    """The files below a folder that this process has open."""
    links = [os.readlink(item.path) for item in os.scandir("/proc/self/fd") if item.is_symlink()]
    return [link for link in links if link.startswith(f"{below}/")]


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[LogFile]:
    """All files that are opened, so that none is closed just because nobody has it any more."""
    files: list[LogFile] = []
    monkeypatch.setattr("journal.engines.files.logfile.tell_after_fork", files.append)
    return files


class TestListing:
    def test_only_logs_with_something_in_them_are_sessions(self, tmp_path: Path) -> None:
        """Whatever order the system lists them in: what is none hides none that come after."""
        begin(tmp_path)
        size = (tmp_path / "s.jsonl").stat().st_size
        others = [
            FileEntry("notes.txt", 5, 1.0),
            FileEntry("empty.jsonl", 0, 1.0),
            FileEntry("not.a.stem.jsonl", 5, 1.0),
            FileEntry("gone%-00.jsonl", 5, 1.0),
            FileEntry("s.json", 2, 1.0),
        ]
        listed = [*others, FileEntry("s.jsonl", size, 1_700_000_000.5)]
        storage = FaultyStorage(lambda name, args: listed if name == "list" else None)
        assert list(directory(tmp_path, storage).sessions()) == [
            {
                "session_id": "s",
                "updated_at": "2023-11-14T22:13:20.500000+00:00",
                "log_bytes": size,
            }
        ]
        assert files_in(tmp_path) == {"s.jsonl", "s.json", "archive/s.2.jsonl"}, (
            "looking makes none"
        )

    def test_the_time_of_the_last_change_is_in_utc(self, tmp_path: Path) -> None:
        begin(tmp_path)
        os.utime(tmp_path / "s.jsonl", (0, 1_700_000_000))
        (info,) = directory(tmp_path).sessions()
        assert datetime.fromisoformat(info["updated_at"]) == datetime.fromtimestamp(
            1_700_000_000, UTC
        )

    def test_a_folder_that_cannot_be_listed_is_an_error_that_names_it(
        self, tmp_path: Path
    ) -> None:
        storage = FaultyStorage(fails("list", errno.EACCES))
        with pytest.raises(ReadError, match="cannot be read: Permission denied") as caught:
            next(directory(tmp_path, storage).sessions())
        assert caught.value.errno == errno.EACCES
        assert str(tmp_path) in str(caught.value)

    @pytest.mark.parametrize("length", [300, 2 << 20], ids=["long", "longer than one read"])
    def test_an_id_too_long_for_a_name_is_looked_up_in_the_log(
        self, tmp_path: Path, length: int
    ) -> None:
        log, _ = open_log(tmp_path, "x" * length)
        log.append([set_event("a"), Clear()])
        log.close()
        assert [info["session_id"] for info in directory(tmp_path).sessions()] == ["x" * length]
        directory(tmp_path).compact("x" * length)  # leaves nothing but a header
        assert [info["session_id"] for info in directory(tmp_path).sessions()] == ["x" * length]
        assert open_descriptors(tmp_path) == []

    def test_what_is_not_asked_for_is_not_read(self, tmp_path: Path) -> None:
        """The newest are found by one listing; only the files of those given are opened."""
        ids = [f"{LONG_ID}-{number}" for number in range(6)]
        for number, session in enumerate(ids):
            begin(tmp_path, session)
            os.utime(paths_of(str(tmp_path), session).log, (0, number))
        calls: list[str] = []

        def note(name: str, args: tuple[Any, ...]) -> None:
            calls.append(name)

        engine = directory(tmp_path, FaultyStorage(note))
        newest = engine.sessions(limit=2)
        assert calls == []
        assert next(newest)["session_id"] == ids[5]
        assert (calls.count("list"), calls.count("open")) == (1, 1)
        assert [info["session_id"] for info in newest] == [ids[4]]
        assert (calls.count("list"), calls.count("open")) == (1, 2)
        assert list(engine.sessions(limit=0)) == []
        assert calls.count("list") == 1

    def test_a_long_id_that_nothing_tells_any_more_is_not_listed(self, tmp_path: Path) -> None:
        path = begin(tmp_path, LONG_ID)
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([b"{}\n", *lines[1:]]))
        engine = directory(tmp_path)
        assert list(engine.sessions()) == []
        path.write_bytes(b"\0")
        assert list(engine.sessions()) == []
        path.unlink()
        path.symlink_to(tmp_path / "elsewhere")
        assert list(engine.sessions()) == []
        assert open_descriptors(tmp_path) == []

    def test_a_header_that_only_lacks_its_newline_tells_a_long_id(self, tmp_path: Path) -> None:
        path = begin(tmp_path, LONG_ID)
        path.write_bytes(path.read_bytes().partition(b"\n")[0])
        assert [info["session_id"] for info in directory(tmp_path).sessions()] == [LONG_ID]

    def test_looking_up_a_long_id_reads_no_more_than_the_first_line_may_be(
        self, tmp_path: Path
    ) -> None:
        path = begin(tmp_path, LONG_ID)
        read: list[int] = []
        storage = FaultyStorage(
            lambda name, args: read.append(args[1]) if name == "read" else None
        )
        engine = directory(tmp_path, storage)
        for lost, most in ((False, CHUNK), (True, MAX_LINE)):
            if lost:
                path.write_bytes(b"")
            os.truncate(path, 1 << 30)  # a hole, which costs nothing
            read.clear()
            assert len(list(engine.sessions())) == (0 if lost else 1)
            assert sum(read) == most


class TestDeletion:
    def test_everything_of_the_session_goes_and_nothing_of_another(self, tmp_path: Path) -> None:
        begin(tmp_path)
        before = files_in(tmp_path)
        begin(tmp_path, "s2")
        begin(tmp_path, "other")
        others = files_in(tmp_path) - before
        assert directory(tmp_path).delete("s", "s.json") is True
        assert files_in(tmp_path) == others
        assert directory(tmp_path).delete("s", "s.json") is False
        assert open_descriptors(tmp_path) == []

    def test_without_its_name_the_session_file_stays(self, tmp_path: Path) -> None:
        begin(tmp_path)
        assert directory(tmp_path).delete("s") is True
        assert files_in(tmp_path) == {"s.json"}

    def test_a_session_that_is_only_a_session_file_can_be_deleted(self, tmp_path: Path) -> None:
        inside, outside = tmp_path / "in", tmp_path / "s.json"
        inside.mkdir()
        for path in (inside / "s.json", outside):
            path.write_text("{}")
        engine = directory(inside)
        assert engine.delete("s", "../s.json") is True
        assert not (inside / "s.json").exists()
        assert outside.exists(), "no name leads out of the folder"
        assert engine.delete("s", "s.json") is False
        assert engine.delete("s") is False

    def test_what_is_deleted_is_gone_from_the_disk_when_it_says_so(self, tmp_path: Path) -> None:
        for begun in (True, False):
            if begun:
                begin(tmp_path)
            (tmp_path / "s.json").write_text("{}")
            calls: list[tuple[str, Any]] = []

            def note(
                name: str, args: tuple[Any, ...], calls: list[tuple[str, Any]] = calls
            ) -> None:
                if name in ("unlink", "sync_folder"):
                    calls.append((name, args[0]))

            assert directory(tmp_path, FaultyStorage(note)).delete("s", "s.json")
            assert calls[-1] == ("sync_folder", str(tmp_path))
            assert ("unlink", str(tmp_path / "s.json")) in calls

    def test_a_session_file_that_cannot_be_deleted_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "s.json").write_text("{}")
        storage = FaultyStorage(fails("unlink", errno.EACCES))
        with pytest.raises(StorageError, match=r"s\.json: cannot be deleted: Perm") as caught:
            directory(tmp_path, storage).delete("s", "s.json")
        assert caught.value.errno == errno.EACCES
        assert files_in(tmp_path) == {"s.json"}

    def test_a_log_replaced_in_the_middle_of_the_deletion_is_deleted_too(
        self, tmp_path: Path
    ) -> None:
        """A compaction that wins the race for the lock leaves another file at the path."""
        begin(tmp_path)
        log, _ = open_log(tmp_path)
        log.append([set_event("a")])
        compact = once("lock", lambda: directory(tmp_path).compact("s"))
        assert directory(tmp_path, FaultyStorage(compact)).delete("s", "s.json") is True
        assert files_in(tmp_path) == set()
        assert not log.refresh()
        log.close()
        assert open_descriptors(tmp_path) == []

    def test_it_waits_for_a_writer_as_long_as_an_append_would(self, tmp_path: Path) -> None:
        path = begin(tmp_path)
        before = path.read_bytes()
        log, _ = open_log(tmp_path)
        log.refresh()
        assert log.file is not None
        assert log.file.try_lock()
        with pytest.raises(LockTimeoutError, match=r"for 0\.01 s"):
            directory(tmp_path, lock_timeout=0.01).delete("s", "s.json")
        assert path.read_bytes() == before
        assert (tmp_path / "s.json").exists()

    def test_once_it_is_sealed_a_lock_that_others_hold_leaves_it_to_the_next_write(
        self, tmp_path: Path
    ) -> None:
        """The archive is listed without the lock, which another process may then take."""
        path = begin(tmp_path)
        with path.open("rb") as other:
            take = once("own_names", lambda: fcntl.flock(other, fcntl.LOCK_EX))
            with pytest.raises(StorageError, match=r"could not be finished \(another writer"):
                directory(tmp_path, FaultyStorage(take), lock_timeout=0.01).delete("s", "s.json")
        assert not is_there(directory(tmp_path))
        assert not (tmp_path / "s.json").exists()
        log, recorder = open_log(tmp_path)
        log.append([set_event("new")])
        log.close()
        assert recorder.turns == ["new"]
        assert files_in(tmp_path) == {"s.jsonl"}

    def test_a_writer_that_finishes_it_keeps_no_session_file_of_a_later_time(
        self, tmp_path: Path
    ) -> None:
        """As after a clock that went back. It would be taken for a new session's."""
        begin(tmp_path)
        later = time.time() + 3600
        os.utime(tmp_path / "s.json", (later, later))
        log, recorder = open_log(tmp_path)
        write = once("own_names", lambda: log.append([set_event("new")]))
        assert directory(tmp_path, FaultyStorage(write)).delete("s", "s.json") is True
        log.close()
        assert recorder.turns == ["new"]
        assert files_in(tmp_path) == {"s.jsonl"}

    def test_what_may_not_be_written_is_not_deleted(self, tmp_path: Path) -> None:
        path = begin(tmp_path)
        before = path.read_bytes()
        with pytest.raises(AppendError, match="'s': cannot be deleted: Read-only") as caught:
            directory(tmp_path, FaultyStorage(read_only)).delete("s")
        assert caught.value.errno == errno.EROFS
        assert path.read_bytes() == before
        assert open_descriptors(tmp_path) == []

    def test_it_is_sealed_by_whom_the_options_name(self, tmp_path: Path) -> None:
        """What a crash leaves says who deleted what, and readers take it for gone."""
        for number in itertools.count():
            folder = tmp_path / str(number)
            path = begin(folder)
            digest = json.loads(path.read_bytes().splitlines()[-1])["hash"]
            storage = FaultyStorage(DiesAt(number))
            with pytest.raises(Killed):
                directory(folder, storage, writer="me").delete("s", "s.json")
            last = path.read_bytes().splitlines()[-1]
            if b"sealed" in last:
                break
        expected = b'{"op":"sealed","reason":"deleted","last_seq":2,"last_hash":"%b"'
        assert last.startswith(expected % digest.encode())
        assert b'"writer":"me","session_file":"s.json"' in last
        assert (path.exists(), is_there(directory(folder))) == (True, False)
        assert directory(folder).history("s") is None

    def test_one_that_was_begun_is_finished_without_a_second_seal(self, tmp_path: Path) -> None:
        path = begin(tmp_path)
        storage = FaultyStorage(fails("unlink", errno.EIO))
        with pytest.raises(StorageError, match="could not be finished"):
            directory(tmp_path, storage).delete("s", "s.json")
        sealed = path.read_bytes()
        written: list[str] = []
        storage.fault = lambda name, args: written.append(name) if name == "write" else None
        assert directory(tmp_path, storage).delete("s", "s.json") is True
        assert (sealed.count(b'"sealed"'), written) == (1, [])
        assert files_in(tmp_path) == set()

    @pytest.mark.parametrize("length", [9, 4096, 1 << 17], ids=str)
    def test_whoever_began_it_the_session_is_gone_for_every_reader(
        self, tmp_path: Path, length: int
    ) -> None:
        """The seal has the name of its writer, which may be of any length."""
        begin(tmp_path)
        storage = FaultyStorage(fails("unlink", errno.EIO))
        with pytest.raises(StorageError, match="could not be finished"):
            directory(tmp_path, storage, writer="w" * length).delete("s")
        engine = directory(tmp_path)
        assert not is_there(engine)
        assert engine.history("s") is None
        assert list(engine.follow("s").read()) == []
        assert engine.verify("s").head is None

    def test_half_a_line_before_the_seal_does_not_hide_it(self, tmp_path: Path) -> None:
        path = begin(tmp_path)
        with path.open("ab") as file:
            file.write(b"half a li")
        storage = FaultyStorage(fails("unlink", errno.EIO))
        with pytest.raises(StorageError, match="could not be finished"):
            directory(tmp_path, storage).delete("s", "s.json")
        assert path.exists()
        assert not is_there(directory(tmp_path))
        assert directory(tmp_path).history("s") is None

    def test_the_seal_of_a_compaction_that_died_does_not_stop_it(self, tmp_path: Path) -> None:
        path = begin(tmp_path)
        seal = Sealed(reason="compacted", last_seq=2, last_hash="0" * 32, ts="", writer="")
        with path.open("ab") as file:
            file.write(control_line(seal))
        assert directory(tmp_path).delete("s", "s.json") is True
        assert files_in(tmp_path) == set()


class TestHistory:
    def test_no_descriptor_is_left_of_a_session_that_is_none(self, tmp_path: Path) -> None:
        begin(tmp_path)
        storage = FaultyStorage(fails("sync_folder", errno.EIO))
        with pytest.raises(StorageError):
            directory(tmp_path, storage).delete("s")
        assert directory(tmp_path).history("s") is None
        assert open_descriptors(tmp_path) == []

    @pytest.mark.parametrize("call", ["size", "read"])
    def test_what_cannot_be_read_is_an_error_that_names_the_file(
        self, tmp_path: Path, call: str
    ) -> None:
        log, _ = open_log(tmp_path)
        long = set_event("long", {"x": "y" * 2 * CHUNK})  # more than one read
        log.append([long, long])
        directory(tmp_path).compact("s")
        log.append([long])
        log.close()
        told: list[str] = []
        for after in itertools.count():
            storage = FaultyStorage(fails(call, errno.EIO, after=after))
            try:
                past = directory(tmp_path, storage).history("s")
                assert past is not None
                seqs = [entry.event.seq for entry in past.rest]
            except ReadError as error:
                told.append(f"{error.errno} {error}")
            else:
                assert seqs == [1, 2, 3]
                break
            assert open_descriptors(tmp_path) == []
        assert len(told) > 3
        for text in told:
            assert text.startswith(f"{errno.EIO} {tmp_path}")
            assert text.count(str(tmp_path)) == 1, "one error, not one in another"
            assert text.endswith(": Input/output error")

    def test_an_interrupt_leaves_no_descriptor(self, tmp_path: Path) -> None:
        begin(tmp_path)

        def interrupt(name: str, args: tuple[Any, ...]) -> None:
            if name == "read":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            directory(tmp_path, FaultyStorage(interrupt)).history("s")
        assert open_descriptors(tmp_path) == []

    @pytest.mark.parametrize("reason", ["deleted", "compacted", "cut short"])
    def test_only_a_whole_seal_of_a_deletion_ends_a_session(
        self, tmp_path: Path, reason: str
    ) -> None:
        path = begin(tmp_path)
        seal = Sealed(
            reason="compacted" if reason == "compacted" else "deleted",
            last_seq=2,
            last_hash="0" * 32,
            ts="",
            writer="",
        )
        line = control_line(seal)
        with path.open("ab") as file:
            file.write(line[:-2] if reason == "cut short" else line)
        past = directory(tmp_path).history("s")
        assert (past is None) == (reason == "deleted")

    def test_a_deletion_of_a_log_that_was_never_begun_ends_it_too(self, tmp_path: Path) -> None:
        seal = Sealed(reason="deleted", last_seq=0, last_hash="0" * 32, ts="", writer="")
        (tmp_path / "s.jsonl").write_bytes(control_line(seal))
        assert directory(tmp_path).history("s") is None
        assert not is_there(directory(tmp_path))

    def test_it_reaches_back_to_the_first_event_unless_told_otherwise(
        self, tmp_path: Path
    ) -> None:
        log, _ = open_log(tmp_path)
        log.append([Clear()])
        directory(tmp_path).compact("s")
        log.append([set_event("a")])
        log.close()
        past = directory(tmp_path).history("s")
        assert past is not None
        assert (past.floor, [entry.event.seq for entry in past.rest]) == (0, [1, 2])
        short = directory(tmp_path).history("s", 1)
        assert short is not None
        assert (short.floor, [entry.event.seq for entry in short.rest]) == (1, [2])


class TestPacking:
    def test_what_cannot_be_packed_stays_and_the_error_says_so(self, tmp_path: Path) -> None:
        begin(tmp_path)
        before = files_in(tmp_path)
        storage = FaultyStorage(fails("write", errno.ENOSPC))
        with pytest.raises(StorageError, match="'s': its archive could not be packed") as caught:
            directory(tmp_path, storage).pack("s")
        assert caught.value.errno == errno.ENOSPC
        assert before <= files_in(tmp_path)
        assert directory(tmp_path).pack("s") == 1

    def test_it_ends_when_it_is_told_to(self, tmp_path: Path) -> None:
        begin(tmp_path)
        before = files_in(tmp_path)
        assert directory(tmp_path).pack("s", lambda: True) == 0
        assert files_in(tmp_path) == before
