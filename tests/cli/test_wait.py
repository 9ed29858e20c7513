"""`journal wait`: until an event comes, or a turn is in a state; or time is up."""

import json
import signal
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.cli.appending import append
from tests.cli.terminal import Completed, Pipe, Terminal, journal

TIME_IS_UP = 124


def put(store: DefaultSessionStore, status: str, turn: str = "turn-3") -> None:
    store.set_runtime_state("s", "native", turn, {"status": status})


def wait(folder: str, *args: str, timeout: str = "0") -> Completed:
    return journal("wait", "s", *args, "-o", "jsonl", "--timeout", timeout, "--dir", folder)


def seq_of(result: Completed) -> int | None:
    """The event that it found; None if time was up."""
    assert result.returncode == (0 if result.stdout else TIME_IS_UP), result.stderr
    return json.loads(result.stdout)["seq"] if result.stdout else None


@pytest.mark.parametrize(
    ("args", "seq"),
    [
        ([], 6),
        (["status=completed"], 5),
        (["-t", "turn-3", "status=completed"], None),
        (["-t", "turn-3", "status=open"], 4),
        (["-t", "turn-3", "status=over"], None),
        (["status=over"], 5),
        (["state.status=done"], 5),
        (["-e", "handoff"], 6),
        (["-u", "codex"], 6),
        (["-t", "turn-9"], None),
        (["-g", "codex"], 6),
        (["-g", "nothing like this"], None),
        (["--new"], None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_there_counts_as_far_as_it_still_holds(
    folder: str, store: DefaultSessionStore, args: list[str], seq: int | None
) -> None:
    put(store, "open", "cleared")
    store.clear_runtime_state("s", "native")
    put(store, "completed")
    put(store, "running")  # turn-3 was opened again
    put(store, "done", "turn-4")
    store.hand_off("s", "native", "codex")
    assert seq_of(wait(folder, *args)) == seq


def test_a_cleared_turn_holds_nothing(folder: str, store: DefaultSessionStore) -> None:
    put(store, "completed")
    assert seq_of(wait(folder, "status=over")) == 1
    store.clear_runtime_state("s")
    assert seq_of(wait(folder, "status=over")) is None


def test_what_comes_ends_it_also_in_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    folder = f"{tmp_path}/later"
    args = ["wait", "s", "-t", "turn-3", "status=over", "-o", "jsonl", "--timeout", "60"]
    with Pipe(*args, "--dir", folder) as waiting:
        waiting.until_error("waiting for session s")
        waiting.until_it_waits()
        with DefaultSessionStore(folder, durability="os") as store:
            for status in ("open", "waiting", "failed", "completed"):
                put(store, status)
        assert waiting.end() == 0
        (line,) = waiting.lines
    assert json.loads(line)["seq"] == 3


def test_only_what_is_new_counts_if_that_is_asked_for(
    folder: str, store: DefaultSessionStore
) -> None:
    put(store, "completed")
    with Pipe("wait", "s", "status=completed", "--new", "-o", "jsonl", "--dir", folder) as waiting:
        waiting.until_it_waits()
        put(store, "open")
        put(store, "completed")
        assert waiting.end() == 0
        (line,) = waiting.lines
    assert json.loads(line)["seq"] == 3


@pytest.mark.parametrize("session", ["s", "never"])
def test_when_time_is_up_that_is_said(
    folder: str, store: DefaultSessionStore, session: str
) -> None:
    put(store, "open")
    result = journal("wait", session, "status=over", "--timeout", "100ms", "--dir", folder)
    assert result.returncode == 2, "no such unit"
    result = journal("wait", session, "status=over", "--timeout", "0.2", "--dir", folder)
    assert (result.returncode, result.stdout) == (TIME_IS_UP, "")
    last = result.stderr.splitlines()[-1]
    assert last == f"journal: time is up: nothing of that has come in session '{session}'"


def test_an_interrupt_ends_it_without_a_word(folder: str, store: DefaultSessionStore) -> None:
    append(folder, "s", 1, 2)
    with Terminal("wait", "s", "-e", "handoff", "--dir", folder) as terminal:
        terminal.until_it_waits()
        terminal.interrupt()
        assert terminal.end() == 130
    with Pipe("wait", "s", "-e", "handoff", "--dir", folder) as pipe:
        pipe.until_it_waits()
        pipe.signal(signal.SIGINT)
        assert (pipe.end(), pipe.errors) == (130, "")
