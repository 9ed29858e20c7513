"""Tables and texts that fit a terminal, whatever is in them."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from projections.cli.terminal import tables
from projections.cli.terminal.tables import Table
from projections.cli.terminal.texts import middle_cut

HEADINGS = ("ID", "WHO", "STATE", "COUNT>", "SIZE>", "BEGINS")
SPARE = ("SIZE>", "COUNT>", "WHO")
TEXTS = st.text("abc 日本é", max_size=60).map(str.strip)
ROWS = st.lists(st.tuples(*[TEXTS] * len(HEADINGS)), max_size=4)


def printed(rows: list[tuple[str, ...]], columns: int | None) -> list[str]:
    """The lines of a table on a terminal of so many columns; None is a pipe."""
    table = Table(*HEADINGS, yields="BEGINS", ids="ID", spare=SPARE)
    for row in rows:
        table.row(*row)
    lines: list[str] = []

    class Writer:
        def line(self, pieces: list[tuple[str, object]]) -> None:
            lines.append("".join(text for text, _ in pieces))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "width", lambda: columns)
        patch.setattr(tables, "LineWriter", Writer)
        table.print()
    return lines


@given(ROWS, st.integers(20, 200))
def test_no_line_is_wider_than_the_terminal(rows: list[tuple[str, ...]], columns: int) -> None:
    assert max(map(cell_len, printed(rows, columns))) <= columns


@given(ROWS, st.integers(20, 200))
def test_columns_are_spared_in_their_order_and_the_others_stay(
    rows: list[tuple[str, ...]], columns: int
) -> None:
    wanted = {"ID", "STATE"}
    head = printed(rows, columns)[0].split()
    shown = [heading for heading in SPARE if heading.removesuffix(">") in head]
    assert shown == list(SPARE[len(SPARE) - len(shown) :])
    if columns >= 40:  # enough for an id, a beginning and gaps; the state may be cut
        assert wanted <= set(head)


@given(ROWS)
def test_in_a_pipe_nothing_is_cut_or_left_out(rows: list[tuple[str, ...]]) -> None:
    head, *lines = printed(rows, None)
    assert head.split() == [heading.removesuffix(">") for heading in HEADINGS]
    for line, row in zip(lines, rows, strict=True):
        assert all(text in line for text in row)


def test_what_is_left_goes_to_the_beginning_then_to_the_id() -> None:
    row = ("i" * 48, "w", "s", "1", "2", "b" * 70)
    narrow = printed([row], 60)[1]
    cells = re.split(r" {2,}", narrow)
    assert [len(cells[0]), len(cells[-1])] == [20, 26]
    wide = re.split(r" {2,}", printed([row], 140)[1])
    others = len("WHO") + len("STATE") + len("COUNT") + len("SIZE") + 5 * len("  ")
    assert [wide[0], len(wide[-1])] == [row[0], 140 - 48 - others]


@example("日本日本日本", 4)
@example("claude-code:0b1f4c2e-1f2e3d7514c9", 20)
@given(
    st.text(st.characters(exclude_characters="…", exclude_categories=["Cs", "Cc"]), max_size=60),
    st.integers(0, 70),
)
def test_a_text_cut_in_the_middle_keeps_both_ends(text: str, columns: int) -> None:
    found = middle_cut(text, columns)
    assert cell_len(found) <= columns
    if cell_len(text) <= columns:
        assert found == text
        return
    start, ellipsis, end = found.partition("…")
    assert ellipsis or columns == 0
    assert text.startswith(start)
    assert text.endswith(end)
    assert cell_len(found) >= columns - 2, "but for what a wide character leaves"
