"""What `-g` has found is highlighted on a terminal, and the text stays what it was."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import DefaultSessionStore
from projections.cli.terminal.highlight import MATCH, highlighted
from projections.cli.terminal.output import Piece
from tests.cli.appending import SEQ
from tests.cli.terminal import STYLE, Terminal, journal

styles = st.sampled_from([None, "dim", "bold", 39])
pieces = st.lists(st.tuples(st.text("ab1 ", max_size=5), styles), max_size=6)
patterns = st.sampled_from(["a", "ab+", "b a", "1", "x?", "^b", "a$", " "])


@given(pieces, patterns)
def test_every_character_stays_and_has_the_style_of_a_match_or_its_own(
    line: list[Piece], pattern: str
) -> None:
    def characters(some: list[Piece]) -> list[tuple[str, object]]:
        return [(character, style) for text, style in some for character in text]

    before, after = characters(line), characters(highlighted(line, re.compile(pattern)))
    head = 0
    while head < len(line) and (line[head][1] == "dim" or not line[head][0].strip()):
        head += 1
    start = sum(len(text) for text, _ in line[:head])
    text = "".join(character for character, _ in before[start:])
    inside = {n for found in re.finditer(pattern, text) for n in range(*found.span())}
    assert after == [
        (character, MATCH if number - start in inside else style)
        for number, (character, style) in enumerate(before)
    ]


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize(
    "command", [["log", "s"], ["tail", "s"], ["log", "s", "-o", "pretty"]], ids=" ".join
)
def test_on_a_terminal_matches_are_highlighted(
    folder: str, store: DefaultSessionStore, command: list[str], columns: int
) -> None:
    store.set_runtime_state("s", "native", "turn-1", {"why": "rate limit"})
    args = [*command, "-g", "rate|native", "--dir", folder]
    with Terminal(*args, columns=columns) as terminal:
        terminal.until_shown("rate")
        assert {"\x1b[7mrate\x1b[0m", "\x1b[7mnative\x1b[0m"} <= set(
            re.findall(r"\x1b\[7m\w+\x1b\[0m", terminal.raw)
        )
        assert terminal.widest <= columns
        terminal.interrupt()
        terminal.end()


@pytest.mark.parametrize("option", [["-g", "nothing", "-v"], ["-e", "set"]], ids=" ".join)
def test_nothing_is_highlighted_that_was_not_searched(
    folder: str, store: DefaultSessionStore, option: list[str]
) -> None:
    store.set_runtime_state("s", "native", "turn-1", {"why": "set"})
    with Terminal("log", "s", *option, "--dir", folder) as terminal:
        assert terminal.end() == 0
    assert any(map(SEQ.match, terminal.lines))
    assert "\x1b[7m" not in terminal.raw


def test_a_pipe_gets_the_text_alone_unless_it_asks_for_colours(
    folder: str, store: DefaultSessionStore
) -> None:
    store.set_runtime_state("s", "native", "turn-1", {"why": "rate limit"})
    args = ("log", "s", "-g", "rate", "--dir", folder)
    plain, coloured = journal(*args).stdout, journal(*args, FORCE_COLOR="1").stdout
    assert "\x1b" not in plain
    assert "\x1b[7mrate\x1b[0m" in coloured
    assert STYLE.sub("", coloured) == plain
