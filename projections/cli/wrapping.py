"""Long texts on a terminal: lines as wide as it is. Elsewhere lines stay as they are."""

from collections.abc import Iterator

from projections.cli.phrase_fitting import len_of
from projections.cli.terminal import plain

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
