"""Reading commands without a session: they take the last one that changed, and say so."""

import json
import os
import re
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.cli.terminal import Completed, Terminal, journal, shell

_SAID = "journal: session support-42, the last one that changed; name another to see it\n"


@pytest.fixture
def folder_of_two(folder: str, store: DefaultSessionStore, tmp_path: Path) -> str:
    """`support-42` changed last."""
    for session in ("older", "support-42"):
        store.set_runtime_state(session, "native", "turn-1", {"of": session, "n": 1})
        store.set_runtime_state(session, "billing", "turn-1", {"of": session, "status": "error"})
        store.set_runtime_state(session, "billing", "turn-1", {"of": session, "status": "open"})
    os.utime(tmp_path / "older.jsonl", (1_700_000_000,) * 2)
    return folder


def run(folder: str, *args: str) -> Completed:
    return journal(*args, "--dir", folder)


@pytest.mark.parametrize(
    ("without", "named"),
    [
        (["log"], ["log", "support-42"]),
        (["log", "state.status=error"], ["log", "support-42", "state.status=error"]),
        (
            ["log", "-u", "billing", "op=set", "seq=3"],
            ["log", "support-42", "-u", "billing", "op=set", "seq=3"],
        ),
        (["show"], ["show", "support-42"]),
        (["show", "billing"], ["show", "support-42", "billing"]),
        (["show", "billing", "turn-1"], ["show", "support-42", "billing", "turn-1"]),
        (["show", "native", "--at", "1"], ["show", "support-42", "native", "--at", "1"]),
        (["history", "billing", "turn-1"], ["history", "support-42", "billing", "turn-1"]),
        (["blame", "billing", "turn-1"], ["blame", "support-42", "billing", "turn-1"]),
        (["diff", "billing/turn-1"], ["diff", "support-42", "billing/turn-1"]),
        (["diff", "@1", "@2"], ["diff", "support-42", "@1", "@2"]),
        (
            ["diff", "billing/turn-1", "native/turn-1"],
            ["diff", "support-42", "billing/turn-1", "native/turn-1"],
        ),
        (["replay"], ["replay", "support-42"]),
        (["replay", "op=set"], ["replay", "support-42", "op=set"]),
        (["handoffs"], ["handoffs", "support-42"]),
        (["stat"], ["stat", "support-42"]),
        (["turn", "billing/turn-1"], ["turn", "support-42", "billing/turn-1"]),
        (["blame", "billing/turn-1"], ["blame", "support-42", "billing/turn-1"]),
    ],
    ids=" ".join,
)
def test_the_last_session_is_taken_and_named(
    folder_of_two: str, without: list[str], named: list[str]
) -> None:
    taken, asked = run(folder_of_two, *without), run(folder_of_two, *named)
    assert (taken.returncode, taken.stdout) == (asked.returncode, asked.stdout)
    assert taken.returncode in (0, 1), "a difference or a fault"
    assert taken.stdout
    assert (taken.stderr, asked.stderr) == (_SAID, "")


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_on_a_terminal_it_is_said_before_the_events(folder_of_two: str, columns: int) -> None:
    with Terminal("log", "--dir", folder_of_two, columns=columns) as terminal:
        assert terminal.end() == 0
    said, *lines = terminal.lines
    assert f"{said}\n" == _SAID
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]


def test_a_word_that_is_the_id_of_a_session_is_the_session(
    folder_of_two: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    for session in ("native", "state.status=error", "billing/turn-1"):
        store.set_runtime_state(session, "native", "turn-1", {"of": session})
    for args in (["show", "native"], ["log", "state.status=error"]):
        result = run(folder_of_two, *args)
        assert (result.returncode, result.stderr) == (0, "")
        assert args[1] in result.stdout
    for args, missing in (
        (["history", "native", "turn-1"], "TURN"),
        (["blame", "native"], "[RUNTIME/]TURN"),
        (["turn", "native"], "[RUNTIME/]TURN"),
        (["diff", "billing/turn-1"], "OLD"),
    ):
        result = run(folder_of_two, *args)
        assert result.returncode == 2
        assert f"Missing argument '{missing}'" in result.stderr
        assert "the last one that changed" not in result.stderr


@pytest.mark.parametrize("command", ["history", "diff", "blame", "turn"])
def test_what_must_be_there_is_missed_before_a_session_is_looked_for(
    folder_of_two: str, command: str
) -> None:
    result = run(folder_of_two, command)
    assert result.returncode == 2
    assert "Missing argument" in result.stderr
    assert "support-42" not in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["log", "suport-42"],
        ["log", "suport-42", "op=set"],
        ["show", "suport-42"],
        ["show", "suport-42", "native"],
        ["diff", "suport-42", "native"],
        ["replay", "suport-42"],
        ["handoffs", "suport-42"],
        ["stat", "suport-42"],
        ["history", "suport-42", "native", "turn-1"],
        ["turn", "suport-42", "native/turn-1"],
    ],
    ids=" ".join,
)
def test_a_name_that_is_wrong_is_no_word_of_the_last_session(
    folder_of_two: str, args: list[str]
) -> None:
    result = run(folder_of_two, *args)
    assert (result.returncode, result.stdout) == (3, "")
    assert "there is no session 'suport-42'" in result.stderr
    assert "support-42" in result.stderr, "and what was meant"
    assert "the last one that changed" not in result.stderr


@pytest.mark.parametrize("command", ["log", "show", "replay", "handoffs", "stat"])
def test_where_there_is_none_it_is_said_what_to_do(folder: str, command: str) -> None:
    result = run(folder, command)
    assert (result.returncode, result.stdout) == (3, "")
    assert f"there are no sessions in {folder}; name the folder" in result.stderr
    assert "--dir" in result.stderr
    assert "journal demo" in result.stderr


def test_a_session_without_a_log_is_the_last_one_for_those_that_need_none(
    folder_of_two: str, tmp_path: Path
) -> None:
    older = {"session_id": "praison", "runtime_state": {"native": {"t": {"n": 1}}}}
    (tmp_path / "praison.json").write_text(json.dumps(older))
    assert "session praison, the last one" in run(folder_of_two, "show").stderr
    assert run(folder_of_two, "log").stderr == _SAID


def test_an_id_with_blanks_is_quoted(folder: str, store: DefaultSessionStore) -> None:
    store.set_runtime_state("two words\x1b", "native", "t", {"n": 1})
    result = run(folder, "log")
    assert "session 'two words\\x1b', the last one" in result.stderr


@pytest.mark.parametrize("option", ["--after-cursor", "--cursor-file"])
def test_a_cursor_needs_the_name_of_its_session(
    folder_of_two: str, option: str, tmp_path: Path
) -> None:
    result = run(folder_of_two, "log", option, str(tmp_path / "cursor"))
    assert result.returncode == 2
    assert "name the session too" in result.stderr


@pytest.mark.parametrize(
    "args", [["delete", "--yes"], ["export"], ["set"], ["clear"], ["handoff"], ["takeover"]]
)
def test_what_writes_or_deletes_wants_a_name(folder_of_two: str, args: list[str]) -> None:
    result = run(folder_of_two, *args)
    assert result.returncode == 2
    assert "Missing argument 'SESSION'" in result.stderr


def test_the_usage_says_what_may_be_left_out() -> None:
    usages = {
        "log": "[SESSION] [FIELD=VALUE]...",
        "show": "[SESSION] [RUNTIME] [TURN]",
        "history": "[SESSION] RUNTIME TURN",
        "blame": "[SESSION] [RUNTIME/]TURN",
        "diff": "[SESSION] OLD [NEW]",
        "replay": "[SESSION] [FIELD=VALUE]...",
        "handoffs": "[SESSION]...",
        "stat": "[SESSION]",
        "turn": "[SESSION] [RUNTIME/]TURN",
    }
    for command, usage in usages.items():
        text = journal(command, "--help").stdout
        assert re.match(rf"Usage: \S+ {command} \[OPTIONS\] {re.escape(usage)}\n", text)
        assert "Without SESSION, the one that changed last is shown." in text


def test_what_is_typed_in_place_of_the_session_is_completed(folder_of_two: str) -> None:
    script = """
    completed() {
        COMP_LINE="$1" COMP_BREAKS=: _JOURNAL_COMPLETE=bash_complete journal | cut -d, -f2
    }
    completed 'journal show billing '
    completed 'journal history support-42 '
    """
    result = shell(script, JOURNAL_DIR=folder_of_two)
    assert (result.stdout.split(), result.stderr) == (["turn-1", "native", "billing"], "")
