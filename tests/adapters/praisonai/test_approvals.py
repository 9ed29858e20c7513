"""Calls that wait while somebody is asked whether they may run."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from praisonaiagents import Agent
from praisonaiagents.approval import (
    AgentApproval,
    ApprovalConfig,
    ApprovalDecision,
    ApprovalRequest,
    get_approval_registry,
)
from praisonaiagents.config.feature_configs import ExecutionConfig

from projections import DefaultSessionStore
from projections.adapters.praisonai import mirror
from tests.adapters.forked import Say, fork_until_said, status_of
from tests.adapters.praisonai.agents import AS_PRAISONAI_IS, EACH_RUN, RUNS, Run, agent, weather
from tests.adapters.praisonai.chat_server import Answer, Call, Request, last
from tests.adapters.praisonai.litellm_stub import MODEL, litellm
from tests.adapters.reported import calls, changes, the_turn, turns, versions

pytestmark = AS_PRAISONAI_IS

Decide = Callable[[ApprovalRequest], ApprovalDecision]

BOTH = pytest.mark.parametrize("run", [RUNS["chat"], RUNS["achat"]], ids=["chat", "achat"])


class Person:
    """Answers when asked, in the way in which a backend for both kinds of agents does."""

    def __init__(self, decide: Decide) -> None:
        self.decide = decide

    def request_approval_sync(
        self, request: ApprovalRequest, timeout: float | None = None
    ) -> ApprovalDecision:
        return self.decide(request)

    async def request_approval(self, request: ApprovalRequest) -> ApprovalDecision:
        await asyncio.sleep(0)
        return self.decide(request)


def yes(request: ApprovalRequest) -> ApprovalDecision:
    return ApprovalDecision(approved=True, approver="somebody")


def no(request: ApprovalRequest) -> ApprovalDecision:
    return ApprovalDecision(approved=False, reason="too far")


def asking(person: Any, **options: Any) -> Agent:
    """An agent whose every call is asked about."""
    return agent(approval=ApprovalConfig(backend=person, all_tools=True), **options)


@EACH_RUN
def test_a_call_waits_while_somebody_is_asked_and_runs_once_it_is_allowed_to(
    run: Run, store: DefaultSessionStore
) -> None:
    seen: list[Any] = []

    def decide(request: ApprovalRequest) -> ApprovalDecision:
        handle.recorder.join()
        seen.append(the_turn(store, "native")[1])
        return yes(request)

    with mirror(store, session_id="s") as handle:
        run(asking(Person(decide)), "weather in Rome?")
        assert handle.failures == 0
    (waiting,) = seen
    (call,) = waiting["tool_calls"]
    assert (waiting["status"], call["status"]) == ("waiting", "waiting")
    assert "closed_at" not in waiting
    assert call["arguments"] == {"city": "Rome"}
    assert "started_at" not in call, "it has not run yet"
    _, state = the_turn(store, "native")
    (call,) = state["tool_calls"]
    assert (state["status"], call["status"], call["answer"]) == (
        "completed",
        "completed",
        "allowed",
    )
    assert call["result"] == "sunny in Rome"
    assert call["asked_at"] <= call["started_at"] <= call["ended_at"]
    assert versions(store) == [
        ["open"],
        ["open", "open"],
        ["waiting", "waiting"],
        ["open", "open"],
        ["open", "completed"],
        ["completed", "completed"],
    ]
    assert len(store.audit("s").changes) == 0, "it keeps the session"


@EACH_RUN
def test_what_is_refused_is_denied(run: Run, store: DefaultSessionStore) -> None:
    ran: list[str] = []

    def weather(city: str) -> str:
        """Must not run."""
        ran.append(city)
        return city

    with mirror(store, session_id="s") as handle:
        run(asking(Person(no), tools=[weather]), "weather in Rome?")
        assert handle.failures == 0
    (turn,) = turns(store)
    (call,) = calls(store)
    assert ran == []
    assert turn["status"] == "completed"
    assert (call["status"], call["answer"]) == ("denied", "denied")
    assert "too far" in call["error"]
    assert "started_at" not in the_turn(store, "native")[1]["tool_calls"][0]


@BOTH
def test_arguments_that_are_changed_by_who_allows_them_are_those_of_the_call(
    run: Run, store: DefaultSessionStore
) -> None:
    """The states before show what the model had asked for."""

    def nearer(request: ApprovalRequest) -> ApprovalDecision:
        return ApprovalDecision(approved=True, modified_args={"city": "Bern"})

    with mirror(store, session_id="s"):
        run(asking(Person(nearer)), "weather in Rome?")
    (call,) = calls(store)
    assert (call["arguments"], call["result"]) == ({"city": "Bern"}, "sunny in Bern")
    turn_id, _ = the_turn(store, "native")
    states = [each.state for each in store.history("s", "native", turn_id)]
    assert states[1]["tool_calls"][0]["arguments"] == {"city": "Rome"}


@BOTH
def test_the_registrys_backend_is_asked_in_the_same_way(
    run: Run, store: DefaultSessionStore
) -> None:
    registry = get_approval_registry()
    registry.add_requirement("weather", agent_name="native")
    registry.set_backend(Person(no), agent_name="native")
    try:
        each = agent()
        each._approval_backend = None
        with mirror(store, session_id="s"):
            run(each, "weather in Rome?")
    finally:
        registry.remove_backend(agent_name="native")
        registry.remove_requirement("weather", agent_name="native")
    assert calls(store)[0]["status"] == "denied"
    assert ["waiting", "waiting"] in versions(store)


@BOTH
def test_what_nobody_is_asked_about_does_not_wait(run: Run, store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        run(agent(approval=Person(no)), "weather in Rome?")  # it is no dangerous tool
    assert calls(store)[0]["status"] == "completed"
    assert "asked_at" not in the_turn(store, "native")[1]["tool_calls"][0]
    assert ["waiting", "waiting"] not in versions(store)


@BOTH
def test_a_backend_that_fails_lets_nothing_run(run: Run, store: DefaultSessionStore) -> None:
    def fails(request: ApprovalRequest) -> ApprovalDecision:
        raise LookupError("nobody is there")

    with mirror(store, session_id="s") as handle:
        run(asking(Person(fails)), "weather in Rome?")
        assert handle.failures == 0
    (turn,) = turns(store)
    (call,) = calls(store)
    assert turn["status"] == "completed"
    assert call["status"] == "denied"
    assert "nobody is there" in call["error"]


def test_a_task_that_is_cancelled_while_a_call_waits_leaves_no_answer(
    store: DefaultSessionStore,
) -> None:
    async def main() -> None:
        asked = asyncio.Event()

        class Nobody(Person):
            async def request_approval(self, request: ApprovalRequest) -> ApprovalDecision:
                asked.set()
                await asyncio.Event().wait()
                return yes(request)

        task = asyncio.create_task(asking(Nobody(yes)).achat("weather in Rome?"))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with mirror(store, session_id="s") as handle:
        asyncio.run(main())
        assert handle.failures == 0
    (turn,) = turns(store)
    (call,) = calls(store)
    assert (turn["status"], call["status"], "answer" in call) == ("cancelled", "cancelled", False)


@BOTH
def test_an_agent_that_is_asked_works_for_the_call_that_waits(
    run: Run, store: DefaultSessionStore
) -> None:
    """It is handed the session, and hands it back."""

    async def answer(prompt: str, *args: object, **kwargs: object) -> str:
        handle.recorder.join()
        assert the_turn(store, "native")[1]["status"] == "waiting"
        return "APPROVE"

    approver = agent("approver", tools=[])
    approver._achat_impl = answer
    with mirror(store, session_id="s") as handle:
        run(asking(AgentApproval(approver)), "weather in Rome?")
        assert handle.failures == 0
    (call,) = calls(store)
    outer_id, _ = the_turn(store, "native")
    _, inner = the_turn(store, "approver")
    assert (call["status"], call["answer"]) == ("completed", "allowed")
    assert inner["parent"] == {"runtime": "native", "turn": outer_id, "tool_call_id": "c-rome"}
    assert changes(store) == [
        ("native", "approver", "weather"),
        ("approver", "native", "weather"),
    ]


def test_a_turn_waits_until_none_of_its_calls_does(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two calls are asked about at the same time; the first one is answered, and runs."""
    both, first_ran = threading.Barrier(2), threading.Event()
    between: list[list[str]] = []

    def decide(request: ApprovalRequest) -> ApprovalDecision:
        both.wait(10)
        if request.arguments["city"] == "Bern":
            assert first_ran.wait(10)
            handle.recorder.join()
            between.append(versions(store)[-1])
        return yes(request)

    def weather(city: str) -> str:
        """The weather."""
        if city == "Rome":
            first_ran.set()
        return f"sunny in {city}"

    def answer(request: Request) -> Answer:
        if last(request)["role"] == "tool":
            return "done"
        return [Call("weather", {"city": city}, f"c-{city}") for city in ("Rome", "Bern")]

    monkeypatch.setitem(sys.modules, "litellm", litellm(answer))
    each = Agent(
        name="native",
        instructions="x",
        llm=MODEL,
        tools=[weather],
        execution=ExecutionConfig(parallel_tool_calls=True),
        approval=ApprovalConfig(backend=Person(decide), all_tools=True),
    )
    with mirror(store, session_id="s") as handle:
        assert "".join(each.iter_stream("go")).strip() == "done"
        assert handle.failures == 0
    ((status, rome, bern),) = between
    assert (status, bern) == ("waiting", "waiting")
    assert rome in ("open", "completed")
    assert versions(store)[-1] == ["completed", "completed", "completed"]


def test_an_approval_that_no_call_waits_for_changes_no_turn(store: DefaultSessionStore) -> None:
    """An agent may ask in the background, from inside a tool that goes on meanwhile."""
    each = agent(tools=[])

    async def waiting() -> str:
        """Submits a request, and does not wait for it."""
        await each.submit_for_approval("weather", {"city": "Rome"})
        return "submitted"

    each.tools.append(waiting)
    each._approval_backend = Person(yes)
    with mirror(store, session_id="s") as handle:
        asyncio.run(each.achat("wait"))
        assert handle.failures == 0
    assert calls(store)[0]["status"] == "completed"
    assert "asked_at" not in the_turn(store, "native")[1]["tool_calls"][0]


def test_a_process_killed_while_a_call_waits_leaves_a_waiting_turn(
    store: DefaultSessionStore,
) -> None:
    def ask_for_ever(say: Say) -> None:
        def decide(request: ApprovalRequest) -> ApprovalDecision:
            handle.recorder.join()
            say()
            threading.Event().wait()
            return yes(request)

        handle = mirror(str(store.session_dir), session_id="s")
        asking(Person(decide)).chat("weather in Rome?")

    child = fork_until_said(ask_for_ever)
    os.kill(child, signal.SIGKILL)
    assert status_of(child) == -signal.SIGKILL
    (turn,) = turns(store)
    (call,) = calls(store)
    assert (turn["status"], call["status"]) == ("waiting", "waiting")
    assert call["arguments"] == {"city": "Rome"}


def test_closing_the_handle_while_somebody_is_asked_leaves_the_call_waiting(
    store: DefaultSessionStore,
) -> None:
    def decide(request: ApprovalRequest) -> ApprovalDecision:
        handle.close()
        return yes(request)

    handle = mirror(store, session_id="s")
    assert asking(Person(decide), tools=[weather]).chat("weather in Rome?")
    (turn,) = turns(store)
    assert turn["status"] == "waiting"
