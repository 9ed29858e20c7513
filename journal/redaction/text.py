"""The secrets of one text: its JSON is read as data, all else as it comes."""

import json
from collections.abc import Iterator
from typing import Any

from journal.redaction.assignments import assigned_at_end, find_assigned
from journal.redaction.columns import find_in_columns
from journal.redaction.forms import find_placed
from journal.redaction.json_text import Number, Part, Text, find_json, place
from journal.redaction.kinds import SHAPES
from journal.redaction.markers import may_be_shaped, may_hold
from journal.redaction.names import Sensitivity
from journal.redaction.spans import Span, marker, merged, replaced
from journal.redaction.values import is_placeholder
from journal.redaction.walk import clean, clean_under

_MAX_ROUNDS = 4


def redact_text(text: str) -> str:
    """A text with the secrets in it replaced."""
    for _ in range(_MAX_ROUNDS):
        if not may_hold(text):
            return text
        spans = find(text)
        if not spans:
            return text
        text = replaced(text, spans)
    return text


def find(text: str) -> list[Span]:
    """Where the secrets of a text stand, in order and apart."""
    parts = find_json(text) if '"' in text else []
    if not parts:
        return merged(_find_flat(text))
    found: list[Span] = []
    end = 0
    for part in parts:
        gap = text[end : part.start]
        found.extend(
            span._replace(start=span.start + end, end=span.end + end) for span in _find_flat(gap)
        )
        says = assigned_at_end(gap) if gap else None
        found.extend(_find_in_json(text, part, says))
        end = part.end
    found.extend(
        span._replace(start=span.start + end, end=span.end + end)
        for span in _find_flat(text[end:])
    )
    return merged(found)


def _find_flat(text: str) -> list[Span]:
    if not text:
        return []
    shaped = list(_find_shaped(text)) if may_be_shaped(text) else []
    named = [*find_placed(text), *find_assigned(text)]
    if "\n" in text:
        named.extend(find_in_columns(text))
    if shaped:
        named = [span for span in named if not _is_loose(text, span, shaped)]
    return shaped + named


def _find_shaped(text: str) -> Iterator[Span]:
    for shape in SHAPES:
        if any(marker in text for marker in shape.markers):
            yield from shape.find(text)


def _is_loose(text: str, span: Span, shaped: list[Span]) -> bool:
    """Whether what a name points at is a known secret and a little around it."""
    for known in shaped:
        if span.start <= known.start and known.end <= span.end:
            around = text[span.start : known.start] + text[known.end : span.end]
            if not any(map(str.isalnum, around)):
                return True
    return False


def _find_in_json(text: str, part: Part, says: Sensitivity | None) -> list[Span]:
    finder = _Finder(text)
    if says is None or (isinstance(part.value, dict) and not says.certain):
        clean(part.value, finder)
    else:
        clean_under(says, part.value, finder)
    return finder.spans


class _Finder:
    """Notes where the secrets of a JSON text stand. A `Sink`; what it gives back is of no use."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.spans: list[Span] = []

    def text(self, value: str) -> str:
        """Looks into a string, which may hold JSON in turn."""
        if isinstance(value, Text) and may_hold(value):
            for span in find(str(value)):
                start, end = place(self._text, value, span.start, span.end)
                self.spans.append(
                    Span(
                        start, end, span.kind, span.quote.replace("\\", "\\\\").replace('"', '\\"')
                    )
                )
        return value

    def blank(self, value: str, kind: str) -> str:
        """Notes a string that is a secret as a whole."""
        if isinstance(value, Text):
            self.spans.append(Span(value.start, value.end, kind))
        return value

    def part(self, value: str, start: int, end: int, kind: str) -> str:
        """Notes some characters of a string."""
        if isinstance(value, Text):
            self.spans.append(Span(*place(self._text, value, start, end), kind))
            return str(value) + " "  # another one, so that it is known to be dealt with
        return value

    def number(self, value: Any, says: Sensitivity) -> Any:
        """Notes a number that is a password: of a text all can be replaced."""
        if isinstance(value, Number) and says.certain and says.kind == "password":
            digits = self._text[value.start : value.end]
            if digits.isdigit() and len(digits) >= 4:
                self.spans.append(Span(value.start, value.end, says.kind, quote='"'))
        return value


class _Cleaner:
    """Replaces the secrets of data. A `Sink`."""

    text = staticmethod(redact_text)

    @staticmethod
    def blank(_: str, kind: str) -> str:
        """What stands in place of a string that is a secret as a whole."""
        return marker(kind)

    @staticmethod
    def part(value: str, start: int, end: int, kind: str) -> str:
        """A text with a marker in it."""
        return f"{value[:start]}{marker(kind)}{value[end:]}"

    @staticmethod
    def number(value: Any, _: Sensitivity) -> Any:
        """Numbers of data stay: only strings are changed."""
        return value


def redact(value: Any) -> Any:
    """A copy of JSON data with the secrets in its strings replaced."""
    return clean(value, _Cleaner())


__all__ = ["find", "is_placeholder", "json", "redact", "redact_text"]
