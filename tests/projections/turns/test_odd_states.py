"""States in rare forms, and what they say happened: each case by itself, not by chance."""

from typing import Any

import pytest

from projections.adapters import turns
from projections.turns.call_changes import seconds_between
from projections.turns.contents import contents_of
from projections.turns.details import parsed
from projections.turns.happenings import happenings_of
from projections.turns.kinds import Asked, Ended, NotKept, Said, Waits
from projections.turns.recorded import recorded_calls, recorded_messages
from projections.turns.story import story
from projections.turns.usage import tokens_in
from tests.projections.turns.turn_scripts import Script

ASKED = {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "name": "search"}]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "in Bonn"}


def of(kind: type[Any], before: Any, after: Any) -> list[Any]:
    return [each for each in happenings_of(before, after) if isinstance(each, kind)]


def test_a_result_whose_call_is_not_named_any_more_ends_it() -> None:
    (ended,) = of(Ended, {"messages": [ASKED]}, {"messages": [RESULT]})
    assert (ended.name, ended.status, ended.result) == ("search", "completed", "in Bonn")


def test_a_result_of_a_call_that_was_never_named_is_told_without_it() -> None:
    assert [each.result for each in of(Ended, {}, {"messages": [RESULT]})] == ["in Bonn"]
    assert of(Ended, {"messages": [RESULT]}, {"messages": [RESULT, RESULT]}) == []
    entries = story([(None, contents_of({"messages": [RESULT]}))])
    assert [(entry.kind, entry.call_id, entry.result) for entry in entries] == [
        ("call", "c1", "in Bonn")
    ]


def test_a_call_that_is_shown_again_because_there_is_room_is_no_news() -> None:
    call = {"id": "c1", "name": "search", "status": "completed"}
    before = {"turn": 1, "status": "open", "omitted": {"tool_calls": 1}}
    assert of(Asked, before, {"turn": 1, "status": "open", "tool_calls": [call]}) == []


def test_what_no_state_has_shown_is_counted() -> None:
    after = {"turn": 1, "status": "open", "omitted": {"tool_calls": 3}}
    (lost,) = of(NotKept, {"turn": 1, "status": "open"}, after)
    assert lost.calls == 3
    entries = story([(None, contents_of({"turn": 1})), (None, contents_of(after))])
    assert [entry.calls for entry in entries if entry.kind == "not_kept"] == [3]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"status": "completed"}, {"status": "open"}),
        (
            {"status": "completed", "started_at": "2026-11-30T08:00:00.000Z"},
            {"status": "completed", "started_at": "2026-11-30T08:00:01.000Z"},
        ),
    ],
)
def test_a_call_whose_id_comes_again_is_asked_for_anew(
    before: dict[str, str], after: dict[str, str]
) -> None:
    def turn(call: dict[str, str]) -> dict[str, Any]:
        return {"turn": 1, "tool_calls": [{"id": "c1", "name": "search", **call}]}

    assert len(of(Asked, turn(before), turn(after))) == 1
    assert of(Asked, turn(before), turn(before)) == []


def test_a_call_that_waits_twice_in_a_moment_waits_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times have milliseconds, and a script is quicker."""
    monkeypatch.setattr(turns, "now", lambda: "2026-11-30T08:00:00.000Z")
    script, states = Script(), []
    for step in (("waits", "c", None), ("starts", "c", None), ("waits", "c", None)):
        script.play(step)
        states.append(script.turn.state())
    assert len(of(Waits, states[1], states[2])) == 1
    assert of(Waits, states[0], states[1]) == []


def test_messages_that_were_rewritten_are_told_apart_by_their_text() -> None:
    def talk(*texts: str) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": text} for text in texts]}

    said = of(Said, talk("a", "b"), talk("b", "c", "b"))
    assert [each.text for each in said] == ["c", "b"]


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ([{"type": "text", "text": "in Bonn"}], "in Bonn"),
        ([{"type": "text", "text": "a", "cache": 1}], [{"type": "text", "text": "a", "cache": 1}]),
        ([{"type": "image"}], [{"type": "image"}]),
    ],
)
def test_a_result_that_is_one_text_is_shown_as_that_text(content: Any, shown: Any) -> None:
    (ended,) = of(
        Ended, {"messages": [ASKED]}, {"messages": [ASKED, {**RESULT, "content": content}]}
    )
    assert ended.result == shown


def test_results_that_are_no_objects_are_results() -> None:
    state = {"tool_calls": [{"id": "c1", "name": "search"}], "tool_results": {"c1": "in Bonn"}}
    assert [call.result for call in contents_of(state).calls.values()] == ["in Bonn"]


def test_a_call_that_is_named_twice_is_one() -> None:
    state = {"tool_calls": ["c1"], "messages": [ASKED]}
    assert [call.name for call in contents_of(state).calls.values()] == ["search"]


def test_handoffs_in_another_form_are_what_changed() -> None:
    found = contents_of({"handoffs": [1, 2]})
    assert found.handoffs == []
    assert found.rest == {"handoffs": [1, 2]}


@pytest.mark.parametrize("arguments", ['{"a": ', '{"a": "' + "x" * (1 << 20) + '"}', "plain", 7])
def test_arguments_that_are_no_object_stay_as_they_are(arguments: Any) -> None:
    assert parsed(arguments) == arguments
    assert parsed('{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    "nodes",
    [
        "no list",
        ["no object"],
        [{"id": "c1", "name": "search", "status": "open", "more": 1}],
        [{"id": "", "name": "search", "status": "open"}],
        [{"id": "c1", "name": "search", "status": "on its way"}],
        [{"id": "c1", "name": "search", "status": "open"}] * 2,
    ],
)
def test_calls_in_another_form_are_left_to_the_search(nodes: Any) -> None:
    assert recorded_calls(nodes) is None


@pytest.mark.parametrize(
    "nodes",
    [
        "no list",
        ["no object"],
        [{"role": "user", "content": "a", "more": 1}],
        [{"role": "tool", "content": "a"}],
        [{"role": "user", "content": ""}],
    ],
)
def test_messages_in_another_form_are_left_to_the_search(nodes: Any) -> None:
    assert recorded_messages(nodes) is None


def test_times_that_are_none_have_no_distance() -> None:
    assert seconds_between("yesterday", "today") is None
    assert seconds_between("2026-11-30T08:00:00Z", "2026-11-30T08:00:01Z") == 1.0


def test_tokens_that_only_have_a_sum_are_that() -> None:
    assert tokens_in({"total_tokens": 7}) == 7
    assert tokens_in({"total_tokens": 7, "input_tokens": 2, "output_tokens": 3}) == 5


def test_a_result_that_an_earlier_state_had_is_no_news() -> None:
    assert of(Ended, {"messages": [ASKED, RESULT]}, {"messages": [RESULT]}) == []


def test_handoffs_of_the_form_are_understood_in_any_state() -> None:
    found = contents_of({"status": "open", "handoffs": [{"runtime": "billing", "turn": "t1"}]})
    assert found.handoffs == [{"runtime": "billing", "turn": "t1"}]
    assert found.rest is None


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"type": "text", "text": "hello"}, [("assistant", "hello")]),
        ({"role": "user", "content": 5}, []),
    ],
)
def test_whose_words_they_are_may_not_be_said(message: Any, said: list[tuple[str, str]]) -> None:
    found = contents_of({"messages": [message]}).messages
    assert [(each.role, each.text) for each in found] == said


@pytest.mark.parametrize("answer", ["allowed", "denied"])
def test_whether_a_person_was_asked_is_seen_from_the_time_too(answer: str) -> None:
    """Where a state between, in which the call waited, was not written."""
    call = {"id": "c1", "name": "charge", "status": "completed", "answer": answer}
    asked = {**call, "asked_at": "2026-11-30T08:00:00.000Z"}
    before = {"turn": 1, "tool_calls": [{"id": "c1", "name": "charge", "status": "open"}]}
    assert len(of(Waits, before, {"turn": 1, "tool_calls": [asked]})) == 1
    assert of(Waits, before, {"turn": 1, "tool_calls": [call]}) == []


def test_an_outcome_that_was_corrected_is_said() -> None:
    def turn(result: str) -> dict[str, Any]:
        call = {"id": "c1", "name": "search", "status": "completed", "result": result}
        return {"turn": 1, "tool_calls": [call]}

    assert [each.result for each in of(Ended, turn("in Bonn"), turn("in Rome"))] == ["in Rome"]


def test_a_value_that_was_cut_says_so() -> None:
    cut = {"result": {"bytes": 9000, "sha256": "0" * 16}}
    call = {"id": "c1", "name": "search", "status": "completed", "result": "a…", "cut": cut}
    (found,) = contents_of({"turn": 1, "tool_calls": [call]}).calls.values()
    assert found.cut == cut


def test_a_turn_that_waited_goes_on() -> None:
    states = [{"turn": 1, "status": status} for status in ("open", "waiting", "open")]
    entries = story((None, contents_of(state)) for state in states)
    assert [entry.kind for entry in entries] == ["waits", "resumed"]


def test_an_open_call_that_there_is_no_room_for_has_ended() -> None:
    calls = [
        {"id": "c1", "name": "search", "status": "open"},
        {"id": "c2", "name": "search", "status": "completed"},
    ]
    after = {"turn": 1, "status": "open", "omitted": {"tool_calls": 2}}
    (ended,) = of(Ended, {"turn": 1, "status": "open", "tool_calls": calls}, after)
    assert (ended.call, ended.is_kept) == (("c1", 1), False)
