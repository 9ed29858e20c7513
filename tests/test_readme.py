"""The README is run: its snippets, its example line, and that CI runs its commands."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from journal.codec import decode_line
from tests.support import ROOT, finish, python

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


NOTING = """
import json
seen = []
def promise(expression, expected, value):
    seen.append((expression, expected, repr(value)))
"""
NOTED = """
with open("seen.json", "w") as file:
    json.dump(seen, file)
"""


def noting(line: str) -> str:
    """A line of a snippet; if it says in a comment what it gives, with what notes that."""
    promise = re.fullmatch(r"( *)(\S.*?) +# (.+)", line)
    if promise is None:
        return line
    indent, expression, expected = promise.groups()
    return f"{indent}promise({expression!r}, {expected!r}, {expression})"


def test_the_python_snippets_run_and_give_what_they_say(tmp_path: Path) -> None:
    """All in one program, and then the commands that show what they have left."""
    snippets = blocks("python")
    assert len(snippets) == 9
    lines = [noting(line) for snippet in snippets for line in snippet.splitlines()]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PRAISONAI_HOME": str(tmp_path)}
    env["PRAISONAI_TELEMETRY_DISABLED"] = "true"
    script = "\n".join((NOTING, *lines, NOTED))
    finish([python(script, cwd=tmp_path, env=env)])
    seen = json.loads((tmp_path / "seen.json").read_bytes())
    assert len(seen) == sum(line.lstrip().startswith("promise(") for line in lines) >= 24
    for expression, expected, value in seen:
        assert value == expected, expression
    commands = COMMANDS.findall("".join(blocks("text")))
    assert commands
    for command, expected in commands:
        code = "from projections.cli import main; main()"
        (output,) = finish([python(code, *command.split()[1:], cwd=tmp_path, env=env)])
        assert alike(output) == alike(expected), command


COMMANDS = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


def alike(text: str) -> list[str]:
    """The lines of an output without what differs from run to run."""
    text = re.sub(r"\b[A-Z][a-z]{2} \d{2}\b", "DATE", text)
    text = re.sub(r"\d{2}:\d{2}:\d{2}(\.\d{3})?", "TIME", text)
    text = re.sub(r"\(\d+(\.\d+)? m?s\)", "(TOOK)", text)
    text = re.sub(r"\b[\w.-]+:\d+(?=  )", "WRITER", text)
    text = re.sub(r"\d{8}T\d{6}\.\d{3}-[0-9a-f]{6}", "TURN", text)
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_commands_print_what_stands_here(tmp_path: Path) -> None:
    """In one shell, one after the other, as a reader would type them."""
    typed = [match for block in blocks("console") for match in COMMANDS.findall(block)]
    assert len(typed) >= 13
    mark = "=== next"
    script = "".join(f"{command}\necho '{mark}'\n" for command, _ in typed)
    journal = f"{sys.executable} -c 'from projections.cli import main; main()'"
    (tmp_path / "journal").write_text(f'#!/bin/sh\nexec {journal} "$@"\n')
    (tmp_path / "journal").chmod(0o755)
    shell = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert shell.stderr == ""
    outputs = shell.stdout.split(f"{mark}\n")[:-1]
    assert len(outputs) == len(typed)
    for (command, expected), output in zip(typed, outputs, strict=True):
        assert alike(output) == alike(expected), command


def test_the_example_line_is_a_real_one() -> None:
    (line,) = blocks("json")
    event = decode_line(line.strip().encode())
    assert event is not None
    assert json.loads(line)["hash"] == event.hash


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_ci_runs_the_very_commands_that_stand_here(name: str) -> None:
    (command,) = re.findall(rf"<!-- command: {name} -->\n```sh\n(.*)\n```", README)
    assert command.startswith("python3 -m venv .venv && ")
    assert f"<!-- command: {name} -->" in README
    ci = (ROOT / ".ci" / "run").read_text()
    assert "for name in demo tests; do" in ci
    assert 'bash -euo pipefail -c "$command"' in ci


def test_every_module_is_on_the_map() -> None:
    """Modules by name, packages with a slash after theirs."""
    table = README[README.index("## Finding your way") :]
    for package in ("journal", "projections"):
        for path in (ROOT / package).iterdir():
            name = path.stem if path.suffix == ".py" else f"{path.name}/"
            if path.suffix == ".py" or (path / "__init__.py").exists():
                found = re.search(rf"`({package}/)?{name}`", table)
                assert found or name == "__init__", f"{name} is missing"


def test_the_table_of_faults_names_tests_that_exist() -> None:
    text = (ROOT / "tests" / "README.md").read_text()
    modules = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    named = set(re.findall(r"\btest_\w+", text))
    assert len(named) > 30
    assert named <= modules
    rooms = set(re.findall(r"`faults/(\w+)/`", text))
    assert rooms == {path.parent.name for path in (ROOT / "tests/faults").glob("*/__init__.py")}
