"""Tool calls in the messages of each SDK: asked for, answered, and handed over in between."""

from typing import Any

import pytest

from journal.events import Event
from projections.handoffs.audit import audit
from projections.turns.reading import read_turn
from tests.projections.handoff_steps import hands, log, sets, takes, writes
from tests.projections.turns.sdk_messages import CONVERSATIONS, chat_completions, responses

BY_SDK = pytest.mark.parametrize("sdk", CONVERSATIONS)


def calls_in(state: Any) -> list[tuple[str | None, str | None, bool]]:
    return [(call.id, call.name, call.is_over) for call in read_turn(state).calls.values()]


@BY_SDK
def test_what_a_model_asks_for_is_open(sdk: str) -> None:
    asked, _, calls = CONVERSATIONS[sdk]()
    expected = [(call_id, name, False) for call_id, name in calls]
    for state in ({"status": "open", "messages": asked}, {"a": {"b": [[*asked]]}}, asked):
        assert calls_in(state) == expected
        assert read_turn(state).is_understood


@BY_SDK
def test_each_result_answers_its_call_and_no_other(sdk: str) -> None:
    asked, results, calls = CONVERSATIONS[sdk]()
    for number in range(len(results) + 1):
        state = {"messages": [*asked, *results[:number]]}
        found = [over for _, _, over in calls_in(state)]
        assert found == [place < number for place in range(len(calls))]
        assert read_turn(state).answers == ()


@BY_SDK
def test_results_by_themselves_answer_calls_that_an_earlier_state_named(sdk: str) -> None:
    _, results, calls = CONVERSATIONS[sdk]()
    found = read_turn({"messages": results})
    assert found.calls == {}
    assert list(found.answers) == [call_id for call_id, _ in calls if call_id is not None]
    assert found.is_understood


@BY_SDK
def test_what_is_open_at_a_handover_and_never_answered_is_lost(sdk: str) -> None:
    asked, results, calls = CONVERSATIONS[sdk]()
    begin: list[Event] = [sets("native", "1", status="open", messages=asked)]
    over: list[Event] = [hands("native", "codex"), takes("codex", 2)]
    found = audit(log(*begin, *over))
    assert found.ok is False
    assert [(call.id, call.name) for call in found.lost_calls] == calls
    answered = audit(log(*begin, *over, sets("native", "1", messages=[*asked, *results])))
    assert answered.lost_calls == ()
    ended = audit(log(*begin, *over, sets("native", "1", status="completed", messages=asked)))
    is_response = "whole_response" in sdk
    assert ended.lost_calls == (() if not is_response else ended.lost_calls)


@BY_SDK
def test_results_in_a_later_turn_of_another_runtime_answer_by_their_id(sdk: str) -> None:
    asked, results, calls = CONVERSATIONS[sdk]()
    found = audit(
        log(
            sets("native", "1", status="open", messages=asked),
            hands("native", "codex"),
            takes("codex", 2),
            sets("codex", "2", messages=results),
        )
    )
    without_id = [(call_id, name) for call_id, name in calls if call_id is None]
    assert [(call.id, call.name) for call in found.lost_calls] == without_id


def test_a_response_that_is_completed_has_not_run_its_calls() -> None:
    """Its status is that of what the model said; another turn's is that of the turn."""
    (response,), _, _ = CONVERSATIONS["a_whole_response"]()
    assert response["status"] == "completed"
    assert read_turn(response).status is None
    assert read_turn({**response, "status": "failed"}).status == "error"
    found = audit(
        log(sets("native", "1", **response), hands("native", "codex"), takes("codex", 2))
    )
    assert [call.id for call in found.lost_calls] == ["call_9", "call_8"]


@pytest.mark.parametrize(
    ("kind", "status", "over"),
    [
        ("web_search_call", "searching", False),
        ("web_search_call", "completed", True),
        ("file_search_call", "failed", True),
        ("code_interpreter_call", "interpreting", False),
        ("image_generation_call", "generating", False),
        ("mcp_call", "calling", False),
        ("mcp_call", "incomplete", True),
        ("function_call", "completed", False),
        ("computer_call", "completed", False),
        ("apply_patch_call", "completed", False),
    ],
)
def test_the_status_of_a_call_counts_where_the_provider_runs_it(
    kind: str, status: str, over: bool
) -> None:
    item = {"type": kind, "id": "i", "status": status}
    assert calls_in({"output": [item]}) == [("i", None, over)]
    assert calls_in({"tool_calls": [item]}) == [("i", None, over)]


def test_a_result_that_is_still_coming_is_none_yet() -> None:
    asked, _, _ = responses()
    output = {"type": "function_call_output", "call_id": "call_9", "output": "…"}
    for status, over in (("in_progress", False), ("incomplete", True), (None, True)):
        state = {"items": [*asked, {**output, "status": status}]}
        assert calls_in(state)[0] == ("call_9", "charge_card", over)
    going_on = {"functionResponse": {"name": "f", "response": {}, "willContinue": True}}
    call = {"functionCall": {"name": "f"}}
    assert calls_in([{"parts": [call, going_on]}]) == [(None, "f", False)]


def test_ids_that_begin_anew_with_each_request_are_several_calls() -> None:
    asked, results, _ = chat_completions()
    twice = {"messages": [*asked, *results, *asked]}
    assert [over for _, _, over in calls_in(twice)] == [True, True, False, False]
    assert [over for _, _, over in calls_in({"messages": [*twice["messages"], *results]})] == [
        True
    ] * 4


def test_what_the_first_version_of_the_adapters_wrote_is_understood() -> None:
    state = {
        "agent": "triage",
        "status": "open",
        "opened_at": "2026-11-23T10:20:41.714Z",
        "parent": {"runtime": "outer", "turn": "t", "tool_call_id": "call-7"},
        "handoffs": [{"runtime": "billing", "turn": "u", "tool_call_id": "call-1"}],
        "tool_calls": [{"id": "call-1", "name": "ask", "status": "open"}],
        "tool_calls_omitted": 12,
        "transcript": [{"role": "user", "content": "Where is my parcel?"}],
    }
    found = read_turn(state)
    assert calls_in(state) == [("call-1", "ask", False)]
    assert (found.status, found.agent, found.opened_at) == ("open", "triage", state["opened_at"])
    assert found.parent is not None
    assert found.parent.key == (None, "outer", "t")
    assert found.is_understood
    assert read_turn({key: state[key] for key in state if key != "tool_calls"}).is_understood


FLAT = {"n": 1, "note": "x", "status": "running", "done": None, "parts": [], "meta": {}}


@pytest.mark.parametrize(
    ("state", "understood"),
    [
        ({}, True),
        (FLAT, True),
        ({"tool_calls": []}, True),
        ({"usage": {"input_tokens": 7}, "omitted": {"tool_calls": 3}}, True),
        ({"source": {"file": "x"}, "handoffs": [{"runtime": "a", "turn": "t"}]}, True),
        ({"turn": 1, "plan": [{"step": "x"}]}, True),
        ({"messages": [{"role": "user", "content": "x"}], "config": {"a": [1]}}, True),
        ({"config": {"model": "m"}}, False),
        ({"checkpoint": [[1, 2], {"x": 3}]}, False),
        ({"tool_calls": [7]}, False),
        ({"turn": True, "plan": ["x"]}, False),
        ({"turn": 2, "plan": ["x"]}, False),
        ([1], False),
        ([], True),
    ],
)  # fmt: skip
def test_a_state_is_understood_if_it_can_hold_no_calls_but_those_known(
    state: Any, understood: bool
) -> None:
    assert read_turn(state).is_understood is understood


def test_open_calls_that_were_left_out_are_known_by_their_number() -> None:
    for number, known in ((3, 3), (0, 0), (-1, 0), ("3", 0), (None, 0), (True, 0)):
        assert read_turn({"omitted": {"open_calls": number}}).open_omitted == known
    assert read_turn({"omitted": 3}).open_omitted == 0
    assert audit(log(writes("native", "1"))).ok is True
