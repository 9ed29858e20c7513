"""The audit of handoffs: stories with what a reader would tell of them, and a slow model.

The model goes by the definitions, set by set and event by event, and must agree with the
single pass on any history.
"""

import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from journal.events import Clear, Event, Handoff, Set, Takeover, Unknown
from projections.handoffs.audit import audit
from projections.handoffs.findings import Change, HandoffAudit, OpenCall
from projections.handoffs.pending import PendingHandoffs
from projections.handoffs.tool_calls import calls_in
from tests.support import set_event

# Steps of a story, and what is told of it


def writes(runtime: str, turn: str, *calls: str, done: Sequence[str] = ()) -> Set:
    """A set whose state names `calls` and has the results of `done`."""
    state = {"tool_calls": list(calls), "tool_results": dict.fromkeys(done, "x")}
    return set_event(turn, state, runtime)


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


def told(found: HandoffAudit) -> dict[str, list[str]]:
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
        "open": [told_of(call) for each in found.changes for call in each.open_calls],
        "lost": [call.id for call in found.lost_calls],
    }
    return {fact: lines for fact, lines in everything.items() if lines}


def told_of(call: OpenCall) -> str:
    named = f"{call.id} of {call.runtime_id} {call.turn_id} at {call.named_seq}"
    return (
        named if call.finished_seq is None else f"{named}, {call.finished_seq} {call.finished_by}"
    )


Story: TypeAlias = tuple[list[Event], dict[str, list[str]]]

CHANGES: dict[str, Story] = {
    "nothing happened": ([], {}),
    "one runtime by itself": (
        log(writes("native", "1"), writes("native", "2")),
        {"had it": ["native 1-2"]},
    ),
    "handed off and taken over": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("codex", "2"),
        ),
        {"had it": ["native 1-2", "codex 3-4"], "changes": ["native to codex: taken over"]},
    ),
    "there and back again, and nobody is late": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("codex", "2"),
            hands("codex", "native"),
            takes("native", 5),
            writes("native", "1"),
        ),
        {
            "had it": ["native 1-2", "codex 3-5", "native 6-7"],
            "changes": ["native to codex: taken over", "codex to native: taken over"],
        },
    ),
    "announced, and nobody came": (
        log(writes("native", "1"), hands("native", "codex")),
        {"had it": ["native 1-2"], "changes": ["native to codex: pending"]},
    ),
    "handed off, and the target just wrote": (
        log(writes("native", "1"), hands("native", "codex"), writes("codex", "2")),
        {"had it": ["native 1-2", "codex 3-3"], "changes": ["native to codex: implicit"]},
    ),
    "the target wrote first and took over then: it has the session already": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            writes("codex", "2"),
            takes("codex", 2),
        ),
        {"had it": ["native 1-2", "codex 3-4"], "changes": ["native to codex: implicit"]},
    ),
    "handed off before anyone wrote": (
        log(hands("native", "codex"), writes("codex", "1")),
        {"had it": ["codex 2-2"], "changes": ["native to codex: implicit"]},
    ),
    "taken over without a word": (
        log(writes("native", "1"), takes("codex"), writes("codex", "2")),
        {"had it": ["native 1-1", "codex 2-3"], "changes": ["native to codex: unannounced"]},
    ),
    "written to without a word": (
        log(writes("native", "1"), writes("codex", "2"), writes("codex", "3")),
        {"had it": ["native 1-1", "codex 2-3"], "changes": ["native to codex: unannounced"]},
    ),
    "a takeover by who has the session is a restart": (
        log(writes("native", "1"), takes("native"), writes("native", "2")),
        {"had it": ["native 1-3"]},
    ),
    "taking over what nobody has is a start": (
        log(takes("native"), writes("native", "1"), writes("codex", "2")),
        {"had it": ["native 1-2", "codex 3-3"], "changes": ["native to codex: unannounced"]},
    ),
    "a handoff to one announces nothing for another": (
        log(writes("native", "1"), hands("native", "codex"), takes("claude", 2)),
        {
            "had it": ["native 1-2", "claude 3-3"],
            "changes": ["native to codex: pending", "native to claude: unannounced"],
        },
    ),
    "announced twice, and nobody came": (
        log(writes("native", "1"), hands("native", "codex"), hands("native", "codex")),
        {
            "had it": ["native 1-3"],
            "changes": ["native to codex: superseded", "native to codex: pending"],
        },
    ),
    "announced twice, the later one answered": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            hands("native", "codex"),
            takes("codex", 3),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to codex: superseded", "native to codex: taken over"],
        },
    ),
    "announced twice, the earlier one answered": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            hands("native", "codex"),
            takes("codex", 2),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to codex: taken over", "native to codex: superseded"],
        },
    ),
    "announced twice, and the target just wrote": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            hands("native", "codex"),
            writes("codex", "2"),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to codex: superseded", "native to codex: implicit"],
        },
    ),
    "announced, but the takeover names no handoff": (
        log(writes("native", "1"), hands("native", "codex"), takes("codex")),
        {
            "had it": ["native 1-2", "codex 3-3"],
            "changes": ["native to codex: superseded", "native to codex: unannounced"],
        },
    ),
    "a handoff answered once announces nothing any more": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            takes("codex", 2),
            takes("native"),
            takes("codex", 2),
        ),
        {
            "had it": ["native 1-2", "codex 3-4", "native 5-5", "codex 6-6"],
            "changes": [
                "native to codex: taken over",
                "codex to native: unannounced",
                "native to codex: unannounced",
            ],
        },
    ),
    "the handoff is no longer in the history, nor who made it": (
        log(takes("codex", 12, 39), writes("codex", "1"), first=40),
        {"had it": ["codex 40-41"], "changes": ["None to codex: taken over"]},
    ),
    "the handoff is no longer in the history, who had the session then is late": (
        log(writes("native", "1"), takes("codex", 12), writes("native", "1"), first=40),
        {
            "had it": ["native 40-40", "codex 41-42"],
            "changes": ["native to codex: taken over"],
            "late": ["42 by native to codex"],
        },
    ),
    "a restart that names a handoff of long ago": (
        log(writes("native", "1"), takes("native", 12), first=40),
        {"had it": ["native 40-41"]},
    ),
    "handed to itself": (
        log(
            writes("native", "1"),
            hands("native", "native"),
            writes("native", "1"),
            takes("native", 2),
        ),
        {"had it": ["native 1-4"], "changes": ["native to native: taken over"]},
    ),
    "events that mean nothing here leave the session where it is": (
        log(unknown(), writes("native", "1"), unknown(), clears()),
        {"had it": ["native 2-4"]},
    ),
}

LATE: dict[str, Story] = {
    "handed off and wrote on, before anyone came": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            writes("native", "1"),
            writes("native", "2"),
            takes("codex", 2),
        ),
        {
            "had it": ["native 1-4", "codex 5-5"],
            "changes": ["native to codex: taken over"],
            "late": ["3 by native to codex", "4 by native to codex"],
        },
    ),
    "wrote on after it was taken over: the session stays where it is": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("native", "1"),
            writes("codex", "2"),
        ),
        {
            "had it": ["native 1-2", "codex 3-5"],
            "changes": ["native to codex: taken over"],
            "late": ["4 by native to codex"],
        },
    ),
    "wrote on and on after it was taken over: the session still stays where it is": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("native", "1"),
            writes("native", "1"),
        ),
        {
            "had it": ["native 1-2", "codex 3-5"],
            "changes": ["native to codex: taken over"],
            "late": ["4 by native to codex", "5 by native to codex"],
        },
    ),
    "began a new turn after it was taken over: it took the session back": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("native", "9"),
        ),
        {
            "had it": ["native 1-2", "codex 3-3", "native 4-4"],
            "changes": ["native to codex: taken over", "codex to native: unannounced"],
            "late": ["4 by native to codex"],
        },
    ),
    "goes on after the takeover with a turn begun after the handoff: only late": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            writes("native", "2"),
            takes("codex", 2),
            writes("native", "2"),
        ),
        {
            "had it": ["native 1-3", "codex 4-5"],
            "changes": ["native to codex: taken over"],
            "late": ["3 by native to codex", "5 by native to codex"],
        },
    ),
    "what another began is new for it": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            writes("codex", "2"),
            writes("native", "2"),
        ),
        {
            "had it": ["native 1-2", "codex 3-3", "native 4-4"],
            "changes": ["native to codex: implicit", "codex to native: unannounced"],
            "late": ["4 by native to codex"],
            "ran twice": ["2: codex 3, native 4"],
        },
    ),
    "handed back, and just wrote": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            hands("codex", "native"),
            writes("native", "1"),
        ),
        {
            "had it": ["native 1-2", "codex 3-4", "native 5-5"],
            "changes": ["native to codex: taken over", "codex to native: implicit"],
        },
    ),
    "took the session back by a takeover, before anyone came": (
        log(
            writes("native", "1"), hands("native", "codex"), takes("native"), writes("native", "2")
        ),
        {"had it": ["native 1-4"], "changes": ["native to codex: pending"]},
    ),
    "handed off to two: late for the second": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            hands("native", "claude"),
            writes("native", "1"),
        ),
        {
            "had it": ["native 1-4"],
            "changes": ["native to codex: pending", "native to claude: pending"],
            "late": ["4 by native to claude"],
        },
    ),
    "handed off again after it had lost the session: still only late": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            hands("native", "claude"),
            writes("native", "1"),
        ),
        {
            "had it": ["native 1-2", "codex 3-5"],
            "changes": ["native to codex: taken over", "native to claude: pending"],
            "late": ["5 by native to claude"],
        },
    ),
    "took it back by writing, handed off anew: what it began meanwhile is only late": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("native", "9"),
            hands("native", "claude"),
            takes("claude", 5),
            writes("native", "9"),
        ),
        {
            "had it": ["native 1-2", "codex 3-3", "native 4-5", "claude 6-7"],
            "changes": [
                "native to codex: taken over",
                "codex to native: unannounced",
                "native to claude: taken over",
            ],
            "late": ["4 by native to codex", "7 by native to claude"],
        },
    ),
    "took it back by writing, lost it by its other handoff: only late again": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            hands("native", "claude"),
            takes("codex", 2),
            writes("native", "9"),
            takes("claude", 3),
            writes("native", "9"),
        ),
        {
            "had it": ["native 1-3", "codex 4-4", "native 5-5", "claude 6-7"],
            "changes": [
                "native to codex: taken over",
                "native to claude: taken over",
                "codex to native: unannounced",
            ],
            "late": ["5 by native to claude", "7 by native to claude"],
        },
    ),
    "robbed while its handoff was waiting, it writes: a change, and late too": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("claude"),
            writes("native", "1"),
        ),
        {
            "had it": ["native 1-2", "claude 3-3", "native 4-4"],
            "changes": [
                "native to codex: pending",
                "native to claude: unannounced",
                "claude to native: unannounced",
            ],
            "late": ["4 by native to codex"],
        },
    ),
}

TURNS: dict[str, Story] = {
    "two runtimes ran it and nobody handed off": (
        log(writes("native", "1"), writes("codex", "1"), writes("native", "1")),
        {
            "had it": ["native 1-1", "codex 2-2", "native 3-3"],
            "changes": ["native to codex: unannounced", "codex to native: unannounced"],
            "ran twice": ["1: native 1, codex 2", "1: codex 2, native 3"],
        },
    ),
    "an unannounced takeover is no excuse": (
        log(writes("native", "1"), takes("codex"), writes("codex", "1")),
        {
            "had it": ["native 1-1", "codex 2-3"],
            "changes": ["native to codex: unannounced"],
            "ran twice": ["1: native 1, codex 3"],
        },
    ),
    "handed off in the middle of it": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("codex", "1"),
        ),
        {
            "had it": ["native 1-2", "codex 3-4"],
            "changes": ["native to codex: taken over"],
            "shared": ["1"],
        },
    ),
    "handed off by way of a third": (
        log(
            writes("native", "1"),
            hands("native", "claude"),
            hands("claude", "codex"),
            writes("codex", "1"),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to claude: pending", "claude to codex: implicit"],
            "shared": ["1"],
        },
    ),
    "by way of a third, in the wrong order": (
        log(
            writes("native", "1"),
            hands("claude", "codex"),
            hands("native", "claude"),
            writes("codex", "1"),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["claude to codex: implicit", "native to claude: pending"],
            "ran twice": ["1: native 1, codex 4"],
        },
    ),
    "handed off in the other direction": (
        log(writes("native", "1"), hands("codex", "native"), writes("codex", "1")),
        {
            "had it": ["native 1-2", "codex 3-3"],
            "changes": ["codex to native: pending", "native to codex: unannounced"],
            "late": ["3 by codex to native"],
            "ran twice": ["1: native 1, codex 3"],
        },
    ),
    "handed off for this turn": (
        log(writes("native", "1"), hands("native", "codex", "1"), writes("codex", "1")),
        {
            "had it": ["native 1-2", "codex 3-3"],
            "changes": ["native to codex: implicit"],
            "shared": ["1"],
        },
    ),
    "handed off for another turn": (
        log(writes("native", "1"), hands("native", "codex", "2"), writes("codex", "1")),
        {
            "had it": ["native 1-2", "codex 3-3"],
            "changes": ["native to codex: implicit"],
            "ran twice": ["1: native 1, codex 3"],
        },
    ),
    "handed off before the source wrote it last": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            writes("native", "1"),
            writes("codex", "1"),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to codex: implicit"],
            "late": ["3 by native to codex"],
            "ran twice": ["1: native 3, codex 4"],
        },
    ),
    "handed off once, then both ran it": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("codex", "1"),
            writes("native", "1"),
        ),
        {
            "had it": ["native 1-2", "codex 3-5"],
            "changes": ["native to codex: taken over"],
            "late": ["5 by native to codex"],
            "ran twice": ["1: codex 4, native 5"],
        },
    ),
    "a clear does not undo what was run": (
        log(writes("native", "1"), clears(), writes("codex", "1")),
        {
            "had it": ["native 1-2", "codex 3-3"],
            "changes": ["native to codex: unannounced"],
            "ran twice": ["1: native 1, codex 3"],
        },
    ),
}

CALLS: dict[str, Story] = {
    "the new owner finished what was open": (
        log(
            writes("native", "1", "a"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("codex", "2", done=["a"]),
            writes("native", "1", done=["a"]),
        ),
        {
            "had it": ["native 1-2", "codex 3-5"],
            "changes": ["native to codex: taken over"],
            "late": ["5 by native to codex"],
            "open": ["a of native 1 at 1, 4 codex"],
        },
    ),
    "nobody finished it": (
        log(writes("native", "1", "a"), hands("native", "codex"), takes("codex", 2)),
        {
            "had it": ["native 1-2", "codex 3-3"],
            "changes": ["native to codex: taken over"],
            "open": ["a of native 1 at 1"],
            "lost": ["a"],
        },
    ),
    "announced only: nothing is handed over yet": (
        log(writes("native", "1", "a"), hands("native", "codex")),
        {"had it": ["native 1-2"], "changes": ["native to codex: pending"]},
    ),
    "finished in time, and shown as open again": (
        log(
            writes("native", "1", "a"),
            writes("native", "1", done=["a"]),
            writes("native", "2", "a"),
            hands("native", "codex"),
            takes("codex", 4),
        ),
        {"had it": ["native 1-4", "codex 5-5"], "changes": ["native to codex: taken over"]},
    ),
    "finished by the last that the new owner had seen": (
        log(
            writes("native", "1", "a"),
            writes("native", "1", done=["a"]),
            takes("codex", seen=2),
        ),
        {"had it": ["native 1-2", "codex 3-3"], "changes": ["native to codex: unannounced"]},
    ),
    "finished after what the new owner had seen": (
        log(
            writes("native", "1", "a"),
            hands("native", "codex"),
            writes("native", "1", done=["a"]),
            takes("codex", 2, seen=2),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to codex: taken over"],
            "late": ["3 by native to codex"],
            "open": ["a of native 1 at 1, 3 native"],
        },
    ),
    "named after what the new owner had seen": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            writes("native", "1", "a"),
            takes("codex", 2, seen=2),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to codex: taken over"],
            "late": ["3 by native to codex"],
        },
    ),
    "named by the very write that took over": (
        log(writes("native", "1"), hands("native", "codex"), writes("codex", "2", "a")),
        {"had it": ["native 1-2", "codex 3-3"], "changes": ["native to codex: implicit"]},
    ),
    "cleared before": (
        log(
            writes("native", "1", "a"),
            clears("native"),
            hands("native", "codex"),
            takes("codex", 3),
        ),
        {"had it": ["native 1-3", "codex 4-4"], "changes": ["native to codex: taken over"]},
    ),
    "cleared, but named in another runtime's turn as well": (
        log(
            writes("native", "1", "a"),
            hands("native", "codex"),
            writes("codex", "2", "a"),
            clears("native"),
            hands("codex", "native"),
            takes("native", 5),
        ),
        {
            "had it": ["native 1-2", "codex 3-5", "native 6-6"],
            "changes": ["native to codex: implicit", "codex to native: taken over"],
            "open": ["a of native 1 at 1", "a of codex 2 at 3"],
            "lost": ["a"],
        },
    ),
    "cleared, and the turn set again without it": (
        log(
            writes("native", "1", "a"),
            clears(),
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 4),
        ),
        {"had it": ["native 1-4", "codex 5-5"], "changes": ["native to codex: taken over"]},
    ),
    "cleared, and the turn set again with it": (
        log(
            writes("native", "1", "a"),
            clears(),
            writes("native", "1", "a"),
            hands("native", "codex"),
            takes("codex", 4),
        ),
        {
            "had it": ["native 1-4", "codex 5-5"],
            "changes": ["native to codex: taken over"],
            "open": ["a of native 1 at 3"],
            "lost": ["a"],
        },
    ),
    "overwritten by a state that no longer names it": (
        log(
            writes("native", "1", "a"),
            writes("native", "1", "b"),
            hands("native", "codex"),
            takes("codex", 3),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to codex: taken over"],
            "open": ["a of native 1 at 1", "b of native 1 at 2"],
            "lost": ["a", "b"],
        },
    ),
    "finished by a state that comes before the one that names it": (
        log(
            writes("codex", "1", done=["a"]),
            writes("native", "2", "a"),
            hands("native", "codex"),
            takes("codex", 3),
        ),
        {
            "had it": ["codex 1-1", "native 2-3", "codex 4-4"],
            "changes": ["codex to native: unannounced", "native to codex: taken over"],
        },
    ),
}

STORIES = CHANGES | LATE | TURNS | CALLS


@pytest.mark.parametrize(("events", "facts"), STORIES.values(), ids=STORIES)
def test_the_audit_tells_the_story(events: list[Event], facts: dict[str, list[str]]) -> None:
    found = audit(events)
    assert told(found) == facts
    faults = {"late", "ran twice", "lost"} & set(facts)
    unannounced = any(line.endswith("unannounced") for line in facts.get("changes", ()))
    assert found.ok is not bool(faults or unannounced)


# What the results say beyond the stories


def test_a_change_tells_all_there_is_to_know() -> None:
    (found,) = audit(
        log(
            writes("native", "1", "a", "b", done=["b"]),
            writes("native", "2", "c"),
            replace(hands("native", "codex", "2"), reason="stuck"),
            writes("native", "2", "d"),
            takes("codex", 3, seen=3),
            writes("native", "2", done=["a"]),
            writes("codex", "3", done=["c"]),
        )
    ).changes
    open_calls = (
        OpenCall(
            id="a",
            runtime_id="native",
            turn_id="1",
            named_seq=1,
            finished_seq=6,
            finished_by="native",
        ),
        OpenCall(
            id="c",
            runtime_id="native",
            turn_id="2",
            named_seq=2,
            finished_seq=7,
            finished_by="codex",
        ),
    )
    assert found == Change(
        source="native",
        target="codex",
        status="taken over",
        announced=True,
        handoff_seq=3,
        handed_off_at=at(3),
        takeover_seq=5,
        taken_over_at=at(5),
        first_write_seq=7,
        seconds=2.0,
        seen_seq=3,
        turn_id="2",
        reason="stuck",
        inherited_turns={"native": ("1", "2")},
        inherited_calls=("a", "b", "c"),
        open_calls=open_calls,
        late_writes=(4, 6),
    )


def test_a_change_without_a_takeover_is_dated_by_the_first_write() -> None:
    (found,) = audit(
        log(writes("native", "1"), hands("native", "codex"), unknown(), writes("codex", "2"))
    ).changes
    assert (found.handoff_seq, found.takeover_seq, found.first_write_seq) == (2, None, 4)
    assert (found.seen_seq, found.taken_over_at, found.seconds) == (3, at(4), 2.0)


def test_a_change_without_a_handoff_says_what_is_known() -> None:
    (found,) = audit(log(writes("native", "1"), takes("codex"), writes("codex", "2"))).changes
    assert (found.announced, found.handoff_seq, found.handed_off_at) == (False, None, None)
    assert (found.takeover_seq, found.taken_over_at, found.seconds) == (2, at(2), None)
    assert (found.source, found.first_write_seq, found.seen_seq) == ("native", 3, 1)
    (gone,) = audit(log(takes("codex", 12), first=40)).changes
    assert (gone.source, gone.announced, gone.handoff_seq) == (None, True, 12)
    assert (gone.handed_off_at, gone.seconds, gone.seen_seq) == (None, None, 39)


def test_a_handoff_that_waits_has_only_its_announcement() -> None:
    (found,) = audit(log(writes("native", "1", "a"), hands("native", "codex"))).changes
    assert (found.handoff_seq, found.handed_off_at) == (2, at(2))
    later = (found.takeover_seq, found.taken_over_at, found.first_write_seq, found.seen_seq)
    assert later == (None, None, None, None)
    assert (found.seconds, found.inherited_turns, found.inherited_calls) == (None, {}, ())


def test_the_first_write_counts_only_while_the_target_has_the_session() -> None:
    first, second, third = audit(
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            takes("native"),
            writes("native", "2"),
            writes("native", "3"),
            writes("codex", "4"),
        )
    ).changes
    assert [each.first_write_seq for each in (first, second, third)] == [None, 5, 7]


@pytest.mark.parametrize(
    ("handed", "taken", "seconds"),
    [
        ("2026-11-22T10:18:00.250000Z", "2026-11-22T10:19:00.500000Z", 60.25),
        ("2026-11-22T10:18:01.000000Z", "2026-11-22T10:18:00.000000Z", -1.0),
        ("2026-11-22T12:18:00+02:00", "2026-11-22T10:18:01Z", 1.0),
        ("yesterday", "2026-11-22T10:18:00.000000Z", None),
        ("2026-11-22T10:18:00", "2026-11-22T10:18:00Z", None),
        ("", "", None),
    ],
)
def test_seconds_are_what_the_clocks_said(handed: str, taken: str, seconds: float | None) -> None:
    events = log(writes("native", "1"), hands("native", "codex"), takes("codex", 2))
    events[1:] = [replace(events[1], ts=handed), replace(events[2], ts=taken)]
    assert audit(events).changes[0].seconds == seconds


def test_nobody_has_seen_more_than_there_was() -> None:
    events = log(writes("native", "1", "a"), takes("codex", seen=99), writes("codex", "1", "b"))
    (found,) = audit(events).changes
    assert (found.seen_seq, found.inherited_calls) == (1, ("a",))


def test_what_is_inherited_is_the_view_as_of_what_was_seen_in_its_order() -> None:
    events = log(
        writes("native", "1", "a"),
        writes("claude", "1", "b"),
        writes("native", "2", "c"),
        clears("native"),
        writes("native", "3", "d"),
        writes("native", "1", "e"),
        writes("claude", "1", "f", done=["g"]),
    )
    views: dict[int, tuple[dict[str, tuple[str, ...]], tuple[str, ...]]] = {
        0: ({}, ()),
        2: ({"native": ("1",), "claude": ("1",)}, ("a", "b")),
        3: ({"native": ("1", "2"), "claude": ("1",)}, ("a", "c", "b")),
        4: ({"claude": ("1",)}, ("b",)),
        6: ({"claude": ("1",), "native": ("3", "1")}, ("b", "d", "e")),
        7: ({"claude": ("1",), "native": ("3", "1")}, ("f", "g", "d", "e")),
    }
    for seen, (turns, calls) in views.items():
        taken = replace(takes("codex", seen=seen), seq=8)
        found = audit([*events, taken]).changes[-1]
        assert list(found.inherited_turns.items()) == list(turns.items())
        assert found.inherited_calls == calls


def test_a_span_tells_its_turns_and_times() -> None:
    found = audit(
        log(
            writes("native", "2"),
            writes("native", "1"),
            writes("native", "2"),
            hands("native", "codex"),
            takes("codex", 4),
            writes("native", "2"),
            writes("codex", "3"),
            unknown(),
        )
    )
    first, second = found.spans
    assert (first.since, first.until, first.turns) == (at(1), at(4), ("2", "1"))
    assert (second.since, second.until, second.turns) == (at(5), at(8), ("3",))


def test_a_double_run_tells_which_runtime_really_ran_the_turn() -> None:
    found = audit(
        log(
            replace(writes("native", "1", "a", "b"), writer="laptop:1"),
            replace(writes("native", "1", "a", done=["b"]), writer="laptop:2"),
            replace(writes("codex", "1", "a", done=["c"]), writer="server:3"),
            replace(writes("native", "1", "a"), writer="laptop:1"),
        )
    )
    (turn,) = found.double_runs
    native, codex = turn.runs
    assert (turn.turn_id, native.runtime_id, codex.runtime_id) == ("1", "native", "codex")
    assert (native.first_seq, native.last_seq, native.writes) == (1, 4, 3)
    assert (codex.first_seq, codex.last_seq, codex.writes) == (3, 3, 1)
    assert (native.writers, codex.writers) == (("laptop:1", "laptop:2"), ("server:3",))
    assert (native.calls, native.finished_calls) == (("a", "b"), ("b",))
    assert (codex.calls, codex.finished_calls) == (("a", "c"), ("c",))


@pytest.mark.parametrize(
    ("between", "had_session"),
    [
        ([], False),
        ([takes("codex")], True),
        ([hands("native", "codex")], True),
        ([hands("native", "codex"), takes("codex", 2)], True),
        ([hands("native", "claude")], False),
    ],
    ids=["just wrote", "took over", "was handed it", "was handed it and took over", "another's"],
)
def test_a_run_tells_whether_its_runtime_had_the_session(
    between: list[Event], had_session: bool
) -> None:
    found = audit(log(writes("native", "1"), *between, writes("codex", "1")))
    (turn,) = found.double_runs + found.shared_turns
    assert [run.had_session for run in turn.runs] == [True, had_session]


def test_a_call_lost_at_two_changes_is_listed_once() -> None:
    found = audit(log(writes("native", "1", "a"), takes("codex"), takes("native")))
    assert [len(change.open_calls) for change in found.changes] == [1, 1]
    assert [call.id for call in found.lost_calls] == ["a"]


@pytest.mark.parametrize(
    "state",
    [b"{", b"\xff", b"", b"[" * 100_000],
    ids=["cut off", "not UTF-8", "empty", "too deep"],
)
def test_a_damaged_state_counts_as_one_without_calls(state: bytes) -> None:
    damaged = Set(runtime_id="native", turn_id="1", state=Raw(state))
    found = audit(log(writes("native", "1", "a"), damaged, takes("codex")))
    assert found.changes[0].inherited_turns == {"native": ("1",)}
    assert found.changes[0].inherited_calls == ()
    assert [call.id for call in found.lost_calls] == ["a"]


def test_pending_and_superseded_handoffs_and_implicit_takeovers_are_no_faults() -> None:
    begin: list[Event] = [
        writes("native", "1"),
        hands("native", "codex"),
        hands("native", "codex"),
    ]
    for steps in (begin, [*begin, writes("codex", "1")], [*begin, takes("codex", 3)]):
        assert audit(log(*steps)).ok


# Handoffs that wait to be answered


@pytest.mark.parametrize(
    ("steps", "answered"),
    [
        ([], None),
        ([hands("native", "codex")], 1),
        ([hands("native", "claude")], None),
        ([hands("codex", "native")], None),
        ([hands("native", "codex"), hands("claude", "codex")], 2),
        ([hands("native", "codex"), writes("codex", "1"), clears(), unknown()], 1),
        ([hands("native", "codex"), takes("codex", 1)], None),
        ([hands("native", "codex"), takes("codex")], None),
        ([hands("native", "codex"), hands("native", "codex"), takes("codex", 1)], None),
        ([hands("native", "codex"), takes("claude", 1)], 1),
        ([hands("native", "codex"), takes("codex", 1), hands("native", "codex")], 3),
    ],
)
def test_a_takeover_answers_the_latest_handoff_that_waits(
    steps: list[Event], answered: int | None
) -> None:
    pending = PendingHandoffs()
    for event in log(*steps):
        pending.fold(event)
    assert pending.answered_by("codex") == answered
    pending.reset()
    assert pending.answered_by("codex") is None


def test_what_the_pending_handoffs_name_is_what_the_audit_takes_as_the_answer() -> None:
    events = log(
        writes("native", "1"),
        hands("native", "claude"),
        hands("native", "codex"),
        hands("native", "codex"),
    )
    pending = PendingHandoffs()
    for event in events:
        pending.fold(event)
    answer = replace(takes("codex", pending.answered_by("codex")), seq=5)
    found = audit([*events, answer]).changes
    assert [change.status for change in found] == ["pending", "superseded", "taken over"]


# Any history

RUNTIMES = st.sampled_from("abc")
TURN_IDS = st.sampled_from(["t1", "t2", "t3"])
CALL_IDS = st.lists(st.sampled_from("xyz"), max_size=2)
WRITES = st.builds(
    lambda runtime, turn, calls, done: writes(runtime, turn, *calls, done=done),
    RUNTIMES,
    TURN_IDS,
    CALL_IDS,
    CALL_IDS,
)
HANDS = st.builds(hands, RUNTIMES, RUNTIMES, st.none() | TURN_IDS)
CLEARS = st.builds(clears, st.none() | RUNTIMES)
SEQS = st.none() | st.integers(0, 40)
TAKES = st.builds(takes, RUNTIMES, SEQS, SEQS)
GAPS = st.sampled_from([1, 1, 1, 3])
STEPS: st.SearchStrategy[list[tuple[Event, int]]] = st.lists(
    st.tuples(WRITES | WRITES | WRITES | HANDS | TAKES | CLEARS, GAPS), max_size=16
)


def events_of(steps: list[tuple[Event, int]]) -> list[Event]:
    """The steps with seqs that leave gaps. Their takeovers may name any seq or none."""
    events: list[Event] = []
    seq = 0
    for step, gap in steps:
        seq += gap
        events.append(replace(step, seq=seq, ts=at(seq)))
    return events


HISTORIES = STEPS.map(events_of)


def answering(events: list[Event]) -> list[Event]:
    """The events, but takeovers that name what is no handoff before them name none."""
    known: set[int] = set()
    result: list[Event] = []
    for event in events:
        if isinstance(event, Handoff):
            known.add(event.seq)
        if isinstance(event, Takeover) and event.handoff_seq not in known:
            event = replace(event, handoff_seq=None)
        result.append(event)
    return result


def sets_in(events: list[Event]) -> list[Set]:
    return [event for event in events if isinstance(event, Set)]


def lead(handoffs: list[Handoff], source: str, target: str) -> bool:
    """Whether handoffs, in their order, lead from one runtime to another."""
    return any(
        each.source == source
        and (each.target == target or lead(handoffs[place + 1 :], each.target, target))
        for place, each in enumerate(handoffs)
    )


def conflicts_by_hand(events: list[Event]) -> set[tuple[str, int, int]]:
    """(turn, seq, seq): neighbouring sets of a turn by two runtimes and no handoff between."""
    found = set()
    sets = sets_in(events)
    for place, later in enumerate(sets):
        before = [each for each in sets[:place] if each.turn_id == later.turn_id]
        if not before or before[-1].runtime_id == later.runtime_id:
            continue
        between = [
            each
            for each in events
            if isinstance(each, Handoff)
            and before[-1].seq < each.seq < later.seq
            and each.turn_id in (None, later.turn_id)
        ]
        if not lead(between, before[-1].runtime_id, later.runtime_id):
            found.add((later.turn_id, before[-1].seq, later.seq))
    return found


def gives_back(event: Event, source: str) -> bool:
    """Whether from this event on the writes of `source` are late no more, or for another."""
    if isinstance(event, Handoff):
        return source in (event.source, event.target)
    return isinstance(event, Takeover) and event.runtime_id == source


def late_by_hand(events: list[Event]) -> dict[int, list[int]]:
    """For each handoff, the seqs of the late sets of its source."""
    found: dict[int, list[int]] = {}
    for place, handoff in enumerate(events):
        if isinstance(handoff, Handoff):
            after = events[place + 1 :]
            source = handoff.source
            found[handoff.seq] = [
                event.seq
                for number, event in enumerate(after)
                if isinstance(event, Set)
                and event.runtime_id == source != handoff.target
                and not any(gives_back(other, source) for other in after[:number])
            ]
    return found


def calls_of(event: Set) -> dict[str, bool]:
    return calls_in(msgspec.json.decode(event.state))


def is_cleared(events: list[Event], written: Set, seen: int) -> bool:
    """Whether a set's turn went out of the view between it and `seen`."""
    return any(
        isinstance(event, Clear)
        and written.seq < event.seq <= seen
        and event.runtime_id in (None, written.runtime_id)
        for event in events
    )


def open_by_hand(events: list[Event], seen: int) -> set[tuple[str, int, int | None]]:
    """(id, named, finished) of the calls named in what is alive and not finished by `seen`."""
    found = set()
    for call in "xyz":
        finished = [each.seq for each in sets_in(events) if calls_of(each).get(call) is True]
        if finished and finished[0] <= seen:
            continue
        named = [
            each.seq
            for each in sets_in(events)
            if each.seq <= seen and call in calls_of(each) and not is_cleared(events, each, seen)
        ]
        if named:
            found.add((call, named[0], finished[0] if finished else None))
    return found


def view_by_hand(events: list[Event], seen: int) -> dict[str, dict[str, Set]]:
    view: dict[str, dict[str, Set]] = {}
    for event in events:
        if isinstance(event, Set) and event.seq <= seen:
            view.setdefault(event.runtime_id, {})[event.turn_id] = event
        elif isinstance(event, Clear) and event.seq <= seen:
            for runtime in list(view) if event.runtime_id is None else [event.runtime_id]:
                view.pop(runtime, None)
    return view


@settings(deadline=None, max_examples=200)
@given(HISTORIES)
def test_double_runs_are_what_the_definition_says(events: list[Event]) -> None:
    found = audit(events)
    listed = {
        (turn.turn_id, conflict.previous_seq, conflict.seq)
        for turn in found.double_runs
        for conflict in turn.conflicts
    }
    assert listed == conflicts_by_hand(events)
    of_several = {
        turn
        for turn in ("t1", "t2", "t3")
        if len({each.runtime_id for each in sets_in(events) if each.turn_id == turn}) > 1
    }
    assert {turn.turn_id for turn in found.double_runs + found.shared_turns} == of_several
    assert len(found.double_runs + found.shared_turns) == len(of_several)


@settings(deadline=None, max_examples=200)
@given(HISTORIES.map(answering))
def test_late_writes_are_what_the_definition_says(events: list[Event]) -> None:
    late = {
        change.handoff_seq: list(change.late_writes)
        for change in audit(events).changes
        if change.handoff_seq is not None
    }
    assert late == late_by_hand(events)


@settings(deadline=None, max_examples=200)
@given(HISTORIES)
def test_what_is_inherited_and_open_is_what_the_definition_says(events: list[Event]) -> None:
    for change in audit(events).changes:
        seen = change.seen_seq
        if seen is None:
            assert (change.inherited_turns, change.open_calls) == ({}, ())
            continue
        view = view_by_hand(events, seen)
        expected = [(runtime, tuple(turns)) for runtime, turns in view.items()]
        assert list(change.inherited_turns.items()) == expected
        shown = {
            call for turns in view.values() for each in turns.values() for call in calls_of(each)
        }
        assert set(change.inherited_calls) == shown
        assert len(change.inherited_calls) == len(shown)
        listed = {(each.id, each.named_seq, each.finished_seq) for each in change.open_calls}
        assert listed == open_by_hand(events, seen)
        assert len(change.open_calls) == len(listed)


@settings(deadline=None, max_examples=200)
@given(HISTORIES)
def test_when_the_runtime_of_successive_writes_changes_a_change_or_a_late_write_says_so(
    events: list[Event],
) -> None:
    changes = audit(events).changes
    late = {seq for change in changes for seq in change.late_writes}
    sets = sets_in(events)
    for before, after in pairwise(sets):
        if before.runtime_id == after.runtime_id:
            continue
        came = [
            change
            for change in changes
            if change.target == after.runtime_id
            and before.seq < (change.takeover_seq or change.first_write_seq or 0) <= after.seq
        ]
        assert came or before.seq in late or after.seq in late


@settings(deadline=None, max_examples=200)
@given(HISTORIES)
def test_spans_follow_each_other_and_each_begins_with_a_change(events: list[Event]) -> None:
    found = audit(events)
    began = {
        (change.target, change.takeover_seq or change.first_write_seq) for change in found.changes
    }
    seqs = [event.seq for event in events]
    for before, after in pairwise(found.spans):
        assert before.runtime_id != after.runtime_id
        assert seqs.index(before.last_seq) + 1 == seqs.index(after.first_seq)
        assert (after.runtime_id, after.first_seq) in began
    for span in found.spans[-1:]:
        assert span.last_seq == seqs[-1]
    assert bool(found.spans) == any(isinstance(event, Set | Takeover) for event in events)


@settings(deadline=None, max_examples=200)
@given(HISTORIES)
def test_every_handoff_is_one_change_and_every_change_adds_up(events: list[Event]) -> None:
    found = audit(events)
    handoffs = [event.seq for event in events if isinstance(event, Handoff)]
    listed = [change.handoff_seq for change in found.changes if change.handed_off_at is not None]
    assert listed == handoffs
    for change in found.changes:
        assert change.announced == (change.handoff_seq is not None)
        assert change.announced == (change.status != "unannounced")
        came = change.status not in ("pending", "superseded")
        assert came == (change.seen_seq is not None) == (change.taken_over_at is not None)
        assert (change.takeover_seq is None) or came
        assert (change.status == "taken over") <= (change.takeover_seq is not None)
    began = [
        change.handoff_seq
        if change.handed_off_at
        else change.takeover_seq or change.first_write_seq
        for change in found.changes
    ]
    assert began == sorted(began, key=lambda seq: seq or 0)


@settings(deadline=None, max_examples=200)
@given(HISTORIES)
def test_the_audit_is_the_same_after_a_round_through_json(events: list[Event]) -> None:
    found = audit(events)
    lines = [msgspec.json.encode(event) for event in events]
    decoder = msgspec.json.Decoder(Set | Clear | Handoff | Takeover)
    assert audit(decoder.decode(line) for line in lines) == found
    assert msgspec.json.decode(msgspec.json.encode(found), type=HandoffAudit) == found


@settings(deadline=None, max_examples=200)
@given(HISTORIES)
def test_pending_handoffs_are_what_the_definition_says(events: list[Event]) -> None:
    pending = PendingHandoffs()
    for event in events:
        pending.fold(event)
    for runtime in "abc":
        answers = [
            event.seq
            for event in events
            if isinstance(event, Takeover) and event.runtime_id == runtime
        ]
        waiting = [
            event.seq
            for event in events
            if isinstance(event, Handoff)
            and event.target == runtime
            and event.seq > max(answers, default=0)
        ]
        assert pending.answered_by(runtime) == (waiting[-1] if waiting else None)


def peak_of_audit(sets: int) -> int:
    """Bytes that an audit needs at most for a turn with an open call, set again and again."""
    step = writes("native", "1", "a", "b", done=["b"])
    tracemalloc.start()
    audit(replace(step, seq=seq, ts=at(0)) for seq in range(1, sets + 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_sets_of_a_turn() -> None:
    peak_of_audit(10)  # caches of the interpreter
    assert peak_of_audit(4000) < peak_of_audit(400) + 20_000


def test_a_long_session_is_audited_in_one_pass() -> None:
    taken: list[int] = []

    def events() -> Iterator[Event]:
        for number in range(3000):
            taken.append(number)
            step = writes("native", f"t{number % 7}", f"c{number % 7}")
            yield replace(step, seq=number + 1, ts=at(number % 3600))

    found = audit(events())
    assert len(taken) == 3000
    assert told(found) == {"had it": ["native 1-3000"]}
