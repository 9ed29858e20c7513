"""Which sessions and events `journal tail` and `journal log` choose: patterns, conditions, -v."""

import json
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.cli.appending import put, seqs_of, shown
from tests.cli.terminal import Pipe, Terminal, journal

NAMES = ["support/1", "support/eu/2", "sales", "s*", "state.n=1"]


@pytest.fixture
def several(folder: str, store: DefaultSessionStore) -> str:
    for name in NAMES:
        store.set_runtime_state(name, "native", "turn-1", {"n": 1})
        store.set_runtime_state(name, "harness", "turn-2", {"n": 2, "why": "Slow"})
    return folder


def sessions_of(lines: Iterable[str]) -> list[str]:
    return sorted({json.loads(line)["session_id"] for line in lines})


@pytest.mark.parametrize(
    ("args", "names", "new"),
    [
        (["support/*"], ["support/1", "support/eu/2"], "support/new"),
        (["support/?", "sales"], ["sales", "support/1"], "support/9"),
        (["[s]a*"], ["sales"], "sa"),
        (["s*", "x*"], ["s*"], "x1"),
        (["-v", "s*"], ["sales", "state.n=1", "support/1", "support/eu/2"], "s"),
        (["-v", "s[ut]*"], ["s*", "sales"], "sx"),
        (["state.n=1"], ["state.n=1"], None),
        (["-v", "state.n=1", "-S", "1h"], [name for name in NAMES if name != "state.n=1"], "z"),
    ],
    ids=str,
)
def test_patterns_choose_sessions_and_new_ones_join(
    several: str, store: DefaultSessionStore, args: list[str], names: list[str], new: str | None
) -> None:
    with Pipe("tail", *args, "-n", "99", "-o", "jsonl", "--dir", several) as follower:
        lines = follower.until(shown(2 * len(names)))
        assert sessions_of(lines) == sorted(names)
        put(store, 1, "never")
        put(store, 1, new or names[0])
        lines = follower.until(shown(2 * len(names) + 1))
        newest = json.loads(lines[-1])["session_id"]
        assert newest == (new or names[0]) or (newest == "never" and "-v" in args)


@pytest.mark.parametrize(
    ("args", "turns"),
    [
        (["state.n=2"], {"turn-2"}),
        (["sales", "turn_id=turn-1", "runtime=native"], {"turn-1"}),
        (["support/*", "state.n=1", "state.n=2", "-g", "slow"], {"turn-2"}),
        (["-v", "-g", "slow"], {"turn-1"}),
        (["-v", "state.n=2"], {"turn-1"}),
        (["-v", "-u", "native", "sales"], {"turn-2"}),
        (["-v", "-g", "slow", "-u", "native"], {"turn-1"}),
        (["-v", "-g", "slow", "-u", "harness", "-g", "x"], {"turn-2"}),
    ],
    ids=str,
)
def test_conditions_choose_events_as_in_log(
    several: str, args: list[str], turns: set[str]
) -> None:
    with Pipe("tail", *args, "-n", "99", "-o", "jsonl", "--dir", several) as follower:
        lines = follower.until(shown(1))
    assert {json.loads(line)["turn_id"] for line in lines} == turns


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_on_a_terminal_everything_but_what_matches(
    several: str, store: DefaultSessionStore, columns: int
) -> None:
    args = ["tail", "support/*", "-v", "-g", "slow", "--dir", several]
    with Terminal(*args, columns=columns) as terminal:
        assert seqs_of(terminal.until(shown(2))) == [1, 1]
        store.set_runtime_state("support/9", "native", "turn-3", {"why": "slow"})
        store.set_runtime_state("support/9", "native", "turn-4", {"why": "fast"})
        lines = terminal.until(shown(3))
        assert seqs_of(lines) == [1, 1, 2]
        assert "support/9" in lines[-1]
        assert terminal.widest <= columns
        terminal.interrupt()
        assert terminal.end() == 130


@pytest.mark.parametrize("command", ["log", "tail"])
def test_inverting_nothing_is_a_usage_error(several: str, command: str) -> None:
    named = ["sales"] if command == "log" else []
    for options in (["-v"], ["-v", "-S", "1h"]):
        result = journal(command, *named, *options, "--dir", several)
        assert (result.returncode, result.stdout) == (2, "")
        assert "-v turns a choice round" in result.stderr


def test_a_condition_on_no_field_is_not_taken_for_a_session(several: str) -> None:
    result = journal("tail", "stat.n=2", "--dir", several)
    assert (result.returncode, result.stdout) == (2, "")
    message = " ".join(result.stderr.split())
    assert "there is no session 'stat.n=2'" in message
    assert "FIELD=VALUE with FIELD one of op, seq" in message


def test_a_cursor_file_goes_on_in_all_that_match(several: str, tmp_path: Path) -> None:
    file = tmp_path / "cursor"
    args = ["tail", "support/*", "-o", "jsonl", "--dir", several, "--cursor-file", str(file)]
    with Pipe(*args) as follower:
        follower.until(shown(4))
        with DefaultSessionStore(several, durability="os") as store:
            put(store, 1, "support/1")
        follower.until(shown(5))  # so it follows by now
        follower.until_it_waits()
        follower.signal(signal.SIGINT)
        follower.end()
    assert sorted(json.loads(file.read_text())) == ["support/1", "support/eu/2"]
    with DefaultSessionStore(several, durability="os") as store:
        put(store, 1, "support/1")
        put(store, 1, "sales")
        put(store, 1, "support/new")
    with Pipe(*args) as follower:
        lines = follower.until(shown(2))
        assert sessions_of(lines) == ["support/1", "support/new"]
        assert sorted(seqs_of(lines)) == [1, 4]


def test_the_place_after_one_cursor_needs_one_session(several: str) -> None:
    for sessions in ([], ["support/*"], ["sales", "x*"], ["sales", "support/1"]):
        result = journal("tail", *sessions, "--after-cursor", "0:1", "--dir", several)
        assert (result.returncode, result.stdout) == (2, "")
        assert "name only that one" in result.stderr
