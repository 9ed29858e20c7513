"""Runs that fail, are cancelled, or are left in the middle."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pydantic_ai
import pytest
from pydantic_ai import (
    Agent,
    RunContext,
    UsageLimits,
)
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import (
    ModelHTTPError,
    RunTimedOut,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
)
from pydantic_ai.messages import (
    ModelResponse,
)
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RunUsage

from projections import DefaultSessionStore
from projections.adapters.pydantic_ai import JournalCapability, mirror
from projections.adapters.recorder import Recorder
from tests.adapters.pydantic_ai.agents import (
    EACH_RUN,
    FOREVER,
    MODEL,
    Run,
    agent,
    by_events,
    by_iter,
    by_run,
    by_run_sync,
    by_stream,
    by_stream_sync,
    cancel_in_a_call,
    in_loop,
)
from tests.adapters.reported import ROME, call, said, turns, versions

RELEASE = tuple(map(int, pydantic_ai.__version__.split(".")[:2]))


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


def test_a_run_that_times_out_is_cancelled(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def waiting() -> str:
        """An hour passes in it."""
        loop = asyncio.get_running_loop()
        now = loop.time
        monkeypatch.setattr(loop, "time", lambda: now() + 3600)
        await asyncio.sleep(FOREVER)
        return "never"

    with mirror(store, session_id="s"), pytest.raises(RunTimedOut):
        agent(tools=[waiting]).run_sync("wait", timeout=600)
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

    # before 2.66 Pydantic AI closes a generator that is running, also without the journal
    fails = leave is close_generator and RELEASE < (2, 66)
    with mirror(store, session_id="s") as handle, suppress(*[GeneratorExit] * fails):
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
def test_where_nothing_can_be_awaited_another_thread_closes_the_turn(
    kind: type[BaseException], store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pydantic AI keeps these from the hook today, but for a coroutine that is thrown away."""

    async def handler() -> Any:
        monkeypatch.delattr(Recorder, "aclose")
        raise kind

    async def main() -> None:
        ctx = RunContext[Any](deps=None, model=MODEL, usage=RunUsage(), run_id="run-1")
        with pytest.raises(kind):
            await capability.wrap_run(ctx, handler=handler)

    capability = JournalCapability(store, session_id="s")
    asyncio.run(main())
    capability.mirror.recorder.join()
    assert store.get_runtime_state("s", "agent", "run-1")["status"] == "cancelled"
