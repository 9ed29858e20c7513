"""Cuts tool calls and messages to a number of bytes. Pure: no I/O."""

from collections.abc import Iterator
from typing import Any

import msgspec

from projections.adapters.texts import CUT


def size_of(value: object) -> int:
    """Bytes of a value as JSON."""
    return len(msgspec.json.encode(value))


def omit_calls(state: dict[str, Any], excess: int) -> None:
    """Leave out finished calls, the oldest first, until `excess` bytes are gone."""
    calls = state.get("tool_calls", [])
    finished = [call for call in calls if call["status"] != "open"][:-1]
    excess += len('"tool_calls_omitted":,') + len(str(len(finished)))
    omitted = set()
    for call in finished:
        if excess <= 0:
            break
        omitted.add(id(call))
        excess -= size_of(call) + 1
    if omitted:
        state["tool_calls"] = [call for call in calls if id(call) not in omitted]
        state["tool_calls_omitted"] = len(omitted)


def slice_of(messages: list[dict[str, str]], room: int) -> list[dict[str, str]]:
    """The first message and the latest ones, cut so that they fit into `room` bytes.

    The first is the question and the last the answer. These two share the room; the messages
    before the last get the rest.
    """
    chosen: dict[int, dict[str, str]] = {}
    last = len(messages) - 1
    shares = {0: room // 2} if last > 0 else {}
    for index in _order(last):
        share = min(shares.get(index, room), room)
        cut = _cut_to(messages[index], share)
        if cut is None:
            if index:
                break
            continue
        chosen[index] = cut
        room -= size_of(cut) + 1
    return [chosen[index] for index in sorted(chosen)]


def _order(last: int) -> Iterator[int]:
    """The first, the last, then backwards from there."""
    yield 0
    yield from range(last, 0, -1)


def _cut_to(message: dict[str, str], room: int) -> dict[str, str] | None:
    """The message with its content cut to `room` bytes of JSON; None if that leaves nothing."""
    if size_of(message) <= room:
        return message
    text = message["content"]
    kept = room - size_of({**message, "content": CUT})
    text = text[: max(kept, 0)]  # a character takes a byte or more
    while text and size_of(text) - 2 > kept:
        text = text[: len(text) - max(1, (size_of(text) - 2 - kept) // 6)]
    return {**message, "content": text + CUT} if text else None
