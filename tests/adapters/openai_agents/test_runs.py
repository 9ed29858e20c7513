"""A run is a turn, however it is started, with its calls and what was said."""

from pydantic import BaseModel

from projections import DefaultSessionStore
from projections.adapters.openai_agents import mirror
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
)
from tests.adapters.reported import ONE_CALL, ROME, call, said, turns, versions


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
    assert turn["transcript"] == said("where is this?\n[input_image]", '{"name": "Rome"}')
