"""What models answer: which they are, what it costs, why they stopped, and what they say."""

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from praisonaiagents import Agent
from praisonaiagents.config.feature_configs import ExecutionConfig
from praisonaiagents.llm.llm import LLM
from praisonaiagents.llm.openai_client import OpenAIClient

from projections import DefaultSessionStore
from projections.adapters.praisonai import mirror
from tests.adapters.praisonai.agents import AS_PRAISONAI_IS, EACH_RUN, RUNS, Run, agent, weather
from tests.adapters.praisonai.chat_server import Answer, Call, Request, Says, last, serving
from tests.adapters.praisonai.litellm_stub import COST, MODEL, data, litellm
from tests.adapters.reported import calls, the_turn

pytestmark = AS_PRAISONAI_IS

ASKED = [Call("weather", {"city": "Rome"}, "c-rome"), Call("weather", {"city": "Bern"}, "c-bern")]


def usage(answers: int) -> dict[str, int]:
    """The usage of so many answers."""
    once = {"input_tokens": 7, "output_tokens": 3, "cache_read_tokens": 5}
    return {name: answers * amount for name, amount in once.items()}


AT_ONCE = pytest.mark.parametrize(
    "run", [RUNS["chat"], RUNS["achat"], RUNS["start"], RUNS["astart"]]
)
DONE = [
    {"id": "c-rome", "name": "weather", "status": "completed", "arguments": {"city": "Rome"}}
    | {"result": "sunny in Rome"},
    {"id": "c-bern", "name": "weather", "status": "completed", "arguments": {"city": "Bern"}}
    | {"result": "sunny in Bern"},
]


def answers(request: Request) -> Answer:
    return "It is sunny." if last(request)["role"] == "tool" else Says("Let me look.", ASKED)


def transcript(state: dict[str, Any]) -> list[tuple[str, str]]:
    return [(said["role"], said["content"].strip()) for said in state["transcript"]]


SAID = [("user", "go"), ("assistant", "Let me look."), ("assistant", "It is sunny.")]


@pytest.fixture
def talkative() -> Iterator[None]:
    with serving(answers) as server:
        os.environ["OPENAI_BASE_URL"] = server.url  # `offline` puts it back
        yield


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What LiteLLM's models are asked."""
    requests: list[Request] = []

    def answer(request: Request) -> Answer:
        requests.append(request)
        return answers(request)

    monkeypatch.setitem(sys.modules, "litellm", litellm(answer))
    return requests


@EACH_RUN
@pytest.mark.usefixtures("talkative")
def test_each_answer_is_heard_however_the_turn_is_run(
    run: Run, store: DefaultSessionStore
) -> None:
    with mirror(store, session_id="s") as handle:
        run(agent(), "go")
    _, state = the_turn(store, "native")
    assert handle.failures == 0
    assert transcript(state) == SAID
    assert (state["model"], state["stop_reason"]) == ("stub", "stop")
    assert calls(store) == DONE


@pytest.mark.usefixtures("talkative")
@pytest.mark.parametrize("run", [RUNS["chat"], RUNS["achat"]], ids=["chat", "achat"])
def test_words_with_calls_that_praisonai_gives_as_the_answer_are_said_once(
    run: Run, store: DefaultSessionStore
) -> None:
    """It does so where the turn may have no more steps."""
    with mirror(store, session_id="s"):
        answer = run(agent(execution=ExecutionConfig(max_iter=1)), "go")
    assert answer == "Let me look."
    assert transcript(the_turn(store, "native")[1]) == SAID[:2]


@pytest.mark.usefixtures("talkative")
@AT_ONCE
def test_usage_adds_up_over_the_answers_of_a_turn(run: Run, store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        run(agent(), "go")
    assert the_turn(store, "native")[1]["usage"] == usage(2)


@pytest.mark.usefixtures("talkative")
def test_a_stream_for_which_praisonai_asks_for_no_usage_has_none(
    store: DefaultSessionStore,
) -> None:
    with mirror(store, session_id="s"):
        list(agent().iter_stream("go"))
    assert "usage" not in the_turn(store, "native")[1]


@pytest.mark.usefixtures("talkative")
@AT_ONCE
def test_openais_responses_are_heard_as_well(
    run: Run, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PraisonAI asks OpenAI itself in this form."""
    monkeypatch.setattr(OpenAIClient, "_use_responses_api", lambda *args: True)
    with mirror(store, session_id="s") as handle:
        run(agent(), "go")
    _, state = the_turn(store, "native")
    assert handle.failures == 0
    assert transcript(state) == SAID
    assert (state["model"], state["stop_reason"], state["usage"]) == (
        "stub",
        "completed",
        usage(2),
    )
    assert calls(store) == DONE


@EACH_RUN
def test_models_of_other_providers_are_heard_as_well(
    run: Run, asked: list[Request], store: DefaultSessionStore
) -> None:
    """Each answer once: some ways to run an agent ask for one more."""
    each = Agent(name="native", instructions="Be brief.", llm=MODEL, tools=[weather])
    with mirror(store, session_id="s") as handle:
        run(each, "go")
    _, state = the_turn(store, "native")
    assert handle.failures == 0
    assert transcript(state) == SAID
    assert (state["model"], state["stop_reason"]) == (MODEL, "stop")
    found = {name: state["usage"][name] for name in usage(1)}
    assert found == usage(len(asked))
    assert calls(store) == DONE


@pytest.mark.usefixtures("asked")
def test_what_litellm_says_of_the_cost_adds_up(store: DefaultSessionStore) -> None:
    each = Agent(name="native", instructions="Be brief.", llm=MODEL, tools=[weather])
    with mirror(store, session_id="s"):
        each.chat("go")
    assert the_turn(store, "native")[1]["usage"] == {**usage(2), "cost_usd": 2 * COST}


@pytest.mark.usefixtures("asked", "talkative")
@pytest.mark.parametrize("tracked", [True, False])
def test_the_cost_is_known_where_praisonai_is_told_to_track_it(
    tracked: bool, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own estimate would be a guess: it has a price for models that nobody knows."""
    monkeypatch.setenv("PRAISONAI_TRACK_COST", str(tracked))
    with mirror(store, session_id="s"):
        each = agent()
        each.chat("go")
    assert each.total_cost > 0, "the estimate"
    cost = {"cost_usd": 2 * COST} if tracked else {}
    assert the_turn(store, "native")[1]["usage"] == {**usage(2), **cost}


def test_a_client_that_asks_by_another_one_is_heard_once(
    asked: list[Request], store: DefaultSessionStore
) -> None:
    class Own(LLM):  # type: ignore[misc]  # PraisonAI has no types
        def _completion_with_retry(self, **request: Any) -> Any:
            return super()._completion_with_retry(**request)

    each = Agent(name="native", instructions="x", llm=Own(model=MODEL), tools=[weather])
    with mirror(store, session_id="s"):
        each.chat("go")
    found = the_turn(store, "native")[1]["usage"]
    assert found == {**usage(len(asked)), "cost_usd": COST * len(asked)}


def test_the_stop_reason_is_the_providers_own_word(store: DefaultSessionStore) -> None:
    """PraisonAI's client makes nothing of it for a stream."""
    with serving(lambda request: Says("Cut", stop_reason="content_filter")) as server:
        os.environ["OPENAI_BASE_URL"] = server.url
        with mirror(store, session_id="s"):
            agent().chat("go")
    assert the_turn(store, "native")[1]["stop_reason"] == "content_filter"


def test_a_model_that_a_tool_asks_by_itself_is_not_the_agents(
    store: DefaultSessionStore,
) -> None:
    from openai import OpenAI

    def weather(city: str) -> str:
        """Asks a model about the weather."""
        with OpenAI() as client:
            asked: Any = [{"role": "user", "content": f"in {city}"}]
            found = client.chat.completions.create(model="other", messages=asked)
            return str(found.choices[0].message.content)

    with mirror(store, session_id="s"):
        agent(tools=[weather]).chat("weather in Rome?")
    _, state = the_turn(store, "native")
    assert state["usage"] == usage(2), "of the agent's own two answers"
    assert state["tool_calls"][0]["result"] == "hello, in Rome"


def test_a_client_outside_of_turns_is_left_alone(store: DefaultSessionStore) -> None:
    from openai import OpenAI
    from openai.resources.chat.completions import Completions

    plain = Completions.create
    asked: Any = [{"role": "user", "content": "you"}]
    with mirror(store, session_id="s") as handle, OpenAI() as client:
        assert Completions.create is not plain
        stream = client.chat.completions.create(model="m", messages=asked, stream=True)
        assert type(stream).__name__ == "Stream"
        assert "".join(each.choices[0].delta.content or "" for each in stream).split()
        assert handle.failures == 0
    assert Completions.create is plain
    assert store.list_sessions() == []


def test_an_answer_of_a_strange_kind_fails_no_turn(store: DefaultSessionStore) -> None:
    class Strange:
        @property
        def choices(self) -> None:
            raise LookupError("nobody reads this")

    each = agent()
    from openai.resources.chat.completions import Completions

    def answer(prompt: str, *args: object, **kwargs: object) -> str:
        found: Any = Completions.create(each)  # type: ignore[call-overload]
        return type(found).__name__

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Completions, "create", lambda self, **kwargs: Strange())
        each._chat_impl = answer
        with mirror(store, session_id="s") as handle:
            assert each.chat("go") == "Strange"
            assert handle.failures == 1
            assert isinstance(handle.last_failure, LookupError)


def test_a_strange_chunk_fails_no_turn_either(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Strange:
        @property
        def usage(self) -> None:
            raise LookupError("nobody reads this")

        choices = data([{"delta": {"content": "hello"}, "finish_reason": "stop"}])

    def completion(**request: Any) -> Any:
        return iter([Strange()])

    module: Any = litellm(answers)
    module.completion = completion
    monkeypatch.setitem(sys.modules, "litellm", module)
    each = Agent(name="native", instructions="Be brief.", llm=MODEL)
    with mirror(store, session_id="s") as handle:
        assert list(each.iter_stream("go")) == ["hello"]
        assert isinstance(handle.last_failure, LookupError)
    assert the_turn(store, "native")[1]["status"] == "completed"
