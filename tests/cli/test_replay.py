"""`journal replay` as its users meet it: order, completeness, pauses and their end."""

import json
import os
import signal
import time
from pathlib import Path

import click
import pytest

from projections import DefaultSessionStore
from projections.cli import replay
from projections.cli.replay import SECONDS, SPEED
from tests.cli.terminal import STYLE, Pipe, journal, run_in_terminal, shell


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


def seqs(text: str) -> list[int]:
    return [json.loads(line)["seq"] for line in text.splitlines()]


@pytest.mark.parametrize("output", ["short", "pretty", "jsonl"])
@pytest.mark.parametrize("speed", [(), ("--speed", "100x"), ("--speed", "1000000")])
def test_it_looks_like_the_log_at_any_speed(
    folder: str, output: str, speed: tuple[str, ...]
) -> None:
    result = journal("replay", "s", "--dir", folder, "-o", output, *speed)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == journal("log", "s", "--dir", folder, "-o", output).stdout
    assert result.stdout


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
    assert shown("--since", "tomorrow") == []
    assert shown("--until", "yesterday") == []


def test_what_changed_is_told_even_if_what_was_before_is_not_shown(folder: str) -> None:
    out = journal("replay", "s", "--dir", folder, "-S", "2", "-U", "2", "--speed", "10x").stdout
    assert "n=1→2" in out


def test_events_appear_when_they_are_due_and_an_interrupt_is_quiet(slow: str) -> None:
    with Pipe("replay", "s", "--dir", slow, "--speed", "1x", "-o", "jsonl") as replay:
        replay.until(bool)
        replay.signal(signal.SIGINT)
        assert replay.end() == 130
        (first,) = replay.lines
        assert json.loads(first)["seq"] == 1, "it came before the pause"
        assert replay.errors.strip() == ""


def test_max_wait_caps_the_pauses(slow: str) -> None:
    result = journal(
        "replay", "s", "--dir", slow, "--speed", "1x", "--max-wait", "0.01", "-o", "jsonl"
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert seqs(result.stdout) == [1, 2]


def test_a_long_pause_is_announced_on_a_terminal_and_the_notice_erased(slow: str) -> None:
    code, shown = run_in_terminal(
        "replay", "s", "--dir", slow, "--speed", "1x", "--max-wait", "0.3"
    )
    assert code == 0
    assert "next in" not in shown, "that is not long"
    code, shown = run_in_terminal(
        "replay", "s", "--dir", slow, "--speed", "3000x", "--max-wait", "9"
    )
    assert code == 0
    before, _, after = shown.rpartition("\r\x1b[K")
    assert "\r\x1b[K(next in 2 s)" in before
    assert "turn-2" in after
    assert "next in" not in after


def test_a_pause_is_as_long_as_asked_in_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [100.0], list[float]()
    notices: list[str] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(replay, "_notice", notices.append)
    replay._pause(250.5)
    assert sum(slept) == 250.5
    assert max(slept) <= 1.0
    assert notices[:2] == ["(next in 4 m 11 s)", "(next in 4 m 10 s)"]
    assert notices[-1] == ""
    notices.clear()
    replay._pause(0.5)
    assert notices == []


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
    assert max(map(len, STYLE.sub("", shown).splitlines())) <= 80
    assert "\x1b" not in run_in_terminal("replay", "s", "--dir", folder, NO_COLOR="1")[1]


def test_what_could_steer_a_terminal_never_gets_there(tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\u202e"
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", f"a{evil}", f"t{evil}", {f"k{evil}": evil})
        store.hand_off("s", f"a{evil}", "b", reason=evil)
    for output in ("short", "pretty", "jsonl"):
        result = journal("replay", "s", "--dir", str(tmp_path), "-o", output)
        assert result.returncode == 0
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
        (("--max-wait", "1"), "--max-wait needs a --speed"),
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


def test_damage_is_reported(folder: str) -> None:
    log = Path(folder) / "s.jsonl"
    log.write_bytes(log.read_bytes().replace(b"rate limited", b"rate-limited"))
    result = journal("replay", "s", "--dir", folder, "-o", "jsonl")
    assert seqs(result.stdout) == [1, 2, 3, 4, 5, 7, 8, 9]
    assert "damaged" in result.stderr
    assert "journal verify" in result.stderr
