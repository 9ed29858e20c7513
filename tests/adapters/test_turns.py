"""What is kept of an agent's turn: the form of a recorded turn, and what matters most of it."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from journal import Limits
from journal.state import encode_state
from projections.adapters import states
from projections.adapters.calls import UNFINISHED
from projections.adapters.texts import error_text, text_of
from projections.adapters.turns import Turn, new_turn_id
from projections.adapters.values import DETAILS, Detail, Record, Slicer, detail_of
from tests.growth.counting import steps

OPENED = "2026-01-23T10:20:41.714Z"


def turn(detail: Detail = DETAILS["slices"], **fields: Any) -> Turn:
    fixed = {"turn_id": "turn-1", "opened_at": OPENED, "slicer": Slicer(detail)}
    return Turn(session_id="s", runtime_id="triage", **{**fixed, **fields})


def size(state: dict[str, Any]) -> int:
    return len(msgspec.json.encode(state))


def shown(calls: Sequence[dict[str, Any]]) -> dict[str, str]:
    return {call["id"]: call["status"] for call in calls}


class TestForm:
    """What a state says."""

    def test_a_turn_that_is_open(self) -> None:
        one = turn()
        one.says("user", "Where is my parcel?")
        one.call_asked("call-1", "search", '{"parcel": 17}')
        one.call_started("call-2", "search", {"parcel": 18})
        one.call_ended("call-2", result="in Bonn")
        state = one.state()
        times = [state["tool_calls"][1].pop(name) for name in ("started_at", "ended_at")]
        assert times == sorted(times)
        assert all(time.endswith("Z") and len(time) == len(OPENED) for time in times)
        assert state == {
            "turn": 1,
            "agent": "triage",
            "status": "open",
            "opened_at": OPENED,
            "tool_calls": [
                {"id": "call-1", "name": "search", "status": "open", "arguments": {"parcel": 17}},
                {
                    "id": "call-2",
                    "name": "search",
                    "status": "completed",
                    "arguments": {"parcel": 18},
                    "result": "in Bonn",
                },
            ],
            "transcript": [{"role": "user", "content": "Where is my parcel?"}],
        }

    def test_what_models_answered_adds_up(self) -> None:
        one = turn()
        one.model_answered("small", {"input_tokens": 100, "output_tokens": 7}, "tool_use")
        one.model_answered("large", {"input_tokens": 250, "cost_usd": 0.5, "output_tokens": None})
        state = one.state()
        assert state["model"] == "large", "the last one that answered"
        assert state["usage"] == {"input_tokens": 350, "output_tokens": 7, "cost_usd": 0.5}
        assert "stop_reason" not in state, "the last answer gave none"

    def test_a_turn_that_went_wrong_ends_the_calls_that_were_open(self) -> None:
        one = turn()
        for call in ("done", "failed", "open"):
            one.call_started(call, "search")
        one.call_ended("done")
        one.call_ended("failed", "error", KeyError("city"))
        assert one.close("error", RuntimeError("the model\nis gone"))
        state = one.state()
        assert (state["status"], state["error"]) == ("error", "RuntimeError: the model is gone")
        assert state["closed_at"] >= state["opened_at"]
        assert shown(state["tool_calls"]) == {
            "done": "completed",
            "failed": "error",
            "open": "cancelled",
        }
        assert state["tool_calls"][1]["error"] == "KeyError: 'city'"
        assert not one.close("completed"), "it has ended before"
        assert one.state() == state

    @pytest.mark.parametrize("status", ["completed", "cancelled", "interrupted"])
    def test_no_other_end_of_a_turn_is_an_end_of_its_calls(self, status: Any) -> None:
        """One may have been left to somebody else, or may still run."""
        one = turn()
        one.call_started("call-1", "search")
        one.close(status)
        assert shown(one.state()["tool_calls"]) == {"call-1": "open"}

    def test_a_call_waits_and_is_allowed(self) -> None:
        one = turn()
        one.call_waits("call-1", "charge_card", {"euro": 5})
        assert one.close("waiting")
        state = one.state()
        assert state["status"] == "waiting"
        assert "closed_at" not in state, "it goes on"
        call = state["tool_calls"][0]
        assert (call["status"], "answer" in call) == ("waiting", False)
        one.resume()
        one.call_started("call-1", "charge_card")
        one.call_ended("call-1", result="done")
        assert one.close()
        call = one.state()["tool_calls"][0]
        assert (call["status"], call["answer"]) == ("completed", "allowed")
        assert call["asked_at"] <= call["started_at"] <= call["ended_at"]

    def test_a_call_waits_and_is_denied(self) -> None:
        one = turn()
        one.call_waits("call-1", "charge_card")
        one.call_ended("call-1", "denied")
        call = one.state()["tool_calls"][0]
        assert (call["status"], call["answer"], "started_at" in call) == (
            "denied",
            "denied",
            False,
        )

    @pytest.mark.parametrize("status", ["cancelled", "interrupted"])
    def test_a_call_that_is_called_off_while_it_waits_has_no_answer(self, status: Any) -> None:
        one = turn()
        one.call_waits("call-1", "charge_card")
        one.call_ended("call-1", status)
        call = one.state()["tool_calls"][0]
        assert (call["status"], "answer" in call) == (status, False)

    def test_a_tool_that_asks_while_it_runs_runs_anew_once_it_is_allowed_to(self) -> None:
        one = turn()
        for _ in range(2):  # some ask twice
            one.call_started("call-1", "charge_card", {"euro": 5})
            assert "started_at" in one.state()["tool_calls"][0]
            one.call_waits("call-1", "charge_card")
            (call,) = one.state()["tool_calls"]
            assert call["status"] == "waiting"
            assert not call.keys() & {"answer", "started_at"}
        one.call_started("call-1", "charge_card", {"euro": 3})
        (call,) = one.state()["tool_calls"]
        assert (call["status"], call["answer"]) == ("open", "allowed")
        assert call["arguments"] == {"euro": 3}, "what was allowed"
        assert call["asked_at"] <= call["started_at"]

    def test_a_call_whose_id_comes_again_is_the_new_call(self) -> None:
        one = turn()
        one.call_waits("call-1", "search", {"city": "Rome"})
        one.call_ended("call-1", "error", "no such city", {"found": 0})
        one.call_asked("call-1", "search", {"city": "Roma"}, again=True)
        assert one.state()["tool_calls"] == [
            {"id": "call-1", "name": "search", "status": "open", "arguments": {"city": "Roma"}}
        ]
        assert one.has_open_calls

    def test_turns_name_each_other(self) -> None:
        outer = turn()
        inner = Turn("s", "billing", turn_id="turn-2", parent=outer, parent_call_id="call-1")
        outer.handed_to(inner)
        reference = {"runtime": "billing", "turn": "turn-2", "tool_call_id": "call-1"}
        assert outer.state()["handoffs"] == [reference]
        assert inner.state()["parent"] == {**reference, "runtime": "triage", "turn": "turn-1"}
        elsewhere = Turn("other", "billing", turn_id="turn-3", parent=outer)
        outer.handed_to(elsewhere)
        assert elsewhere.state()["parent"] == {
            "runtime": "triage",
            "turn": "turn-1",
            "session": "s",
        }
        assert outer.state()["handoffs"][1] == {
            "runtime": "billing",
            "turn": "turn-3",
            "session": "other",
        }


TEXTS = st.text(st.characters(codec="utf-8"), max_size=3000)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
STATUSES = st.sampled_from(
    ["open", "waiting", "completed", "error", "denied", "cancelled", "interrupted"]
)
IDS = st.text(st.characters(codec="utf-8"), max_size=2000)


class TestRoom:
    """No turn is larger than it may be, whatever is in it."""

    @given(
        said=st.lists(st.tuples(st.sampled_from(["user", "assistant"]), TEXTS), max_size=6),
        calls=st.lists(
            st.tuples(STATUSES, IDS, TEXTS, VALUES, VALUES),
            max_size=12,
            unique_by=lambda call: call[1],
        ),
        handoffs=st.lists(IDS, max_size=12),
        parent=st.none() | IDS,
        error=TEXTS,
        detail=st.sampled_from([*DETAILS.values(), Detail(75, 300), Detail(256, 1024)]),
    )
    def test_the_bound_holds_for_any_turn(
        self,
        said: list[tuple[str, str]],
        calls: list[tuple[Any, str, str, Any, Any]],
        handoffs: list[str],
        parent: str | None,
        error: str,
        detail: Detail,
    ) -> None:
        one = turn(detail, parent=None if parent is None else Turn(parent, parent, parent))
        for role, text in said:
            one.says(role, text)
        for status, call_id, name, arguments, result in calls:
            one.call_started(call_id, name, arguments)
            if status != "open":
                one.call_ended(call_id, status, result=result, error=error or None)
        for each in handoffs:
            one.handed_to(Turn("s", each, each))
        one.close("error" if error else "completed", error or None)
        encoded = one.encoded()
        state = msgspec.json.decode(encoded)
        assert encode_state(state, "state") == encoded, "as the journal writes any other state"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(states, "_has_all", lambda *_: False)
            assert one.encoded() == encoded, "whether or not all of it was tried first"
        assert len(encoded) <= detail.turn_bytes
        if "opened_at" not in state:
            return  # ids alone are longer than that
        omitted = state.get("omitted", {})
        listed = state.get("tool_calls", [])
        now_open = sum(call["status"] in UNFINISHED for call in listed)
        assert now_open + omitted.get("open_calls", 0) == len(one.calls.unfinished)
        assert len(listed) + omitted.get("open_calls", 0) + omitted.get("tool_calls", 0) == len(
            calls
        )
        assert len(state.get("handoffs", [])) + omitted.get("handoffs", 0) == len(handoffs)

    def test_calls_that_are_not_over_come_before_all_others(self) -> None:
        one = turn(Detail(256, 1024))
        for number in range(40):
            one.call_started(f"call-{number}", "search")
            if number % 10:
                one.call_ended(f"call-{number}", result="x" * 50)
        state = one.state()
        assert {"call-0", "call-10", "call-20", "call-30"} <= set(shown(state["tool_calls"]))
        finished = [each for each in shown(state["tool_calls"]) if not each.endswith("0")]
        assert finished == [f"call-{n}" for n in range(40) if n % 10][-len(finished) :], (
            "the newest"
        )
        assert state["omitted"] == {"tool_calls": 36 - len(finished)}

    def test_open_calls_lose_their_arguments_before_they_are_left_out(self) -> None:
        one = turn(Detail(256, 1024))
        for number in range(10):
            one.call_started(f"call-{number}", "search", {"text": "x" * 100})
        state = one.state()
        least = {"id": "call-0", "name": "search", "status": "open"}
        assert state["tool_calls"][0] == least
        assert len(state["tool_calls"]) == 10
        for number in range(10, 60):
            one.call_started(f"call-{number}", "search")
        state = one.state()
        assert len(state["tool_calls"]) + state["omitted"]["open_calls"] == 60

    def test_a_long_transcript_shows_what_was_asked_and_what_came_of_it(self) -> None:
        one = turn(Detail(256, 1024))
        one.says("user", "Find me a hotel. " * 100)
        for number in range(20):
            one.says("assistant", f"Thought number {number}. " * 10)
        one.says("assistant", "The Ritz. " * 100)
        state = one.state()
        said = state["transcript"]
        assert said[0]["content"].startswith("Find me a hotel. Find")
        assert said[-1]["content"].startswith("The Ritz. The Ritz.")
        assert len(said) + state["omitted"]["transcript"] == 22

    def test_a_finished_call_is_left_out_only_after_a_state_that_has_it_finished(self) -> None:
        """Or the audit would call it lost: states are written as calls end, one by one."""
        one = turn(Detail(256, 1024))
        seen_finished = set()
        for number in range(60):
            one.call_started(f"call-{number}", "search")
            one.call_ended(f"call-{number}")
            calls = shown(one.state()["tool_calls"])
            seen_finished |= {call for call, status in calls.items() if status == "completed"}
        assert seen_finished == {f"call-{number}" for number in range(60)}

    @pytest.mark.parametrize("ends", [True, False])
    def test_a_call_costs_the_same_however_many_came_before_it(self, ends: bool) -> None:
        def of(count: int) -> int:
            one = turn()

            def call(number: int) -> None:
                one.call_started(f"call-{number:05}", "search", {"n": number})
                one.state()
                if ends:
                    one.call_ended(f"call-{number:05}", result="found")
                    one.state()

            for number in range(count):
                call(number)
            return steps(lambda: call(count))

        assert of(2000) == pytest.approx(of(1000), rel=0.05)

    def test_a_state_of_an_older_moment_stays_as_it_was(self) -> None:
        one = turn()
        one.call_started("call-1", "search")
        before = one.state()
        encoded = msgspec.json.encode(before)
        one.call_ended("call-1", result="found")
        one.says("assistant", "It is there.")
        one.state()
        assert msgspec.json.encode(before) == encoded


class TestValues:
    """Redacted, digested, cut: in this order, once."""

    def test_a_value_that_is_too_long_is_cut_and_says_so(self) -> None:
        one = turn(Detail(100, 16_000))
        text = "Ä" * 200
        one.call_started("call-1", "search", {"q": text})
        one.call_ended("call-1", result=text)
        call = one.state()["tool_calls"][0]
        assert call["result"].endswith("Ä…")
        assert len(msgspec.json.encode(call["result"])) <= 100
        assert call["cut"]["result"] == {
            "bytes": 400,
            "sha256": sha256(text.encode()).hexdigest()[:16],
        }
        whole = f'{{"q":"{text}"}}'
        assert call["arguments"].startswith('{"q":"Ä'), "the text of the JSON"
        assert call["cut"]["arguments"]["bytes"] == len(whole.encode())

    @given(VALUES, st.sampled_from([60, 100, 1024]))
    def test_it_is_kept_whole_or_its_beginning_is(self, value: Any, most: int) -> None:
        kept = Slicer(Detail(most, 16_000)).keep(value)
        assert kept is not None
        encoded = msgspec.json.encode(kept.value)
        assert len(encoded) <= most
        if kept.cut is not None:
            assert kept.value.endswith("…")
            assert kept.cut["bytes"] > len(kept.value.encode()) - len("…".encode())

    def test_arguments_that_are_known_are_not_looked_at_again(self) -> None:
        cleaned: list[bytes] = []

        def clean(encoded: bytes) -> bytes:
            cleaned.append(encoded)
            return encoded

        one = turn(slicer=Slicer(clean=clean))
        one.call_asked("call-1", "search", {"parcel": 17})
        one.call_asked("call-1", "search", {"parcel": 17})
        one.call_started("call-1", "search", {"parcel": 17})
        assert cleaned == [b'{"parcel":17}']
        one.call_ended("call-1")
        one.call_started("call-1", "search", {"parcel": 18}, again=True)
        assert cleaned[1:] == [b'{"parcel":18}']
        (call,) = one.state()["tool_calls"]
        assert call["arguments"] == {"parcel": 18}

    def test_no_secret_is_in_what_is_kept_or_digested(self) -> None:
        secret = "sk-proj-" + "a1B2c3D4" * 6
        long = "x" * 300 + f" key {secret} {'y' * 3000}"
        one = turn()
        one.call_started("call-1", "login", f'{{"password": "hunter2-{secret}", "n": 1}}')
        one.call_ended("call-1", result=long)
        one.says("user", long)
        one.close("error", RuntimeError(f"refused {secret}"))
        state = one.state()
        assert secret not in str(state)
        assert "hunter2" not in str(state)
        digest = state["tool_calls"][0]["cut"]["result"]["sha256"]
        assert digest != sha256(long.encode()).hexdigest()[:16], "it would confirm a guess"

    def test_a_secret_that_the_cut_parts_is_not_shown_by_half(self) -> None:
        secret = "sk-proj-" + "a1B2c3D4" * 6
        for length in range(900, 1100):
            one = turn()
            one.says("user", "x" * length + " " + secret + "y" * 500)
            assert "a1B2" not in str(one.state())

    @pytest.mark.parametrize(
        ("given_", "kept"),
        [
            ('{"a": 1}', {"a": 1}),
            ("[1, 2]", "[1, 2]"),
            ("{not json", "{not json"),
            (float("nan"), None),
            ({1: "x"}, {"1": "x"}),
            (b"bytes", "Ynl0ZXM="),
            (2**80, 2**80),
            ("lone \ud800", "lone ?"),
        ],
    )
    def test_any_object_can_be_kept(self, given_: object, kept: object) -> None:
        found = Slicer().keep(given_)
        assert found is not None
        assert found.value == kept

    def test_a_model_is_kept_as_its_data(self) -> None:
        class Order(BaseModel):
            number: int = 17

        found = Slicer().keep({"order": Order()})
        assert found is not None
        assert found.value == {"order": {"number": 17}}

    def test_what_does_not_fit_its_model_is_kept_without_a_warning(self) -> None:
        """Which would show it. Warnings are errors here."""

        class Order(BaseModel):
            number: int

        misfit = Order.model_construct(number="seventeen")
        found = Slicer().keep({"order": misfit})
        assert found is not None
        assert found.value == {"order": {"number": "seventeen"}}

    def test_what_is_nested_too_deeply_is_kept_as_text(self) -> None:
        deep: Any = {}
        for _ in range(100):
            deep = {"a": deep}
        one = turn()
        one.call_started("call-1", "search", deep)
        state = one.state()
        encode_state(state)
        assert state["tool_calls"][0]["arguments"].startswith('{"a":{"a"')

    def test_ids_alone_keep_no_values(self) -> None:
        one = turn(DETAILS["ids"])
        one.says("user", "Hello")
        one.call_started("call-1", "search", {"q": 1})
        one.call_ended("call-1", result="found")
        state = one.state()
        assert set(state["tool_calls"][0]) == {"id", "name", "status", "started_at", "ended_at"}
        assert "transcript" not in state
        assert "omitted" not in state
        one.close("error", "x" * 500)
        assert len(one.state()["error"]) == 160

    @pytest.mark.parametrize(
        ("record", "limit", "value", "whole"),
        [
            ("ids", 1 << 20, 0, 1 << 10),
            ("slices", 1 << 20, 1 << 10, 1 << 14),
            ("full", 1 << 20, 1 << 16, 1 << 20),
            ("full", 1 << 14, 1 << 12, 1 << 14),
            ("slices", 1 << 10, 1 << 8, 1 << 10),
        ],
    )
    def test_the_limits_of_a_store_are_kept_to(
        self, record: Record, limit: int, value: int, whole: int
    ) -> None:
        assert detail_of(record).within(Limits(turn_bytes=limit)) == (value, whole)

    def test_there_are_three(self) -> None:
        with pytest.raises(ValueError, match="'ids', 'slices' or 'full'"):
            detail_of("all")  # type: ignore[arg-type]


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
    assert error_text(ValueError("no\nsuch  city")) == "ValueError: no such city"


def test_turn_ids_sort_by_time_and_differ() -> None:
    made = [new_turn_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    times = [name.rpartition("-")[0] for name in made]
    assert times == sorted(times)
