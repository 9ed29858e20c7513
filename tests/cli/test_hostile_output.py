"""What could steer a terminal, or is no text, never gets out."""

import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from projections.cli.terminal.output import plain
from tests.cli.arguments import TO, with_folder
from tests.cli.hostile_text import AS_ARGUMENT, NASTY
from tests.cli.terminal import (
    HARMFUL,
    Completed,
    Pipe,
    Terminal,
    journal,
    side_by_side,
)

N = AS_ARGUMENT


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of which the name, all ids, keys, values and reasons hold such characters."""
    folder = str(tmp_path_factory.mktemp("nasty") / AS_ARGUMENT.replace("\n", ""))
    with DefaultSessionStore(folder, durability="os", writer=N) as store:
        store.set_runtime_state(N, N, N, {N: N, "status": N, "tool_calls": [N]})
        store.hand_off(N, N, f"{N}2", N, N)
        store.take_over(N, f"{N}2")
        store.take_over(N, f"{N}3")
        store.set_runtime_state(N, f"{N}2", N, {N: [N], "status": "open"})
        store.compact(N)
        store.set_runtime_state(N, N, N, {N: {N: NASTY}})
        for n in range(3):
            store.set_runtime_state(f"{N}damaged", N, N, {N: n})
    (log,) = Path(folder).glob("*damaged.jsonl")
    log.write_bytes(re.sub(rb":1\},\"prev", b':7},"prev', log.read_bytes()))
    Path(folder, f"stray {AS_ARGUMENT.replace('/', '')}.jsonl").write_bytes(b"x\ny\n")
    return folder


OUTPUTS = [
    *(["sessions", "-o", output] for output in ("table", "json", "name")),
    *(["log", N, "-o", output] for output in ("short", "json", "jsonl", "pretty")),
    *(["tail", N, "-o", output] for output in ("short", "jsonl", "pretty")),
    *(["show", N, "-o", output] for output in ("tree", "json", "value")),
    *(["show", N, N, N, "-o", output] for output in ("tree", "value")),
    *(["turn", N, f"{N}2/{N}", "-o", output] for output in ("text", "json")),
    ["turn", N, f"{N}2/{N}", "--raw"],
    ["turn", N, N],
    ["turn", N, f"{N}?"],
    ["log", N, "-o", "diff"],
    *(["history", N, N, N, "-o", output] for output in ("short", "json")),
    *(["blame", N, N, N, "-o", output] for output in ("table", "json")),
    *(["diff", N, "@1", "-o", output] for output in ("text", "json", "patch")),
    *(["handoffs", N, "-o", output] for output in ("all", "json")),
    *(["stat", N, "-o", output] for output in ("table", "json")),
    *(["verify", "-o", output] for output in ("text", "json")),
    *(["doctor", "-o", output] for output in ("table", "json")),
    *(["compact", "--all", "-o", output] for output in ("text", "json")),
    *(["backup", TO, "-o", output] for output in ("text", "json")),
    ["backup", f"/nowhere/{N}"],
    *(["fork", f"{N}@3", f"{N}fork", "-o", output] for output in ("text", "json")),
    ["fork", N, N],
    ["fork", f"{N}@{N}", f"{N}fork"],
    ["replay", N],
    ["log", f"{N}damaged"],
    ["show", f"{N}damaged"],
    ["set", N, N, N, f'{{"{"x" * 2000}": 1}}'],
    ["clear", N, N],
    ["handoff", N, N, N],
    ["takeover", N, N],
    ["delete", N],
    ["delete", N, "--yes"],
    ["export", N, "--to", f"/nowhere/{N}"],
    ["show", f"{N}?"],
    ["show", N, f"{N}?"],
    ["show", N, N, f"{N}?"],
    ["log", N, f"{N}=1"],
    ["log", N, "-g", f"({N}"],
    ["log", N, "-S", N],
    ["log", N, "--after-cursor", N],
    ["log", N, "--cursor-file", f"/nowhere/{N}"],
    ["diff", N, N],
    ["set", N, N, N, N],
    ["set", N, N, N, f"@{N}"],
    ["verify", N, "--head", N],
    ["schema", N],
    ["completion", N],
    ["sessions", N],
    ["sessions", f"--{N}"],
    ["sessions", "-o", N],
    [N],
]


@pytest.mark.parametrize("args", OUTPUTS, ids=lambda args: " ".join(args).replace(N, "N")[:60])
def test_nothing_that_steers_a_terminal_gets_there(
    args: list[str], nasty: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    given = output_of(args, nasty, tmp_path_factory)
    for text in given:
        assert HARMFUL.search(text) is None, repr(text)
        assert "\nINJECTED" not in text
        assert "Traceback" not in text
    assert any(given) or args[0] in ("set", "clear", "handoff", "diff")


def output_of(args: list[str], folder: str, factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Standard output and standard error of a command; one that writes has its own folder."""
    if args[0] in ("set", "clear", "handoff", "takeover", "compact", "delete", "fork"):
        own = str(factory.mktemp("own") / os.path.basename(folder))
        folder = shutil.copytree(folder, own)
    env = {"JOURNAL_DIR": folder, "COLUMNS": "80"}
    if args[0] != "tail":
        result = journal(*with_folder(args, factory), **env)
        return result.stdout, result.stderr
    with Pipe(*args, env=env) as follower:
        follower.until(bool)
        follower.signal(signal.SIGINT)
        follower.end()
        return follower.raw, follower.errors


def test_nor_from_an_export_to_a_terminal(nasty: str) -> None:
    for output in ("jsonl", "session"):
        with Terminal("export", N, "-o", output, env={"JOURNAL_DIR": nasty}) as terminal:
            assert terminal.end() == 0
        assert HARMFUL.search(terminal.raw) is None
        lines = terminal.raw.splitlines() if output == "jsonl" else [terminal.raw]
        assert all(json.loads(line) for line in lines), "and it is JSON still"


NO_TEXT = [
    ["show", "\udcff"],
    ["show", "my-session", "\udcff"],
    ["log", "my-session", "turn_id=\udcff"],
    ["log", "my-session", "-g", "\udcff"],
    ["log", "my-session", "-u", "\udcff"],
    ["diff", "my-session", "\udcff/x"],
    ["history", "my-session", "native", "\udcff"],
    ["set", "\udcff", "native", "t", "{}"],
    ["set", "s", "\udcff", "t", "{}"],
    ["set", "s", "native", "\udcff", "{}"],
    ["handoff", "my-session", "native", "harness", "--reason", "\udcff"],
    ["takeover", "my-session", "\udcff"],
    ["clear", "my-session", "\udcff"],
    ["delete", "\udcff", "--yes"],
    ["sessions", "--\udcff"],
    ["\udcff"],
]


def test_arguments_that_are_no_text_are_refused(own: str) -> None:
    before = sorted(os.listdir(own))

    def run(args: list[str]) -> Completed:
        return journal(*args, JOURNAL_DIR=own)

    for result in side_by_side(run, NO_TEXT):
        assert (result.returncode, result.stdout) == (2, ""), result
        assert "Traceback" not in result.stderr
    assert sorted(os.listdir(own)) == before


def test_a_folder_of_which_the_name_is_no_text_works(own: str) -> None:
    folder = f"{own}\udcff"
    os.rename(own, folder)
    for args in (["compact", "my-session"], ["verify"], ["sessions"], ["doctor"]):
        result = journal(*args, "-o", "json", "--dir", folder)
        assert result.returncode in (0, 1), result.stderr
        assert json.loads(result.stdout)["version"] == 1
    result = journal("log", "x", "--dir", folder)
    assert result.returncode == 3
    assert "Traceback" not in result.stderr


def test_every_harmful_character_is_escaped_and_no_other() -> None:
    """By itself and beside others: what is printable is looked at as a whole."""
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        found = plain(f"a{char}b")
        assert HARMFUL.search(found) is None, hex(code)
        assert found == f"a{char}b" or HARMFUL.match(char) or char in "\t\n", hex(code)
