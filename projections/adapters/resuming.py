"""A turn that waits, made anew from its state: it may go on in another process. Pure: no I/O."""

from collections.abc import Collection, Mapping
from typing import Any

from projections.adapters.calls import UNFINISHED
from projections.adapters.turns import Turn
from projections.adapters.values import Slice, Slicer

_TEXTS = ("agent", "stop_reason", "model", "opened_at")
_COUNTED = ("tool_calls", "handoffs", "transcript")


def latest_waiting(turns: Mapping[str, Any], call_ids: Collection[str]) -> str | None:
    """The id of the latest turn that waits for all of these calls; None if there is none.

    `turns` are the states of one runtime, oldest first. A turn whose state had no room for some
    of its calls is one if it waits for any of them.
    """
    wanted = set(call_ids)
    for turn_id in reversed(list(turns)):
        state = turns[turn_id]
        if isinstance(state, dict) and state.get("status") == "waiting":
            found = wanted & _waiting_calls(state)
            if found and (found == wanted or _counts(state).get("open_calls")):
                return turn_id
    return None


def made_anew(
    state: dict[str, Any], session_id: str, runtime_id: str, turn_id: str, slicer: Slicer
) -> Turn:
    """The turn of a state, which goes on now. Values stay as they were kept.

    Raises TypeError, KeyError and ValueError for a state that is no recorded turn.
    """
    turn = Turn(session_id, runtime_id, turn_id, slicer=slicer)
    for name in _TEXTS:
        if name in state:
            setattr(turn, name, state[name])
    turn.usage = dict(state.get("usage", {}))
    turn.parent_reference = state.get("parent")
    turn.handoffs.extend(state.get("handoffs", ()))
    omitted = _counts(state)
    turn.omitted_before = {name: omitted[name] for name in _COUNTED if name in omitted}
    for call in state.get("tool_calls", ()):
        turn.calls.restore(call)
    for message in state.get("transcript", ()):
        cut = message.get("cut", {}).get("content")
        turn.transcript.add(message["role"], Slice.of(message["content"], cut))
    return turn


def _waiting_calls(state: dict[str, Any]) -> set[str]:
    calls = state.get("tool_calls")
    listed = calls if isinstance(calls, list) else ()
    return {
        call["id"]
        for call in listed
        if isinstance(call, dict)
        and isinstance(call.get("id"), str)
        and call.get("status") in UNFINISHED
    }


def _counts(state: dict[str, Any]) -> dict[str, int]:
    found = state.get("omitted")
    return found if isinstance(found, dict) else {}
