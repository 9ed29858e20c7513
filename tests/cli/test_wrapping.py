"""Long texts on a terminal lose nothing but the blanks at which they are broken."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from projections.cli.terminal.output import plain
from projections.cli.terminal.wrapping import flowed, wrapped

TEXTS = st.text("ab 日é\n\t\x1b", max_size=200) | st.text(max_size=80)


@given(TEXTS, st.integers(20, 100))
def test_a_text_is_wrapped_whole(text: str, columns: int) -> None:
    lines = list(wrapped(text, "  ", columns))
    for line in lines:
        assert line.startswith("  ")
        assert cell_len(line) <= columns
    wanted = "".join("".join(map(plain, text.splitlines())).split(" "))
    assert "".join("".join(lines).split(" ")) == wanted


@given(TEXTS)
def test_elsewhere_its_lines_stay_as_they_are(text: str) -> None:
    lines = text.splitlines() or [""]
    assert list(wrapped(text, "  ", None)) == [f"  {plain(line)}" for line in lines]


@given(st.lists(st.text("ab 日", min_size=1, max_size=60), min_size=1), st.integers(40, 100))
def test_segments_flow_on_in_further_lines(texts: list[str], columns: int) -> None:
    lines = list(flowed([(text, "bold") for text in texts], "  ", columns))
    shown = ["".join(text for text, _ in line) for line in lines]
    assert max(map(cell_len, shown)) <= columns
    assert "".join("".join(shown).split()) == "".join("".join(texts).split())
