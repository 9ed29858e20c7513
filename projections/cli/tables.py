"""Tables: as wide as the terminal, and elsewhere as wide as their content."""

from collections.abc import Sequence
from typing import TypeAlias

from projections.cli.fitting import fitted
from projections.cli.terminal import LineWriter, Piece, Segment, cut, plain, width

GAP = 2
"""Columns between two columns of a table."""

_Cell: TypeAlias = list[Piece]


class Table:
    """Rows under headings; a heading that ends in `>` is that of a column of numbers.

    If the table is wider than the terminal, the widest columns are cut, with an ellipsis in
    each cell that is cut. So short columns stay whole.
    """

    def __init__(self, *headings: str) -> None:
        self._headings = headings
        self.rows: list[Sequence[Segment | list[Segment]]] = []

    def row(self, *cells: Segment | list[Segment]) -> None:
        """A cell is a text, a styled text, or a list of these."""
        self.rows.append(cells)

    def print(self) -> None:
        writer = LineWriter()
        rows = [[_cell((heading.removesuffix(">"), "dim")) for heading in self._headings]]
        rows += [list(map(_cell, row)) for row in self.rows]
        widths = self._widths([max(map(_size, column)) for column in zip(*rows, strict=True)])
        for row in rows:
            writer.line(self._laid_out(row, widths))

    def _widths(self, needs: list[int]) -> list[int]:
        columns = width()
        if columns is None:
            return needs
        return fitted(needs, columns - GAP * (len(needs) - 1)) or [1] * len(needs)

    def _laid_out(self, row: list[_Cell], widths: list[int]) -> _Cell:
        found: _Cell = []
        for cell, heading, columns in zip(row, self._headings, widths, strict=True):
            shown = cut(cell, columns)
            blanks: _Cell = [(" " * (columns - _size(shown)), None)]
            found += [(" " * GAP, None)] if found else []
            found += blanks + shown if heading.endswith(">") else shown + blanks
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
    from rich.cells import cell_len

    return sum(cell_len(text) for text, _ in cell)
