"""Other users of the machine: what a test lets them do, in processes of their own.

They need neither an account nor an interpreter that they may read: everything is imported
before the process becomes theirs. Only root can do that.
"""

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import warm
from tests.support import python

_BECOME = """
import json, os, random, sys, time, journal, projections
from tests.warm.imports import import_all
import_all()
uid, gid, *groups = json.loads(sys.argv.pop(1))
os.setgroups(groups)
os.setresgid(gid, gid, gid)
os.setresuid(uid, uid, uid)
os.umask(0o022)
"""
_PREPARE = "import os, sys\nos.umask(0o022)\n"
_COMMAND = "from projections.cli import main\nmain()"
_PATIENCE = 100  # seconds; only a failing test waits so long


class User(NamedTuple):
    """By numbers: what `os.setresuid` and its siblings take."""

    uid: int
    groups: tuple[int, ...] = ()

    @property
    def ids(self) -> list[int]:
        return [self.uid, self.uid, *self.groups]

    def start(self, code: str, *args: str) -> "subprocess.Popen[str]":
        """Run Python code, with `sys.argv[1:]` from `args`, as this user."""
        return python(_BECOME + code, json.dumps(self.ids), *args, env=_environment())

    def run(self, code: str, *args: str) -> str:
        """As `start`, to its end, which must be a good one. Returns what it prints."""
        done = self._finished(code, args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def journal(self, *args: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the journal."""
        return self._finished(_COMMAND, args)

    def _finished(self, code: str, args: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
        with (
            open(os.devnull) as nothing,
            tempfile.TemporaryFile("w+") as out,
            tempfile.TemporaryFile("w+") as err,
        ):
            streams = [nothing.fileno(), out.fileno(), err.fileno()]
            status = warm.run(args, _environment(), streams, "/", _PREPARE + code, self.ids)
            for stream in (out, err):
                stream.seek(0)
            return subprocess.CompletedProcess(args, status, out.read(), err.read())

    def shell(self, command: str) -> None:
        """Run what a remedy says, which must work."""
        if command.startswith("journal "):
            done = self.journal(*shlex.split(command)[1:])
        else:
            done = subprocess.run(
                ["bash", "-c", command],
                user=self.uid,
                group=self.uid,
                extra_groups=list(self.groups),
                umask=0o022,
                capture_output=True,
                text=True,
                timeout=_PATIENCE,
                check=False,
            )
        assert done.returncode == 0, (command, done.stderr)


def _environment() -> dict[str, str]:
    return {**os.environ, "HOME": "/nonexistent", "NO_COLOR": "1"}


ROOT = User(0)
ALICE, BOB, EVE = User(54_001, (54_100,)), User(54_002, (54_100,)), User(54_003)
TEAM = 54_100
"""The group of Alice and Bob, which Eve is not in."""

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@contextmanager
def open_place() -> Iterator[Path]:
    """A folder that every user may look into; pytest's own are root's alone."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def folder_of(owner: User, path: Path, mode: int = 0o700, group: int | None = None) -> Path:
    """A folder of that owner."""
    path.mkdir()
    os.chown(path, owner.uid, owner.uid if group is None else group)
    path.chmod(mode)
    return path
