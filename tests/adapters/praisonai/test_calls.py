"""Tool calls: asked for all at once, with arguments and results, and what became of each."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from praisonaiagents import Agent
from praisonaiagents.config.feature_configs import ExecutionConfig
from praisonaiagents.errors import ToolExecutionError
from praisonaiagents.hooks import HookEvent, HookRegistry, HookResult
from praisonaiagents.tools import tool

from projections import DefaultSessionStore
from projections.adapters.praisonai import mirror
from projections.adapters.values import Record
from tests.adapters.praisonai.agents import AS_PRAISONAI_IS, EACH_RUN, RUNS, Run, agent
from tests.adapters.praisonai.chat_server import Answer, Call, Request, last, serving
from tests.adapters.praisonai.litellm_stub import MODEL, litellm
from tests.adapters.reported import KEY, calls, the_turn

pytestmark = AS_PRAISONAI_IS

BOTH = pytest.mark.parametrize("run", [RUNS["chat"], RUNS["achat"]], ids=["chat", "achat"])


@contextmanager
def asking_for(*asked: Call) -> Iterator[None]:
    """A model that asks for these, and then is done."""

    def answer(request: Request) -> Answer:
        return "done" if last(request)["role"] == "tool" else list(asked)

    with serving(answer) as server:
        os.environ["OPENAI_BASE_URL"] = server.url  # `offline` puts it back
        yield


def test_a_call_has_its_arguments_its_result_and_its_times(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        agent().chat("weather in Rome?")
    _, state = the_turn(store, "native")
    (found,) = state["tool_calls"]
    times = [state["opened_at"], found["started_at"], found["ended_at"], state["closed_at"]]
    assert times == sorted(times)
    assert found["arguments"] == {"city": "Rome"}
    assert found["result"] == "sunny in Rome"


@BOTH
def test_all_calls_of_an_answer_are_there_before_the_first_one_runs(
    run: Run, store: DefaultSessionStore
) -> None:
    seen: list[Any] = []

    def weather(city: str) -> str:
        """The weather."""
        _, state = the_turn(store, "native")
        seen.append([(each["status"], "started_at" in each) for each in state["tool_calls"]])
        return city

    with mirror(store, session_id="s"):
        run(agent(tools=[weather]), "two cities")
    assert seen == [[("open", True), ("open", False)], [("completed", True), ("open", True)]]


@BOTH
def test_a_value_that_is_no_text_is_kept_as_it_is(run: Run, store: DefaultSessionStore) -> None:
    @tool  # type: ignore[untyped-decorator]  # PraisonAI has no types
    def weather(city: str) -> dict[str, Any]:
        """The weather."""
        return {"city": city, "degrees": [21.5, None]}

    with mirror(store, session_id="s"):
        run(agent(tools=[weather]), "weather in Rome?")
    assert calls(store)[0]["result"] == {"city": "Rome", "degrees": [21.5, None]}


@EACH_RUN
def test_arguments_that_are_no_json_are_an_error_and_no_tool_runs(
    run: Run, store: DefaultSessionStore
) -> None:
    """PraisonAI only tells the model: its tool execution never hears of such a call."""
    good = Call("weather", {"city": "Rome"}, "c-rome")
    with asking_for(Call("weather", '{"city": "Ro', "c-cut"), good), mirror(store, session_id="s"):
        run(agent(), "go")
    cut, whole = calls(store)
    assert (cut["id"], cut["status"], cut["arguments"]) == ("c-cut", "error", '{"city": "Ro')
    assert "argument" in cut["error"]
    assert "started_at" not in the_turn(store, "native")[1]["tool_calls"][0]
    assert (whole["id"], whole["status"]) == ("c-rome", "completed")


@BOTH
def test_a_tool_that_nobody_has_is_an_error(run: Run, store: DefaultSessionStore) -> None:
    with asking_for(Call("forecast", {}, "c-1")), mirror(store, session_id="s"):
        run(agent(), "go")
    (found,) = calls(store)
    assert (found["name"], found["status"]) == ("forecast", "error")
    assert "forecast" in found["error"]


@BOTH
def test_two_calls_of_one_answer_under_one_id_are_two(
    run: Run, store: DefaultSessionStore
) -> None:
    same = [Call("weather", {"city": city}, "c-1") for city in ("Rome", "Bern")]
    with asking_for(*same), mirror(store, session_id="s"):
        run(agent(), "go")
    found = [(each["id"], each["arguments"]["city"], each["result"]) for each in calls(store)]
    assert found == [("c-1", "Rome", "sunny in Rome"), ("c-1-2", "Bern", "sunny in Bern")]


@BOTH
def test_a_call_that_the_error_of_another_keeps_from_running_is_cancelled(
    run: Run, store: DefaultSessionStore
) -> None:
    """`chat` raises where `achat` tells the model, and goes on."""
    asked = (Call("broken", {}, "c-1"), Call("weather", {"city": "Rome"}, "c-2"))
    goes_on = run is RUNS["achat"]
    ends = nullcontext() if goes_on else pytest.raises(ToolExecutionError)
    with asking_for(*asked), mirror(store, session_id="s"), ends:
        run(agent(), "go")
    first, second = calls(store)
    assert first["status"] == "error"
    assert second["status"] == ("completed" if goes_on else "cancelled")


def test_calls_of_an_answer_that_praisonai_has_left_are_cancelled(
    store: DefaultSessionStore,
) -> None:
    """It was asked to stop before the first one: nothing says that they may still run."""
    each = agent()

    def answer(prompt: str, *args: object, **kwargs: object) -> str:
        client = each._openai_client
        for _ in range(2):  # the first answer is thrown away
            client.create_completion([{"role": "user", "content": "weather"}], model="m")
        each.execute_tool("weather", {"city": "Rome"}, "c-rome")
        return "done"

    each._chat_impl = answer
    with mirror(store, session_id="s"):
        each.chat("go")
    assert [(found["id"], found["status"]) for found in calls(store)] == [
        ("c-rome", "cancelled"),
        ("c-rome-2", "completed"),
    ]


# What is refused


def blocked_by_a_hook() -> dict[str, Any]:
    hooks = HookRegistry()

    @hooks.on(HookEvent.BEFORE_TOOL)  # type: ignore[untyped-decorator]  # PraisonAI has no types
    def nothing_runs(event: object) -> Any:
        return HookResult.deny("not today")

    return {"hooks": hooks}


class NothingPasses:
    """A guardrail of tool calls."""

    def validate_tool_call(self, name: str, arguments: Any, **_: Any) -> tuple[bool, str]:
        return False, "not today"


@BOTH
@pytest.mark.parametrize("refused_by", ["permission", "guardrail", "hook"])
def test_what_a_rule_or_a_guardrail_refuses_is_denied(
    refused_by: str, run: Run, store: DefaultSessionStore
) -> None:
    each = agent(**blocked_by_a_hook()) if refused_by == "hook" else agent()
    if refused_by == "permission":
        each._perm_deny = frozenset({"weather"})
    if refused_by == "guardrail":
        each._tool_call_guardrails = [NothingPasses()]
    with mirror(store, session_id="s"):
        run(each, "weather in Rome?")
    (found,) = calls(store)
    assert found["status"] == "denied"
    assert "blocked" in found["error"] or "rejected" in found["error"]
    assert "answer" not in found, "nobody was asked"
    assert "result" not in found


# How much is kept

LONG = "x" * 3000


@pytest.mark.parametrize(
    ("record", "longest"), [("ids", None), ("slices", 1 << 10), ("full", 3000)]
)
def test_how_much_is_kept_is_chosen_once(
    record: Record, longest: int | None, tmp_path: Path
) -> None:
    def weather(city: str) -> str:
        """The weather, at length."""
        return f"{LONG} in {city}"

    with mirror(tmp_path / "journal", session_id="s", record=record) as handle:
        agent(tools=[weather]).chat("weather in Rome?")
        _, state = the_turn(handle.store, "native")
    (found,) = state["tool_calls"]
    assert (found["id"], found["name"], found["status"]) == ("c-rome", "weather", "completed")
    assert found["started_at"] <= found["ended_at"]
    if longest is None:
        assert not {"arguments", "result"} & found.keys()
        assert "transcript" not in state
    elif longest < len(LONG):
        assert found["result"].endswith("…")
        assert found["cut"]["result"]["bytes"] == len(LONG) + len(" in Rome")
    else:
        assert found["result"] == f"{LONG} in Rome"


def test_secrets_in_arguments_and_results_are_replaced(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    with asking_for(Call("weather", {"city": KEY}, "c-1")), mirror(store, session_id="s"):
        agent().chat("go")
    (found,) = calls(store)
    assert found["arguments"].keys() == {"city"}
    written = [path.read_text() for path in (tmp_path / "journal").iterdir() if path.is_file()]
    assert written
    assert not any(KEY in text for text in written)


# Several at a time

CITIES = ("Rome", "Bern")


def in_threads(agent_of: Callable[[Any], Agent]) -> str:
    together = threading.Barrier(len(CITIES))

    def weather(city: str) -> str:
        """The weather, once all have asked for it."""
        together.wait(10)
        return f"sunny in {city}"

    return "".join(agent_of(weather).iter_stream("go"))


def in_tasks(agent_of: Callable[[Any], Agent]) -> str:
    waiting: list[str] = []
    all_are_here = asyncio.Event()

    async def weather(city: str) -> str:
        """The weather, once all have asked for it."""
        waiting.append(city)
        if len(waiting) == len(CITIES):
            all_are_here.set()
        await asyncio.wait_for(all_are_here.wait(), 10)
        return f"sunny in {city}"

    return str(asyncio.run(agent_of(weather).achat("go")))


@pytest.mark.parametrize("run", [in_threads, in_tasks])
def test_calls_that_run_at_the_same_time_are_each_recorded(
    run: Callable[[Callable[[Any], Agent]], str],
    store: DefaultSessionStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(request: Request) -> Answer:
        if last(request)["role"] == "tool":
            return "done"
        return [Call("weather", {"city": city}, f"c-{city}") for city in CITIES]

    def agent_of(tool: Any) -> Agent:
        at_once = ExecutionConfig(parallel_tool_calls=True)
        return Agent(name="native", instructions="x", llm=MODEL, tools=[tool], execution=at_once)

    monkeypatch.setitem(sys.modules, "litellm", litellm(answer))
    with mirror(store, session_id="s") as handle:
        assert run(agent_of).strip() == "done"
        assert handle.failures == 0
    _, state = the_turn(store, "native")
    started, ended = (
        [found[name] for found in state["tool_calls"]] for name in ("started_at", "ended_at")
    )
    assert max(started) <= min(ended), "they ran at the same time"
    found = {each["id"]: (each["arguments"], each["result"]) for each in calls(store)}
    assert found == {f"c-{city}": ({"city": city}, f"sunny in {city}") for city in CITIES}
