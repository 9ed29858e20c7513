"""The command `journal` on a folder with one long log: looks at its end, and all of it as JSON."""

import os
import subprocess

from tests.benchmarks.artefacts import RUNTIME, SESSION, decode, turn_id
from tests.benchmarks.commands import Command
from tests.benchmarks.logs import build
from tests.benchmarks.measure import interleave
from tests.benchmarks.results import OURS, Row, at_most, ratio
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_VERSION = "journal --version"
_CAT = "cat into a pipe + decoding"
_FEW = 20  # events of the log whose reading is not counted
_LOOKS: dict[str, tuple[list[str], int | None]] = {
    "journal log -n 10": (["log", SESSION, "-n", "10"], None),
    "journal tail -n 10": (["tail", "-n", "10"], 10),
    "journal show S RUNTIME TURN": (["show", SESSION, RUNTIME, turn_id(7)], None),
    "journal sessions": (["sessions"], None),
}
_ALLOWED = 1 << 20  # bytes


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """A row for each look, and one for the export."""
    few = f"{folder}/few"
    build(few, _FEW, _FEW)
    log = f"{shared.long_log}/{SESSION}.jsonl"
    what = f"of a log of {os.path.getsize(log) >> 20} MiB"
    return [
        *(_look(sizes, f"{look} {what}", look, shared.long_log, few) for look in _LOOKS),
        _export(sizes, f"journal log -o jsonl {what}", shared.long_log, log),
    ]


def _look(sizes: Sizes, name: str, look: str, folder: str, few: str) -> Row:
    """What it reads of a short log, its own modules above all, is not counted."""
    arguments, lines = _LOOKS[look]
    command = Command(*arguments, "--dir", folder, lines=lines)
    of_few = Command(*arguments, "--dir", few, lines=lines)
    version = Command("--version")
    figures = interleave({OURS: command, _VERSION: version}, rounds=sizes.repeats, block=1)
    of_few()
    of_few()
    read = max(0, max(command.read[1:]) - of_few.read[-1])
    return Row(
        name,
        figures,
        [
            at_most(_VERSION, ratio(figures, OURS, _VERSION), 2.0),
            at_most("read", read, _ALLOWED, "bytes"),
        ],
    )


def _export(sizes: Sizes, name: str, folder: str, log: str) -> Row:
    """All of it through a pipe, beside the same bytes through a pipe and decoded here."""
    command = Command("log", SESSION, "-o", "jsonl", "--dir", folder)
    figures = interleave(
        {OURS: command, _CAT: lambda _: _cat_and_decode(log)},
        rounds=max(1, sizes.repeats // 2),
        block=1,
    )
    return Row(name, figures, [at_most(_CAT, ratio(figures, OURS, _CAT), 4.0)])


def _cat_and_decode(log: str) -> None:
    with subprocess.Popen(["cat", log], stdout=subprocess.PIPE, process_group=0) as process:
        assert process.stdout is not None
        for line in process.stdout:
            decode(line)
