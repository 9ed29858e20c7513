"""What is relied on of Pydantic AI: a release that changes it has to be looked at."""

import inspect
from typing import Any

import pytest
from pydantic_ai import (
    Agent,
    RunContext,
)
from pydantic_ai.capabilities import AbstractCapability

from projections import DefaultSessionStore
from projections.adapters.pydantic_ai import JournalCapability, mirror
from tests.adapters.pydantic_ai.agents import RUNS, agent


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
