"""Runs a framework's own tests without the mirror and with it, and compares."""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.suites.outcomes import Outcomes, counts, only_with, outcomes_in, written_in
from tests.support import ROOT

PLUGIN = Path(__file__).with_name("plugin")


@dataclass(frozen=True)
class Suite:
    """The tests of a framework: its distribution, and what its tests need besides."""

    distribution: str
    needs: tuple[str, ...]
    arguments: tuple[str, ...] = ()


SUITES = {
    "openai-agents": Suite(
        "openai-agents",
        (
            *("aiosqlite", "cryptography", "eval-type-backport", "fakeredis", "fastapi"),
            *("graphviz", "httpx", "inline-snapshot", "numpy", "pymongo", "pytest-asyncio"),
            *("pytest-mock", "rich", "sqlalchemy", "textual", "websockets"),
        ),
    ),
    "praisonai": Suite("praisonaiagents", ("pytest-asyncio", "wrapt>=2")),
}

OURS = ("click>=8.1", "msgspec>=0.19", "rich>=13.7", "watchfiles>=1.0")
RUNNING = ("pytest>=8", "pytest-timeout", "pytest-xdist>=3.6")


def main() -> int:
    options, rest = _options()
    suite = SUITES[options.framework]
    release = version(suite.distribution)
    with tempfile.TemporaryDirectory(prefix="suites-") as temporary:
        folder = Path(options.folder or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        python = _environment(folder, suite, release)
        tests = _source(folder, suite, release)
        run = Run(folder, python, tests, options.framework, [*suite.arguments, *rest])
        print(f"{suite.distribution} {release}")
        without, mirrored = run.outcomes("without", []), run.outcomes("with", [])
        suspects = only_with(without, mirrored)
        if suspects:  # once more, both ways: some tests depend on how busy the machine is
            names = [each.partition("::")[2] for each in suspects]
            again = [run.outcomes(f"{how} again", names) for how in ("without", "with")]
            suspects = [each for each in only_with(*again) if each in suspects]
        return _verdict(folder, suspects)


def _options() -> tuple[argparse.Namespace, list[str]]:
    """Ours, and pytest's."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.suites",
        description=__doc__,
        epilog="All other arguments are given to pytest.",
    )
    parser.add_argument("framework", choices=sorted(SUITES))
    parser.add_argument("--folder", help="keep everything there, and use what is there already")
    return parser.parse_known_args()


def _environment(folder: Path, suite: Suite, release: str) -> str:
    """The interpreter of an environment with the framework and what its tests need."""
    python = str(folder / "venv" / "bin" / "python")
    if not (folder / "venv").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        exactly = f"{suite.distribution}=={release}"
        packages = [exactly, *suite.needs, *OURS, *RUNNING]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def _source(folder: Path, suite: Suite, release: str) -> Path:
    """The unpacked source distribution."""
    found = folder / f"{suite.distribution.replace('-', '_')}-{release}"
    if not found.exists():
        exactly = [f"--no-binary={suite.distribution}", f"{suite.distribution}=={release}"]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *exactly]
        subprocess.run([*command, "--dest", str(folder)], check=True)
        with tarfile.open(f"{found}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return found


@dataclass(frozen=True)
class Run:
    """The way to run the tests in `tests`."""

    folder: Path
    python: str
    tests: Path
    framework: str
    arguments: list[str]

    def outcomes(self, how: str, names: list[str]) -> Outcomes:
        """Of all tests, or of those of these names; `how` begins with `with` for the mirror."""
        report = self.folder / f"{how}.xml"
        command = [self.python, "-m", "pytest", "-q", "--continue-on-collection-errors"]
        command += ["-p", "no:cacheprovider", f"--junitxml={report}", "--timeout=120"]
        command += ["--rootdir=.", "--config-file=pyproject.toml"]  # not by the paths of options
        if how.split()[0] == "with":
            journal = self.folder / f"journal {how}"
            journal.mkdir(exist_ok=True)
            command += ["-p", "mirrored"]
            command += [f"--mirror={self.framework}", f"--journal={journal}"]
        with open(self.folder / f"{how}.txt", "wb") as output:
            subprocess.run(
                [*command, *self.arguments, *self._only(names)],
                cwd=self.tests,
                env=_environ(),
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        found = outcomes_in(report)
        print(f"{how + ':':16} {counts(found)}", flush=True)
        return found

    def _only(self, names: list[str]) -> list[str]:
        functions = sorted({name.partition("[")[0] for name in names})
        return ["-k", " or ".join(functions)] if functions else []


def _environ() -> dict[str, str]:
    """Our packages and the plugin on the path; but not before the suite, whose `tests` count."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(PLUGIN), str(ROOT)])}


def _verdict(folder: Path, suspects: list[str]) -> int:
    written = written_in(folder / "journal with")
    print(f"the mirror wrote {written.events:,} events, with {written.failures:,} failures")
    for each in written.last_failures:
        print(f"  the last of a process: {each}")
    for test in suspects:
        print(f"fails with the mirror only: {test}")
    return 0 if written.events and not written.failures and not suspects else 1


if __name__ == "__main__":
    sys.exit(main())
