"""Runs that fail, are stopped, cancelled or left in the middle."""

import asyncio
import gc
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from agents import (
    GuardrailFunctionOutput,
    InputGuardrail,
    InputGuardrailTripwireTriggered,
    MaxTurnsExceeded,
    OutputGuardrail,
    OutputGuardrailTripwireTriggered,
    RunContextWrapper,
    RunHooks,
    Runner,
    function_tool,
)
from agents.lifecycle import AgentHooksBase
from agents.run import AgentRunner, set_default_agent_runner

from projections import DefaultSessionStore
from projections.adapters.openai_agents import mirror
from tests.adapters.openai_agents.agents import (
    ASK_ROME,
    CALL_ROME,
    CALL_WAITING,
    CANCELLED,
    EACH_RUN,
    RUNS,
    ModelError,
    Run,
    Waiting,
    agent,
    calls,
)
from tests.adapters.reported import ONE_CALL, ROME, call, said, turns, versions
from tests.projections.store.async_store.gates import Gate
from tests.support import FaultyStorage


@EACH_RUN
def test_a_model_that_fails_ends_the_turn_with_its_error(
    run: Run, store: DefaultSessionStore
) -> None:
    error = ModelError("no quota")
    with mirror(store, session_id="s"), pytest.raises(ModelError) as raised:
        run(agent(calls(CALL_ROME), error))
    assert raised.value is error
    (turn,) = turns(store)
    assert turn["error"] == "ModelError: no quota"
    assert versions(store) == [*ONE_CALL[:3], ["error", "completed"]]


@EACH_RUN
def test_too_many_turns_are_an_error(run: Run, store: DefaultSessionStore) -> None:
    steps = [calls((f"c-{number}", "weather", {"city": "Rome"})) for number in range(3)]
    with mirror(store, session_id="s"), pytest.raises(MaxTurnsExceeded):
        run(agent(*steps), max_turns=2)
    (turn,) = turns(store)
    assert turn["status"] == "error"
    assert turn["error"] == "MaxTurnsExceeded: Max turns (2) exceeded"
    assert turn["tool_calls"] == [call("c-0", "weather"), call("c-1", "weather")]


def tripped(*args: Any) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)


@EACH_RUN
def test_a_guardrail_that_stops_a_run_makes_its_turn_an_error(
    run: Run, store: DefaultSessionStore
) -> None:
    before = agent(name="before", input_guardrails=[InputGuardrail(tripped)])
    after = agent(name="after", output_guardrails=[OutputGuardrail(tripped)])
    with mirror(store, session_id="s"):
        with pytest.raises(InputGuardrailTripwireTriggered):
            run(before)
        with pytest.raises(OutputGuardrailTripwireTriggered):
            run(after)
    ((first,), (second,)) = turns(store, "before"), turns(store, "after")
    assert (first["status"], second["status"]) == ("error", "error")
    assert first["error"].startswith("InputGuardrailTripwireTriggered: ")
    assert second["error"].startswith("OutputGuardrailTripwireTriggered: ")
    assert second["transcript"] == said("you", "hello")


@EACH_RUN
def test_a_guardrail_that_stops_a_run_when_all_is_said_makes_its_turn_an_error(
    run: Run, store: DefaultSessionStore
) -> None:
    """A stream's task ends well then: it is the reader of the stream who gets the error."""
    answered = asyncio.Event()

    class Answered(RunHooks[Any]):
        async def on_agent_end(self, context: Any, agent: Any, output: Any) -> None:
            answered.set()

    async def late(*args: Any) -> GuardrailFunctionOutput:
        await answered.wait()
        return tripped()

    each = agent(input_guardrails=[InputGuardrail(late)])
    with mirror(store, session_id="s"), pytest.raises(InputGuardrailTripwireTriggered):
        run(each, hooks=Answered())
    (turn,) = turns(store)
    assert turn["status"] == "error"
    assert turn["error"].startswith("InputGuardrailTripwireTriggered: ")


def test_a_cancelled_task_cancels_the_turn(store: DefaultSessionStore) -> None:
    async def main() -> set[asyncio.Task[Any]]:
        waiting = Waiting()
        task = asyncio.create_task(Runner.run(agent(CALL_WAITING, tools=[waiting.tool]), "you"))
        await waiting.begun.wait()
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(30):  # it is written soon, without a close of the mirror
            while turns(store) != [CANCELLED]:
                await asyncio.sleep(0.001)
        return asyncio.all_tasks() - {asyncio.current_task()}

    with mirror(store, session_id="s"):
        assert asyncio.run(main()) == set()
    assert versions(store) == [["open"], ["open", "open"], ["cancelled", "cancelled"]]


def test_who_cancels_a_run_does_not_wait_for_the_journal(tmp_path: Path) -> None:
    gate, waiting = Gate("write"), Waiting()
    store = DefaultSessionStore(tmp_path, storage=FaultyStorage(gate))

    async def main() -> None:
        running = asyncio.ensure_future(
            Runner.run(agent(CALL_WAITING, tools=[waiting.tool]), "wait")
        )
        await waiting.begun.wait()
        gate.shut()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not gate._open.is_set()
        gate.open()

    with store:
        with mirror(store, session_id="s"):
            asyncio.run(main())
        (turn,) = turns(store)
        assert turn["status"] == "cancelled"


@EACH_RUN
def test_an_interrupt_from_the_keyboard_passes_and_cancels_the_turn(
    run: Run, store: DefaultSessionStore
) -> None:
    @function_tool
    async def waiting() -> str:
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
        await asyncio.Event().wait()
        return "never"

    with mirror(store, session_id="s"), pytest.raises(KeyboardInterrupt):
        run(agent(CALL_WAITING, tools=[waiting]))
    assert turns(store) == [CANCELLED]


def test_a_coroutine_that_is_thrown_away_cancels_the_turn(store: DefaultSessionStore) -> None:
    """Where nothing can be awaited any more."""

    class Suspended:
        def __await__(self) -> Generator[None, None, None]:
            yield None

    class Stuck(AgentRunner):
        async def run(self, starting_agent: Any, input: Any, **kwargs: Any) -> Any:  # noqa: A002
            context = RunContextWrapper(None, turn_input=[{"role": "user", "content": "you"}])
            await kwargs["hooks"].on_agent_start(context, starting_agent)
            await Suspended()

    async def main() -> None:
        running = Runner.run(agent(), "you").__await__()
        step = next(running)
        while step is not None:  # the loop has to wait for it: it is the journal's
            step._asyncio_future_blocking = False
            await step
            step = next(running)
        running.close()

    set_default_agent_runner(Stuck())
    with mirror(store, session_id="s"):
        asyncio.run(main())
    (turn,) = turns(store)
    assert turn == {"status": "cancelled", "transcript": said("you")}


def test_a_stream_that_is_cancelled_cancels_the_turn(store: DefaultSessionStore) -> None:
    async def main() -> None:
        waiting = Waiting()
        result = Runner.run_streamed(agent(CALL_WAITING, tools=[waiting.tool]), "you")
        await waiting.begun.wait()
        result.cancel()
        async for _ in result.stream_events():
            pass

    with mirror(store, session_id="s"):
        asyncio.run(main())
    assert turns(store) == [CANCELLED]


def test_a_stream_asked_to_stop_after_its_turn_is_cancelled_then(
    store: DefaultSessionStore,
) -> None:
    async def main() -> None:
        result = Runner.run_streamed(agent(*ASK_ROME), "you")
        async for event in result.stream_events():
            if event.type == "run_item_stream_event":
                result.cancel("after_turn")
        assert result.final_output is None

    with mirror(store, session_id="s"):
        asyncio.run(main())
    assert turns(store) == [
        {"status": "cancelled", "tool_calls": [ROME], "transcript": said("you")}
    ]


def test_a_stream_that_nobody_reads_on_ends_with_the_event_loop(
    store: DefaultSessionStore,
) -> None:
    async def main() -> None:
        waiting = Waiting()
        result = Runner.run_streamed(agent(CALL_WAITING, tools=[waiting.tool]), "you")
        async for _ in result.stream_events():
            break
        await waiting.begun.wait()

    with mirror(store, session_id="s"):
        asyncio.run(main())
    assert turns(store) == [CANCELLED]


def test_a_stream_that_nobody_reads_is_a_turn_too(store: DefaultSessionStore) -> None:
    async def main() -> None:
        result = Runner.run_streamed(agent(*ASK_ROME), "you")
        assert result.run_loop_task is not None
        await result.run_loop_task

    with mirror(store, session_id="s"):
        asyncio.run(main())
    assert versions(store) == ONE_CALL


def test_what_nobody_looks_at_is_reported_by_asyncio_as_without_us(
    store: DefaultSessionStore,
) -> None:
    reports: list[str] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, report: reports.append(report["message"])
        )
        result = Runner.run_streamed(agent(ModelError("down")), "you")
        task = result.run_loop_task
        assert task is not None
        await asyncio.wait({task})
        del result, task
        await asyncio.sleep(0)
        gc.collect()

    with mirror(store, session_id="s"):
        asyncio.run(main())
    assert reports == ["Task exception was never retrieved"]
    (turn,) = turns(store)
    assert turn["status"] == "error"


def test_a_run_that_cannot_begin_raises_as_without_us(store: DefaultSessionStore) -> None:
    class NotRunHooks(AgentHooksBase[Any, Any]):
        pass

    wrong: Any = NotRunHooks()
    with mirror(store, session_id="s") as handle:
        for each in RUNS:
            with pytest.raises(TypeError, match="must be instances of RunHooks"):
                each(agent(), hooks=wrong)
    assert handle.failures == 0
    assert not store.session_exists("s")
