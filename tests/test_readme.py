"""The README is run: its snippets, its example line, and that CI runs its commands."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from journal.codec import decode_line
from tests.support import ROOT

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_python_snippets_run_and_give_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    checked = 0
    snippets = blocks("python")
    assert len(snippets) == 4
    for snippet in snippets:
        promises = []
        lines = []
        for line in snippet.splitlines():
            code = line
            promise = re.fullmatch(r"( *)(\S.*?) +# (.+)", line)
            if promise:
                indent, expression, expected = promise.groups()
                promises.append(expected)
                code = f"{indent}promise({expression!r}, {expected!r}, {expression})"
            lines.append(code)
        seen: list[tuple[str, str, Any]] = []
        names["promise"] = lambda *args, seen=seen: seen.append(args)
        exec(compile("\n".join(lines), "README.md", "exec"), names)
        assert len(seen) == len(promises)
        for expression, expected, value in seen:
            assert repr(value) == expected, expression
        checked += len(seen)
    assert checked >= 17


COMMANDS = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


def alike(text: str) -> list[str]:
    """The lines of an output without what differs from run to run."""
    text = re.sub(r"\b[A-Z][a-z]{2} \d{2}\b", "DATE", text)
    text = re.sub(r"\d{2}:\d{2}:\d{2}(\.\d{3})?", "TIME", text)
    text = re.sub(r"\(\d+(\.\d+)? m?s\)", "(TOOK)", text)
    text = re.sub(r"\b[\w.-]+:\d+(?=  )", "WRITER", text)
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
