"""Reads values in a row beside their name: in tables, and in settings of two words a line."""

import re
from collections.abc import Iterator

from journal.redaction.joins import CELL, FIRST_WORD, LAST_WORD, MIXED, RULE
from journal.redaction.meaning import is_code, is_name, is_plain_word, is_secret
from journal.redaction.naming import Name
from journal.redaction.quoting import TextLines
from journal.redaction.spans import Span
from journal.redaction.values import is_random


def is_mixed(value: str) -> bool:
    """Whether a value is more than a word, even if it is short."""
    if len(value) < 6 or " " in value or is_code(value, "") or is_name(value):
        return False
    return MIXED.search(value) is not None or is_random(value, 6)


class RowReader:
    """Reads the rows of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = TextLines(text)
        self._has_wrappers = "(" in text or "ConvertTo-" in text

    def _is_secret(self, name: Name, value: str) -> bool:
        return is_secret(name.says, value)

    def _cell(self, name: Name, join: re.Match[str]) -> Iterator[Span]:
        """A cell of a table, to the right of a cell that holds the name."""
        line = self._rest_of_line(name, join.end())
        if line is not None:
            yield from self._word_of_line(name, *line)
            return
        cell = CELL.match(self._text, join.end("op")) if join["op"] != "->" else None
        if cell is not None and is_mixed(cell[1]) and self._is_secret(name, cell[1]):
            yield Span(*cell.span(1), name.says.kind)

    def _rest_of_line(self, name: Name, start: int) -> tuple[int, int] | None:
        """The last word of a line that otherwise has only the name and what joins the two."""
        end = self._lines.end(start)
        word = LAST_WORD.match(self._text, start, end)
        if (
            word is None
            or FIRST_WORD.search(self._text, max(0, name.start - 48), name.start) is None
        ):
            return None
        return word.span(1)

    def _word_of_line(self, name: Name, start: int, end: int) -> Iterator[Span]:
        """A single word beside the name: `password | x`, `[password] => x`."""
        if self._is_rule(end):
            return  # the line is the header of a table
        value = self._text[start:end]
        is_word = name.says.kind == "password" and name.says.certain and is_plain_word(value)
        if (is_word or is_mixed(value)) and self._is_secret(name, value):
            yield Span(start, end, name.says.kind)

    def _is_rule(self, end: int) -> bool:
        return RULE.match(self._text, end) is not None
