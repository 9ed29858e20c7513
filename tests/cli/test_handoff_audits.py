"""`journal handoffs` over all sessions: chosen, grouped, for people and for machines."""

import json
import os
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from projections import DefaultSessionStore
from tests.cli.terminal import STYLE, journal, run_in_terminal, shell

_WIDTHS = [60, 80, 120]
_DONE = {"status": "completed", "tool_calls": []}


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Sessions `calm`, `doubled` (a turn that two ran) and `untold` (a state of unknown form)."""
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("calm", "native", "turn-1", _DONE)
        store.set_runtime_state("calm", "native", "turn-2", _DONE)
        store.set_runtime_state("doubled", "native", "turn-7", _DONE)
        store.set_runtime_state("doubled", "codex", "turn-7", _DONE)
        store.set_runtime_state("untold", "native", "turn-1", {"checkpoint": {"step": 3}})
        store.hand_off("untold", "native", "harness")
        store.take_over("untold", "harness")
    for age, name in enumerate(("calm", "doubled", "untold")):  # `calm` has changed last
        os.utime(tmp_path / f"{name}.jsonl", (2_000_000_000 - age, 2_000_000_000 - age))
    return str(tmp_path)


def damage(folder: str, session: str) -> None:
    path = Path(folder, f"{session}.jsonl")
    path.write_bytes(
        path.read_bytes().replace(b'"status":"completed"', b'"status":"complete!"', 1)
    )


# For machines


def test_in_a_pipe_each_line_has_its_session(folder: str) -> None:
    result = journal("handoffs", "--all", "--dir", folder)
    assert result.returncode == 1
    doubled, untold = result.stdout.splitlines()
    assert doubled.startswith("doubled: ✗ turn-7 ran in native (completed) and codex (completed)")
    assert untold.startswith("untold: ? 1 turn holds no tool calls that we recognise")
    assert result.stderr == (
        "journal: audited 3 sessions; 1 fault in 1 session and 1 that cannot be told\n"
    )
    found = shell("journal handoffs --all | grep -c turn-7", JOURNAL_DIR=folder)
    assert found.stdout == "1\n"


@pytest.mark.parametrize(
    ("sessions", "code", "ok"),
    [
        (["calm", "doubled"], 1, False),
        (["calm", "untold"], 1, None),
        (["doubled", "untold"], 1, False),
        (["calm", "calm"], 0, True),
    ],
)
def test_the_exit_code_of_many_is_as_that_of_one(
    folder: str, sessions: list[str], code: int, ok: bool | None
) -> None:
    text = journal("handoffs", *sessions, "--dir", folder)
    document = journal("handoffs", *sessions, "-o", "json", "--dir", folder)
    assert text.returncode == document.returncode == code
    found = json.loads(document.stdout)
    assert found["ok"] is ok
    assert [each["session_id"] for each in found["sessions"]] == list(dict.fromkeys(sessions))


def test_each_line_of_jsonl_is_a_finding_with_its_session(folder: str) -> None:
    result = journal("handoffs", "--all", "-o", "jsonl", "--dir", folder)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["session_id"], line["severity"]) for line in lines] == [
        ("doubled", "fault"),
        ("untold", "unknown"),
    ]
    assert lines[0]["events"] == [1, 2]
    assert result.stderr == "", "machines count for themselves"
    one = journal("handoffs", "doubled", "-o", "jsonl", "--dir", folder)
    assert one.stdout.splitlines() == result.stdout.splitlines()[:1]


# The choice


def chosen(folder: str, *options: str) -> tuple[int, list[str]]:
    result = journal("handoffs", *options, "-o", "jsonl", "--dir", folder)
    return result.returncode, [json.loads(line)["kind"] for line in result.stdout.splitlines()]


def test_findings_are_chosen_by_time_runtime_and_turn(folder: str) -> None:
    assert chosen(folder, "--all", "-u", "codex") == (1, ["double_run"])
    assert chosen(folder, "--all", "-t", "turn-7") == (1, ["double_run"])
    assert chosen(folder, "--all", "-u", "codex", "-t", "turn-1") == (0, [])
    assert chosen(folder, "--all", "-u", "codex,native", "-t", "turn-1,turn-7") == (
        1,
        ["double_run", "unrecognised"],
    )
    assert chosen(folder, "--all", "-S", "today") == (1, ["double_run", "unrecognised"])
    assert chosen(folder, "--all", "-U", "2020-01-01") == (0, [])
    assert chosen(folder, "doubled", "-S", "2") == (1, ["double_run"])
    assert chosen(folder, "doubled", "-S", "3") == (0, [])
    assert chosen(folder, "calm", "untold", "-u", "native") == (1, ["unrecognised"])


def test_a_session_that_has_not_changed_since_is_not_read(folder: str) -> None:
    damage(folder, "doubled")  # so whoever reads it says so
    os.utime(Path(folder, "doubled.jsonl"), (1_000_000_000, 1_000_000_000))
    result = journal("handoffs", "--all", "-S", "2020-01-01", "--dir", folder)
    assert (result.returncode, result.stdout[:8]) == (1, "untold: ")
    assert "audited 2 sessions; left out 1 that have not changed since then" in result.stderr


def test_a_name_that_no_session_has_is_said_with_those_that_exist(folder: str) -> None:
    result = journal("handoffs", "--all", "-u", "codx", "--dir", folder)
    assert (result.returncode, result.stdout) == (3, "")
    assert "no audited session has a runtime 'codx'; did you mean 'codex'?" in result.stderr
    one = journal("handoffs", "calm", "-t", "turn-9", "--dir", folder)
    assert one.returncode == 3
    assert "a turn 'turn-9'; did you mean 'turn-2' or 'turn-1'?" in one.stderr
    assert journal("handoffs", "doubld", "calm", "--dir", folder).returncode == 3
    os.utime(Path(folder, "doubled.jsonl"), (1_000_000_000, 1_000_000_000))
    today = journal("handoffs", "--all", "-S", "2020-01-01", "-u", "codex", "--dir", folder)
    assert today.returncode == 0, "it may be in a session that was not looked at"
    assert "not looked at" in today.stderr


def test_an_id_with_a_comma_is_one_name(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for session, runtime in (("one", "a,b"), ("two", "a"), ("three", "c")):
            store.set_runtime_state(session, runtime, "t", _DONE)
            store.set_runtime_state(session, f"{runtime}-other", "t", _DONE)
    found = journal("handoffs", "--all", "-u", "a,b", "--dir", str(tmp_path))
    assert {line.partition(":")[0] for line in found.stdout.splitlines()} == {"one", "two"}
    only = journal("handoffs", "two", "-u", "a,c", "--dir", str(tmp_path))
    assert only.returncode == 3, "c is not in `two`"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--all", "calm"], "either sessions or --all"),
        (["--all", "-o", "lanes"], "-o lanes shows the whole of one session"),
        (["calm", "-u", "native", "-o", "table"], "-o table shows the whole of one session"),
        (["--all", "-S", "7"], "a seq is a place in one session"),
    ],
)
def test_what_does_not_go_together_is_refused(folder: str, args: list[str], words: str) -> None:
    result = journal("handoffs", *args, "--dir", folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert words in " ".join(result.stderr.split())


# What is damaged


@pytest.mark.parametrize("output", ["findings", "json", "jsonl"])
def test_a_damaged_session_is_said_and_the_rest_goes_on(folder: str, output: str) -> None:
    damage(folder, "calm")
    Path(folder, "broken.jsonl").write_bytes(b"not a log\n" * 3)
    result = journal("handoffs", "--all", "-o", output, "--dir", folder)
    assert result.returncode == 4
    assert "session 'calm': the history is damaged" in result.stderr
    assert "broken" in result.stderr
    assert "Traceback" not in result.stderr
    assert "turn-7 ran in native" in result.stdout
    if output == "json":
        found = {each["session_id"]: each for each in json.loads(result.stdout)["sessions"]}
        assert found["calm"]["ok"] is None
        assert "damaged" in found["calm"]["error"]
        assert found["broken"]["error"]


def test_an_empty_folder_has_nothing_to_audit(tmp_path: Path) -> None:
    result = journal("handoffs", "--all", "--dir", str(tmp_path))
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "journal: there are no sessions to audit\n"


# For people


@pytest.mark.parametrize("columns", _WIDTHS)
def test_at_a_terminal_findings_stand_below_their_session(folder: str, columns: int) -> None:
    code, shown = run_in_terminal("handoffs", "--all", "--dir", folder, columns=columns)
    assert code == 1
    lines = STYLE.sub("", shown).splitlines()
    assert max(cell_len(line) for line in lines if not line.startswith("journal: ")) <= columns
    heads = [line for line in lines if not line.startswith((" ", "journal: "))]
    assert heads[:2] == ["doubled", "untold"], "`calm` has nothing to say"
    text = " ".join(" ".join(lines).split())
    assert "✗ turn-7 ran in native (completed) and codex (completed), no handoff between" in text
    assert re.search(r"\x1b\[1mdoubled\x1b\[0m", shown)


def test_ids_and_findings_cannot_steer_the_terminal(tmp_path: Path) -> None:
    evil = "a\x1b[2J\u202e\nb"
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for runtime in (evil, "codex"):
            store.set_runtime_state(evil, runtime, evil, _DONE)
    for output in ("findings", "json", "jsonl"):
        result = journal("handoffs", "--all", "-o", output, "--dir", str(tmp_path))
        assert "\x1b" not in result.stdout
        assert "\u202e" not in result.stdout
    _, shown = run_in_terminal("handoffs", "--all", "-u", "x\x1b[2J", "--dir", str(tmp_path))
    assert "\x1b" not in STYLE.sub("", shown)
