"""The first minute: `journal demo` at a terminal, in a pipe, interrupted, and what it leaves."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from projections.turns.statuses import FINAL
from tests.cli.terminal import (
    STYLE,
    Terminal,
    after,
    in_terminal,
    journal,
    run_in_terminal,
    shell,
    with_journal,
)

SESSION = "support-42"

COUNTED = after(
    """
import os
import projections.cli.commands.demo as command
pauses = open(os.environ["PAUSES"], "w", buffering=1)
command.sleep = lambda seconds: pauses.write(f"{seconds}\\n")
"""
)
"""The demo at its usual speed, but that its pauses are noted and not waited for."""

PAUSED = after(
    """
import itertools, os, time
import projections.cli.commands.demo as command
numbers = itertools.count()
def sleep(seconds):
    if next(numbers) == int(os.environ["AT"]):
        print("PAUSED", flush=True)
        for _ in range(600):  # a signal just before a sleep does not shorten it
            time.sleep(0.1)
command.sleep = sleep
"""
)
"""The demo without its pauses, but for one that lasts."""

NEVER = after(
    """
import projections.cli.commands.demo as command
def sleep(seconds):
    raise AssertionError("it waits")
command.sleep = sleep
"""
)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where programs make their temporary files; nothing but the demo does so here."""
    path = tmp_path / "t"
    path.mkdir()
    monkeypatch.setenv("TMPDIR", str(path))
    return path


# What is shown


def counted(columns: int, tmp_path: Path) -> tuple[list[str], list[float]]:
    """The lines of the demo at a terminal, and its pauses."""
    noted = tmp_path / "pauses"
    env = {"PAUSES": str(noted)}
    with Terminal("demo", columns=columns, code=COUNTED, env=env) as terminal:
        assert terminal.end() == 0, terminal.raw
        return terminal.lines, [float(line) for line in noted.read_text().splitlines()]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_at_a_terminal_it_tells_the_story_in_lines_that_fit(
    columns: int, temporary: Path, tmp_path: Path
) -> None:
    lines, pauses = counted(columns, tmp_path)
    assert [line for line in lines if len(line) > columns and "JOURNAL_DIR" not in line] == []
    text = " ".join(" ".join(lines).split())
    for part in (
        "native turn-1 user: Where is order 17?",
        "✗ error RateLimitError: 429",
        "⇢ hands over to codex",
        "⇠ codex takes over",
        "codex turn-3 → refund(order=17)",
        "kill -9: codex dies",
        "native turn-3 → refund(order=17)",
        "turn-3 ran in codex (open) and native (completed), no handoff between",
        "native never saw refund (call-2) of turn-3 (codex, event 10) finished",
    ):
        assert part in text
        text = text[text.index(part) :]  # they come in this order
    assert 11.5 <= sum(pauses) <= 12.5
    assert len(pauses) == PAUSES
    assert max(pauses) <= 1.5, "it never looks as if it had stopped"


def test_at_a_narrow_terminal_only_commands_are_wider(temporary: Path) -> None:
    """Half a command is none."""
    lines = STYLE.sub("", in_terminal("demo", "--fast", columns=40)).splitlines()
    wide = [line for line in lines if len(line) > 40]
    assert [line for line in wide if not line.startswith(("  export ", "  journal "))] == []


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_lines_are_those_of_tail_and_of_handoffs(columns: int, temporary: Path) -> None:
    """Whoever has seen the demo knows the commands."""
    shown = STYLE.sub("", in_terminal("demo", "--fast", columns=columns)).splitlines()
    (folder,) = temporary.iterdir()
    for command in (["log", SESSION], ["handoffs", SESSION, "-o", "lanes"]):
        _, again = run_in_terminal(*command, "--dir", str(folder), columns=columns)
        missing = [line for line in STYLE.sub("", again).splitlines() if line not in shown]
        assert missing == [], command


def test_fast_and_in_a_pipe_it_never_waits(temporary: Path) -> None:
    piped = journal("demo", code=NEVER)
    assert (piped.returncode, piped.stderr) == (0, "")
    assert "hands over to codex" in piped.stdout
    assert "\x1b" not in piped.stdout
    with Terminal("demo", "--fast", code=NEVER) as terminal:
        assert terminal.end() == 0, terminal.raw


def test_no_color_is_obeyed(temporary: Path) -> None:
    _, shown = run_in_terminal("demo", "--fast", NO_COLOR="1")
    assert "hands over to codex" in shown
    assert "\x1b[" not in shown


def test_an_output_that_knows_only_ascii_gets_what_it_can_show(temporary: Path) -> None:
    shown = journal("demo", PYTHONIOENCODING="ascii")
    assert shown.returncode == 0, shown.stderr
    assert "turn-3 ran in codex (open) and native (completed)" in shown.stdout
    assert "?" not in shown.stdout.replace("17?", "").replace("twice?", ""), "nothing is replaced"


# What is recorded


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[DefaultSessionStore]:
    folder = str(tmp_path / "recorded")
    assert journal("demo", "--dir", folder).returncode == 0
    with DefaultSessionStore(folder) as store:
        yield store


def test_the_turns_are_recorded_ones(recorded: DefaultSessionStore) -> None:
    turns = recorded.state_at(SESSION)
    assert {runtime: list(found) for runtime, found in turns.items()} == {
        "native": ["turn-1", "turn-2", "turn-3"],
        "codex": ["turn-3"],
    }
    for state in (state for found in turns.values() for state in found.values()):
        assert state["turn"] == 1
        assert state["opened_at"]
        assert (state["status"] in FINAL) == ("closed_at" in state)
    assert turns["native"]["turn-2"]["error"].startswith("RateLimitError")
    assert recorded.verify(SESSION).ok


def test_the_process_that_is_killed_is_one(recorded: DefaultSessionStore) -> None:
    """And dies in mid-call: its last event is the beginning of a call that nobody finished."""
    events = [step.event for step in recorded.replay(SESSION)]
    writers = {event.runtime_id: event.writer for event in events if event.op == "set"}
    assert writers["codex"] != writers["native"]
    assert not Path(f"/proc/{writers['codex'].rpartition(':')[2]}").exists()
    (call,) = recorded.get_runtime_state(SESSION, "codex", "turn-3")["tool_calls"]
    assert (call["name"], call["status"]) == ("refund", "open")
    assert "result" not in call


def test_the_handoff_is_answered_and_the_fallback_is_not(recorded: DefaultSessionStore) -> None:
    found = recorded.audit(SESSION)
    assert [
        (change.source, change.target, change.handoff_seq is not None) for change in found.changes
    ] == [("native", "codex", True), ("codex", "native", False)]
    assert [turn.turn_id for turn in found.double_runs] == ["turn-3"]
    assert found.ok is False


# What is typed next


def commands_in(shown: str) -> list[str]:
    """The indented lines at the end."""
    return re.findall(r"(?m)^  (.+)$", shown[shown.index("Replay it") :])


@pytest.mark.parametrize("folder", [None, "it's here"])
def test_what_is_to_be_typed_next_works(
    folder: str | None, temporary: Path, tmp_path: Path
) -> None:
    args = [] if folder is None else ["--dir", str(tmp_path / folder)]
    shown = journal("demo", *args, PATH=with_journal()["PATH"]).stdout
    export, *commands = commands_in(shown)
    assert [command.split()[:2] for command in commands] == [
        ["journal", "replay"],
        ["journal", "turn"],
        ["journal", "handoffs"],
        ["journal", "tail"],
    ]
    assert all(len(command) <= 40 for command in commands), "short ones"
    for command in commands:
        follows = command.split()[1] == "tail"
        typed = f"timeout --signal=INT 2 {command}" if follows else command
        done = shell(f"{export}\n{typed}")
        assert "refund" in done.stdout, (command, done.stderr)
        assert done.stderr == ""


def test_an_own_folder_of_sessions_is_left_alone(temporary: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    assert journal("demo", JOURNAL_DIR=str(own)).returncode == 0
    assert not own.exists()


@pytest.mark.parametrize("session", [SESSION, "other"])
def test_it_writes_into_no_session_that_is_there(session: str, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    with DefaultSessionStore(folder) as store:
        store.set_runtime_state(session, "native", "turn-1", {"mine": 1})
    before = (folder / f"{session}.jsonl").read_bytes()
    done = journal("demo", "--dir", str(folder))
    assert done.returncode == (1 if session == SESSION else 0)
    assert ("--dir" in done.stderr) == (session == SESSION)
    assert (folder / f"{session}.jsonl").read_bytes() == before


# When it is interrupted


def in_session_of(leader: int) -> list[int]:
    """The processes that a terminal's process has started, and itself, unless it is a zombie."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[3] == str(leader) and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


PAUSES = 18
"""How many there are; the test of the story holds this."""


@contextmanager
def paused(number: int, *args: str) -> Iterator[Terminal]:
    """The demo in one of its pauses, which lasts; the others are left out."""
    with Terminal("demo", *args, code=PAUSED, env={"AT": str(number)}) as terminal:
        terminal.until_shown("PAUSED")
        yield terminal


@pytest.mark.parametrize("number", range(PAUSES))
def test_ctrl_c_is_silent_and_leaves_nothing(number: int, temporary: Path) -> None:
    with paused(number) as terminal:
        terminal.interrupt()
        assert terminal.end() == 128 + signal.SIGINT, terminal.raw
        assert terminal.raw.partition("PAUSED")[2].strip() in ("", "^C")
        assert in_session_of(terminal.process.pid) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("line", range(4, 20, 2))
def test_ctrl_c_while_it_works(line: int, temporary: Path) -> None:
    """Not in a pause. If it is too late for an interrupt, the folder is there, and was named.

    Not before line 4: until then modules are imported, and Python itself may swallow it.
    """
    with Terminal("demo", "--fast") as terminal:
        terminal.until(lambda lines: len(lines) >= line)
        terminal.interrupt()
        code = terminal.end()
        assert code in (0, 128 + signal.SIGINT), terminal.raw
        assert "Traceback" not in terminal.raw
        assert in_session_of(terminal.process.pid) == []
        left = [str(path) for path in temporary.iterdir()]
        assert len(left) == (0 if code else 1)
        assert all(path in terminal.raw for path in left)


def test_ctrl_c_again_and_again(temporary: Path) -> None:
    with paused(9) as terminal:
        for _ in range(20):
            terminal.interrupt()
        assert terminal.end() == 128 + signal.SIGINT, terminal.raw
        assert "Traceback" not in terminal.raw
    assert list(temporary.iterdir()) == []


def test_a_sigterm_cleans_up_too(temporary: Path) -> None:
    with paused(9) as terminal:
        terminal.signal(signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM, terminal.raw
        assert in_session_of(terminal.process.pid) == []
    assert list(temporary.iterdir()) == []


def test_the_other_process_ends_with_a_demo_that_is_killed(temporary: Path) -> None:
    with paused(9) as terminal:
        others = set(in_session_of(terminal.process.pid)) - {terminal.process.pid}
        assert others
        terminal.signal(signal.SIGKILL)
        assert terminal.end() == -signal.SIGKILL  # the terminal closes when the last one is gone
        assert in_session_of(terminal.process.pid) == []


@pytest.mark.parametrize("was_there", [False, True])
def test_an_interrupted_demo_removes_from_a_named_folder_only_its_own(
    was_there: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "named"
    if was_there:
        with DefaultSessionStore(folder) as store:
            store.set_runtime_state("other", "native", "turn-1", {})
    before = sorted(os.listdir(folder)) if was_there else None
    with paused(9, "--dir", str(folder)) as terminal:
        terminal.interrupt()
        assert terminal.end() == 128 + signal.SIGINT
    assert folder.exists() == was_there
    if was_there:
        assert sorted(os.listdir(folder)) == before


def test_who_does_not_read_to_the_end_is_left_no_folder(temporary: Path) -> None:
    """They were not told where it is."""
    assert shell("journal demo | head -n 3").stderr == ""
    assert list(temporary.iterdir()) == []


# The process that is killed


FORKED = """
from projections.cli.demo.forked import Forked
def steps():
    {first}
    yield
    yield
    {second}
    yield
forked = Forked(steps)
try:
    forked.step()
    forked.step()
except Exception as error:
    print(type(error).__name__, error)
forked.kill()
forked.kill()
"""


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("pass", None),
        ("raise OSError('no room')", "no room"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import os; os.kill(os.getpid(), 9)", "killed"),
    ],
)
@pytest.mark.parametrize("when", ["first", "second"])
def test_a_step_that_fails_is_reported(when: str, code: str, why: str | None) -> None:
    done = journal(code=FORKED.format(**{"first": "pass", "second": "pass", when: code}))
    assert done.returncode == 0, done.stderr
    error = f"JournalError the second process of the demo has ended: {why}\n"
    assert done.stdout == (error if why is not None else "")
