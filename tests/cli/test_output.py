"""What all commands have in common: help, JSON, colours, streams, and what never gets out."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import click
import jsonschema
import msgspec
import pytest

from projections import DefaultSessionStore
from projections.cli.commands import COMMANDS, Commands
from projections.cli.documents.base import VERSION, Document
from projections.cli.documents.doctor import (
    DoctorDocument,
    FindingItem,
    RestoredItem,
    RestoreDocument,
    RestoreItem,
    SecretItem,
    SecretsDocument,
)
from projections.cli.documents.events import EventItem, LogDocument
from projections.cli.documents.handoffs import HandoffsDocument
from projections.cli.documents.sessions import (
    BackupDocument,
    CompactDocument,
    CompactItem,
    ProblemItem,
    SessionItem,
    SessionsDocument,
    VerifyDocument,
    VerifyItem,
)
from projections.cli.documents.states import (
    BlameDocument,
    BlameItem,
    DiffDocument,
    HistoryDocument,
    StateDocument,
    TakeoverDocument,
    VersionItem,
)
from projections.cli.schema import documents
from tests.cli.hostile_text import AS_ARGUMENT, NASTY
from tests.cli.terminal import (
    HARMFUL,
    Pipe,
    Terminal,
    journal,
    journal_into,
    shell,
    side_by_side,
)
from tests.support import needs

NAMES = [name for section in COMMANDS.values() for name in section]
ROOT_COMMAND = Commands()


def command_of(name: str) -> click.Command:
    found = ROOT_COMMAND.get_command(click.Context(ROOT_COMMAND), name)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a session that has all that the examples of the help speak of."""
    folder = tmp_path_factory.mktemp("prepared") / "sessions"
    clock = pytest.MonkeyPatch()
    now = iter(range(10**9))
    ten_minutes_ago = int((Path("/proc/self").stat().st_ctime - 600) * 1_000_000_000)
    clock.setattr(
        "journal.codec.time_ns", lambda: ten_minutes_ago + next(now) * 1_000_000, raising=True
    )
    with DefaultSessionStore(folder, durability="os", writer="test:1") as store:
        for n in range(10):
            state = {"status": "error" if n % 2 else "open", "n": n, "tool_calls": [f"c-{n}"]}
            store.set_runtime_state("my-session", "native", f"turn-{n % 4}", state)
        store.compact("my-session")
        store.set_runtime_state("my-session", "harness", "turn-3", {"status": "completed", "é": 1})
        store.hand_off("my-session", "native", "harness", "turn-3", "rate limited")
        store.take_over("my-session", "harness")
        store.take_over("my-session", "native")
        store.clear_runtime_state("my-session", "harness")
        for n in range(10):
            turn, state = f"turn-{n % 4}", {"status": "open", "n": n}
            store.set_runtime_state("my-session", "native" if n else "harness", turn, state)
        store.set_runtime_state("session-a", "native", "turn-1", {"n": 1})
        store.hand_off("session-b", "native", "harness", reason="why not")
        store.set_runtime_state("my-session", "harness", "turn-3", {"status": "open"})
    clock.undo()
    return str(folder)


@pytest.fixture
def own(prepared: str, tmp_path: Path) -> str:
    """The same folder, to change."""
    shutil.copytree(prepared, tmp_path / "own")
    return str(tmp_path / "own")


# Help


@pytest.fixture(scope="module")
def helps() -> dict[str, "subprocess.CompletedProcess[str]"]:
    def run(name: str) -> "subprocess.CompletedProcess[str]":
        return journal(name, "--help", COLUMNS="200")

    return dict(zip(NAMES, side_by_side(run, NAMES), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_a_help_with_an_example(
    name: str, helps: dict[str, "subprocess.CompletedProcess[str]"]
) -> None:
    (line,) = (section[name][1] for section in COMMANDS.values() if name in section)
    command = command_of(name)
    assert command.get_short_help_str(limit=200) == line, "the table of the first page is right"
    result = helps[name]
    assert (result.returncode, result.stderr) == (0, "")
    assert line in result.stdout
    assert examples_of(name)
    for example in examples_of(name):
        assert example in result.stdout, "not wrapped"
    assert all(len(text) <= 80 for text in result.stdout.splitlines())


def examples_of(name: str) -> list[str]:
    text = command_of(name).help or ""
    return [
        line.strip()
        for line in re.split(r"Examples?:\n", text)[1].splitlines()
        if line.strip() and line.strip() != "\b"
    ]


EXPECTED = {"diff": {0, 1}, "handoffs": {0, 1}, "doctor": {0, 1}, "delete": {0, 2}}
"""Exit codes of examples: there are differences, faults and findings; nobody can be asked."""

SILENT = re.compile(
    r"journal (set|clear|handoff|delete|doctor)\b|--to|5m|select|eval|completion fish"
)
"""Examples that may print nothing."""


_PREPARE = (
    "set -o pipefail; my-consumer() { cat; }\n"
    """echo '{"turn": {"n": 1}}' > dump.json; echo '{"n": 2}' > state.json\n"""
)


@pytest.fixture(scope="module")
def ran(
    prepared: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list["subprocess.CompletedProcess[str]"]]:
    """What became of the examples of each command, one after the other."""
    needs("jq")
    head = journal("verify", "my-session", "--dir", prepared).stdout.split()[-1]

    def run(name: str) -> list["subprocess.CompletedProcess[str]"]:
        home = tmp_path_factory.mktemp("home")
        shutil.copytree(prepared, home / "own")
        (home / "fish" / "completions").mkdir(parents=True)
        return [run_one(example, home) for example in examples_of(name)]

    def run_one(example: str, home: Path) -> "subprocess.CompletedProcess[str]":
        if example.startswith("journal tail") or " -f " in example:
            return follows(example, f"{home}/own")
        script = (
            example.replace("5e6f...:120:ab12...", head)
            .replace("/tmp/", f"{home}/")
            .replace("~/.config", str(home))
        )
        if "completion zsh" in script:
            script = "journal completion zsh | grep compdef"
        return shell(_PREPARE + script, JOURNAL_DIR=f"{home}/own")

    return dict(zip(NAMES, side_by_side(run, NAMES), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_the_help_run(
    name: str, ran: dict[str, list["subprocess.CompletedProcess[str]"]]
) -> None:
    for example, result in zip(examples_of(name), ran[name], strict=True):
        assert result.returncode in EXPECTED.get(name, {0}), (example, result)
        assert "Traceback" not in result.stderr
        if result.returncode == 2:
            assert "--yes" in result.stderr
        else:
            assert result.stdout or SILENT.search(example), example


def follows(example: str, folder: str) -> "subprocess.CompletedProcess[str]":
    """An example that ends when it is told to; what it is piped into has its own tests."""
    args = shlex.split(example.partition("|")[0])[1:]
    with Pipe(*args, env={"JOURNAL_DIR": folder}) as follower:
        follower.until(bool)
        follower.signal(signal.SIGINT)
        code = follower.end()
        assert code == 130, example
        return subprocess.CompletedProcess(args, 0, follower.raw, follower.errors)


# JSON

TO = "TO"
"""Stands for a folder that is made for the command."""


def with_folder(args: list[str], factory: pytest.TempPathFactory) -> list[str]:
    return [str(factory.mktemp("to")) if arg == TO else arg for arg in args]


JSON: list[tuple[list[str], type[Document]]] = [
    (["sessions", "-o", "json"], SessionsDocument),
    (["sessions", "-o", "jsonl"], SessionItem),
    (["show", "my-session", "-o", "json"], StateDocument),
    (["show", "my-session", "native", "turn-3", "--at", "7", "-o", "json"], StateDocument),
    (["log", "my-session", "-o", "json"], LogDocument),
    (["log", "my-session", "-o", "jsonl"], EventItem),
    (["replay", "my-session", "-o", "jsonl"], EventItem),
    (["history", "my-session", "harness", "turn-3", "-o", "json"], HistoryDocument),
    (["history", "my-session", "harness", "turn-3", "-o", "jsonl"], VersionItem),
    (["diff", "my-session", "@3", "-o", "json"], DiffDocument),
    (["blame", "my-session", "native", "turn-3", "-o", "json"], BlameDocument),
    (["blame", "my-session", "native", "turn-3", "-o", "jsonl"], BlameItem),
    (["handoffs", "my-session", "-o", "json"], HandoffsDocument),
    (["takeover", "my-session", "judge"], TakeoverDocument),
    (["verify", "-o", "json"], VerifyDocument),
    (["doctor", "-o", "json"], DoctorDocument),
    (["doctor", "-o", "jsonl"], FindingItem),
    (["doctor", "--restore", "my-session", "-o", "json"], RestoreDocument),
    (["doctor", "--restore", "my-session", "-o", "jsonl"], RestoreItem),
    (["doctor", "--secrets", "-o", "json"], SecretsDocument),
    (["compact", "--all", "-o", "json"], CompactDocument),
    (["backup", TO, "-o", "json"], BackupDocument),
]


@pytest.fixture(scope="module")
def schema() -> Any:
    return json.loads(journal("schema").stdout)


@pytest.fixture(scope="module")
def damaged(prepared: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same folder, two sessions of which are damaged in ways of their own."""
    folder = tmp_path_factory.mktemp("damaged") / "sessions"
    shutil.copytree(prepared, folder)
    log = folder / "session-a.jsonl"
    (folder / "stray.jsonl").write_bytes(log.read_bytes())
    log.write_bytes(log.read_bytes().replace(b'"n":1', b'"n":7'))
    log.chmod(0o644)
    return str(folder)


@pytest.fixture(scope="module")
def documents_given(
    damaged: str, tmp_path_factory: pytest.TempPathFactory
) -> list["subprocess.CompletedProcess[str]"]:
    def run(item: tuple[list[str], type[Document]]) -> "subprocess.CompletedProcess[str]":
        return journal(*with_folder(item[0], tmp_path_factory), "--dir", damaged)

    return side_by_side(run, JSON)


@pytest.mark.parametrize("number", range(len(JSON)), ids=[" ".join(args) for args, _ in JSON])
def test_json_is_what_the_schema_says_and_nothing_else(
    number: int, documents_given: list["subprocess.CompletedProcess[str]"], schema: Any
) -> None:
    args, kind = JSON[number]
    result = documents_given[number]
    texts = result.stdout.splitlines() if args[-1] == "jsonl" else [result.stdout]
    assert texts
    wanted = {"$ref": f"#/$defs/{kind.__name__}", "$defs": schema["$defs"]}
    validator = jsonschema.Draft202012Validator(wanted)
    for text in texts:
        found = msgspec.json.decode(text, type=kind, strict=True)
        assert json.loads(msgspec.json.encode(found)) == json.loads(text), "no other keys"
        assert found.version == VERSION
        validator.validate(json.loads(text))


def test_the_schema_has_every_kind_of_document(schema: Any) -> None:
    assert documents().keys() <= schema["$defs"].keys()
    assert {kind for _, kind in JSON} | {
        ProblemItem,
        SecretItem,
        CompactItem,
        RestoredItem,
        VerifyItem,
    } == set(documents().values())
    one = json.loads(journal("schema", "EventItem").stdout)
    jsonschema.Draft202012Validator.check_schema(one)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": 1}, one)
    result = journal("schema", "NoSuchItem")
    assert result.returncode == 2
    assert "EventItem" in result.stderr


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
    with Terminal("tail", "-n", "100", "--dir", prepared) as terminal:
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


# What could steer a terminal

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
    *(["history", N, N, N, "-o", output] for output in ("short", "json")),
    *(["blame", N, N, N, "-o", output] for output in ("table", "json")),
    *(["diff", N, "@1", "-o", output] for output in ("text", "json", "patch")),
    *(["handoffs", N, "-o", output] for output in ("all", "json")),
    *(["verify", "-o", output] for output in ("text", "json")),
    *(["doctor", "-o", output] for output in ("table", "json")),
    *(["compact", "--all", "-o", output] for output in ("text", "json")),
    *(["backup", TO, "-o", output] for output in ("text", "json")),
    ["backup", f"/nowhere/{N}"],
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


@pytest.fixture(scope="module")
def given(nasty: str, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Standard output and standard error of each."""

    def run(args: list[str]) -> tuple[str, str]:
        folder = nasty
        if args[0] in ("set", "clear", "handoff", "takeover", "compact", "delete"):
            folder = str(tmp_path_factory.mktemp("own") / os.path.basename(nasty))
            shutil.copytree(nasty, folder)
        env = {"JOURNAL_DIR": folder, "COLUMNS": "80"}
        if args[0] == "tail":
            return followed(args, env)
        result = journal(*with_folder(args, tmp_path_factory), **env)
        return result.stdout, result.stderr

    def followed(args: list[str], env: dict[str, str]) -> tuple[str, str]:
        with Pipe(*args, env=env) as follower:
            follower.until(bool)
            follower.signal(signal.SIGINT)
            follower.end()
            return follower.raw, follower.errors

    return side_by_side(run, OUTPUTS)


@pytest.mark.parametrize(
    "number",
    range(len(OUTPUTS)),
    ids=[" ".join(args).replace(N, "N")[:60] for args in OUTPUTS],
)
def test_nothing_that_steers_a_terminal_gets_there(
    number: int, given: list[tuple[str, str]]
) -> None:
    for text in given[number]:
        assert HARMFUL.search(text) is None, repr(text)
        assert "\nINJECTED" not in text
        assert "Traceback" not in text
    assert any(given[number]) or OUTPUTS[number][0] in ("set", "clear", "handoff", "diff")


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

    def run(args: list[str]) -> "subprocess.CompletedProcess[str]":
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


# Folders


def test_which_folder(prepared: str, tmp_path: Path) -> None:
    def names(*args: str, **env: str) -> tuple[int, str]:
        result = journal("sessions", "-o", "name", *args, **env)
        return result.returncode, result.stdout

    there = (0, "my-session\nsession-b\nsession-a\n")
    assert sorted(names(JOURNAL_DIR=prepared)[1].split()) == sorted(there[1].split())
    assert names("--dir", prepared, JOURNAL_DIR="/nowhere")[0] == 0
    home = {"JOURNAL_DIR": "", "PRAISONAI_HOME": str(tmp_path)}
    assert names(**home)[0] == 3
    shutil.copytree(prepared, tmp_path / "sessions")
    assert sorted(names(**home)[1].split()) == sorted(there[1].split())
    code, out = names("--dir", "", **home)
    assert (code, out) == (2, ""), "an unset variable must not lead to another folder"


ARGUMENTS = {
    "sessions": "",
    "tail": "",
    "verify": "",
    "doctor": "",
    "compact": "--all",
    "diff": "s a",
    "blame": "s a b",
    "history": "s a b",
    "handoff": "s a b",
    "takeover": "s a",
}
"""What commands cannot do without; others need a session."""

NOT_MAKING = [name for name in NAMES if name not in (*COMMANDS["Learn"], "set")]


def test_a_folder_that_is_not_there_is_3(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")

    def run(name: str) -> "subprocess.CompletedProcess[str]":
        return journal(name, *ARGUMENTS.get(name, "s").split(), "--dir", missing)

    for result in side_by_side(run, NOT_MAKING):
        assert (result.returncode, result.stdout) == (3, ""), result
        assert missing in result.stderr
        assert "--dir" in result.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", ["sessions", "tail", "set s a b {}"])
def test_a_file_in_place_of_the_folder_is_a_usage_error(command: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for args, folder in ((["--dir", str(file)], ""), ([], str(file))):
        result = journal(*command.split(), *args, JOURNAL_DIR=folder)
        assert (result.returncode, result.stdout) == (2, "")
        assert "is a file" in result.stderr
        assert file.read_text() == ""


def test_what_cannot_be_read_is_named(own: str) -> None:
    log = Path(own, "session-a.jsonl")
    log.unlink()
    log.symlink_to(log)
    for args in (["log", "session-a"], ["show", "session-a"], ["tail", "session-a"]):
        result = journal(*args, "--dir", own)
        assert result.returncode == 1
        assert str(log) in result.stderr
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""


# Completion

COMPLETE = """
eval "$(journal completion bash)"
completed() {  # the words of a command line of which the last is being typed
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _journal_completion journal 2>&1
    echo "${COMPREPLY[*]}"
}
compopt() { :; }
"""


def test_bash_completes_commands_options_and_ids(prepared: str) -> None:
    lines = [
        "journal ver",
        "journal log --show",
        "journal log my-",
        "journal verify session-a session-",
        "journal backup somewhere session-a session-",
        "journal show my-session ''",
        "journal show my-session native ''",
        "journal history my-session native turn-2",
        "journal log -o js",
        "journal blame --at 3 my-session har",
    ]
    script = COMPLETE + "".join(f"completed {line}\n" for line in lines)
    result = shell(script, JOURNAL_DIR=prepared)
    assert result.stderr == ""
    assert [sorted(line.split()) for line in result.stdout.splitlines()] == [
        ["verify"],
        ["--show-cursor"],
        ["my-session"],
        ["session-a", "session-b"],
        ["session-a", "session-b"],
        ["harness", "native"],
        ["turn-0", "turn-1", "turn-2", "turn-3"],
        ["turn-2"],
        ["json", "jsonl"],
        ["harness"],
    ]


def test_completion_honours_the_folder_and_never_complains(
    prepared: str, nasty: str, tmp_path: Path
) -> None:
    lines = [
        f"journal log --dir '{prepared}' my-",
        f"journal show --dir '{prepared}' my-session nat",
        "journal log my-",
        "journal show nothing ''",
        "journal show nothing native ''",
        "journal log --dir /nowhere ''",
        f"journal log --dir '{tmp_path}/file' ''",
        f"journal show --dir '{tmp_path}' damaged ''",
    ]
    with DefaultSessionStore(tmp_path) as store:
        for n in range(3):
            store.set_runtime_state("damaged", "native", "t", {"n": n})
        store.set_runtime_state("with\nline", "native", "t", {})
    log = tmp_path / "damaged.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"n":1', b'"n":7'))
    (tmp_path / "file").write_text("")
    script = COMPLETE + "".join(f"completed {line}\n" for line in lines)
    script += f"completed journal log --dir '{tmp_path}' ''"
    result = shell(script, JOURNAL_DIR=str(tmp_path))
    assert result.stderr == ""
    found = result.stdout.splitlines()
    assert found == ["my-session", "native", "", "", "", "", "", "native", "damaged"]
