"""An open log file: its number never outlives it, and it is opened for no more than is done."""

import gc
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import DiskStorage
from journal.errors import ReadError, SyncError
from tests.support import FaultyStorage

PATIENCE = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "s.jsonl").write_bytes(b"some bytes\n")
    return tmp_path / "s.jsonl"


@pytest.fixture
def decoy(tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """Opens a file of somebody else, which gets the lowest free number."""
    opened: list[int] = []

    def open_it() -> Path:
        place = tmp_path / f"decoy-{len(opened)}"
        opened.append(os.open(place, os.O_CREAT | os.O_RDWR | os.O_APPEND))
        return place

    yield open_it
    for fd in opened:
        os.close(fd)


def open_file(path: Path, storage: DiskStorage | None = None, **how: bool) -> LogFile:
    return LogFile(storage or DiskStorage(), str(path), **{"create": False, **how})


def closed_by_hand(file: LogFile) -> None:
    file.close()


def closed_by_a_fork(file: LogFile) -> None:
    file.after_fork()


@pytest.mark.parametrize("close", [closed_by_hand, closed_by_a_fork])
def test_whoever_comes_after_the_close_reaches_no_other_file(
    path: Path, decoy: Callable[[], Path], close: Callable[[LogFile], None]
) -> None:
    file = open_file(path, write=True)
    number = file.fd
    close(file)
    other = decoy()
    assert os.fstat(number).st_ino == other.stat().st_ino, "the number is used again"
    for use in (
        lambda: DiskStorage.write(file.fd, b"ours"),
        lambda: DiskStorage.truncate(file.fd, 0),
        lambda: list(file.chunks(0, 10)),
        file.size,
        file.try_lock,
        file.unlock,
    ):
        with pytest.raises(OSError, match="Bad file descriptor"):
            use()
    assert other.read_bytes() == b""
    file.close()
    close(file)
    os.fstat(number)  # which nobody has closed a second time


def test_what_reads_on_after_a_close_gets_an_error_and_no_bytes_of_others(path: Path) -> None:
    """As in a forked child that goes on with an iterator of its parent's."""
    path.write_bytes(b"x" * (1 << 20) + b"the rest")
    file = open_file(path)
    pieces = file.chunks(0, path.stat().st_size)
    assert len(next(pieces)) == 1 << 20
    file.after_fork()
    with path.open("rb"), pytest.raises(OSError, match="Bad file descriptor"):
        next(pieces)  # and not from the file that has the number now


def test_a_finalizer_that_uses_a_file_collected_with_it_reaches_no_other(
    path: Path, decoy: Callable[[], Path]
) -> None:
    """Finalizers of one collection come in any order; weak references' callbacks before all."""
    came: list[object] = []

    class Late:
        def __init__(self) -> None:
            self.file = open_file(path, write=True)
            self.me = self

        def __del__(self) -> None:
            came.append(decoy())
            try:
                came.append(DiskStorage.write(self.file.fd, b"late\n"))
            except OSError as error:
                came.append(error)

    Late()
    gc.collect()
    other, outcome = came
    assert isinstance(other, Path)
    assert other.read_bytes() == b""
    ours = path.read_bytes().count(b"late\n")
    assert ours == 1 if outcome == 5 else isinstance(outcome, OSError)


def test_a_file_that_is_dropped_is_closed(path: Path) -> None:
    file = open_file(path)
    number = file.fd
    del file
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_a_file_that_was_never_quite_made_is_dropped_in_silence() -> None:
    """Deep in calls there may be no stack left for the first of its lines."""
    file = LogFile.__new__(LogFile)
    file.__del__()
    assert not file.is_open


def test_at_the_end_of_the_program_a_dropped_file_stays_open(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that was stopped may be about to use its number."""
    file = open_file(path)
    file.__del__(lambda: True)
    os.fstat(file.fd)
    file.close()


def test_a_close_in_the_middle_of_a_sync_on_the_same_thread_syncs_first(path: Path) -> None:
    """A signal handler that closes. What was written is on the disk, and that is said."""
    synced: list[int] = []
    files: list[LogFile] = []

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "sync_folder" and not synced:
            synced.append(-1)
            files[0].close()
        elif name == "sync":
            synced.append(args[0])

    files.append(open_file(path, FaultyStorage(fault), write=True))
    number = files[0].fd
    ticket = files[0].mark_written()
    files[0].sync_through(ticket)
    assert synced[:2] == [-1, number]
    assert synced[2:] == [files[0].fd], "of no file at all"
    files[0].sync_through(ticket)


def test_in_a_forked_child_nothing_is_taken_for_synced(path: Path) -> None:
    file = open_file(path, write=True)
    ticket = file.mark_written()
    file.after_fork()
    with pytest.raises(SyncError, match="closed by a fork"):
        file.sync_through(ticket)


# Opened for no more than is done


def flags_of(number: int) -> int:
    lines = Path(f"/proc/self/fdinfo/{number}").read_text().split("\n")
    (flags,) = (line.split()[1] for line in lines if line.startswith("flags:"))
    return int(flags, 8)


def test_a_reader_opens_read_only_and_a_writer_to_append(path: Path) -> None:
    reader, writer = open_file(path), open_file(path, write=True)
    assert flags_of(reader.fd) & os.O_ACCMODE == os.O_RDONLY
    assert flags_of(writer.fd) & os.O_ACCMODE == os.O_RDWR
    assert flags_of(writer.fd) & os.O_APPEND


def test_a_reader_becomes_a_writer_of_the_same_file(path: Path) -> None:
    calls: Counter[str] = Counter()
    storage = FaultyStorage(lambda name, args: calls.update((name,)))
    file = open_file(path, storage)
    before = file.fd
    calls.clear()
    assert file.allow_writing()
    assert calls == {"open": 1, "identify": 1, "close": 1}
    assert flags_of(file.fd) & (os.O_ACCMODE | os.O_APPEND) == os.O_RDWR | os.O_APPEND
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(before)
    calls.clear()
    assert file.allow_writing()
    assert not calls, "it is a writer already"


def test_a_reader_whose_path_leads_elsewhere_becomes_no_writer(path: Path) -> None:
    file = open_file(path)
    path.rename(path.with_suffix(".old"))
    assert not file.allow_writing()
    assert list(file.chunks(0, 4)) == [b"some"], "for a reader it goes on"
    path.write_bytes(b"another\n")
    assert not file.allow_writing()
    assert not file.is_open
    assert path.read_bytes() == b"another\n"


def test_a_reader_becomes_no_writer_of_a_folder_or_a_link(path: Path) -> None:
    def make_link() -> None:
        path.symlink_to("elsewhere")

    for put in (path.mkdir, make_link):
        path.unlink(missing_ok=True)
        path.write_bytes(b"bytes\n")
        file = open_file(path)
        path.unlink()
        put()
        with pytest.raises(ReadError, match=r"link|directory"):
            file.allow_writing()
        path.rmdir() if not path.is_symlink() else path.unlink()


def test_a_reader_becomes_no_writer_of_a_pipe(path: Path) -> None:
    file = open_file(path)
    path.unlink()
    os.mkfifo(path)
    assert not file.allow_writing()
    assert not file.is_open


def test_where_nobody_may_write_a_reader_stays_one_and_says_why(path: Path) -> None:
    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "open" and args[1] & os.O_ACCMODE != os.O_RDONLY:
            raise PermissionError(13, "Permission denied")

    file = open_file(path, FaultyStorage(fault))
    assert file.allow_writing()
    assert isinstance(file.write_error, PermissionError)
    assert list(file.chunks(0, 4)) == [b"some"]


def test_becoming_a_writer_waits_for_a_sync_that_uses_the_number(path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "sync":
            begun.set()
            assert go_on.wait(PATIENCE)
            order.append("synced")
        elif name == "close":
            order.append("closed")

    file = open_file(path, FaultyStorage(fault))
    ticket = file.mark_written()
    syncing = threading.Thread(target=file.sync_through, args=(ticket,))
    syncing.start()
    assert begun.wait(PATIENCE)
    changing = threading.Thread(target=file.allow_writing)
    changing.start()
    changing.join(0.05)
    go_on.set()
    for thread in (syncing, changing):
        thread.join(PATIENCE)
    assert order == ["synced", "closed"]


def test_pieces_end_where_the_file_turns_out_to_be_shorter(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"x" * 10)
    file = LogFile(DiskStorage(), str(path), create=False)
    pieces = file.chunks(0, 20)
    assert next(pieces) == b"x" * 10
    assert list(pieces) == []
    file.close()
