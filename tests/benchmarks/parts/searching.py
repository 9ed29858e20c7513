"""`journal grep` beside `rg` on the same logs."""

import os
import shutil
import subprocess
from collections.abc import Callable
from glob import glob

from tests.benchmarks.children import environment, journal_command
from tests.benchmarks.measure import Stats, interleave
from tests.benchmarks.recorded import RARE, build
from tests.benchmarks.results import OURS, Goal, Row, at_least, at_most
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_RG = "rg"
_START = "journal grep in one short session"
_FEW = 100_000  # bytes of that
_LITERALS = {
    "a literal": RARE,
    "a literal, case ignored": RARE.lower(),
    "a literal that is not there": "connection reset",
}
_PATTERNS = (r"\d+ ms", "err(or)?", r"[A-Z]{4}-\d+", ".*timeout", "(?i)rate.?limit")
_MEGABYTE = 1_000_000


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """A row for each literal and each other pattern; without `rg`, the goals that need it miss."""
    folder = f"{folder}/many"
    build(_few(folder), _FEW, 1)
    build(folder, sizes.searched_bytes, sizes.searched_sessions)
    logs = glob(f"{folder}/*.jsonl")
    size = sum(map(os.path.getsize, logs))
    what = f"in {size // _MEGABYTE} MB of {len(logs)} sessions"
    return [
        *(
            _literal(sizes, f"journal grep, {name}, {what}", text, folder, size)
            for name, text in _LITERALS.items()
        ),
        *(
            _pattern(sizes, f"journal grep -c {text!r} {what}", text, folder, size)
            for text in _PATTERNS
        ),
    ]


def _literal(sizes: Sizes, name: str, text: str, folder: str, size: int) -> Row:
    contenders = {
        OURS: _journal("grep", "-F", text, "--dir", folder),
        _START: _journal("grep", "-F", text, "--dir", _few(folder)),
    }
    if shutil.which(_RG):
        contenders[_RG] = _command([_RG, "-F", "-S", "--no-ignore", "-g", "*.jsonl", text, folder])
    figures = interleave(contenders, rounds=sizes.repeats, block=1)
    goals = [_rate(figures, size)]
    if _RG in figures:
        goals.append(at_most("rg", _search(figures) / figures[_RG].median, 5.0))
    return Row(name, figures, goals, "the start of the command is not counted")


def _pattern(sizes: Sizes, name: str, text: str, folder: str, size: int) -> Row:
    contenders = {
        OURS: _journal("grep", "-c", text, "--dir", folder),
        _START: _journal("grep", "-c", text, "--dir", _few(folder)),
    }
    figures = interleave(contenders, rounds=sizes.repeats, block=1)
    return Row(name, figures, [_rate(figures, size)], "the start of the command is not counted")


def _few(folder: str) -> str:
    """The folder with one short session, to know what the start takes."""
    return f"{folder}-few"


def _search(figures: dict[str, Stats]) -> float:
    """Seconds without the start."""
    return max(figures[OURS].median - figures[_START].median, 1e-6)


def _rate(figures: dict[str, Stats], size: int) -> Goal:
    return at_least("MB/s", size / _MEGABYTE / _search(figures), 150.0, "")


def _journal(*arguments: str) -> Callable[[int], None]:
    return _command([journal_command(), *arguments])


def _command(arguments: list[str]) -> Callable[[int], None]:
    """Runs it to its end, its output into a pipe. Nothing found is no failure."""

    def once(_: int) -> None:
        result = subprocess.run(
            arguments, capture_output=True, env=environment(), process_group=0, check=False
        )
        if result.returncode not in (0, 1):
            raise RuntimeError(f"{arguments!r}: {result.stderr!r}")

    return once
