"""What is relied on of Pydantic AI: a release that changes it has to be looked at."""

import inspect
from typing import Any

import pytest
from pydantic_ai import (
    Agent,
    RunContext,
)
from pydantic_ai.capabilities import AbstractCapability, CombinedCapability

from projections import DefaultSessionStore
from projections.adapters.pydantic_ai import JournalCapability, mirror
from projections.adapters.pydantic_ai.mirror import _ENTRANCE
from tests.adapters.pydantic_ai.agents import RUNS, agent


def test_each_way_to_run_an_agent_asks_for_its_capabilities_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There `mirror` adds its own, and nowhere else."""
    asked = []
    before = getattr(Agent, _ENTRANCE)

    def counted(self: Any) -> Any:
        asked.append(self)
        base, is_override = before(self)
        assert isinstance(base, CombinedCapability)
        assert not is_override
        return base, is_override

    monkeypatch.setattr(Agent, _ENTRANCE, counted)
    for name, run in RUNS.items():
        asked.clear()
        run(agent(), "you")
        assert len(asked) == 1, f"Agent.{name} does not go through Agent.{_ENTRANCE} any more"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("wrap_run", ["self", "ctx", "handler"]),
        ("after_node_run", ["self", "ctx", "node", "result"]),
        ("before_model_request", ["self", "ctx", "request_context"]),
        ("wrap_model_request", ["self", "ctx", "request_context", "handler"]),
        ("wrap_tool_validate", ["self", "ctx", "call", "tool_def", "args", "handler"]),
        ("wrap_tool_execute", ["self", "ctx", "call", "tool_def", "args", "handler"]),
        ("handle_deferred_tool_calls", ["self", "ctx", "requests"]),
        ("get_ordering", ["self"]),
    ],
)
def test_the_hooks_are_there(name: str, parameters: list[str]) -> None:
    for owner in (AbstractCapability, JournalCapability):
        found = list(inspect.signature(getattr(owner, name)).parameters)
        assert found == parameters, f"{owner.__name__}.{name} takes other arguments now"


def test_all_ways_to_run_are_tested() -> None:
    """One that is new may not go through there."""
    ways = {name for name in dir(Agent) if name.startswith("run")} | {"iter"}
    assert ways == set(RUNS), f"Agent has other ways to run now: do they ask {_ENTRANCE}?"


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


def test_a_release_without_it_is_refused(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Agent, _ENTRANCE)
    with pytest.raises(RuntimeError, match=f"has no Agent.{_ENTRANCE}"):
        mirror(store)
    monkeypatch.undo()
    with mirror(store):
        pass  # nothing is left behind by the refused one
