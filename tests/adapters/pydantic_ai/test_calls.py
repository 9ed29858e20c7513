"""Each call tells its arguments, its result or error, and its times."""

import asyncio
import contextlib
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import BinaryContent, ModelRetry, RunContext, ToolDenied, ToolReturn
from pydantic_ai.capabilities import Hooks
from pydantic_ai.exceptions import SkipToolExecution, ToolFailed
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    ModelResponsePart,
    NativeToolCallPart,
    NativeToolReturnPart,
    TextPart,
    ToolCallPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel

from projections import DefaultSessionStore
from projections.adapters.pydantic_ai import mirror
from tests.adapters.pydantic_ai.agents import EACH_RUN, Run, agent, answering, weather
from tests.adapters.reported import calls, the_turn


def state(store: DefaultSessionStore, runtime: str = "native") -> dict[str, Any]:
    found = the_turn(store, runtime)[1]
    assert isinstance(found, dict)
    return found


@EACH_RUN
def test_each_call_with_its_arguments_result_and_times(
    run: Run, store: DefaultSessionStore
) -> None:
    with mirror(store, session_id="s"):
        run(agent(), "two cities")
    for found, city in zip(state(store)["tool_calls"], ("Rome", "Bern"), strict=True):
        assert found["arguments"] == {"city": city}
        assert found["result"] == f"sunny in {city}"
        assert found["started_at"] <= found["ended_at"]
        assert state(store)["opened_at"] <= found["started_at"]


@EACH_RUN
def test_all_calls_of_a_response_are_named_before_one_of_them_runs(
    run: Run, store: DefaultSessionStore
) -> None:
    """Whoever they call for is beside others then: see the handoffs."""
    seen: list[list[str]] = []

    async def weather(city: str) -> str:
        await asyncio.sleep(0)
        seen.append([call["arguments"]["city"] for call in state(store)["tool_calls"]])
        return "sunny"

    with mirror(store, session_id="s"):
        run(agent(tools=[weather]), "two cities")
    assert seen[0] == ["Rome", "Bern"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"city": "Rome"}, {"city": "Rome"}),
        ('{"city": "Rome"}', {"city": "Rome"}),
        (None, {}),
        ("", {}),
        ('{"city": "Ro', '{"city": "Ro'),
    ],
)
def test_arguments_may_be_json_text(given: Any, kept: Any, store: DefaultSessionStore) -> None:
    model = answering([ToolCallPart("weather", given, "c-1")], [TextPart("done")])
    with mirror(store, session_id="s"):
        agent(model=model, tools=[weather]).run_sync("you")
    (found,) = calls(store)
    assert found["arguments"] == kept
    assert found["status"] == ("completed" if kept == {"city": "Rome"} else "error")


def test_an_id_that_a_model_gives_twice_is_the_later_call(store: DefaultSessionStore) -> None:
    model = answering(
        [ToolCallPart("weather", {"city": "Rome"}, "call_0")],
        [ToolCallPart("weather", {"city": "Bern"}, "call_0")],
        [TextPart("done")],
    )
    with mirror(store, session_id="s"):
        agent(model=model).run_sync("you")
    (found,) = calls(store)
    assert (found["arguments"], found["result"]) == ({"city": "Bern"}, "sunny in Bern")
    states = [each.state for each in store.history("s", "native", the_turn(store, "native")[0])]
    assert any(each.get("tool_calls", [{}])[0].get("result") == "sunny in Rome" for each in states)


class Forecast(BaseModel):
    city: str = "Rome"
    degrees: int = 21


@pytest.mark.parametrize(
    ("returned", "kept"),
    [
        ("sunny", "sunny"),
        ({"degrees": 21}, {"degrees": 21}),
        (Forecast(), {"city": "Rome", "degrees": 21}),
        (ToolReturn("sunny", content="and warm", metadata={"n": 1}), "sunny"),
        (BinaryContent(b"0" * 900, media_type="image/png"), "[BinaryContent]"),
        ([BinaryContent(b"0", media_type="text/plain"), "x"], ["[BinaryContent]", "x"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_a_tool_returns(returned: Any, kept: Any, store: DefaultSessionStore) -> None:
    def weather(city: str) -> Any:
        return returned

    with mirror(store, session_id="s") as handle:
        agent(tools=[weather]).run_sync("weather")
    assert handle.failures == 0
    assert calls(store)[0]["result"] == kept


@pytest.mark.parametrize(
    ("raised", "status", "error"),
    [
        (ModelRetry("which Rome?"), "error", "ModelRetry: which Rome?"),
        (ToolFailed("no such city"), "error", "ToolFailed: no such city"),
        (SkipToolExecution("cached"), "completed", None),
        (SkipToolExecution(ToolDenied("not allowed")), "denied", "not allowed"),
    ],
)
def test_how_a_hook_or_a_tool_may_end_a_call(
    raised: Exception, status: str, error: str | None, store: DefaultSessionStore
) -> None:
    hooks = Hooks[Any]()

    @hooks.on.before_tool_execute
    async def end(ctx: RunContext[Any], **about: Any) -> Any:
        raise raised

    model = answering([ToolCallPart("weather", {"city": "Rome"}, "c-1")], [TextPart("done")])
    with mirror(store, session_id="s"):
        agent(model=model, capabilities=[hooks]).run_sync("you")
    (found,) = calls(store)
    assert (found["status"], found.get("error")) == (status, error)


def test_a_tool_that_is_not_there_is_an_error_of_the_call(store: DefaultSessionStore) -> None:
    """No hook is told of it."""
    model = answering([ToolCallPart("whether", {"city": "Rome"}, "c-1")], [TextPart("done")])
    with mirror(store, session_id="s"):
        agent(model=model).run_sync("you")
    (found,) = calls(store)
    assert (found["name"], found["status"]) == ("whether", "error")
    assert found["arguments"] == {"city": "Rome"}
    assert "Unknown tool name: 'whether'" in str(found["error"])
    assert store.audit("s").lost_calls == ()


class City(BaseModel):
    city: str


@pytest.mark.parametrize("run", ["run_sync", "run_stream_sync"])
def test_a_call_that_is_skipped_for_the_output_is_cancelled(
    run: str, store: DefaultSessionStore
) -> None:
    """Neither is any hook told of that."""
    each = agent(
        model=TestModel(custom_output_args={"city": "Rome"}, call_tools=[]),
        output_type=City,
        end_strategy="early",
    )

    def both(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        return ModelResponse(
            [
                ToolCallPart("final_result", {"city": "Rome"}, "c-final"),
                ToolCallPart("weather", {"city": "Rome"}, "c-rome"),
            ]
        )

    async def streamed(messages: list[ModelMessage], info: AgentInfo) -> Any:
        from pydantic_ai.models.function import DeltaToolCall

        for number, part in enumerate(both(messages, info).tool_calls):
            yield {
                number: DeltaToolCall(
                    part.tool_name, part.args_as_json_str(), tool_call_id=part.tool_call_id
                )
            }

    model = FunctionModel(both, stream_function=streamed)
    with mirror(store, session_id="s"):
        if run == "run_sync":
            each.run_sync("you", model=model)
        else:
            with each.run_stream_sync("you", model=model) as result:
                result.get_output()
    found = calls(store)
    assert [(each["id"], each["status"]) for each in found] == [("c-rome", "cancelled")]
    assert state(store)["status"] == "completed"


def test_tools_that_the_provider_runs_are_calls_too(store: DefaultSessionStore) -> None:
    searched: list[ModelResponsePart] = [
        NativeToolCallPart("web_search", {"query": "Rome"}, "n-1", provider_name="stub"),
        NativeToolReturnPart("web_search", {"found": 3}, "n-1", provider_name="stub"),
        NativeToolCallPart("web_search", {"query": "Bern"}, "n-2", provider_name="stub"),
        TextPart("Sunny."),
    ]
    with mirror(store, session_id="s"):
        agent(model=answering(searched)).run_sync("you")
    assert calls(store) == [
        {
            "id": "n-1",
            "name": "web_search",
            "status": "completed",
            "arguments": {"query": "Rome"},
            "result": {"found": 3},
        },
        {
            "id": "n-2",
            "name": "web_search",
            "status": "completed",
            "arguments": {"query": "Bern"},
        },
    ]


def test_of_calls_side_by_side_each_ends_as_it_ends(store: DefaultSessionStore) -> None:
    """A cancelled run cancels those that run, and no others."""

    async def main() -> None:
        begun, never = asyncio.Event(), asyncio.Event()

        async def weather(city: str) -> str:
            if city == "Rome":
                return "sunny"
            begun.set()
            await never.wait()
            return "never"

        task = asyncio.ensure_future(agent(tools=[weather]).run("two cities"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with mirror(store, session_id="s") as handle:
        asyncio.run(main())
    assert handle.failures == 0
    assert state(store)["status"] == "cancelled"
    rome, bern = state(store)["tool_calls"]
    assert (rome["status"], bern["status"]) == ("completed", "cancelled")
    assert bern["started_at"] <= bern["ended_at"]


def test_a_call_that_was_not_seen_to_be_cancelled_stays_open(store: DefaultSessionStore) -> None:
    """It may still run."""

    async def main() -> None:
        begun, cancelled, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def stubborn(city: str) -> str:
            begun.set()
            try:
                await over.wait()
            except asyncio.CancelledError:
                cancelled.set()
                while not over.is_set():
                    with contextlib.suppress(asyncio.CancelledError):
                        await over.wait()
            return "as if nothing had been"

        each = agent(tools=[])
        each.tool_plain(name="weather")(stubborn)
        task = asyncio.ensure_future(each.run("weather"))
        await begun.wait()
        task.cancel()
        await cancelled.wait()
        await asyncio.to_thread(handle.recorder.join)
        seen.append(state(store))
        over.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    seen: list[dict[str, Any]] = []
    with mirror(store, session_id="s") as handle:
        asyncio.run(main())
    (meanwhile,) = seen
    assert meanwhile["tool_calls"][0]["status"] == "open"
    assert state(store)["status"] == "cancelled"
    assert state(store)["tool_calls"][0]["status"] == "completed", "it said so in the end"
