"""The help of the commands, whose examples run, and the completion of what is typed."""

import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import click
import pytest

from projections import DefaultSessionStore
from projections.cli.group import COMMANDS, Commands
from tests.cli.arguments import NAMES
from tests.cli.terminal import (
    Completed,
    Pipe,
    journal,
    shell,
)
from tests.support import needs

ROOT_COMMAND = Commands()


def command_of(name: str) -> click.Command:
    found = ROOT_COMMAND.get_command(click.Context(ROOT_COMMAND), name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_a_help_with_an_example(name: str) -> None:
    (line,) = (section[name][1] for section in COMMANDS.values() if name in section)
    command = command_of(name)
    assert command.get_short_help_str(limit=200) == line, "the table of the first page is right"
    result = journal(name, "--help", COLUMNS="200")
    assert (result.returncode, result.stderr) == (0, "")
    assert line in result.stdout
    assert examples_of(name)
    for example in examples_of(name):
        assert example in result.stdout, "not wrapped"
    assert all(len(text) <= 80 for text in result.stdout.splitlines())


def examples_of(name: str) -> list[str]:
    text = command_of(name).help or ""
    return [
        line.strip()
        for line in re.split(r"Examples?:\n", text)[1].splitlines()
        if line.strip() and line.strip() != "\b"
    ]


EXPECTED = {
    "diff": {0, 1},
    "handoffs": {0, 1},
    "doctor": {0, 1},
    "delete": {0, 2},
    "erase": {0, 2},
    "prune": {0, 2},
    "wait": {0, 124},
}


"""Exit codes of examples: there are differences, faults and findings; nobody can be asked, and
nothing comes.
"""


SILENT = re.compile(
    r"journal (set|clear|handoff|delete|erase|prune|wait|doctor|fork)\b|--to|5m|select|eval"
    r"|completion fish"
)


"""Examples that may print nothing."""


_PREPARE = (
    "set -o pipefail; my-consumer() { cat; }\n"
    """echo '{"turn": {"n": 1}}' > dump.json; echo '{"n": 2}' > state.json\n"""
)


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_the_help_run(name: str, prepared: str, tmp_path: Path) -> None:
    needs("jq")
    shutil.copytree(prepared, tmp_path / "own")
    (tmp_path / "fish" / "completions").mkdir(parents=True)
    for example in examples_of(name):
        result = run(example, tmp_path)
        assert result.returncode in EXPECTED.get(name, {0}), (example, result)
        assert "Traceback" not in result.stderr
        if result.returncode == 2:
            assert "--yes" in result.stderr
        else:
            assert result.stdout or SILENT.search(example), example


def run(example: str, home: Path) -> Completed:
    """One example after the other, with the sessions `own` in a folder."""
    folder = str(home / "own")
    if example.startswith("journal tail") or " -f " in example:
        return follows(example, folder)
    script = example.replace("/tmp/", f"{home}/").replace("~/.config", str(home))
    if "5e6f...:120:ab12..." in script:
        head = journal("verify", "my-session", "--dir", folder).stdout.split()[-1]
        script = script.replace("5e6f...:120:ab12...", head)
    script = re.sub(r"--timeout \S+", "--timeout 0.1", script)
    if "completion zsh" in script:
        script = "journal completion zsh | grep compdef"
    return shell(_PREPARE + script, JOURNAL_DIR=folder)


def follows(example: str, folder: str) -> Completed:
    """An example that ends when it is told to; what it is piped into has its own tests."""
    args = shlex.split(example.partition("|")[0])[1:]
    with Pipe(*args, env={"JOURNAL_DIR": folder}) as follower:
        follower.until(bool)
        follower.signal(signal.SIGINT)
        code = follower.end()
        assert code == 130, example
        return subprocess.CompletedProcess(args, 0, follower.raw, follower.errors)


# Completion

COMPLETE = """
eval "$(journal completion bash)"
completed() {  # the words of a command line of which the last is being typed
    COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMPREPLY=()
    _journal_completion journal 2>&1
    echo "${COMPREPLY[*]}"
}
compopt() { :; }
"""


def test_bash_completes_commands_options_and_ids(prepared: str) -> None:
    lines = [
        "journal veri",
        "journal log --show",
        "journal log my-",
        "journal verify session-a session-",
        "journal backup somewhere session-a session-",
        "journal show my-session ''",
        "journal show my-session native ''",
        "journal history my-session native turn-2",
        "journal log -o js",
        "journal blame --at 3 my-session har",
    ]
    script = COMPLETE + "".join(f"completed {line}\n" for line in lines)
    result = shell(script, JOURNAL_DIR=prepared)
    assert result.stderr == ""
    assert [sorted(line.split()) for line in result.stdout.splitlines()] == [
        ["verify"],
        ["--show-cursor"],
        ["my-session"],
        ["session-a", "session-b"],
        ["session-a", "session-b"],
        ["harness", "native"],
        ["turn-0", "turn-1", "turn-2", "turn-3"],
        ["turn-2"],
        ["json", "jsonl"],
        ["harness"],
    ]


def test_completion_honours_the_folder_and_never_complains(prepared: str, tmp_path: Path) -> None:
    lines = [
        f"journal log --dir '{prepared}' my-",
        f"journal show --dir '{prepared}' my-session nat",
        "journal log my-",
        "journal show nothing ''",
        "journal show nothing native ''",
        "journal log --dir /nowhere ''",
        f"journal log --dir '{tmp_path}/file' ''",
        f"journal show --dir '{tmp_path}' damaged ''",
    ]
    with DefaultSessionStore(tmp_path) as store:
        for n in range(3):
            store.set_runtime_state("damaged", "native", "t", {"n": n})
        store.set_runtime_state("with\nline", "native", "t", {})
    log = tmp_path / "damaged.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"n":1', b'"n":7'))
    (tmp_path / "file").write_text("")
    script = COMPLETE + "".join(f"completed {line}\n" for line in lines)
    script += f"completed journal log --dir '{tmp_path}' ''"
    result = shell(script, JOURNAL_DIR=str(tmp_path))
    assert result.stderr == ""
    found = result.stdout.splitlines()
    assert found == ["my-session", "native", "", "", "", "", "", "native", "damaged"]
