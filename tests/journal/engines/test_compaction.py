"""Compaction of files: writers go on, history is kept, interruptions are survived."""

import errno
import gzip
import itertools
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.compaction import Compaction
from journal.engines.files.directory import Directory
from journal.engines.files.living import Living
from journal.engines.files.log import LogOptions
from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import CHUNK, DiskStorage
from journal.errors import (
    CompactionAbandonedError,
    CompactionError,
    DamagedError,
    LockTimeoutError,
    StorageError,
    UnsupportedFormatError,
    WrongSessionError,
)
from journal.events import Clear, Handoff
from journal.names import paths_of
from journal.reports import CompactionReport
from projections.view import View
from tests.journal.engines.seals import seal_line
from tests.support import (
    DiesAt,
    FailsAt,
    FaultyStorage,
    Killed,
    fails,
    files_in,
    is_there,
    open_log,
    set_event,
    turns_in,
)


def directory(folder: Path, storage: DiskStorage | None = None, **options: Any) -> Directory:
    settings = {"durability": "os", "lock_timeout": 5.0, **options}
    return Directory(str(folder), LogOptions(storage=storage or DiskStorage(), **settings))


def write_log(folder: Path, session: str = "s") -> Path:
    """A log of which one event of three is dead."""
    log, _ = open_log(folder, session)
    log.append([set_event("a"), set_event("b"), set_event("a")])
    log.close()
    return folder / f"{session}.jsonl"


def header_of(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_bytes().partition(b"\n")[0])
    assert isinstance(found, dict)
    return found


def living_in(folder: Path) -> list[str]:
    view = View()
    log = directory(folder).open("s", view)
    log.refresh()
    log.close()
    return list(view.turns["native"])


def test_kept_lines_are_the_same_bytes_and_the_archive_has_the_rest(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("b"), set_event("a")])
    lines = (tmp_path / "s.jsonl").read_bytes().splitlines()
    engine = directory(tmp_path)
    engine.compact("s")
    assert (tmp_path / "s.jsonl").read_bytes().splitlines()[1:] == [lines[3], lines[2]]
    archived = (tmp_path / "archive" / "s.3.jsonl").read_bytes().splitlines()
    assert archived[:-1] == lines
    assert archived[-1].startswith(b'{"op":"sealed","reason":"compacted","last_seq":3')
    assert engine.pack("s") == 1
    packed = tmp_path / "archive" / "s.3.jsonl.gz"
    assert gzip.decompress(packed.read_bytes()).splitlines() == archived
    assert files_in(tmp_path) == {"s.jsonl", "archive/s.3.jsonl.gz"}
    assert engine.verify("s").archived_events == 3


def test_history_can_be_dropped_with_all_that_was_archived_before(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    engine = directory(tmp_path)
    log.append([set_event("a"), set_event("a")])
    engine.compact("s")
    log.append([set_event("a")])
    engine.compact("s", "drop")
    assert files_in(tmp_path) == {"s.jsonl"}
    assert engine.verify("s").ok
    with pytest.raises(ValueError, match="history"):
        engine.compact("s", "burn")  # type: ignore[arg-type]


def test_a_damaged_log_is_archived_even_when_history_is_dropped(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("b"), set_event("c")])
    log.close()
    path = tmp_path / "s.jsonl"
    damaged = path.read_bytes().replace(b'{"turn":"b"}', b'{"turn":"x"}')
    path.write_bytes(damaged)
    engine = directory(tmp_path)
    engine.compact("s", "drop")
    assert (tmp_path / "archive" / "s.3.jsonl").read_bytes().startswith(damaged)
    assert turns_in(tmp_path) == ["a", "c"]


def test_what_is_appended_during_a_compaction_is_in_the_new_log(tmp_path: Path) -> None:
    """An append between any two calls of the compaction, from another descriptor."""
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    appended = ["a"]
    busy = threading.local()

    def interfere(name: str, args: tuple[object, ...]) -> None:
        quiet = name in ("lock", "unlock", "close") or hasattr(busy, "yes")
        if not quiet and not storage_locked():
            busy.yes = True
            turn = f"meanwhile-{len(appended)}"
            log.append([set_event(turn)])
            appended.append(turn)
            del busy.yes

    def storage_locked() -> bool:
        probe = LogFile(DiskStorage(), str(tmp_path / "s.jsonl"), create=False)
        free = DiskStorage.lock(probe.fd)
        probe.close()
        return not free

    report = directory(tmp_path, FaultyStorage(interfere)).compact("s")
    assert report is not None
    assert len(appended) > 10
    log.append([set_event("after")])
    assert turns_in(tmp_path) == [*appended, "after"]
    assert directory(tmp_path).verify("s").ok


def test_a_second_compaction_at_the_same_time_is_refused(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    refused: list[str] = []

    def fault(name: str, args: tuple[object, ...]) -> None:
        if name == "link":
            with pytest.raises(CompactionError, match="another compaction"):
                directory(tmp_path).compact("s")
            refused.append(name)

    directory(tmp_path, FaultyStorage(fault)).compact("s")
    assert refused == ["link"]


def test_a_log_deleted_while_it_is_compacted_stays_deleted(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    engine = directory(tmp_path)

    def fault(name: str, args: tuple[object, ...]) -> None:
        if name == "sync" and is_there(engine):
            engine.delete("s")

    with pytest.raises(CompactionError):
        directory(tmp_path, FaultyStorage(fault)).compact("s")
    assert not is_there(engine)
    assert files_in(tmp_path) == set()


def test_a_new_file_that_does_not_fold_to_the_same_is_never_put_in_place(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("b"), set_event("a")])
    before = (tmp_path / "s.jsonl").read_bytes()

    class Bends(DiskStorage):
        """A disk that turns a 1 of the new file into something else."""

        @staticmethod
        def write(fd: int, data: bytes) -> int:  # type: ignore[override]
            return DiskStorage.write(fd, data.replace(b'"turn":"b"', b'"turn":"B"'))

    with pytest.raises(CompactionError, match="does not fold"):
        directory(tmp_path, Bends()).compact("s")
    assert (tmp_path / "s.jsonl").read_bytes() == before
    assert files_in(tmp_path) == {"s.jsonl"}


@pytest.mark.parametrize("lost", ["a turn", "a handoff", "nothing"])
def test_any_difference_between_what_lives_and_what_was_written_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Also where we ourselves have forgotten something, or something is there besides."""
    log, _ = open_log(tmp_path)
    handoffs = [Handoff(source="a", target=target) for target in "bc"]
    log.append([*handoffs, set_event("a"), set_event("b"), set_event("a")])
    before = (tmp_path / "s.jsonl").read_bytes()
    lines = Living.lines
    forgotten = {"a turn": slice(0, -1), "a handoff": slice(1, None), "nothing": slice(None)}
    monkeypatch.setattr(Living, "lines", lambda self: [*lines(self)][forgotten[lost]])

    def add(name: str, args: tuple[Any, ...]) -> int | None:
        if lost == "nothing" and name == "write" and args[1].startswith(b'{"op":"open"'):
            head, newline, rest = args[1].partition(b"\n")
            DiskStorage.write(args[0], head + newline + b"garbage\n" + rest)
            return len(args[1])
        return None

    with pytest.raises(CompactionError, match="does not fold"):
        directory(tmp_path, FaultyStorage(add)).compact("s")
    assert (tmp_path / "s.jsonl").read_bytes() == before
    assert files_in(tmp_path) == {"s.jsonl"}


def test_a_compacted_log_that_lost_kept_events_is_archived_as_the_evidence_it_is(
    tmp_path: Path,
) -> None:
    """Nothing in it is dead, and nothing after the loss tells of it but its end."""
    path = write_log(tmp_path)
    directory(tmp_path).compact("s", "drop")
    cut = path.read_bytes().splitlines(keepends=True)[:-1]
    path.write_bytes(b"".join(cut))
    report = directory(tmp_path).compact("s", "drop")
    assert report is not None
    assert report.archive is not None
    assert Path(report.archive).read_bytes().startswith(b"".join(cut))
    assert (report.events_before, report.events_after) == (1, 1)
    assert turns_in(tmp_path) == ["a"]
    assert directory(tmp_path).compact("s", "drop") is not None


def test_where_nobody_appends_nothing_is_looked_for_twice(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a", {"x": "y" * (1 << 17)}), set_event("a", {"x": "y" * (1 << 17)})])
    calls: list[str] = []
    storage = FaultyStorage(lambda name, args: calls.append(name))
    assert directory(tmp_path, storage).compact("s") is not None
    rounds = 20
    assert 1 < calls.count("size") < rounds


def test_a_writer_that_finds_a_seal_reopens_the_path(tmp_path: Path) -> None:
    log, recorder = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    directory(tmp_path).compact("s")
    log.append([set_event("b")])
    assert b'"turn_id":"b"' in (tmp_path / "s.jsonl").read_bytes()
    assert b'"turn_id":"b"' not in (tmp_path / "archive" / "s.2.jsonl").read_bytes()
    assert [event.seq for event in recorder.events] == [1, 2, 3]


def test_many_compactions_keep_the_chain_through_all_archives(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    engine = directory(tmp_path)
    for number in range(1, 6):
        log.append([set_event("a", {"n": number}), set_event(f"t{number}"), set_event("x")])
        engine.compact("s")
        if number % 2:
            engine.pack("s")
    log.append([Clear()])
    engine.compact("s")
    report = engine.verify("s")
    assert report.ok
    archives = len(list((tmp_path / "archive").iterdir()))
    assert archives == 5, "all but the first, which found nothing dead"
    assert turns_in(tmp_path) == []


def test_memory_of_a_compaction_is_places_not_states(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event(str(n), {"text": "x" * 1000}) for n in range(50)])
    log.append([set_event("0", {"text": "y"})])
    paths = paths_of(str(tmp_path), "s")
    run = Compaction(DiskStorage(), paths, "archive", 5.0, "w", lambda: False)
    report = run.run()
    assert report is not None
    view = View()
    fresh = directory(tmp_path).open("s", view)
    fresh.refresh()
    assert list(view.turns["native"]) == [str(n) for n in range(50)]


def test_a_log_emptied_behind_our_back_is_not_begun_anew(tmp_path: Path) -> None:
    """What was compacted has begun: an empty file in its place is a loss, not a start."""
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    directory(tmp_path).compact("s")
    directory(tmp_path).pack("s")
    (tmp_path / "s.jsonl").write_bytes(b"")
    fresh, _ = open_log(tmp_path)
    with pytest.raises(DamagedError, match="archive"):
        fresh.refresh()
    with pytest.raises(DamagedError):
        fresh.append([set_event("b")])
    assert not directory(tmp_path).verify("s").ok


def test_an_archive_is_never_overwritten(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    directory(tmp_path).compact("s")
    directory(tmp_path).pack("s")
    packed = (tmp_path / "archive" / "s.2.jsonl.gz").read_bytes()
    log.close()
    (tmp_path / "s.jsonl").unlink()  # somebody removes the log, but not its history
    again, _ = open_log(tmp_path)
    again.append([set_event("b"), set_event("b")])
    directory(tmp_path).compact("s")
    assert packed in [path.read_bytes() for path in (tmp_path / "archive").iterdir()]
    assert directory(tmp_path).verify("s").ok


@pytest.mark.parametrize("operation", ["compact", "pack", "begin"])
def test_nothing_is_renamed_before_it_is_synced(tmp_path: Path, operation: str) -> None:
    """A rename may reach the disk before what was written under the old name."""
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    if operation == "pack":
        directory(tmp_path).compact("s")
    dirty: set[object] = set()
    renamed: list[object] = []

    def watch(name: str, args: tuple[object, ...]) -> None:
        if name in ("write", "truncate"):
            dirty.add(args[0])
        elif name in ("sync", "close"):
            assert name == "sync" or args[0] not in dirty, "closed before it was synced"
            dirty.discard(args[0])
        elif name == "rename":
            assert dirty == set(), "renamed before it was synced"
            renamed.append(args)

    storage = FaultyStorage(watch)
    if operation == "begin":
        fresh, _ = open_log(tmp_path, "older", storage=storage)
        fresh.append([set_event("new")], import_events=lambda: [set_event("imported")])
    elif operation == "compact":
        appended: list[str] = []

        def append_meanwhile(name: str, args: tuple[object, ...]) -> None:
            watch(name, args)
            if name == "sync" and not appended:
                appended.append("b")
                log.append([set_event("b")])

        directory(tmp_path, FaultyStorage(append_meanwhile)).compact("s")
        assert turns_in(tmp_path) == ["a", "b"]
    else:
        directory(tmp_path, storage).pack("s")
    assert len(renamed) == 1


def test_history_is_dropped_also_when_nothing_in_the_log_is_dead(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    directory = Directory(str(tmp_path), LogOptions(durability="os"))
    directory.compact("s")
    assert list((tmp_path / "archive").iterdir())
    report = directory.compact("s", "drop")
    assert report is not None
    assert report.events_before == report.events_after == 1
    assert list((tmp_path / "archive").iterdir()) == []
    assert directory.verify("s").problems == []
    assert log.append([set_event("b")]).seq == 3
    log.close()


def test_the_report_and_the_header_say_what_was_done(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    before = header_of(path)
    size = path.stat().st_size
    report = directory(tmp_path, writer="me").compact("s")
    archive = tmp_path / "archive" / "s.3.jsonl"
    assert report == CompactionReport(
        session_id="s",
        events_before=3,
        events_after=2,
        bytes_before=size,
        bytes_after=path.stat().st_size,
        base_seq=3,
        archive=str(archive),
    )
    head = directory(tmp_path).verify("s").head
    assert head is not None
    after = header_of(path)
    assert {key: after[key] for key in ("format", "session_id", "log_id")} == {
        key: before[key] for key in ("format", "session_id", "log_id")
    }
    assert (after["base_seq"], after["base_hash"], after["kept"]) == (3, head.hash, 2)
    assert (after["archive"], after["writer"]) == ("s.3.jsonl", "me")
    assert json.loads(archive.read_bytes().splitlines()[-1])["writer"] == "me"


def test_the_report_of_a_compaction_that_found_nothing_dead(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    directory(tmp_path).compact("s")
    size = path.stat().st_size
    assert directory(tmp_path).compact("s") == CompactionReport(
        session_id="s",
        events_before=2,
        events_after=2,
        bytes_before=size,
        bytes_after=size,
        base_seq=3,
        archive=None,
    )


@pytest.mark.parametrize("content", [b"", b'{"op":"open","form'], ids=["empty", "half a header"])
def test_a_log_that_was_never_begun_is_no_session(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.jsonl").write_bytes(content)
    assert directory(tmp_path).compact("s") is None
    assert (tmp_path / "s.jsonl").read_bytes() == content
    assert files_in(tmp_path) == {"s.jsonl"}


def test_a_log_without_its_header_is_compacted_as_the_damaged_log_it_is(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    report = directory(tmp_path).compact("s")
    assert report is not None
    assert (report.events_before, report.events_after) == (3, 2)
    assert turns_in(tmp_path) == ["a", "b"]
    assert len(header_of(path)["log_id"]) == 16


@pytest.mark.parametrize("call", ["open", "read", "size", "identify", "find", "own_names"])
def test_what_the_system_refuses_to_read_is_an_error_and_changes_nothing(
    tmp_path: Path, call: str
) -> None:
    before = write_log(tmp_path).read_bytes()
    with pytest.raises(StorageError, match="Input/output error") as caught:
        directory(tmp_path, FaultyStorage(fails(call, errno.EIO))).compact("s")
    assert caught.value.errno == errno.EIO
    assert (tmp_path / "s.jsonl").read_bytes() == before
    directory(tmp_path).compact("s")  # nobody holds its lock, whoever keeps the error
    assert files_in(tmp_path) == {"s.jsonl", "archive/s.3.jsonl"}


def test_a_call_that_fails_leaves_the_log_as_it_was_or_compacted(tmp_path: Path) -> None:
    """Every call that changes the disk, one after the other, and what the error says."""
    told: list[str] = []
    numbers: set[int | None] = set()
    for number in itertools.count():
        folder = tmp_path / str(number)
        before = write_log(folder).read_bytes()
        fault = FailsAt(number, errno.EIO)
        try:
            directory(folder, FaultyStorage(fault)).compact("s")
        except StorageError as error:
            told.append("was compacted" if "'s': was compacted, but" in str(error) else "was")
            numbers.add(error.errno)
        else:
            assert fault.failed is None, "a failed call went unnoticed"
            break
        if told[-1] == "was":
            assert (folder / "s.jsonl").read_bytes() == before, number
            assert files_in(folder) == {"s.jsonl"}, number
        else:
            assert files_in(folder) == {"s.jsonl", "archive/s.3.jsonl"}
        assert directory(folder).verify("s").ok, number
        assert open_log(folder)[0].append([set_event("c")]).seq == 4
        assert living_in(folder) == ["a", "b", "c"]
    assert told == ["was"] * (len(told) - 1) + ["was compacted"]
    assert len(told) > 10
    assert numbers == {errno.EIO}


def test_killed_at_any_call_the_next_compaction_leaves_nothing_behind(tmp_path: Path) -> None:
    for number in itertools.count():
        folder = tmp_path / str(number)
        write_log(folder)
        try:
            directory(folder, FaultyStorage(DiesAt(number))).compact("s")
            break
        except Killed:
            pass
        report = directory(folder).compact("s")
        assert report is not None
        assert files_in(folder) == {"s.jsonl", "archive/s.3.jsonl"}, number
        assert directory(folder).verify("s").ok, number
        assert turns_in(folder) == ["a", "b"], number
    assert number > 10


def test_an_interrupt_after_the_rename_takes_nothing_back(tmp_path: Path) -> None:
    write_log(tmp_path)
    real = DiskStorage()

    def interrupt(name: str, args: tuple[Any, ...]) -> None:
        if name == "rename":
            real.rename(*args)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        directory(tmp_path, FaultyStorage(interrupt)).compact("s")
    assert files_in(tmp_path) == {"s.jsonl", "archive/s.3.jsonl"}
    assert (tmp_path / "archive" / "s.3.jsonl").read_bytes().count(b'"op":"sealed"') == 1
    assert directory(tmp_path).verify("s").ok


def test_what_may_not_be_written_is_not_compacted(tmp_path: Path) -> None:
    before = write_log(tmp_path).read_bytes()

    def read_only(name: str, args: tuple[Any, ...]) -> None:
        if name == "open" and args[1] & os.O_RDWR and args[0].endswith("s.jsonl"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with pytest.raises(StorageError, match=r"'s': compaction failed \(Read-only") as caught:
        directory(tmp_path, FaultyStorage(read_only)).compact("s")
    assert caught.value.errno == errno.EROFS
    assert (tmp_path / "s.jsonl").read_bytes() == before


def test_logs_that_are_not_ours_to_rewrite_are_refused(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    ours = path.read_bytes()
    theirs = write_log(tmp_path, "theirs").read_bytes()
    newer = ours.replace(b'"format":1', b'"format":2')
    refusals = [(newer, UnsupportedFormatError, "format 2"), (theirs, WrongSessionError, "theirs")]
    for content, kind, text in refusals:
        path.write_bytes(content)
        with pytest.raises(kind, match=text):
            directory(tmp_path).compact("s")
        assert path.read_bytes() == content


def test_a_writer_that_does_not_let_go_makes_it_give_up(tmp_path: Path) -> None:
    before = write_log(tmp_path).read_bytes()
    log, _ = open_log(tmp_path)
    log.refresh()
    assert log.file is not None
    assert log.file.try_lock()
    with pytest.raises(LockTimeoutError, match=r"for 0\.01 s"):
        directory(tmp_path, lock_timeout=0.01).compact("s")
    assert (tmp_path / "s.jsonl").read_bytes() == before
    assert files_in(tmp_path) == {"s.jsonl"}


def test_two_that_begin_at_once_do_not_write_into_each_others_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scratch file of the first has just become the log when the second locks it."""
    write_log(tmp_path)
    left = ["lock"]
    opened: list[LogFile] = []  # none is closed just because nobody has it any more
    monkeypatch.setattr("journal.engines.files.logfile.tell_after_fork", opened.append)

    def compact_first(name: str, args: tuple[Any, ...]) -> None:
        if name in left:
            left.remove(name)
            directory(tmp_path).compact("s")

    with pytest.raises(CompactionError, match="'s': the log was replaced or cut"):
        directory(tmp_path, FaultyStorage(compact_first)).compact("s")
    assert [file.path for file in opened if file.is_open] == []
    assert files_in(tmp_path) == {"s.jsonl", "archive/s.3.jsonl"}
    assert turns_in(tmp_path) == ["a", "b"]
    assert directory(tmp_path).verify("s").ok


def test_a_writer_faster_than_the_copying_is_made_to_wait_in_the_end(tmp_path: Path) -> None:
    """Each round finds more than is worth locking out the writers for, but rounds end."""
    write_log(tmp_path)
    log, _ = open_log(tmp_path)
    wrote: list[str] = []
    folds = len(range(1 + 20))  # before the first round, then in each

    def append_more(name: str, args: tuple[Any, ...]) -> None:
        if name == "size" and len(wrote) < 1000:
            wrote.append(name)
            try:
                log.append([set_event(str(len(wrote)), {"x": "y" * (1 << 17)})])
            except LockTimeoutError:
                wrote.pop()

    log.close()
    log, _ = open_log(tmp_path, lock_timeout=0.0)
    report = directory(tmp_path, FaultyStorage(append_more)).compact("s")
    assert report is not None
    assert folds < len(wrote) < 100
    assert turns_in(tmp_path) == ["a", "b", *map(str, range(1, len(wrote) + 1))]
    assert directory(tmp_path).verify("s").ok
    assert report.events_after == 2 + len(wrote)
    assert report.events_before == 3 + len(wrote)


def test_a_log_damaged_while_it_is_compacted_stays_as_it_is(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    log, _ = open_log(tmp_path)
    left = ["sync"]

    def damage(name: str, args: tuple[Any, ...]) -> None:
        if name in left:
            left.remove(name)
            with path.open("ab") as file:
                file.write(b"garbage\n")
            end = path.stat().st_size
            with path.open("ab") as file:
                file.write(lines[-1])
            assert path.stat().st_size > end

    lines = path.read_bytes().splitlines(keepends=True)
    log.append([set_event("c")])
    lines = path.read_bytes().splitlines(keepends=True)
    os.truncate(path, path.stat().st_size - len(lines[-1]))
    with pytest.raises(CompactionError, match="replaced or cut"):
        directory(tmp_path, FaultyStorage(damage)).compact("s")
    assert path.read_bytes() == b"".join([*lines[:-1], b"garbage\n", lines[-1]])
    assert files_in(tmp_path) == {"s.jsonl"}


def test_a_log_cut_while_it_is_compacted_stays_as_it_is(tmp_path: Path) -> None:
    """What the compaction has folded is not there any more: nothing may come of it."""
    path = write_log(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    left = ["sync"]

    def cut(name: str, args: tuple[Any, ...]) -> None:
        if name in left:
            left.remove(name)
            os.truncate(path, path.stat().st_size - len(lines[-1]))
            open_log(tmp_path)[0].append([set_event("c")])

    with pytest.raises(CompactionError, match="replaced or cut"):
        directory(tmp_path, FaultyStorage(cut)).compact("s")
    assert turns_in(tmp_path) == ["a", "b", "c"]
    assert files_in(tmp_path) == {"s.jsonl"}


def test_the_seal_of_a_compaction_that_died_is_taken_off(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    lines = path.read_bytes()
    path.write_bytes(lines + seal_line("compacted") + b"half a li")
    assert directory(tmp_path).compact("s") is not None
    archived = (tmp_path / "archive" / "s.3.jsonl").read_bytes()
    assert archived.startswith(lines)
    assert archived.count(b'"op":"sealed"') == 1
    assert turns_in(tmp_path) == ["a", "b"]
    assert [n.rpartition(".")[2] for n in files_in(tmp_path)].count("torn") == 1


def test_a_session_whose_deletion_was_begun_is_not_brought_back(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    sealed = path.read_bytes() + seal_line("deleted")
    path.write_bytes(sealed)
    assert directory(tmp_path).compact("s") is None
    assert path.read_bytes() == sealed
    assert not is_there(directory(tmp_path))


def test_a_deletion_that_dies_in_the_middle_of_a_compaction_is_not_undone(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    left = ["sync"]

    def seal(name: str, args: tuple[Any, ...]) -> None:
        if name in left:
            left.remove(name)
            with path.open("ab") as file:
                file.write(seal_line("deleted"))

    before = path.read_bytes()
    with pytest.raises(CompactionError):
        directory(tmp_path, FaultyStorage(seal)).compact("s")
    assert path.read_bytes() == before + seal_line("deleted")
    assert files_in(tmp_path) == {"s.jsonl"}
    assert not is_there(directory(tmp_path))


def test_a_torn_tail_is_not_archived_but_set_aside(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    with path.open("ab") as file:
        file.write(b"half a li")
    directory(tmp_path).compact("s")
    assert b"half a li" not in (tmp_path / "archive" / "s.3.jsonl").read_bytes()
    assert [p.read_bytes() for p in tmp_path.glob("archive/*.torn")] == [b"half a li"]


def test_no_name_in_the_archive_is_taken_twice(tmp_path: Path) -> None:
    """A log lost with its history still there; another reaches the same seq, again and again."""
    contents: list[bytes] = []
    for number in range(4):
        path = write_log(tmp_path)
        directory(tmp_path).compact("s")
        name = header_of(path)["archive"]
        assert name == ("s.3.jsonl" if number == 0 else f"s.3-{number + 1}.jsonl")
        contents.append((tmp_path / "archive" / name).read_bytes())
        if number == 1:
            directory(tmp_path).pack("s")
        path.unlink()
    found = [path.read_bytes() for path in (tmp_path / "archive").iterdir()]
    assert sorted(gzip.decompress(c) if c[:2] == b"\x1f\x8b" else c for c in found) == sorted(
        contents
    )


def test_unfinished_copies_go_but_only_of_this_session(tmp_path: Path) -> None:
    write_log(tmp_path)
    archive = tmp_path / "archive"
    archive.mkdir()
    for name in ("s.9-aa.torn.new", "s2.9-aa.torn.new", "s.1-bb.torn", "s.7.jsonl"):
        (archive / name).write_bytes(b"x")
    os.link(tmp_path / "s.jsonl", archive / "s.2.jsonl")  # of a compaction that died
    directory(tmp_path).compact("s")
    kept = {"s2.9-aa.torn.new", "s.1-bb.torn", "s.7.jsonl", "s.3.jsonl"}
    assert {path.name for path in archive.iterdir()} == kept


def test_a_scratch_file_that_cannot_be_removed_hides_no_error_and_is_used_again(
    tmp_path: Path,
) -> None:
    before = write_log(tmp_path).read_bytes()

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "unlink" or (name == "link" and args):
            raise OSError(errno.EACCES if name == "unlink" else errno.ENOSPC, "no")

    with pytest.raises(StorageError) as caught:
        directory(tmp_path, FaultyStorage(fault)).compact("s")
    assert caught.value.errno == errno.ENOSPC
    assert (tmp_path / "s.jsonl").read_bytes() == before
    (tmp_path / "s.jsonl.new").write_bytes(b"x" * 10_000)
    directory(tmp_path).compact("s")
    assert files_in(tmp_path) == {"s.jsonl", "archive/s.3.jsonl"}
    assert directory(tmp_path).verify("s").ok


def test_more_than_is_written_at_a_time_comes_in_order(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    for number in range(6):
        log.append([set_event(str(number), {"text": str(number) * (CHUNK // 2)})])
    log.append([set_event("0"), Handoff(source="a", target="b")])
    lines = (tmp_path / "s.jsonl").read_bytes().splitlines(keepends=True)
    widest: list[int] = []

    def measure(name: str, args: tuple[Any, ...]) -> None:
        if name == "write":
            widest.append(len(args[1]))

    report = directory(tmp_path, FaultyStorage(measure)).compact("s")
    assert report is not None
    kept = (tmp_path / "s.jsonl").read_bytes().splitlines(keepends=True)[1:]
    assert kept == [lines[8], lines[7], *lines[2:7]]
    assert max(widest) < 2 * CHUNK
    assert len(widest) < 6
    assert report.bytes_after == (tmp_path / "s.jsonl").stat().st_size


def test_handoffs_out_of_order_in_a_log_without_a_header_are_kept_in_order(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    handoffs = [Handoff(source="a", target=target) for target in "bc"]
    log.append([*handoffs, set_event("a"), set_event("a")])
    log.close()
    path = tmp_path / "s.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[2], lines[1], *lines[3:]]))
    directory(tmp_path).compact("s")
    assert path.read_bytes().splitlines(keepends=True)[1:] == [lines[1], lines[2], lines[4]]


def test_what_was_copied_is_on_the_disk_before_the_writers_are_made_to_wait(
    tmp_path: Path,
) -> None:
    write_log(tmp_path)
    log, _ = open_log(tmp_path)
    dirty: set[object] = set()
    waits: list[set[object]] = []
    sizes: list[int] = []
    left = ["sync"]

    def watch(name: str, args: tuple[Any, ...]) -> None:
        if name == "write":
            dirty.add(args[0])
        elif name == "sync":
            dirty.discard(args[0])
        elif name == "lock":
            waits.append(set(dirty))
            sizes.append((tmp_path / "s.jsonl.new").stat().st_size)
        if name in left:
            left.remove(name)
            log.append([set_event("c", {"x": "y" * (1 << 17)})])

    directory(tmp_path, FaultyStorage(watch)).compact("s")
    assert waits == [set(), set()], "of the scratch file, then of the log"
    assert sizes[1] == (tmp_path / "s.jsonl").stat().st_size
    assert turns_in(tmp_path) == ["a", "b", "c"]


def test_what_may_take_long_to_sync_is_synced_before_the_writers_are_caught_up_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they append during such a sync is copied without making them wait."""
    write_log(tmp_path)
    numbers: list[int] = []
    monkeypatch.setattr(
        "journal.engines.files.logfile.tell_after_fork", lambda file: numbers.append(file.fd)
    )
    calls: list[tuple[str, Any]] = []
    storage = FaultyStorage(lambda name, args: calls.append((name, args[0] if args else None)))
    assert directory(tmp_path, storage).compact("s") is not None
    old, new = numbers
    proof = calls.index(("read", new))
    assert ("sync", new) in calls[:proof], "what is proven is what the disk has"
    caught_up = calls.index(("size", old), proof)
    assert ("sync", old) in calls[proof:caught_up]
    locked = calls.index(("lock", old))
    assert {("sync", old), ("sync", new)} <= set(calls[caught_up:locked])


def test_the_archive_is_on_the_disk_before_what_it_archives_is_replaced(tmp_path: Path) -> None:
    write_log(tmp_path)
    calls: list[tuple[str, Any]] = []
    storage = FaultyStorage(lambda name, args: calls.append((name, args[0] if args else None)))
    directory(tmp_path, storage).compact("s")
    archive = str(tmp_path / "archive")
    made = calls.index(("make_folder", archive))
    renamed = [name for name, _ in calls].index("rename")
    assert ("sync_folder", str(tmp_path)) in calls[made:renamed]
    assert ("sync_folder", archive) in calls[made:renamed]
    assert ("sync_folder", str(tmp_path)) in calls[renamed:]


def test_a_line_that_is_being_written_while_it_is_copied_comes_whole(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    begun = path.stat().st_size
    log, _ = open_log(tmp_path)
    log.append([set_event("c", {"x": "y" * (1 << 17)}), set_event("d", {"z": "z" * 1000})])
    log.close()
    rest = path.read_bytes()[begun:]
    os.truncate(path, begun)
    syncs: list[str] = []
    pieces = {1: rest[:-500], 3: rest[-500:]}  # before the first round, and after it

    def write(name: str, args: tuple[Any, ...]) -> None:
        if name == "sync":
            syncs.append(name)
            with path.open("ab") as file:
                file.write(pieces.pop(len(syncs), b""))

    directory(tmp_path, FaultyStorage(write)).compact("s")
    assert pieces == {}
    assert turns_in(tmp_path) == ["a", "b", "c", "d"]
    assert directory(tmp_path).verify("s").ok


def count_stops(folder: Path) -> int:
    """How often a compaction of such a log asks whether to stop."""
    folder.mkdir()
    write_log(folder)
    asks: list[bool] = []

    def stop() -> bool:
        asks.append(False)
        return False

    directory(folder).compact("s", stop=stop)
    return len(asks)


class TestStopping:
    def test_told_to_stop_at_any_moment_it_leaves_all_as_it_was(self, tmp_path: Path) -> None:
        """`stop` says True the nth time that it is asked, for every n there is."""
        path = write_log(tmp_path)
        before = path.read_bytes()
        asks = count_stops(tmp_path / "twin")
        assert asks > 2
        for number in range(asks):
            answers = iter([False] * number + [True])
            with pytest.raises(CompactionAbandonedError, match=r"'s': .+ asked to stop"):
                directory(tmp_path).compact("s", stop=answers.__next__)
            assert path.read_bytes() == before
            assert files_in(tmp_path) == {"s.jsonl", "twin/s.jsonl", "twin/archive/s.3.jsonl"}
        assert directory(tmp_path).compact("s") is not None

    def test_it_asks_after_every_few_bytes_but_not_between_the_seal_and_the_rename(
        self, tmp_path: Path
    ) -> None:
        """However large the log is, so that whoever waits for it to stop does not wait long."""
        log, _ = open_log(tmp_path)
        log.append([set_event(f"t{n}", "x" * 50_000) for n in range(80)])
        log.append([set_event("t0")])
        log.close()
        since, most, calls = 0, 0, list[str]()

        def count(name: str, args: tuple[Any, ...]) -> None:
            nonlocal since
            calls.append(name)
            if name == "read":
                since += args[1]
            elif name == "write":
                since += len(args[1])

        def stop() -> bool:
            nonlocal since, most
            calls.append("stop")
            since, most = 0, max(most, since)
            return False

        assert directory(tmp_path, FaultyStorage(count)).compact("s", stop=stop) is not None
        assert calls.count("stop") > 2 * (4_000_000 // CHUNK)
        assert most <= 4 * CHUNK
        last = len(calls) - calls[::-1].index("stop")
        assert calls[last:].count("rename") == 1
        assert calls[last:].count("write") == 1, "of the seal"

    def test_it_stops_while_it_waits_for_a_writer(self, tmp_path: Path) -> None:
        path = write_log(tmp_path)
        before = path.read_bytes()
        writer, _ = open_log(tmp_path)
        writer.refresh()
        assert writer.file is not None
        assert writer.file.try_lock()
        tries: list[str] = []

        def watch(name: str, args: tuple[Any, ...]) -> None:
            if name == "lock":
                tries.append(name)

        engine = directory(tmp_path, FaultyStorage(watch), lock_timeout=60.0)
        with pytest.raises(CompactionAbandonedError, match="asked to stop"):
            engine.compact("s", stop=lambda: len(tries) > 3)
        writer.close()
        assert path.read_bytes() == before
        assert files_in(tmp_path) == {"s.jsonl"}
        assert directory(tmp_path).compact("s") is not None


def test_another_that_was_quicker_is_noticed_before_anything_is_written(tmp_path: Path) -> None:
    write_log(tmp_path)
    calls: list[str] = []

    def compact_first(name: str, args: tuple[Any, ...]) -> None:
        if name == "lock" and "lock" not in calls:
            directory(tmp_path).compact("s")
        calls.append(name)

    with pytest.raises(CompactionAbandonedError):
        directory(tmp_path, FaultyStorage(compact_first)).compact("s")
    assert "write" not in calls


def test_a_session_deleted_while_it_is_packed_fails_no_packing(tmp_path: Path) -> None:
    """Before any call of the packing; another compaction's leftovers are there too."""
    for number in range(200):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_log(folder)
        engine = directory(folder)
        engine.compact("s")
        (folder / "archive" / "s.1.jsonl.gz.new").write_bytes(b"unfinished")
        calls = 0

        def delete(name: str, args: tuple[Any, ...], number: int = number) -> None:
            nonlocal calls
            if calls == number:
                directory(folder).delete("s")  # noqa: B023 - called in this very round
            calls += 1

        directory(folder, FaultyStorage(delete)).pack("s")
        if calls <= number:
            break
        assert files_in(folder) == set()
    assert number > 15
    assert files_in(folder) == {"s.jsonl", "archive/s.3.jsonl.gz"}
