"""What a log has lost is put back from its archives, or from a copy: byte for byte, or not."""

import os
import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journal.codec import decode_line, decode_lines
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.restoring import RestoreReport, plan_restoration, restore
from journal.engines.files.storage import DiskStorage
from journal.engines.files.survey import Gap, Survey
from journal.errors import CompactionError, JournalError, NotFoundError
from journal.events import Event, Open
from journal.names import paths_of
from journal.scan import Scanner
from tests.faults.sizes import sized
from tests.journal.engines.restorations import compacted, lines, log, restored, store_in
from tests.support import (
    DiesAt,
    FaultyStorage,
    Killed,
    finish,
    finish_maintenance,
    forked,
    set_event,
)

MOST_CALLS = 100


def work(folder: Path, dice: random.Random, steps: int = 40) -> None:
    """A session that was compacted a few times, with turns that live and turns that do not."""
    with store_in(folder) as store:
        for number in range(steps):
            match dice.choice(["set"] * 8 + ["clear", "hand off", "compact"]):
                case "set":
                    turn = f"t{dice.randrange(6)}"
                    store.set_runtime_state("s", dice.choice("xy"), turn, {"n": number})
                case "clear":
                    store.clear_runtime_state("s", "x")
                case "hand off":
                    store.hand_off("s", "x", "y")
                case _:
                    store.compact("s")
                    finish_maintenance(store)


def seqs(report: RestoreReport) -> list[int]:
    return [one.seq for one in report.restored]


# How lines are damaged. Each takes the lines and the number of one of them.

Damage = Callable[[list[bytes], int], list[bytes]]
DAMAGES: dict[str, Damage] = {
    "a bit": lambda x, n: [*x[:n], bytes([x[n][0] ^ 1]) + x[n][1:], *x[n + 1 :]],
    "garbage": lambda x, n: [*x[:n], b"\x00\xff garbage\n", *x[n + 1 :]],
    "lost": lambda x, n: [*x[:n], *x[n + 1 :]],
    "cut": lambda x, n: [*x[:n], x[n][:20] + b"\n", *x[n + 1 :]],
    "glued": lambda x, n: [*x[:n], x[n][:-30], *x[n + 1 :]],
    "repeated": lambda x, n: [*x[:n], x[n], x[n], *x[n + 1 :]],
    "moved": lambda x, n: [*x[: n - 1], x[n], x[n - 1], *x[n + 1 :]] if n > 1 else [x[0], *x[2:]],
    "garbage before": lambda x, n: [*x[:n], b"garbage\n", *x[n:]],
    "a whole line of another": lambda x, n: [*x[:n], x[1 if n > 1 else 2], *x[n + 1 :]],
    "zeros": lambda x, n: [*x[:n], b"\0" * (len(x[n]) - 1) + b"\n", *x[n + 1 :]],
}


def damage(path: Path, name: str, number: int) -> None:
    path.write_bytes(b"".join(DAMAGES[name](lines(path), number)))


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("size", [1, 50, 1 << 20])
def test_in_whatever_pieces_it_is_read_the_header_ends_where_it_does(
    tmp_path: Path, before: bytes, size: int
) -> None:
    compacted(tmp_path)
    damage(log(tmp_path), "garbage", 2)
    data = before + log(tmp_path).read_bytes()
    survey = Survey()
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    assert [event.seq for event in survey.read(pieces)] == [6, 3, 4, 8, 9]
    assert survey.header_end == len(before) + len(lines(log(tmp_path))[0])
    (gap,) = survey.gaps
    assert (gap.start, gap.first, gap.last, gap.kept) == (survey.header_end, 8, 7, True)


@pytest.mark.parametrize("number", [0, 1, -1], ids=["header", "kept event", "last event"])
def test_what_stands_after_the_last_event_is_a_gap_of_bytes_alone(
    tmp_path: Path, number: int
) -> None:
    """A line that came before comes again: no event is missing there, not even by number."""
    compacted(tmp_path)
    data, found = log(tmp_path).read_bytes(), lines(log(tmp_path))
    survey = Survey()
    *_, last = survey.read(iter([data + found[number]]))
    end = len(data) + len(found[number])
    assert survey.gaps == [Gap(len(data), end, 10, 9, last.hash, None, kept=False)]


def test_a_log_appended_to_itself_is_itself_again(tmp_path: Path) -> None:
    compacted(tmp_path)
    before = log(tmp_path).read_bytes()
    log(tmp_path).write_bytes(before * 3)
    report = restored(tmp_path)
    assert (report.restored, report.left) == ([], [])
    assert log(tmp_path).read_bytes() == before


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("number", range(1, 5))
def test_what_compaction_kept_comes_back_from_the_archive(
    tmp_path: Path, name: str, number: int
) -> None:
    compacted(tmp_path)
    before = log(tmp_path).read_bytes()
    damage(log(tmp_path), name, number)
    damaged = log(tmp_path).read_bytes()
    assert damaged != before
    report = restored(tmp_path)
    assert log(tmp_path).read_bytes() == before
    assert report.left == []
    assert report.evidence is not None
    assert Path(report.evidence).read_bytes().startswith(damaged)
    assert {one.where for one in report.restored} <= {
        str(tmp_path / "archive" / "s.7.jsonl.gz"),
        str(log(tmp_path)),
    }
    with store_in(tmp_path) as store:
        assert store.verify("s").ok


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("number", [5, 6])
def test_what_came_after_comes_back_from_a_copy(tmp_path: Path, name: str, number: int) -> None:
    """A backup that was made before the damage; the events after it are not in it."""
    compacted(tmp_path)
    copy = tmp_path / "backup.jsonl"
    with store_in(tmp_path) as store:
        store.set_runtime_state("s", "x", "t", {"n": 9})
    shutil.copy(log(tmp_path), copy)
    with store_in(tmp_path) as store:
        store.set_runtime_state("s", "x", "t", {"n": 10})
    before = log(tmp_path).read_bytes()
    damage(log(tmp_path), name, number)
    if name not in ("repeated", "moved", "garbage before"):  # where the log itself has it
        report = restored(tmp_path)
        assert (report.restored, report.evidence) == ([], None)
        assert [f"event {number + 3} stays lost" in line for line in report.left] == [True]
    report = restored(tmp_path, copy)
    assert report.left == []
    assert log(tmp_path).read_bytes() == before


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_whatever_was_kept_and_is_damaged_comes_back(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Any lines that compaction kept, in any number, as long as the archive is whole."""
    dice = random.Random(seed)
    folder = tmp_path_factory.mktemp("any")
    work(folder, dice)
    with store_in(folder) as store:
        store.set_runtime_state("s", "x", "t0", {"n": -1})
        store.compact("s")
        finish_maintenance(store)
        view = store.state_at("s")
    for _ in range(dice.randrange(3)):
        with store_in(folder) as store:
            store.set_runtime_state("s", "y", "after", {"n": dice.random()})
            view = store.state_at("s")
    before = log(folder).read_bytes()
    header = decode_line(lines(log(folder))[0].rstrip())
    assert isinstance(header, Open)
    for _ in range(dice.randrange(1, 4)):
        names = ["a bit", "garbage", "cut", "zeros"]
        damage(log(folder), dice.choice(names), dice.randrange(1, header.kept + 1))
    if log(folder).read_bytes() != before:
        restored(folder)
    assert log(folder).read_bytes() == before
    with store_in(folder) as store:
        assert store.state_at("s") == view
        assert store.verify("s").ok
    shutil.rmtree(folder)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_nothing_is_ever_made_worse(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Log and archives damaged at random: every event that could be read still can, and what is
    said to be restored is what was there before.
    """
    dice = random.Random(seed)
    folder = tmp_path_factory.mktemp("any")
    work(folder, dice)
    if not log(folder).exists():
        return
    true = {event.hash for event in everything(folder)}
    for path in (log(folder), *(folder / "archive").glob("s.*.jsonl")):
        for _ in range(dice.randrange(3)):
            if len(lines(path)) > 1:
                damage(path, dice.choice(list(DAMAGES)), dice.randrange(1, len(lines(path))))
    readable = {event.hash for event in everything(folder)}
    report = restored(folder)
    after = {event.hash for event in everything(folder)}
    assert readable <= after <= true
    assert restored(folder).restored == [], "what can be had was put back the first time"
    if not report.left:
        with store_in(folder) as store:
            bad = [p.where for p in store.verify("s").problems if p.kind != "torn"]
        assert str(log(folder)) not in bad
    shutil.rmtree(folder)


def everything(folder: Path) -> list[Event]:
    """The events of the log that can be read."""
    return list(Scanner().feed(log(folder).read_bytes()))


# From where


def test_the_archive_may_be_damaged_in_what_is_dead(tmp_path: Path) -> None:
    """The digest tells whether what was lost there matters."""
    with store_in(tmp_path) as store:
        for number in range(9):
            store.set_runtime_state("s", "x", f"t{number % 3}", {"n": number})
        store.compact("s")
        store._maintenance.close()
    before = log(tmp_path).read_bytes()
    unpack(tmp_path / "archive" / "s.9.jsonl.gz")
    damage(tmp_path / "archive" / "s.9.jsonl", "garbage", 5)  # event 5, which 8 has replaced
    damage(log(tmp_path), "garbage", 1)
    assert seqs(restored(tmp_path)) == [7]
    assert log(tmp_path).read_bytes() == before


def unpack(path: Path) -> None:
    import gzip

    path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    path.unlink()


def test_an_older_archive_has_what_was_kept_twice(tmp_path: Path) -> None:
    """Event 2 was kept by both compactions; the newer archive has lost it as well."""
    compacted(tmp_path)
    before = log(tmp_path).read_bytes()
    unpack(tmp_path / "archive" / "s.7.jsonl.gz")
    newer = tmp_path / "archive" / "s.7.jsonl"
    of_two = next(n for n, line in enumerate(lines(newer)) if line.startswith(b'{"seq":3,'))
    damage(newer, "garbage", of_two)
    of_two = next(
        n for n, line in enumerate(lines(log(tmp_path))) if line.startswith(b'{"seq":3,')
    )
    damage(log(tmp_path), "garbage", of_two)
    report = restored(tmp_path)
    assert report.restored == [(3, str(tmp_path / "archive" / "s.5.jsonl.gz"))]
    assert log(tmp_path).read_bytes() == before


def test_what_the_log_still_has_stands_in_for_what_the_archive_has_lost(tmp_path: Path) -> None:
    """Of two kept events one is damaged here, the other there."""
    compacted(tmp_path)
    before = log(tmp_path).read_bytes()
    unpack(tmp_path / "archive" / "s.7.jsonl.gz")
    newer = tmp_path / "archive" / "s.7.jsonl"
    damage(newer, "garbage", len(lines(newer)) - 2)  # event 7, the last before the seal
    number = next(n for n, x in enumerate(lines(log(tmp_path))) if x.startswith(b'{"seq":3,'))
    damage(log(tmp_path), "garbage", number)
    assert seqs(restored(tmp_path)) == [3]
    assert log(tmp_path).read_bytes() == before


def test_without_its_archive_a_kept_event_stays_lost_and_nothing_changes(tmp_path: Path) -> None:
    compacted(tmp_path)
    shutil.rmtree(tmp_path / "archive")
    damage(log(tmp_path), "garbage", 2)
    before = log(tmp_path).read_bytes()
    report = restored(tmp_path)
    assert (report.restored, report.evidence) == ([], None)
    assert "archives do not have" in report.left[0]
    assert log(tmp_path).read_bytes() == before
    assert not (tmp_path / "archive").exists()


def test_where_history_was_dropped_that_is_why(tmp_path: Path) -> None:
    with store_in(tmp_path) as store:
        for number in range(3):
            store.set_runtime_state("s", "x", f"t{number % 2}", {"n": number})
        store.compact("s", "drop")
    damage(log(tmp_path), "garbage", 1)
    assert "history was dropped" in restored(tmp_path).left[0]


def test_what_can_be_had_is_put_back_though_something_else_cannot(tmp_path: Path) -> None:
    compacted(tmp_path)
    copy = tmp_path / "copy"
    copy.write_bytes(b"".join(lines(log(tmp_path))[:-1]))
    shutil.rmtree(tmp_path / "archive")
    whole = lines(log(tmp_path))
    with store_in(tmp_path) as store:
        store.set_runtime_state("s", "x", "end", {})
    damage(log(tmp_path), "garbage", 5)  # event 8, which the copy has
    damage(log(tmp_path), "garbage", 6)  # event 9, which nobody has
    report = restored(tmp_path, copy)
    assert seqs(report) == [8]
    assert len(report.left) == 1
    assert "event 9 stays lost" in report.left[0]
    assert lines(log(tmp_path))[5] == whole[5]
    assert lines(log(tmp_path))[6] == b"\x00\xff garbage\n", "damage that stays is not hidden"


def test_a_copy_of_another_log_is_no_source(tmp_path: Path) -> None:
    """Of another session, or of an earlier one under the same id."""
    compacted(tmp_path)
    (tmp_path / "other").mkdir()
    compacted(tmp_path / "other")
    damage(log(tmp_path), "garbage", 5)
    assert restored(tmp_path, log(tmp_path / "other")).restored == []


def test_an_event_that_was_forged_is_no_event(tmp_path: Path) -> None:
    """A line in a copy with the right seq, and a hash that fits itself alone."""
    from journal.codec import stamp

    compacted(tmp_path)
    forged = stamp(set_event("evil"), 8, "2026-01-01T00:00:00.000000Z", "w", "1" * 32)[0]
    copy = tmp_path / "copy"
    copy.write_bytes(b"".join([*lines(log(tmp_path))[:5], forged]))
    damage(log(tmp_path), "garbage", 5)
    assert restored(tmp_path, copy).restored == []


def test_a_header_is_in_no_archive(tmp_path: Path) -> None:
    compacted(tmp_path)
    damage(log(tmp_path), "garbage", 0)
    before = log(tmp_path).read_bytes()
    report = restored(tmp_path)
    assert (report.restored, log(tmp_path).read_bytes()) == ([], before)
    assert "header" in report.left[0]


def test_an_intact_log_is_left_alone(tmp_path: Path) -> None:
    compacted(tmp_path)
    inode = log(tmp_path).stat().st_ino
    report = restored(tmp_path)
    assert (report.restored, report.left, report.evidence) == ([], [], None)
    assert log(tmp_path).stat().st_ino == inode


def test_a_torn_tail_goes_as_it_does_with_the_next_write(tmp_path: Path) -> None:
    compacted(tmp_path)
    before = log(tmp_path).read_bytes()
    damage(log(tmp_path), "garbage", 2)
    with open(log(tmp_path), "ab") as file:
        file.write(b'{"seq":10,"ts')
    assert seqs(restored(tmp_path)) != []
    assert log(tmp_path).read_bytes() == before


def test_there_must_be_a_session(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no session 's'"):
        restored(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_copy_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    compacted(tmp_path)
    damage(log(tmp_path), "garbage", 5)
    with pytest.raises(OSError, match="No such file"):
        restored(tmp_path, tmp_path / "nowhere")


# Beside others


def test_planning_changes_nothing(tmp_path: Path) -> None:
    compacted(tmp_path)
    damage(log(tmp_path), "garbage", 2)
    calls = []

    def watch(name: str, args: tuple[object, ...]) -> None:
        calls.append(name)

    report = plan_restoration(FaultyStorage(watch), paths_of(str(tmp_path), "s"))
    assert len(seqs(report)) == 1
    assert report.evidence is None
    assert set(calls) <= {
        "open",
        "close",
        "read",
        "size",
        "identify",
        "names_of",
        "find",
        "unlock",
    }


def test_it_waits_for_no_compaction_but_says_so(tmp_path: Path) -> None:
    compacted(tmp_path)
    damage(log(tmp_path), "garbage", 2)
    storage = DiskStorage()
    scratch = storage.open(paths_of(str(tmp_path), "s").scratch, os.O_RDWR | os.O_CREAT)
    assert storage.lock(scratch)
    with pytest.raises(CompactionError, match="wait for it"):
        restored(tmp_path)
    storage.close(scratch)
    assert len(restored(tmp_path).restored) == 1


def test_an_open_store_sees_what_was_put_back(tmp_path: Path) -> None:
    """One that has folded the damaged log reads the new one from its beginning."""
    compacted(tmp_path)
    with store_in(tmp_path) as whole:
        before = whole.state_at("s")
    damage(log(tmp_path), "garbage", 2)
    with store_in(tmp_path) as store:
        assert store.state_at("s") != before
        restored(tmp_path)
        assert settled(lambda: store.state_at("s") == before)
        store.set_runtime_state("s", "x", "next", {})
        assert store.verify("s").ok


def settled(condition: Callable[[], bool]) -> bool:
    """Whether it comes true soon: a replaced log is noticed within a second."""
    import time

    end = time.monotonic() + 30
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_followers_go_on_where_they_are(tmp_path: Path) -> None:
    """What was lost before their place is not given to them now, and nothing twice."""
    compacted(tmp_path)
    engine = Directory(str(tmp_path), LogOptions("os"))
    copy = tmp_path / "copy"
    shutil.copy(log(tmp_path), copy)
    damage(log(tmp_path), "garbage", 5)  # event 8
    follower = engine.follow("s")
    assert [event.seq for event in follower.read()][-1] == 9
    assert follower.cursor is not None
    cursor = follower.cursor
    assert seqs(restored(tmp_path, copy)) == [8]
    with store_in(tmp_path) as store:
        store.set_runtime_state("s", "x", "next", {})
    assert [event.seq for event in follower.read()] == [10]
    assert [event.seq for event in engine.follow("s", cursor).read()] == [10]
    follower.close()


@sized(quick=4, storm=1)
def test_killed_at_any_call_the_log_is_the_old_or_the_new(tmp_path: Path, size: int) -> None:
    """At every `size`th call; what is left is the log, and the next restoration goes on."""
    compacted(tmp_path / "whole")
    for call in range(0, MOST_CALLS, size):
        shutil.copytree(tmp_path / "whole", tmp_path / str(call))
        if not survives_a_kill(tmp_path / str(call), call):
            return
    raise AssertionError("it makes more calls")


def survives_a_kill(tmp_path: Path, call: int) -> bool:
    """Whether there was a kill: it may make fewer calls."""
    before = log(tmp_path).read_bytes()
    damage(log(tmp_path), "garbage", 2)
    damaged = log(tmp_path).read_bytes()
    death = DiesAt(call)
    try:
        restore(FaultyStorage(death), paths_of(str(tmp_path), "s"))
    except Killed:
        pass
    assert log(tmp_path).read_bytes().startswith((before, damaged))
    with store_in(tmp_path) as store:
        store.set_runtime_state("s", "x", "next", {})
    restored(tmp_path)
    assert log(tmp_path).read_bytes().startswith(before)
    with store_in(tmp_path) as store:
        assert store.verify("s").ok
        assert store.get_runtime_state("s", "x", "next") == {}
        assert not (tmp_path / "s.jsonl.new").exists()
    return death.dead


@pytest.mark.parametrize("errno", [5, 28])
@pytest.mark.parametrize("call", ["write", "sync", "link", "rename", "make_folder"])
def test_an_error_at_any_call_leaves_the_log_as_it_was(
    tmp_path: Path, call: str, errno: int
) -> None:
    compacted(tmp_path)
    damage(log(tmp_path), "garbage", 2)
    damaged = log(tmp_path).read_bytes()

    def fault(name: str, args: tuple[object, ...]) -> None:
        if name == call:
            raise OSError(errno, os.strerror(errno))

    with pytest.raises(JournalError):
        restore(FaultyStorage(fault), paths_of(str(tmp_path), "s"))
    assert log(tmp_path).read_bytes() == damaged
    assert len(restored(tmp_path).restored) == 1


def test_a_disk_that_gives_back_other_bytes_is_found_out(tmp_path: Path) -> None:
    compacted(tmp_path)
    damage(log(tmp_path), "garbage", 2)
    damaged = log(tmp_path).read_bytes()

    def lie(name: str, args: tuple[Any, ...]) -> int | None:
        if name == "write" and b'"n":2' in args[1]:
            return os.write(args[0], args[1].replace(b'"n":2', b'"n":7'))
        return None

    with pytest.raises(CompactionError, match="Check the disk"):
        restore(FaultyStorage(lie), paths_of(str(tmp_path), "s"))
    assert log(tmp_path).read_bytes() == damaged


WRITER = """
import os, sys
from projections import DefaultSessionStore
folder, name, stop = sys.argv[1:]
number = 0
with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
    print("begun", flush=True)
    while not os.path.exists(stop):
        store.set_runtime_state("s", name, "t", {"n": number})
        number += 1
print(number)
"""


def test_writers_go_on_meanwhile_and_lose_nothing(tmp_path: Path) -> None:
    """In processes of their own, each of which has the damaged log open."""
    compacted(tmp_path)
    whole = lines(log(tmp_path))
    damage(log(tmp_path), "garbage", 2)
    stop = tmp_path / "stop"
    writers = [forked(WRITER, str(tmp_path), name, str(stop)) for name in "ab"]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n"
    for _ in range(3):
        assert restored(tmp_path).left == []
    assert all(writer.poll() is None for writer in writers)
    stop.touch()
    written = [int(output) for output in finish(writers)]
    with store_in(tmp_path) as store:
        assert store.verify("s").ok
        assert [len(store.history("s", name, "t")) for name in "ab"] == written
    assert lines(log(tmp_path))[: len(whole)] == whole


def test_compaction_and_restoration_at_once_spoil_nothing(tmp_path: Path) -> None:
    compacted(tmp_path)
    stop = threading.Event()
    failures: list[Exception] = []

    def compact() -> None:
        with store_in(tmp_path) as store:
            while not stop.is_set():
                store.set_runtime_state("s", "y", "t", {"n": 1})
                try:
                    store.compact("s")
                except CompactionError:
                    pass
                except Exception as error:  # noqa: BLE001 - whatever it is
                    failures.append(error)
                    return

    thread = threading.Thread(target=compact)
    thread.start()
    try:
        for _ in range(30):
            try:
                restored(tmp_path)
            except CompactionError:
                pass
    finally:
        stop.set()
        thread.join()
    assert failures == []
    with store_in(tmp_path) as store:
        assert store.verify("s").ok


@pytest.mark.parametrize("what", ["read", "decoded"])
def test_twice_as_many_events_are_read_as_often(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work, in bytes read and in lines decoded, grows with the log and not faster."""
    calls = [0]

    def decode(lines: list[bytes]) -> Any:
        calls[0] += len(lines) if what == "decoded" else 0
        return decode_lines(lines)

    def watch(name: str, args: tuple[Any, ...]) -> None:
        calls[0] += what == "read" and name == "read" and args[1]

    for module in ("scan", "engines.files.sources"):
        monkeypatch.setattr(f"journal.{module}.decode_lines", decode)
    counts = []
    for events in (300, 600):
        folder = tmp_path / str(events)
        with store_in(folder) as store:
            for number in range(events):
                store.set_runtime_state("s", "x", f"t{number % (events // 2)}", {"n": number})
                if number % (events // 3) == 0:
                    store.compact("s")
            store.compact("s")
            finish_maintenance(store)
        damage(log(folder), "garbage", events // 4)
        calls[0] = 0
        assert len(restore(FaultyStorage(watch), paths_of(str(folder), "s")).restored) == 1
        counts.append(calls[0])
    assert 0 < counts[1] <= 2.5 * counts[0]


# The evidence


def test_each_restoration_leaves_its_own_evidence_which_goes_with_the_session(
    tmp_path: Path,
) -> None:
    compacted(tmp_path)
    for number in (2, 3, 4):
        damage(log(tmp_path), "garbage", number)
        restored(tmp_path)
    evidence = {path.name for path in (tmp_path / "archive").glob("*.damaged")}
    assert evidence == {"s.9.damaged", "s.9-2.damaged", "s.9-3.damaged"}
    with store_in(tmp_path) as store:
        assert len(store.history("s", "x", "t0")) == 3, "no history shows it"
        store.compact("s", "drop")
        assert {path.name for path in (tmp_path / "archive").iterdir()} == evidence
        assert store.delete_session("s")
    assert list((tmp_path / "archive").iterdir()) == []


def test_evidence_of_a_longer_log_is_a_source_too(tmp_path: Path) -> None:
    """What was damaged later may be whole in what was set aside before."""
    compacted(tmp_path)
    before = log(tmp_path).read_bytes()
    damage(log(tmp_path), "garbage", 2)
    restored(tmp_path)
    with store_in(tmp_path) as store:
        store.set_runtime_state("s", "x", "end", {})
    damage(log(tmp_path), "garbage", 6)
    report = restored(tmp_path)
    assert report.restored == [(9, str(tmp_path / "archive" / "s.9.damaged"))]
    assert log(tmp_path).read_bytes().startswith(before)
