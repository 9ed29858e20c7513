"""The pictures are those of the demo as it is, and show what it says wherever they are shown."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.terminal import STYLE
from tests.pictures.files import PICTURES, made
from tests.pictures.recording import COLUMNS, parts
from tests.pictures.svg import svg

_NAMES = sorted(PICTURES)
_CELL = 8.4


def texts(picture: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text"))


def lines_of(picture: str) -> list[str]:
    """The lines that it shows, from the places of its texts."""
    rows: dict[str, str] = {}
    margin = 18
    for text in texts(picture):
        column = round((float(text.attrib["x"]) - margin) / _CELL)
        rows[text.attrib["y"]] = rows.get(text.attrib["y"], "").ljust(column) + (text.text or "")
    return list(rows.values())


def test_the_pictures_are_what_the_demo_shows_now() -> None:
    for name, text in made().items():
        assert PICTURES[name].read_text() == text, "run `python -m tests.pictures`"


@pytest.mark.parametrize("name", _NAMES)
def test_the_text_of_a_picture_is_that_of_the_demo(name: str) -> None:
    shown = STYLE.sub("", parts()[name]).split("\n")
    assert lines_of(PICTURES[name].read_text()) == [line.rstrip() for line in shown if line]


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("tail", ["✗ error RateLimitError", "⇢ hands over to codex", "kill -9", "takes over"]),
        ("handoffs", ["unannounced", "never finished", "run twice", "no handoff between"]),
    ],
)
def test_the_pictures_tell_the_story(name: str, needed: list[str]) -> None:
    shown = " ".join(lines_of(PICTURES[name].read_text()))
    assert [part for part in needed if part not in shown] == []


@pytest.mark.parametrize("name", _NAMES)
def test_a_picture_loads_nothing_and_names_nothing_of_this_machine(name: str) -> None:
    picture = PICTURES[name].read_text()
    assert re.findall(r"https?://[^\"]*", picture) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"href|url\(|@import|<script|<image|/tmp", picture)
    assert len(picture) < 16_384


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(["", "1", "2", "1;31", "32", "33", "38;5;39", "38;5;231"]),
                st.text("ab<&>\"' ┃→", max_size=6),
            ),
            max_size=5,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_text_of_a_terminal_stands_at_its_columns(lines: list[list[tuple[str, str]]]) -> None:
    shown = "\n".join(
        "".join(f"\x1b[{style}m{text}\x1b[0m" if style else text for style, text in line)
        for line in lines
    )
    plain = ["".join(text for _, text in line).rstrip() for line in lines]
    picture = svg(shown, COLUMNS, "<any>")
    assert lines_of(picture) == [line for line in plain if line.strip()]
    for text in texts(picture):
        right = float(text.attrib["x"]) + float(text.attrib["textLength"])
        assert right <= 18 + COLUMNS * _CELL + 0.01


def test_a_style_that_is_not_known_is_an_error_and_not_lost() -> None:
    with pytest.raises(KeyError):
        svg("\x1b[4munderlined\x1b[0m", COLUMNS, "")
