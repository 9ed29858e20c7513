"""However a program ends: an event is in its own log, or somebody was told that it is not.

Programs that end turns while they end themselves: in `atexit`, in finalizers, in threads that
are stopped, after a fork, after a close. Each opens files of its own meanwhile, which must not
receive a byte of ours; none may hang. To try other interpreters, which need the dependencies,
name them in `JOURNAL_PYTHONS`, separated by colons.
"""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from projections import DefaultSessionStore
from tests.faults.ends.programs import Program, program
from tests.faults.sizes import Figure, sized
from tests.support import ROOT

PATIENCE = 60  # seconds for a program that takes one; what waits for a lock at its end, a few
REFUSALS = {"ClosedError", "ReentryError", "LockTimeoutError"}
PYTHONS = os.environ.get("JOURNAL_PYTHONS", sys.executable).split(":")


def run(python: str, folder: Path, program: Program) -> str:
    """What it says on standard error."""
    folder.mkdir()
    ended = subprocess.run(
        [python, "-c", program.text, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ended.returncode == program.code, (program.text, ended.stderr)
    assert "Fatal Python error" not in ended.stderr, (program.text, ended.stderr)
    return ended.stderr


class Ended:
    """What a program has left: what it said, and what is in its logs."""

    def __init__(self, folder: Path, program: Program, stderr: str) -> None:
        self._folder = folder
        self._program = program
        self._stderr = stderr
        self._views: dict[str, Any] = {}
        self._said: dict[tuple[str, str], set[str]] = {}
        for line in self._what_it_said().splitlines():
            word, session, turn, *rest = line.split()
            self._said.setdefault((session, turn), set()).update((word, *rest))

    def check(self) -> Counter[str]:
        """How many turns came to what."""
        decoys = list(self._folder.glob("decoy-*"))
        assert decoys or self._program.hasty, self._trouble("it opened no file of its own")
        assert [path.name for path in decoys if path.stat().st_size] == [], self._trouble(
            "bytes went into files of others"
        )
        self._read_logs()
        found = Counter(self._outcome(session, turn) for session, turn in self._said)
        for session, turns in self._views.items():
            for turn in turns:
                assert (session, turn) in self._said, self._trouble(f"{turn} in {session}")
        return found

    def _read_logs(self) -> None:
        with DefaultSessionStore(self._folder / "sessions") as store:
            for info in store.list_sessions():
                session = info["session_id"]
                assert store.verify(session).problems == [], self._trouble(session)
                self._views[session] = store.get_runtime_state(session, "agent")

    def _outcome(self, session: str, turn: str) -> str:
        said = self._said[session, turn]
        state = self._views.get(session, {}).get(turn)
        if "opened" in said:
            return self._outcome_of_turn(session, turn, said, state)
        assert "odd" not in said
        if "saved" in said:
            assert state == {"of": turn}, self._trouble(f"{turn} of {session} is not in its log")
            return "saved"
        if "refused" in said:
            assert self._may_lose(session), self._trouble(f"{turn} of {session}: {said}")
            assert said <= {"begun", "refused", *REFUSALS}, self._trouble(f"{turn}: {said}")
            return "refused"
        assert self._may_lose(session), self._trouble(f"{turn} of {session} came to nothing")
        return "stopped"

    def _outcome_of_turn(self, session: str, turn: str, said: set[str], state: Any) -> str:
        is_reported = f"turn '{turn}' of 'agent' in session '{session}' is not mirrored"
        if "ended" not in said:
            return (
                "still open"  # a finalizer that Python never calls: daemon threads keep all alive
            )
        if state is not None and state["status"] == "completed":
            return "ended"
        assert self._may_lose(session), self._trouble(f"{turn} of {session} did not end")
        if not self._program.hasty and self._is_first_failure(session):
            assert is_reported in self._stderr, self._trouble(f"{turn} of {session} is lost")
            return "reported"
        return "stopped"

    def _is_first_failure(self, session: str) -> bool:
        """Further failures are counted, which nobody can read any more."""
        return self._program.scenes[session].name == "a store that is closed and used"

    def _may_lose(self, session: str) -> bool:
        scene = self._program.scenes[session.split("-")[0]]
        return scene.may_lose or self._program.hasty

    def _trouble(self, what: str) -> str:
        return f"{what}\n{self._program.text}\n{self._what_it_said()[-2000:]}\n{self._stderr}"

    def _what_it_said(self) -> str:
        said = self._folder / "said"
        return said.read_text() if said.exists() or not self._program.hasty else ""


@pytest.mark.parametrize("python", PYTHONS)
@sized(quick=8, storm=200)
def test_events_of_a_program_that_ends_are_in_their_logs_or_reported(
    tmp_path: Path, python: str, size: int, figure: Figure
) -> None:
    found: Counter[str] = Counter()
    for number in range(size):
        ending = program(number)
        folder = tmp_path / str(number)
        found += Ended(folder, ending, run(python, folder, ending)).check()
    assert found["saved"] > size / 2
    assert found["ended"] > size / 4
    counts = ", ".join(f"{count:,} {what}" for what, count in sorted(found.items()))
    figure(f"{size} programs under {Path(python).name}: {counts}; 0 bytes in other files")
