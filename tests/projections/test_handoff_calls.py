"""Which calls the audit takes for finished, by what, and of which that cannot be told."""

from typing import Any

import pytest

from journal.events import Event, Set
from projections.handoffs.audit import audit
from projections.turns.statuses import WORDS
from tests.projections.handoff_steps import child_of, clears, hands, log, sets, takes, writes

FINAL = ("completed", "error", "cancelled", "interrupted", "abandoned")


def call(call_id: str = "a", status: str | None = None, **more: Any) -> dict[str, Any]:
    own = {} if status is None else {"status": status}
    return {"id": call_id, "name": "charge", **own, **more}


def result(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": "x"}


def handed_over(*before: Set, after: list[Event] | None = None) -> list[Event]:
    """Steps of `native`, a handoff to `codex`, and what comes then."""
    over: list[Event] = [hands("native", "codex"), takes("codex", len(before) + 1)]
    return log(*before, *over, *(after or []))


def lost(events: list[Event]) -> list[tuple[str, str, str | None]]:
    """What the audit takes for lost; the exit code and the verdict agree."""
    found = audit(events)
    kinds = {finding.kind for finding in found.findings}
    assert bool(found.lost_calls) == ("lost_calls" in kinds)
    assert (found.ok is False) == bool(found.lost_calls)
    return [(each.runtime_id, each.turn_id, each.id) for each in found.lost_calls]


LOST = [("native", "1", "a")]


# Whose call it is


@pytest.mark.parametrize("later", ["native", "codex", "claude"])
@pytest.mark.parametrize("status", ["completed", "open"])
def test_another_turns_call_of_the_same_id_is_another_call(later: str, status: str) -> None:
    """Whoever runs it, whatever it is called, and however it ends."""
    theirs = sets(later, "2", status=status, tool_calls=[call(result="sent")])
    events = handed_over(sets("native", "1", tool_calls=[call()]), after=[theirs])
    assert LOST[0] in lost_of_any(events)


def lost_of_any(events: list[Event]) -> list[tuple[str, str, str | None]]:
    return [(each.runtime_id, each.turn_id, each.id) for each in audit(events).lost_calls]


@pytest.mark.parametrize("later", ["completed", "open"])
def test_an_id_that_an_earlier_turn_has_finished_is_open_again_in_the_next(later: str) -> None:
    before = sets("native", "0", status="completed", tool_calls=[call(result="x")])
    named = sets("native", "1", status="open", tool_calls=[call()])
    assert lost(handed_over(before, named)) == LOST
    assert lost(handed_over(named, sets("native", "0", status=later))) == LOST


@pytest.mark.parametrize("named", [{"name": "charge"}, {"id": "", "name": "charge"}, {}])
def test_a_call_without_an_id_is_lost_by_its_place(named: dict[str, str]) -> None:
    events = handed_over(sets("native", "1", status="open", tool_calls=[named]))
    assert lost(events) == [("native", "1", None)]
    done = sets("native", "1", status="open", tool_calls=[{**named, "result": 1}])
    assert lost(handed_over(sets("native", "1", tool_calls=[named]), done)) == []


# What finishes it


@pytest.mark.parametrize("status", [word for key in FINAL for word in WORDS[key]])
def test_a_call_that_says_nothing_of_itself_ends_with_its_turn_however_that_ends(
    status: str,
) -> None:
    named = sets("native", "1", status="open", tool_calls=["a"])
    endings: list[dict[str, Any]] = [{"tool_calls": ["a"]}, {"tool_calls": []}, {}]
    for ended in endings:
        assert lost(handed_over(named, sets("native", "1", status=status, **ended))) == []
        later = handed_over(named, after=[sets("native", "1", status=status, **ended)])
        assert audit(later).lost_calls == ()


@pytest.mark.parametrize("status", [*WORDS["open"], *WORDS["waiting"], "unheard of", ""])
def test_a_turn_that_is_not_known_to_be_over_ends_nothing(status: str) -> None:
    assert lost(handed_over(sets("native", "1", status=status, tool_calls=["a"]))) == LOST


@pytest.mark.parametrize("ended", FINAL)
@pytest.mark.parametrize("own", ["open", "waiting", "running", "in_progress", "requires_action"])
def test_a_call_that_says_it_is_not_over_outlives_its_turn(ended: str, own: str) -> None:
    """It may still run."""
    events = handed_over(sets("native", "1", status=ended, tool_calls=[call(status=own)]))
    assert lost(events) == LOST


@pytest.mark.parametrize("ended", FINAL)
def test_only_a_completed_turn_ends_a_call_that_said_so_and_is_not_listed_any_more(
    ended: str,
) -> None:
    named = sets("native", "1", status="open", tool_calls=[call(status="open")])
    over = sets("native", "1", status=ended, tool_calls=[])
    assert lost(handed_over(named, over)) == ([] if ended == "completed" else LOST)


def test_a_completed_turn_that_has_left_out_open_calls_does_not_end_them() -> None:
    named = sets("native", "1", status="open", tool_calls=[call(status="open"), "b"])
    over = sets("native", "1", status="completed", omitted={"open_calls": 1})
    assert lost(handed_over(named, over)) == LOST


def test_a_call_retried_under_another_id_in_a_turn_that_then_completed_is_not_lost() -> None:
    first = sets("native", "1", status="open", tool_calls=[call(status="open")])
    again = sets("native", "1", status="open", tool_calls=[call("b", status="open")])
    done = sets("native", "1", status="completed", tool_calls=[call("b", status="completed")])
    assert lost(handed_over(first, again, done)) == []
    assert lost(handed_over(first, again)) == [*LOST, ("native", "1", "b")]


def test_what_a_turn_has_finished_it_can_take_back_and_others_cannot() -> None:
    done = sets("native", "1", status="completed", tool_calls=[call(status="completed")])
    again = sets("native", "1", status="open", tool_calls=[call(status="open")])
    assert lost(handed_over(done, again)) == LOST
    by_another = [sets("codex", "2", messages=[result("a")])]
    events = handed_over(again, after=[*by_another, again])
    assert audit(events).lost_calls == (), "the old owner does not know of the result"


@pytest.mark.parametrize("own", [{"messages": [result("a")]}, {"tool_results": {"a": 1}}])
def test_a_result_in_a_later_state_of_its_turn_answers_a_call(own: dict[str, Any]) -> None:
    named = sets("native", "1", tool_calls=["a"])
    assert lost(handed_over(named, sets("native", "1", **own))) == []


# Results in other turns


def test_a_result_in_a_turn_that_began_later_answers_a_call_if_it_names_none_of_its_id() -> None:
    named = sets("native", "1", tool_calls=["a"])
    assert lost(handed_over(named, after=[sets("codex", "2", messages=[result("a")])])) == []
    both = sets("codex", "2", messages=[{"tool_calls": [call()]}, result("a")])
    assert lost(handed_over(named, after=[both])) == LOST
    earlier = [sets("codex", "2", tool_calls=["a"]), sets("codex", "2", messages=[result("a")])]
    assert lost(handed_over(named, after=list(earlier))) == LOST


def test_a_result_in_a_turn_that_began_before_the_call_is_not_its() -> None:
    """Its id was used before; where a transcript is carried on, it shows up again and again."""
    old = sets("codex", "0", messages=[result("a")])
    named = sets("native", "1", tool_calls=["a"])
    events = log(old, hands("codex", "native"), named, hands("native", "codex"), takes("codex", 4))
    assert lost(events) == LOST
    assert lost([*events, *log(old, first=6)]) == LOST


def test_a_result_counts_when_it_is_first_seen_in_its_turn() -> None:
    """In a transcript that is carried on it is no news."""
    carried = [sets("codex", "2", messages=[result("b")]), sets("codex", "2", messages=[
        result("b"), result("a")])]  # fmt: skip
    named = sets("native", "1", tool_calls=["a"])
    assert lost(handed_over(named, after=list(carried))) == []


@pytest.mark.parametrize("end", ["completed", "error", "interrupted"])
def test_the_end_of_a_turn_that_a_call_had_made_finishes_the_call(end: str) -> None:
    named = sets("native", "1", tool_calls=[call(status="open")])
    child = {"status": end, **child_of("native", "1", "a")}
    begun = sets("codex", "2", status="open", **child_of("native", "1", "a"))
    assert lost(handed_over(named, after=[begun])) == LOST
    events = handed_over(named, after=[begun, sets("codex", "2", **child)])
    assert lost(events) == []
    (open_call,) = audit(events).changes[0].open_calls
    assert (open_call.finished_seq, open_call.finished_by) == (5, "codex")


@pytest.mark.parametrize(
    "parent",
    [
        child_of("native", "1"),
        child_of("native", "1", "b"),
        child_of("native", "2", "a"),
        child_of("codex", "1", "a"),
        {"parent": {**child_of("native", "1", "a")["parent"], "session": "another"}},
    ],
)
def test_the_end_of_another_calls_turn_finishes_nothing(parent: dict[str, Any]) -> None:
    named = sets("native", "1", tool_calls=[call()])
    assert (
        lost(handed_over(named, after=[sets("codex", "2", status="completed", **parent)])) == LOST
    )


# What fits several calls


def test_a_result_that_fits_several_open_calls_answers_none_and_says_so() -> None:
    named = [sets("native", turn, tool_calls=["a"]) for turn in "123"]
    found = audit(handed_over(*named, after=[sets("codex", "4", messages=[result("a")])]))
    assert found.ok is None
    assert found.lost_calls == (), "one of them was answered"
    (finding,) = [each for each in found.findings if each.severity == "unknown"]
    assert finding.kind == "ambiguous_result"
    assert finding.events == (6,)
    assert finding.turns == (("codex", "4"), *(("native", turn) for turn in "123"))
    assert "a result for a in 4 (codex, event 6) fits several open calls" in finding.text
    assert {call.ambiguous_seq for call in found.changes[0].open_calls} == {6}


def test_what_is_ambiguous_may_turn_out_later() -> None:
    named = [sets("native", turn, tool_calls=["a"]) for turn in "12"]
    unclear = sets("codex", "4", messages=[result("a")])
    done = sets("native", "1", messages=[result("a")])
    events = handed_over(*named, after=[unclear, done, sets("codex", "5", messages=[result("a")])])
    found = audit(events)
    assert [each.finished_seq for each in found.changes[0].open_calls] == [6, 7]
    kinds = [finding.kind for finding in found.findings]
    assert "ambiguous_result" in kinds, "it was, when it came"


def test_a_second_ambiguous_result_names_no_call_again() -> None:
    named = [sets("native", turn, tool_calls=["a"]) for turn in "12"]
    results = [sets("codex", turn, messages=[result("a")]) for turn in "45"]
    unknown = [
        (finding.events, finding.turns, finding.text)
        for finding in audit(handed_over(*named, after=list(results))).findings
        if finding.kind == "ambiguous_result"
    ]
    assert [events for events, _, _ in unknown] == [(5,), (6,)]
    assert unknown[1][1] == (("codex", "5"),)
    assert unknown[1][2].endswith("fits several open calls: whose it is, is unknown")


def test_calls_of_cleared_turns_are_in_doubt_though_a_later_call_is_open() -> None:
    """The result came in a turn that began before that one was named."""
    named = [sets("native", turn, tool_calls=["a"]) for turn in "12"]
    answer = sets("codex", "4", messages=[result("a")])
    then: list[Event] = [
        clears("native"),
        sets("codex", "4"),
        sets("codex", "5", tool_calls=["a"]),
        answer,
    ]
    found = audit(handed_over(*named, after=list(then)))
    assert [call.ambiguous_seq for call in found.changes[0].open_calls] == [8, 8]
    assert found.ok is None


def test_a_call_named_after_an_ambiguous_result_is_not_in_doubt() -> None:
    named = [sets("native", turn, tool_calls=["a"]) for turn in "12"]
    later = [sets("codex", "4", messages=[result("a")]), sets("codex", "5", tool_calls=["a"])]
    events = handed_over(*named, after=[*later, hands("codex", "native"), takes("native", 7)])
    assert lost_of_any(events) == [("codex", "5", "a")]


def test_calls_of_cleared_turns_are_answered_only_if_there_is_no_other() -> None:
    named = sets("native", "1", tool_calls=["a"])
    answer = sets("codex", "3", messages=[result("a")])
    assert lost(handed_over(named, after=[clears("native"), answer])) == []
    other: list[Event] = [clears("native"), sets("codex", "2", tool_calls=["a"]), answer]
    assert lost(handed_over(named, after=list(other))) == LOST
    twice = [sets("native", turn, tool_calls=["a"]) for turn in "12"]
    assert audit(handed_over(*twice, after=[clears(), answer])).ok is None


# What is not understood

BLOB = {"checkpoint": {"step": 3}}


def test_turns_that_may_hold_calls_are_reported_where_they_are_inherited() -> None:
    blobs = [sets("native", turn, **BLOB) for turn in "123"]
    found = audit(handed_over(*blobs))
    assert found.ok is None
    (finding,) = found.findings
    assert finding.text.startswith("3 turns hold no tool calls that we recognise: 1 (native), ")
    assert (finding.kind, finding.severity) == ("unrecognised", "unknown")
    assert finding.turns == (("native", "1"), ("native", "2"), ("native", "3"))


@pytest.mark.parametrize(
    "events",
    [
        log(sets("native", "1", **BLOB)),
        log(sets("native", "1", **BLOB), hands("native", "codex")),
        handed_over(sets("native", "1", status="done", **BLOB)),
        handed_over(sets("native", "1", **BLOB), sets("native", "1", status="error", **BLOB)),
        handed_over(sets("native", "1", **BLOB), after=[sets("native", "1", status="done")]),
        handed_over(sets("native", "1", **BLOB), sets("native", "1", tool_calls=[])),
        log(sets("native", "1", **BLOB), clears(), hands("native", "codex"), takes("codex", 3)),
        handed_over(writes("native", "1"), after=[sets("codex", "2", **BLOB)]),
    ],
    ids=[
        *("no change", "not taken over", "over", "over before", "over later", "understood since"),
        *("cleared before", "begun after"),
    ],
)
def test_where_it_does_not_matter_nothing_is_said(events: list[Event]) -> None:
    kinds = [finding.kind for finding in audit(events).findings]
    assert "unrecognised" not in kinds


def test_what_a_runtime_gets_back_of_its_own_is_known_to_it() -> None:
    to_itself = log(sets("native", "1", **BLOB), hands("native", "native"), takes("native", 2))
    assert audit(to_itself).ok is True
    on = log(hands("native", "codex"), takes("codex", 4), first=4)
    assert audit([*to_itself, *on]).ok is None


def test_open_calls_that_a_state_has_left_out_cannot_be_followed() -> None:
    found = audit(handed_over(sets("native", "1", status="open", omitted={"open_calls": 2})))
    assert found.ok is None
    assert [each.text for each in found.findings] == [
        "1 (native) has left out 2 open calls of its state"
    ]


def test_a_fault_outweighs_what_cannot_be_told() -> None:
    found = audit(handed_over(sets("native", "1", **BLOB), sets("native", "2", tool_calls=["a"])))
    assert found.ok is False
    assert [each.severity for each in found.findings] == ["fault", "unknown"]
