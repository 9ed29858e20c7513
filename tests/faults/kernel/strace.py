"""The traced program under strace, which tampers with a call of it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.kernel.traced import GONE, KEPT, outcomes
from tests.support import ROOT

_SUFFIXES = (".jsonl", ".jsonl.new", ".json", ".json.new")
_ARCHIVED = ("kept.4.jsonl", "kept.4.jsonl.gz", "kept.4.jsonl.gz.new")


class Tampering(NamedTuple):
    """What strace does to the `number`th such call that has to do with `paths`."""

    call: str
    how: str
    number: int
    paths: list[Path]

    @property
    def options(self) -> list[str]:
        return [f"inject={self.call}:{self.how}:when={self.number}"]


def all_paths(folder: Path) -> list[Path]:
    """strace follows names rather than folders."""
    own = [folder / f"{name}{suffix}" for name in (KEPT, GONE) for suffix in _SUFFIXES]
    archive = folder / "archive"
    return [folder, archive, *own, *(archive / name for name in _ARCHIVED)]


def run(folder: Path, paths: list[Path], options: list[str]) -> tuple[dict[str, str], str]:
    """Run the program in `folder`: how its steps ended, and what strace saw."""
    trace = folder.with_suffix(".trace")
    filters = [word for path in paths for word in ("-P", str(path))]
    expressions = [word for option in options for word in ("-e", option)]
    program = [sys.executable, "-m", "tests.faults.kernel.traced", str(folder)]
    result = subprocess.run(
        [
            "strace",
            "-f",
            "-qq",
            "-o",
            str(trace),
            *filters,
            *expressions,
            *program,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    if re.search(r"ptrace.*not permitted", result.stderr):
        pytest.skip(f"tracing is not permitted here: {result.stderr.strip()}")
    assert "Traceback" not in result.stderr, result.stderr
    return outcomes(result.stdout), trace.read_text()


def tamper(folder: Path, tampering: Tampering) -> dict[str, str]:
    trace = f"trace={tampering.call}"
    ended, saw = run(folder, tampering.paths, [trace, *tampering.options])
    assert "INJECTED" in saw or "killed by SIGKILL" in saw, "nothing was tampered with"
    return ended
