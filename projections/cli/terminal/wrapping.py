"""Long texts on a terminal: lines as wide as it is. Elsewhere lines stay as they are."""

from collections.abc import Iterator, Sequence

from projections.cli.terminal.output import Piece, Segment, plain
from projections.cli.terminal.texts import len_of

_LEAST = 16  # columns of text, however narrow the terminal


def wrapped(text: str, indent: str, columns: int | None) -> Iterator[str]:
    """The lines of a text behind an indent, wrapped to a terminal of so many columns.

    A line is broken at a blank, or within a word that is longer than a line. Nothing is lost
    but blanks where it is broken.
    """
    for line in text.splitlines() or [""]:
        if columns is None:
            yield indent + plain(line)
        else:
            for piece in _pieces(plain(line), max(columns - len_of(indent), _LEAST)):
                yield indent + piece


def _pieces(line: str, room: int) -> Iterator[str]:
    while len_of(line) > room:
        end = _fitting(line, room)
        blank = line.rfind(" ", 1, end + 1)
        if blank > room // 3:
            yield line[:blank].rstrip()
            line = line[blank + 1 :].lstrip(" ")
        else:
            yield line[:end]
            line = line[end:]
    yield line


def _fitting(line: str, room: int) -> int:
    """How many characters fit; at least one."""
    if line.isascii():
        return room
    used = 0
    for index, char in enumerate(line):
        used += len_of(char)
        if used > room:
            return max(index, 1)
    return len(line)


def flowed(segments: Sequence[Segment], indent: str, columns: int | None) -> Iterator[list[Piece]]:
    """Segments on one line, or on several where they do not fit: all but the first indented."""
    line: list[Piece] = []
    used = 0
    for segment in segments:
        text, style = (segment, None) if isinstance(segment, str) else segment
        size = len_of(plain(text))
        if columns is not None and line and used + size > columns:
            yield line
            line, used = [(indent, None)], len_of(indent)
            text = text.lstrip(" ")
        room = None if columns is None else columns - used
        first, *more = wrapped(text, "", room) if "\n" not in text else [plain(text)]
        line.append((first, style))
        used += len_of(first)
        for piece in more:
            yield line
            line, used = [(indent, None), (piece, style)], len_of(indent) + len_of(piece)
    yield line
