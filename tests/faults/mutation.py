"""Mutation testing of the modules that write the log: which mistakes would no test notice?

`python -m tests.faults.mutation [NAME…]` copies the project to a scratch folder, lets mutmut
make the mutants there, runs each against the tests that reach its function, until one fails,
and prints the diffs of those that none noticed and how many there were. Names choose mutants,
with wildcards: `'journal.engines.files.log.*flush*'`. `--sample 1/8` runs an eighth of them,
the same each time, and a larger sample contains the smaller. It exits with 1 when fewer than
95 % were noticed of those that mypy lets pass.

Needs the extra `mutation`. Modules and tests are chosen in pyproject.toml, under
`tool.mutmut`, and `mutmut` itself works there, too: it takes ten times as long, because it
starts pytest anew for each mutant where we fork from one that has collected its tests.
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest
from mutmut.configuration import config
from mutmut.mutation.trampoline import set_mutant_under_test

from tests.faults.mutation_making import (
    BAD_TYPES,
    KILLED,
    NO_TESTS,
    SURVIVED,
    TIMEOUT,
    Mutant,
    make_mutants,
)
from tests.faults.mutation_swapping import Functions

ENOUGH = 0.95
_IN_THE_COPY = "--in-the-copy"
_PATIENCE = 20  # times as long as it took without a mutant may a test take with one,
_SHORTEST_WAIT = 5  # but this many seconds in any case, before it counts as hanging
_LONGEST = 900  # seconds for one mutant: some hang where no time limit of a test ends them
_MEMORY = 4 << 30  # bytes: some mutants never stop reading


class MutantLoop:
    """A plugin: in place of running the tests once, it runs them for each mutant."""

    def __init__(self, mutants: list[Mutant]) -> None:
        self._mutants = mutants
        self._functions = Functions()
        self._functions.replace_trampolines()
        self._running: dict[int, tuple[Mutant, float]] = {}
        self._timed_out = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._timed_out |= report.failed and "Timeout (>" in report.longreprtext

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        reaching = self._reaching(session)
        if session.testsfailed:
            raise session.Failed("a test fails without any mutant")
        self._check_that_a_child_passes(session)
        waiting = [mutant for mutant in self._mutants if mutant.outcome is None]
        for number, mutant in enumerate(waiting):
            if len(self._running) == (os.cpu_count() or 1):
                self._wait()
            tests = reaching.get(mutant.function, [])
            if not tests:
                mutant.outcome = NO_TESTS
                continue
            self._start(mutant, session, tests)
            print(f"\r{number + 1}/{len(waiting)}", end="", file=sys.__stderr__, flush=True)
        while self._running:
            self._wait()
        return True

    def _reaching(self, session: pytest.Session) -> dict[str, list[pytest.Item]]:
        """The tests that reach each function, the fastest first."""
        for module in {mutant.function.rpartition(".")[0] for mutant in self._mutants}:
            import_module(module)  # some are imported when they are needed: too late for us
        self._functions.begin_recording()
        found: dict[str, list[tuple[float, int]]] = defaultdict(list)
        for number, item in enumerate(session.items):
            start = time.monotonic()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            took = time.monotonic() - start
            item.add_marker(pytest.mark.timeout(max(_SHORTEST_WAIT, _PATIENCE * took)))
            for function in self._functions.called():
                found[function].append((took, number))
        self._functions.end_recording()
        return {
            function: [session.items[number] for _, number in sorted(tests)]
            for function, tests in found.items()
        }

    def _check_that_a_child_passes(self, session: pytest.Session) -> None:
        """So that no mutant counts as noticed because of where its tests run."""
        child = self._fork("", session, session.items[:: len(session.items) // 50 or 1])
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != SURVIVED:
            raise session.Failed("a test fails in a child without any mutant")

    def _start(self, mutant: Mutant, session: pytest.Session, tests: list[pytest.Item]) -> None:
        child = self._fork(mutant.name, session, tests)
        self._running[child] = mutant, time.monotonic() + _LONGEST

    def _fork(self, mutant: str, session: pytest.Session, tests: list[pytest.Item]) -> int:
        """The child in which the tests run. Its result says what came of them."""
        child = os.fork()
        if child:
            return child
        code = KILLED
        try:
            os.setsid()  # what it starts can be ended with it
            nowhere = os.open(os.devnull, os.O_RDWR)
            for output in (1, 2):
                os.dup2(nowhere, output)
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
            set_mutant_under_test(mutant)  # of the processes that a test starts
            self._functions.become(mutant)
            code = self._outcome(session, tests)
        finally:
            os._exit(code)

    def _outcome(self, session: pytest.Session, tests: Iterable[pytest.Item]) -> int:
        for item in tests:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if session.testsfailed:
                return TIMEOUT if self._timed_out else KILLED
        return SURVIVED

    def _wait(self) -> None:
        """Until one has ended, or has had its time."""
        child, status = os.waitpid(-1, os.WNOHANG)
        while not child:
            time.sleep(0.01)
            for running, (_, end) in self._running.items():
                if time.monotonic() > end:
                    os.kill(running, signal.SIGKILL)
            child, status = os.waitpid(-1, os.WNOHANG)
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it left nobody behind
        mutant, _ = self._running.pop(child, (None, 0.0))
        if mutant is not None:
            code = os.waitstatus_to_exitcode(status)
            mutant.outcome = TIMEOUT if code == -signal.SIGKILL else code
            mutant.file.save()


def share(found: Counter[str]) -> float:
    """How many were noticed of those that mypy lets pass."""
    return 1 - found["missed"] / max(found.total() - found["by mypy"], 1)


def report(mutants: list[Mutant]) -> bool:
    """Print what came of them. Says whether enough were noticed."""
    missed = [m for m in mutants if m.outcome in (SURVIVED, NO_TESTS)]
    for mutant in missed:
        print(mutant.diff())
    words = {BAD_TYPES: "by mypy", TIMEOUT: "hung", SURVIVED: "missed", NO_TESTS: "missed"}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant in mutants:
        for row in (str(mutant.file.path), "together"):
            counts[row][words.get(mutant.outcome or 0, "by tests")] += 1
    for row, found in sorted(counts.items()):
        print(
            f"{row}: {found.total()} mutants, {found['by mypy']} noticed by mypy. Of the others "
            f"{found['by tests']} by tests, {found['hung']} hung, {found['missed']} missed: "
            f"{share(found):.1%} noticed"
        )
    return share(counts["together"]) >= ENOUGH


def run_in_the_copy(names: list[str], sample: Fraction) -> int:
    mutants = make_mutants(names, sample)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]  # the tests are those beside the mutants
    where = Path.cwd()
    os.chdir("mutants")
    options = ["-q", "-s", "-p", "no:cacheprovider"]
    options += ["-o", "tmp_path_retention_policy=none", f"--basetemp={where / 'tmp'}"]
    selection = config().pytest_add_cli_args_test_selection
    loop = MutantLoop(mutants)
    code = pytest.main([*options, *selection], plugins=[loop])
    os.chdir(where)
    return int(code) or int(not report(mutants))


def run_a_copy(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "project")
        root = Path(__file__).resolve().parent.parent.parent
        copytree(root, copy, ignore=ignore_patterns(".*", "__pycache__", "mutants"))
        command = [sys.executable, "-m", "tests.faults.mutation"]
        beside = os.path.dirname(sys.executable)  # where mypy is
        environment = {**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"}
        command += [_IN_THE_COPY, *arguments]
        return subprocess.run(command, cwd=copy, env=environment, check=False).returncode


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.mutation")
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutants, with wildcards")
    parser.add_argument("--sample", type=Fraction, default=Fraction(1), help="such as 1/8")
    parser.add_argument(_IN_THE_COPY, action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.in_the_copy:
        return run_in_the_copy(chosen.names, chosen.sample)
    return run_a_copy(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
