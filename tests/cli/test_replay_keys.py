"""`journal replay` at a terminal: what keys do, what is marked, and what is left behind."""

import re
import shlex
import signal
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from projections import DefaultSessionStore
from projections.cli.replay.keys import status_line
from tests.cli.appending import seqs_of
from tests.cli.terminal import COMMAND, STYLE, Terminal, journal

WIDTHS = [60, 80, 120]
DAYS = 2 * 86_400 + 3 * 3600


@pytest.fixture
def trip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A handoff that is answered after two days, and one runtime that just goes on."""
    now = [1_700_000_000.0]
    with DefaultSessionStore(tmp_path, durability="os") as store, monkeypatch.context() as patch:
        patch.setattr("journal.codec.time_ns", lambda: int(now[0] * 1e9))
        store.set_runtime_state("s", "triage", "turn-1", {"status": "open", "n": 1})
        now[0] += 0.2
        store.set_runtime_state("s", "triage", "turn-1", {"status": "completed", "n": 1})
        now[0] += 0.2
        store.hand_off("s", "triage", "billing", reason="money")
        now[0] += DAYS
        store.take_over("s", "billing")
        now[0] += 0.2
        store.set_runtime_state("s", "billing", "turn-2", {"status": "open"})
        now[0] += 0.2
        store.set_runtime_state("s", "triage", "turn-3", {"why": "nobody asked"})
    return str(tmp_path)


def screen(terminal: Terminal) -> list[str]:
    """The lines as they are left on the screen, without what was written over."""
    lines = STYLE.sub("", terminal.raw).split("\n")
    return [line.rpartition("\r\x1b[K")[2] for line in lines]


def status(terminal: Terminal) -> str:
    """What stands at the bottom now."""
    return screen(terminal)[-1]


def until_status(terminal: Terminal, text: str) -> str:
    terminal.until(lambda _: text in status(terminal))
    return status(terminal)


def until_events(terminal: Terminal, count: int) -> None:
    terminal.until(lambda _: len(seqs_of(screen(terminal))) == count)


def check_width(terminal: Terminal, columns: int) -> None:
    """No line is too long for the terminal, nor was one that was written over."""
    written = STYLE.sub("", terminal.raw).replace("\x1b[K", "").replace("\r", "\n").split("\n")
    assert max(map(cell_len, written)) <= columns


@pytest.fixture
def stepping(trip: str) -> Iterator[Callable[[int], Terminal]]:
    """Begins a replay that waits for keys."""
    begun: list[Terminal] = []

    def begin(columns: int = 80) -> Terminal:
        begun.append(Terminal("replay", "s", "--step", "--dir", trip, columns=columns))
        return begun[0]

    yield begin
    for terminal in begun:
        terminal.__exit__()


@pytest.mark.parametrize("columns", WIDTHS)
def test_space_shows_the_next_event_and_the_last_line_names_the_keys(
    stepping: Callable[[int], Terminal], columns: int
) -> None:
    terminal = stepping(columns)
    found = terminal.modes
    for seq in range(1, 7):
        line = until_status(terminal, "paused, 1x  space next")
        assert line.endswith("q quit")
        assert seqs_of(screen(terminal)) == list(range(1, seq + 1))
        terminal.type(" ")
        if seq < 6:
            until_events(terminal, seq + 1)
    assert until_status(terminal, "that is the end").endswith("q quit")
    terminal.type("q")
    assert terminal.end() == 0
    check_width(terminal, columns)
    assert status(terminal) == "", "nothing is left at the bottom"
    assert found[3] & termios.ECHO == terminal.modes[3] & termios.ECHO


@pytest.mark.parametrize(
    ("runtimes", "count", "code"), [("triage,nobody", 4, 3), ("nobody", 0, 3)]
)
def test_a_wrong_name_is_said_at_the_end_and_not_to_who_leaves_before(
    trip: str, runtimes: str, count: int, code: int
) -> None:
    def begun() -> Terminal:
        return Terminal("replay", "s", "--step", "-u", runtimes, "--dir", trip)

    with begun() as terminal:
        for seen in range(1, count + 1):
            until_events(terminal, seen)
            terminal.type(" ")
        until_status(terminal, "that is the end")
        terminal.type("q")
        assert terminal.end() == 3
        assert "has no runtime 'nobody'" in terminal.raw
    if not count:
        return
    with begun() as terminal:
        until_events(terminal, 1)
        terminal.type("q")
        assert terminal.end() == 0
        assert "nobody" not in terminal.raw


@pytest.mark.parametrize("columns", WIDTHS)
def test_arrows_step_forward_and_back_to_the_lines_that_were(
    stepping: Callable[[int], Terminal], columns: int
) -> None:
    terminal = stepping(columns)
    until_status(terminal, "paused")
    seen = 1
    for key, count in (("\x1b[C", 3), ("\x1b[D", 2), ("\x1b[C", 1)):
        for _ in range(count):
            seen += 1
            terminal.type(key)
            until_events(terminal, seen)
            until_status(terminal, "paused")
    lines = [line.rstrip() for line in screen(terminal)[:-1]]
    assert [int(line.split()[0]) if line.lstrip()[0].isdigit() else line for line in lines] == [
        *(1, 2, 3, "── triage → billing ──", 4),
        *("── back ──", 3, 2),
        *("── forward ──", 3),
    ]
    forward, back = (lines[lines.index(mark) + 1] for mark in ("── forward ──", "── back ──"))
    assert forward == back, "the very line"
    assert forward.split()[:-1] == lines[2].split()[:-1], "in columns that have grown since"
    terminal.type("\x1b[D" * 9)
    until_status(terminal, "that is the first")
    terminal.type("q")
    assert terminal.end() == 0
    check_width(terminal, columns)


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_gap_of_days_is_said_and_space_goes_on(trip: str, columns: int) -> None:
    with Terminal("replay", "s", "--speed", "1x", "--dir", trip, columns=columns) as terminal:
        line = until_status(terminal, "next in")
        assert line.startswith("next in 2 d 3 h; space goes on  ")
        assert "q quit" in line
        assert seqs_of(screen(terminal)) == [1, 2, 3]
        terminal.type(" ")
        assert terminal.end() == 0
        assert seqs_of(screen(terminal)) == [1, 2, 3, 4, 5, 6], "it plays on from there"
        check_width(terminal, columns)


def test_without_a_speed_a_terminal_waits_two_seconds_at_most(trip: str) -> None:
    with Terminal("replay", "s", "--dir", trip) as terminal:
        assert until_status(terminal, "next in").startswith("1x, next in 2 s  space next")
        terminal.type("q")
        assert terminal.end() == 0


def test_at_max_nobody_is_asked(trip: str) -> None:
    with Terminal("replay", "s", "--speed", "max", "--dir", trip) as terminal:
        assert terminal.end() == 0
        assert seqs_of(terminal.lines) == [1, 2, 3, 4, 5, 6]
        assert "q quit" not in terminal.raw


def test_plus_and_minus_change_the_speed_and_p_pauses(trip: str) -> None:
    args = ["replay", "s", "--speed", "1x", "--max-wait", "4", "--dir", trip]
    with Terminal(*args) as terminal:
        until_status(terminal, "1x, next in 4 s")
        terminal.type("p")
        until_status(terminal, "paused, 1x")
        for key, speed in (("+", "2x"), ("+", "5x"), ("-", "2x"), ("-", "1x"), ("-", "0.5x")):
            terminal.type(key)
            until_status(terminal, f"paused, {speed}  ")
        assert "p play" in status(terminal)
        terminal.type("+" * 12)
        until_status(terminal, "paused, max")
        terminal.type("p")
        assert terminal.end() == 0
        assert seqs_of(screen(terminal)) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("columns", WIDTHS)
def test_enter_shows_all_of_an_event(stepping: Callable[[int], Terminal], columns: int) -> None:
    terminal = stepping(columns)
    until_status(terminal, "paused")
    terminal.type("\n")
    terminal.until(lambda lines: "" in screen(terminal)[:-1])
    text = "\n".join(screen(terminal))
    assert re.search(r"event 1  set  triage  turn-1\n  at  .*\n  writer .*\n  \{\n", text)
    assert '    "status": "open",\n    "n": 1\n  }\n\n' in text
    terminal.type("q")
    assert terminal.end() == 0


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("output", ["short", "pretty"])
def test_it_is_marked_where_the_session_changes_hands(
    trip: str, columns: int, output: str
) -> None:
    marks = ["── triage → billing ──", "── billing → triage, unannounced ──"]
    args = ["replay", "s", "--speed", "1000000x", "-o", output, "--dir", trip]
    with Terminal(*args, columns=columns) as terminal:
        assert terminal.end() == 0
        lines = screen(terminal)
    assert [line for line in lines if line.startswith("──")] == marks
    seq = re.compile(r"(?:event )?\s*(\d+) ")
    shown = [int(m[1]) if (m := seq.match(line)) else line for line in lines]
    shown = [each for each in shown if isinstance(each, int) or each in marks]
    assert shown == [1, 2, 3, marks[0], 4, 5, marks[1], 6]
    piped = journal("replay", "s", "-o", output, "--dir", trip).stdout.splitlines()
    assert [line for line in piped if line.startswith("──")] == marks


# How it ends, and what is left of the terminal

ENDS: dict[str, tuple[Callable[[Terminal], object], int]] = {
    "q": (lambda terminal: terminal.type("q"), 0),
    "Ctrl-D": (lambda terminal: terminal.type("\x04"), 0),
    "Ctrl-C": (lambda terminal: terminal.interrupt(), 130),
    "Ctrl-backslash": (lambda terminal: terminal.type("\x1c"), 143),
    "SIGTERM": (lambda terminal: terminal.signal(signal.SIGTERM), 143),
    "SIGHUP": (lambda terminal: terminal.signal(signal.SIGHUP), 143),
    "SIGINT": (lambda terminal: terminal.signal(signal.SIGINT), 130),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("options", [["--step"], ["--speed", "1x"]], ids=" ".join)
def test_the_terminal_is_left_as_it_was(trip: str, end: str, options: list[str]) -> None:
    press, code = ENDS[end]
    with Terminal("replay", "s", *options, "--dir", trip) as terminal:
        until_status(terminal, "q quit")
        terminal.until_it_waits()
        during = terminal.modes
        press(terminal)
        assert terminal.end() == code
        assert "Traceback" not in terminal.raw
        after = terminal.modes
    assert not during[3] & (termios.ICANON | termios.ECHO)
    assert during[3] & termios.ISIG, "Ctrl-C and Ctrl-Z stay what they are"
    assert after[3] & termios.ICANON
    assert after[3] & termios.ECHO
    assert [*after[:3], after[3] | termios.ICANON | termios.ECHO] == after[:4]
    assert status(terminal).strip() in ("", "^C")


def test_an_error_in_the_middle_leaves_the_terminal_as_it_was(trip: str) -> None:
    code = f"""
import sys
from projections.cli.lines.printing import EventPrinter
whole = EventPrinter.print
def fail(self, session_id, log_id, event, effect):
    if event.seq == 3:
        raise RuntimeError("in the middle")
    whole(self, session_id, log_id, event, effect)
EventPrinter.print = fail
sys.argv[1:] = ["replay", "s", "--step", "--dir", {trip!r}]
from projections.cli import main
main()"""
    with Terminal(code=code) as terminal:
        until_status(terminal, "paused")
        assert not terminal.modes[3] & termios.ECHO
        terminal.type("  ")
        assert terminal.end() == 1
        assert "RuntimeError: in the middle" in terminal.raw
        assert terminal.modes[3] & termios.ICANON
        assert terminal.modes[3] & termios.ECHO


def test_ctrl_z_gives_the_shell_its_terminal_and_fg_goes_on(trip: str) -> None:
    code = "import os; os.execvp('bash', ['bash', '--norc', '--noprofile', '--noediting', '-i'])"
    with Terminal(code=code, env={"PS1": "$ ", "HISTFILE": ""}) as terminal:
        terminal.until(lambda _: status(terminal) == "$ ")
        at_first = terminal.modes
        for options in ("--step", "--speed 1x"):
            terminal.type(f"{shlex.join(COMMAND)} replay s {options} --dir {trip}\n")
            until_status(terminal, "q quit")
            terminal.until(lambda _: not terminal.modes[3] & termios.ECHO)
            terminal.type("\x1a")
            terminal.until_shown("Stopped")
            terminal.until(lambda _: status(terminal) == "$ ")
            assert terminal.modes == at_first
            terminal.type("fg\n")
            until_status(terminal, "q quit")
            assert not terminal.modes[3] & termios.ECHO
            terminal.type("q")
            terminal.until(lambda _: status(terminal) == "$ ")
            assert terminal.modes == at_first
        terminal.type("exit\n")
        assert terminal.end() == 0


def test_ctrl_z_without_a_shell_changes_nothing(stepping: Callable[[int], Terminal]) -> None:
    """The kernel stops no program that nobody could have go on."""
    terminal = stepping(80)
    until_status(terminal, "paused")
    ours, shown = terminal.modes, len(terminal.raw)
    terminal.type("\x1a")
    terminal.until(lambda _: "q quit" in terminal.raw[shown:])
    assert terminal.modes == ours
    terminal.type("q")
    assert terminal.end() == 0


def test_a_program_that_was_stopped_from_outside_takes_its_terminal_again(trip: str) -> None:
    """A shell has set the terminal to its own taste meanwhile, and cleared the screen."""
    with Terminal("replay", "s", "--step", "--dir", trip) as terminal:
        until_status(terminal, "paused")
        ours = terminal.modes
        terminal.until_it_waits()
        terminal.signal(signal.SIGSTOP)
        terminal.until_stopped()
        shells = [*ours[:3], ours[3] | termios.ECHO | termios.ICANON, *ours[4:]]
        terminal.set_modes(shells)
        shown = len(terminal.raw)
        terminal.signal(signal.SIGCONT)
        terminal.until(lambda _: "q quit" in terminal.raw[shown:])
        assert terminal.modes == ours
        terminal.type(" ")
        until_events(terminal, 2)
        terminal.type("q")
        assert terminal.end() == 0


def test_a_terminal_that_is_made_wider_shows_more_keys(
    stepping: Callable[[int], Terminal],
) -> None:
    terminal = stepping(45)
    assert "enter whole" not in until_status(terminal, "q quit")
    terminal.until_it_waits()
    terminal.resize(100)
    until_status(terminal, "enter whole")
    terminal.type("q")
    assert terminal.end() == 0


# The line at the bottom


@given(st.text("abc, 1x", max_size=40), st.integers(1, 140), st.booleans())
def test_the_line_fits_and_with_more_room_says_no_less(
    state: str, columns: int, is_paused: bool
) -> None:
    line = status_line(state, columns, is_paused)
    assert len(line) <= columns
    assert line.startswith(state[:columns])
    more = status_line(state, columns + 1, is_paused)
    assert set(line.split("  ")) <= set(more.split("  ")) or line == more[:columns]
    whole = status_line(state, 200, is_paused)
    for hint in ("space next", "←→ step", "+- speed", "enter whole", "q quit"):
        assert hint in whole
    assert ("p play" if is_paused else "p pause") in whole


def test_how_to_end_it_is_what_is_left_out_last() -> None:
    assert status_line("paused, 1x", 19) == "paused, 1x  q quit"
    assert status_line("paused, 1x", 17) == "paused, 1x"
