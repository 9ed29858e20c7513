"""Bounds that few logs reach, and what is answered where something is not to be had."""

import os
import sys
from collections import deque
from errno import EMFILE
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from msgspec.structs import replace

from journal import glued, group_commit, room, scan, state, system
from journal.codec import control_line
from journal.errors import StateValueError
from journal.events import GENESIS, Event, Handoff, Takeover
from journal.fold import apply
from journal.group_commit import Batch, Group, Request, Written
from journal.kept import KeptCheck
from journal.names import is_in_folder
from journal.position import Position
from journal.reports import Problem
from journal.scan import Scanner
from journal.state import encode_state, encode_text
from journal.stopping import StopEvent
from tests.support import open_log, set_event


def lines_in(folder: Path, turns: int) -> list[bytes]:
    """The lines of a log: its header, and so many sets."""
    log, _ = open_log(folder)
    log.append([set_event(f"t{number}") for number in range(turns)])
    log.close()
    return (folder / "s.jsonl").read_bytes().splitlines(keepends=True)


# Events and positions


@pytest.mark.parametrize("event", [Handoff(source="a", target="b"), Takeover(runtime_id="a")])
def test_what_is_neither_set_nor_clear_leaves_the_view(event: Event) -> None:
    tree = {"a": {"t": 1}}
    assert apply(tree, event, 2) is None
    assert tree == {"a": {"t": 1}}


def test_an_event_from_long_before_a_position_has_been_read_whatever_its_hash() -> None:
    position = Position()
    position.begin_log("log")
    position.jump(10_000, GENESIS, ["b" * 32], "2026-11-22T10:18:00.000000Z")
    assert not position.take(replace(set_event("t"), seq=1, hash="a" * 32))
    assert position.seq == 10_000


# Lines


def test_events_glued_together_are_found_behind_what_only_begins_like_one(
    tmp_path: Path,
) -> None:
    _, line = lines_in(tmp_path, 1)
    torn = b'x{"seq":1,"ts'
    found = glued.split_glued(torn + b'{"seq":' + torn + line.strip(), 0)
    (bad, _, stop), (good, start, _) = found
    assert bad is None
    assert good == line.strip()
    assert stop == start


def test_of_a_bad_line_with_many_beginnings_only_the_first_are_tried(tmp_path: Path) -> None:
    _, line = lines_in(tmp_path, 1)
    garbage = b' {"seq":' * 200 + line.strip()
    assert glued.split_glued(garbage, 7) == [(None, 7, 7 + len(garbage))]


def test_behind_a_byte_order_mark_a_line_must_be_intact_too(tmp_path: Path) -> None:
    header, *lines = lines_in(tmp_path, 2)
    broken = b"\xef\xbb\xbf" + header.replace(b"log_id", b"lXg_id")
    scanner = Scanner()
    assert [event.seq for event in scanner.read([broken, *lines])] == [1, 2]
    scanner.finish()
    assert scanner.header is None
    assert scanner.damage[0].offset == 0


def test_more_damage_than_is_noted_is_still_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "_LONGEST_NOTED", 2)
    header, *lines = lines_in(tmp_path, 5)
    scanner = Scanner()
    bad = b"".join(b"garbage\n" + line for line in lines)
    assert [event.seq for event in scanner.read([header + bad])] == [1, 2, 3, 4, 5]
    scanner.finish()
    assert len(scanner.damage) == 2
    assert scanner.damage_count == 5


def test_without_a_seal_there_is_none_to_pass(tmp_path: Path) -> None:
    scanner = Scanner()
    list(scanner.read(lines_in(tmp_path, 2)))
    end, line_hash = scanner.end, scanner.line_hash
    scanner.pass_seal()
    assert (scanner.end, scanner.line_hash) == (end, line_hash)


def test_a_header_that_counts_no_kept_events_must_say_so_in_its_digest(tmp_path: Path) -> None:
    header = Scanner()
    list(header.read(lines_in(tmp_path, 1)))
    assert header.header is not None
    assert KeptCheck().begin(header.header) is None
    forged = replace(header.header, kept_digest="0" * 32)
    scanner = Scanner()
    list(scanner.read([control_line(forged)]))
    assert [damage.kind for damage in scanner.damage] == ["kept"]


# States and ids


class Word(str):
    """A string of a class of its own."""


def test_an_id_of_a_class_derived_from_str_is_written_as_the_string_it_is() -> None:
    assert encode_text(Word("é"), "turn_id") == encode_text("é", "turn_id")


def test_a_state_that_cannot_be_encoded_for_want_of_stack_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encode = state._encode

    def refuse(value: Any) -> bytes:
        if isinstance(value, dict):
            raise RecursionError
        return encode(value)

    monkeypatch.setattr(state, "_encode", refuse)
    with pytest.raises(StateValueError, match="flatten it"):
        encode_state({"a": 1}, "state")


# Names and reports


@pytest.mark.parametrize("name", ["s.jsonl", "s.jsonl.new", "s.json", "s.json.new", "s.json.lock"])
def test_names_that_the_journal_gives_are_known(name: str) -> None:
    assert is_in_folder(name)
    assert not is_in_folder(f"{name}~")


def test_damage_is_located_by_its_bytes_if_it_has_any() -> None:
    assert Problem(kind="gap", where="f", offset=7, length=2, reason="r").location == (
        "f, byte 7, 2 bytes"
    )
    assert Problem(kind="order", where="f", offset=7, reason="r").location == "f, byte 7"
    assert Problem(kind="not-a-file", where="f", reason="r").location == "f"


# What the system does not give


def test_a_high_descriptor_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(room, "make_room", lambda: made.append("room"))
    monkeypatch.setattr(room, "limit", lambda: 100)
    room.leave_some(74)
    assert made == []
    room.leave_some(75)
    assert made == ["room"]


def test_a_wait_without_descriptors_ends_after_its_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> tuple[int, int]:
        raise OSError(EMFILE, os.strerror(EMFILE))

    monkeypatch.setattr(os, "pipe", refuse)
    stop = StopEvent()
    assert not stop.wait(0.001)
    stop.set()
    assert stop.wait(60.0)


def test_a_pipe_stays_open_while_the_interpreter_ends() -> None:
    stop = StopEvent()
    fd = stop.fileno()
    stop.__del__(lambda: True)
    assert os.fstat(fd)
    stop.__del__()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


@pytest.mark.parametrize("missing", ["fcntl", "fdatasync"])
def test_where_a_call_of_linux_is_missing_the_import_says_what_to_do(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing: ModuleType | None = None
    if missing == "fcntl":
        monkeypatch.setitem(sys.modules, "fcntl", nothing)
    else:
        monkeypatch.delattr(os, "fdatasync")
    with pytest.raises(ImportError, match="Use a Linux machine"):
        system.require_linux_calls()


# Group commit


def never(take: Batch, since: float) -> Written:
    raise AssertionError("nothing is to be written")


class Emptied(deque[Any]):
    """A queue that another thread empties right after this one saw something in it."""

    def __bool__(self) -> bool:
        return True


def test_a_queue_that_another_thread_empties_meanwhile_wakes_nobody() -> None:
    group = Group()
    queue = Emptied()
    group._queue = queue
    group._withdraw(group_commit._Waiting(Request([]), never))
    assert not list(queue)


def test_no_more_are_written_as_one_piece_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "_MOST", 2)
    group = Group()
    waiting = [group_commit._Waiting(Request([set_event(turn)]), never) for turn in "abc"]
    group._queue.extend(waiting)
    assert group._first() == waiting[:2]
    assert group._first() == waiting[2:]
