"""Models, usage, why they stopped, what was said, and how much of it is kept."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel
from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability, Hooks
from pydantic_ai.exceptions import SkipModelRequest
from pydantic_ai.messages import (
    ModelResponse,
    TextPart,
    ToolCallPart,
)
from pydantic_ai.usage import RequestUsage

from projections import DefaultSessionStore
from projections.adapters.pydantic_ai import JournalCapability, mirror
from projections.adapters.values import DETAILS, Record
from tests.adapters.pydantic_ai.agents import EACH_RUN, Run, agent, answering
from tests.adapters.reported import said, the_turn


def state(store: DefaultSessionStore, runtime: str = "native") -> dict[str, Any]:
    found = the_turn(store, runtime)[1]
    assert isinstance(found, dict)
    return found


def test_usage_adds_up_and_the_last_model_is_named(store: DefaultSessionStore) -> None:
    first = ModelResponse(
        [TextPart("I look."), ToolCallPart("weather", {"city": "Rome"}, "c-1")],
        usage=RequestUsage(
            input_tokens=100, output_tokens=7, cache_read_tokens=60, cost=Decimal("0.25")
        ),
        finish_reason="tool_call",
        provider_details={"finish_reason": "tool_use"},
    )
    second = ModelResponse(
        [TextPart("Sunny.")],
        usage=RequestUsage(input_tokens=150, output_tokens=3, cost=Decimal("0.5")),
        finish_reason="stop",
        provider_details={"finish_reason": "end_turn"},
    )
    seen: list[dict[str, Any]] = []
    names = ["small", "large"]
    hooks = Hooks[Any]()

    @hooks.on.after_model_request
    async def name(ctx: RunContext[Any], *, response: ModelResponse, **_: Any) -> Any:
        return replace(response, model_name=names.pop(0))

    def weather(city: str) -> str:
        seen.append(state(store))
        return "sunny"

    each = agent(model=answering(first, second), tools=[weather], capabilities=[hooks])
    with mirror(store, session_id="s"):
        each.run_sync("you")
    (before,) = seen
    assert (before["model"], before["stop_reason"]) == ("small", "tool_use")
    after = state(store)
    assert (after["model"], after["stop_reason"]) == ("large", "end_turn")
    assert after["usage"] == {
        "input_tokens": 250,
        "output_tokens": 10,
        "cache_read_tokens": 60,
        "cost_usd": 0.75,
    }
    assert [each["content"] for each in after["transcript"]] == ["you", "I look.", "Sunny."]


@EACH_RUN
def test_each_way_to_run_tells_model_and_usage(run: Run, store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        run(agent(), "weather in Rome?")
    found = state(store)
    assert found["model"].startswith("function:")
    assert found["usage"]["input_tokens"] > 50
    assert found["transcript"] == said("weather in Rome?", found["transcript"][-1]["content"]), (
        "the answer stands there once"
    )


def test_without_the_providers_word_the_frameworks_stands(store: DefaultSessionStore) -> None:
    cut = ModelResponse([TextPart("Sun")], finish_reason="length")
    with mirror(store, session_id="s"):
        agent(model=answering(cut)).run_sync("you")
    assert state(store)["stop_reason"] == "length"


class City(BaseModel):
    city: str


@EACH_RUN
def test_structured_output_is_no_call_and_stands_in_the_transcript(
    run: Run, store: DefaultSessionStore
) -> None:
    """Pydantic AI has the model call a tool for it, which is not one of the agent's."""
    with mirror(store, session_id="s"):
        run(agent(output_type=City), "final")
    assert state(store)["transcript"] == said("final", '{"city":"Rome"}')
    assert "tool_calls" not in state(store)


def test_output_that_is_refused_is_no_call_either(store: DefaultSessionStore) -> None:
    model = answering(
        [ToolCallPart("final_result", {"town": "Rome"}, "c-1")],
        [TextPart("Here:"), ToolCallPart("final_result", {"city": "Rome"}, "c-2")],
    )
    with mirror(store, session_id="s"):
        agent(model=model, output_type=City).run_sync("you")
    assert "tool_calls" not in state(store)
    assert [each["content"] for each in state(store)["transcript"]] == [
        "you",
        "Here:",
        '{"city":"Rome"}',
    ]


def test_what_the_user_adds_meanwhile_is_there(store: DefaultSessionStore) -> None:
    def weather(ctx: RunContext[Any], city: str) -> str:
        ctx.enqueue("And in Bern?")
        return "sunny"

    model = answering(
        [ToolCallPart("weather", {"city": "Rome"}, "c-1")],
        [TextPart("Sunny.")],
        [TextPart("x")],
    )
    with mirror(store, session_id="s"):
        agent(model=model, tools=[weather]).run_sync("you")
    said_by_user = [
        each["content"] for each in state(store)["transcript"] if each["role"] == "user"
    ]
    assert said_by_user == ["you", "And in Bern?"]


def test_an_answer_in_place_of_the_models_is_the_answer(store: DefaultSessionStore) -> None:
    class Guard(AbstractCapability[Any]):
        async def before_model_request(self, ctx: Any, request_context: Any) -> Any:
            raise SkipModelRequest(ModelResponse([TextPart("I may not say that.")]))

    with mirror(store, session_id="s"):
        agent(capabilities=[Guard()]).run_sync("you")
    assert state(store)["transcript"] == said("you", "I may not say that.")


@pytest.mark.parametrize("record", DETAILS)
@pytest.mark.parametrize("by", ["mirror", "capability"])
def test_how_much_is_kept_is_chosen(by: str, record: Record, store: DefaultSessionStore) -> None:
    def weather(city: str) -> str:
        return "sunny " * 1000

    def run() -> None:
        agent(tools=[weather], capabilities=[*own]).run_sync("weather in Rome?")

    own: list[JournalCapability] = []
    if by == "mirror":
        with mirror(store, session_id="s", record=record):
            run()
    else:
        own.append(JournalCapability(store, session_id="s", record=record))
        run()
    found = state(store)
    assert len(msgspec.json.encode(found)) <= DETAILS[record].turn_bytes
    (call,) = found["tool_calls"]
    assert (call["id"], call["name"], call["status"]) == ("c-rome", "weather", "completed")
    assert call["started_at"] <= call["ended_at"]
    match record:
        case "ids":
            assert not call.keys() & {"arguments", "result"}
            assert "transcript" not in found
        case "slices":
            assert call["cut"]["result"]["bytes"] == 6000
            assert call["arguments"] == {"city": "Rome"}
        case "full":
            assert call["result"] == "sunny " * 1000
            assert "cut" not in call


@pytest.mark.parametrize("make", [mirror, JournalCapability])
def test_nothing_else_is_taken(make: Callable[..., Any], store: DefaultSessionStore) -> None:
    with pytest.raises(ValueError, match="'ids', 'slices' or 'full'"):
        make(store, record="all")
