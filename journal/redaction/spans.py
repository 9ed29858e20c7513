"""Places in a text that hold secrets, and what stands there afterwards."""

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """Characters `start` to `end` of a text are a secret of this kind.

    `quote` is put on both sides of the marker: a number of a JSON text becomes a string.
    """

    start: int
    end: int
    kind: str
    quote: str = ""


def marker(kind: str) -> str:
    """What stands in place of a secret."""
    return f"[REDACTED:{kind}]"


def merged(spans: Iterable[Span]) -> list[Span]:
    """The spans in order; those that overlap become one, of the kind of the longest.

    Of two as long, the one that comes first among `spans` gives its kind.
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
    """The text with a marker in place of every span; they are in order and apart."""
    parts, end = [], 0
    for span in spans:
        parts.append(text[end : span.start])
        parts.append(f"{span.quote}{marker(span.kind)}{span.quote}")
        end = span.end
    parts.append(text[end:])
    return "".join(parts)
