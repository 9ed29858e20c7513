"""Pydantic AI's agents, mirrored: real agents, a model that says what it is told.

What is protected: that each run is in the journal as it happens, whichever way it is started
and ends, that a run that is over never leaves a turn open, and that no agent notices.
"""

import asyncio
import errno
import inspect
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import (
    Agent,
    AgentRunResultEvent,
    BinaryContent,
    DeferredToolRequests,
    DeferredToolResults,
    ModelRetry,
    RunContext,
    ToolDefinition,
    ToolDenied,
    ToolOutput,
    UsageLimits,
    models,
)
from pydantic_ai.capabilities import AbstractCapability, Hooks
from pydantic_ai.exceptions import (
    ApprovalRequired,
    ModelHTTPError,
    RunTimedOut,
    SkipToolExecution,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
)
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.toolsets import ExternalToolset
from pydantic_ai.usage import RunUsage

from journal import SessionConfig
from journal.errors import AppendError
from projections import DefaultSessionStore
from projections.adapters.pydantic_ai import JournalCapability, keeper, mirror
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Turn
from tests.support import FaultyStorage, fails, python

KEY = "sk-live-0123456789abcdefghijABCDEFGHIJ"
FOREVER = 60.0  # seconds; nobody waits that long

# What the model says to a prompt that begins with this word: texts, or calls by name and id
CALLS: dict[str, list[ToolCallPart]] = {
    "weather": [ToolCallPart("weather", {"city": "Rome"}, "c-rome")],
    "two": [
        ToolCallPart("weather", {"city": "Rome"}, "c-rome"),
        ToolCallPart("weather", {"city": "Bern"}, "c-bern"),
    ],
    "break": [ToolCallPart("broken", {}, "c-broken")],
    "misfit": [ToolCallPart("weather", {"town": "Rome"}, "c-rome")],
    "wait": [ToolCallPart("waiting", {}, "c-wait")],
    "ask": [ToolCallPart("ask", {"question": "why?"}, "c-ask")],
    "both": [
        ToolCallPart("ask", {"question": "why?"}, "c-ask"),
        ToolCallPart("consult", {"question": "when?"}, "c-consult"),
    ],
    "final": [ToolCallPart("final_result", {"city": "Rome"}, "c-final")],
}


def said_by_model(messages: list[ModelMessage]) -> str | list[ToolCallPart]:
    """Answers by the last message; a tool's result is repeated."""
    last = messages[-1]
    assert isinstance(last, ModelRequest)
    results = [part for part in last.parts if isinstance(part, ToolReturnPart)]
    if results:
        return "done: " + ", ".join(str(part.content) for part in results)
    prompts = [part.content for part in last.parts if isinstance(part, UserPromptPart)]
    text = str(prompts[-1])
    if text.startswith("fail"):
        raise ModelHTTPError(500, "stub", "made to fail")
    return CALLS.get(text.split()[0]) or f"hello, {text}"


def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    found = said_by_model(messages)
    return ModelResponse([TextPart(found)] if isinstance(found, str) else found)


async def stream(
    messages: list[ModelMessage], info: AgentInfo
) -> AsyncIterator[str | DeltaToolCalls]:
    found = said_by_model(messages)
    if isinstance(found, str):
        for word in found.split(" "):
            yield word + " "
        return
    for index, part in enumerate(found):
        yield {
            index: DeltaToolCall(
                part.tool_name, part.args_as_json_str(), tool_call_id=part.tool_call_id
            )
        }


MODEL = FunctionModel(respond, stream_function=stream)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "ALLOW_MODEL_REQUESTS", False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DefaultSessionStore]:
    with DefaultSessionStore(tmp_path / "journal", durability="os") as found:
        yield found


def weather(city: str) -> str:
    """The weather."""
    return f"sunny in {city}"


def broken() -> str:
    """Never works."""
    raise ValueError("no such city")


def agent(name: str | None = "native", **options: Any) -> Agent[None, Any]:
    options.setdefault("tools", [weather, broken])
    options.setdefault("model", MODEL)
    return Agent(name=name, **options)


def turns(store: DefaultSessionStore, runtime: str = "native", session: str = "s") -> list[Any]:
    """The turns of a runtime as they are, without ids and times."""
    left_out = ("agent", "opened_at", "closed_at", "parent")
    return [
        {key: value for key, value in state.items() if key not in left_out}
        for state in store.get_runtime_state(session, runtime).values()
    ]


def versions(store: DefaultSessionStore, runtime: str = "native") -> list[list[str]]:
    """How the only turn of a runtime went: its status and those of its calls, each time."""
    (turn_id,) = store.get_runtime_state("s", runtime)
    return [
        [
            version.state["status"],
            *(call["status"] for call in version.state.get("tool_calls", ())),
        ]
        for version in store.history("s", runtime, turn_id)
    ]


def said(user: str, assistant: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]


def call(call_id: str, name: str, status: str = "completed", **more: str) -> dict[str, str]:
    return {"id": call_id, "name": name, "status": status, **more}


ROME = call("c-rome", "weather")
BERN = call("c-bern", "weather")
ONE_CALL = [["open"], ["open", "open"], ["open", "completed"], ["completed", "completed"]]


# Each way to run an agent

Run = Callable[..., Any]


async def by_run(each: Agent[None, Any], prompt: str) -> Any:
    return (await each.run(prompt)).output


async def by_stream(each: Agent[None, Any], prompt: str) -> Any:
    async with each.run_stream(prompt) as result:
        return await result.get_output()


async def by_events(each: Agent[None, Any], prompt: str) -> Any:
    async with each.run_stream_events(prompt) as events:
        last = [event async for event in events][-1]
    assert isinstance(last, AgentRunResultEvent)
    return last.result.output


async def by_iter(each: Agent[None, Any], prompt: str) -> Any:
    async with each.iter(prompt) as run:
        async for _ in run:
            pass
    assert run.result is not None
    return run.result.output


def in_loop(run: Callable[[Agent[None, Any], str], Awaitable[Any]]) -> Run:
    async def awaited(each: Agent[None, Any], prompt: str) -> Any:
        return await run(each, prompt)

    return lambda each, prompt: asyncio.run(awaited(each, prompt))


@contextmanager
def loop_for_sync() -> Iterator[None]:
    """`run_sync` leaves the event loop that it makes to the process: not to other tests."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def by_run_sync(each: Agent[None, Any], prompt: str) -> Any:
    with loop_for_sync():
        return each.run_sync(prompt).output


def by_stream_sync(each: Agent[None, Any], prompt: str) -> Any:
    with loop_for_sync(), each.run_stream_sync(prompt) as result:
        return result.get_output()


RUNS: dict[str, Run] = {
    "run": in_loop(by_run),
    "run_sync": by_run_sync,
    "run_stream": in_loop(by_stream),
    "run_stream_sync": by_stream_sync,
    "run_stream_events": in_loop(by_events),
    "iter": in_loop(by_iter),
}
EACH_RUN = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())


@pytest.fixture(autouse=True)
def own_loop() -> Iterator[None]:
    with loop_for_sync():
        yield


@EACH_RUN
def test_a_run_is_one_turn_however_it_is_started(run: Run, store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s") as handle:
        answer = run(agent(), "you")
    (turn,) = turns(store)
    assert answer.strip() == "hello, you"
    assert turn == {"status": "completed", "transcript": said("you", answer)}
    assert versions(store) == [["open"], ["completed"]]
    assert handle.failures == 0


@EACH_RUN
def test_a_tool_call_is_written_when_it_begins_and_when_it_ends(
    run: Run, store: DefaultSessionStore
) -> None:
    with mirror(store, session_id="s"):
        run(agent(), "weather in Rome?")
    (turn,) = turns(store)
    assert turn["tool_calls"] == [ROME]
    assert versions(store) == ONE_CALL


@EACH_RUN
def test_calls_of_one_answer_are_all_there(run: Run, store: DefaultSessionStore) -> None:
    """Pydantic AI runs them side by side."""
    with mirror(store, session_id="s"):
        run(agent(), "two cities")
    (turn,) = turns(store)
    assert turn["status"] == "completed"
    assert turn["tool_calls"] == [ROME, BERN]


@EACH_RUN
def test_an_agent_that_has_the_capability_is_mirrored(
    run: Run, store: DefaultSessionStore
) -> None:
    journal = JournalCapability(store, session_id="s")
    each = agent(capabilities=[journal])
    run(each, "weather in Rome?")
    assert versions(store) == ONE_CALL
    assert journal.mirror.failures == 0
    journal.mirror.close()
    run(each, "weather in Rome?")
    assert len(turns(store)) == 1, "closed: the agent goes on without"


@EACH_RUN
def test_an_agent_that_has_the_capability_is_not_mirrored_twice(
    run: Run, store: DefaultSessionStore, tmp_path: Path
) -> None:
    """Its own says where and how."""
    with DefaultSessionStore(tmp_path / "own", durability="os") as own:
        journal = JournalCapability(own, session_id="s")
        with mirror(store, session_id="s") as handle:
            run(agent(capabilities=[journal]), "weather in Rome?")
        assert versions(own) == ONE_CALL
        assert not store.session_exists("s")
        assert (handle.failures, journal.mirror.failures) == (0, 0)


def test_the_turn_has_the_id_of_the_run_and_the_name_of_the_agent(
    store: DefaultSessionStore,
) -> None:
    with mirror(store, session_id="s"):
        result = agent().run_sync("you", run_id="run-1")
        inferred = agent(None)
        inferred.run_sync("you")
        Agent(MODEL).run_sync("you", infer_name=False)
    assert result.run_id == "run-1"
    assert list(store.get_runtime_state("s", "native")) == ["run-1"]
    assert list(store.state_at("s")) == ["native", "inferred", "agent"]


# How runs end


def ending(run: Run, each: Agent[None, Any], prompt: str) -> str:
    """What comes of it, returned or raised."""
    try:
        return f"returned {run(each, prompt)!r}"
    except Exception as error:  # noqa: BLE001 - whatever it is
        return f"raised {error!r}"


@EACH_RUN
def test_a_tool_that_raises_ends_the_call_and_the_turn_with_its_error(
    run: Run, store: DefaultSessionStore
) -> None:
    plain = ending(run, agent(), "break it")
    with mirror(store, session_id="s"):
        assert ending(run, agent(), "break it") == plain, "the agent answers as without us"
    (turn,) = turns(store)
    assert turn["status"] == "error"
    assert turn["error"] == "ValueError: no such city"
    assert turn["tool_calls"] == [
        call("c-broken", "broken", "error", error="ValueError: no such city")
    ]
    assert versions(store)[-2:] == [["open", "error"], ["error", "error"]]


@EACH_RUN
def test_a_model_that_fails_ends_the_turn_with_its_error(
    run: Run, store: DefaultSessionStore
) -> None:
    plain = ending(run, agent(), "fail")
    with mirror(store, session_id="s"):
        assert ending(run, agent(), "fail") == plain, "the agent answers as without us"
    (turn,) = turns(store)
    assert turn["status"] == "error"
    assert turn["error"].startswith("ModelHTTPError: ")
    assert "made to fail" in turn["error"]


def test_errors_and_results_pass_as_they_are(store: DefaultSessionStore) -> None:
    """The same object, with the same end of its traceback."""
    error, output = ValueError("mine"), ["mine"]

    def raising() -> str:
        raise error

    def returning() -> list[str]:
        return output

    seen = []

    class Inner(AbstractCapability[Any]):
        async def wrap_run(self, ctx: RunContext[Any], *, handler: Any) -> Any:
            seen.append(await handler())
            return seen[0]

    with mirror(store, session_id="s"):
        with pytest.raises(ValueError, match="mine") as raised:
            agent(model=TestModel(), tools=[raising]).run_sync("you")
        result = agent(
            tools=[], output_type=returning, model=TestModel(), capabilities=[Inner()]
        ).run_sync("you")
    assert raised.value is error
    assert raised.traceback[-1].name == "raising"
    assert result.output is output
    assert result is seen[0]


def test_a_run_that_exceeds_its_limits_ends_with_that_error(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"), pytest.raises(UsageLimitExceeded):
        agent().run_sync("weather in Rome?", usage_limits=UsageLimits(request_limit=1))
    (turn,) = turns(store)
    assert (turn["status"], turn["tool_calls"]) == ("error", [ROME])
    assert turn["error"].startswith("UsageLimitExceeded: ")


def test_a_model_that_never_makes_sense_ends_with_that_error(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"), pytest.raises(UnexpectedModelBehavior):
        agent(model=FunctionModel(lambda messages, info: ModelResponse([]))).run_sync("you")
    (turn,) = turns(store)
    assert turn["status"] == "error"
    assert turn["error"].startswith("UnexpectedModelBehavior: ")


def test_an_error_that_another_capability_recovers_is_none(store: DefaultSessionStore) -> None:
    """What is mirrored is what came of the run: ours is around all others."""
    kept = agent().run_sync("you")

    class Recovers(AbstractCapability[Any]):
        async def wrap_run(self, ctx: RunContext[Any], *, handler: Any) -> Any:
            with pytest.raises(ModelHTTPError):
                await handler()
            return kept

    with mirror(store, session_id="s"):
        assert agent(capabilities=[Recovers()]).run_sync("fail").output == "hello, you"
    (turn,) = turns(store)
    assert turn == {"status": "completed", "transcript": said("fail", "hello, you")}


async def waiting() -> str:
    """Waits for ever."""
    await asyncio.sleep(FOREVER)
    return "never"


async def cancel_in_a_call(each: Agent[None, Any], run: Callable[..., Awaitable[Any]]) -> None:
    begun = asyncio.Event()

    async def waiting() -> str:
        begun.set()
        await asyncio.sleep(FOREVER)
        return "never"

    each.tool_plain(waiting)
    task = asyncio.ensure_future(run(each, "wait"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert others == set(), "no task is left behind"


@pytest.mark.parametrize("run", [by_run, by_stream, by_events, by_iter])
def test_a_cancelled_task_cancels_the_turn_and_its_call(
    run: Callable[..., Awaitable[Any]],
    store: DefaultSessionStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(Recorder, "close")  # it would block the event loop
    with mirror(store, session_id="s") as handle:
        asyncio.run(cancel_in_a_call(agent(tools=[]), run))
    (turn,) = turns(store)
    assert turn["status"] == "cancelled"
    assert "error" not in turn
    assert turn["tool_calls"] == [call("c-wait", "waiting", "cancelled")]
    assert handle.failures == 0


def test_a_run_that_times_out_is_cancelled(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"), pytest.raises(RunTimedOut):
        agent(tools=[waiting]).run_sync("wait", timeout=0.05)
    (turn,) = turns(store)
    assert turn["status"] == "cancelled"
    assert turn["tool_calls"] == [call("c-wait", "waiting", "cancelled")]


def test_an_agent_that_cancels_itself_cancels_the_call_that_asked_it(
    store: DefaultSessionStore,
) -> None:
    """Pydantic AI tells the model of the one who asked, which goes on."""

    async def waiting(ctx: RunContext[None]) -> str:
        ctx.cancel()
        await asyncio.sleep(FOREVER)
        return "never"

    inner = agent("inner", tools=[waiting])

    async def ask(question: str) -> str:
        return str((await inner.run("wait")).output)

    with mirror(store, session_id="s"):
        agent("outer", tools=[ask]).run_sync("ask")
    ((outer,), (found,)) = (turns(store, "outer"), turns(store, "inner"))
    assert (outer["status"], found["status"]) == ("completed", "cancelled")
    assert outer["tool_calls"] == [call("c-ask", "ask", "cancelled")]


async def leave_stream(each: Agent[None, Any]) -> None:
    async with each.run_stream("you and you and you") as result:
        async for _ in result.stream_text(delta=True, debounce_by=None):
            break


async def leave_events(each: Agent[None, Any]) -> None:
    async with each.run_stream_events("you and you and you") as events:
        async for _ in events:
            break


async def leave_iter(each: Agent[None, Any]) -> None:
    async with each.iter("you and you and you") as run:
        async for _ in run:
            break


async def close_generator(each: Agent[None, Any]) -> None:
    async def texts() -> AsyncIterator[str]:
        async with each.run_stream("you and you and you") as result:
            async for text in result.stream_text(debounce_by=None):
                yield text

    generator = texts()
    assert await anext(generator) == "hello, "
    await generator.aclose()  # type: ignore[attr-defined]


async def raise_in_the_block(each: Agent[None, Any]) -> None:
    async with each.iter("you"):
        raise asyncio.CancelledError


LEFT = [leave_stream, leave_events, leave_iter, close_generator, raise_in_the_block]


@pytest.mark.parametrize("leave", LEFT, ids=lambda leave: leave.__name__)
def test_a_run_left_in_the_middle_is_cancelled(
    leave: Callable[[Agent[None, Any]], Awaitable[None]], store: DefaultSessionStore
) -> None:
    async def main() -> None:
        try:
            await leave(agent())
        except asyncio.CancelledError:
            assert leave is raise_in_the_block

    with mirror(store, session_id="s") as handle:
        asyncio.run(main())
    assert versions(store) == [["open"], ["cancelled"]]
    assert handle.failures == 0


def test_an_error_in_the_block_of_a_stream_is_the_turns(store: DefaultSessionStore) -> None:
    async def main() -> None:
        async with agent().run_stream("you"):
            raise LookupError("in the block")

    with mirror(store, session_id="s"), pytest.raises(LookupError):
        asyncio.run(main())
    (turn,) = turns(store)
    assert (turn["status"], turn["error"]) == ("error", "LookupError: in the block")


@pytest.mark.parametrize("run", [by_run_sync, in_loop(by_run), by_stream_sync])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_passes_and_cancels_the_turn(
    run: Run, kind: type[BaseException], store: DefaultSessionStore
) -> None:
    async def waiting() -> str:
        raise kind

    each = agent(tools=[waiting])
    with mirror(store, session_id="s"), pytest.raises(kind):
        run(each, "wait")
    (turn,) = turns(store)
    assert turn["status"] == "cancelled"
    assert turn["tool_calls"] == [call("c-wait", "waiting", "cancelled")]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit])
def test_where_nothing_can_be_awaited_the_turn_is_closed_at_once(
    kind: type[BaseException], store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pydantic AI keeps these from the hook today, but for a coroutine that is thrown away."""

    async def handler() -> Any:
        monkeypatch.delattr(Recorder, "aclose")
        raise kind

    async def main() -> None:
        ctx = RunContext[Any](deps=None, model=MODEL, usage=RunUsage(), run_id="run-1")
        with pytest.raises(kind):
            await JournalCapability(store, session_id="s").wrap_run(ctx, handler=handler)

    asyncio.run(main())
    assert store.get_runtime_state("s", "agent", "run-1")["status"] == "cancelled"


# Tool calls that do not simply return


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


# Several agents


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
    assert there.reason == "c-ask"
    assert [found.id for found in there.open_calls] == ["c-ask"]
    assert (back.source, back.target, back.announced) == ("billing", "triage", True)
    assert back.reason == f"{inner_id} is completed"
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


def test_another_journal_is_not_told_of_a_caller_it_does_not_know(
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


# Prompts


def test_of_pictures_only_their_kind_is_kept(store: DefaultSessionStore) -> None:
    picture = BinaryContent(b"0" * 4096, media_type="image/png")
    with mirror(store, session_id="s"):
        agent(model=TestModel(), tools=[]).run_sync(["look at", picture])
    assert turns(store)[0]["transcript"][0]["content"] == "look at\n[BinaryContent]"


def test_a_prompt_that_comes_as_history_is_there(store: DefaultSessionStore) -> None:
    """So do the adapters of Pydantic AI for user interfaces pass it."""
    history = [ModelRequest([UserPromptPart("you")])]
    with mirror(store, session_id="s"):
        agent().run_sync(message_history=history)
    assert turns(store)[0]["transcript"] == said("you", "hello, you")


def test_secrets_are_replaced(store: DefaultSessionStore, tmp_path: Path) -> None:
    with mirror(store, session_id="s"):
        agent().run_sync(f"you with {KEY}")
    assert len(turns(store)) == 1
    written = [path.read_text() for path in (tmp_path / "journal").iterdir() if path.is_file()]
    assert written
    assert not any(KEY in text for text in written)


# The handle


def test_closing_leaves_pydantic_ai_as_it_was(store: DefaultSessionStore) -> None:
    before = vars(Agent)["iter"]
    handle = mirror(store, session_id="s")
    assert vars(Agent)["iter"] is not before
    assert inspect.signature(Agent.iter) == inspect.signature(before)
    handle.close()
    handle.close()
    assert vars(Agent)["iter"] is before
    agent().run_sync("you")
    assert not store.session_exists("s")
    assert store.list_sessions() == [], "a store that was given stays open"


def test_what_somebody_else_has_put_around_it_stays(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as that is there, runs still pass by what is closed."""
    monkeypatch.setattr(Agent, "iter", Agent.iter)  # put back in the end
    handle = mirror(store, session_id="s")
    inner = Agent.iter

    def around(self: Any, *args: Any, **options: Any) -> Any:
        return inner(self, *args, **options)

    monkeypatch.setattr(Agent, "iter", around)
    handle.close()
    assert vars(Agent)["iter"] is around
    assert agent().run_sync("you").output == "hello, you"
    assert not store.session_exists("s")
    assert handle.failures == 0


def test_a_turn_that_goes_on_after_closing_is_left_alone(store: DefaultSessionStore) -> None:
    async def main() -> str:
        handle = mirror(store, session_id="s")

        async def waiting() -> str:
            handle.close()
            return "closed"

        return str((await agent(tools=[waiting]).run("wait")).output)

    assert asyncio.run(main()) == "done: closed"
    assert versions(store) == [["open"], ["open", "open"]]


def test_a_process_is_mirrored_once(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        with pytest.raises(RuntimeError, match="already; close that mirror first"):
            mirror(store, session_id="t")
        agent().run_sync("you")
    assert len(turns(store)) == 1
    with mirror(store, session_id="s"):
        agent().run_sync("you")
    assert len(turns(store)) == 2


def test_capabilities_that_a_run_is_given_are_kept(store: DefaultSessionStore) -> None:
    hooks = Hooks[Any]()
    seen: list[str] = []

    @hooks.on.before_run
    async def note(ctx: RunContext[Any]) -> None:
        seen.append(str(ctx.run_id))

    with mirror(store, session_id="s"):
        result = agent().run_sync("you", capabilities=[hooks])
    assert seen == [result.run_id]
    assert list(store.get_runtime_state("s", "native")) == seen


def test_a_config_that_does_not_mirror_changes_nothing(tmp_path: Path) -> None:
    before = vars(Agent)["iter"]
    with mirror(SessionConfig(persist_path=str(tmp_path / "journal"))):
        assert vars(Agent)["iter"] is before
        agent().run_sync("you")
    journal = JournalCapability(SessionConfig(persist_path=str(tmp_path / "journal")))
    agent(capabilities=[journal]).run_sync("you")
    journal.mirror.close()
    assert not (tmp_path / "journal").exists()


def test_a_session_id_of_another_kind_is_refused(store: DefaultSessionStore) -> None:
    made: tuple[Any, ...] = (mirror, JournalCapability)
    for each in made:
        with pytest.raises(TypeError, match="session_id must be a string or a callable, not int"):
            each(store, session_id=7)


# Trouble


@pytest.mark.parametrize("run", [by_run_sync, RUNS["run_stream"], RUNS["run_stream_events"]])
def test_a_full_disk_fails_no_run_is_logged_once_and_counted(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = FaultyStorage(fails("write", errno.ENOSPC, times=1000))
    full = DefaultSessionStore(tmp_path / "journal", storage=storage)
    with full, mirror(full, session_id="s") as handle:
        answers = [run(agent(), "weather in Rome?").strip() for _ in range(2)]
    assert answers == ["done: sunny in Rome"] * 2
    assert isinstance(handle.last_failure, AppendError)
    assert handle.failures == 8, "twice: opened, call begun, call ended, closed"
    logged = [record for record in caplog.records if record.name == "journal"]
    assert ["No space left" in record.message for record in logged] == [True]


def mistaken(ctx: RunContext[Any]) -> str:
    raise LookupError("whose run is this?")


@pytest.mark.parametrize(
    ("session_id", "message"),
    [(mistaken, "whose run is this?"), (lambda ctx: 7, "must return a string, not int")],
)
def test_a_mistake_of_the_session_id_fails_no_run(
    session_id: Any, message: str, store: DefaultSessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    with mirror(store, session_id=session_id) as handle:
        assert agent().run_sync("weather in Rome?").output == "done: sunny in Rome"
    assert handle.failures == 1
    assert message in caplog.text
    assert store.list_sessions() == []


def test_an_output_that_cannot_be_shown_fails_no_run(
    store: DefaultSessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    class Strange:
        def __str__(self) -> str:
            raise LookupError("nothing to show")

    def strange() -> Any:
        return found

    found = Strange()
    with mirror(store, session_id="s") as handle:
        result = agent(model=TestModel(), tools=[], output_type=strange).run_sync("you")
    assert result.output is found
    assert handle.failures == 1
    assert "nothing to show" in caplog.text
    assert [turn["status"] for turn in turns(store)] == ["completed"]


@pytest.mark.parametrize("name", ["prompt_of", "answers_in", "output_text"])
def test_a_shape_that_is_not_known_fails_no_run(
    name: str, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a release that renames what is read there."""

    def renamed(*args: object) -> None:
        raise AttributeError("it has another name now")

    monkeypatch.setattr(keeper, name, renamed)
    with mirror(store, session_id="s") as handle:
        assert agent().run_sync("weather in Rome?").output == "done: sunny in Rome"
    assert isinstance(handle.last_failure, AttributeError)
    assert handle.failures == 1


def test_a_call_that_cannot_be_kept_is_made_all_the_same(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*args: object) -> None:
        raise AttributeError("no calls any more")

    monkeypatch.setattr(Turn, "call_started", wrong)
    with mirror(store, session_id="s") as handle:
        assert agent().run_sync("two cities").output == "done: sunny in Rome, sunny in Bern"
    assert handle.failures == 2
    assert [turn["status"] for turn in turns(store)] == ["completed"]


KILLED = """
import asyncio, sys
from projections.adapters.pydantic_ai import mirror
from tests.test_pydantic_ai import FOREVER, agent

async def waiting() -> str:
    "Waits for ever."
    print("in the call", flush=True)
    await asyncio.sleep(FOREVER)
    return "never"

mirror(sys.argv[1], session_id="s")
agent(tools=[waiting]).run_sync("wait")
"""


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGKILL, "open"), (signal.SIGINT, "cancelled")]
)
def test_a_process_that_is_killed_in_a_call_leaves_an_open_turn_an_interrupted_one_does_not(
    number: int, status: str, store: DefaultSessionStore
) -> None:
    assert store.session_dir is not None
    process = python(KILLED, store.session_dir)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    process.send_signal(number)
    process.communicate()
    assert turns(store) == [
        {
            "status": status,
            "tool_calls": [call("c-wait", "waiting", status)],
            "transcript": [{"role": "user", "content": "wait"}],
        }
    ]


# What is relied on of Pydantic AI; a release that changes it has to be looked at


def test_each_way_to_run_an_agent_goes_through_iter(monkeypatch: pytest.MonkeyPatch) -> None:
    """`mirror` stands there, and nowhere else."""
    entered = []
    before = Agent.iter

    def counted(self: Any, *args: Any, **options: Any) -> Any:
        entered.append(options.get("capabilities"))
        return before(self, *args, **options)

    monkeypatch.setattr(Agent, "iter", counted)
    for name, run in RUNS.items():
        entered.clear()
        run(agent(), "you")
        assert len(entered) == 1, f"Agent.{name} does not go through Agent.iter any more"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("wrap_run", ["self", "ctx", "handler"]),
        ("wrap_tool_validate", ["self", "ctx", "call", "tool_def", "args", "handler"]),
        ("wrap_tool_execute", ["self", "ctx", "call", "tool_def", "args", "handler"]),
        ("get_ordering", ["self"]),
    ],
)
def test_the_hooks_are_there(name: str, parameters: list[str]) -> None:
    for owner in (AbstractCapability, JournalCapability):
        found = list(inspect.signature(getattr(owner, name)).parameters)
        assert found == parameters, f"{owner.__name__}.{name} takes other arguments now"


def test_all_ways_to_run_are_tested() -> None:
    """One that is new may not go through `iter`."""
    ways = {name for name in dir(Agent) if name.startswith("run")} | {"iter"}
    assert ways == set(RUNS), "Agent has other ways to run now: do they go through Agent.iter?"


def test_an_agent_that_runs_in_a_durable_workflow_may_be_given_the_capability() -> None:
    """Pydantic AI refuses those that may add tools; this says that it adds none."""
    assert AbstractCapability._safe_at_runtime is False, "the flag means something else now"
    assert JournalCapability._safe_at_runtime is True
    assert isinstance(inspect.getattr_static(RunContext, "in_durable_context"), property)


def test_a_durable_workflow_is_not_mirrored(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunContext, "in_durable_context", True)
    with mirror(store, session_id="s") as handle:
        assert agent().run_sync("weather in Rome?").output == "done: sunny in Rome"
    assert handle.failures == 0
    assert store.list_sessions() == []


def test_a_release_whose_iter_takes_no_capabilities_is_refused(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Agent, "iter", lambda self, user_prompt: None)
    with pytest.raises(RuntimeError, match="takes no capabilities"):
        mirror(store)
    monkeypatch.undo()
    with mirror(store):
        pass  # nothing is left behind by the refused one
