"""Starting: a fresh interpreter for each, with the modules compiled already."""

import os
import subprocess
import sys

from tests.benchmarks.children import environment
from tests.benchmarks.measure import Operation, interleave
from tests.benchmarks.results import OURS, Row, at_most
from tests.benchmarks.sizes import Sizes

_BARE = "python -c pass"
_COMMAND = "journal --version"
_PEERS = ("msgspec", "sqlite3", "lmdb")


def run(sizes: Sizes, folder: str) -> list[Row]:
    """Both rows."""
    commands = {
        OURS: _python("import projections"),
        _BARE: _python("pass"),
        _COMMAND: [os.path.join(os.path.dirname(sys.executable), "journal"), "--version"],
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
    beyond = figures[OURS].median - figures[_BARE].median
    return [
        Row("import projections", figures, [at_most("beyond bare Python", beyond, 0.060, "s")]),
        Row(
            _COMMAND,
            {OURS: command, _BARE: figures[_BARE]},
            [at_most("median", command.median, 0.150, "s")],
        ),
    ]


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]
