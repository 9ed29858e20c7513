"""Which turn is meant by a name that may be shortened: `…7514c9`, `triage/run-1`. Pure: no I/O."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

_ELLIPSES = ("…", "...")


class TurnName(NamedTuple):
    """A turn of a session."""

    runtime_id: str
    turn_id: str


def turns_named(text: str, turns: Mapping[str, Collection[str]]) -> list[TurnName]:
    """The turns, by runtime, that a text may mean. If some are meant exactly, only these.

    A text is `TURN` or `RUNTIME/TURN`. Of each part its beginning or its end will do, or both
    with an ellipsis between them, as lines on a terminal show ids. O(turns).
    """
    every = [TurnName(runtime, turn) for runtime, own in turns.items() for turn in own]
    exact = [name for name in every if name.turn_id == text]
    whole = [name for name in every if f"{name.runtime_id}/{name.turn_id}" == text]
    return exact or whole or _shortened(text, every)


def _shortened(text: str, every: list[TurnName]) -> list[TurnName]:
    found = [name for name in every if _may_be(text, name.turn_id)]
    for index, char in enumerate(text):
        if char == "/":
            runtime, turn = text[:index], text[index + 1 :]
            found += [
                name
                for name in every
                if _may_be(runtime, name.runtime_id) and _may_be(turn, name.turn_id)
            ]
    return [name for name in every if name in set(found)]


def _may_be(text: str, whole: str) -> bool:
    """Whether a text is an id, or one of its ends, or both of them."""
    for ellipsis in _ELLIPSES:
        begin, cut, end = text.partition(ellipsis)
        is_long = len(begin) + len(end) <= len(whole) and bool(begin or end)
        if cut and is_long and whole.startswith(begin) and whole.endswith(end):
            return True
    return bool(text) and (whole.startswith(text) or whole.endswith(text))
