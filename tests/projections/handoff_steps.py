"""Steps of a session for the tests of handoffs, and the facts that an audit finds."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from msgspec.structs import replace

from journal.events import Clear, Event, Handoff, Set, Takeover, Unknown
from projections.handoffs.findings import HandoffAudit, OpenCall
from tests.support import set_event


def writes(runtime: str, turn: str, *calls: str, done: Sequence[str] = ()) -> Set:
    """A set whose state names `calls` and has the results of `done`."""
    state = {"tool_calls": list(calls), "tool_results": dict.fromkeys(done, "x")}
    return set_event(turn, state, runtime)


def sets(runtime: str, turn: str, **state: Any) -> Set:
    """A set of any state."""
    return set_event(turn, state, runtime)


def child_of(runtime: str, turn: str, call: str | None = None) -> dict[str, Any]:
    """A `parent` as states have it."""
    found = {"runtime": runtime, "turn": turn}
    return {"parent": found if call is None else {**found, "tool_call_id": call}}


def hands(source: str, target: str, turn: str | None = None) -> Handoff:
    return Handoff(source=source, target=target, turn_id=turn)


def takes(runtime: str, answers: int | None = None, seen: int | None = None) -> Takeover:
    return Takeover(runtime_id=runtime, handoff_seq=answers, seen_seq=seen)


def clears(runtime: str | None = None) -> Clear:
    return Clear(runtime_id=runtime)


def unknown() -> Unknown:
    return Unknown(seq=0, op="note", prev="", hash="", line=b'{"op":"note"}')


def at(seq: int) -> str:
    return f"2026-11-22T10:{seq // 60:02d}:{seq % 60:02d}.000000Z"


def log(*steps: Event, first: int = 1) -> list[Event]:
    """The steps as events with seqs from `first`, a second apart."""
    return [
        replace(step, seq=seq, ts=at(seq), writer=step.writer or "host:1")
        for seq, step in enumerate(steps, first)
    ]


def facts_of(found: HandoffAudit) -> dict[str, list[str]]:
    """An audit in a reader's words; what there is none of is left out."""
    everything = {
        "had it": [f"{span.runtime_id} {span.first_seq}-{span.last_seq}" for span in found.spans],
        "changes": [f"{each.source} to {each.target}: {each.status}" for each in found.changes],
        "late": [
            f"{seq} by {each.source} to {each.target}"
            for each in found.changes
            for seq in each.late_writes
        ],
        "ran twice": [
            f"{turn.turn_id}: {each.previous_runtime_id} {each.previous_seq}, "
            f"{each.runtime_id} {each.seq}"
            for turn in found.double_runs
            for each in turn.conflicts
        ],
        "shared": [turn.turn_id for turn in found.shared_turns],
        "open": [story_of(call) for each in found.changes for call in each.open_calls],
        "lost": [str(call.id or call.label) for call in found.lost_calls],
        "children": [f"{child.runtime_id} {child.turn_id}" for child in found.children],
    }
    return {fact: lines for fact, lines in everything.items() if lines}


def story_of(call: OpenCall) -> str:
    named = f"{call.id or call.label} of {call.runtime_id} {call.turn_id} at {call.named_seq}"
    return (
        named if call.finished_seq is None else f"{named}, {call.finished_seq} {call.finished_by}"
    )


Story: TypeAlias = tuple[list[Event], dict[str, list[str]]]
