"""What PraisonAI does seldom."""

import asyncio
import contextvars
import functools
import inspect
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wrapt
from praisonaiagents import Agent
from praisonaiagents.agent.router_agent import RouterAgent
from praisonaiagents.config.feature_configs import (
    MemoryConfig,
)
from praisonaiagents.session import store as praisonai_store
from praisonaiagents.session.store import DefaultSessionStore as PraisonAIStore

from projections import DefaultSessionStore
from projections.adapters.praisonai import JournalSessionStore, mirror
from tests.adapters.praisonai.agents import AS_PRAISONAI_IS, WRAPPED, agent, weather
from tests.adapters.praisonai.chat_server import Answer, Call, Request, serving
from tests.adapters.reported import ROME, call, said, turns

pytestmark = AS_PRAISONAI_IS


def test_a_call_whose_id_comes_again_is_another_call(store: DefaultSessionStore) -> None:
    """Models without ids of their own number each answer's calls from 1 again."""

    def same_ids(request: Request) -> Answer:
        asked = sum(message["role"] == "tool" for message in request["messages"])
        return [Call("weather", {"city": f"city {asked}"}, "c-1")] if asked < 2 else "done"

    with serving(same_ids) as server, mirror(store, session_id="s"):
        os.environ["OPENAI_BASE_URL"] = server.url
        agent().chat("go")
    (turn,) = turns(store)
    assert turn["tool_calls"] == [call("c-1", "weather"), call("c-1-2", "weather")]


def test_calls_without_an_id_get_one(store: DefaultSessionStore) -> None:
    each = agent()

    def answer(prompt: str, *args: object, **kwargs: object) -> str:
        for city in ("Rome", "Bern"):
            each.execute_tool("weather", {"city": city})
        return "done"

    each._chat_impl = answer
    with mirror(store, session_id="s"):
        each.chat("go")
    (turn,) = turns(store)
    assert turn["tool_calls"] == [call("call-1", "weather"), call("call-2", "weather")]


def test_a_tool_that_is_called_outside_of_a_turn_is_nobodys(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s") as handle:
        assert agent().execute_tool("weather", {"city": "Rome"}) == "sunny in Rome"
    assert store.list_sessions() == []
    assert handle.failures == 0


def in_plain_thread(action: Callable[[], object]) -> None:
    """In a thread that knows nothing of where it was started."""
    thread = threading.Thread(target=action)
    thread.start()
    thread.join()


def test_a_tool_in_a_thread_without_the_context_is_the_agents_only_turns(
    store: DefaultSessionStore,
) -> None:
    """If it has two, nobody can say whose call it is: it is left out."""
    each = agent()

    def answer(prompt: str, *args: object, **kwargs: object) -> str:
        if prompt == "outer":
            in_plain_thread(lambda: each.execute_tool("weather", {"city": "Rome"}, "c-one"))
            in_plain_thread(lambda: each.chat("inner"))
        else:
            in_plain_thread(lambda: each.execute_tool("weather", {"city": "Rome"}, "c-two"))
        return "done"

    each._chat_impl = answer
    with mirror(store, session_id="s"):
        each.chat("outer")
    outer, inner = turns(store)
    assert outer["tool_calls"] == [call("c-one", "weather")]
    assert "tool_calls" not in inner


def test_an_agent_that_asks_itself_has_a_turn_inside_its_own_call(
    store: DefaultSessionStore,
) -> None:
    def weather(city: str) -> str:
        """Asks the very same agent."""
        return str(each.chat(f"in {city}"))

    each = agent(tools=[weather])
    with mirror(store, session_id="s"):
        each.chat("weather in Rome?")
    _, inner = store.get_runtime_state("s", "native").values()
    assert inner["parent"]["tool_call_id"] == "c-rome"
    assert turns(store)[0]["tool_calls"] == [ROME]


def test_what_goes_on_after_its_turn_belongs_to_no_turn(store: DefaultSessionStore) -> None:
    """A thread that a tool has left behind still has the context of the turn."""
    go_on, done = threading.Event(), threading.Event()
    helper = agent("helper")

    def weather(city: str) -> str:
        """Leaves a thread behind."""
        context = contextvars.copy_context()

        def later() -> None:
            assert go_on.wait(30)
            helper.chat("late")
            done.set()

        threading.Thread(target=context.run, args=(later,)).start()
        return "sunny"

    with mirror(store, session_id="s"):
        agent(tools=[weather]).chat("weather in Rome?")
        go_on.set()
        assert done.wait(30)
    (late,) = store.get_runtime_state("s", "helper").values()
    assert "parent" not in late
    assert late["status"] == "completed"


def test_a_call_that_outlives_its_turn_changes_nothing_in_it(store: DefaultSessionStore) -> None:
    each, go_on = agent(tools=[]), threading.Event()

    def waiting() -> str:
        """Waits until it is told."""
        assert go_on.wait(30)
        return "late"

    each.tools.append(waiting)
    threads: list[threading.Thread] = []

    def answer(prompt: str, *args: object, **kwargs: object) -> str:
        context = contextvars.copy_context()
        run = functools.partial(context.run, each.execute_tool, "waiting", {}, "c-late")
        threads.append(threading.Thread(target=run))
        threads[0].start()
        while not turns(store)[0].get("tool_calls"):
            pass
        return "done"

    each._chat_impl = answer
    with mirror(store, session_id="s"):
        each.chat("go")
        (before,) = turns(store)
        go_on.set()
        threads[0].join()
        (after,) = turns(store)
    assert before == after
    assert after["tool_calls"] == [call("c-late", "waiting", "open")]


def test_an_exception_thrown_into_a_stream_reaches_the_agent(store: DefaultSessionStore) -> None:
    each = agent()
    caught: list[BaseException] = []

    def chunks(prompt: str, **kwargs: object) -> Iterator[str]:
        try:
            yield "one"
        except LookupError as error:
            caught.append(error)
            yield "two"

    each._start_stream_impl = chunks
    error = LookupError("from outside")
    with mirror(store, session_id="s"):
        stream = each._start_stream("go")
        assert next(stream) == "one"
        assert stream.throw(error) == "two"
        assert list(stream) == []
    assert caught == [error]
    (turn,) = turns(store)
    assert turn["status"] == "completed"
    assert turn["transcript"] == said("go", "onetwo")


def test_closing_a_stream_closes_the_agents_own_generator(store: DefaultSessionStore) -> None:
    each, closed = agent(), []

    def chunks(prompt: str, **kwargs: object) -> Iterator[str]:
        try:
            yield "one"
        finally:
            closed.append(prompt)

    each._start_stream_impl = chunks
    with mirror(store, session_id="s"):
        stream = each._start_stream("go")
        next(stream)
        stream.close()
        assert closed == ["go"]


def test_a_subclass_with_a_chat_of_its_own_is_mirrored(store: DefaultSessionStore) -> None:
    class Parrot(Agent):  # type: ignore[misc]  # PraisonAI has no types
        def chat(self, prompt: str, **kwargs: Any) -> str:
            return f"{prompt}, {prompt}"

    own = Parrot.chat
    with mirror(store, session_id="s"):
        assert Parrot(name="parrot", instructions="x", model="gpt-4o-mini").chat("hi") == "hi, hi"
    assert Parrot.chat is own
    (turn,) = turns(store, "parrot")
    assert turn["transcript"] == said("hi", "hi, hi")


@pytest.mark.parametrize("positional", [True, False])
def test_a_router_that_asks_the_models_by_itself_is_mirrored(
    positional: bool, store: DefaultSessionStore
) -> None:
    router = RouterAgent(name="router", instructions="x", models=["gpt-4o-mini"])

    def ask(prompt: str, **kwargs: object) -> str:
        router.execute_tool("weather", {"city": "Rome"}, tool_call_id="c-rome")
        return f"routed: {prompt}"

    router.tools, router._execute_with_model = [weather], ask
    with mirror(store, session_id="s"):
        if positional:
            assert router.execute("go") == "routed: go"
        else:
            assert router.execute(task_description="go") == "routed: go"
    (turn,) = turns(store, "router")
    assert turn["transcript"] == said("go", "routed: go")
    assert turn["tool_calls"] == [ROME]


def test_what_others_have_put_in_place_since_stays(store: DefaultSessionStore) -> None:
    from praisonaiagents import main as display

    def theirs(*args: object) -> str:
        return "theirs"

    class Other(PraisonAIStore):  # type: ignore[misc]  # as above
        """Somebody's own."""

    original = Agent.chat
    with JournalSessionStore(store.session_dir) as own:
        handle = mirror(own)
        other = Other(store.session_dir)
        Agent.chat, praisonai_store._default_store = theirs, other
        display.register_display_callback("error", theirs)
        try:
            handle.close()
            assert Agent.chat is theirs
            assert praisonai_store._default_store is other
            assert display.sync_display_callbacks["error"] is theirs
        finally:
            del Agent.chat, display.sync_display_callbacks["error"]
    assert Agent.chat is original


def test_what_others_have_wrapped_around_it_since_stays_and_ours_is_taken_out(
    store: DefaultSessionStore,
) -> None:
    """As tracers do it, by the same library."""
    calls: list[str] = []

    def tracing(wrapped: Any, each: Any, args: Any, kwargs: Any) -> Any:
        calls.append(each.name)
        return wrapped(*args, **kwargs)

    original = Agent.chat
    handle = mirror(store, session_id="s")
    wrapt.wrap_function_wrapper(Agent, "chat", tracing)
    try:
        agent().chat("you")
        handle.close()
        assert vars(Agent)["chat"].__wrapped__ is original
        assert agent().chat("you") == "hello, you"
    finally:
        del Agent.chat
    assert calls == ["native", "native"]
    assert len(turns(store)) == 1
    assert Agent.chat is original


@pytest.mark.parametrize("how", ["a function around it", "a method taken before"])
def test_who_keeps_hold_of_a_wrapper_calls_through_it_after_closing(
    how: str, store: DefaultSessionStore
) -> None:
    each, before, stream = agent(), Agent.chat, Agent._start_stream
    handle = mirror(store, session_id="s")
    held = each.chat if how == "a method taken before" else functools.partial(Agent.chat, each)
    wrapper = vars(Agent)["chat"]
    if how == "a function around it":
        Agent.chat = lambda self, *args, **kwargs: wrapper.__get__(self)(*args, **kwargs)
    held_stream = each._start_stream
    handle.close()
    assert held("you") == "hello, you"
    assert held_stream("you").gi_code is stream.__code__, "nothing of ours is run"
    if how == "a function around it":
        assert each.chat("you") == "hello, you"
        del Agent.chat
    assert Agent.chat is before
    assert store.list_sessions() == []


def test_a_wrapped_method_looks_like_the_one_it_wraps(store: DefaultSessionStore) -> None:
    """PraisonAI looks at signatures, and at which methods are coroutines or generators."""
    before = {name: getattr(Agent, name) for name in WRAPPED}
    with mirror(store, session_id="s"):
        for name, method in before.items():
            found = getattr(Agent, name)
            assert found is not method
            assert inspect.signature(found) == inspect.signature(method)
            for kind in (inspect.iscoroutinefunction, inspect.isgeneratorfunction):
                assert kind(found) is kind(method), name
            assert (found.__name__, found.__doc__) == (method.__name__, method.__doc__)


def test_a_method_called_on_the_class_is_a_turn_of_its_agent(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        assert Agent.chat(agent(), "you") == "hello, you"
    (turn,) = turns(store)
    assert turn["transcript"] == said("you", "hello, you")


def test_an_agent_without_a_session_goes_where_its_caller_is(tmp_path: Path) -> None:
    helper = agent("helper")

    def weather(city: str) -> str:
        """Asks somebody else."""
        return str(helper.chat(f"in {city}"))

    config = {"persist_path": str(tmp_path / "journal"), "mirror_runtime_state": True}
    with mirror(config) as handle:
        agent(tools=[weather], memory=MemoryConfig(session_id="own")).chat("weather in Rome?")
        assert [turn["status"] for turn in turns(handle.store, "helper", "own")] == ["completed"]


def test_a_multi_channel_config_mirrors_as_its_gateway_says(tmp_path: Path) -> None:
    from praisonaiagents.gateway import config as theirs

    session = theirs.SessionConfig(persist_path=str(tmp_path / "j"), mirror_runtime_state=True)
    whole = theirs.MultiChannelGatewayConfig(gateway=theirs.GatewayConfig(session_config=session))
    with mirror(whole, session_id="s") as handle:
        assert handle.mirrors
        assert handle.store.session_dir == str(tmp_path / "j")


@pytest.mark.parametrize("text", ["gateway:\n", "gateway: {mirror_runtime_state: true}\n", "{}\n"])
def test_a_file_that_says_nothing_of_sessions_does_not_mirror(text: str, tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(text)
    with mirror(tmp_path / "gateway.yaml") as handle:
        assert not handle.mirrors


def test_a_broken_stream_whose_answer_at_once_fails_too_is_an_error(
    store: DefaultSessionStore,
) -> None:
    """PraisonAI falls back to an answer at once then: that is the same turn."""
    each = agent()

    def chunks(prompt: str, **kwargs: object) -> Iterator[str]:
        yield "one"
        assert each.chat(prompt) is None

    each._start_stream_impl = chunks
    with mirror(store, session_id="s"):
        assert list(each._start_stream("fail")) == ["one"]
    (turn,) = turns(store)
    assert turn["status"] == "error"
    assert "made to fail" in turn["error"]


def test_a_turn_that_is_over_is_forgotten(store: DefaultSessionStore) -> None:
    """Else the agent's next one would not be its only turn."""
    each = agent()

    def answer(prompt: str, *args: object, **kwargs: object) -> str:
        in_plain_thread(lambda: each.execute_tool("weather", {"city": prompt}, "c-rome"))
        return "done"

    each._chat_impl = answer
    with mirror(store, session_id="s"):
        for prompt in ("Rome", "Bern"):
            each.chat(prompt)
    assert [turn["tool_calls"] for turn in turns(store)] == [[ROME], [ROME]]


def test_two_turns_of_one_agent_at_the_same_time_keep_their_calls(
    store: DefaultSessionStore,
) -> None:
    each, both = agent(), threading.Barrier(2)

    def answer(prompt: str, *args: object, **kwargs: object) -> str:
        both.wait(30)
        each.execute_tool("weather", {"city": prompt}, f"c-{prompt}")
        both.wait(30)
        return "done"

    each._chat_impl = answer
    with mirror(store, session_id="s"):
        threads = [threading.Thread(target=each.chat, args=(city,)) for city in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for turn in turns(store):
        prompt = turn["transcript"][0]["content"]
        assert turn["tool_calls"] == [call(f"c-{prompt}", "weather")]


def test_a_turn_that_praisonai_interrupts_is_cancelled(store: DefaultSessionStore) -> None:
    each = agent()

    def interrupted(*args: object, **kwargs: object) -> str:
        raise InterruptedError("Agent chat cancelled: enough")

    each._chat_impl = interrupted
    with mirror(store, session_id="s"), pytest.raises(InterruptedError):
        each.chat("go")
    (turn,) = turns(store)
    assert turn["status"] == "cancelled"


def test_a_coroutine_that_is_closed_elsewhere_cancels_the_turn(tmp_path: Path) -> None:
    """As the garbage collector does it: nothing can be awaited there, and no context is ours."""
    each, store = agent(), DefaultSessionStore(tmp_path / "journal")

    async def waiting(*args: object, **kwargs: object) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        each._achat_impl = waiting
        running = each.achat("go")
        contextvars.copy_context().run(running.send, None)
        handle.recorder.join()
        assert turns(store)[-1]["status"] == "open"
        running.close()

    with store, mirror(store, session_id="s") as handle:
        each.chat("before")
        asyncio.run(main())
        handle.recorder.join()
        assert handle.failures == 0
        assert [turn["status"] for turn in turns(store)] == ["completed", "cancelled"]
