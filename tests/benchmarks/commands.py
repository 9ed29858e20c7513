"""Whole runs of the command `journal`: until it ends, or has shown enough, and what it read."""

import os
import subprocess
from typing import IO

from tests.benchmarks.children import HERE, Build, environment, journal_command
from tests.benchmarks.reads import bytes_read

_PIECE = 1 << 20  # bytes


class Command:
    """A `measure.Operation` that runs the command; notes how many bytes each run has read."""

    def __init__(self, *arguments: str, lines: int | None = None, build: Build = HERE) -> None:
        """With `lines`, the command is ended once it has printed that many."""
        self._arguments = [journal_command(build), *arguments]
        self._lines = lines
        self.read: list[int] = []

    def __call__(self, _: int = 0) -> None:
        """Raises RuntimeError where the command fails or shows too little."""
        with subprocess.Popen(
            self._arguments, stdout=subprocess.PIPE, env=environment(), process_group=0
        ) as process:
            try:
                assert process.stdout is not None
                shown = _read_lines(process.stdout, self._lines)
                if self._lines is None:
                    # Ended, but not waited for: the kernel still has its counts.
                    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
                self.read.append(bytes_read(process.pid))
            finally:
                process.kill()
        if shown < (self._lines or 1) or (self._lines is None and process.returncode):
            raise RuntimeError(f"{self._arguments!r} ended with {process.returncode}")


def _read_lines(stdout: IO[bytes], lines: int | None) -> int:
    """Read so many lines, or all that comes; says how many there were."""
    shown = 0
    while lines is None or shown < lines:
        data = stdout.read1(_PIECE)  # type: ignore[attr-defined]
        if not data:
            break
        shown += data.count(b"\n")
    return shown
