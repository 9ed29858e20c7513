"""Quotes and lines in texts; quotes may be plain, escaped at any depth, or entities.

A string in a string in a string has its quotes behind 1, 3, 7 … backslashes. Their number gives
the depth of a quote. So a value does not end at an escaped quote within it, nor run past the
end of the string around it.
"""

import re

from journal.redaction.later import compiled_later

OPEN = r"""(?:\\{0,63}["'`]|&quot;|&\#0?3[49];|&apos;|%2[27]|\\{1,63}u002[27]|[“„‘«])"""
_OPENING = compiled_later(
    r"""(?:[bBrRuUfFLN@$]{1,2}(?=["'`]))?"""
    r"""(?P<quote>(?P<escapes>\\{0,63})(?P<char>["'`])"""
    r"""(?P<triple>(?:\\{0,63}(?P=char)){2}(?!\\{0,63}(?P=char)))?"""
    r"""|&quot;|&\#0?3[49];|&apos;|%2[27]|\\{1,63}u002[27]|[“„‘«])"""
)
_CLOSING = {"“": "”", "„": "“", "‘": "’", "«": "»"}
RUNS = {char: compiled_later(rf"(\\{{0,999}}){char}") for char in "\"'`"}

MAX_QUOTED = 4096
"""Characters of the longest quoted value that spans several lines."""


class TextLines:
    """A text whose lines are found from left to right, each only once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._known = (0, -1)

    def end(self, position: int) -> int:
        """Where the line of `position` ends."""
        first, last = self._known
        if not first <= position <= last:
            last = self.text.find("\n", position)
            if last < 0:
                last = len(self.text)
            self._known = position, last
        return last - 1 if last > position and self.text[last - 1] == "\r" else last

    def opening(self, start: int) -> re.Match[str] | None:
        """The quote at `start`; it may have a prefix such as `b` or `f`."""
        return _OPENING.match(self.text, start)

    def _is_doubled(self, match: re.Match[str], start: int, depth: int) -> bool:
        """Whether a quote is the first of two that stand for one, as in SQL's `'it''s'`."""
        again = "\\" * depth + "'"
        before = match.end() - len(again)
        return before > start and match[0][-1] == "'" and self.text.startswith(again, match.end())

    def closing(self, quote: re.Match[str], *, one_line: bool = False) -> tuple[int, int]:
        """Where the string after an opening quote ends, and where the text goes on after it.

        Without a closing quote, the string ends with its line.
        """
        start, char = quote.end(), quote["char"]
        limit = self.end(start)
        if char == '"' and not one_line:
            limit = max(limit, min(start + MAX_QUOTED, len(self.text)))
        if quote["triple"] or char is None:
            close = _CLOSING.get(quote["quote"], quote["quote"])
            end = self.text.find(close, start, min(start + MAX_QUOTED, len(self.text)))
            return (end, end + len(close)) if end >= 0 else (self.end(start),) * 2
        depth, doubled = len(quote["escapes"]), -1
        for match in RUNS[char].finditer(self.text, start, limit):
            escapes = len(match[1])
            if escapes < depth:  # the string around it ends here
                return match.start(), match.start()
            if (escapes - depth) // (depth + 1) % 2 == 0:
                if match.start() == doubled:
                    continue
                if not self._is_doubled(match, start, depth):
                    return match.end() - 1 - depth, match.end()
                doubled = match.end()
        return self.end(start), self.end(start)
