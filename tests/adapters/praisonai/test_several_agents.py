"""Handoffs, agents that ask agents, threads and tasks."""

import asyncio
import sys
import threading
from pathlib import Path

import pytest
from praisonaiagents import Agent
from praisonaiagents.config.feature_configs import ExecutionConfig

from journal.events import Handoff, Takeover
from projections import DefaultSessionStore
from projections.adapters.praisonai import mirror
from tests.adapters.praisonai.agents import AS_PRAISONAI_IS, RUNS, Run, agent
from tests.adapters.praisonai.chat_server import Answer, Call, Request, last
from tests.adapters.praisonai.litellm_stub import MODEL, litellm
from tests.adapters.reported import ROME, the_turn, turns

pytestmark = AS_PRAISONAI_IS


@pytest.mark.parametrize("run", [RUNS["chat"], RUNS["achat"]], ids=["chat", "achat"])
def test_a_handoff_is_a_turn_inside_a_call_and_the_audit_shows_it(
    run: Run, store: DefaultSessionStore
) -> None:
    billing = agent("billing")
    triage = agent("triage", handoffs=[billing], tools=[])
    with mirror(store, session_id="s") as handle:
        run(triage, "ask billing")
    assert handle.failures == 0
    (outer,) = store.get_runtime_state("s", "triage").values()
    ((inner_id, inner),) = store.get_runtime_state("s", "billing").items()
    ((outer_id, _),) = store.get_runtime_state("s", "triage").items()
    assert inner["parent"] == {"runtime": "triage", "turn": outer_id, "tool_call_id": "c-transfer"}
    assert outer["handoffs"] == [
        {"runtime": "billing", "turn": inner_id, "tool_call_id": "c-transfer"}
    ]
    assert (outer["status"], inner["status"]) == ("completed", "completed")
    there, back = store.audit("s").changes
    assert (there.source, there.target, there.announced) == ("triage", "billing", True)
    assert there.reason == back.reason == "transfer_to_billing"
    assert [found.id for found in there.open_calls] == ["c-transfer"]
    assert (back.source, back.target, back.announced) == ("billing", "triage", True)


def test_an_agent_that_a_tool_asks_is_a_turn_inside_that_call(store: DefaultSessionStore) -> None:
    helper = agent("helper")

    def weather(city: str) -> str:
        """Asks somebody else."""
        return str(helper.chat(f"in {city}"))

    with mirror(store, session_id="s"):
        agent(tools=[weather]).chat("weather in Rome?")
    ((outer_id, _),) = store.get_runtime_state("s", "native").items()
    (inner,) = store.get_runtime_state("s", "helper").values()
    assert inner["parent"] == {"runtime": "native", "turn": outer_id, "tool_call_id": "c-rome"}
    assert turns(store)[0]["tool_calls"] == [ROME]


def test_agents_that_tools_ask_side_by_side_leave_the_session_to_their_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are called for by it, and nobody hands over to anybody."""
    together = threading.Barrier(2)
    helpers = {city: agent(f"of {city}") for city in ("Rome", "Bern")}

    def weather(city: str) -> str:
        """Asks who knows the city, while the other one is asked."""
        together.wait(10)
        found = str(helpers[city].chat(f"in {city}"))
        together.wait(10)
        return found

    def answer(request: Request) -> Answer:
        if last(request)["role"] == "tool":
            return "done"
        return [Call("weather", {"city": city}, f"c-{city}") for city in helpers]

    monkeypatch.setitem(sys.modules, "litellm", litellm(answer))
    outer = Agent(
        name="native",
        instructions="x",
        llm=MODEL,
        tools=[weather],
        execution=ExecutionConfig(parallel_tool_calls=True),
    )
    with mirror(tmp_path / "journal", session_id="s") as handle:
        assert "".join(outer.iter_stream("go")).strip() == "done"
        assert handle.failures == 0
        store = handle.store
        outer_id, state = the_turn(store, "native")
        called = [the_turn(store, f"of {city}")[1] for city in helpers]
        events = [step.event for step in store.replay("s")]
    caller = {"runtime": "native", "turn": outer_id}
    call_ids = [f"c-{city}" for city in helpers]
    assert [turn["status"] for turn in called] == ["completed", "completed"]
    assert [turn["parent"] for turn in called] == [
        {**caller, "tool_call_id": call_id} for call_id in call_ids
    ]
    assert sorted(each["tool_call_id"] for each in state["handoffs"]) == sorted(call_ids)
    assert not any(isinstance(event, Handoff | Takeover) for event in events)


def test_two_agents_in_one_session_one_after_the_other(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        agent("first").chat("you")
        agent("second").chat("you")
        agent("second").chat("you again")
    (change,) = store.audit("s").changes
    assert (change.source, change.target, change.announced) == ("first", "second", True)
    assert len(turns(store, "second")) == 2


def test_agents_in_threads_and_tasks_do_not_mix_their_turns(store: DefaultSessionStore) -> None:
    names = [f"agent-{number}" for number in range(4)]

    async def together() -> None:
        await asyncio.gather(*(agent(name).achat(f"weather {name}") for name in names))

    with mirror(store, session_id=lambda each: each.name) as handle:
        threads = [
            threading.Thread(target=agent(name).chat, args=(f"weather {name}",)) for name in names
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asyncio.run(together())
    assert handle.failures == 0
    for name in names:
        both = turns(store, name, name)
        assert [turn["tool_calls"] for turn in both] == [[ROME], [ROME]]
        assert {turn["transcript"][0]["content"] for turn in both} == {f"weather {name}"}


def test_one_agent_used_by_two_threads_has_two_turns(store: DefaultSessionStore) -> None:
    shared = agent()
    with mirror(store, session_id="s"):
        threads = [threading.Thread(target=shared.chat, args=("weather",)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [turn["status"] for turn in turns(store)] == ["completed", "completed"]
