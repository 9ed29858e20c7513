"""Another build of the journal to compare with: a commit, installed in a place of its own.

It shares nothing with ours but the interpreter: it has its own environment, in which pip
installs the commit's own tree with what that asks for. This suite is put beside it, so that
both builds are measured by the same code. msgspec has the same version, since that is not what
is compared.
"""

import os
import shutil
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.children import HERE, Build, environment

OLDER_COMMIT = "5bb4a10"
OLDER = f"build {OLDER_COMMIT}"
"""The name of that contender."""

FRAMEWORKS = ("praisonaiagents", "openai-agents", "pydantic-ai-slim")
"""The packages whose agents are mirrored."""

_SUITE = Path(__file__).parent


class BuildError(Exception):
    """The older build cannot be had; the text says why and what to do."""


def install_older(folder: str) -> Build:
    """Install it below `folder`: half a minute, and packages from the index.

    Raises `BuildError` where the checkout has no such commit or pip cannot install it.
    """
    tree, venv, suite = f"{folder}/tree", f"{folder}/venv", f"{folder}/suite"
    os.makedirs(tree)
    _extract(tree)
    _run(sys.executable, "-m", "venv", venv)
    python = f"{venv}/bin/python"
    msgspec = f"msgspec=={version('msgspec')}"
    _run(python, "-m", "pip", "install", "--quiet", f"{tree}[fast]", msgspec)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(_SUITE, f"{suite}/tests/benchmarks", ignore=ignore)
    Path(suite, "tests/__init__.py").touch()
    return Build(python, suite)


def add_frameworks(build: Build) -> None:
    """Install the agents' frameworks into a build's environment, in the versions that we have.

    A minute, and packages from the index. Raises as `install_older`.
    """
    wanted = [f"{package}=={version(package)}" for package in FRAMEWORKS]
    _run(build.python, "-m", "pip", "install", "--quiet", *wanted)


def _extract(tree: str) -> None:
    archive = f"{tree}.zip"
    try:
        _run("git", "-C", HERE.folder, "archive", f"--output={archive}", OLDER_COMMIT)
    except BuildError as error:
        raise BuildError(
            f"this checkout has no commit {OLDER_COMMIT}, the older build to compare with: "
            f"{error}. In a shallow clone, `git fetch --unshallow` gets it; the parts that need "
            "it are saving, batches, processes, opening, older and agents"
        ) from error
    shutil.unpack_archive(archive, tree)


def _run(*command: str) -> None:
    """Run it quietly. Raises `BuildError` with the last line it says if it fails."""
    try:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
            process_group=0,
        )
    except OSError as error:
        raise BuildError(f"{command[0]} cannot be run: {error.strerror}") from error
    try:
        said, _ = process.communicate()
    except BaseException:  # Ctrl-C ends it with all that it has started
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    if process.returncode:
        last = (said.strip().splitlines() or ["it says nothing"])[-1]
        raise BuildError(f"`{' '.join(command[:4])} …` failed: {last}")
