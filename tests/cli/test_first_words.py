"""What stands between `journal` and what a command does: global options, help, wrong commands."""

from pathlib import Path

import click
import pytest

from projections import DefaultSessionStore
from projections.cli import global_options
from projections.cli.names.suggestions import _MEANT, suggestions
from tests.cli.arguments import NAMES
from tests.cli.terminal import STYLE, after, journal, run_in_terminal


@pytest.fixture
def two(tmp_path: Path) -> tuple[str, str]:
    """Two folders, each with a session that is named after it."""
    for name in ("a", "b"):
        with DefaultSessionStore(tmp_path / name, durability="os") as store:
            store.set_runtime_state(f"in-{name}", "native", "turn-1", {})
    return str(tmp_path / "a"), str(tmp_path / "b")


# Options before the command


@pytest.mark.parametrize("given", [["--dir", "{}"], ["--dir={}"]])
def test_the_folder_may_stand_before_the_command(two: tuple[str, str], given: list[str]) -> None:
    options = [part.format(two[0]) for part in given]
    before = journal(*options, "sessions", "-o", "name", JOURNAL_DIR=two[1])
    behind = journal("sessions", *options, "-o", "name", JOURNAL_DIR=two[1])
    assert before.stdout == behind.stdout == "in-a\n"
    assert before.stderr == behind.stderr == ""


def test_of_two_folders_the_one_after_the_command_counts(two: tuple[str, str]) -> None:
    found = journal("--dir", two[0], "sessions", "--dir", two[1], "-o", "name")
    assert found.stdout == "in-b\n"
    last = journal("--dir", two[1], "--dir", two[0], "sessions", "-o", "name")
    assert last.stdout == "in-a\n"


def test_an_empty_folder_before_the_command_is_refused_as_after_it(two: tuple[str, str]) -> None:
    for args in (["--dir", "", "sessions"], ["sessions", "--dir", ""]):
        result = journal(*args, JOURNAL_DIR=two[0])
        assert (result.returncode, result.stdout) == (2, "")
        assert "'--dir': it is empty" in result.stderr


def test_a_command_that_needs_no_folder_is_not_disturbed_by_one(two: tuple[str, str]) -> None:
    assert journal("--dir", two[0], "version").stdout == journal("version").stdout
    assert journal("--dir", two[0], "schema", "EventItem").returncode == 0


def test_damage_counts_wherever_the_folder_is_named(two: tuple[str, str]) -> None:
    log = Path(two[0], "in-a.jsonl")
    with DefaultSessionStore(two[0], durability="os") as store:
        store.set_runtime_state("in-a", "native", "turn-2", {})
    log.write_bytes(log.read_bytes().replace(b"turn-1", b"turn-9"))
    for args in (["--dir", two[0], "show", "in-a"], ["show", "in-a", "--dir", two[0]]):
        assert journal(*args).returncode == 4


def test_an_option_of_a_command_before_it_is_led_there() -> None:
    result = journal("-n", "5", "log")
    assert result.returncode == 2
    assert "no option -n before the command; the options of a command stand after" in result.stderr


def test_a_switch_is_taken_at_either_place_by_every_command() -> None:
    """What a switch of the future may rely on, as its description says."""
    code = """
import click
from projections.cli import global_options, group
def heard(ctx, param, value):
    if value:
        print("heard")
def loud():
    return click.Option(["--loud"], is_flag=True, expose_value=False, callback=heard)
global_options.SWITCHES = (loud,)
group.cli.params.append(loud())  # which it has from the table when it is first imported
"""
    for args in (["--loud", "version"], ["version", "--loud"]):
        assert journal(*args, code=after(code)).stdout.startswith("heard\njournal ")
    assert journal("--loud", "help", "version", code=after(code)).stdout.count("--loud") == 1
    assert "heard" not in journal("version", code=after(code)).stdout


def test_options_that_are_passed_on_are_those_of_commands() -> None:
    """So that the description of `PASSED_ON` keeps to be true when one is added."""
    context = click.Context(command := click.Command("c", params=global_options.root_options()))
    for option in command.params:
        assert isinstance(option, click.Option)
        assert option.opts[0].startswith("--")
        assert option.get_help_record(context) is not None


# Help and version as words


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_command_alone_shows_what_there_is_and_nothing_failed(columns: int) -> None:
    code, shown = run_in_terminal(columns=columns)
    assert code == 0
    lines = STYLE.sub("", shown).splitlines()
    assert lines[0].startswith("Usage: journal ")
    assert max(map(len, lines)) <= columns
    first_words = {line.split()[0] for line in lines if line.strip()}
    assert first_words.issuperset(NAMES)
    result = journal()
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == journal("--help").stdout == journal("help").stdout


def test_help_and_version_are_commands_too() -> None:
    assert journal("version").stdout == journal("--version").stdout
    for name in ("log", "handoffs"):
        assert journal("help", name).stdout == journal(name, "--help").stdout
    unknown = journal("help", "lgo")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "there is no command 'lgo'; did you mean `journal log`?" in unknown.stderr


# Commands that do not exist


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ls", "sessions"),
        ("list", "sessions"),
        ("cat", "show"),
        ("get", "show"),
        ("follow", "tail"),
        ("rm", "delete"),
        ("LS", "sessions"),
        ("handoff-", "handoff"),
        ("tial", "tail"),
        ("hist", "history"),
        ("verfiy", "verify"),
        ("serach", "log"),  # like `search`, which is like a command of ours
    ],
)
def test_a_command_that_does_not_exist_leads_to_one_that_does(typed: str, meant: str) -> None:
    assert meant in suggestions(typed, NAMES)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_wrong_command_is_said_with_what_was_meant(columns: int) -> None:
    code, shown = run_in_terminal("ls", columns=columns)
    assert code == 2
    assert "there is no command 'ls'; did you mean `journal sessions`?" in shown
    nonsense = journal("xyzzy")
    assert nonsense.returncode == 2
    assert "there is no command 'xyzzy'; `journal help` lists all" in nonsense.stderr
    evil = journal("\x1b[2J")
    assert "\x1b" not in evil.stderr


def test_every_synonym_leads_somewhere_and_hides_no_command() -> None:
    for name, meant in _MEANT.items():
        assert not {*NAMES}.isdisjoint(meant), name
        assert name not in NAMES, "a command that exists needs no suggestion"
    assert "find" not in suggestions("find", ["grep"])
    assert suggestions("search", ["log"]) == ["log"], "what does not exist is left out"
