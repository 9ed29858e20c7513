"""Tool calls that are sent back to the model."""

from pydantic_ai import (
    ModelRetry,
)
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    TextPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel

from projections import DefaultSessionStore
from projections.adapters.pydantic_ai import mirror
from tests.adapters.pydantic_ai.agents import CALLS, EACH_RUN, Run, agent
from tests.adapters.reported import ROME, turns, versions


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
