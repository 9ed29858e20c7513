"""`clear` and `delete` ask whoever sits at a terminal, and say what they did."""

from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.cli.terminal import STYLE, Terminal, journal, shell

_WIDTHS = [60, 80, 120]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for number in range(3):
            store.set_runtime_state("s", "native", f"turn-{number}", {"n": number})
        store.set_runtime_state("s", "harness", "turn-0", {})
    return str(tmp_path)


def runtimes_in(folder: str) -> set[str]:
    with DefaultSessionStore(folder) as store:
        return set(store.state_at("s"))


def answered(folder: str, answer: str, *args: str, columns: int = 80) -> tuple[int, str]:
    """The exit code of a command at a terminal, and all that is shown, on one line."""
    with Terminal(*args, "--dir", folder, columns=columns) as terminal:
        terminal.until(lambda _: "[y/N]" in terminal.raw)
        terminal.until_it_waits()
        terminal.type(f"{answer}\n")
        code = terminal.end()
        return code, " ".join(STYLE.sub("", terminal.raw).split())


@pytest.mark.parametrize("columns", _WIDTHS)
def test_clear_asks_at_a_terminal_and_says_what_it_would_drop(folder: str, columns: int) -> None:
    code, shown = answered(folder, "n", "clear", "s", "native", columns=columns)
    assert code == 1
    assert "Drop 3 turns of 'native' of session 's'? The history keeps what was there." in shown
    assert shown.endswith("journal: nothing is dropped")
    assert runtimes_in(folder) == {"native", "harness"}


@pytest.mark.parametrize("columns", _WIDTHS)
def test_after_a_yes_clear_says_what_it_dropped(folder: str, columns: int) -> None:
    code, shown = answered(folder, "y", "clear", "s", columns=columns)
    assert code == 0
    assert "dropped 3 turns of 'native' and 1 turn of 'harness'" in shown
    assert runtimes_in(folder) == set()


def test_clear_with_yes_asks_nobody(folder: str) -> None:
    with Terminal("clear", "s", "harness", "--yes", "--dir", folder) as terminal:
        assert terminal.end() == 0
        assert "[y/N]" not in terminal.raw
        assert "dropped 1 turn of 'harness'" in terminal.raw
    assert runtimes_in(folder) == {"native"}


def test_in_a_pipe_clear_does_as_it_is_told(folder: str) -> None:
    """Scripts of always go on."""
    result = shell("echo n | journal clear s native", JOURNAL_DIR=folder)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.startswith("journal: dropped 3 turns of 'native'; ")
    assert runtimes_in(folder) == {"harness"}


def test_what_is_not_there_is_said_with_what_is(folder: str) -> None:
    result = journal("clear", "s", "nativ", "--dir", folder)
    assert result.returncode == 0, "to clear twice is no failure"
    assert "nothing to drop of runtime 'nativ'; did you mean 'native'?" in result.stderr
    assert runtimes_in(folder) == {"native", "harness"}
    journal("clear", "s", "--dir", folder)
    assert "there was nothing to drop\n" in journal("clear", "s", "--dir", folder).stderr


def test_a_question_cannot_steer_the_terminal(tmp_path: Path) -> None:
    evil = "a\x1b[2J\u202e"
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state(evil, evil, "t", {})
    for args in (["clear", evil], ["delete", evil]):
        code, shown = answered(str(tmp_path), "n", *args)
        assert code == 1
        assert "\x1b" not in shown
        assert "\u202e" not in shown


@pytest.mark.parametrize("columns", _WIDTHS)
def test_delete_asks_in_the_same_way(folder: str, columns: int) -> None:
    code, shown = answered(folder, "n", "delete", "s", columns=columns)
    assert code == 1
    assert shown.startswith(f"Delete session 's' of {folder} with its whole history? [y/N]: n")
    assert shown.endswith("journal: nothing is deleted")
    assert answered(folder, "y", "delete", "s", columns=columns)[0] == 0
    assert not Path(folder, "s.jsonl").exists()


def test_many_runtimes_are_counted_not_listed(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for number in range(30):
            store.set_runtime_state("s", f"agent-{number}", "t", {})
    result = journal("clear", "s", "--dir", str(tmp_path))
    assert "dropped 30 turns of 30 runtimes" in result.stderr
