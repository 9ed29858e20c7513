"""Handoffs, agents as tools, approvals, and runs side by side."""

import asyncio
import threading
from typing import Any

import pytest
from agents import (
    GuardrailFunctionOutput,
    InputGuardrail,
    MaxTurnsExceeded,
    RunContextWrapper,
    Runner,
    SQLiteSession,
    function_tool,
    handoff,
)
from agents.run import AgentRunner, set_default_agent_runner

from journal.events import Handoff, Takeover
from projections import DefaultSessionStore
from projections.adapters.openai_agents import mirror
from tests.adapters.openai_agents.agents import (
    ASK_ROME,
    CALL_BERN,
    CALL_ROME,
    EACH_RUN,
    ModelError,
    Run,
    agent,
    calls,
    inside,
    run,
    run_sync,
    says,
    weather,
)
from tests.adapters.reported import (
    ONE_CALL,
    ROME,
    call,
    changes,
    said,
    the_turn,
    turns,
    versions,
)


@EACH_RUN
def test_a_handoff_ends_one_turn_and_begins_another(run: Run, store: DefaultSessionStore) -> None:
    billing = agent(calls(CALL_BERN), says("sunny"), name="billing")
    asked = [*says("one moment"), *calls(CALL_ROME, ("c-pass", "transfer_to_billing", {}))]
    triage = agent(asked, name="triage", handoffs=[billing])
    with mirror(store, session_id="s") as handle:
        assert run(triage, "my bill").final_output == "sunny"
    assert handle.failures == 0
    (first_id, first), (second_id, second) = the_turn(store, "triage"), the_turn(store, "billing")
    assert second["parent"] == {"runtime": "triage", "turn": first_id, "tool_call_id": "c-pass"}
    assert first["handoffs"] == [
        {"runtime": "billing", "turn": second_id, "tool_call_id": "c-pass"}
    ]
    (triage_turn,) = turns(store, "triage")
    assert triage_turn["tool_calls"] == [ROME, call("c-pass", "transfer_to_billing")]
    assert first["transcript"] == said("my bill", "one moment")
    assert second["transcript"] == said("my bill", "sunny")
    assert versions(store, "triage") == [
        ["open"],
        ["open", "open", "open"],
        ["open", "completed", "open"],
        ["completed", "completed", "completed"],
    ]
    assert versions(store, "billing") == ONE_CALL
    audit = store.audit("s")
    assert changes(store) == [("triage", "billing", "transfer_to_billing")]
    assert audit.changes[0].open_calls == ()
    assert audit.changes[0].late_writes == ()
    assert (audit.double_runs, audit.shared_turns, audit.lost_calls) == ((), (), ())


def test_a_chain_of_handoffs_some_with_names_of_their_own(store: DefaultSessionStore) -> None:
    last = agent(says("bye"), name="last")
    second = agent(
        calls(("c-2", "escalate", {})),
        name="second",
        handoffs=[handoff(last, tool_name_override="escalate")],
    )
    first = agent(calls(("c-1", "transfer_to_second", {})), name="first", handoffs=[second])
    with mirror(store, session_id="s"):
        run(first)
    assert changes(store) == [
        ("first", "second", "transfer_to_second"),
        ("second", "last", "escalate"),
    ]


def test_a_run_that_fails_just_after_a_handoff_leaves_no_turn_open(
    store: DefaultSessionStore,
) -> None:
    triage = agent(
        calls(("c-pass", "transfer_to_billing", {})),
        name="triage",
        handoffs=[agent(name="billing")],
    )
    with mirror(store, session_id="s"), pytest.raises(MaxTurnsExceeded):
        run(triage, max_turns=1)
    ((first,), (second,)) = turns(store, "triage"), turns(store, "billing")
    assert (first["status"], second["status"]) == ("completed", "error")


def test_what_was_said_before_a_handoff_is_not_said_by_the_other_agent(
    store: DefaultSessionStore,
) -> None:
    billing = agent(ModelError("no quota"), name="billing")
    asked = [*says("one moment"), *calls(("c-pass", "transfer_to_billing", {}))]
    with mirror(store, session_id="s"), pytest.raises(ModelError):
        run(agent(asked, name="triage", handoffs=[billing]), "my bill")
    (turn,) = turns(store, "billing")
    assert turn["transcript"] == said("my bill")


@EACH_RUN
def test_an_agent_that_is_a_tool_has_a_turn_inside_that_call(
    run: Run, store: DefaultSessionStore
) -> None:
    with mirror(store, session_id="s"):
        run(inside("c-ask", agent(*ASK_ROME, name="inner")))
    (outer_id, outer), (inner_id, inner) = the_turn(store, "outer"), the_turn(store, "inner")
    assert inner["parent"] == {"runtime": "outer", "turn": outer_id, "tool_call_id": "c-ask"}
    assert outer["handoffs"] == [{"runtime": "inner", "turn": inner_id, "tool_call_id": "c-ask"}]
    assert inner["transcript"] == said("please", "sunny")
    assert changes(store) == [
        ("outer", "inner", "ask"),
        ("inner", "outer", "ask"),
    ]


def test_a_handoff_inside_a_call_gives_the_session_back_to_who_called(
    store: DefaultSessionStore,
) -> None:
    last = agent(says("bye"), name="last")
    inner = agent(calls(("c-pass", "transfer_to_last", {})), name="inner", handoffs=[last])
    with mirror(store, session_id="s"):
        run(inside("c-ask", inner))
    assert changes(store) == [
        ("outer", "inner", "ask"),
        ("inner", "last", "transfer_to_last"),
        ("last", "outer", "ask"),
    ]


def test_an_error_of_an_agent_that_is_a_tool_is_that_of_the_call(
    store: DefaultSessionStore,
) -> None:
    with mirror(store, session_id="s"):
        run(inside("c-ask", agent(ModelError("no quota"), name="inner")))
    ((outer,), (inner,)) = turns(store, "outer"), turns(store, "inner")
    assert inner["status"] == "error"
    assert outer["status"] == "completed"
    assert outer["tool_calls"] == [call("c-ask", "ask", "error", error="ModelError: no quota")]


def test_runs_that_parallel_tools_start_know_their_own_call(store: DefaultSessionStore) -> None:
    """In a task, in a thread, and as another event loop in a thread."""

    @function_tool
    async def in_a_task(city: str) -> str:
        return str((await Runner.run(agent(says("sun"), name=f"in {city}"), city)).final_output)

    @function_tool
    def in_a_thread(city: str) -> str:
        return str(run_sync(agent(says("sun"), name=f"in {city}"), city).final_output)

    asked = calls(
        ("c-1", "in_a_task", {"city": "Rome"}),
        ("c-2", "in_a_thread", {"city": "Bern"}),
        ("c-3", "in_a_task", {"city": "Oslo"}),
        ("c-4", "in_a_thread", {"city": "Wien"}),
    )
    with mirror(store, session_id="s") as handle:
        run(agent(asked, says("done"), tools=[in_a_task, in_a_thread]))
    assert handle.failures == 0
    outer_id, _ = the_turn(store, "native")
    cities = {"Rome": "c-1", "Bern": "c-2", "Oslo": "c-3", "Wien": "c-4"}
    for city, call_id in cities.items():
        _, inner = the_turn(store, f"in {city}")
        assert inner["status"] == "completed"
        assert inner["parent"] == {
            "runtime": "native",
            "turn": outer_id,
            "tool_call_id": call_id,
        }


@EACH_RUN
def test_an_agent_that_a_guardrail_asks_is_in_the_session_but_called_by_no_tool(
    run: Run, store: DefaultSessionStore
) -> None:
    async def asks(context: Any, each: Any, prompt: Any) -> GuardrailFunctionOutput:
        await Runner.run(agent(says("fine"), name="guard"), prompt)
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)

    session = SQLiteSession("own")
    guarded = agent(input_guardrails=[InputGuardrail(asks, run_in_parallel=False)])
    with mirror(store):
        run(guarded, session=session)
    session.close()
    assert list(store.state_at("own")) == ["guard", "native"]
    (guard,) = store.get_runtime_state("own", "guard").values()
    assert "parent" not in guard


def test_what_a_tool_leaves_running_belongs_to_no_call(store: DefaultSessionStore) -> None:
    async def main() -> None:
        later: list[asyncio.Task[Any]] = []
        ended = asyncio.Event()

        async def work() -> None:
            await ended.wait()
            await Runner.run(agent(name="worker"), "go")

        @function_tool
        async def weather() -> str:
            later.append(asyncio.create_task(work()))
            return "soon"

        await Runner.run(agent(calls(("c-1", "weather", {})), says("ok"), tools=[weather]), "you")
        ended.set()
        await later[0]

    with mirror(store, session_id="s"):
        asyncio.run(main())
    _, worker = the_turn(store, "worker")
    assert "parent" not in worker
    assert changes(store) == [("native", "worker", "the turn before is over")]


def test_a_tool_that_ends_after_its_run_opens_no_turn(store: DefaultSessionStore) -> None:
    """The SDK does not wait for all tools when a run fails."""

    class Keeping(AgentRunner):
        async def run(self, *args: Any, **kwargs: Any) -> Any:
            self.hooks = kwargs["hooks"]
            return await super().run(*args, **kwargs)

    runner = Keeping()
    set_default_agent_runner(runner)
    each = agent()
    context: Any = RunContextWrapper(None)
    context.tool_call_id = "c-late"

    async def late() -> None:
        await runner.hooks.on_tool_start(context, each, weather)
        await runner.hooks.on_tool_end(context, each, weather, "sunny")

    with mirror(store, session_id="s") as handle:
        run(each)
        asyncio.run(late())
    assert handle.failures == 0
    assert turns(store) == [{"status": "completed", "transcript": said("you", "hello")}]


def test_two_agents_in_one_session_one_after_the_other(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        run(agent(name="first"))
        run(agent(name="second"))
        run(agent(name="second"))
    assert changes(store) == [("first", "second", "the turn before is over")]
    assert len(turns(store, "second")) == 2


def test_runs_in_threads_and_tasks_do_not_mix_their_turns(store: DefaultSessionStore) -> None:
    names = [f"agent-{number}" for number in range(4)]

    async def together() -> None:
        await asyncio.gather(*(Runner.run(agent(*ASK_ROME, name=each), each) for each in names))

    with mirror(store, session_id=lambda each: each.name) as handle:
        threads = [
            threading.Thread(target=run_sync, args=(agent(*ASK_ROME, name=name), name))
            for name in names
        ]
        for thread in threads:
            thread.start()
        asyncio.run(together())
        for thread in threads:
            thread.join()
    assert handle.failures == 0
    for name in names:
        expected = {
            "status": "completed",
            "tool_calls": [ROME],
            "transcript": said(name, "sunny"),
        }
        assert turns(store, name, name) == [expected, expected]


@EACH_RUN
@pytest.mark.parametrize("numbers", [(1, 2), (1, 2, 3)])
def test_agents_that_are_asked_side_by_side_leave_the_session_to_who_asks(
    numbers: tuple[int, ...], run: Run, store: DefaultSessionStore
) -> None:
    """They run at the same time: nobody hands over to anybody."""
    tools = [
        agent(*ASK_ROME, name=f"inner-{number}").as_tool(f"ask_{number}", "asks")
        for number in numbers
    ]
    asked = calls(*((f"c-{number}", f"ask_{number}", {"input": "go"}) for number in numbers))
    with mirror(store, session_id="s") as handle:
        run(agent(asked, says("done"), name="outer", tools=tools))
    assert handle.failures == 0
    assert not any(isinstance(step.event, Handoff | Takeover) for step in store.replay("s"))
    assert store.audit("s").lost_calls == ()
    outer_id, outer = the_turn(store, "outer")
    assert len(outer["handoffs"]) == len(numbers)
    for number in numbers:
        _, inner = the_turn(store, f"inner-{number}")
        parent = {"runtime": "outer", "turn": outer_id, "tool_call_id": f"c-{number}"}
        assert (inner["parent"], inner["status"]) == (parent, "completed")


@EACH_RUN
def test_agents_that_are_asked_one_after_the_other_are_handed_the_session(
    run: Run, store: DefaultSessionStore
) -> None:
    tools = [agent(name=f"inner-{n}").as_tool(f"ask_{n}", "asks") for n in (1, 2)]
    steps = [calls((f"c-{n}", f"ask_{n}", {"input": "go"})) for n in (1, 2)]
    with mirror(store, session_id="s"):
        run(agent(*steps, says("done"), name="outer", tools=tools))
    assert changes(store) == [
        ("outer", "inner-1", "ask_1"),
        ("inner-1", "outer", "ask_1"),
        ("outer", "inner-2", "ask_2"),
        ("inner-2", "outer", "ask_2"),
    ]
    assert store.audit("s").ok
