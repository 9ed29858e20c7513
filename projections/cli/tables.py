"""Tables: as wide as the terminal, and elsewhere as wide as their content."""

from collections.abc import Sequence
from typing import TypeAlias

from projections.cli.fitting import fitted
from projections.cli.terminal import LineWriter, Piece, Segment, cut, plain, width

_LEAST_LEFT = 8  # columns of the one that yields

GAP = 2
"""Columns between two columns of a table."""

_Cell: TypeAlias = list[Piece]


class Table:
    """Rows under headings; a heading that ends in `>` is that of a column of numbers.

    If the table is wider than the terminal, the widest columns are cut, with an ellipsis in
    each cell that is cut. So short columns stay whole. A column that `yields` is cut before all
    others, and left out where too little is left of it.
    """

    def __init__(self, *headings: str, yields: str | None = None) -> None:
        self._headings = headings
        self._yields = headings.index(yields) if yields is not None else None
        self.rows: list[Sequence[Segment | list[Segment]]] = []

    def row(self, *cells: Segment | list[Segment]) -> None:
        """A cell is a text, a styled text, or a list of these."""
        self.rows.append(cells)

    def print(self) -> None:
        writer = LineWriter()
        rows = [[_cell((heading.removesuffix(">"), "dim")) for heading in self._headings]]
        rows += [list(map(_cell, row)) for row in self.rows]
        needs = [max(map(_size, column)) for column in zip(*rows, strict=True)]
        columns, widths = self._fitted(needs)
        for row in rows:
            writer.line(self._laid_out([row[column] for column in columns], columns, widths))

    def _fitted(self, needs: list[int]) -> tuple[list[int], list[int]]:
        """Which columns are shown, and how wide each of them is."""
        shown, room = list(range(len(needs))), width()
        if room is None:
            return shown, needs
        room -= GAP * (len(needs) - 1)
        if self._yields is not None:
            left = room - sum(needs) + needs[self._yields]
            if left < min(needs[self._yields], _LEAST_LEFT):
                shown.remove(self._yields)
                room += GAP
            else:
                needs[self._yields] = min(needs[self._yields], left)
        needs = [needs[column] for column in shown]
        return shown, fitted(needs, room) or [1] * len(needs)

    def _laid_out(self, row: list[_Cell], columns: list[int], widths: list[int]) -> _Cell:
        found: _Cell = []
        for cell, column, most in zip(row, columns, widths, strict=True):
            shown, size = cell, _size(cell)
            if size > most:
                shown = cut(cell, most)
                size = _size(shown)
            blanks: _Cell = [(" " * (most - size), None)]
            found += [(" " * GAP, None)] if found else []
            is_number = self._headings[column].endswith(">")
            found += blanks + shown if is_number else shown + blanks
        return _without_end(found)


def _without_end(cell: _Cell) -> _Cell:
    """The cell without blanks at its end: they would count as something to cut."""
    while cell and not cell[-1][0].strip(" "):
        cell = cell[:-1]
    return cell


def _cell(cell: Segment | list[Segment]) -> _Cell:
    pieces = cell if isinstance(cell, list) else [cell]
    return [
        (plain(piece), None) if isinstance(piece, str) else (plain(piece[0]), piece[1])
        for piece in pieces
    ]


def _size(cell: _Cell) -> int:
    return sum(len(text) if text.isascii() else _columns(text) for text, _ in cell)


def _columns(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
