"""Spans of a text that hold secrets, and the markers that replace them."""

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """Characters `start` to `end` of a text are a secret of this kind.

    `quote` is put on both sides of the marker, so that a number of a JSON text becomes a string.
    """

    start: int
    end: int
    kind: str
    quote: str = ""


def marker(kind: str) -> str:
    """The text that replaces a secret."""
    return f"[REDACTED:{kind}]"


def merged(spans: Iterable[Span]) -> list[Span]:
    """The spans in order. Spans that overlap become one, of the kind of the longest.

    If two are equally long, the kind is that of the one that comes first in `spans`.
    """
    result: list[Span] = []
    longest = 0
    for span in sorted(spans, key=lambda span: span.start):
        size = span.end - span.start
        if not result or span.start >= result[-1].end:
            result.append(span)
            longest = size
            continue
        last = result[-1]
        kind = span.kind if size > longest else last.kind
        longest = max(longest, size)
        result[-1] = Span(last.start, max(last.end, span.end), kind, last.quote)
    return result


def replaced(text: str, spans: Iterable[Span]) -> str:
    """The text with a marker for every span; spans are in order and do not overlap."""
    parts, end = [], 0
    for span in spans:
        parts.append(text[end : span.start])
        parts.append(f"{span.quote}{marker(span.kind)}{span.quote}")
        end = span.end
    parts.append(text[end:])
    return "".join(parts)
