"""Which folder a command means, and folders and files that are not there or cannot be read."""

import os
import shutil
from pathlib import Path

import pytest

from projections.cli.group import COMMANDS
from tests.cli.arguments import NAMES
from tests.cli.terminal import (
    Completed,
    journal,
    side_by_side,
)


def test_which_folder(prepared: str, tmp_path: Path) -> None:
    def names(*args: str, **env: str) -> tuple[int, str]:
        result = journal("sessions", "-o", "name", *args, **env)
        return result.returncode, result.stdout

    there = (0, "my-session\nsession-b\nsession-a\n")
    assert sorted(names(JOURNAL_DIR=prepared)[1].split()) == sorted(there[1].split())
    assert names("--dir", prepared, JOURNAL_DIR="/nowhere")[0] == 0
    home = {"JOURNAL_DIR": "", "PRAISONAI_HOME": str(tmp_path)}
    assert names(**home)[0] == 3
    shutil.copytree(prepared, tmp_path / "sessions")
    assert sorted(names(**home)[1].split()) == sorted(there[1].split())
    code, out = names("--dir", "", **home)
    assert (code, out) == (2, ""), "an unset variable must not lead to another folder"


ARGUMENTS = {
    "sessions": "",
    "tail": "",
    "verify": "",
    "doctor": "",
    "compact": "--all",
    "fork": "s f",
    "diff": "s a",
    "blame": "s a b",
    "history": "s a b",
    "handoff": "s a b",
    "takeover": "s a",
    "erase": "s --seq 1 --yes",
    "prune": "s --keep-last 0 --yes",
}


"""What commands cannot do without; others need a session."""


NOT_MAKING = [
    name for name in NAMES if name not in (*COMMANDS["Learn"], "set", "tail", "wait", "key")
]
"""Commands that have a folder, and neither make it nor wait for it."""


def test_a_folder_that_is_not_there_is_3(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")

    def run(name: str) -> Completed:
        return journal(name, *ARGUMENTS.get(name, "s").split(), "--dir", missing)

    for result in side_by_side(run, NOT_MAKING):
        assert (result.returncode, result.stdout) == (3, ""), result
        assert missing in result.stderr
        assert "--dir" in result.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", ["sessions", "tail", "set s a b {}"])
def test_a_file_in_place_of_the_folder_is_a_usage_error(command: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for args, folder in ((["--dir", str(file)], ""), ([], str(file))):
        result = journal(*command.split(), *args, JOURNAL_DIR=folder)
        assert (result.returncode, result.stdout) == (2, "")
        assert "is a file" in result.stderr
        assert file.read_text() == ""


def test_what_cannot_be_read_is_named(own: str) -> None:
    log = Path(own, "session-a.jsonl")
    log.unlink()
    log.symlink_to(log)
    for args in (["log", "session-a"], ["show", "session-a"], ["tail", "session-a"]):
        result = journal(*args, "--dir", own)
        assert result.returncode == 1
        assert str(log) in result.stderr
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""
