"""Finds the secrets of one text: JSON in it is read as data, everything else as plain text."""

import json
from collections.abc import Iterator
from typing import Any

from journal.redaction.assignments import assigned_at_end, find_assigned
from journal.redaction.columns import find_in_columns
from journal.redaction.forms import find_placed
from journal.redaction.json_text import Number, Part, Text, find_json, raw_span
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
    """The spans of the secrets in a text, in order, without overlaps."""
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
    """Whether the value of a name is only a secret of known form, with punctuation around it."""
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
    """Notes the spans of the secrets in a JSON text. A `Sink`; its return values are not used."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.spans: list[Span] = []

    def text(self, value: str) -> str:
        """Look into a string, which may hold JSON in turn."""
        if isinstance(value, Text) and may_hold(value):
            for span in find(str(value)):
                start, end = raw_span(self._text, value, span.start, span.end)
                self.spans.append(
                    Span(
                        start, end, span.kind, span.quote.replace("\\", "\\\\").replace('"', '\\"')
                    )
                )
        return value

    def blank(self, value: str, kind: str) -> str:
        """Note a string that is a secret as a whole."""
        if isinstance(value, Text):
            self.spans.append(Span(value.start, value.end, kind))
        return value

    def part(self, value: str, start: int, end: int, kind: str) -> str:
        """Note some characters of a string."""
        if isinstance(value, Text):
            self.spans.append(Span(*raw_span(self._text, value, start, end), kind))
            return str(value) + " "  # another object: the caller sees that it was handled
        return value

    def number(self, value: Any, says: Sensitivity) -> Any:
        """Note a number that is a password: in a text, it can be replaced too."""
        if isinstance(value, Number) and says.certain and says.kind == "password":
            digits = self._text[value.start : value.end]
            if digits.isdigit() and len(digits) >= 4:
                self.spans.append(Span(value.start, value.end, says.kind, quote='"'))
        return value


class _Cleaner:
    """Replaces the secrets in data. A `Sink`."""

    text = staticmethod(redact_text)

    @staticmethod
    def blank(_: str, kind: str) -> str:
        """The marker for a string that is a secret as a whole."""
        return marker(kind)

    @staticmethod
    def part(value: str, start: int, end: int, kind: str) -> str:
        """The text with a marker in place of some characters."""
        return f"{value[:start]}{marker(kind)}{value[end:]}"

    @staticmethod
    def number(value: Any, _: Sensitivity) -> Any:
        """The number itself: in data only strings are changed."""
        return value


def redact(value: Any) -> Any:
    """A copy of JSON data with the secrets in its strings replaced."""
    return clean(value, _Cleaner())


__all__ = ["find", "is_placeholder", "json", "redact", "redact_text"]
