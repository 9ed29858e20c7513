"""The form of a recorded turn, and what its state has room for. Pure: no I/O.

    {"turn": 1, "agent": "triage", "status": "open", "opened_at": "2026-11-23T10:20:41.714Z",
     "tool_calls": [{"id": "call-1", "name": "search", "status": "completed",
                     "arguments": {"parcel": 17}, "result": "in Bonn"}],
     "transcript": [{"role": "user", "content": "Where is my parcel?"}]}

- `status` is `open`, `waiting` while a person has to approve or to answer, and once the turn has
  ended `completed`, `error`, `cancelled` or `interrupted`. Then there is `closed_at`. A call may
  also be `denied`. How a turn ends says little of its calls: one may still run after a turn was
  cancelled, and stays `open` until something says what became of it.
- `parent` is the turn that called for this one: `runtime`, `turn`, the `tool_call_id` if it
  is known, and the `session` if it is another one.
- `handoffs` are the turns that this one called for or handed over to, with the same fields.
- `omitted` counts what the limit left no room for. Earlier states of the turn have that.
- `cut`, beside a text that was cut, has its length in bytes and the beginning of its SHA-256.

Calls, messages and handoffs come as JSON that was made when they changed, so that one more
state of a long turn costs little more than copying it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from journal.redaction import Plain, may_hold_secrets
from projections.adapters.calls import COMMA, ToolCalls
from projections.adapters.transcripts import Transcript
from projections.adapters.values import json_of

FORM = 1
"""The version of the form, the `turn` of each state."""

LEAST = 320
"""Bytes in which a turn can still say what it is and how it goes."""

_FRAME = (
    len('"tool_calls":[],"transcript":[],"handoffs":[],')
    + len('"omitted":{"tool_calls":,"open_calls":,"handoffs":,"transcript":},')
    + 4 * len("999999")
)  # bytes for what is left out, and around what is not

_encode = msgspec.json.Encoder().encode

_LESS_AND_LESS = ("usage", "error", "cut", "model", "parent", "agent")


class State(Struct, omit_defaults=True, kw_only=True):
    """A recorded turn; what is None is left out."""

    turn: int
    agent: str | None = None
    status: str | None = None
    stop_reason: str | None = None
    opened_at: str | None = None
    closed_at: str | None = None
    model: str | None = None
    usage: dict[str, float] | None = None
    parent: dict[str, str] | None = None
    error: Raw | None = None
    cut: dict[str, Any] | None = None
    tool_calls: list[Raw] | None = None
    transcript: list[Raw] | None = None
    handoffs: list[Raw] | None = None
    omitted: dict[str, int] | None = None


def encoded(
    state: State,
    calls: ToolCalls,
    transcript: Transcript,
    handoffs: Sequence[dict[str, str]],
    omitted_before: Mapping[str, int],
    most: int,
) -> bytes:
    """The state, in at most `most` bytes of JSON, with as much of the others as there is room for.

    Room is given to calls that are not over, then to the user's first words and to the last
    ones said, then to the newest calls and handoffs. `omitted_before` counts what was left out
    already. Plain if all parts are: only those are searched here that were not when they came.
    Changes `state`. O(what is shown).
    """
    head = _encode(state)
    room = most - _FRAME - len(head)
    if handoffs or omitted_before or not _has_all(state, calls, transcript, room):
        _choose(state, calls, transcript, handoffs, omitted_before, room)
    found = _encode(state)
    is_plain = calls.are_plain and transcript.is_plain
    if is_plain and not may_hold_secrets(head) and not _may_hold_secrets(state.handoffs):
        return Plain(found)
    return found


def _has_all(state: State, calls: ToolCalls, transcript: Transcript, room: int) -> bool:
    """Give all of it to the state, if there is room: as `_choose` does, in less time."""
    messages = transcript.all()
    listed = None if messages is None else calls.all(room - transcript.size)
    if messages is None or listed is None:
        return False
    state.transcript, state.tool_calls = messages or None, listed or None
    return True


def _choose(
    state: State,
    calls: ToolCalls,
    transcript: Transcript,
    handoffs: Sequence[dict[str, str]],
    omitted_before: Mapping[str, int],
    room: int,
) -> None:
    """Give the state what there is room for, and count what is left out."""
    if room < 0:
        room = _cut_down(state, room)
    shown, taken = calls.shown(room)
    open_calls = len(shown)
    room -= taken
    messages, said = transcript.shown(room // 2)
    room -= said
    newest, taken = _newest(handoffs, room // 4) if handoffs else ([], 0)
    room -= taken
    finished, taken = calls.shown_finished(room)
    room -= taken
    if len(messages) < transcript.count:
        messages, _ = transcript.shown(said + room)
    shown |= finished
    if shown:
        state.tool_calls = [shown[number] for number in sorted(shown)]
    state.transcript = messages or None
    state.handoffs = newest or None
    still_open = len(calls.unfinished)
    counts = {
        "tool_calls": len(calls) - still_open - len(finished),
        "open_calls": still_open - open_calls,
        "handoffs": len(handoffs) - len(newest),
        "transcript": transcript.count - len(messages),
    }
    for name, count in omitted_before.items():
        counts[name] += count
    state.omitted = {name: count for name, count in counts.items() if count} or None


def _may_hold_secrets(parts: list[Raw] | None) -> bool:
    return parts is not None and may_hold_secrets(_encode(parts))


def _cut_down(state: State, room: int) -> int:
    """Leave less of a beginning that is too long: ids may be of any length. Returns the room."""
    size = len(_encode(state))
    for name in _LESS_AND_LESS:
        if room >= 0:
            break
        setattr(state, name, None)
        before, size = size, len(_encode(state))
        room += before - size
    return room


def _newest(handoffs: Sequence[dict[str, str]], room: int) -> tuple[list[Raw], int]:
    """As many of the latest as there is room for, and the bytes that they take."""
    found: list[Raw] = []
    taken = 0
    for each in reversed(handoffs):
        handoff = json_of(each)
        cost = len(handoff) + COMMA
        if taken + cost > room:
            break
        found.append(handoff)
        taken += cost
    return found[::-1], taken
