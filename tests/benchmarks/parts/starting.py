"""Starting: a fresh interpreter for each, with the modules compiled already."""

import subprocess
import sys

from tests.benchmarks.children import environment, journal_command
from tests.benchmarks.measure import Operation, interleave
from tests.benchmarks.results import OURS, Row, at_most
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_BARE = "python -c pass"
_COMMAND = "journal --version"
_PEERS = ("msgspec", "sqlite3", "lmdb")


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """Both rows."""
    commands = {
        OURS: _python("import projections"),
        _BARE: _python("pass"),
        _COMMAND: [journal_command(), "--version"],
    } | {f"import {name}": _python(f"import {name}") for name in _PEERS}
    operations: dict[str, Operation] = {
        name: lambda _, command=command: subprocess.run(  # type: ignore[misc]
            command,
            check=True,
            env=environment(),
            cwd=folder,
            stdout=subprocess.DEVNULL,
            process_group=0,
        )
        for name, command in commands.items()
    }
    figures = interleave(operations, rounds=sizes.starts, block=1)
    command = figures.pop(_COMMAND)
    bare = figures[_BARE].median
    beyond = (figures[OURS].median - bare) / (figures["import msgspec"].median - bare)
    return [
        Row(
            "import projections",
            figures,
            [at_most("import msgspec, both beyond bare Python", beyond, 1.6)],
        ),
        Row(
            _COMMAND,
            {OURS: command, _BARE: figures[_BARE]},
            [at_most("median", command.median, 0.150, "s")],
        ),
    ]


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]
