"""A line of the drawing in the making."""

from itertools import groupby
from typing import TypeAlias

from rich.cells import cell_len

from projections.cli.terminal import Piece, Segment, Style

Line: TypeAlias = list[Segment]


class Canvas:
    """A line, put together from texts at columns; later ones hide earlier ones."""

    def __init__(self) -> None:
        self._cells: list[Piece] = []

    def put(self, column: int, text: str, style: Style = None) -> None:
        size = cell_len(text)
        self._cells += [(" ", None)] * (column + size - len(self._cells))
        # a text with wide characters stays in one piece, its other columns empty
        pieces = list(text) if size == len(text) else [text, *[""] * (size - 1)]
        self._cells[column : column + size] = [(piece, style) for piece in pieces]

    def line(self) -> Line:
        return [
            ("".join(text for text, _ in group), style)
            for style, group in groupby(self._cells, lambda cell: cell[1])
        ]
