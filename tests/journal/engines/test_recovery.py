"""Damaged files: what is torn is cut, what is corrupt is reported, nothing else is lost."""

import errno
import itertools
import logging
import os
import random
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from journal.codec import control_line
from journal.engines.files.logfile import LogFile
from journal.engines.files.recovery import cut_torn_tail, is_unfinished_header
from journal.engines.files.segment import Segment
from journal.engines.files.storage import CHUNK, DiskStorage
from journal.errors import AppendError, DamagedError
from journal.events import Sealed, Set
from journal.names import paths_of
from journal.scan import Scanner
from tests.faults.sizes import sized
from tests.support import (
    FailsAt,
    FaultyStorage,
    fails,
    files_in,
    open_log,
    set_event,
    turns_in,
)

EVENTS = 6


def write_log(folder: Path, events: int = EVENTS) -> Path:
    log, _ = open_log(folder)
    for number in range(1, events + 1):
        log.append([set_event(f"t{number}", {"n": number, "text": "x\u2028y\u0085\r\n"})])
    log.close()
    return folder / "s.jsonl"


def scan(data: bytes) -> tuple[Scanner, list[str]]:
    scanner = Scanner()
    turns = [event.turn_id for event in scanner.read([data]) if isinstance(event, Set)]
    return scanner, turns


def all_turns(events: int = EVENTS) -> list[str]:
    return [f"t{number}" for number in range(1, events + 1)]


@sized(quick=5, storm=1)
def test_cut_at_every_byte_the_events_before_load_and_the_next_append_succeeds(
    tmp_path: Path, size: int
) -> None:
    """At every `size`th one."""
    path = write_log(tmp_path)
    whole = path.read_bytes()
    ends = [i for i, byte in enumerate(whole) if byte == 0x0A][1:]  # of the events' text
    for cut in range(0, len(whole), size):
        path.write_bytes(whole[:cut])
        complete = sum(1 for end in ends if end <= cut)
        log, _ = open_log(tmp_path)
        assert log.append([set_event("next")]).seq == complete + 1, cut
        log.close()
        assert turns_in(tmp_path) == [*all_turns(complete), "next"], cut


def test_fed_byte_by_byte_the_scanner_says_the_same_as_at_once(tmp_path: Path) -> None:
    data = write_log(tmp_path).read_bytes()
    whole, turns = scan(data)
    slow = Scanner()
    found = [
        event.turn_id
        for byte in range(len(data))
        for event in slow.feed(data[byte : byte + 1])
        if isinstance(event, Set)
    ]
    assert (found, slow.end, slow.hash, slow.damage) == (turns, whole.end, whole.hash, [])


def test_every_bit_flip_is_located_and_costs_one_event_at_most(tmp_path: Path) -> None:
    data = write_log(tmp_path, 3).read_bytes()
    starts = [0] + [i + 1 for i, byte in enumerate(data) if byte == 0x0A]
    for bit in range(len(data) * 8):
        place = bit // 8
        flipped = bytearray(data)
        flipped[place] ^= 1 << bit % 8
        scanner, turns = scan(bytes(flipped))
        line = sum(1 for start in starts[1:] if start <= place)
        lost = {all_turns(3)[line - 1]} if line else set()
        assert set(all_turns(3)) - lost <= set(turns), bit
        if scanner.damage:
            at = scanner.damage[0]
            assert at.offset <= place <= at.offset + at.length, bit
        else:  # in the last line: a torn tail
            assert scanner.end <= place, bit


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param(b"\0" * 4096, id="trailing NULs"),
        pytest.param(b"\0X\0", id="a letter among NULs"),
        pytest.param(b'{"seq":7,"ts":"2026', id="half a line"),
        pytest.param(b"garbage\n", id="a bad line"),
        pytest.param(b"x\n\n", id="an empty line after a bad one"),
        pytest.param(b"\xff\xfe\n\0\0", id="bytes"),
        pytest.param(b'{"seq":7}\n', id="no event"),
    ],
)
def test_a_torn_tail_is_set_aside_and_cut_off(
    tmp_path: Path, tail: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_log(tmp_path)
    end = path.stat().st_size
    with path.open("ab") as file:
        file.write(tail)
    assert turns_in(tmp_path) == all_turns()
    assert path.stat().st_size == end + len(tail), "reading repairs nothing"
    log, _ = open_log(tmp_path)
    with caplog.at_level(logging.WARNING):
        log.append([set_event("next")])
    assert f"session 's': {path}: cut off {len(tail)} bytes at offset {end}" in caplog.text
    assert f"{tmp_path / 'archive'} has them" in caplog.text
    assert turns_in(tmp_path) == [*all_turns(), "next"]
    aside = [path.read_bytes() for path in (tmp_path / "archive").glob("s.*.torn")]
    assert aside == ([] if not tail.strip(b"\0") else [tail])


@pytest.mark.parametrize(
    "content",
    [b"", b"\xef\xbb\xbf", b"\0" * 100, b'{"op":"open","form'],
    ids=["empty", "byte order mark", "NULs", "half a header"],
)
def test_a_file_whose_creation_was_cut_short_becomes_a_log(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.jsonl").write_bytes(content)
    log, _ = open_log(tmp_path)
    assert not log.refresh()
    assert log.append([set_event("a")]).seq == 1
    assert turns_in(tmp_path) == ["a"]


def test_a_byte_order_mark_before_a_log_does_no_harm(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    log, _ = open_log(tmp_path)
    log.append([set_event("next")])
    assert turns_in(tmp_path) == [*all_turns(), "next"]


def _mangle(lines: list[bytes]) -> list[bytes]:
    return [*lines[:3], lines[3][:20] + b"#" + lines[3][21:], *lines[4:]]


DAMAGE: dict[str, tuple[Callable[[list[bytes]], list[bytes]], list[str], str]] = {
    "a line in the middle is edited": (_mangle, ["t1", "t2", "t4", "t5", "t6"], "corrupt"),
    "a line is removed": (lambda x: x[:3] + x[4:], ["t1", "t2", "t4", "t5", "t6"], "gap"),
    "a line is repeated": (lambda x: [*x[:4], x[3], *x[4:]], all_turns(), "order"),
    "two lines are swapped": (
        lambda x: [*x[:3], x[4], x[3], *x[5:]],
        ["t1", "t2", "t4", "t5", "t6"],
        "gap",
    ),
    "a line is moved to the end": (
        lambda x: [*x[:3], *x[4:], x[3]],
        ["t1", "t2", "t4", "t5", "t6"],
        "gap",
    ),
    "half a line stands before a whole one": (
        lambda x: [*x[:3], x[3][:30] + x[4], *x[5:]],
        ["t1", "t2", "t4", "t5", "t6"],
        "corrupt",
    ),
    "a newline is lost": (
        lambda x: [*x[:3], x[3].rstrip(b"\n") + x[4], *x[5:]],
        all_turns(),
        "corrupt",
    ),
    "a newline is another byte": (
        lambda x: [*x[:3], x[3].rstrip(b"\n") + b"\x0b" + x[4], *x[5:]],
        all_turns(),
        "corrupt",
    ),
    "the header is damaged": (
        lambda x: [x[0][:30] + b"#" + x[0][31:], *x[1:]],
        all_turns(),
        "header",
    ),
    "the header is missing": (lambda x: x[1:], all_turns(), "header"),
    "a block of NULs in the middle": (
        lambda x: [*x[:2], b"\0" * 4096 + b"\n", *x[2:]],
        all_turns(),
        "corrupt",
    ),
    "Windows line ends": (lambda x: [y.replace(b"\n", b"\r\n") for y in x], all_turns(), ""),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_corrupt_lines_are_never_cut_and_the_others_load(
    tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    change, survivors, kind = DAMAGE[case]
    path = write_log(tmp_path)
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    damaged = path.read_bytes()
    log, _ = open_log(tmp_path)
    with caplog.at_level(logging.ERROR):
        head = log.append([set_event("next")])
    assert head.seq == EVENTS + 1
    assert path.read_bytes().startswith(damaged)
    assert turns_in(tmp_path) == [*survivors, "next"]
    assert [kind] == ([f": {kind} at byte" in caplog.text and kind] if kind else [caplog.text])
    assert not kind or str(path) in caplog.text


def test_a_line_longer_than_any_may_be_is_skipped_in_bounded_memory(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"[" * (40 << 20) + b"\n", *lines[3:]]))
    scanner = Scanner()
    found = []
    widest = 0
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            found += [event.turn_id for event in scanner.feed(data) if isinstance(event, Set)]
            widest = max(widest, len(scanner._carry))
    assert found == all_turns()
    assert [damage.length for damage in scanner.damage] == [(40 << 20) + 1]
    assert widest < 18 << 20


def test_a_repair_that_fails_changes_nothing_and_a_later_one_succeeds(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    with path.open("ab") as file:
        file.write(b"half a li")
    torn = path.read_bytes()
    log, _ = open_log(tmp_path, storage=FaultyStorage(fails("truncate", 5)))
    with pytest.raises(AppendError, match="could not be repaired"):
        log.append([set_event("lost")])
    assert path.read_bytes() == torn
    log.append([set_event("next")])
    assert turns_in(tmp_path) == [*all_turns(), "next"]
    assert len([name for name in files_in(tmp_path) if name.endswith(".torn")]) == 1


def test_random_garbage_never_hangs_or_crashes_the_scanner(tmp_path: Path) -> None:
    data = write_log(tmp_path, 20).read_bytes()
    lines = data.splitlines(keepends=True)
    for seed in range(300):
        dice = random.Random(seed)
        pieces = [
            dice.choice([*lines, bytes(dice.randbytes(dice.randrange(80)))]) for _ in "x" * 30
        ]
        scanner, turns = scan(b"".join(pieces))
        assert len(turns) == len(set(turns)), seed
        assert scanner.end <= sum(map(len, pieces)), seed


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[LogFile]:
    """All files that are opened, so that none is closed just because nobody has it any more."""
    files: list[LogFile] = []
    monkeypatch.setattr("journal.engines.files.logfile.tell_after_fork", files.append)
    return files


def torn_log(folder: Path, tail: bytes) -> Path:
    path = write_log(folder)
    with path.open("ab") as file:
        file.write(tail)
    return path


def test_a_tail_is_set_aside_under_a_name_of_its_place_and_content(tmp_path: Path) -> None:
    """A repair that is run again must not leave a second copy."""
    tail = b"half a li" * (CHUNK // 8)  # more than is read at a time
    end = torn_log(tmp_path, tail).stat().st_size - len(tail)
    open_log(tmp_path)[0].append([set_event("next")])
    name = f"s.{end}-{sha256(tail).hexdigest()[:8]}.torn"
    assert files_in(tmp_path) == {"s.jsonl", f"archive/{name}"}
    assert (tmp_path / "archive" / name).read_bytes() == tail


def test_a_tail_that_was_set_aside_already_is_not_written_again(tmp_path: Path) -> None:
    path = torn_log(tmp_path, b"half a li")
    storage = FaultyStorage(fails("truncate", errno.EIO))
    with pytest.raises(AppendError):
        open_log(tmp_path, storage=storage)[0].append([set_event("lost")])
    (aside,) = (tmp_path / "archive").iterdir()
    aside.write_bytes(b"the copy of the first repair")
    open_log(tmp_path)[0].append([set_event("next")])
    assert aside.read_bytes() == b"the copy of the first repair"
    assert path.read_bytes().count(b"\n") == EVENTS + 2
    assert files_in(tmp_path) == {"s.jsonl", f"archive/{aside.name}"}


def test_each_call_of_a_repair_may_fail_and_the_evidence_is_never_lost(tmp_path: Path) -> None:
    failed: list[str | None] = []
    told: list[bool] = []
    for number in itertools.count():
        folder = tmp_path / str(number)
        path = torn_log(folder, b"half a li")
        torn = path.read_bytes()
        fault = FailsAt(number, errno.EIO)
        try:
            open_log(folder, storage=FaultyStorage(fault))[0].append([set_event("next")])
        except AppendError as error:
            failed.append(fault.failed)
            text, given = str(error), error.errno
        else:
            break
        intact = path.read_bytes() == torn
        kept = [found.read_bytes() for found in folder.glob("archive/*.torn")]
        assert intact or kept == [b"half a li"], fault.failed
        assert (given, "Input/output error" in text) == (errno.EIO, True)
        told.append(f"a torn tail of 9 bytes at offset {len(torn) - 9} could not be" in text)
        open_log(folder)[0].append([set_event("after")])
        assert turns_in(folder) == [*all_turns(), "after"]
        assert [p.read_bytes() for p in folder.glob("archive/*.torn")] == [b"half a li"]
    repair = ["make_folder", "open", "write", "sync", "rename", "sync_folder", "sync_folder"]
    assert failed == ["open", *repair, "truncate", "sync", "write"]
    assert told == [False, *[True] * 9, False]


def test_the_copy_is_on_the_disk_before_the_tail_is_cut_off(tmp_path: Path) -> None:
    torn_log(tmp_path, b"half a li")
    calls: list[tuple[str, Any]] = []
    storage = FaultyStorage(lambda name, args: calls.append((name, args)))
    log, _ = open_log(tmp_path, storage=storage)
    log.append([set_event("next")])
    names = [name for name, _ in calls]
    folders = [args[0] for name, args in calls if name == "sync_folder"]
    assert folders == [str(tmp_path / "archive"), str(tmp_path)], "the folder is new, too"
    for earlier, later in itertools.pairwise(["sync", "rename", "sync_folder", "truncate"]):
        assert names.index(earlier) < names.index(later)
    cut = names.index("truncate")
    assert "sync" in names[cut : len(names) - names[::-1].index("write")], "before the append"
    log.close()


def test_where_nothing_is_torn_nothing_is_cut_and_that_is_said(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    before = path.read_bytes()
    scanner, _ = scan(before)
    calls: list[str] = []
    storage = FaultyStorage(lambda name, args: calls.append(name))
    file = LogFile(storage, str(path), create=False)
    segment = Segment(paths_of(str(tmp_path), "s"), file, scanner)
    assert cut_torn_tail(segment) == 0
    os.truncate(path, len(before) - 1)
    assert cut_torn_tail(segment) == 0
    file.close()
    assert not {"truncate", "sync", "make_folder"} & set(calls)


def test_what_was_read_is_still_there_only_if_it_is_in_its_place(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    whole = path.read_bytes()
    scanner, _ = scan(whole)
    file = LogFile(DiskStorage(), str(path), create=False)
    segment = Segment(paths_of(str(tmp_path), "s"), file, scanner)
    last = whole.splitlines(keepends=True)[-1]
    moved = whole[: -len(last)] + b"x" * 40 + last
    for content, there in ((whole, True), (moved, False), (whole[:-4], False), (b"", False)):
        path.write_bytes(content)
        assert segment.is_in_step() is there
    path.write_bytes(whole + b"half a li")
    assert segment.is_in_step()
    file.close()


def test_a_repair_leaves_no_descriptor_open(tmp_path: Path) -> None:
    torn_log(tmp_path, b"half a li")
    log, _ = open_log(tmp_path)
    log.append([set_event("next")])
    log.close()
    links = [os.readlink(item.path) for item in os.scandir("/proc/self/fd") if item.is_symlink()]
    assert [link for link in links if link.startswith(str(tmp_path))] == []


def test_a_torn_tail_after_a_seal_does_not_hide_it(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    whole = path.read_bytes()
    seal = Sealed(reason="compacted", last_seq=EVENTS, last_hash="", ts="", writer="")
    path.write_bytes(whole + control_line(seal))
    assert open_log(tmp_path)[0].append([set_event("next")]).seq == EVENTS + 1
    assert path.read_bytes().startswith(whole + b'{"seq":')
    assert files_in(tmp_path) == {"s.jsonl"}


class TestBeginningWhole:
    """A log that begins with the events of an older session begins with all of them."""

    @staticmethod
    def begin(folder: Path, storage: DiskStorage | None = None) -> int:
        log, recorder = open_log(folder, storage=storage)
        older = [set_event("older"), set_event("old")]
        seq = log.append([set_event("new")], import_events=lambda: older).seq
        assert recorder.turns == ["older", "old", "new"]
        assert log.append([set_event("newer")]).seq == seq + 1
        log.close()
        return seq

    def test_each_call_may_fail_and_nothing_is_left(self, tmp_path: Path) -> None:
        failed: list[str | None] = []
        for number in itertools.count():
            folder = tmp_path / str(number)
            folder.mkdir()
            fault = FailsAt(number, errno.ENOSPC)
            log, _ = open_log(folder, storage=FaultyStorage(fault))
            try:
                log.append([set_event("new")], import_events=lambda: [set_event("old")])
            except AppendError as error:
                text, given = str(error), error.errno
            else:
                break
            failed.append(fault.failed)
            assert given == errno.ENOSPC
            assert "No space left on device" in text
            assert files_in(folder) == set(), fault.failed
            assert self.begin(folder) == 3
            assert files_in(folder) == {"s.jsonl"}
        assert failed[-4:] == ["open", "write", "sync", "rename"]

    def test_an_interrupt_is_passed_on_and_nothing_is_left(self, tmp_path: Path) -> None:
        def interrupt(name: str, args: tuple[Any, ...]) -> None:
            if name == "rename":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.begin(tmp_path, FaultyStorage(interrupt))
        assert files_in(tmp_path) == set()
        assert self.begin(tmp_path) == 3

    def test_an_interrupt_after_the_rename_takes_nothing_back(self, tmp_path: Path) -> None:
        def interrupt(name: str, args: tuple[Any, ...]) -> None:
            if name == "rename":
                DiskStorage.rename(*args)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.begin(tmp_path, FaultyStorage(interrupt))
        assert turns_in(tmp_path) == ["older", "old", "new"]
        assert files_in(tmp_path) == {"s.jsonl"}

    @pytest.mark.parametrize(("call", "after"), [("lock", 1), ("find", 1)])
    def test_what_the_system_refuses_of_the_scratch_file_is_an_error_and_leaves_it_free(
        self, tmp_path: Path, call: str, after: int
    ) -> None:
        with pytest.raises(AppendError, match="cannot be begun") as caught:
            self.begin(tmp_path, FaultyStorage(fails(call, errno.EIO, after=after)))
        assert caught.value.errno == errno.EIO
        assert not (tmp_path / "s.jsonl").exists()
        scratch = LogFile(DiskStorage(), str(tmp_path / "s.jsonl.new"), create=True)
        assert scratch.try_lock(), "nobody holds it, whoever keeps the error"
        scratch.close()
        assert self.begin(tmp_path) == 3

    def test_what_a_dead_beginner_left_is_not_in_it(self, tmp_path: Path) -> None:
        (tmp_path / "s.jsonl.new").write_bytes(b"x" * 10_000)
        assert self.begin(tmp_path) == 3
        assert turns_in(tmp_path) == ["older", "old", "new", "newer"]
        assert files_in(tmp_path) == {"s.jsonl"}

    def test_a_compaction_of_a_log_that_is_gone_does_not_stop_it(self, tmp_path: Path) -> None:
        scratch = LogFile(DiskStorage(), str(tmp_path / "s.jsonl.new"), create=True)
        assert scratch.try_lock()
        assert self.begin(tmp_path) == 3
        assert not scratch.is_current()
        scratch.close()
        assert turns_in(tmp_path) == ["older", "old", "new", "newer"]
        assert files_in(tmp_path) == {"s.jsonl"}

    def test_a_scratch_file_that_goes_before_it_is_locked_is_made_again(
        self, tmp_path: Path, opened: list[LogFile]
    ) -> None:
        scratch = tmp_path / "s.jsonl.new"

        def take_away(name: str, args: tuple[Any, ...]) -> None:
            if name == "lock" and scratch.exists() and not (tmp_path / "taken").exists():
                scratch.rename(tmp_path / "taken")

        assert self.begin(tmp_path, FaultyStorage(take_away)) == 3
        assert (tmp_path / "taken").read_bytes() == b""
        assert turns_in(tmp_path) == ["older", "old", "new", "newer"]
        assert [file.path for file in opened if file.is_open] == []

    def test_no_other_writer_comes_in_between(self, tmp_path: Path) -> None:
        """Whoever waits for the empty file finds the whole one, locked until it is ours."""
        other, _ = open_log(tmp_path, lock_timeout=0.0)
        met: list[str] = []

        def meddle(name: str, args: tuple[Any, ...]) -> None:
            if name == "rename":
                with pytest.raises(TimeoutError):
                    other.append([set_event("between")])
                met.append(name)

        assert self.begin(tmp_path, FaultyStorage(meddle)) == 3
        assert met == ["rename"]
        assert other.append([set_event("after")]).seq == 5

    @pytest.mark.parametrize("call", ["", "write", "rename"])
    def test_no_descriptor_is_left_open(
        self, tmp_path: Path, opened: list[LogFile], call: str
    ) -> None:
        if call:
            with pytest.raises(AppendError):
                self.begin(tmp_path, FaultyStorage(fails(call, errno.EIO)))
        else:
            self.begin(tmp_path)
        assert len(opened) == 2, "the empty log and the scratch file"
        assert [file.path for file in opened if file.is_open] == []


@pytest.mark.parametrize(
    ("beginning", "unfinished"),
    [
        (b"", True),
        (b'{"op":"open",', True),
        (b'{"op":"open","format":1', True),
        (b'\xef\xbb\xbf{"op":', True),
        (b'{"op":"o\0\0\0', True),
        (b'{"op":"close",', False),
        (b'{"op":"oX', False),
        (b'\0{"op":"open",', False),
        (b"{}", False),
        (b"Dear diary", False),
    ],
)
def test_only_the_beginning_of_a_header_is_taken_for_a_log_that_never_began(
    tmp_path: Path, beginning: bytes, unfinished: bool
) -> None:
    assert is_unfinished_header(beginning) is unfinished
    (tmp_path / "s.jsonl").write_bytes(beginning)
    log, _ = open_log(tmp_path)
    if unfinished:
        assert log.append([set_event("a")]).seq == 1
    else:
        with pytest.raises(DamagedError):
            log.append([set_event("a")])
        assert (tmp_path / "s.jsonl").read_bytes() == beginning
