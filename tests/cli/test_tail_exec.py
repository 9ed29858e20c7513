"""`journal tail --exec`: a command for each event, one after the other, and never a shell."""

import json
import signal
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.cli.terminal import Pipe, journal

NOTE = """#!/bin/sh
read -r line
printf '%s\\n' "$line" >> "$1"
printf '%s|%s|%s|%s|%s\\n' "$JOURNAL_SESSION_ID" "$JOURNAL_RUNTIME_ID" "$JOURNAL_TURN_ID" \
  "$JOURNAL_OP" "$JOURNAL_SEQ"
test "$JOURNAL_SEQ" != "$2" || exit 7
"""


@pytest.fixture
def note(tmp_path: Path) -> Path:
    """A script that notes each event's JSON in the file `seen`, and says its ids."""
    script = tmp_path / "note me.sh"
    script.write_text(NOTE)
    script.chmod(0o700)
    return script


@pytest.fixture
def sessions(tmp_path: Path) -> str:
    return str(tmp_path / "sessions")


def command(note: Path, fails_at: int = 0) -> str:
    return f"'{note}' '{note.parent / 'seen'}' {fails_at}"


def put(store: DefaultSessionStore, numbers: range, session: str = "s") -> None:
    for number in numbers:
        store.set_runtime_state(session, "native", f"t-{number}", {"n": number})


def noted(note: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (note.parent / "seen").read_text().splitlines()]


def test_each_event_is_given_on_standard_input_with_its_ids_in_the_environment(
    note: Path, sessions: str
) -> None:
    with DefaultSessionStore(sessions, durability="os") as store:
        put(store, range(1, 3))
        with Pipe("tail", "--exec", command(note), "--dir", sessions) as tail:
            tail.until_it_waits()
            put(store, range(3, 13))
            store.hand_off("s", "native", "codex")
            lines = tail.until(lambda lines: len(lines) == 11)
            tail.signal(signal.SIGINT)
            assert tail.end() == 130
            assert tail.errors == ""
    assert lines == [*(f"s|native|t-{n}|set|{n}" for n in range(3, 13)), "s|native||handoff|13"]
    assert [event["seq"] for event in noted(note)] == [*range(3, 14)]
    assert noted(note)[0]["state"] == {"n": 3}


def test_nothing_of_an_event_is_ever_run(note: Path, sessions: str, tmp_path: Path) -> None:
    evil = f"$(touch '{tmp_path}/ran'); `touch {tmp_path}/ran` ' \" ; touch {tmp_path}/ran #"
    with DefaultSessionStore(sessions, durability="os") as store:
        store.set_runtime_state(evil, evil, evil, {evil: evil})
        store.set_runtime_state("nul", "a\0b", "x" * 200_000, {})
        with Pipe("tail", "-n", "5", "--exec", command(note), "--dir", sessions) as tail:
            lines = tail.until(lambda lines: len(lines) == 2)
            tail.signal(signal.SIGINT)
            assert tail.end() == 130
    assert lines == [f"{evil}|{evil}|{evil}|set|1", "nul|||set|1"]
    assert not (tmp_path / "ran").exists()
    assert [event["runtime_id"] for event in noted(note)] == [evil, "a\0b"]


def test_a_failure_is_said_and_the_next_one_runs(note: Path, sessions: str) -> None:
    with DefaultSessionStore(sessions, durability="os") as store:
        put(store, range(1, 2))
        args = ["tail", "s", "--exec", command(note, fails_at=2), "--dir", sessions]
        with Pipe(*args) as tail:
            tail.until_it_waits()
            put(store, range(2, 5))
            tail.until(lambda lines: len(lines) == 3)
            tail.signal(signal.SIGTERM)
            assert tail.end() == 143
            assert f"session 's', event 2: {note} ended with exit code 7" in tail.errors


def test_a_failure_ends_it_if_that_is_asked_for_and_a_cursor_file_repeats_the_event(
    note: Path, sessions: str, tmp_path: Path
) -> None:
    cursors = str(tmp_path / "cursors")
    args = ["tail", "s", "-n", "3", "--stop-on-failure", "--cursor-file", cursors]
    with DefaultSessionStore(sessions, durability="os") as store:
        put(store, range(1, 4))
        result = journal(*args, "--exec", command(note, fails_at=2), "--dir", sessions)
        assert result.returncode == 1
        assert [event["seq"] for event in noted(note)] == [1, 2]
        with Pipe(*args, "--exec", command(note, fails_at=4), "--dir", sessions) as tail:
            tail.until(lambda lines: lines[-1:] == ["s|native|t-3|set|3"])
            put(store, range(4, 5))
            assert tail.end() == 1
        with Pipe(*args, "--exec", command(note), "--dir", sessions) as tail:
            assert tail.until(lambda lines: lines)[0] == "s|native|t-4|set|4"
            tail.signal(signal.SIGINT)
            assert tail.end() == 130


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--exec", ""], "--exec is empty"),
        (["--exec", "no-such-command --x"], "there is no command 'no-such-command'"),
        (["--exec", "sh '"], "No closing quotation"),
        (["--stop-on-failure"], "goes with --exec"),
    ],
    ids=str,
)
def test_what_cannot_be_run_is_refused_at_once(sessions: str, args: list[str], why: str) -> None:
    result = journal("tail", *args, "--dir", sessions)
    assert result.returncode == 2
    assert why in result.stderr
