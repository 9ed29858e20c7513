"""A line of the drawing in the making, and the characters that it is drawn with."""

from itertools import groupby
from typing import NamedTuple, TypeAlias

from rich.cells import cell_len

from projections.cli.terminal.output import Piece, Segment, Style

Line: TypeAlias = list[Segment]


class Glyphs(NamedTuple):
    """The characters of the drawing. Each is one column wide, except the arrow between names."""

    has: str = "┃"
    idle: str = "┊"
    write: str = "●"
    takes: str = "◆"
    clear: str = "✕"
    lost: str = "✗"
    more: str = "⋮"
    right: str = "▶"
    left: str = "◀"
    solid: str = "─"
    dashed: str = "╌"
    heavy: str = "━"
    cut: str = "…"
    times: str = "×"
    arrow: str = "→"


UNICODE = Glyphs()
ASCII = Glyphs(
    has="|",
    idle=":",
    write="o",
    takes="*",
    clear="x",
    lost="!",
    more="~",
    right=">",
    left="<",
    solid="-",
    dashed=".",
    heavy="=",
    cut="~",
    times="x",
    arrow="->",
)


class Canvas:
    """A line, put together from texts at columns. Later texts hide earlier ones."""

    def __init__(self) -> None:
        self._cells: list[Piece] = []

    def put(self, column: int, text: str, style: Style = None) -> None:
        size = cell_len(text)
        self._cells += [(" ", None)] * (column + size - len(self._cells))
        # A text with wide characters stays in one piece, with its other columns empty.
        pieces = list(text) if size == len(text) else [text, *[""] * (size - 1)]
        self._cells[column : column + size] = [(piece, style) for piece in pieces]

    def line(self) -> Line:
        return [
            ("".join(text for text, _ in cells), style)
            for style, cells in groupby(self._cells, lambda cell: cell[1])
        ]
