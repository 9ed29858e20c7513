"""Of a turn's state, what was searched for secrets when it came is not searched again."""

import logging
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journal.redaction import Plain, redact
from projections.adapters.resuming import made_anew
from projections.adapters.turns import Turn
from projections.adapters.values import DETAILS, Detail, Slicer
from projections.store import encoder
from projections.store.encoder import StateEncoder
from tests.journal.redaction.pieces import ASSIGNED, NESTED, PIECES

KEY = "sk-ant-api03-" + "Zq9x7Wp2Lm4Kt8" * 7
SMALL = Detail(60, 700)

TEXTS = st.lists(PIECES | ASSIGNED, max_size=3).map("".join)
VALUES = NESTED | st.dictionaries(TEXTS, NESTED, max_size=2) | st.lists(TEXTS, max_size=4)
CALLS = st.sampled_from(["call-1", "call-2", "login: 7"]) | TEXTS

STEPS = st.one_of(
    st.tuples(st.just("says"), st.sampled_from(["user", "assistant", "tool"]) | TEXTS, NESTED),
    st.tuples(st.just("call_started"), CALLS, st.just("look") | TEXTS, st.none() | VALUES),
    st.tuples(
        st.just("call_ended"),
        CALLS,
        st.sampled_from(["completed", "error", "denied"]),
        st.none() | NESTED,
        st.none() | VALUES,
    ),
    st.tuples(st.just("call_waits"), CALLS, st.just("look") | TEXTS, VALUES),
    st.tuples(
        st.just("model_answered"),
        st.just("small") | TEXTS,
        st.dictionaries(st.just("input_tokens") | TEXTS, st.integers(1, 9), max_size=1),
        st.none() | TEXTS,
    ),
    st.tuples(st.just("handed_to"), TEXTS, st.none() | TEXTS),
    st.tuples(st.just("close"), st.just("error"), NESTED),
)


def take(turn: Turn, step: tuple[Any, ...]) -> None:
    name, *given = step
    if name == "handed_to":
        runtime, call_id = given
        turn.handed_to(Turn("s", runtime, "t", parent_call_id=call_id))
    else:
        getattr(turn, name)(*given)


def a_turn(detail: Detail, agent: str = "native") -> Turn:
    return Turn("s", agent, "t", slicer=Slicer(detail, StateEncoder(redact).clean))


@given(
    st.lists(STEPS, max_size=8),
    st.sampled_from([*DETAILS.values(), SMALL]),
    st.just("native") | TEXTS,
)
@example([("call_started", "c", "look", "x" * 49 + "passed: hunter2")], SMALL, "a")
@example([("says", "user", "https://a.b"), ("says", "user", "me@here")], DETAILS["full"], "a")
@example([("says", "password", "Zq9x7Wp2Lm4Kt8")], DETAILS["full"], "a")
@example([("call_started", "c", "password", None), ("close", "error", "no")], DETAILS["ids"], "a")
def test_what_is_saved_is_what_a_search_of_the_whole_would_leave(
    steps: list[tuple[Any, ...]], detail: Detail, agent: str
) -> None:
    turn = a_turn(detail, agent)
    for step in [None, *steps]:
        if step is not None:
            take(turn, step)
        encoded = turn.encoded()
        saves = StateEncoder(redact).event_of
        assert saves("s", "r", "t", encoded).state == saves("s", "r", "t", bytes(encoded)).state
        again = made_anew(turn.state(), "s", "native", "t", turn.slicer).encoded()
        assert saves("s", "r", "t", again).state == saves("s", "r", "t", bytes(again)).state


USUAL: list[tuple[Any, ...]] = [
    ("says", "user", "Where is my parcel? It was sent at 10:20:47Z, see https://a.b/c"),
    ("model_answered", "gpt-5.5", {"input_tokens": 1200}, "tool_use"),
    ("call_started", "call-1", "lookup", {"order": 17, "max_tokens": 5}),
    ("call_ended", "call-1", "error", "KeyError: 'order'", {"found": None}),
    ("handed_to", "billing", "call-2"),
    ("says", "assistant", "In Bonn, as the author says. " * 99),
    ("close", "error", "RuntimeError: passed"),
]


def test_a_usual_turn_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[bytes] = []

    def search(encoded: bytes) -> bool:
        searched.append(encoded)
        return False

    monkeypatch.setattr(encoder, "may_hold_secrets", search)
    turn = a_turn(DETAILS["slices"])
    for step in USUAL:
        take(turn, step)
        state = turn.encoded()
        assert isinstance(state, Plain)
        searched.clear()
        assert bytes(StateEncoder(redact).event_of("s", "r", "t", state).state) == state
        assert not searched


@pytest.mark.parametrize("name", ["slices", "full"])
@pytest.mark.parametrize(
    "step",
    [
        ("says", "user", KEY),
        ("says", KEY, "yes"),
        ("call_started", KEY, "lookup"),
        ("call_started", "call-1", KEY),
        ("call_started", "call-1", "lookup", {"order": KEY}),
        ("call_ended", "call-0", "completed", None, KEY),
        ("call_ended", "call-0", "error", KEY),
        ("model_answered", KEY),
        ("model_answered", None, None, KEY),
        ("handed_to", KEY, None),
        ("handed_to", "billing", KEY),
        ("close", "error", KEY),
    ],
    ids=lambda step: step[0],
)
def test_wherever_a_secret_comes_it_is_replaced(step: tuple[Any, ...], name: Any) -> None:
    turn = a_turn(DETAILS[name])
    take(turn, ("call_started", "call-0", "lookup"))
    take(turn, step)
    saved = bytes(StateEncoder(redact).event_of("s", "r", "t", turn.encoded()).state)
    assert KEY.encode() not in saved
    assert b"[REDACTED:" in saved


def test_a_secret_in_a_key_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    turn = a_turn(DETAILS["full"])
    take(turn, ("call_started", "call-1", "lookup", {KEY: "1"}))
    with caplog.at_level(logging.WARNING, "journal"):
        StateEncoder(redact).event_of("s", "r", "t", turn.encoded())
    assert "a key of a state holds what looks like a secret" in caplog.text


def test_a_redactor_of_the_users_own_sees_every_turn_whole() -> None:
    seen: list[dict[str, Any]] = []

    def redactor(state: dict[str, Any]) -> dict[str, Any]:
        seen.append(state)
        return {"seen": True}

    turn = Turn("s", "native", "t", slicer=Slicer(DETAILS["slices"], lambda given: given))
    take(turn, USUAL[0])
    event = StateEncoder(redactor).event_of("s", "r", "t", turn.encoded())
    assert bytes(event.state) == b'{"seen":true}'
    assert seen == [turn.state()]
