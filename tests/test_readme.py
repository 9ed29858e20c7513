"""The README is run: its snippets, its example line, and that CI runs its commands."""

import json
import re
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
    assert len(snippets) == 2
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
    assert checked >= 8


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
    table = README[README.index("## Finding your way") :]
    for package in ("journal", "projections"):
        for path in (ROOT / package).glob("*.py"):
            if path.stem != "__init__":
                assert re.search(rf"`({package}/)?{path.stem}`", table), f"{path.stem} is missing"
