"""What the journal has of a session, without what differs each time. That is checked here."""

import re
from typing import Any

from projections import DefaultSessionStore

_TIMES = ("opened_at", "asked_at", "started_at", "ended_at", "closed_at")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def session(store: DefaultSessionStore, session_id: str) -> dict[str, Any]:
    """Its turns, whole, and its audit. Turns are named `triage-1`, in the order of each runtime.

    In place of times there is, in `times`, which there are. They must be in their order.
    """
    states = store.state_at(session_id)
    names = {
        turn_id: f"{runtime}-{number}"
        for runtime, turns in states.items()
        for number, turn_id in enumerate(turns, 1)
    }
    audit = store.audit(session_id)
    return {
        "turns": {
            names[turn_id]: _turn(state, names)
            for turns in states.values()
            for turn_id, state in turns.items()
        },
        "ok": audit.ok,
        "changes": [
            (each.source, each.target, each.reason, each.status) for each in audit.changes
        ],
        "findings": [_finding(each, names) for each in audit.findings],
    }


def _turn(state: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    found = _timed(state)
    for call in found.get("tool_calls", ()):
        for name in set(call) & set(_TIMES):
            assert state["opened_at"] <= call[name] <= state.get("closed_at", "9")
    if "tool_calls" in found:
        found["tool_calls"] = [_timed(call) for call in found["tool_calls"]]
    if "parent" in found:
        found["parent"] = _named(found["parent"], names)
    if "handoffs" in found:
        found["handoffs"] = sorted(
            (_named(each, names) for each in found["handoffs"]), key=lambda each: each["turn"]
        )
    return found


def _timed(state: dict[str, Any]) -> dict[str, Any]:
    there = [name for name in _TIMES if name in state]
    times = [state[name] for name in there]
    assert all(_TIME.fullmatch(time) for time in times)
    assert times == sorted(times)
    found = {name: value for name, value in state.items() if name not in there}
    return {**found, "times": " ".join(name.removesuffix("_at") for name in there)}


def _named(reference: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {**reference, "turn": names[reference["turn"]]}


def _finding(finding: Any, names: dict[str, str]) -> tuple[Any, ...]:
    text = _TIME.sub("TIME", finding.text)
    for turn_id, name in names.items():
        text = text.replace(turn_id, name)
    consequences = [_finding(each, names) for each in finding.consequences]
    return (finding.kind, finding.severity, text, consequences)
