"""A run is a turn, however it is started, with its calls and what was said."""

from typing import Any, cast

import pytest
from agents import Agent, ModelProvider, OpenAIProvider, RunConfig, Usage
from agents.models.default_models import get_default_model
from agents.testing import ModelStep, ScriptedModel
from openai.types.responses.response_usage import InputTokensDetails
from pydantic import BaseModel

from projections import DefaultSessionStore
from projections.adapters.openai_agents import mirror
from projections.adapters.openai_agents.contents import model_of, output_text, plain
from tests.adapters.openai_agents.agents import (
    ASK_ROME,
    CALL_BERN,
    CALL_BROKEN,
    CALL_ROME,
    EACH_RUN,
    Run,
    agent,
    calls,
    run,
    says,
    weather,
)
from tests.adapters.reported import ONE_CALL, ROME, call, said, the_turn, turns, versions


class City(BaseModel):
    name: str


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
    assert turn["transcript"] == [*said("you", "wait"), *said("you", "sunny")[1:]]


def test_what_went_in_and_came_out_is_shown_whatever_its_shape(
    store: DefaultSessionStore,
) -> None:
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
    assert turn["transcript"] == said("where is this?\n[input_image]", '{"name": "Rome"}')


def test_what_does_not_fit_its_model_is_recorded_without_a_warning() -> None:
    """Which would show it, to a program that keeps its models' words out of its logs.

    Warnings are errors here.
    """
    misfit = City.model_construct(name=cast(Any, {"not": "a name"}))
    assert output_text(misfit) == '{"name":{"not":"a name"}}'
    assert plain([misfit]) == [{"name": {"not": "a name"}}]


class Named(ScriptedModel):
    """A model with a name, as those of the SDK have one."""

    model = "gpt-5.5"


@EACH_RUN
def test_the_model_and_what_its_answers_took_are_those_of_the_turn(
    run: Run, store: DefaultSessionStore
) -> None:
    usage = Usage(
        requests=1,
        input_tokens=100,
        output_tokens=7,
        total_tokens=107,
        input_tokens_details=InputTokensDetails(cached_tokens=60, cache_write_tokens=0),
    )
    answers = [ModelStep(each, usage=usage) for each in (calls(CALL_ROME), says("sunny"))]
    each = agent(tools=[weather])
    each.model = Named(answers)
    with mirror(store, session_id="s"):
        run(each)
    _, turn = the_turn(store, "native")
    assert turn["model"] == "gpt-5.5"
    assert turn["usage"] == {"input_tokens": 200, "output_tokens": 14, "cache_read_tokens": 120}


@pytest.mark.parametrize(
    ("of_agent", "of_run", "expected"),
    [
        ("large", None, "large"),
        ("large", RunConfig(model="small"), "small"),
        ("large", {"model": "small"}, "small"),
        (Named([]), None, "gpt-5.5"),
        ("large", RunConfig(model=Named([])), "gpt-5.5"),
        (ScriptedModel([]), None, None),
        (None, None, get_default_model()),
        (None, RunConfig(), get_default_model()),
        (None, RunConfig(model_provider=OpenAIProvider()), get_default_model()),
        (None, RunConfig(model_provider=cast(ModelProvider, object())), None),
    ],
)
def test_which_model_answers_is_chosen_by_the_run_then_by_the_agent(
    of_agent: Any, of_run: Any, expected: str | None
) -> None:
    assert model_of(Agent("any", model=of_agent), of_run) == expected
