"""Calls that wait for a person, or for somebody else: their turn waits, and goes on as itself."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import (
    Agent,
    DeferredToolRequests,
    DeferredToolResults,
    ModelRetry,
    RunContext,
    ToolApproved,
    ToolDefinition,
    ToolDenied,
)
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ApprovalRequired, ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.toolsets import ExternalToolset

from projections import DefaultSessionStore
from projections.adapters.pydantic_ai import mirror
from projections.adapters.recorder import Recorder
from tests.adapters.forked import fork, status_of
from tests.adapters.pydantic_ai.agents import EACH_RUN, MODEL, Run, agent, weather
from tests.adapters.reported import call, said, the_turn, turns, versions

OUTPUT: Any = [str, DeferredToolRequests]


def deferring() -> Agent[None, Any]:
    return Agent(MODEL, name="native", output_type=OUTPUT)


KINDS: dict[str, Agent[None, Any]] = {
    "to be approved": deferring(),
    "to be approved, as it says itself": deferring(),
    "done elsewhere": Agent(
        MODEL,
        name="native",
        output_type=OUTPUT,
        toolsets=[
            ExternalToolset(
                [ToolDefinition(name="weather", parameters_json_schema={"type": "object"})]
            )
        ],
    ),
}
KINDS["to be approved"].tool_plain(requires_approval=True)(weather)


@KINDS["to be approved, as it says itself"].tool(name="weather")
def asks_first(ctx: RunContext[None], city: str) -> str:
    if not ctx.tool_call_approved:
        raise ApprovalRequired
    return weather(city)


EACH_KIND = pytest.mark.parametrize("kind", KINDS)


def answered(kind: str, *, allowed: bool, call_id: str = "c-rome") -> DeferredToolResults:
    if kind == "done elsewhere":
        given = "sunny in Rome" if allowed else ModelRetry("not today")
        return DeferredToolResults(calls={call_id: given})
    return DeferredToolResults(approvals={call_id: True if allowed else ToolDenied("not today")})


def the_call(store: DefaultSessionStore, session: str = "s") -> dict[str, Any]:
    (found,) = the_turn(store, "native", session)[1]["tool_calls"]
    assert isinstance(found, dict)
    return found


@EACH_RUN
@EACH_KIND
def test_a_call_that_waits_makes_its_turn_wait(
    kind: str, run: Run, store: DefaultSessionStore
) -> None:
    with mirror(store, session_id="s") as handle:
        assert isinstance(run(KINDS[kind], "weather in Rome?"), DeferredToolRequests)
    assert handle.failures == 0
    assert turns(store) == [
        {
            "status": "waiting",
            "tool_calls": [call("c-rome", "weather", "waiting")],
            "transcript": said("weather in Rome?"),
        }
    ]
    found = the_call(store)
    assert found["arguments"] == {"city": "Rome"}
    assert "asked_at" in found
    assert not found.keys() & {"answer", "started_at", "ended_at"}
    assert "closed_at" not in the_turn(store, "native")[1]


@EACH_KIND
@pytest.mark.parametrize("allowed", [True, False], ids=["allowed", "denied"])
def test_it_goes_on_as_the_same_turn_when_it_is_answered(
    kind: str, allowed: bool, store: DefaultSessionStore
) -> None:
    each = KINDS[kind]
    with mirror(store) as handle:
        asked = each.run_sync("weather in Rome?", run_id="first")
        each.run_sync(
            message_history=asked.all_messages(),
            deferred_tool_results=answered(kind, allowed=allowed),
        )
    assert handle.failures == 0
    (session,) = [info["session_id"] for info in store.list_sessions()]
    turn_id, turn = the_turn(store, "native", session)
    assert (turn_id, turn["status"]) == ("first", "completed")
    found = the_call(store, session)
    refused = "error" if kind == "done elsewhere" else "denied"
    assert found["status"] == ("completed" if allowed else refused)
    assert found["asked_at"] <= found["ended_at"]
    if allowed:
        assert (found["result"], found["answer"]) == ("sunny in Rome", "allowed")
    else:
        assert found["error"] == "not today"
    if kind != "done elsewhere":
        assert found["answer"] == ("allowed" if allowed else "denied")
        assert ("started_at" in found) == allowed, "a tool that is refused never runs"
    assert [each["role"] for each in turn["transcript"]] == ["user", "assistant"]
    assert turn["usage"]["output_tokens"] > 0
    assert store.audit(session).lost_calls == ()


@EACH_KIND
def test_it_goes_on_as_the_same_turn_in_another_process(
    kind: str, store: DefaultSessionStore
) -> None:
    each = KINDS[kind]
    folder = Path(str(store.session_dir))
    history = folder.with_name("history")

    def ask() -> None:
        with mirror(folder, session_id="s"):
            history.write_bytes(each.run_sync("weather in Rome?").all_messages_json())

    def answer() -> None:
        with mirror(folder, session_id="s"):
            each.run_sync(
                message_history=ModelMessagesTypeAdapter.validate_json(history.read_bytes()),
                deferred_tool_results=answered(kind, allowed=True),
            )

    assert status_of(fork(ask)) == 0
    assert status_of(fork(answer)) == 0
    (turn,) = turns(store)
    assert turn["status"] == "completed"
    assert turn["tool_calls"] == [call("c-rome", "weather")]
    assert turn["transcript"] == said("weather in Rome?", "done: sunny in Rome")
    found = the_call(store)
    assert (found["arguments"], found["result"]) == ({"city": "Rome"}, "sunny in Rome")
    course = versions(store)
    assert course[course.index(["waiting", "waiting"]) :].count(["open", "waiting"]) == 1, course


def test_a_run_that_asks_again_waits_again(store: DefaultSessionStore) -> None:
    """As one that was run with its history, but without an answer."""
    each = KINDS["to be approved"]
    with mirror(store, session_id="s"):
        asked = each.run_sync("weather in Rome?")
        again = each.run_sync(message_history=asked.all_messages())
        each.run_sync(
            message_history=again.all_messages(),
            deferred_tool_results=answered("to be approved", allowed=True),
        )
    (turn,) = turns(store)
    assert (turn["status"], the_call(store)["status"]) == ("completed", "completed")


def test_one_turn_has_all_calls_whether_they_wait_or_not(store: DefaultSessionStore) -> None:
    """One call runs, the other one waits."""
    each = deferring()

    @each.tool(name="weather")
    def mixed(ctx: RunContext[None], city: str) -> str:
        if city == "Bern" and not ctx.tool_call_approved:
            raise ApprovalRequired
        return f"sunny in {city}"

    with mirror(store, session_id="s"):
        asked = each.run_sync("two cities")
        assert turns(store)[0]["tool_calls"] == [
            call("c-rome", "weather"),
            call("c-bern", "weather", "waiting"),
        ]
        each.run_sync(
            "and then?",
            message_history=asked.all_messages(),
            deferred_tool_results=answered("", allowed=True, call_id="c-bern"),
        )
    (turn,) = turns(store)
    assert turn["tool_calls"] == [call("c-rome", "weather"), call("c-bern", "weather")]
    assert [each["content"] for each in turn["transcript"] if each["role"] == "user"] == [
        "two cities",
        "and then?",
    ]


def test_arguments_that_a_person_has_changed_are_those_of_the_call(
    store: DefaultSessionStore,
) -> None:
    each = KINDS["to be approved"]
    with mirror(store, session_id="s"):
        asked = each.run_sync("weather in Rome?")
        each.run_sync(
            message_history=asked.all_messages(),
            deferred_tool_results=DeferredToolResults(
                approvals={"c-rome": ToolApproved(override_args={"city": "Bern"})}
            ),
        )
    found = the_call(store)
    assert (found["arguments"], found["result"]) == ({"city": "Bern"}, "sunny in Bern")


def test_a_run_that_brings_an_answer_and_then_fails_has_answered(
    store: DefaultSessionStore,
) -> None:
    def fail(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        raise ModelHTTPError(500, "stub", "made to fail")

    each = KINDS["done elsewhere"]
    with mirror(store, session_id="s"):
        asked = each.run_sync("weather in Rome?")
        with pytest.raises(ModelHTTPError):
            each.run_sync(
                message_history=asked.all_messages(),
                deferred_tool_results=answered("done elsewhere", allowed=True),
                model=FunctionModel(fail),
            )
    (turn,) = turns(store)
    assert (turn["status"], turn["tool_calls"]) == ("error", [call("c-rome", "weather")])
    assert store.audit("s").lost_calls == ()


def test_an_approved_call_that_fails_keeps_its_error(store: DefaultSessionStore) -> None:
    each = deferring()

    @each.tool_plain(requires_approval=True)
    def weather(city: str) -> str:
        raise ModelRetry("which Rome?")

    with mirror(store, session_id="s"):
        asked = each.run_sync("weather in Rome?")
        each.run_sync(
            message_history=asked.all_messages(),
            deferred_tool_results=answered("", allowed=True),
        )
    found = the_call(store)
    assert (found["status"], found["error"]) == ("error", "ModelRetry: which Rome?")
    assert found["answer"] == "allowed"


def test_answers_to_a_turn_that_nobody_mirrored_are_a_turn_of_their_own(
    store: DefaultSessionStore,
) -> None:
    each = KINDS["to be approved"]
    asked = each.run_sync("weather in Rome?")
    with mirror(store, session_id="s") as handle:
        each.run_sync(
            message_history=asked.all_messages(),
            deferred_tool_results=answered("to be approved", allowed=False),
        )
    assert handle.failures == 0
    (turn,) = turns(store)
    assert turn["status"] == "completed"
    assert turn["tool_calls"] == [call("c-rome", "weather", "denied", error="not today")]


def test_where_the_turn_that_waits_cannot_be_read_the_answer_is_a_turn_of_its_own(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> None:
        raise OSError("no disk")

    each = KINDS["to be approved"]
    with mirror(store, session_id="s") as handle:
        asked = each.run_sync("weather in Rome?")
        monkeypatch.setattr(Recorder, "waiting_turn", unreadable)
        each.run_sync(
            message_history=asked.all_messages(),
            deferred_tool_results=answered("to be approved", allowed=True),
        )
    assert handle.failures == 1
    assert [turn["status"] for turn in turns(store)] == ["waiting", "completed"]


def test_an_agent_in_a_tool_that_waits_makes_both_wait_and_both_go_on(
    store: DefaultSessionStore,
) -> None:
    """The tool passes on what the agent in it has to ask."""
    inner = KINDS["to be approved"]
    outer = agent("outer", tools=[], output_type=OUTPUT)
    kept: list[list[ModelMessage]] = []

    @outer.tool
    async def ask(ctx: RunContext[None], question: str) -> str:
        if ctx.tool_call_approved:
            result = await inner.run(
                message_history=kept[-1],
                deferred_tool_results=answered("to be approved", allowed=True),
            )
        else:
            result = await inner.run("weather in Rome?")
        if isinstance(result.output, DeferredToolRequests):
            kept.append(result.all_messages())
            raise ApprovalRequired
        return str(result.output)

    with mirror(store, session_id="s") as handle:
        asked = outer.run_sync("ask it")
        for runtime in ("native", "outer"):
            assert turns(store, runtime)[0]["status"] == "waiting"
        outer.run_sync(
            message_history=asked.all_messages(),
            deferred_tool_results=answered("", allowed=True, call_id="c-ask"),
        )
    assert handle.failures == 0
    outer_id, around = the_turn(store, "outer")
    inner_id, within = the_turn(store, "native")
    assert (around["status"], within["status"]) == ("completed", "completed")
    assert within["parent"] == {"runtime": "outer", "turn": outer_id, "tool_call_id": "c-ask"}
    assert around["handoffs"] == [
        {"runtime": "native", "turn": inner_id, "tool_call_id": "c-ask"}
    ], "called for once"
    assert [(each.source, each.target) for each in store.audit("s").changes] == [
        ("outer", "native"),
        ("native", "outer"),
    ] * 2
    assert store.audit("s").ok


class Asks(AbstractCapability[Any]):
    """Has somebody asked while the run is under way."""

    def __init__(self, store: DefaultSessionStore, *, allowed: bool | None) -> None:
        self.store = store
        self.allowed = allowed
        self.seen: list[Any] = []

    async def handle_deferred_tool_calls(
        self, ctx: RunContext[Any], *, requests: DeferredToolRequests
    ) -> DeferredToolResults | None:
        if self.allowed is None:
            return None
        self.seen = turns(self.store)
        self.asked = await agent("advisor").run("you")
        approvals: Any = {each.tool_call_id: self.allowed for each in requests.approvals}
        return DeferredToolResults(approvals=approvals)


@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize("kind", [name for name in KINDS if name != "done elsewhere"])
def test_a_call_that_is_asked_for_while_the_run_goes_on_waits_meanwhile(
    kind: str, allowed: bool, store: DefaultSessionStore
) -> None:
    asks = Asks(store, allowed=allowed)
    with mirror(store, session_id="s") as handle:
        KINDS[kind].run_sync("weather in Rome?", capabilities=[asks])
    assert handle.failures == 0
    (seen,) = asks.seen
    assert (seen["status"], seen["tool_calls"][0]["status"]) == ("waiting", "waiting")
    (turn,) = turns(store)
    assert turn["status"] == "completed"
    found = the_call(store)
    assert found["status"] == ("completed" if allowed else "denied")
    assert found["answer"] == ("allowed" if allowed else "denied")
    parent = the_turn(store, "advisor")[1]["parent"]
    assert parent["runtime"] == "native", "who was asked, was asked by the run"


def test_a_call_that_nobody_answers_while_the_run_goes_on_waits_after_it(
    store: DefaultSessionStore,
) -> None:
    with mirror(store, session_id="s"):
        KINDS["to be approved"].run_sync(
            "weather in Rome?", capabilities=[Asks(store, allowed=None)]
        )
    (turn,) = turns(store)
    assert (turn["status"], the_call(store)["status"]) == ("waiting", "waiting")


def test_a_cancelled_run_that_waits_is_cancelled_its_call_still_waits(
    store: DefaultSessionStore,
) -> None:
    begun = asyncio.Event()

    class Waits(AbstractCapability[Any]):
        async def handle_deferred_tool_calls(
            self, ctx: RunContext[Any], *, requests: DeferredToolRequests
        ) -> None:
            begun.set()
            await asyncio.Event().wait()

    async def main() -> None:
        run = KINDS["to be approved"].run("weather in Rome?", capabilities=[Waits()])
        task = asyncio.ensure_future(run)
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with mirror(store, session_id="s"):
        asyncio.run(main())
    (turn,) = turns(store)
    assert (turn["status"], the_call(store)["status"]) == ("cancelled", "waiting")


def test_what_waits_is_plain_json(store: DefaultSessionStore) -> None:
    """So that whoever has to answer can find it with any tool."""
    with mirror(store, session_id="s"):
        KINDS["to be approved"].run_sync("weather in Rome?")
    (line,) = [
        json.loads(line)
        for line in Path(str(store.session_dir), "s.jsonl").read_text().splitlines()
        if '"asked_at"' in line
    ][-1:]
    assert line["state"]["tool_calls"][0]["arguments"] == {"city": "Rome"}
