"""What is relied on of PraisonAI: a release that changes it has to be looked at."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from praisonaiagents import Agent
from praisonaiagents.agent.router_agent import RouterAgent
from praisonaiagents.config.feature_configs import (
    GuardrailConfig,
)
from praisonaiagents.session import store as praisonai_store

from projections import DefaultSessionStore
from projections.adapters.praisonai import JournalSessionStore, approvals, mirror, models
from tests.adapters.praisonai.agents import AS_PRAISONAI_IS, agent, class_at
from tests.adapters.reported import turns

pytestmark = AS_PRAISONAI_IS


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("chat", ["self", "prompt"]),
        ("achat", ["self", "prompt"]),
        ("_start_stream", ["self", "prompt"]),
        ("_delegate_to_backend", ["self", "prompt"]),
        ("execute_tool", ["self", "function_name", "arguments", "tool_call_id"]),
        ("execute_tool_async", ["self", "function_name", "arguments", "tool_call_id"]),
        ("_turn_cancel_token", ["self", "source"]),
        ("_guardrail_blocked_message", ["self"]),
    ],
)
def test_the_methods_that_are_wrapped_are_there(name: str, parameters: list[str]) -> None:
    found = list(inspect.signature(getattr(Agent, name)).parameters)
    assert found[: len(parameters)] == parameters, f"Agent.{name} takes other arguments now"


def test_the_routers_own_way_is_there() -> None:
    found = list(inspect.signature(RouterAgent.execute).parameters)
    assert found[:2] == ["self", "task_description"]


@pytest.mark.parametrize(("path", "name"), [*models.CLIENTS, *approvals.DECISIONS])
def test_what_tells_of_models_and_of_approvals_is_there(path: str, name: str) -> None:
    """A release without one of these is mirrored, but what it would tell is missing."""
    assert inspect.isfunction(getattr(class_at(path), name, None)), f"{path} has no {name} now"


def test_a_request_for_approval_is_still_a_class_that_is_made_once_for_each() -> None:
    parameters = list(inspect.signature(class_at(approvals.REQUEST)).parameters)
    assert parameters[:2] == ["tool_name", "arguments"]


def test_a_release_without_one_of_them_is_refused(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from praisonaiagents.agent.chat_mixin import ChatMixin

    monkeypatch.delattr(ChatMixin, "achat")
    with pytest.raises(RuntimeError, match=r"has no Agent\.achat"):
        mirror(store)
    monkeypatch.undo()
    with mirror(store):
        pass  # nothing is left behind by the refused one


def test_their_loader_still_drops_the_key_that_is_read_here_from_the_file() -> None:
    from praisonaiagents.gateway.config import SessionConfig

    from_dict = getattr(SessionConfig, "from_dict", None)
    if from_dict is not None:
        assert not from_dict({"mirror_runtime_state": True}).mirror_runtime_state, (
            "PraisonAI reads the key by itself now: projections/adapters/praisonai/config.py "
            "may be simpler"
        )


def test_the_default_store_is_still_honoured(tmp_path: Path) -> None:
    with JournalSessionStore(str(tmp_path)) as own:
        praisonai_store._default_store = own
        assert praisonai_store.get_default_session_store() is own


def test_a_guardrail_that_withholds_an_answer_makes_it_an_error(
    store: DefaultSessionStore,
) -> None:
    def nothing_passes(output: Any) -> tuple[bool, Any]:
        return False, "not allowed"

    guarded = agent(guardrails=GuardrailConfig(validator=nothing_passes, max_retries=0))
    with mirror(store, session_id="s"):
        guarded.chat("you")
    (turn,) = turns(store)
    assert turn["status"] == "error"
    assert "withheld by a guardrail" in turn["error"]
