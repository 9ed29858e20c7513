"""Damaged files: what is torn is cut, what is corrupt is reported, nothing else is lost."""

import logging
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from journal.errors import AppendError
from journal.events import Set
from journal.scan import Scanner
from tests.support import FaultyStorage, fails, files_in, open_log, set_event, turns_in

EVENTS = 6


def write_log(folder: Path, events: int = EVENTS) -> Path:
    log, _ = open_log(folder)
    for number in range(1, events + 1):
        log.append([set_event(f"t{number}", {"n": number, "text": "x\u2028y\u0085\r\n"})])
    log.close()
    return folder / "s.jsonl"


def scan(data: bytes) -> tuple[Scanner, list[str]]:
    scanner = Scanner()
    turns = [event.turn_id for event in scanner.feed(data) if isinstance(event, Set)]
    return scanner, turns


def all_turns(events: int = EVENTS) -> list[str]:
    return [f"t{number}" for number in range(1, events + 1)]


def test_cut_at_every_byte_the_events_before_load_and_the_next_append_succeeds(
    tmp_path: Path,
) -> None:
    path = write_log(tmp_path)
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 0x0A][1:]  # of the events
    for cut in range(len(whole)):
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
    [b"\0" * 4096, b'{"seq":7,"ts":"2026', b"garbage\n", b"\n", b"\xff\xfe\n\0\0", b'{"seq":7}\n'],
    ids=["trailing NULs", "half a line", "a bad line", "an empty line", "bytes", "no event"],
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
    assert f"cut off {len(tail)} bytes at offset {end}" in caplog.text
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
