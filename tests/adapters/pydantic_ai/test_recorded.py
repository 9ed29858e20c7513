"""What a turn tells whoever has to find out what an agent did, and why."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, ModelRetry, RunContext, ToolDenied, ToolReturn
from pydantic_ai.capabilities import AbstractCapability, Hooks
from pydantic_ai.exceptions import SkipModelRequest, SkipToolExecution, ToolFailed
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
from pydantic_ai.usage import RequestUsage

from projections import DefaultSessionStore
from projections.adapters.pydantic_ai import JournalCapability, mirror
from projections.adapters.values import DETAILS, Record
from tests.adapters.pydantic_ai.agents import EACH_RUN, Run, agent, weather
from tests.adapters.reported import calls, said, the_turn


def answering(*responses: Sequence[ModelResponsePart] | ModelResponse) -> FunctionModel:
    """A model that gives these responses, one after the other."""
    left = list(responses)

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        found = left.pop(0)
        return found if isinstance(found, ModelResponse) else ModelResponse(list(found))

    return FunctionModel(respond)


def state(store: DefaultSessionStore, runtime: str = "native") -> dict[str, Any]:
    found = the_turn(store, runtime)[1]
    assert isinstance(found, dict)
    return found


class TestCalls:
    """Arguments, results, errors, times."""

    @EACH_RUN
    def test_each_call_with_its_arguments_result_and_times(
        self, run: Run, store: DefaultSessionStore
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
        self, run: Run, store: DefaultSessionStore
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
    def test_arguments_may_be_json_text(
        self, given: Any, kept: Any, store: DefaultSessionStore
    ) -> None:
        model = answering([ToolCallPart("weather", given, "c-1")], [TextPart("done")])
        with mirror(store, session_id="s"):
            agent(model=model, tools=[weather]).run_sync("you")
        (found,) = calls(store)
        assert found["arguments"] == kept
        assert found["status"] == ("completed" if kept == {"city": "Rome"} else "error")

    def test_an_id_that_a_model_gives_twice_is_the_later_call(
        self, store: DefaultSessionStore
    ) -> None:
        model = answering(
            [ToolCallPart("weather", {"city": "Rome"}, "call_0")],
            [ToolCallPart("weather", {"city": "Bern"}, "call_0")],
            [TextPart("done")],
        )
        with mirror(store, session_id="s"):
            agent(model=model).run_sync("you")
        (found,) = calls(store)
        assert (found["arguments"], found["result"]) == ({"city": "Bern"}, "sunny in Bern")
        states = [
            each.state for each in store.history("s", "native", the_turn(store, "native")[0])
        ]
        assert any(
            each.get("tool_calls", [{}])[0].get("result") == "sunny in Rome" for each in states
        )

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
    def test_whatever_a_tool_returns(
        self, returned: Any, kept: Any, store: DefaultSessionStore
    ) -> None:
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
        self, raised: Exception, status: str, error: str | None, store: DefaultSessionStore
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

    def test_a_tool_that_is_not_there_is_an_error_of_the_call(
        self, store: DefaultSessionStore
    ) -> None:
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
        self, run: str, store: DefaultSessionStore
    ) -> None:
        """Neither is any hook told of that."""
        each = agent(
            model=TestModel(custom_output_args={"city": "Rome"}, call_tools=[]),
            output_type=self.City,
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

    def test_tools_that_the_provider_runs_are_calls_too(self, store: DefaultSessionStore) -> None:
        searched = [
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

    def test_of_calls_side_by_side_each_ends_as_it_ends(self, store: DefaultSessionStore) -> None:
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

    def test_a_call_that_was_not_seen_to_be_cancelled_stays_open(
        self, store: DefaultSessionStore
    ) -> None:
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
            each.tool_plain(stubborn, name="weather")
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


class TestWords:
    """Models, usage, why they stopped, and what was said."""

    def test_usage_adds_up_and_the_last_model_is_named(self, store: DefaultSessionStore) -> None:
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
    def test_each_way_to_run_tells_model_and_usage(
        self, run: Run, store: DefaultSessionStore
    ) -> None:
        with mirror(store, session_id="s"):
            run(agent(), "weather in Rome?")
        found = state(store)
        assert found["model"].startswith("function:")
        assert found["usage"]["input_tokens"] > 50
        assert found["transcript"] == said(
            "weather in Rome?", found["transcript"][-1]["content"]
        ), "the answer stands there once"

    def test_without_the_providers_word_the_frameworks_stands(
        self, store: DefaultSessionStore
    ) -> None:
        cut = ModelResponse([TextPart("Sun")], finish_reason="length")
        with mirror(store, session_id="s"):
            agent(model=answering(cut)).run_sync("you")
        assert state(store)["stop_reason"] == "length"

    class City(BaseModel):
        city: str

    @EACH_RUN
    def test_structured_output_is_no_call_and_stands_in_the_transcript(
        self, run: Run, store: DefaultSessionStore
    ) -> None:
        """Pydantic AI has the model call a tool for it, which is not one of the agent's."""
        with mirror(store, session_id="s"):
            run(agent(output_type=self.City), "final")
        assert state(store)["transcript"] == said("final", '{"city":"Rome"}')
        assert "tool_calls" not in state(store)

    def test_output_that_is_refused_is_no_call_either(self, store: DefaultSessionStore) -> None:
        model = answering(
            [ToolCallPart("final_result", {"town": "Rome"}, "c-1")],
            [TextPart("Here:"), ToolCallPart("final_result", {"city": "Rome"}, "c-2")],
        )
        with mirror(store, session_id="s"):
            agent(model=model, output_type=self.City).run_sync("you")
        assert "tool_calls" not in state(store)
        assert [each["content"] for each in state(store)["transcript"]] == [
            "you",
            "Here:",
            '{"city":"Rome"}',
        ]

    def test_what_the_user_adds_meanwhile_is_there(self, store: DefaultSessionStore) -> None:
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

    def test_an_answer_in_place_of_the_models_is_the_answer(
        self, store: DefaultSessionStore
    ) -> None:
        class Guard(AbstractCapability[Any]):
            async def before_model_request(self, ctx: Any, request_context: Any) -> Any:
                raise SkipModelRequest(ModelResponse([TextPart("I may not say that.")]))

        with mirror(store, session_id="s"):
            agent(capabilities=[Guard()]).run_sync("you")
        assert state(store)["transcript"] == said("you", "I may not say that.")


class TestRecord:
    """How much is kept is chosen once."""

    @pytest.mark.parametrize("record", DETAILS)
    @pytest.mark.parametrize("by", ["mirror", "capability"])
    def test_how_much_is_kept_is_chosen(
        self, by: str, record: Record, store: DefaultSessionStore
    ) -> None:
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
    def test_nothing_else_is_taken(
        self, make: Callable[..., Any], store: DefaultSessionStore
    ) -> None:
        with pytest.raises(ValueError, match="'ids', 'slices' or 'full'"):
            make(store, record="all")


class TestStreamsThatAreKept:
    """`run_stream_sync` is often called without `with`."""

    def test_one_that_was_read_to_its_end_is_completed(self, store: DefaultSessionStore) -> None:
        with mirror(store, session_id="s") as handle:
            result = agent().run_stream_sync("you")
            handle.recorder.join()
            assert state(store)["status"] == "open"
            text = list(result.stream_text(debounce_by=None))[-1]
            found = state(store)
            assert (found["status"], "closed_at" in found) == ("completed", True)
            assert found["transcript"] == said("you", text)
            del result  # closed by Python, sooner or later
        assert handle.failures == 0
        assert state(store)["usage"]["output_tokens"] > 0, "what is known then is added"

    def test_others_may_work_before_it_is_closed(self, store: DefaultSessionStore) -> None:
        with mirror(store, session_id="s"):
            kept = agent("first").run_stream_sync("you")
            kept.get_output()
            agent("second").run_sync("you")
            del kept
        (change,) = store.audit("s").changes
        assert (change.source, change.target, change.late_writes) == ("first", "second", ())
        assert store.audit("s").ok

    def test_one_that_was_read_in_part_is_open(self, store: DefaultSessionStore) -> None:
        with mirror(store, session_id="s") as handle:
            kept = agent().run_stream_sync("you and you")
            next(iter(kept.stream_text(debounce_by=None)))
            handle.recorder.join()
            assert state(store)["status"] == "open"
            del kept
        assert state(store)["status"] == "cancelled"


def test_an_agent_that_runs_in_the_block_of_a_stream_is_called_for_by_its_turn(
    store: DefaultSessionStore,
) -> None:
    """Also once the stream was read to its end."""

    async def main() -> None:
        async with agent("outer").run_stream("you") as stream:
            await stream.get_output()
            await agent("inner").run("you")

    with mirror(store):
        asyncio.run(main())
    (info,) = store.list_sessions()
    audit = store.audit(info["session_id"])
    assert [(each.source, each.target) for each in audit.changes] == [
        ("outer", "inner"),
        ("inner", "outer"),
    ]
    assert audit.ok


def test_nobody_keeps_what_is_over(store: DefaultSessionStore) -> None:
    """Memory: what is open."""
    journal = JournalCapability(store, session_id="s")
    each: Agent[None, Any] = agent(capabilities=[journal])
    for prompt in ("you", "weather in Rome?", "two cities"):
        each.run_sync(prompt)
    assert journal._tracker._runs == {}
