"""Marks what a search has found in a line. Pure: no I/O."""

import re
from collections.abc import Iterator

from projections.cli.terminal.output import Piece

MATCH = "match"
"""The style of what matches."""


def highlighted(pieces: list[Piece], searched: re.Pattern[str]) -> list[Piece]:
    """The same line with all matches in the style `MATCH`, also those across several pieces.

    Dim pieces at the start, a seq and a time, are nothing that anybody searched. O(length).
    """
    head = _head(pieces)
    rest = pieces[head:]
    found = list(_spans("".join(text for text, _ in rest), searched))
    return [*pieces[:head], *_divided(rest, found)] if found else pieces


def _head(pieces: list[Piece]) -> int:
    """How many pieces at the start are dim or blank."""
    for place, (text, style) in enumerate(pieces):
        if style != "dim" and text.strip():
            return place
    return len(pieces)


def _spans(text: str, searched: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    for match in searched.finditer(text):
        if match.end() > match.start():
            yield match.span()


def _divided(pieces: list[Piece], found: list[tuple[int, int]]) -> Iterator[Piece]:
    """The pieces, cut where a span begins or ends."""
    spans = iter([*found, (1 << 62, 1 << 62)])
    start, end = next(spans)
    place = 0
    for text, style in pieces:
        limit = place + len(text)
        while place < limit:
            until = min(limit, end if place >= start else start)
            part = text[len(text) - (limit - place) : len(text) - (limit - until)]
            yield part, MATCH if place >= start else style
            place = until
            if place >= end:
                start, end = next(spans)
