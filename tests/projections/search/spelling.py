"""Events with any text, in lines as any writer may have spelled it; and patterns for them."""

import json
import random
import re
from typing import Any

from hypothesis import strategies as st
from msgspec import Raw

from journal.codec import stamp
from journal.events import GENESIS, Clear, Event, Handoff, Set, Takeover

ALPHABET = (
    'abeikst ABEIKST 0159 -_.:,;{}[]@/"\\\n\t\r\x00\x1b\x1f\x7f'
    "\u0130\u0131\u017f\u212a\u1e9e\u212b"  # of which ASCII and other letters are cases
    "ßåÅöÖéµμωΩ\u0660\u0663\uff15\U0001d7ce東京\u2028\u00a0\ud7ff\ue000😀"
)
TEXTS = st.text(st.sampled_from(ALPHABET), max_size=12) | st.text(max_size=5)
NAMES = TEXTS | st.sampled_from(["content", "result", "status", "state", "op", "prev", "hash"])
NUMBERS = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
STATES = st.dictionaries(NAMES, VALUES, max_size=4)
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\", "/": "\\/"}


def spelled(value: Any, chance: random.Random, oddness: float) -> str:
    """JSON of a value: so many of its characters escaped that need not be, and some blanks."""
    match value:
        case str():
            return f'"{"".join(_spelled(each, chance, oddness) for each in value)}"'
        case list():
            items = [spelled(item, chance, oddness) for item in value]
            return f"[{_joined(items, chance, oddness)}]"
        case dict():
            blank = " " if chance.random() < oddness else ""
            items = [
                f"{spelled(name, chance, oddness)}{blank}:{blank}{spelled(item, chance, oddness)}"
                for name, item in value.items()
            ]
            return f"{{{_joined(items, chance, oddness)}}}"
        case float() if chance.random() < oddness:
            return f"{value:.17E}"
    return json.dumps(value)


def _joined(items: list[str], chance: random.Random, oddness: float) -> str:
    return (", " if chance.random() < oddness else ",").join(items)


def _spelled(character: str, chance: random.Random, oddness: float) -> str:
    must = character < " " or character in '"\\'
    if not must and chance.random() >= oddness:
        return character
    if character in _SHORT and chance.random() < 0.5:
        return _SHORT[character]
    units = character.encode("utf-16-be").hex()
    digits = units.upper() if chance.random() < 0.5 else units
    return "".join(f"\\u{digits[n : n + 4]}" for n in range(0, len(digits), 4))


@st.composite
def lines_of_events(draw: st.DrawFn) -> list[bytes]:
    """Lines of a log without its header, newlines included."""
    chance = random.Random(draw(st.integers(0, 999)))
    lines, prev = [], GENESIS
    for seq in range(1, draw(st.integers(1, 5)) + 1):
        oddness = draw(st.sampled_from([0.0, 0.0, 0.2, 0.7]))
        line, event = stamp(
            draw(_events(chance, oddness)), seq, "2026-11-30T10:18:00.123456Z", "host:1", prev
        )
        lines.append(line)
        prev = event.hash
    return lines


@st.composite
def _events(draw: st.DrawFn, chance: random.Random, oddness: float) -> Event:
    ids = TEXTS.filter(bool)
    kind = draw(st.sampled_from(["set"] * 6 + ["handoff", "takeover", "clear"]))
    match kind:
        case "set":
            state = Raw(spelled(draw(STATES), chance, oddness).encode())
            return Set(runtime_id=draw(ids), turn_id=draw(ids), state=state)
        case "handoff":
            return Handoff(source=draw(ids), target=draw(ids), reason=draw(TEXTS))
        case "takeover":
            return Takeover(runtime_id=draw(ids), handoff_seq=None, seen_seq=None)
    return Clear(runtime_id=draw(st.none() | ids))


_CLASSES = (
    *(r"\d", r"\w", r"\s", r"\S", r"\D", r"\W", ".", "[a-k]", "[^a-k]", "[A-Z0-9]", "[\\s-]"),
    *("[ßöK]", r"[\d.]", "[^\\x00-\\x7f]", '["\\\\]', "(?i:s)", "(?s:.)", r"(?-i:k)"),
)
_REPEATS = ("", "", "", "", "*", "+", "?", "{2}", "{2,3}", "{0,2}", "+?", "{3}")
_AROUND = ("{}", "{}", "{}", "({})", "(?:{}){{2}}", "(?:{})+", "(?={}).", "(?!{}).", "(?<={})")


@st.composite
def patterns(draw: st.DrawFn, texts: list[str]) -> str:
    """Regular expressions of which many match in one of the texts."""
    branches = draw(st.lists(_sequences(texts), min_size=1, max_size=3))
    start, end = draw(st.sampled_from(["", "", "^", r"\b"])), draw(st.sampled_from(["", "", "$"]))
    pattern = start + "|".join(branches) + end
    try:
        re.compile(pattern)
    except re.error:  # such as a look back of no fixed width
        return re.escape(branches[0])
    return pattern


@st.composite
def _sequences(draw: st.DrawFn, texts: list[str]) -> str:
    text = draw(st.sampled_from(texts)) if texts else ""
    begin = draw(st.integers(0, max(0, len(text) - 1)))
    part = text[begin : begin + draw(st.integers(1, 6))]
    pieces = []
    for character in part:
        choice = draw(st.integers(0, 9))
        piece = re.escape(character)
        if choice == 0:
            piece = draw(st.sampled_from(_CLASSES))
        elif choice == 1:
            piece = re.escape(character.swapcase())
        pieces.append(piece + (draw(st.sampled_from(_REPEATS)) if choice in (0, 2) else ""))
    if len(pieces) > 1 and draw(st.booleans()):
        cut = draw(st.integers(0, len(pieces) - 1))
        inner = "".join(pieces[cut:])
        pieces[cut:] = [draw(st.sampled_from(_AROUND)).format(inner)]
    return "".join(pieces)
