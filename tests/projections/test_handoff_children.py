"""Turns that run side by side for another one hand over to nobody."""

import pytest

from journal.events import Event
from projections.handoffs.audit import audit
from tests.projections.handoff_steps import (
    Story,
    child_of,
    clears,
    facts_of,
    hands,
    log,
    sets,
    takes,
    writes,
)

TOP = sets("triage", "t", status="open", tool_calls=["c1", "c2", "c3"])


def child(
    runtime: str,
    turn: str,
    call: str = "c1",
    status: str = "open",
    of: tuple[str, str] = ("triage", "t"),
) -> Event:
    """A turn that a call of another one has made."""
    return sets(runtime, turn, status=status, **child_of(*of, call))


STORIES: dict[str, Story] = {
    "three at once, in any order": (
        log(
            TOP,
            child("billing", "b"),
            child("search", "s", "c2"),
            child("search", "s2", "c3"),
            child("search", "s", "c2", "completed"),
            child("billing", "b", "c1", "completed"),
            child("search", "s2", "c3", "error"),
            sets("triage", "t", status="completed"),
        ),
        {"had it": ["triage 1-8"], "children": ["billing b", "search s", "search s2"]},
    ),
    "a child of a child": (
        log(TOP, child("a", "1"), child("b", "2", of=("a", "1")), child("a", "1")),
        {"had it": ["triage 1-4"], "children": ["a 1", "b 2"]},
    ),
    "a child whose parent is not in the history is one of the owner's by its name": (
        log(sets("triage", "t"), child("a", "1", of=("triage", "of long ago"))),
        {"had it": ["triage 1-2"], "children": ["a 1"]},
    ),
    "now and later: the parent ends, and another goes on": (
        log(
            TOP,
            child("a", "1"),
            hands("triage", "codex"),
            takes("codex", 3),
            child("a", "1"),
            writes("codex", "9"),
            child("a", "1", status="completed"),
        ),
        {
            "had it": ["triage 1-3", "codex 4-7"],
            "changes": ["triage to codex: taken over"],
            "children": ["a 1"],
            "open": ["c1 of triage t at 1, 7 a", "c2 of triage t at 1", "c3 of triage t at 1"],
            "lost": ["c2", "c3"],
        },
    ),
    "one was handed the session, another runs beside it: they have their root in common": (
        log(
            TOP,
            hands("triage", "a"),
            takes("a", 2),
            child("a", "1"),
            child("b", "2", "c2"),
            child("a", "1", status="completed"),
            hands("a", "triage"),
            takes("triage", 7),
            child("b", "2", "c2", "completed"),
        ),
        {
            "had it": ["triage 1-2", "a 3-7", "triage 8-9"],
            "changes": ["triage to a: taken over", "a to triage: taken over"],
            "open": [
                *("c1 of triage t at 1, 6 a", "c2 of triage t at 1, 9 b", "c3 of triage t at 1"),
            ],
            "lost": ["c3"],
            "children": ["b 2"],
        },
    ),
    "the parent is in another session, and so is that of the owner's turn": (
        log(
            sets("a", "1", parent={"runtime": "x", "turn": "y", "session": "other"}),
            sets("b", "2", parent={"runtime": "x", "turn": "y", "session": "other"}),
            sets("c", "3", parent={"runtime": "x", "turn": "z", "session": "other"}),
        ),
        {
            "had it": ["a 1-2", "c 3-3"],
            "changes": ["a to c: unannounced"],
            "children": ["b 2"],
        },
    ),
    "a turn of the owner's name in another session is not the owner's": (
        log(sets("a", "1"), sets("b", "2", parent={"runtime": "a", "turn": "1", "session": "o"})),
        {"had it": ["a 1-1", "b 2-2"], "changes": ["a to b: unannounced"]},
    ),
    "whoever was handed the session takes it, child or not": (
        log(TOP, hands("triage", "a"), child("a", "1"), child("b", "2")),
        {
            "had it": ["triage 1-2", "a 3-4"],
            "changes": ["triage to a: implicit"],
            "open": [f"c{number} of triage t at 1" for number in (1, 2, 3)],
            "lost": ["c1", "c2", "c3"],
            "children": ["b 2"],
        },
    ),
    "a child of one that does not have the session takes it": (
        log(TOP, writes("codex", "9"), child("a", "1")),
        {
            "had it": ["triage 1-1", "codex 2-2", "a 3-3"],
            "changes": ["triage to codex: unannounced", "codex to a: unannounced"],
            "open": [f"c{number} of triage t at 1" for number in (1, 2, 3)],
            "lost": ["c1", "c2", "c3"],
        },
    ),
    "a runtime that handed off is not late with a child's turn, but with its own": (
        log(
            writes("a", "0"),
            hands("a", "triage"),
            takes("triage", 2),
            TOP,
            child("a", "1"),
            writes("a", "0"),
        ),
        {
            "had it": ["a 1-2", "triage 3-6"],
            "changes": ["a to triage: taken over"],
            "late": ["6 by a to triage"],
            "children": ["a 1"],
        },
    ),
    "after a clear it is judged anew": (
        log(TOP, child("a", "1"), writes("codex", "9"), clears("a"), child("a", "1")),
        {
            "had it": ["triage 1-2", "codex 3-4", "a 5-5"],
            "changes": ["triage to codex: unannounced", "codex to a: unannounced"],
            "open": [f"c{number} of triage t at 1" for number in (1, 2, 3)],
            "lost": ["c1", "c2", "c3"],
            "children": ["a 1"],
        },
    ),
    "its turn has an id that another runtime uses": (
        log(TOP, child("a", "t"), child("b", "t", "c2"), sets("triage", "t", status="completed")),
        {"had it": ["triage 1-4"], "children": ["a t", "b t"]},
    ),
    "parents in a circle": (
        log(
            sets("x", "1", **child_of("y", "1")),
            sets("y", "1", **child_of("x", "1")),
            sets("z", "2", **child_of("z", "2")),
        ),
        {
            "had it": ["x 1-2", "z 3-3"],
            "changes": ["x to z: unannounced"],
            "children": ["y 1"],
        },
    ),
}


@pytest.mark.parametrize(("events", "facts"), STORIES.values(), ids=STORIES)
def test_the_audit_tells_the_story(events: list[Event], facts: dict[str, list[str]]) -> None:
    assert facts_of(audit(events)) == facts


def test_a_fan_out_in_which_all_went_well_is_no_fault_and_is_shown() -> None:
    events, _ = STORIES["three at once, in any order"]
    found = audit(events)
    assert found.ok is True
    (finding,) = found.findings
    assert (finding.kind, finding.severity) == ("children", "remark")
    assert finding.text == (
        "b (billing), s (search) and s2 (search) ran for t (triage), which kept the session"
    )
    assert finding.turns == (("billing", "b"), ("search", "s"), ("search", "s2"))
    first = found.children[0]
    assert (first.parent_runtime_id, first.parent_turn_id, first.tool_call_id) == (
        *("triage", "t"),
        "c1",
    )
    assert (first.first_seq, first.last_seq, first.status) == (2, 6, "completed")


def test_a_child_that_leaves_its_parent_out_later_is_still_one() -> None:
    found = audit(log(TOP, child("a", "1"), sets("a", "1", status="completed")))
    assert [each.parent_turn_id for each in found.children] == ["t"]
    assert [each.last_seq for each in found.children] == [3]
