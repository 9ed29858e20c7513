"""Tool calls that do not simply return: retries, skipped and deferred ones."""

from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import (
    Agent,
    DeferredToolRequests,
    DeferredToolResults,
    ModelRetry,
    RunContext,
    ToolDefinition,
    ToolDenied,
)
from pydantic_ai.capabilities import Hooks
from pydantic_ai.exceptions import (
    ApprovalRequired,
    ModelHTTPError,
    SkipToolExecution,
)
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    TextPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.toolsets import ExternalToolset

from projections import DefaultSessionStore
from projections.adapters.pydantic_ai import mirror
from tests.adapters.pydantic_ai.agents import CALLS, EACH_RUN, MODEL, Run, agent, weather
from tests.adapters.reported import ROME, call, said, turns, versions


def test_what_a_tool_sends_back_to_the_model_is_an_error_of_the_call(
    store: DefaultSessionStore,
) -> None:
    """The same call id again, as some models give it: open again, then it ends well."""
    attempts: list[str] = []

    def weather(city: str) -> str:
        attempts.append(city)
        if len(attempts) == 1:
            raise ModelRetry("which Rome?")
        return "sunny"

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        done = len(attempts) == 2
        return ModelResponse([TextPart("done")] if done else CALLS["weather"])

    with mirror(store, session_id="s"):
        agent(tools=[weather], model=FunctionModel(respond)).run_sync("you")
    (turn,) = turns(store)
    assert turn["tool_calls"] == [ROME]
    assert versions(store) == [
        ["open"],
        ["open", "open"],
        ["open", "error"],
        ["open", "open"],
        ["open", "completed"],
        ["completed", "completed"],
    ]
    (turn_id,) = store.get_runtime_state("s", "native")
    states = [version.state for version in store.history("s", "native", turn_id)]
    assert states[2]["tool_calls"][0]["error"] == "ModelRetry: which Rome?"


@EACH_RUN
def test_arguments_that_do_not_fit_are_an_error_of_the_call(
    run: Run, store: DefaultSessionStore
) -> None:
    with mirror(store, session_id="s"):
        run(agent(), "misfit")
    (turn,) = turns(store)
    (found,) = turn["tool_calls"]
    assert (found["id"], found["name"], found["status"]) == ("c-rome", "weather", "error")
    assert found["error"].startswith("ValidationError: ")
    assert turn["status"] == "completed", "the model was told, and went on"


def test_a_call_that_a_capability_skips_is_completed(store: DefaultSessionStore) -> None:
    hooks = Hooks[Any]()

    @hooks.on.before_tool_execute
    async def skip(ctx: RunContext[Any], **about: Any) -> Any:
        raise SkipToolExecution("cached")

    with mirror(store, session_id="s"):
        result = agent(capabilities=[hooks]).run_sync("weather in Rome?")
    assert result.output == "done: cached"
    assert turns(store)[0]["tool_calls"] == [ROME]


class City(BaseModel):
    city: str


def test_structured_output_is_no_tool_call_and_stands_in_the_transcript(
    store: DefaultSessionStore,
) -> None:
    """Pydantic AI has the model call a tool for it, which is not one of the agent's."""
    with mirror(store, session_id="s"):
        result = agent(output_type=City).run_sync("final")
    assert result.output == City(city="Rome")
    assert turns(store) == [
        {"status": "completed", "transcript": said("final", '{"city":"Rome"}')}
    ]


DEFERRING: dict[str, Agent[None, Any]] = {
    "to be approved": Agent(name="native", model=MODEL, output_type=[str, DeferredToolRequests]),
    "to be approved, as it says itself": Agent(
        name="native", model=MODEL, output_type=[str, DeferredToolRequests]
    ),
    "done elsewhere": Agent(
        name="native",
        model=MODEL,
        output_type=[str, DeferredToolRequests],
        toolsets=[
            ExternalToolset(
                [ToolDefinition(name="weather", parameters_json_schema={"type": "object"})]
            )
        ],
    ),
}
DEFERRING["to be approved"].tool_plain(requires_approval=True)(weather)


@DEFERRING["to be approved, as it says itself"].tool(name="weather")
def asks_first(ctx: RunContext[None], city: str) -> str:
    if not ctx.tool_call_approved:
        raise ApprovalRequired
    return weather(city)


@pytest.mark.parametrize("kind", DEFERRING)
@pytest.mark.parametrize("answer", ["approved", "denied"])
def test_a_deferred_call_stays_open_until_a_later_run_answers_it(
    kind: str, answer: str, store: DefaultSessionStore
) -> None:
    each = DEFERRING[kind]
    denied = answer == "denied"
    if kind == "done elsewhere":
        results = DeferredToolResults(calls={"c-rome": ModelRetry("no") if denied else "sunny"})
    else:
        results = DeferredToolResults(approvals={"c-rome": ToolDenied("no") if denied else True})
    with mirror(store) as handle:
        asked = each.run_sync("weather in Rome?")
        each.run_sync(message_history=asked.all_messages(), deferred_tool_results=results)
    assert handle.failures == 0
    (session,) = [info["session_id"] for info in store.list_sessions()]
    first, second = turns(store, session=session)
    assert (first["status"], second["status"]) == ("completed", "completed")
    assert first["tool_calls"] == [call("c-rome", "weather", "open")]
    refused = "error" if kind == "done elsewhere" else "cancelled"
    assert second["tool_calls"] == [call("c-rome", "weather", refused if denied else "completed")]


def test_a_run_that_brings_an_answer_and_then_fails_has_answered(
    store: DefaultSessionStore,
) -> None:
    def fail(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        raise ModelHTTPError(500, "stub", "made to fail")

    each = DEFERRING["done elsewhere"]
    with mirror(store):
        asked = each.run_sync("weather in Rome?")
        with pytest.raises(ModelHTTPError):
            each.run_sync(
                message_history=asked.all_messages(),
                deferred_tool_results=DeferredToolResults(calls={"c-rome": "sunny"}),
                model=FunctionModel(fail),
            )
    (session,) = [info["session_id"] for info in store.list_sessions()]
    _, second = turns(store, session=session)
    assert second["status"] == "error"
    assert second["tool_calls"] == [call("c-rome", "weather")]
    assert store.audit(session).lost_calls == ()


def test_an_approved_call_that_fails_keeps_its_error(store: DefaultSessionStore) -> None:
    each: Agent[None, Any] = Agent(MODEL, name="native", output_type=[str, DeferredToolRequests])

    @each.tool_plain(requires_approval=True)
    def weather(city: str) -> str:
        raise ModelRetry("which Rome?")

    asked = each.run_sync("weather in Rome?")
    with mirror(store, session_id="s"):
        each.run_sync(
            message_history=asked.all_messages(),
            deferred_tool_results=DeferredToolResults(approvals={"c-rome": True}),
        )
    assert turns(store)[0]["tool_calls"] == [
        call("c-rome", "weather", "error", error="ModelRetry: which Rome?")
    ]
