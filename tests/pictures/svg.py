"""Text with the escape sequences of a terminal, as a picture in SVG. Pure: no I/O.

The text stays text, which can be selected and searched. Each piece of one style is as wide as
its columns, whatever font is there, so that what stands in columns does so everywhere. Nothing
is loaded from elsewhere: fonts are those of the reader.
"""

import re
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from rich.cells import cell_len

_COLUMN, _ROW, _SIZE = 8.4, 18, 14  # of a cell and of the font, in pixels
_MARGIN = 18
_FONTS = "ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
_BACKGROUND, _EDGE, _TEXT = "#16191f", "#4a5160", "#d8dde6"
_STYLES = {
    "": "",
    "1": ' fill="#f4f6fa" font-weight="bold"',
    "2": ' fill="#98a1b0"',
    "1;31": ' fill="#ff7b72" font-weight="bold"',
    "32": ' fill="#7ee787"',
    "33": ' fill="#e3b341"',
}
_STEPS = (0, 95, 135, 175, 215, 255)  # of red, green and blue in the cube of 216 colours
_SEQUENCE = re.compile(r"\x1b\[([0-9;]*)m")
_WORDS = re.compile(r"\S+(?: \S+)*")


class _Piece(NamedTuple):
    column: int
    text: str
    style: str


def svg(text: str, columns: int, title: str) -> str:
    """The picture of lines of at most so many columns; `title` says it to who cannot see it.

    Raises KeyError for a style that is not known here.
    """
    lines = text.split("\n")
    wide, high = columns * _COLUMN + 2 * _MARGIN, len(lines) * _ROW + 2 * _MARGIN
    rows = [
        _drawn(piece, _MARGIN + number * _ROW + _SIZE)
        for number, line in enumerate(lines)
        for piece in _pieces(line)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{wide:g}" '
            f'height="{high}" viewBox="0 0 {wide:g} {high}">',
            f"<title>{escape(title)}</title>",
            f'<rect x=".5" y=".5" width="{wide - 1:g}" height="{high - 1}" rx="8" '
            f'fill="{_BACKGROUND}" stroke="{_EDGE}"/>',
            f'<g font-family="{_FONTS}" font-size="{_SIZE}" fill="{_TEXT}">',
            *rows,
            "</g>",
            "</svg>\n",
        ]
    )


def _pieces(line: str) -> Iterator[_Piece]:
    """Its texts of one style, each at its column, without wide gaps: readers may close them."""
    column, style = 0, ""
    for number, part in enumerate(_SEQUENCE.split(line)):
        if number % 2:
            style = "" if part in ("", "0") else part
            continue
        for found in _WORDS.finditer(part):
            yield _Piece(column + cell_len(part[: found.start()]), found[0], style)
        column += cell_len(part)


def _drawn(piece: _Piece, y: int) -> str:
    x, length = _MARGIN + piece.column * _COLUMN, cell_len(piece.text) * _COLUMN
    look = _look(piece.style)
    text = escape(piece.text, quote=False)
    return (
        f'<text x="{x:g}" y="{y}" textLength="{length:g}" '
        f'lengthAdjust="spacingAndGlyphs"{look}>{text}</text>'
    )


def _look(style: str) -> str:
    if not style.startswith("38;5;"):
        return _STYLES[style]
    number = int(style.removeprefix("38;5;")) - 16
    parts = (number // 36, number // 6 % 6, number % 6)
    colour = "".join(f"{_STEPS[part]:02x}" for part in parts)
    return f' fill="#{colour}"'
