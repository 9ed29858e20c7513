"""The texts of an event that are searched: what was recorded, as people know it.

These are the values of the state, with JSON escapes undone, the names of fields that users chose
(such as those of a call's arguments), the ids of runtime and turn, the reason of a handoff, and
what happened if it was no turn (`handoff`, `takeover`, `clear`). Not searched are the names of
fields that all recorded turns have, numbers of events, times of events, writers, and hashes.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

from journal.events import Event, Set, Unknown

Text: TypeAlias = tuple[str, str]
"""A place in the event, such as `tool_calls[0].result`, and what stands there.

For the name of a field, the place is that of its value, and the text its name.
"""

_decode = msgspec.json.Decoder(float_hook=str).decode  # numbers as they are written
_IDS = ("runtime_id", "turn_id", "target", "reason")
OF_ALL = frozenset(("seq", "ts", "op", "writer", "prev", "hash", "runtime_id", "turn_id"))
"""The names that every event may have; of an event of a kind that we do not know, too."""

OF_TURNS = frozenset(
    (
        *("turn", "agent", "status", "stop_reason", "opened_at", "closed_at", "model", "usage"),
        *("input_tokens", "output_tokens", "cache_read_tokens", "cost_usd", "parent", "runtime"),
        *("tool_call_id", "forked_from", "session", "tool_calls", "id", "name", "arguments"),
        *("result", "error", "exit_code", "asked_at", "answer", "started_at", "ended_at"),
        *("transcript", "role", "content", "handoffs", "omitted", "open_calls", "provisional"),
        *("notes_dropped", "source", "harness", "version", "file", "from", "to"),
    )
)
"""The names of the form of recorded turns."""


def texts_of(event: Event) -> Iterator[Text]:
    """The texts of an event, in the order in which they stand there. O(size of the event)."""
    if type(event) is not Set:
        yield "", event.op
    for name in _IDS:
        value = getattr(event, name, None)
        if value is not None:
            yield name, value
    if isinstance(event, Set):
        yield from texts_in_state(event)
    elif isinstance(event, Unknown):
        fields = _decode(event.line)
        yield from _texts_in({k: v for k, v in fields.items() if k not in OF_ALL}, "")


def texts_in_state(event: Set) -> Iterator[Text]:
    """The texts of the state of an event, without those of the event itself."""
    yield from _texts_in(_decode(event.state), "")


def _texts_in(value: Any, place: str) -> Iterator[Text]:
    """Of a decoded value, without recursion: it may be nested deep."""
    stack: list[tuple[str, Any]] = [(place, value)]
    while stack:
        place, value = stack.pop()
        if isinstance(value, str):
            yield place, value
        elif isinstance(value, dict):
            below = []
            for name, item in value.items():
                path = f"{place}.{name}" if place else name
                if name not in OF_TURNS:
                    below.append((path, name))
                below.append((path, item))
            stack.extend(reversed(below))
        elif isinstance(value, list):
            stack.extend([(f"{place}[{index}]", item) for index, item in enumerate(value)][::-1])
        elif value is not None:
            yield place, _as_json(value)


def _as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
