"""`journal set`, `clear`, `handoff` and `takeover`: what scripts do to a session."""

import json
import os
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from journal.events import Handoff
from projections import DefaultSessionStore
from tests.cli.terminal import Pipe, journal, shell, side_by_side


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "sessions")


def test_a_state_comes_from_an_argument_a_file_or_standard_input(
    folder: str, tmp_path: Path
) -> None:
    (tmp_path / "state.json").write_text('{"from": "file é"}')
    script = f"""set -e
    journal set s native arg '{{"from": "argument"}}'
    journal set s native file @{tmp_path}/state.json
    echo '{{"from": "pipe"}}' | journal set s native pipe
    journal set s native dash - <<< '{{"from": "dash"}}'
    journal show s native -o value
    """
    result = shell(script, JOURNAL_DIR=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout) == {
        "arg": {"from": "argument"},
        "file": {"from": "file é"},
        "pipe": {"from": "pipe"},
        "dash": {"from": "dash"},
    }
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(f"{folder}/s.jsonl").st_mode) == 0o600


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("{", ["STATE is not JSON"]),
        ("[1]", ["JSON object", "{"]),
        ("5", ["JSON object"]),
        ('{"n": NaN}', ["STATE is not JSON"]),
        ('{"n": 1e999}', ["STATE is not JSON"]),
        ('{"a": ' + "[" * 5000 + "]" * 5000 + "}", ["deep"]),
        ('{"a": ' + "[" * 200 + "]" * 200 + "}", ["deep"]),
        ("-", ["standard input is not JSON"]),
        ("@/dev/null", ["/dev/null is not JSON"]),
        (b'{"a": "\xff"}', ["STATE is not JSON"]),
    ],
)
def test_what_is_no_state_is_a_usage_error_and_nothing_is_written(
    folder: str, state: "str | bytes", words: list[str]
) -> None:
    text = state if isinstance(state, str) else os.fsdecode(state)
    result = journal("set", "s", "native", "t", text, "--dir", folder)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr) < 500
    for word in words:
        assert word in result.stderr
    assert not os.path.exists(folder)


def test_a_file_that_is_not_there_is_named(folder: str) -> None:
    result = journal("set", "s", "native", "t", "@nowhere.json", "--dir", folder)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "journal: nowhere.json: No such file or directory\n"


def test_numbers_survive_as_they_were_written(folder: str) -> None:
    state = (
        '{"huge":123456789012345678901234567890,"max":18446744073709551616,'
        '"min":-9223372036854775809,"one":1.0,"third":0.1,"zero":-0.0,"big":1.7976931348623157e308}'
    )
    assert journal("set", "s", "native", "t", state, "--dir", folder).returncode == 0
    commands = (
        ["show", "s", "native", "t"],
        ["show", "s", "native", "t", "-o", "value"],
        ["show", "s", "-o", "json"],
        ["log", "s", "-o", "json"],
        ["log", "s", "-o", "jsonl"],
        ["log", "s", "-o", "pretty"],
        ["history", "s", "native", "t", "-o", "jsonl"],
        ["blame", "s", "native", "t"],
        ["takeover", "s", "native"],
        ["export", "s"],
        ["export", "s", "-o", "session"],
    )
    for result in side_by_side(lambda args: journal(*args, "--dir", folder), commands):
        for number in ("123456789012345678901234567890", "18446744073709551616", "1.0", "-0.0"):
            assert number in result.stdout, result
    wanted = "state.huge=123456789012345678901234567890"
    assert journal("log", "s", wanted, "--dir", folder).stdout.count("\n") == 1


def test_secrets_do_not_get_to_the_disk(folder: str) -> None:
    secret = "sk-" + "a1B2" * 10
    script = f"""set -e
    journal set s native t '{{"api_key": "{secret}"}}'
    journal handoff s native harness --reason 'key {secret} is used up'
    journal log s
    """
    result = shell(script, JOURNAL_DIR=folder)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("REDACTED") == 2
    for path in Path(folder).rglob("*"):
        assert path.is_dir() or secret.encode() not in path.read_bytes()


def test_runtimes_hand_over_clear_and_leave_a_history(folder: str) -> None:
    script = """set -e
    journal set s native t-1 '{"n": 1}'
    journal handoff s native harness -t t-1 --reason 'rate limited'
    journal takeover s harness -o none
    echo ---
    journal takeover s judge
    journal clear s nobody
    journal clear s native
    """
    result = shell(script, JOURNAL_DIR=folder)
    assert result.returncode == 0
    assert result.stderr.splitlines() == [
        "journal: there was nothing to drop of runtime 'nobody'; there is 'native'",
        "journal: dropped 1 turn of 'native'; `journal show --at` still shows what was there",
    ]
    nothing, inherited = result.stdout.split("---\n")
    assert nothing == ""
    assert json.loads(inherited) == {
        "version": 1,
        "session_id": "s",
        "runtime_id": "judge",
        "state": {"native": {"t-1": {"n": 1}}},
    }
    with DefaultSessionStore(folder) as store:
        past = store.past("s")
        assert past is not None
        events = [entry.event for entry in past.in_order()]
        names = [type(event).__name__ for event in events]
        assert names == ["Set", "Handoff", "Takeover", "Takeover", "Clear"]
        handoff = events[1]
        assert isinstance(handoff, Handoff)
        assert (handoff.turn_id, handoff.reason) == ("t-1", "rate limited")
        assert [getattr(event, "handoff_seq", None) for event in events[2:4]] == [2, None]
        assert store.state_at("s") == {}
    assert journal("handoff", "s", "x", "x", "--dir", folder).returncode == 2


@pytest.mark.parametrize(
    "args", [["clear", "s"], ["handoff", "s", "a", "b"], ["takeover", "s", "a"]], ids=" ".join
)
def test_only_set_makes_a_session(folder: str, args: list[str]) -> None:
    result = journal(*args, "--dir", folder)
    assert result.returncode == 3
    assert folder in result.stderr
    assert not os.path.exists(folder)
    assert journal("set", "other", "a", "t", "{}", "--dir", folder).returncode == 0
    before = sorted(os.listdir(folder))
    assert journal(*args, "--dir", folder).returncode == 3
    assert sorted(os.listdir(folder)) == before


def test_two_scripts_at_once_lose_nothing(folder: str) -> None:
    with ExitStack() as running:
        commands = [
            running.enter_context(Pipe("set", "s", f"r-{n}", "t", "{}", "--dir", folder))
            for n in range(6)
        ]
        assert [command.end() for command in commands] == [0] * 6
    with DefaultSessionStore(folder) as store:
        assert store.state_at("s").keys() == {f"r-{n}" for n in range(6)}


def test_a_set_with_a_key_writes_once(folder: str) -> None:
    script = """set -e
    journal set s native t '{"n": 1}' --once job-17
    journal set s native t '{"n": 2}' --once job-17
    journal show s native t -o value
    journal log s -o jsonl | jq -r .once
    """
    result = shell(script, JOURNAL_DIR=folder)
    assert result.returncode == 0
    assert "'job-17' was used in session 's' before" in result.stderr
    shown, key = result.stdout.rsplit("\n", 2)[:2]
    assert (json.loads(shown), key) == ({"n": 1}, "job-17")


def test_a_set_that_expects_a_head_writes_only_where_nobody_has_since(folder: str) -> None:
    script = """
    mkdir "$JOURNAL_DIR"
    none=$(journal head s)
    journal set s native t '{"n": 1}' --expect "$none" || exit 9
    head=$(journal head s)
    journal set s native t '{"n": 2}' --expect "$head" || exit 9
    journal set s native t '{"n": 3}' --expect "$head"
    echo "exit $?"
    journal verify s --head "$head" > /dev/null || exit 9
    journal show s native t -o value
    """
    result = shell(script, JOURNAL_DIR=folder)
    assert result.returncode == 0, result.stderr
    assert "Nothing was written" in result.stderr
    ended, shown = result.stdout.split("\n", 1)
    assert (ended, json.loads(shown)) == ("exit 1", {"n": 2})


@pytest.mark.parametrize("wrong", ["", "7", "a:1", "a:1:0123456789ab"])
def test_what_is_no_head_is_a_usage_error(folder: str, wrong: str) -> None:
    result = journal("set", "s", "native", "t", "{}", "--expect", wrong, "--dir", folder)
    assert result.returncode == 2
    assert "head" in result.stderr
    assert not os.path.exists(folder)


def test_the_head_of_no_session_makes_nothing(folder: str) -> None:
    os.mkdir(folder)
    assert journal("head", "s", "--dir", folder).stdout == f"{'0' * 16}:0:{'0' * 32}\n"
    assert os.listdir(folder) == []
