"""`journal replay` as its users meet it: order, completeness, pauses and their end."""

import json
import os
import re
import signal
import time
from pathlib import Path

import click
import pytest
from rich.cells import cell_len

from projections import DefaultSessionStore
from projections.cli.commands.replay import SECONDS, SPEED
from projections.cli.replay import pauses as replay_pauses
from tests.cli.terminal import STYLE, Pipe, Terminal, journal, run_in_terminal, shell


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A session with all kinds of events, of which the first are archived, a moment apart."""
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "native", "turn-1", {"n": 1})
        store.set_runtime_state("s", "native", "turn-1", {"n": 2})
        store.compact("s")
        for _ in range(3):
            time.sleep(0.02)
            store.set_runtime_state("s", "native", "turn-2", {"n": 3})
        store.hand_off("s", "native", "harness", reason="rate limited")
        store.take_over("s", "harness")
        store.set_runtime_state("s", "harness", "turn-3", {"n": 4})
        store.clear_runtime_state("s")
    return str(tmp_path)


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A session whose second event came an hour after the first."""
    with DefaultSessionStore(tmp_path, durability="os") as store, monkeypatch.context() as patched:
        for number in (1, 2):
            second = 1_800_000_000 + 3600 * number
            patched.setattr("journal.codec.time_ns", lambda now=second: now * 1_000_000_000)
            store.set_runtime_state("s", "native", f"turn-{number}", {})
    return str(tmp_path)


_EVENT = r"^(event \d|{| +\d+  )"
"""How the first line of an event begins, in any form of output."""


def seqs(text: str) -> list[int]:
    return [json.loads(line)["seq"] for line in text.splitlines()]


@pytest.mark.parametrize("output", ["short", "pretty", "jsonl"])
@pytest.mark.parametrize("speed", [(), ("--speed", "100x"), ("--speed", "1000000")])
def test_it_looks_like_the_log_at_any_speed(
    folder: str, output: str, speed: tuple[str, ...]
) -> None:
    """But for a line where the session changes hands."""
    result = journal("replay", "s", "--dir", folder, "-o", output, *speed)
    assert (result.returncode, result.stderr) == (0, "")
    marks = [line for line in result.stdout.splitlines() if line.startswith("── ")]
    assert marks == (["── native → harness ──"] if output != "jsonl" else [])
    shown = "".join(f"{mark}\n" for mark in marks)
    logged = journal("log", "s", "--dir", folder, "-o", output).stdout
    assert result.stdout.replace(shown, "") == logged != ""


def test_a_replay_is_complete_in_order_and_paced(folder: str) -> None:
    started = time.monotonic()
    result = journal("replay", "s", "--dir", folder, "-o", "jsonl", "--speed", "1x")
    assert seqs(result.stdout) == list(range(1, 10))
    assert time.monotonic() - started > 0.06, "it takes as long as it took then"


def test_a_stretch_of_one_runtime(folder: str) -> None:
    def shown(*options: str) -> list[int]:
        result = journal("replay", "s", "--dir", folder, "-o", "jsonl", *options)
        assert result.returncode == 0
        return seqs(result.stdout)

    assert shown("-u", "harness") == [6, 7, 8, 9]
    assert shown("-S", "3", "-U", "5") == [3, 4, 5]
    assert shown("-U", "6", "--runtime", "harness", "--speed", "50x") == [6]
    assert shown("-n", "2") == [8, 9]
    assert shown("-v", "-g", "rate", "-e", "handoff", "-e", "takeover") == [7]
    assert shown("-t", "turn-2", "state.n=3", "-n", "1") == [5]
    assert shown("-u", "native", "-u", "harness", "op=handoff", "--speed", "9x") == [6]
    assert shown("--since", "tomorrow") == []
    assert shown("--until", "yesterday") == []


def test_what_changed_is_told_even_if_what_was_before_is_not_shown(folder: str) -> None:
    out = journal("replay", "s", "--dir", folder, "-S", "2", "-U", "2", "--speed", "10x").stdout
    assert "  n 1→2\n" in out


def test_events_appear_when_they_are_due_and_an_interrupt_is_quiet(slow: str) -> None:
    with Pipe("replay", "s", "--dir", slow, "--speed", "1x", "-o", "jsonl") as replay:
        replay.until(bool)
        replay.until_error("2 s\n")
        replay.signal(signal.SIGINT)
        assert replay.end() == 130
        (first,) = replay.lines
        assert json.loads(first)["seq"] == 1, "it came before the pause"
        assert replay.errors.strip() == (
            "journal: the next event is due in 1 h, as it was then; with --max-wait 2 no pause "
            "takes longer than 2 s"
        )


def test_max_wait_caps_the_pauses(slow: str) -> None:
    result = journal(
        "replay", "s", "--dir", slow, "--speed", "1x", "--max-wait", "0.01", "-o", "jsonl"
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert seqs(result.stdout) == [1, 2]


def test_max_wait_alone_means_the_recorded_speed(slow: str) -> None:
    started = time.monotonic()
    result = journal("replay", "s", "--dir", slow, "--max-wait", "0.3", "-o", "jsonl")
    assert (result.returncode, result.stderr) == (0, "")
    assert seqs(result.stdout) == [1, 2]
    assert time.monotonic() - started > 0.3


def test_where_no_keys_can_come_a_terminal_shows_how_long_a_pause_takes(slow: str) -> None:
    with Terminal(
        code=f"""
import os, sys
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
sys.argv[1:] = ["replay", "s", "--dir", {slow!r}, "--speed", "3000x"]
from projections.cli import main
main()"""
    ) as terminal:
        assert terminal.end() == 0
        before, _, after = terminal.raw.rpartition("\r\x1b[K")
        assert "\r\x1b[K(next in 2 s)" in before
        assert "turn-2" in after
        assert "next in" not in after


def test_a_pause_is_as_long_as_asked_in_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [100.0], list[float]()
    shown: list[str] = []
    said: list[str] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(replay_pauses, "_show", shown.append)
    monkeypatch.setattr(replay_pauses, "notice", said.append)
    pauses = replay_pauses.ReplayPauses(is_limited=False)
    pauses.sleep(250.5)
    assert sum(slept) == 250.5
    assert max(slept) <= 1.0
    assert shown[:2] == ["(next in 4 m 11 s)", "(next in 4 m 10 s)"]
    assert (shown[-1], said) == ("", [])
    shown.clear()
    pauses.sleep(0.5)
    assert shown == []


@pytest.mark.parametrize(("is_limited", "count"), [(False, 1), (True, 0)])
def test_long_pauses_are_said_once_unless_somebody_has_limited_them(
    monkeypatch: pytest.MonkeyPatch, is_limited: bool, count: int
) -> None:
    now = [100.0]
    said: list[str] = []
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    monkeypatch.setattr(replay_pauses, "notice", said.append)
    pauses = replay_pauses.ReplayPauses(is_limited=is_limited)
    pauses.sleep(5.0)
    assert said == [], "that is not long"
    for _ in range(3):
        pauses.sleep(7.0)
    assert len(said) == count


def test_a_pipe_gets_no_notice(slow: str) -> None:
    result = journal("replay", "s", "--dir", slow, "--speed", "3000x")
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 2


def test_eighty_columns_are_not_exceeded(folder: str) -> None:
    with DefaultSessionStore(folder, durability="os") as store:
        store.set_runtime_state("s", "运行时" * 20, "t" * 200, {"text": "x" * 500})
    code, shown = run_in_terminal("replay", "s", "--dir", folder)
    assert code == 0
    assert "\x1b[" in shown
    lines = STYLE.sub("", shown).replace("\x1b[K", "").splitlines()
    assert 70 < max(map(cell_len, lines)) <= 80
    _, plain = run_in_terminal("replay", "s", "--speed", "max", "--dir", folder, NO_COLOR="1")
    assert "\x1b" not in plain


def test_what_could_steer_a_terminal_never_gets_there(tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\u202e"
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", f"a{evil}", f"t{evil}", {f"k{evil}": evil})
        store.hand_off("s", f"a{evil}", f"b{evil}", reason=evil)
        store.take_over("s", f"b{evil}")
    for output in ("short", "pretty", "jsonl"):
        result = journal("replay", "s", "--dir", str(tmp_path), "-o", output)
        assert result.returncode == 0
        assert ("── " in result.stdout) is (output != "jsonl")
        for char in "\x1b\x07\u202e":
            assert char not in result.stdout


def test_dropped_history_is_reported(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os", history="drop") as store:
        for number in range(3):
            store.set_runtime_state("s", "native", "turn-1", {"n": number})
        store.compact("s")
    result = journal("replay", "s", "--dir", str(tmp_path), "-o", "jsonl")
    assert seqs(result.stdout) == [3]
    assert "before event 3" in result.stderr


def test_a_reader_that_has_enough_ends_it_quietly(folder: str) -> None:
    result = shell(f"journal replay s --dir '{folder}' | head -n1")
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == ""


# Errors


def test_no_such_session_is_3(folder: str) -> None:
    result = journal("replay", "t", "--dir", folder)
    assert (result.returncode, result.stdout) == (3, "")
    assert "'t'" in result.stderr
    assert journal("replay", "s", "--dir", os.path.join(folder, "no")).returncode == 3


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--speed", "fast"), "is not a speed"),
        (("--speed", "0x"), "is not a speed"),
        (("--speed", "-1"), "is not a speed"),
        (("--speed", "nan"), "is not a speed"),
        (("--speed", "1e9"), "is not a speed"),
        (("--speed", "2000000x"), "is not a speed"),
        (("--speed", "0.0001x"), "is not a speed"),
        (("--speed", "2x", "--max-wait", "-1"), "is not a number of seconds"),
        (("--speed", "2x", "--max-wait", "nan"), "is not a number of seconds"),
        (("--speed", "2x", "--max-wait", "1m"), "is not a number of seconds"),
        (("--step",), "--step needs a terminal"),
        (("--speed", "max", "--max-wait", "0"), "--max-wait needs a --speed"),
        (("--since", "whenever"), "is not a time"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    folder: str, options: tuple[str, ...], part: str
) -> None:
    result = journal("replay", "s", "--dir", folder, *options)
    assert (result.returncode, result.stdout) == (2, "")
    assert part in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("text", "speed"),
    [("1x", 1), ("10X", 10), ("0.5x", 0.5), (".5", 0.5), ("2", 2), ("MAX", float("inf"))],
)
def test_speeds(text: str, speed: float) -> None:
    kind = SPEED
    assert kind.convert(text, None, None) == speed
    assert kind.convert(kind.convert(text, None, None), None, None) == speed


def test_seconds() -> None:
    assert SECONDS.convert("2.5", None, None) == 2.5
    with pytest.raises(click.BadParameter):
        SECONDS.convert("inf", None, None)


def test_a_runtime_that_never_was_is_3_once_all_was_looked_at(folder: str) -> None:
    """What concerns all runtimes, such as the last event here, is shown in any case."""
    result = journal("replay", "s", "-u", "nativ", "-o", "jsonl", "--dir", folder)
    assert (result.returncode, seqs(result.stdout)) == (3, [9])
    assert "did you mean 'native'?" in result.stderr
    code, shown = run_in_terminal("replay", "s", "-u", "nativ", "--dir", folder)
    assert code == 3
    assert "did you mean 'native'?" in shown


@pytest.mark.parametrize("output", ["short", "pretty", "jsonl"])
def test_the_last_events_are_those_of_the_whole_with_the_lines_between_them(
    tmp_path: Path, output: str
) -> None:
    """Of a log that is long enough to be read from its end."""
    with DefaultSessionStore(tmp_path, durability="os", auto_compact=False) as store:
        for number in range(40):
            runtime = f"r-{number // 3 % 2}"
            store.set_runtime_state("s", runtime, f"t-{number}", {"n": number, "fill": "x" * 700})
    args = ("replay", "s", "-o", output, "--dir", str(tmp_path))
    whole = journal(*args).stdout
    starts = [found.start() for found in re.finditer(_EVENT, whole, re.MULTILINE)]
    assert len(starts) == 40
    assert whole.count("unannounced ──") == (0 if output == "jsonl" else 13)
    for count in (1, 2, 7, 40, 99):
        last = journal(*args, "-n", str(count)).stdout
        begin = starts[max(0, 40 - count)]
        before = whole[:begin].splitlines(keepends=True)
        mark = before[-1] if before and before[-1].startswith("──") else ""
        assert last == mark + whole[begin:]


def test_damage_is_reported(folder: str) -> None:
    log = Path(folder) / "s.jsonl"
    log.write_bytes(log.read_bytes().replace(b"rate limited", b"rate-limited"))
    result = journal("replay", "s", "--dir", folder, "-o", "jsonl")
    assert seqs(result.stdout) == [1, 2, 3, 4, 5, 7, 8, 9]
    assert "damaged" in result.stderr
    assert "journal verify" in result.stderr
