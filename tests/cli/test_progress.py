"""How far long work is."""

import re

import pytest

from projections import DefaultSessionStore
from tests.cli.appending import put
from tests.cli.terminal import Pipe, Terminal, after, run_in_terminal

IMPATIENT = after("import projections.cli.terminal.progress as p; p._PATIENCE = p._EVERY = -1")
LONG = {
    "verify s": "verifying s",
    "compact s": "compacting s",
    "export s --force --to {}": "exporting s",
    "backup {}": "backing up",
    "doctor": "examining s, 1 of 1",
}
"""Commands, and what they show that they do."""


@pytest.mark.parametrize("command", LONG)
def test_long_work_shows_how_far_it_is_on_a_terminal_only(
    folder: str, store: DefaultSessionStore, tmp_path_factory: pytest.TempPathFactory, command: str
) -> None:
    put(store, 100)
    to = tmp_path_factory.mktemp("to")

    def args(name: str) -> list[str]:
        return [*command.format(to / name).split(), "--dir", folder]

    with Terminal(*args("one"), code=IMPATIENT) as terminal:
        assert terminal.end() == 0
    assert re.search(rf"\r\x1b\[K{LONG[command]} \d+ %", terminal.raw)
    assert terminal.raw.rindex("\r\x1b[K") > terminal.raw.rindex(" %"), "erased at the end"
    with Pipe(*args("another"), code=IMPATIENT) as pipe:
        assert pipe.end() == 0
        assert "%" not in pipe.raw + pipe.errors


def test_short_work_shows_nothing(folder: str, store: DefaultSessionStore) -> None:
    put(store, 40)
    code, shown = run_in_terminal("doctor", "--dir", folder)
    assert code == 0
    assert "%" not in shown
