"""Takes out of two states of a recorded turn what is the same in both. Pure: no I/O.

Calls and messages with which both lists begin are as they were: nothing happened to them, so
nothing is said of them. Found without decoding any of them.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from projections.turns.reading import FORM

_LISTS = ("tool_calls", "transcript")


class _Recorded(Struct):
    """The lists of a turn that was recorded, their items as they are written."""

    turn: Any = None
    omitted: Any | UnsetType = UNSET
    tool_calls: list[Raw] = []
    transcript: list[Raw] = []


_decode = msgspec.json.Decoder(_Recorded).decode


def without_common(before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """Both encoded states, without the items with which their lists begin alike.

    As they are if one of them is no recorded turn, is damaged, or has left anything out: then
    an item that is the same may be news. O(size of the states).
    """
    try:
        old, new = _decode(before), _decode(after)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return before, after
    if not (_is_whole(old) and _is_whole(new)):
        return before, after
    for name in _LISTS:
        common = _common(getattr(old, name), getattr(new, name))
        if common:
            head = b'"%b":[%b' % (name.encode(), b",".join(common))
            if before.count(head) == after.count(head) == 1:
                before, after = before.replace(head, b""), after.replace(head, b"")
    return before, after


def _is_whole(state: _Recorded) -> bool:
    return type(state.turn) is int and state.turn == FORM and state.omitted is UNSET


def _common(old: Sequence[Raw], new: Sequence[Raw]) -> list[bytes]:
    pairs = ((bytes(one), bytes(other)) for one, other in zip(old, new, strict=False))
    return [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
