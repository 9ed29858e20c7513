"""Agents whose model answers by the first word of a prompt, and the ways to run them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic_ai import (
    Agent,
    AgentRunResultEvent,
)
from pydantic_ai.exceptions import (
    ModelHTTPError,
)
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel

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


def answering(*responses: Sequence[ModelResponsePart] | ModelResponse) -> FunctionModel:
    """A model that gives these responses, one after the other."""
    left = list(responses)

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        found = left.pop(0)
        return found if isinstance(found, ModelResponse) else ModelResponse(list(found))

    return FunctionModel(respond)


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
