"""Delegation, conversations, and runs side by side."""

import asyncio
from pathlib import Path
from typing import Any

from pydantic_ai import (
    RunContext,
    ToolOutput,
)

from journal.events import Set
from projections import DefaultSessionStore
from projections.adapters.pydantic_ai import JournalCapability, mirror
from tests.adapters.pydantic_ai.agents import agent, by_run_sync
from tests.adapters.reported import BERN, ROME, call, the_turn, turns


async def delegate(store: DefaultSessionStore, prompt: str, **options: Any) -> None:
    billing = agent("billing")
    refunds = agent("refunds")
    triage = agent("triage", tools=[])

    @triage.tool_plain
    async def ask(question: str) -> str:
        return str((await billing.run(question)).output)

    @triage.tool_plain
    async def consult(question: str) -> str:
        return str((await refunds.run(question)).output)

    await triage.run(prompt, **options)


def only(store: DefaultSessionStore, runtime: str, session: str = "s") -> tuple[str, Any]:
    """The only turn of a runtime, with its id."""
    ((turn_id, state),) = store.get_runtime_state(session, runtime).items()
    return turn_id, state


def test_delegation_is_a_turn_inside_a_call_and_the_audit_shows_it(
    store: DefaultSessionStore,
) -> None:
    with mirror(store, session_id="s") as handle:
        asyncio.run(delegate(store, "ask billing"))
    assert handle.failures == 0
    outer_id, outer = only(store, "triage")
    inner_id, inner = only(store, "billing")
    assert inner["parent"] == {"runtime": "triage", "turn": outer_id, "tool_call_id": "c-ask"}
    assert outer["handoffs"] == [{"runtime": "billing", "turn": inner_id, "tool_call_id": "c-ask"}]
    assert (outer["status"], inner["status"]) == ("completed", "completed")
    there, back = store.audit("s").changes
    assert (there.source, there.target, there.announced) == ("triage", "billing", True)
    assert there.reason == "ask"
    assert [found.id for found in there.open_calls] == ["c-ask"]
    assert (back.source, back.target, back.announced) == ("billing", "triage", True)
    assert back.reason == "ask", "the tool that has an answer now"
    assert store.audit("s").lost_calls == ()


def test_delegating_to_two_at_once_does_not_mix_them_up(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s") as handle:
        asyncio.run(delegate(store, "both of them"))
    assert handle.failures == 0
    outer_id, outer = only(store, "triage")
    for runtime, call_id in (("billing", "c-ask"), ("refunds", "c-consult")):
        _, inner = only(store, runtime)
        assert inner["parent"] == {"runtime": "triage", "turn": outer_id, "tool_call_id": call_id}
        assert inner["status"] == "completed"
    assert {found["runtime"] for found in outer["handoffs"]} == {"billing", "refunds"}
    handovers = [step for step in store.replay("s") if not isinstance(step.event, Set)]
    assert handovers == [], "side by side: the caller keeps the session"


def test_who_is_delegated_to_works_in_the_session_of_who_delegates(
    store: DefaultSessionStore,
) -> None:
    """Without a session that was chosen; each run of its own is one conversation."""
    with mirror(store):
        asyncio.run(delegate(store, "ask billing", conversation_id="talk"))
        by_run_sync(agent(), "you")
    assert set(store.state_at("talk")) == {"triage", "billing"}
    assert len(store.list_sessions()) == 2


def test_a_conversation_that_goes_on_stays_one_session(store: DefaultSessionStore) -> None:
    each = agent()
    with mirror(store):
        first = each.run_sync("you")
        second = each.run_sync("you again", message_history=first.all_messages())
    (info,) = store.list_sessions()
    assert info["session_id"] == first.conversation_id == second.conversation_id
    found = turns(store, session=info["session_id"])
    assert [turn["transcript"][0]["content"] for turn in found] == ["you", "you again"]


def test_an_agent_asked_by_an_output_function_knows_the_turn(store: DefaultSessionStore) -> None:
    """Pydantic AI's way to let another agent give the answer."""
    other = agent("other")

    async def hand_over(city: str) -> str:
        return str((await other.run(f"about {city}")).output)

    router = agent("router", output_type=ToolOutput(hand_over, name="final_result"))
    with mirror(store, session_id="s"):
        assert router.run_sync("final").output == "hello, about Rome"
    router_id, _ = only(store, "router")
    _, inner = only(store, "other")
    assert inner["parent"] == {"runtime": "router", "turn": router_id}
    assert [change.announced for change in store.audit("s").changes] == [True, True]


def test_the_turn_of_a_run_that_is_over_is_nobodys_parent(store: DefaultSessionStore) -> None:
    """What a tool has left behind goes on by itself."""

    async def main() -> None:
        over = asyncio.Event()
        left: list[asyncio.Task[None]] = []

        async def later() -> None:
            await over.wait()
            await agent("late").run("you")

        async def waiting() -> str:
            left.append(asyncio.create_task(later()))
            return "not at all"

        await agent(tools=[waiting]).run("wait")
        over.set()
        await left[0]

    with mirror(store, session_id="s"):
        asyncio.run(main())
    assert "parent" not in only(store, "late")[1]


def test_two_agents_in_one_session_one_after_the_other(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        agent("first").run_sync("you")
        agent("second").run_sync("you")
        agent("second").run_sync("you again")
    (change,) = store.audit("s").changes
    assert (change.source, change.target, change.announced) == ("first", "second", True)
    assert len(turns(store, "second")) == 2


def test_runs_at_the_same_time_do_not_mix_their_turns(store: DefaultSessionStore) -> None:
    names = [f"agent-{number}" for number in range(5)]

    def session_id(ctx: RunContext[Any]) -> str:
        assert ctx.agent is not None
        return str(ctx.agent.name)

    async def main() -> None:
        each = [agent(name) for name in names for _ in range(2)]
        await asyncio.gather(*(one.run(f"two for {one.name}") for one in each))

    with mirror(store, session_id=session_id) as handle:
        asyncio.run(main())
    assert handle.failures == 0
    for name in names:
        both = turns(store, name, name)
        assert [turn["tool_calls"] for turn in both] == [[ROME, BERN], [ROME, BERN]]
        assert [turn["transcript"][0]["content"] for turn in both] == [f"two for {name}"] * 2
        assert {turn["status"] for turn in both} == {"completed"}


def test_runs_that_have_the_same_id_at_the_same_time_are_two_turns(
    store: DefaultSessionStore,
) -> None:
    """A program may choose the ids of its runs."""

    async def main() -> None:
        with mirror(store, session_id="s"):
            first = agent("first").run("weather in Rome?", run_id="r-1")
            second = agent("second").run("weather in Rome?", run_id="r-1")
            await asyncio.gather(first, second)

    asyncio.run(main())
    for runtime in ("first", "second"):
        (turn,) = turns(store, runtime)
        assert (turn["status"], turn["tool_calls"]) == ("completed", [ROME])


def test_a_run_that_a_call_starts_with_the_id_of_its_own_run_is_another_turn(
    store: DefaultSessionStore,
) -> None:
    inner = agent("inner")

    async def ask(ctx: RunContext[None], question: str) -> str:
        return str((await inner.run("weather in Rome?", run_id=ctx.run_id)).output)

    with mirror(store, session_id="s"):
        agent("outer", tools=[ask]).run_sync("ask it", run_id="r-1")
    (outer,) = turns(store, "outer")
    assert outer["tool_calls"] == [call("c-ask", "ask")]
    assert turns(store, "inner")[0]["tool_calls"] == [ROME]
    _, found = the_turn(store, "inner")
    assert found["parent"] == {"runtime": "outer", "turn": "r-1", "tool_call_id": "c-ask"}


def test_another_journal_is_not_notified_of_a_caller_it_does_not_know(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    with DefaultSessionStore(tmp_path / "other", durability="os") as other:
        inner = agent("inner", capabilities=[JournalCapability(other, session_id="s")])

        async def ask(question: str) -> str:
            return str((await inner.run(question)).output)

        outer = agent(
            "outer", tools=[ask], capabilities=[JournalCapability(store, session_id="s")]
        )
        outer.run_sync("ask")
        assert "parent" not in only(other, "inner")[1]
        assert other.audit("s").changes == ()
    assert "handoffs" not in only(store, "outer")[1]
