"""Tries a pattern on the one string, or number, of a line of JSON that has a certain place.

The line is not decoded. Between two quotes of which neither is escaped stands either a string, or
what stands between two strings. What begins with none of `,:}]` nor a blank is a string. Of what
does, both are tried.
"""

import re
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import msgspec

from projections.search.texts import OF_ALL, OF_TURNS

_QUOTE, _BACKSLASH = 0x22, 0x5C
_BETWEEN = frozenset(b",:}] \t\r")
_AFTER_VALUE = frozenset(b",}]")
_COLON = ord(":")
STATE = b',"state":'
_OP, _OP_SET = b',"op":', b',"op":"set",'
_IDS = (b',"runtime_id":', b',"turn_id":')
_WRITER = b',"writer":'
_HEAD = 96  # bytes of a line within which the seq and the time end
_PREV = b',"prev":"'
TAIL = 2 * 32 + len(b',"prev":"","hash":""}')
"""Bytes of the hashes at the end of a line, as we write them."""
_SCALAR = re.compile(r"[^,:{}\[\]\s]+")
_decode = msgspec.json.Decoder(str).decode


class Verdict(Enum):
    """Whether the pattern matches there."""

    NO = 0
    YES = 1
    MAYBE = 2


class Line(NamedTuple):
    """A line, and the part of it from `low` to `high` that not all lines have.

    `state` is where the name of the state begins, -1 if the line is no set as we write them.
    """

    begin: int
    end: int
    low: int
    high: int
    state: int


def line_at(data: bytes, begin: int, end: int) -> Line:
    """The line that stands there."""
    op = data.find(_OP, begin, min(end, begin + _HEAD))
    tail = end - TAIL
    if op < 0 or not data.startswith(_PREV, tail):
        return Line(begin, end, begin, end, -1)
    state = data.find(STATE, op, tail) if data.startswith(_OP_SET, op) else -1
    return Line(begin, end, op, tail, state)


def tried_at(
    data: bytes, place: int, line: Line, matches: Callable[[str], object]
) -> tuple[Verdict, int]:
    """Whether the pattern matches in what `place` is in, and the place after that."""
    if line.state < 0:
        return Verdict.MAYBE, line.end
    inside = line.state + len(STATE)
    if line.state < place < inside:
        return Verdict.NO, inside
    low, high = (inside - 1, line.high) if place >= inside else (line.low, line.state)
    opening = _quote_before(data, place, low)
    closing = _quote_after(data, place, high)
    if not 0 <= opening < closing:
        return _without_quotes(data, place, low, high, matches)
    raw = data[opening + 1 : closing]
    after = max(place, closing) + 1
    try:
        text = _decode(data[opening : closing + 1]) if _BACKSLASH in raw else raw.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Verdict.MAYBE, after
    if not raw or raw[0] in _BETWEEN:
        return (Verdict.MAYBE if _may_match_between(text, matches) else Verdict.NO), after
    if not matches(text):
        return Verdict.NO, after
    is_name = data[closing + 1] == _COLON
    if place < inside:
        return _in_front(data, opening, text, is_name), after
    if data[closing + 1] in _AFTER_VALUE:
        return Verdict.YES, after
    if is_name:
        return (Verdict.NO if text in OF_TURNS else Verdict.YES), after
    return Verdict.MAYBE, after


def _in_front(data: bytes, opening: int, text: str, is_name: bool) -> Verdict:
    """Whether a text before the state counts, in which the pattern matches."""
    if is_name:
        return Verdict.NO if text in OF_ALL else Verdict.MAYBE
    if data.endswith(_IDS, 0, opening):
        return Verdict.YES
    return Verdict.NO if data.endswith((_WRITER, _OP), 0, opening) else Verdict.MAYBE


def _without_quotes(
    data: bytes, place: int, low: int, high: int, matches: Callable[[str], object]
) -> tuple[Verdict, int]:
    """For what stands before the first string of the state, or after the last one."""
    closing = _quote_after(data, place, high)
    end = closing if closing >= 0 else high
    begin = _quote_before(data, place, low) + 1 or low
    text = data[begin:end].decode(errors="replace")
    return (Verdict.MAYBE if _may_match_between(text, matches) else Verdict.NO), end + 1


def _may_match_between(text: str, matches: Callable[[str], object]) -> bool:
    return bool(matches(text)) or any(map(matches, _SCALAR.findall(text)))


def _quote_before(data: bytes, place: int, low: int) -> int:
    quote = data.rfind(b'"', low, place)
    while quote >= 0 and is_escaped(data, quote):
        quote = data.rfind(b'"', low, quote)
    return quote


def _quote_after(data: bytes, place: int, high: int) -> int:
    quote = data.find(b'"', place, high)
    while quote >= 0 and is_escaped(data, quote):
        quote = data.find(b'"', quote + 1, high)
    return quote


def is_escaped(data: bytes, place: int) -> bool:
    """Whether a backslash before it escapes what stands there."""
    before = place
    while before and data[before - 1] == _BACKSLASH:
        before -= 1
    return (place - before) % 2 == 1
