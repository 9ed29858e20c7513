"""What all commands have in common: streams and colours."""

import json
import re
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.cli.terminal import (
    Terminal,
    journal,
    journal_into,
    shell,
)

# Streams


def test_notices_are_not_among_the_data(own: str) -> None:
    assert journal("compact", "my-session", "--drop-history", "--dir", own).returncode == 0
    log = Path(own, "my-session.jsonl")
    log.write_bytes(log.read_bytes() + b"{torn")
    for args in (["log", "my-session", "-o", "json"], ["verify", "-o", "json"], ["sessions"]):
        result = journal(*args, "--dir", own)
        assert "journal:" not in result.stdout
        if args[-1] == "json":
            json.loads(result.stdout)
    assert "compaction has dropped" in journal("log", "my-session", "--dir", own).stderr
    (Path(own) / "deleted").mkdir()
    assert journal("sessions", "--dir", f"{own}/deleted").stdout == ""


def test_a_full_disk_is_one_line_and_1(prepared: str) -> None:
    for args in (
        ["log", "my-session"],
        ["show", "my-session", "-o", "json"],
        ["sessions"],
        ["export", "my-session"],
        ["diff", "my-session", "@3"],
        ["verify"],
    ):
        with open("/dev/full", "w") as full:
            result = journal_into(full.fileno(), *args, "--dir", prepared)
        assert result.returncode == 1, args
        assert re.fullmatch(r"journal: .*No space left on device\n", result.stderr), args


def test_closed_streams_are_no_reason_to_fall_over(own: str) -> None:
    script = """
    journal log my-session >&-; echo $?
    journal show my-session -o json >&- 2>&-; echo $?
    journal sessions <&- >/dev/null; echo $?
    journal set my-session native t <&-; echo $?
    """
    result = shell(script, JOURNAL_DIR=own)
    assert result.stdout.split() == ["0", "0", "0", "2"]
    assert "Traceback" not in result.stderr
    assert "standard input is not JSON" in result.stderr


def test_a_stream_that_knows_only_ascii_gets_data_all_the_same(own: str) -> None:
    state = {"é": "日本 𝄞", "plain": "x"}
    with DefaultSessionStore(own) as store:
        store.set_runtime_state("größe", "läufer", "t", state)
    for args in (
        ["show", "größe", "läufer", "t"],
        ["show", "größe", "läufer", "t", "-o", "value"],
        ["show", "größe", "-o", "json"],
        ["log", "größe", "-o", "jsonl"],
    ):
        result = journal(*args, "--dir", own, PYTHONIOENCODING="ascii")
        assert result.returncode == 0, result.stderr
        assert result.stdout.isascii()
        document = json.loads(result.stdout)
        document = document.get("state", document)
        assert document.get("läufer", {}).get("t", document) == state
    for args in (["log", "größe"], ["sessions"], ["verify"], ["show", "nowhere"]):
        result = journal(*args, "--dir", own, PYTHONIOENCODING="ascii")
        assert result.returncode in (0, 3)
        assert (result.stdout + result.stderr).isascii()


# Colours


def colours_of(text: str, name: str) -> set[str]:
    return set(re.findall(rf"\x1b\[(38;5;\d+)m{name}\b", text))


def test_a_runtime_has_one_colour_everywhere(prepared: str) -> None:
    shown = [journal("log", "my-session", "--dir", prepared, FORCE_COLOR="1").stdout]
    shown.append(journal("show", "my-session", "--dir", prepared, FORCE_COLOR="1").stdout)
    with Terminal("tail", "-n", "100", "--dir", prepared, columns=120) as terminal:
        terminal.until(lambda lines: any("why not" in line for line in lines))
    shown.append(terminal.raw)
    for name in ("native", "harness"):
        (colour,) = colours_of(shown[0], name)
        assert [colours_of(text, name) for text in shown] == [{colour}] * 3
    assert colours_of(shown[0], "native") != colours_of(shown[0], "harness")


COLOURED = [
    ["log", "my-session"],
    ["show", "my-session"],
    ["sessions"],
    ["blame", "my-session", "native", "turn-3"],
    ["history", "my-session", "native", "turn-3"],
    ["verify"],
    ["diff", "my-session", "@3"],
]


@pytest.mark.parametrize("args", COLOURED, ids=" ".join)
def test_colours_are_for_terminals_and_change_nothing_else(args: list[str], prepared: str) -> None:
    shown = on_terminal(*args, "--dir", prepared, NO_COLOR="", FORCE_COLOR="")
    assert "\x1b[" in shown
    piped = journal(*args, "--dir", prepared, NO_COLOR="", FORCE_COLOR="").stdout
    assert "\x1b" not in piped
    forced = journal(*args, "--dir", prepared, NO_COLOR="", FORCE_COLOR="1").stdout
    assert re.sub(r"\x1b\[[0-9;]*m", "", forced) == piped


@pytest.mark.parametrize("args", [["log", "my-session"], ["sessions"]], ids=" ".join)
def test_who_wants_no_colours_gets_none(args: list[str], prepared: str) -> None:
    for env in (
        {"NO_COLOR": "1", "FORCE_COLOR": "1"},
        {"TERM": "dumb", "NO_COLOR": "", "FORCE_COLOR": ""},
    ):
        assert "\x1b" not in on_terminal(*args, "--dir", prepared, **env)


def on_terminal(*args: str, **env: str) -> str:
    with Terminal(*args, env=env) as terminal:
        terminal.end()
    is_copied = args[0] in ("verify", "diff")  # heads and values may be longer
    assert terminal.widest <= 80 or is_copied
    return terminal.raw
