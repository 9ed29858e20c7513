"""Agents whose model answers by the first word of a prompt, and the ways to run them."""

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

import pytest
from praisonaiagents import Agent
from praisonaiagents.config.feature_configs import (
    ToolConfig,
)
from praisonaiagents.errors import PraisonAIError
from praisonaiagents.tools.retry import RetryPolicy

from tests.adapters.praisonai.chat_server import Answer, Call, Fails, Request, last

AS_PRAISONAI_IS = [
    # PraisonAI's clients leave their sockets to the garbage collector
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:praisonaiagents"),
]


WRAPPED = (
    "chat",
    "achat",
    "_start_stream",
    "_delegate_to_backend",
    "execute_tool",
    "execute_tool_async",
    "_turn_cancel_token",
    "_guardrail_blocked_message",
)
"""The methods of `Agent` that are wrapped."""


def model(request: Request) -> Answer:
    """Answers by the last message; a tool's result is repeated."""
    message = last(request)
    text = str(message["content"])
    if message["role"] == "tool":
        return f"done: {text}"
    answers: dict[str, Answer] = {
        "fail": Fails(400),
        "weather": [Call("weather", {"city": "Rome"}, "c-rome")],
        "two": [
            Call("weather", {"city": "Rome"}, "c-rome"),
            Call("weather", {"city": "Bern"}, "c-bern"),
        ],
        "break": [Call("broken", {}, "c-broken")],
        "stop": [Call("stopped", {}, "c-stopped")],
        "wait": [Call("waiting", {}, "c-waiting")],
        "ask": [Call("transfer_to_billing", {}, "c-transfer")],
    }
    for word, answer in answers.items():
        if text.startswith(word):
            return answer
    return f"hello, {text}"


def weather(city: str) -> str:
    """The weather."""
    return f"sunny in {city}"


def broken() -> str:
    """Never works."""
    raise ValueError("no such city")


def agent(name: str = "native", **options: Any) -> Agent:
    options.setdefault("tools", [weather, broken])
    options.setdefault("tool_config", ToolConfig(retry_policy=RetryPolicy(initial_delay_ms=1)))
    return Agent(name=name, instructions="Be brief.", model="gpt-4o-mini", **options)


def shown(state: dict[str, Any]) -> dict[str, Any]:
    left_out = ("agent", "opened_at", "closed_at", "parent")
    return {key: value for key, value in state.items() if key not in left_out}


Run = Callable[[Agent, str], Any]


RUNS: dict[str, Run] = {
    "chat": lambda agent, prompt: agent.chat(prompt),
    "achat": lambda agent, prompt: asyncio.run(agent.achat(prompt)),
    "run": lambda agent, prompt: agent.run(prompt),
    "arun": lambda agent, prompt: asyncio.run(agent.arun(prompt)),
    "start": lambda agent, prompt: agent.start(prompt),
    "astart": lambda agent, prompt: asyncio.run(agent.astart(prompt)),
    "iter_stream": lambda agent, prompt: "".join(agent.iter_stream(prompt)),
    "start, streamed": lambda agent, prompt: "".join(agent.start(prompt, stream=True)),
}


EACH_RUN = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())


def outcome(run: Run, prompt: str) -> str:
    """What comes of it, returned or raised, without the ids that differ each time."""
    try:
        text = repr(run(agent(), prompt))
    except PraisonAIError as error:
        text = f"{type(error).__name__}: {error}"
    return text.split("run:")[0]


def class_at(path: str) -> Any:
    """The class at `module:Class`."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
