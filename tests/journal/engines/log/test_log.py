"""One session's log file: what an append promises, and whose word it takes."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from journal.codec import control_line, digest_of
from journal.engines.files.log import LogOptions
from journal.events import GENESIS, Clear, Event, Handoff, Open, Takeover, Unknown
from tests.journal.engines.log.steps import counting
from tests.support import (
    FaultyStorage,
    open_log,
    segment_of,
    set_event,
    turns_in,
)


def test_events_are_numbered_chained_and_folded_in_order(tmp_path: Path) -> None:
    log, recorder = open_log(tmp_path)
    for turn in ("a", "b", "c"):
        log.append([set_event(turn)])
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert [line.get("seq") for line in lines] == [None, 1, 2, 3]
    assert [line["prev"] for line in lines[1:]] == [GENESIS, lines[1]["hash"], lines[2]["hash"]]
    assert recorder.turns == ["a", "b", "c"]


def test_reading_what_is_not_there_creates_nothing(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path / "missing", "unknown")
    assert not log.refresh()
    assert log.head is None
    assert not (tmp_path / "missing").exists()


def test_a_takeover_records_the_last_event_before_it(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), Handoff(source="native", target="plugin", reason="test")])
    log.append([Takeover(runtime_id="plugin", handoff_seq=2)])
    last = json.loads((tmp_path / "s.jsonl").read_text().splitlines()[-1])
    assert (last["handoff_seq"], last["seen_seq"]) == (2, 2)


def test_an_unknown_op_loads_and_later_appends_follow_it(tmp_path: Path) -> None:
    log, recorder = open_log(tmp_path)
    head = log.append([set_event("a")])
    covered = (
        f'{{"seq":2,"ts":"2030-01-01T00:00:00.000000Z","op":"rename","to":"b","writer":"x",'
        f'"prev":"{head.hash}"'
    )
    line = f'{covered},"hash":"{digest_of(covered.encode())}"}}\n'
    with (tmp_path / "s.jsonl").open("a") as file:
        file.write(line)
    assert log.append([set_event("c")]).seq == 3
    log.refresh()
    unknown = recorder.events[1]
    assert isinstance(unknown, Unknown)
    assert (unknown.op, unknown.line) == ("rename", line.rstrip().encode())


def test_equal_and_backward_times_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _ = open_log(tmp_path)
    for second in (500, 500, 100, 300):
        monkeypatch.setattr("journal.codec.time_ns", lambda now=second: now * 1_000_000_000)
        log.append([set_event(str(second))])
    assert turns_in(tmp_path) == ["500", "500", "100", "300"]


def test_a_header_that_lies_about_kept_events_is_noticed(tmp_path: Path) -> None:
    header = Open(
        format=1,
        session_id="s",
        log_id="0123456789abcdef",
        base_seq=0,
        base_hash=GENESIS,
        kept=2,
        kept_digest=digest_of(b""),
        archive=None,
        ts="",
        writer="",
    )
    (tmp_path / "s.jsonl").write_bytes(control_line(header))
    log, _ = open_log(tmp_path)
    log.append([set_event("a")])
    fresh, _ = open_log(tmp_path)
    fresh.refresh()
    assert [damage.kind for damage in segment_of(fresh).scanner.damage] == ["kept"]


def test_clear_without_runtime_is_written_without_the_key(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([Clear(), Clear(runtime_id="native")])
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert "runtime_id" not in lines[1]
    assert lines[2]["runtime_id"] == "native"


def test_logs_are_durable_unless_told_otherwise_and_wait_half_a_minute() -> None:
    options = LogOptions()
    assert (options.durability, options.lock_timeout, options.writer) == ("fsync", 30.0, None)


def test_the_header_of_a_new_log_and_its_events_name_who_wrote_them(tmp_path: Path) -> None:
    named, _ = open_log(tmp_path, "named", writer="me")
    named.append([set_event("a")])
    unnamed, _ = open_log(tmp_path, "unnamed")
    unnamed.append([set_event("a")])
    us = f"{os.uname().nodename}:{os.getpid()}"
    for session, writer in (("named", "me"), ("unnamed", us)):
        text = (tmp_path / f"{session}.jsonl").read_text()
        header, event = (json.loads(line) for line in text.splitlines())
        assert (header["writer"], event["writer"]) == (writer, writer)
        assert header.pop("ts")[:2] == "20"
        assert len(bytes.fromhex(header.pop("log_id"))) == 8
        assert header.pop("hash")
        assert header == {
            "op": "open",
            "format": 1,
            "session_id": session,
            "base_seq": 0,
            "base_hash": GENESIS,
            "kept": 0,
            "kept_digest": digest_of(b""),
            "archive": None,
            "writer": writer,
        }


def test_flushing_what_was_never_opened_or_begun_does_nothing(tmp_path: Path) -> None:
    calls: list[str] = []
    log, _ = open_log(tmp_path, storage=FaultyStorage(counting(calls)))
    log.flush()
    assert not (tmp_path / "s.jsonl").exists()
    (tmp_path / "s.jsonl").write_bytes(b"")
    log.flush()
    assert not log.refresh()
    log.flush()
    assert "sync" not in calls


def test_flushing_a_log_that_was_closed_meanwhile_syncs_it(tmp_path: Path) -> None:
    calls: list[str] = []
    log, _ = open_log(tmp_path, storage=FaultyStorage(counting(calls)))
    log.append([set_event("a")])
    log.close()
    assert "sync" not in calls
    log.flush()
    assert calls.count("sync") == 1


def test_a_log_whose_first_event_cannot_be_made_leaves_no_file(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    with pytest.raises(TypeError):
        log.append([Clear(runtime_id=5)])  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_closing_a_log_closes_its_file_and_reading_opens_it_again(
    tmp_path: Path, durability: str
) -> None:
    calls: list[str] = []
    storage = FaultyStorage(counting(calls))
    log, recorder = open_log(tmp_path, storage=storage, durability=durability)
    log.append([set_event("a")])
    file = log.file
    assert file is not None
    calls.clear()
    log.close()
    assert (calls.count("close"), calls.count("sync")) == (1, 0), "nobody waits for a sync"
    assert not file.is_open
    log.close()
    assert calls.count("close") == 1
    assert log.refresh()
    assert recorder.turns == ["a"]


def test_events_that_cannot_be_made_leave_a_log_as_it_was(tmp_path: Path) -> None:
    log, recorder = open_log(tmp_path)
    log.append([set_event("a")])
    before = (tmp_path / "s.jsonl").read_bytes()

    def make() -> list[Event]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        log.append(make)
    assert (tmp_path / "s.jsonl").read_bytes() == before
    other, _ = open_log(tmp_path, lock_timeout=0.0)
    assert other.append([set_event("b")]).seq == 2, "it is not locked any more"
    log.refresh()
    assert recorder.turns == ["a", "b"]


def test_where_the_lock_is_free_nobody_gets_ready_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which would make each append slower by a tenth."""
    log, _ = open_log(tmp_path)
    monkeypatch.setattr(
        "journal.engines.files.log.attempts", lambda *args: pytest.fail("it got ready")
    )
    assert [log.append([set_event(turn)]).seq for turn in "ab"] == [1, 2]


def test_a_batch_is_one_write_and_its_events_have_one_time(tmp_path: Path) -> None:
    calls: list[str] = []
    log, _ = open_log(tmp_path, storage=FaultyStorage(counting(calls)))
    head = log.append([set_event("a"), set_event("b"), set_event("c")])
    assert calls.count("write") == 1
    assert head == log.head
    assert log.size == (tmp_path / "s.jsonl").stat().st_size
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert len({line["ts"] for line in lines[1:]}) == 1


def test_a_log_is_begun_with_the_events_of_an_older_session_also_after_a_wait(
    tmp_path: Path,
) -> None:
    """Somebody holds the lock of the empty file at first, then lets it go, unused."""
    (tmp_path / "s.jsonl").write_bytes(b"")
    holder = os.open(tmp_path / "s.jsonl", os.O_RDWR)
    assert FaultyStorage.lock(holder)
    tries: list[str] = []

    def let_go(name: str, args: tuple[Any, ...]) -> None:
        if name == "lock":
            tries.append(name)
            if len(tries) == 3:
                os.close(holder)

    log, recorder = open_log(tmp_path, storage=FaultyStorage(let_go))
    log.append([set_event("new")], import_events=lambda: [set_event("old")])
    assert recorder.turns == ["old", "new"] == turns_in(tmp_path)
