"""Narrow terminals: what does not fit goes below, or is left out by name; it is never lost."""

import re

import pytest
from rich.cells import cell_len

from projections import DefaultSessionStore
from tests.cli.arguments import NAMES
from tests.cli.terminal import STYLE, journal, run_in_terminal, side_by_side

_WIDTHS = [40, 60, 80, 120]
_SESSION = "claude-code:8f2e-4a1b-1234-abcd"
_OTHER = "claude-code/explore-17"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("narrow")
    with DefaultSessionStore(path, durability="os", auto_compact=False) as store:
        for number in range(6):
            state = {"status": "completed", "tool_calls": [f"call-{number}"]}
            store.set_runtime_state(_SESSION, "native", f"turn-{number % 3}", state)
        store.hand_off(_SESSION, "native", _OTHER, reason="rate limited by the provider")
        store.take_over(_SESSION, _OTHER)
        store.set_runtime_state(_SESSION, _OTHER, "turn-9", {"status": "completed"})
        store.compact(_SESSION)
    return str(path)


def shown_in(columns: int, *args: str) -> list[str]:
    _, shown = run_in_terminal(*args, columns=columns)
    return STYLE.sub("", shown).splitlines()


@pytest.mark.parametrize("columns", _WIDTHS)
def test_a_drawing_and_its_table_fit_and_say_what_is_left_out(folder: str, columns: int) -> None:
    lines = shown_in(columns, "handoffs", _SESSION, "--dir", folder)
    assert max(map(cell_len, lines)) <= columns
    text = " ".join(" ".join(lines).split())
    for meaning in ("has the session", "wrote a turn", "takes over", "waits to be taken over"):
        assert meaning in text
    left_out = re.search(r"no room for ([A-Z, ]+); -o json has all", text)
    (heading,) = (line for line in lines if line.startswith("SEQ") and "CHANGE" in line)
    titles = {*heading.split(), *(left_out[1].split(", ") if left_out else [])}
    assert titles == {"SEQ", "WHEN", "CHANGE", "HOW", "TOOK", "TURNS", "CALLS", "REASON"}


@pytest.mark.parametrize("columns", _WIDTHS)
@pytest.mark.parametrize("command", [["verify"], ["compact", _SESSION]])
def test_what_goes_on_below_is_as_whole_as_in_a_pipe(
    folder: str, command: list[str], columns: int
) -> None:
    (piped,) = journal(*command, "--dir", folder).stdout.splitlines()
    lines = shown_in(columns, *command, "--dir", folder)
    parts = re.split(" {2,}", piped)
    assert [word for line in lines for word in re.split(" {2,}", line.strip())] == parts
    if len(piped) <= columns:
        assert lines == [piped]
    too_long = [line for line in lines if cell_len(line) > columns]
    assert all(line.startswith("    head ") for line in too_long), "which people copy"


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_help_keeps_to_the_terminal(columns: int) -> None:
    """But for examples, which people copy, and for long lists of what an option takes."""
    helps = side_by_side(lambda name: shown_in(columns, name, "--help"), NAMES)
    for name, lines in zip(NAMES, helps, strict=True):
        examples = next(n for n, line in enumerate(lines) if re.fullmatch(" +Examples?:", line))
        end = next((n for n, line in enumerate(lines) if line.startswith("Options:")), len(lines))
        rest = [*lines[:examples], *lines[end:]]
        assert max(cell_len(line) for line in rest if "[" not in line) <= columns, name
        assert any("-h, --help" in line for line in rest)
