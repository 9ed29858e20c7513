"""Agents of the OpenAI Agents SDK, mirrored: real agents, a model that says what it is told.

What is protected: that each turn is in the journal as it happens, whichever way it is started
and ends, and that no agent notices.
"""

import asyncio
import errno
import logging
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from agents import (
    Agent,
    FunctionTool,
    GuardrailFunctionOutput,
    InputGuardrail,
    InputGuardrailTripwireTriggered,
    MaxTurnsExceeded,
    OutputGuardrail,
    OutputGuardrailTripwireTriggered,
    RunConfig,
    RunContextWrapper,
    RunHooks,
    Runner,
    ShellTool,
    SQLiteSession,
    UserError,
    function_tool,
    handoff,
    set_tracing_disabled,
)
from agents.lifecycle import AgentHooksBase, RunHooksBase
from agents.run import AgentRunner, get_default_agent_runner, set_default_agent_runner
from agents.testing import ScriptedModel, assistant_message, function_call
from openai.types.responses import ResponseFunctionWebSearch, ResponseOutputItem
from openai.types.responses.response_output_item import McpCall
from pydantic import BaseModel, TypeAdapter

from journal import SessionConfig
from journal.errors import AppendError
from projections import DefaultSessionStore
from projections.adapters.openai_agents import JournalHooks, Mirror, mirror, tool_errors
from projections.adapters.openai_agents.runner import MirroringRunner
from tests.support import FaultyStorage, fails, python

KEY = "sk-live-0123456789abcdefghijABCDEFGHIJ"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    set_tracing_disabled(True)
    runner = get_default_agent_runner()
    yield
    set_default_agent_runner(runner)  # also after a test that failed


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DefaultSessionStore]:
    with DefaultSessionStore(tmp_path / "journal", durability="os") as found:
        yield found


@function_tool
def weather(city: str) -> str:
    """The weather."""
    return f"sunny in {city}"


@function_tool
async def broken() -> str:
    """Never works."""
    raise ValueError("no such city")


def says(text: str) -> list[Any]:
    return [assistant_message(text)]


def calls(*wanted: tuple[str, str, dict[str, Any]]) -> list[Any]:
    return [function_call(name, arguments, call_id=call_id) for call_id, name, arguments in wanted]


CALL_ROME = ("c-rome", "weather", {"city": "Rome"})
CALL_BERN = ("c-bern", "weather", {"city": "Bern"})
CALL_BROKEN: tuple[str, str, dict[str, Any]] = ("c-broken", "broken", {})
ASK_ROME = [calls(CALL_ROME), says("sunny")]


def agent(*steps: Any, name: str = "native", **options: Any) -> Agent[Any]:
    """An agent whose model answers with one step after the other."""
    options.setdefault("tools", [weather, broken])
    return Agent(name=name, model=ScriptedModel(steps or [says("hello")]), **options)


def turns(store: DefaultSessionStore, runtime: str = "native", session: str = "s") -> list[Any]:
    """The turns of a runtime as they are, without ids and times."""
    left_out = ("agent", "opened_at", "closed_at", "parent", "handoffs")
    states = store.get_runtime_state(session, runtime).values()
    return [{key: state[key] for key in state if key not in left_out} for state in states]


def the_turn(store: DefaultSessionStore, runtime: str) -> tuple[str, dict[str, Any]]:
    ((turn_id, state),) = store.get_runtime_state("s", runtime).items()
    return turn_id, state


def versions(store: DefaultSessionStore, runtime: str = "native") -> list[list[str]]:
    """How the only turn of a runtime went: its status and those of its calls, each time."""
    states = [each.state for each in store.history("s", runtime, the_turn(store, runtime)[0])]
    return [
        [state["status"], *(call["status"] for call in state.get("tool_calls", ()))]
        for state in states
    ]


def changes(store: DefaultSessionStore) -> list[tuple[str | None, str | None, str | None]]:
    """What changed hands, all of it announced."""
    found = store.audit("s").changes
    assert all(change.announced and change.status == "taken over" for change in found)
    return [(change.source, change.target, change.reason) for change in found]


def said(user: str, assistant: str | None = None) -> list[dict[str, str]]:
    messages = [{"role": "user", "content": user}]
    if assistant is not None:
        messages.append({"role": "assistant", "content": assistant})
    return messages


def call(call_id: str, name: str, status: str = "completed", **more: str) -> dict[str, str]:
    return {"id": call_id, "name": name, "status": status, **more}


ROME = call("c-rome", "weather")
ONE_CALL = [["open"], ["open", "open"], ["open", "completed"], ["completed", "completed"]]


# Each way to run an agent


def run(each: Agent[Any], prompt: Any = "you", **options: Any) -> Any:
    return asyncio.run(Runner.run(each, prompt, **options))


def run_sync(each: Agent[Any], prompt: Any = "you", **options: Any) -> Any:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # the SDK leaves one open otherwise
    try:
        return Runner.run_sync(each, prompt, **options)
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def run_streamed(each: Agent[Any], prompt: Any = "you", **options: Any) -> Any:
    async def main() -> Any:
        result = Runner.run_streamed(each, prompt, **options)
        async for _ in result.stream_events():
            pass
        return result

    return asyncio.run(main())


Run = Callable[..., Any]
RUNS: list[Run] = [run, run_sync, run_streamed]
EACH_RUN = pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)


@EACH_RUN
def test_a_run_is_a_turn_however_it_is_started(run: Run, store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s") as handle:
        result = run(agent(says("hello")), "you")
    assert result.final_output == "hello"
    assert turns(store) == [{"status": "completed", "transcript": said("you", "hello")}]
    assert versions(store) == [["open"], ["completed"]]
    assert handle.failures == 0
    assert store.audit("s").changes == ()


@EACH_RUN
def test_a_tool_call_is_written_when_it_begins_and_when_it_ends(
    run: Run, store: DefaultSessionStore
) -> None:
    with mirror(store, session_id="s"):
        run(agent(*ASK_ROME), "weather?")
    (turn,) = turns(store)
    assert turn["tool_calls"] == [ROME]
    assert turn["transcript"] == said("weather?", "sunny")
    assert versions(store) == ONE_CALL


@EACH_RUN
def test_parallel_calls_are_all_there_each_with_its_own_outcome(
    run: Run, store: DefaultSessionStore
) -> None:
    asked = calls(CALL_ROME, CALL_BROKEN, CALL_BERN)
    with mirror(store, session_id="s"):
        run(agent(asked, says("one is missing")))
    (turn,) = turns(store)
    assert turn["status"] == "completed"
    assert turn["tool_calls"] == [
        ROME,
        call("c-broken", "broken", "error", error="ValueError: no such city"),
        call("c-bern", "weather"),
    ]


def test_each_answer_of_the_model_goes_on_in_the_same_turn(store: DefaultSessionStore) -> None:
    steps = [[*says("wait"), *calls(CALL_ROME)], calls(CALL_BERN), says("sunny")]
    with mirror(store, session_id="s"):
        run(agent(*steps))
    (turn,) = turns(store)
    assert turn["tool_calls"] == [ROME, call("c-bern", "weather")]
    assert turn["transcript"] == said("you", "sunny")


def test_what_went_in_and_came_out_is_shown_whatever_its_shape(
    store: DefaultSessionStore,
) -> None:
    class City(BaseModel):
        name: str

    items = [
        {"role": "user", "content": "before"},
        {"role": "assistant", "content": "yes"},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "where is this?"},
                {"type": "input_image", "image_url": "data:,", "detail": "auto"},
            ],
        },
    ]
    with mirror(store, session_id="s"):
        result = run(agent(says('{"name": "Rome"}'), output_type=City), items)
    assert result.final_output == City(name="Rome")
    (turn,) = turns(store)
    assert turn["transcript"] == said("where is this?\n[input_image]", '{"name":"Rome"}')


# How tools end


def failing(how: Any) -> FunctionTool:
    async def broken() -> str:
        raise ValueError("no such city")

    return function_tool(broken, failure_error_function=how)


@EACH_RUN
def test_a_tool_error_that_the_program_words_itself_is_an_error_all_the_same(
    run: Run, store: DefaultSessionStore
) -> None:
    tool = failing(lambda context, error: f"sorry: {error}")
    each = agent(calls(CALL_BROKEN), says("sorry"), tools=[tool])
    with mirror(store, session_id="s"):
        result = run(each)
    assert result.new_items[1].output == "sorry: no such city"
    assert versions(store) == [*ONE_CALL[:2], ["open", "error"], ["completed", "error"]]
    (turn,) = turns(store)
    assert turn["tool_calls"] == [
        call("c-broken", "broken", "error", error="ValueError: no such city")
    ]


@EACH_RUN
def test_a_tool_error_that_is_raised_ends_the_turn(run: Run, store: DefaultSessionStore) -> None:
    each = agent(calls(CALL_BROKEN), tools=[failing(None)])
    with mirror(store, session_id="s"), pytest.raises(UserError) as raised:
        run(each)
    assert isinstance(raised.value.__cause__, ValueError)
    (turn,) = turns(store)
    assert turn["status"] == "error"
    assert turn["error"] == "UserError: Error running tool broken: no such city"
    assert turn["tool_calls"] == [
        call("c-broken", "broken", "error", error="ValueError: no such city")
    ]


def test_a_tool_that_takes_too_long_is_an_error(store: DefaultSessionStore) -> None:
    @function_tool(timeout=0.01)
    async def broken() -> str:
        await asyncio.Event().wait()
        return "never"

    with mirror(store, session_id="s"):
        run(agent(calls(CALL_BROKEN), says("sorry"), tools=[broken]))
    (turn,) = turns(store)
    assert turn["tool_calls"] == [
        call("c-broken", "broken", "error", error="Tool 'broken' timed out after 0.01 seconds.")
    ]


def test_calls_that_the_models_side_carries_out_are_there(store: DefaultSessionStore) -> None:
    hosted: TypeAdapter[Any] = TypeAdapter(ResponseOutputItem)
    search = hosted.validate_python(
        {
            "type": "web_search_call",
            "id": "ws-1",
            "status": "completed",
            "action": {"type": "search", "query": "Rome", "queries": ["Rome"]},
        }
    )
    remote = hosted.validate_python(
        {
            "type": "mcp_call",
            "id": "mcp-1",
            "name": "lookup",
            "arguments": "{}",
            "server_label": "maps",
            "error": {"type": "mcp_protocol_error", "code": 404, "message": "no route"},
        }
    )
    assert isinstance(search, ResponseFunctionWebSearch)
    assert isinstance(remote, McpCall)
    with mirror(store, session_id="s"):
        run(agent([search, remote, *says("found")]))
    (turn,) = turns(store)
    error = '{"code":404,"message":"no route","type":"mcp_protocol_error"}'
    assert turn["tool_calls"] == [
        call("ws-1", "web_search"),
        call("mcp-1", "lookup", "error", error=error),
    ]
    assert versions(store)[1] == ["open", "completed", "error"]


def test_calls_whose_hooks_are_not_told_their_id_are_found_in_the_response(
    store: DefaultSessionStore,
) -> None:
    """Also inside an agent that is a tool, where the hooks' context has that tool's id."""
    shell_call: TypeAdapter[Any] = TypeAdapter(ResponseOutputItem)
    asked = [
        shell_call.validate_python(
            {
                "type": "shell_call",
                "id": f"item-{number}",
                "call_id": f"sh-{number}",
                "status": "completed",
                "action": {"commands": ["true"]},
            }
        )
        for number in (1, 2)
    ]
    inner = agent(asked, says("done"), name="inner", tools=[ShellTool(executor=lambda _: "ok")])
    outer = agent(
        calls(("c-ask", "ask", {"input": "run it"})), says("ok"), tools=[inner.as_tool("ask", "")]
    )
    with mirror(store, session_id="s") as handle:
        run(outer)
    assert handle.failures == 0
    (turn,) = turns(store, "inner")
    assert turn["tool_calls"] == [call("sh-1", "shell"), call("sh-2", "shell")]
    assert versions(store, "inner") == [
        ["open"],
        ["open", "open"],
        ["open", "completed"],
        ["open", "completed", "open"],
        ["open", "completed", "completed"],
        ["completed", "completed", "completed"],
    ]


# How runs end


class ModelError(Exception):
    pass


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


class Waiting:
    """A tool that says that it has begun, and never ends."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.tool = function_tool(self._wait, name_override="waiting")

    async def _wait(self) -> str:
        self.begun.set()
        await asyncio.Event().wait()
        return "never"


CALL_WAITING = calls(("c-wait", "waiting", {}))
CANCELLED = {
    "status": "cancelled",
    "tool_calls": [call("c-wait", "waiting", "cancelled")],
    "transcript": said("you"),
}


def test_a_cancelled_task_cancels_the_turn(store: DefaultSessionStore) -> None:
    async def main() -> set[asyncio.Task[Any]]:
        waiting = Waiting()
        task = asyncio.create_task(Runner.run(agent(CALL_WAITING, tools=[waiting.tool]), "you"))
        await waiting.begun.wait()
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert turns(store) == [CANCELLED], "written when the task is over"
        return asyncio.all_tasks() - {asyncio.current_task()}

    with mirror(store, session_id="s"):
        assert asyncio.run(main()) == set()
    assert versions(store) == [["open"], ["open", "open"], ["cancelled", "cancelled"]]


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


def test_a_stream_told_to_stop_after_its_turn_is_cancelled_then(
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


# Several agents


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
    assert first["tool_calls"] == [ROME, call("c-pass", "transfer_to_billing")]
    assert first["transcript"] == said("my bill", "one moment")
    assert second["transcript"] == said("my bill", "sunny")
    assert versions(store, "triage") == [*ONE_CALL[:3], ["completed", "completed", "completed"]]
    assert versions(store, "billing") == ONE_CALL
    audit = store.audit("s")
    assert changes(store) == [("triage", "billing", "c-pass")]
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
    assert changes(store) == [("first", "second", "c-1"), ("second", "last", "c-2")]


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


def inside(asked: str, inner: Agent[Any], name: str = "outer") -> Agent[Any]:
    """An agent that has another one as its tool."""
    tool = inner.as_tool("ask", "asks")
    return agent(calls((asked, "ask", {"input": "please"})), says("done"), name=name, tools=[tool])


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
        ("outer", "inner", "c-ask"),
        ("inner", "outer", f"{inner_id} is completed"),
    ]


def test_a_handoff_inside_a_call_gives_the_session_back_to_who_called(
    store: DefaultSessionStore,
) -> None:
    last = agent(says("bye"), name="last")
    inner = agent(calls(("c-pass", "transfer_to_last", {})), name="inner", handoffs=[last])
    with mirror(store, session_id="s"):
        run(inside("c-ask", inner))
    last_id, _ = the_turn(store, "last")
    assert changes(store) == [
        ("outer", "inner", "c-ask"),
        ("inner", "last", "c-pass"),
        ("last", "outer", f"{last_id} is completed"),
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


# Approvals


@pytest.mark.parametrize("run", [run, run_streamed], ids=["run", "run_streamed"])
def test_a_call_that_waits_for_approval_is_open_until_another_run_makes_it(
    run: Run, store: DefaultSessionStore
) -> None:
    @function_tool(name_override="weather", needs_approval=True)
    def guarded(city: str) -> str:
        return f"sunny in {city}"

    each = agent(*ASK_ROME, tools=[guarded])
    with mirror(store, session_id="s") as handle:
        result = run(each, "weather?")
        handle.recorder.join()
        (waiting,) = turns(store)
        state = result.to_state()
        state.approve(result.interruptions[0])
        assert run(each, state).final_output == "sunny"
    assert handle.failures == 0
    assert waiting == {
        "status": "completed",
        "tool_calls": [call("c-rome", "weather", "open")],
        "transcript": said("weather?"),
    }
    _, resumed = turns(store)
    assert resumed["tool_calls"] == [ROME]
    assert resumed["status"] == "completed"
    assert store.audit("s").lost_calls == ()


@pytest.mark.parametrize("run", [run, run_streamed], ids=["run", "run_streamed"])
def test_a_call_of_an_inner_agent_that_waits_is_only_that_agents(
    run: Run, store: DefaultSessionStore
) -> None:
    @function_tool(name_override="weather", needs_approval=True)
    def guarded(city: str) -> str:
        return f"sunny in {city}"

    each = inside("c-ask", agent(*ASK_ROME, name="inner", tools=[guarded]))
    with mirror(store, session_id="s") as handle:
        result = run(each)
        handle.recorder.join()
        ((outer,), (inner,)) = turns(store, "outer"), turns(store, "inner")
        state = result.to_state()
        state.approve(result.interruptions[0])
        assert run(each, state).final_output == "done"
    assert handle.failures == 0
    assert outer["tool_calls"] == [call("c-ask", "ask", "open")]
    assert inner["tool_calls"] == [call("c-rome", "weather", "open")]
    ((_, outer), (_, inner)) = turns(store, "outer"), turns(store, "inner")
    assert outer["tool_calls"] == [call("c-ask", "ask")]
    assert inner["tool_calls"] == [ROME]
    assert (outer["status"], inner["status"]) == ("completed", "completed")
    assert store.audit("s").lost_calls == ()


# Sessions


def test_the_session_is_the_one_that_the_sdk_goes_by(store: DefaultSessionStore) -> None:
    session = SQLiteSession("own")
    with mirror(store):
        run(agent(), session=session, run_config=RunConfig(group_id="group"))
        run(agent(), run_config=RunConfig(group_id="group"))
        run(agent(), run_config={"group_id": "dict"})
        run(agent(), conversation_id="conversation", run_config=RunConfig(group_id="group"))
    session.close()
    for name in ("own", "group", "dict", "conversation"):
        assert [turn["status"] for turn in turns(store, session=name)] == ["completed"], name


def test_the_chosen_session_goes_before_that(store: DefaultSessionStore) -> None:
    asked: list[str] = []

    def chosen(each: Agent[Any]) -> str | None:
        asked.append(each.name)
        return "chosen" if each.name == "native" else None

    with mirror(store, session_id=chosen):
        run(agent(), run_config=RunConfig(group_id="group"))
        run(agent(name="other"), run_config=RunConfig(group_id="group"))
    assert set(asked) == {"native", "other"}
    assert len(turns(store, session="chosen")) == 1
    assert list(store.state_at("group")) == ["other"]


def test_runs_without_a_session_share_one_and_inner_runs_have_their_outers(
    store: DefaultSessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "journal"), mirror(store):
        run(agent(name="first"))
        run(agent(name="second"))

        @function_tool
        async def ask() -> str:
            await Runner.run(agent(name="inner"), "go")
            return "done"

        outer = agent(calls(("c-1", "ask", {})), says("ok"), tools=[ask], name="outer")
        run(outer, run_config=RunConfig(group_id="group"))
    assert sorted(store.state_at("group")) == ["inner", "outer"]
    (made_up,) = {info["session_id"] for info in store.list_sessions()} - {"group"}
    assert made_up.startswith("openai-agents-")
    assert sorted(store.state_at(made_up)) == ["first", "second"]
    messages = [record.message for record in caplog.records if record.name == "journal"]
    assert [repr(made_up) in message for message in messages] == [True]


# Hooks of the program


class Told(RunHooks[Any]):
    """Notes what it is told, and what the journal has of it then."""

    def __init__(self, store: DefaultSessionStore, fails_at: str = "") -> None:
        self.store = store
        self.fails_at = fails_at
        self.told: list[tuple[Any, ...]] = []

    def note(self, name: str, *what: Any) -> None:
        statuses = [turn["status"] for turn in turns(self.store)]
        self.told.append((name, *what, statuses))
        if name == self.fails_at:
            raise ModelError(name)

    async def on_agent_start(self, context: Any, agent: Any) -> None:
        self.note("agent_start", agent.name)

    async def on_llm_start(self, context: Any, agent: Any, prompt: Any, items: Any) -> None:
        self.note("llm_start", prompt, len(items))

    async def on_llm_end(self, context: Any, agent: Any, response: Any) -> None:
        self.note("llm_end", response.output[0].type)

    async def on_tool_start(self, context: Any, agent: Any, tool: Any) -> None:
        self.note("tool_start", context.tool_call_id, tool.name)

    async def on_tool_end(self, context: Any, agent: Any, tool: Any, result: object) -> None:
        self.note("tool_end", context.tool_call_id, result)

    async def on_handoff(self, context: Any, from_agent: Any, to_agent: Any) -> None:
        self.note("handoff", from_agent.name, to_agent.name)

    async def on_agent_end(self, context: Any, agent: Any, output: Any) -> None:
        self.note("agent_end", output)


HOOKS = ["agent_start", "llm_start", "llm_end", "tool_start", "tool_end", "handoff", "agent_end"]


def handing_over() -> Agent[Any]:
    other = agent(says("bye"), name="other")
    steps = [calls(CALL_ROME), calls(("c-pass", "transfer_to_other", {}))]
    return agent(*steps, handoffs=[other], instructions="Be brief.")


@EACH_RUN
def test_hooks_of_the_program_are_told_the_same(run: Run, store: DefaultSessionStore) -> None:
    plain, mirrored = Told(store), Told(store)
    run(handing_over(), hooks=plain)
    with mirror(store, session_id="s"):
        run(handing_over(), hooks=mirrored)
    assert {name for name, *_ in plain.told} == set(HOOKS)
    assert [told[:-1] for told in mirrored.told] == [told[:-1] for told in plain.told]
    statuses = {name: found for name, *_, found in mirrored.told[:-4]}
    assert statuses["tool_start"] == ["open"], "the journal has it before they are told"


@EACH_RUN
@pytest.mark.parametrize("name", HOOKS)
def test_hooks_that_fail_end_the_run_as_without_us(
    name: str, run: Run, store: DefaultSessionStore
) -> None:
    with mirror(store, session_id="s"), pytest.raises((ModelError, UserError)) as raised:
        run(handing_over(), hooks=Told(store, fails_at=name))
    assert name in str(raised.value)
    (turn,) = turns(store)
    last = turns(store, "other")[0] if name == "agent_end" else turn
    assert last["status"] == "error"
    assert name in last["error"]


# The handle


def test_closing_leaves_the_sdk_as_it_was(store: DefaultSessionStore) -> None:
    import agents.tool

    runner = get_default_agent_runner()
    before = getattr(agents.tool, tool_errors.FUNCTION)
    handle = mirror(store, session_id="s")
    assert get_default_agent_runner() is not runner
    assert getattr(agents.tool, tool_errors.FUNCTION) is not before
    handle.close()
    handle.close()
    assert get_default_agent_runner() is runner
    assert getattr(agents.tool, tool_errors.FUNCTION) is before
    run(agent())
    assert store.list_sessions() == [], "a store that was given stays open"


def test_a_runner_that_somebody_else_has_put_in_front_stays(store: DefaultSessionStore) -> None:
    class Theirs(AgentRunner):
        def __init__(self, before: AgentRunner) -> None:
            self.before = before

        async def run(self, starting_agent: Any, input: Any, **kwargs: Any) -> Any:  # noqa: A002
            return await self.before.run(starting_agent, input, **kwargs)

    with mirror(store, session_id="s"):
        theirs = Theirs(get_default_agent_runner())
        set_default_agent_runner(theirs)
        run(agent())
    assert get_default_agent_runner() is theirs
    assert run(agent()).final_output == "hello"
    assert len(turns(store)) == 1


def test_a_run_that_goes_on_after_closing_is_left_alone(store: DefaultSessionStore) -> None:
    async def main() -> Any:
        begun, going_on = asyncio.Event(), asyncio.Event()

        @function_tool
        async def waiting() -> str:
            begun.set()
            await going_on.wait()
            return "now"

        handle = mirror(store, session_id="s")
        task = asyncio.create_task(
            Runner.run(agent(CALL_WAITING, says("done"), tools=[waiting]), "you")
        )
        await begun.wait()
        handle.close()
        going_on.set()
        assert handle.failures == 0
        return await task

    assert asyncio.run(main()).final_output == "done"
    assert versions(store) == [["open"], ["open", "open"]]


def test_a_process_is_mirrored_once(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        with pytest.raises(RuntimeError, match="already; close that mirror first"):
            mirror(store, session_id="t")
        run(agent())
    assert len(turns(store)) == 1
    with mirror(store, session_id="s"):
        run(agent())
    assert len(turns(store)) == 2


def test_a_config_that_does_not_mirror_changes_nothing(tmp_path: Path) -> None:
    runner = get_default_agent_runner()
    with mirror(SessionConfig(persist_path=str(tmp_path / "journal"))):
        assert get_default_agent_runner() is runner
        run(agent())
    assert not (tmp_path / "journal").exists()


def test_a_folder_is_enough(tmp_path: Path) -> None:
    with mirror(tmp_path / "journal", session_id="s"):
        run(agent())
    with DefaultSessionStore(tmp_path / "journal") as again:
        assert turns(again) == [{"status": "completed", "transcript": said("you", "hello")}]


def test_a_session_id_of_another_kind_is_refused(store: DefaultSessionStore) -> None:
    wrong: Any = 7
    with pytest.raises(TypeError, match="session_id must be a string or a callable, not int"):
        mirror(store, session_id=wrong)
    with pytest.raises(TypeError, match="session_id must be a string or a callable, not int"):
        JournalHooks(Mirror(store), session_id=wrong)


# Without `mirror`


@EACH_RUN
def test_hooks_alone_mirror_the_run_that_they_are_passed_to(
    run: Run, store: DefaultSessionStore
) -> None:
    told = Told(store)
    with Mirror(store) as handle:
        run(handing_over(), hooks=JournalHooks(handle, session_id="s", hooks=told))
        run(agent(name="not mirrored"))
    assert [name for name, *_ in told.told[:2]] == ["agent_start", "llm_start"]
    assert versions(store) == [*ONE_CALL[:3], ["completed", "completed", "completed"]]
    assert versions(store, "other") == [["open"], ["completed"]]
    assert changes(store) == [("native", "other", "c-pass")]
    assert sorted(store.state_at("s")) == ["native", "other"]


def test_hooks_alone_know_a_failed_tool_by_the_words_of_the_sdk(
    store: DefaultSessionStore,
) -> None:
    with Mirror(store) as handle:
        hooks = JournalHooks(handle, session_id="s")
        run(agent(calls(CALL_BROKEN, CALL_ROME), says("sorry")), hooks=hooks)
    (turn,) = turns(store)
    words = "An error occurred while running the tool. Please try again."
    assert turn["tool_calls"] == [call("c-broken", "broken", "error", error=words), ROME]


def test_hooks_alone_close_a_turn_that_has_failed_when_they_see_the_next_run(
    store: DefaultSessionStore,
) -> None:
    with Mirror(store) as handle:
        hooks = JournalHooks(handle, session_id="s")
        with pytest.raises(ModelError):
            run(agent(calls(CALL_ROME), ModelError("no quota")), hooks=hooks)
        handle.recorder.join()
        assert [turn["status"] for turn in turns(store)] == ["open"]
        run(agent(), hooks=hooks)
    first, second = turns(store)
    assert (first["status"], first["error"]) == ("error", "the run ended early")
    assert second == {"status": "completed", "transcript": said("you", "hello")}


def test_hooks_alone_see_who_called_if_that_has_hooks_of_the_same_journal(
    store: DefaultSessionStore,
) -> None:
    with Mirror(store) as handle:
        inner = agent(*ASK_ROME, name="inner")
        tool = inner.as_tool("ask", "asks", hooks=JournalHooks(handle))
        outer = agent(calls(("c-ask", "ask", {"input": "it"})), says("done"), tools=[tool])
        run(outer, hooks=JournalHooks(handle, session_id="s"))
    outer_id, _ = the_turn(store, "native")
    _, state = the_turn(store, "inner")
    assert state["parent"] == {"runtime": "native", "turn": outer_id, "tool_call_id": "c-ask"}


def test_hooks_alone_take_no_call_of_another_journal_for_their_own(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    with Mirror(store) as handle, Mirror(tmp_path / "other") as other:
        inner = agent(*ASK_ROME, name="inner")
        tool = inner.as_tool("ask", "asks", hooks=JournalHooks(other, session_id="s"))
        outer = agent(calls(("c-ask", "ask", {"input": "it"})), says("done"), tools=[tool])
        run(outer, hooks=JournalHooks(handle, session_id="s"))
        _, state = the_turn(other.store, "inner")
    assert "parent" not in state
    assert list(store.state_at("s")) == ["native"]


def test_hooks_alone_do_not_say_that_a_run_went_well_that_other_hooks_end(
    store: DefaultSessionStore,
) -> None:
    with Mirror(store) as handle:
        told = Told(store, fails_at="agent_end")
        with pytest.raises(ModelError):
            run(agent(), hooks=JournalHooks(handle, session_id="s", hooks=told))
    assert [turn["status"] for turn in turns(store)] == ["open"]


def test_hooks_alone_write_nothing_when_the_handle_is_closed(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    handle = Mirror(tmp_path / "other")
    hooks = JournalHooks(handle, session_id="s")
    handle.close()
    assert run(agent(*ASK_ROME), hooks=hooks).final_output == "sunny"
    assert handle.failures == 0
    assert not (tmp_path / "other").exists()


def test_nothing_is_mirrored_twice(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s") as handle:
        run(agent(), hooks=JournalHooks(handle, session_id="s"))
    assert len(turns(store)) == 1


# Trouble


@EACH_RUN
def test_a_full_disk_fails_no_run_is_logged_once_and_counted(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = FaultyStorage(fails("write", errno.ENOSPC, times=1000))
    store = DefaultSessionStore(tmp_path / "journal", storage=storage)
    with store, mirror(store, session_id="s") as handle:
        outputs = [run(agent(*ASK_ROME)).final_output for _ in range(2)]
    assert outputs == ["sunny"] * 2
    assert isinstance(handle.last_failure, AppendError)
    if run.__name__ == "run":  # the others' event loop may stop before it is told of the last
        assert handle.failures == 8, "twice: opened, call begun, call ended, closed"
    logged = [record for record in caplog.records if record.name == "journal"]
    assert ["No space left" in record.message for record in logged] == [True]


@EACH_RUN
def test_a_session_that_cannot_be_told_fails_no_run(
    run: Run, store: DefaultSessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    def session_id(each: Agent[Any]) -> str:
        raise LookupError("whose agent is this?")

    with mirror(store, session_id=session_id) as handle:
        assert run(agent(*ASK_ROME)).final_output == "sunny"
    assert handle.failures == 1
    assert "whose agent is this?" in caplog.text
    assert store.list_sessions() == []


@EACH_RUN
@pytest.mark.parametrize("name", ["agent_started", "model_answered", "call_begins", "agent_ended"])
def test_a_mistake_in_the_mirroring_fails_no_run(
    name: str, run: Run, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from projections.adapters.openai_agents.runs import Run as Mirrored

    def wrong(*args: Any) -> Any:
        raise AttributeError("another release")

    monkeypatch.setattr(Mirrored, name, wrong)
    with mirror(store, session_id="s") as handle:
        assert run(agent(*ASK_ROME)).final_output == "sunny"
    assert isinstance(handle.last_failure, AttributeError)
    (turn,) = turns(store)
    assert turn["status"] != "open"


def test_secrets_are_replaced(store: DefaultSessionStore, tmp_path: Path) -> None:
    with mirror(store, session_id="s"):
        run(agent(says(f"your key is {KEY}")), f"keep {KEY}")
    assert len(turns(store)) == 1
    written = [path.read_text() for path in (tmp_path / "journal").iterdir() if path.is_file()]
    assert any("[REDACTED" in text for text in written)
    assert not any(KEY in text for text in written)


KILLED = """
import sys
from agents import Runner, function_tool, set_tracing_disabled
from projections.adapters.openai_agents import mirror
from tests.test_openai_agents import CALL_ROME, agent, calls, run, run_streamed, run_sync, weather

@function_tool
def waiting() -> str:
    "Waits for ever."
    print("in the call", flush=True)
    return sys.stdin.read()

set_tracing_disabled(True)
mirror(sys.argv[1], session_id="s")
steps = [calls(CALL_ROME), calls(("c-wait", "waiting", {}))]
globals()[sys.argv[2]](agent(*steps, tools=[weather, waiting]), "wait")
"""


@EACH_RUN
def test_a_process_killed_in_a_call_leaves_an_open_turn(
    run: Run, store: DefaultSessionStore
) -> None:
    assert store.session_dir is not None
    process = python(KILLED, store.session_dir, run.__name__, stdin=-1)
    assert process.stdout is not None
    line = process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    _, trouble = process.communicate()
    assert line == "in the call\n", trouble
    assert turns(store) == [
        {
            "status": "open",
            "tool_calls": [ROME, call("c-wait", "waiting", "open")],
            "transcript": said("wait"),
        }
    ]


# What is relied on of the SDK; a release that changes it has to be looked at


def test_the_runner_that_is_the_default_does_all_runs() -> None:
    reached: list[str] = []

    class Noting(AgentRunner):
        async def run(self, *args: Any, **kwargs: Any) -> Any:
            reached.append("run")
            return await super().run(*args, **kwargs)

        def run_sync(self, *args: Any, **kwargs: Any) -> Any:
            reached.append("run_sync")
            return super().run_sync(*args, **kwargs)

        def run_streamed(self, *args: Any, **kwargs: Any) -> Any:
            reached.append("run_streamed")
            return super().run_streamed(*args, **kwargs)

    set_default_agent_runner(Noting())
    for each in RUNS:
        each(agent())
    assert reached == ["run", "run_sync", "run", "run_streamed"], (
        "Runner goes other ways now: MirroringRunner has to be there"
    )
    mine = {name for name in vars(MirroringRunner) if not name.startswith("_")}
    theirs = {name for name in vars(AgentRunner) if not name.startswith("_")}
    assert mine == theirs, "there is another way to run an agent"


def test_there_are_no_hooks_that_would_not_be_passed_on() -> None:
    found = {name.removeprefix("on_") for name in vars(RunHooksBase) if name.startswith("on_")}
    assert found == set(HOOKS), "RunJournal has to pass on the new ones to the program's hooks"


def test_a_context_set_when_the_tool_hook_is_called_is_that_of_the_tool() -> None:
    """`on_tool_start` of ours is no coroutine function for that."""
    from contextvars import ContextVar

    chosen = ContextVar("chosen", default="nothing")
    seen: list[str] = []

    class Setting(RunHooks[Any]):
        def on_tool_start(self, context: Any, agent: Any, tool: Any) -> Any:
            chosen.set(context.tool_call_id)
            return super().on_tool_start(context, agent, tool)

    @function_tool
    async def look() -> str:
        seen.append(chosen.get())
        return "done"

    asked = calls(("c-1", "look", {}), ("c-2", "look", {}))
    run(agent(asked, says("done"), tools=[look]), hooks=Setting())
    assert sorted(seen) == ["c-1", "c-2"], "tools do not know their calls any more"


@pytest.mark.parametrize("module", tool_errors.MODULES)
def test_the_function_that_makes_results_of_tool_errors_is_there(module: str) -> None:
    from importlib import import_module
    from inspect import iscoroutinefunction, signature

    function = getattr(import_module(module), tool_errors.FUNCTION, None)
    assert iscoroutinefunction(function), "what tools raise is not seen any more"
    assert set(signature(function).parameters) == {"function_tool", "context", "error"}
