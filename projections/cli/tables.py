"""Tables in columns: on a terminal as wide as it is, elsewhere as wide as their content."""

from collections.abc import Sequence
from typing import TypeAlias

from projections.cli.terminal import Piece, Segment, Writer, cut, plain, width

_GAP = 2

_Cell: TypeAlias = list[Piece]


class Table:
    """Rows under headings; a heading that ends in `>` is of a column of numbers.

    What is too wide for a terminal is taken from the widest columns, cell by cell with an
    ellipsis, so short columns stay whole.
    """

    def __init__(self, *headings: str) -> None:
        self._headings = headings
        self.rows: list[Sequence[Segment | list[Segment]]] = []

    def row(self, *cells: Segment | list[Segment]) -> None:
        """A cell is a text, a styled one, or several of them."""
        self.rows.append(cells)

    def print(self) -> None:
        writer = Writer()
        rows = [[_cell((heading.removesuffix(">"), "dim")) for heading in self._headings]]
        rows += [list(map(_cell, row)) for row in self.rows]
        widths = _fitted([max(map(_size, column)) for column in zip(*rows, strict=True)], width())
        for row in rows:
            writer.line(self._laid_out(row, widths))

    def _laid_out(self, row: list[_Cell], widths: list[int]) -> _Cell:
        found: _Cell = []
        for cell, heading, columns in zip(row, self._headings, widths, strict=True):
            shown = cut(cell, columns)
            blanks: _Cell = [(" " * (columns - _size(shown)), None)]
            found += [(" " * _GAP, None)] if found else []
            found += blanks + shown if heading.endswith(">") else shown + blanks
        return _without_end(found)


def _without_end(cell: _Cell) -> _Cell:
    """Without blanks at the end, which would count as something to cut."""
    while cell and not cell[-1][0].strip(" "):
        cell = cell[:-1]
    return cell


def _fitted(widths: list[int], room: int | None) -> list[int]:
    """Widths that fit, if that is possible with one character each."""
    if room is None:
        return widths
    fitted = [min(columns, room) for columns in widths]
    while sum(fitted) + _GAP * (len(fitted) - 1) > room and max(fitted) > 1:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def _cell(cell: Segment | list[Segment]) -> _Cell:
    pieces = cell if isinstance(cell, list) else [cell]
    return [
        (plain(piece), None) if isinstance(piece, str) else (plain(piece[0]), piece[1])
        for piece in pieces
    ]


def _size(cell: _Cell) -> int:
    from rich.cells import cell_len

    return sum(cell_len(text) for text, _ in cell)
