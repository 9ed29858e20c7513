"""What is kept of an agent's turn: small, valid, and the parts that matter most."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal import Limits
from journal.state import encode_state
from projections.adapters.texts import error_text, text_of
from projections.adapters.turns import Turn, new_turn_id
from projections.handoffs.tool_calls import calls_in

LIMITS = Limits()


def turn(**fields: Any) -> Turn:
    fixed = {"turn_id": "turn-1", "opened_at": "2026-01-23T10:20:41.714Z"}
    return Turn(session_id="s", runtime_id="triage", **{**fixed, **fields})


def size(state: dict[str, Any]) -> int:
    return len(msgspec.json.encode(state))


def test_a_turn_that_is_open() -> None:
    one = turn()
    one.says("user", "Where is my parcel?")
    one.call_started("call-1", "search")
    one.call_started("call-2", "search")
    one.call_ended("call-2")
    assert one.state(LIMITS) == {
        "agent": "triage",
        "status": "open",
        "opened_at": "2026-01-23T10:20:41.714Z",
        "tool_calls": [
            {"id": "call-1", "name": "search", "status": "open"},
            {"id": "call-2", "name": "search", "status": "completed"},
        ],
        "transcript": [{"role": "user", "content": "Where is my parcel?"}],
    }


def test_a_turn_that_went_wrong_ends_the_calls_that_were_open() -> None:
    one = turn()
    for call in ("done", "failed", "open"):
        one.call_started(call, "search")
    one.call_ended("done")
    one.call_ended("failed", "error", KeyError("city"))
    assert one.close("error", RuntimeError("the model\nis gone"))
    state = one.state(LIMITS)
    assert (state["status"], state["error"]) == ("error", "RuntimeError: the model is gone")
    assert state["closed_at"] >= state["opened_at"]
    assert [call["status"] for call in state["tool_calls"]] == ["completed", "error", "cancelled"]
    assert state["tool_calls"][1]["error"] == "KeyError: 'city'"
    assert not one.close("completed"), "it has ended before"
    assert one.state(LIMITS) == state


def test_a_completed_turn_does_not_say_that_an_open_call_has_ended() -> None:
    """It may have been left to somebody else: the audit is to find it."""
    one = turn()
    one.call_started("call-1", "search")
    one.close()
    assert calls_in(one.state(LIMITS)) == {"call-1": False}


def test_turns_name_each_other() -> None:
    outer = turn()
    inner = Turn("s", "billing", turn_id="turn-2", parent=outer, parent_call_id="call-1")
    outer.handed_to(inner)
    reference = {"runtime": "billing", "turn": "turn-2", "tool_call_id": "call-1"}
    assert outer.state(LIMITS)["handoffs"] == [reference]
    assert inner.state(LIMITS)["parent"] == {**reference, "runtime": "triage", "turn": "turn-1"}
    elsewhere = Turn("other", "billing", turn_id="turn-3", parent=outer)
    outer.handed_to(elsewhere)
    assert elsewhere.state(LIMITS)["parent"] == {
        "runtime": "triage",
        "turn": "turn-1",
        "session": "s",
    }
    assert outer.state(LIMITS)["handoffs"][1] == {
        "runtime": "billing",
        "turn": "turn-3",
        "session": "other",
    }
    assert calls_in(outer.state(LIMITS)) == {}, "a reference is not the call itself"


TEXTS = st.text(st.characters(codec="utf-8"), max_size=3000)
STATUSES = st.sampled_from(["open", "completed", "error", "cancelled"])


@given(
    st.lists(st.tuples(st.sampled_from(["user", "assistant"]), TEXTS), max_size=6),
    st.lists(
        st.tuples(STATUSES, st.text(st.characters(codec="utf-8"), max_size=200)), max_size=30
    ),
    st.sampled_from([300, 1024, 5000]),
)
def test_a_state_keeps_to_the_limit_and_leaves_out_what_matters_least(
    said: list[tuple[str, str]], calls: list[tuple[Any, str]], limit: int
) -> None:
    one = turn()
    for role, text in said:
        one.says(role, text)
    for number, (status, name) in enumerate(calls):
        one.call_started(f"call-{number}", name)
        if status != "open":
            one.call_ended(f"call-{number}", status)
    state = one.state(Limits(turn_bytes=limit))
    encode_state(state, "state")  # nothing that the journal would refuse

    kept = {call["id"]: call for call in state.get("tool_calls", [])}
    assert all(f"call-{n}" in kept for n, (status, _) in enumerate(calls) if status == "open")
    omitted = state.get("tool_calls_omitted", 0)
    finished = [f"call-{n}" for n, (status, _) in enumerate(calls) if status != "open"]
    assert [name for name in finished if name in kept] == finished[omitted:]
    assert not finished or finished[-1] in kept

    heard = [{"role": role, "content": text} for role, text in said if text]
    shown = state.get("transcript", [])
    for message in shown:
        assert any(
            message == whole
            or (
                message["role"] == whole["role"]
                and message["content"].endswith("…")
                and whole["content"].startswith(message["content"][:-1])
            )
            for whole in heard
        )
    if size(state) > limit:  # only what may not be left out can be the reason
        assert not shown
        assert [c for c in kept if kept[c]["status"] != "open"] == finished[-1:]
    elif omitted == 0 and len(shown) < len(heard):
        assert size(state) > limit - 350, "there was room for more"


def test_a_long_transcript_shows_what_was_asked_and_what_came_of_it() -> None:
    one = turn()
    one.says("user", "Find me a hotel. " * 100)
    for number in range(20):
        one.says("assistant", f"Thought number {number}. " * 10)
    one.says("assistant", "The Ritz. " * 100)
    shown = one.state(LIMITS)["transcript"]
    assert shown[0]["content"].startswith("Find me a hotel. Find")
    assert shown[-1]["content"].startswith("The Ritz. The Ritz.")
    assert all(len(message["content"]) > 200 for message in (shown[0], shown[-1]))


def test_a_finished_call_is_left_out_only_after_a_state_that_has_it_finished() -> None:
    """Or the audit would call it lost: states are written as calls end, one by one."""
    one = turn()
    seen_finished = set()
    for number in range(60):
        one.call_started(f"call-{number}", "search")
        one.call_ended(f"call-{number}")
        calls = calls_in(one.state(LIMITS))
        seen_finished |= {call for call, finished in calls.items() if finished}
    assert seen_finished == {f"call-{number}" for number in range(60)}
    assert one.state(LIMITS)["tool_calls_omitted"] > 30


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ("plain", "plain"),
        ([{"type": "text", "text": "hi"}], '[{"type":"text","text":"hi"}]'),
        ({1, 2} - {2}, "[1]"),
        (3 + 4j, '"(3+4j)"'),
        ("lone \ud800 surrogate", "lone ? surrogate"),
        ({"lone": "\ud800"}, "{'lone': '\\ud800'}"),
    ],
)
def test_whatever_an_agent_says_can_be_shown(content: object, text: str) -> None:
    assert text_of(content) == text


def test_an_error_that_cannot_be_printed_is_shown_by_its_type() -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert error_text(SilentError()) == "SilentError"
    assert error_text(ValueError()) == "ValueError"
    assert len(error_text(ValueError("x" * 500))) == 160


def test_turn_ids_sort_by_time_and_differ() -> None:
    made = [new_turn_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    times = [name.rpartition("-")[0] for name in made]
    assert times == sorted(times)
