"""A turn is one turn, however it is started, with its calls."""

from collections.abc import AsyncIterator

import pytest
from praisonaiagents import AgentFlow, AgentTeam, Task
from praisonaiagents.config.feature_configs import (
    ExecutionConfig,
)

from projections import DefaultSessionStore
from projections.adapters.praisonai import mirror
from tests.adapters.praisonai.agents import AS_PRAISONAI_IS, EACH_RUN, RUNS, Run, agent
from tests.adapters.reported import (
    ROME,
    call,
    check_one_call,
    check_one_turn,
    said,
    turns,
    versions,
)

pytestmark = AS_PRAISONAI_IS


@EACH_RUN
def test_a_turn_is_one_turn_however_it_is_started(run: Run, store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s") as handle:
        answer = run(agent(), "you")
    check_one_turn(store, answer)
    assert handle.failures == 0


@EACH_RUN
def test_a_tool_call_is_written_when_it_begins_and_when_it_ends(
    run: Run, store: DefaultSessionStore
) -> None:
    with mirror(store, session_id="s"):
        run(agent(), "weather in Rome?")
    check_one_call(store)


@pytest.mark.parametrize("run", [RUNS["chat"], RUNS["achat"]], ids=["chat", "achat"])
@pytest.mark.parametrize("parallel", [False, True])
def test_calls_of_one_answer_are_all_there(
    run: Run, parallel: bool, store: DefaultSessionStore
) -> None:
    execution = ExecutionConfig(parallel_tool_calls=parallel)
    with mirror(store, session_id="s"):
        run(agent(execution=execution), "two cities")
    (turn,) = turns(store)
    assert turn["status"] == "completed"
    assert turn["tool_calls"] == [ROME, call("c-bern", "weather")]


def test_teams_and_flows_are_mirrored(store: DefaultSessionStore) -> None:
    writer, reader = agent("writer"), agent("reader")
    tasks = [
        Task(description=f"{name} something", expected_output="text", agent=each)
        for name, each in (("write", writer), ("read", reader))
    ]
    with mirror(store, session_id=lambda each: each.name):
        AgentTeam(agents=[writer, reader], tasks=tasks).start()
        AgentFlow(steps=[agent("step")]).run("go")
    for name in ("writer", "reader", "step"):
        assert [turn["status"] for turn in turns(store, name, name)] == ["completed"]


class Backend:
    """A harness that runs whole turns by itself, as PraisonAI asks it to."""

    async def execute(self, prompt: str, **options: object) -> str:
        if prompt == "fail":
            raise LookupError("no harness")
        return f"done: {prompt}"

    async def stream(self, prompt: str, **options: object) -> AsyncIterator[str]:
        yield "done: "
        yield prompt


DELEGATED: dict[str, Run] = {**RUNS, "run, streamed": lambda a, p: "".join(a.run(p, stream=True))}
del DELEGATED["iter_stream"]  # there PraisonAI asks the model itself


@pytest.mark.parametrize("run", DELEGATED.values(), ids=DELEGATED.keys())
def test_a_turn_that_a_backend_runs_is_a_turn(run: Run, store: DefaultSessionStore) -> None:
    """`run` and `start` go straight to it, past the methods that all other turns go through."""
    with mirror(store, session_id="s") as handle:
        assert run(agent(backend=Backend()), "it").strip() == "done: it"
    (turn,) = turns(store)
    assert turn == {"status": "completed", "transcript": said("it", "done: it")}
    assert versions(store) == [["open"], ["completed"]]
    assert handle.failures == 0


def test_a_backend_that_fails_ends_the_turn_with_its_error(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"), pytest.raises(LookupError, match="no harness"):
        agent(backend=Backend()).run("fail")
    (turn,) = turns(store)
    assert (turn["status"], turn["error"]) == ("error", "LookupError: no harness")
