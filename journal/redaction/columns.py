"""Secrets in tables, under the name of their column, as in CSV or in the output of `psql`."""

from collections.abc import Iterator

from journal.redaction.anywhere import lowered
from journal.redaction.later import compiled_later
from journal.redaction.meaning import is_name, is_secret
from journal.redaction.names import Sensitivity, sensitivity
from journal.redaction.spans import Span
from journal.redaction.vocabulary import STATUS

_NAMES = compiled_later(r"pass|pwd|secret|token|key")
_HEADER = compiled_later(
    r"(?im)[ \t]*(?P<border>[|│]?)[ \t]*"
    r"[\"'*`]{0,3}[a-z_][\w .-]{0,40}[\"'*`]{0,3}[ \t]*(?P<mark>[,;\t|│])[^\n]{1,400}$"
)
_CELL_NAME = compiled_later(r"[ \t]*[\"'*`]{0,3}([A-Za-z_][\w .-]{0,40}?)[\"'*`]{0,3}[ \t]*\r?")
_RULE = compiled_later(r"[ \t]*[-+|│=:┼─├┤╞╪╡ \t]+\r?")
_MOST_ROWS = 100_000


def find_in_columns(text: str) -> Iterator[Span]:
    """The cells under the names of secrets."""
    position, lower = 0, lowered(text)
    while found := _NAMES.search(lower, position):
        start = text.rfind("\n", position, found.start()) + 1 or position
        header = _HEADER.match(text, start)
        if header is None:
            position = text.find("\n", found.end())
            if position < 0:
                return
            continue
        position = header.end()
        if _goes_on(text, header.start(), header["mark"]):
            continue
        names = _names(header[0], header["mark"])
        if not any(names):
            continue
        for start, cells in _rows(text, header.end(), header["mark"], len(names)):
            position = start
            for says, cell in zip(names, cells, strict=True):
                value = cell.strip(" \t\r\"'`*")
                if (
                    says is None
                    or value.lower() in STATUS
                    or (value.isupper() and is_name(value))
                    or (header["mark"] in ",;" and "_" in value)
                ):
                    pass
                elif is_secret(says, value):
                    begin = start + cell.index(value)
                    yield Span(begin, begin + len(value), says.kind)
                start += len(cell) + 1


def _goes_on(text: str, start: int, mark: str) -> bool:
    """Whether the line before belongs to the same table, so that this line is not a header."""
    earlier = text[max(0, start - 1024) : start].split("\n")[-2::-1]
    before = next((line for line in earlier if not _RULE.fullmatch(line)), "")
    return mark in before


def _names(line: str, mark: str) -> list[Sensitivity | None]:
    """What each column's name says; empty if the line is not a header."""
    names: list[Sensitivity | None] = []
    for cell in line.split(mark):
        name = _CELL_NAME.fullmatch(cell)
        if name is None and cell.strip():
            return []
        says = sensitivity(name[1]) if name else None
        if mark in ",;" and (" " in cell.strip() or not cell.strip()):
            return []  # prose or code
        names.append(says)
    return names


def _rows(text: str, position: int, mark: str, columns: int) -> Iterator[tuple[int, list[str]]]:
    """The lines after a header that have as many cells, each with its offset."""
    while position < len(text):
        start = position + 1
        position = text.find("\n", start)
        position = len(text) if position < 0 else position
        line = text[start:position]
        if _RULE.fullmatch(line):
            continue
        cells = line.split(mark)
        if len(cells) != columns:
            return
        yield start, cells
