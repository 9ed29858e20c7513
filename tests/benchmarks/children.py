"""Other processes of the benchmarks: roles of `tests.benchmarks.child`, and how to start them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 600.0  # seconds for a child to end


class Build(NamedTuple):
    """A build of the journal: a Python that has it, and a folder that has this suite."""

    python: str
    folder: str


HERE = Build(sys.executable, str(_ROOT))
"""The one that is measured."""


def environment() -> dict[str, str]:
    """As a user's: modules may be compiled once and kept."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def journal_command(build: Build = HERE) -> str:
    """The path of the command `journal` of a build's environment."""
    return os.path.join(os.path.dirname(build.python), "journal")


class Child:
    """A process that says when it is ready, starts when told, and ends with what it found.

    It writes lines of JSON. Killed if it is still there when the `with` block ends.
    """

    def __init__(self, role: str, *, build: Build = HERE, **arguments: Any) -> None:
        """`role` is a function in `tests.benchmarks.roles`, as `module.function`."""
        self._process = subprocess.Popen(
            [build.python, "-m", "tests.benchmarks.child", role, json.dumps(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=build.folder,
            env=environment(),
            process_group=0,  # Ctrl-C is for us; we end them
        )

    def hear(self) -> Any:
        """The next line it writes, decoded. Raises RuntimeError if it died instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.wait()}")
        return json.loads(line)

    def tell(self) -> None:
        """Have it go on with what it waits to do: to start, or to stop."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def ask(self, what: Any) -> Any:
        """What it answers, decoded. Raises as `hear`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self.hear()

    def block(self, first: int, count: int) -> list[int]:
        """A `measure.Block`, of a child whose role is in `roles.blocks`."""
        found: list[int] = self.ask([first, count])
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._process.kill()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(_PATIENCE)
