"""The documentation is run: its snippets, its commands and its example lines.

All pages are alike. The Python blocks of a page are one program; where a line says in a comment
what it gives, it gives that. Then its console blocks are typed into one shell in the same folder,
and print what stands there.
"""

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from journal.codec import decode_line
from tests import warm
from tests.adapters.forked import fork, status_of
from tests.pages import FRONT, PAGES, blocks, name_of
from tests.support import ROOT

RUN = {"python", "console", "json"}
NOT_RUN_HERE = {
    ("README.md", "sh"): "CI runs these very commands",
    ("journal/README.md", "text"): "the bytes that are hashed, which another test hashes",
    ("tests/README.md", "sh"): "runs of the tests, hours of them",
    ("tests/benchmarks/README.md", "sh"): "runs of the benchmarks, minutes of them",
}
"""Blocks, by page and language, that no test of this module runs, and why."""


def with_blocks(*languages: str) -> pytest.MarkDecorator:
    pages = [page for page in PAGES if any(blocks(page, language) for language in languages)]
    assert pages
    return pytest.mark.parametrize("page", pages, ids=name_of)


def test_every_block_is_run_or_is_an_exception_with_a_reason() -> None:
    found = {
        (name_of(page), language)
        for page in PAGES
        for language in re.findall(r"(?m)^```(.*)\n(?:.*\n)*?```$", page.read_text())
    }
    assert {block for block in found if block[1] not in RUN} == NOT_RUN_HERE.keys()
    assert {language for _, language in found} >= RUN, "each kind is there to be run"


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


def run_snippets(page: Path, folder: Path) -> None:
    lines = [noting(line) for block in blocks(page, "python") for line in block.splitlines()]

    def run() -> None:
        os.chdir(folder)
        os.environ.update(PRAISONAI_HOME=str(folder), PRAISONAI_TELEMETRY_DISABLED="true")
        exec("\n".join((NOTING, *lines, NOTED)), {"__name__": "__main__"})

    assert status_of(fork(run)) == 0
    seen = json.loads((folder / "seen.json").read_bytes())
    assert len(seen) == sum(line.lstrip().startswith("promise(") for line in lines)
    for expression, expected, value in seen:
        assert value == expected, expression


COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


def alike(text: str) -> list[str]:
    """The lines of an output without what differs from run to run."""
    text = re.sub(r"\b[A-Z][a-z]{2} \d{2}\b", "DATE", text)
    text = re.sub(r"\b\d{4}-\d{2}-\d{2}(?= )", "DATE", text)
    text = re.sub(r"\d{2}:\d{2}:\d{2}(\.\d{3})?", "TIME", text)
    text = re.sub(r"\b\d+(\.\d+)? m?s\b", "TOOK", text)
    text = re.sub(r"\b[\w.-]+:\d+(/journal)?(?=  )", "WRITER", text)
    text = re.sub(r"\d{8}T\d{6}\.\d{3}-[0-9a-f]{6}", "TURN", text)
    return [" ".join(line.split()) for line in text.splitlines()]


def shell(script: str, folder: Path) -> str:
    """What bash prints that has the command `journal`; it must complain of nothing."""
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={
            "PATH": f"{warm.folder_with_journal()}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


def run_commands(page: Path, folder: Path) -> None:
    typed = [match for block in blocks(page, "console") for match in COMMAND.findall(block)]
    mark = "=== next"
    script = "".join(f"{command}\necho '{mark}'\n" for command, _ in typed)
    outputs = shell(script, folder).split(f"{mark}\n")[:-1]
    assert len(outputs) == len(typed)
    for (command, expected), output in zip(typed, outputs, strict=True):
        assert alike(output) == alike(expected), command


@with_blocks("python", "console")
def test_snippets_and_commands_give_what_stands_there(page: Path, tmp_path: Path) -> None:
    run_snippets(page, tmp_path)
    run_commands(page, tmp_path)


@with_blocks("json")
def test_json_is_json_and_lines_of_a_log_are_real_ones(page: Path) -> None:
    for block in blocks(page, "json"):
        value = json.loads(block)
        if "seq" in value:
            event = decode_line(block.strip().encode())
            assert event is not None
            assert value["hash"] == event.hash


def test_the_bytes_that_the_format_says_are_hashed_give_the_hash() -> None:
    page = ROOT / "journal/README.md"
    (line,) = blocks(page, "json")
    hashed, digest = (block.strip() for block in blocks(page, "text"))
    state = json.dumps(json.loads(line)["state"], separators=(",", ":"))
    assert hashlib.sha256(state.encode()).hexdigest() == digest
    whole = hashlib.sha256(hashed.replace("STATE", digest).encode()).hexdigest()
    assert json.loads(line)["hash"] == whole[:32]


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_ci_runs_the_very_commands_that_stand_here(name: str) -> None:
    page = FRONT.read_text()
    (command,) = re.findall(rf"<!-- command: {name} -->\n```sh\n(.*)\n```", page)
    assert command.startswith("python3 -m venv .venv && ")
    ci = (ROOT / ".ci" / "run").read_text()
    assert "for name in demo tests; do" in ci
    assert 'bash -euo pipefail -c "$command"' in ci
