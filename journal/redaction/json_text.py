"""Reads JSON in a text, whole, cut off or amid other text, with the places of its values.

It is not decoded and encoded again: numbers, doubled keys, spacing and escapes would change.
Instead it is read into nodes that know their places, so that only the characters of a secret
are replaced.
"""

import re
from bisect import bisect_right
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from journal.redaction.later import compiled_later

_MAX_DEPTH = 100
_START = compiled_later(
    r"[\[{](?:(?<=\{)|(?<![\w\])]\[))(?=\s*[\"\[{])"
)  # not the index of an expression
_TOKEN = compiled_later(r"\s*+(?:([{}\[\],:\"])|(-?\d[\d.eE+-]*+|true|false|null|NaN|-?Infinity))")
_BODY = compiled_later(r"(?:[^\"\\]++|\\(?:[\"\\/bfnrt]|u[0-9a-fA-F]{4}))*+")
_CUT_ESCAPE = compiled_later(r"(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z")
_ESCAPE = compiled_later(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL
)


class Text(str):
    """A string of a JSON text; `start` and `end` are the ends of the text between its quotes."""

    start: int
    end: int


class Number:
    """A number of a JSON text, with its place."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end


class Pairs(dict[str, Any]):
    """An object of a JSON text. If a key comes twice, it is in `pairs` twice."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[tuple[str, Any]] = []

    def add(self, key: str, value: Any) -> None:
        """Add a member."""
        self[key] = value
        self.pairs.append((key, value))


class Part:
    """A JSON value in a text: its nodes, and where it begins and ends."""

    def __init__(self, value: Any, start: int, end: int) -> None:
        self.value, self.start, self.end = value, start, end


def find_json(text: str) -> list[Part]:
    """The JSON objects and lists in a text, in order. The end of the text may cut the last off."""
    parts: list[Part] = []
    position = 0
    while match := _START.search(text, position):
        reader = _JsonReader(text, match.start())
        value = reader.read()
        position = max(reader.position, match.end())
        if value is not None:
            parts.append(Part(value, match.start(), reader.position))
    return parts


def raw_span(text: str, node: Text, start: int, end: int) -> tuple[int, int]:
    """The place in the text of characters `start` to `end` of a decoded string."""
    shifts = [(0, node.start)]
    decoded = 0
    last = node.start
    for escape in _ESCAPE.finditer(text, node.start, node.end):
        decoded += escape.start() - last
        last = escape.end()
        shifts.append((decoded, escape.start()))
        decoded += 1
        shifts.append((decoded, last))
    return _raw(shifts, start), _raw(shifts, end)


def _raw(shifts: list[tuple[int, int]], decoded: int) -> int:
    before, raw = shifts[bisect_right(shifts, (decoded, float("inf"))) - 1]
    return raw + decoded - before


class _JsonReader:
    """Reads one value; `position` is then where it ended, or where it went wrong."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self.position = start
        self._is_cut = False

    def read(self) -> Any:
        """The value, None if it is not JSON."""
        try:
            value = self._value(0)
        except _NotJsonError:
            return None
        return value

    def _token(self) -> re.Match[str] | None:
        match = _TOKEN.match(self._text, self.position)
        if match is None:
            rest = self._text[self.position : self.position + 16].strip()
            end = len(self._text) - self.position <= 16
            if end and (
                not rest
                or "true".startswith(rest)
                or "false".startswith(rest)
                or "null".startswith(rest)
                or rest in ("-", "…", "...")
            ):
                self._is_cut = True
                return None
            raise _NotJsonError
        self.position = match.end()
        return match

    def _value(self, depth: int, token: re.Match[str] | None = None) -> Any:
        token = token or self._token()
        if token is None:
            return None
        match token[1]:
            case "{" | "[" if depth >= _MAX_DEPTH:
                raise _NotJsonError
            case "{":
                return self._object(depth + 1)
            case "[":
                return self._array(depth + 1)
            case '"':
                return self._string()
            case None:
                if token[2][0] in "-0123456789":
                    return Number(*token.span(2))
                return None
        raise _NotJsonError

    def _object(self, depth: int) -> Pairs:
        pairs = Pairs()
        token = self._token()
        while token is not None and token[1] != "}":
            if token[1] != '"':
                raise _NotJsonError
            key = self._string()
            colon = None if self._is_cut else self._token()
            if colon is None:
                pairs.add(key, None)
                return pairs
            if colon[1] != ":":
                raise _NotJsonError
            pairs.add(key, self._value(depth))
            token = self._separator("}")
        return pairs

    def _array(self, depth: int) -> list[Any]:
        items: list[Any] = []
        token = self._token()
        while token is not None and token[1] != "]":
            items.append(self._value(depth, token))
            token = self._separator("]")
        return items

    def _separator(self, closing: str) -> re.Match[str] | None:
        """The end of a container, or the first token of its next member."""
        token = None if self._is_cut else self._token()
        if token is None or token[1] == closing:
            return token
        if token[1] != ",":
            raise _NotJsonError
        token = self._token()
        if token is not None and token[1] == closing:
            raise _NotJsonError
        return token

    def _string(self) -> Text:
        """A string. The text may end within it, or within its last escape."""
        start = self.position
        body = _BODY.match(self._text, start)
        end = body.end() if body else start
        if self._text.startswith('"', end):
            self.position = end + 1
        elif _CUT_ESCAPE.match(self._text, end):
            self.position, self._is_cut = len(self._text), True
        else:
            raise _NotJsonError
        # Checked already: for a fault, the decoder would look at all the text before it.
        text = Text(scanstring(self._text[start:end] + '"', 0, False)[0])
        text.start, text.end = start, end
        return text


class _NotJsonError(Exception):
    """The text is not JSON."""
