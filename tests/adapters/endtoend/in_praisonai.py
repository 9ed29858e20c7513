"""Agents of PraisonAI, asynchronous ones.

They ask their models by OpenAI's client; those that ask for several calls at once by LiteLLM's
stub, for only on that way PraisonAI runs calls side by side.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from praisonaiagents import Agent
from praisonaiagents.approval import ApprovalConfig, ApprovalDecision, ApprovalRequest
from praisonaiagents.config.feature_configs import ExecutionConfig, ToolConfig
from praisonaiagents.tools.retry import RetryPolicy

from projections.adapters.praisonai import mirror
from tests.adapters.endtoend.scripts import Ask, Script
from tests.adapters.praisonai.chat_server import Answer, Call, Request, serving
from tests.adapters.praisonai.litellm_stub import litellm

_scripts: dict[str, Script] = {}
"""By model: each agent has one of its own."""


class PraisonAI:
    @contextmanager
    def offline(self) -> Iterator[None]:
        sys.modules["litellm"] = litellm(_answer)
        with serving(_answer) as server:
            os.environ["OPENAI_BASE_URL"] = server.url
            yield

    def mirror(self, folder: str, session_id: Callable[[Any], str] | None) -> Any:
        return mirror(folder, session_id=session_id)

    def agent(self, script: Script) -> Ask:
        return _asks(_agent(script))

    def passing_on(self, first: Script, second: Script) -> Ask:
        """In a call: the first one gets the answer of the second."""
        return _asks(_agent(first, handoffs=[_agent(second)]))

    def guarded(self, script: Script, refused: str | None) -> Ask:
        class Person:
            async def request_approval(self, request: ApprovalRequest) -> ApprovalDecision:
                if refused is None:
                    return ApprovalDecision(approved=True, approver="somebody")
                return ApprovalDecision(approved=False, reason=refused)

        approval = ApprovalConfig(backend=Person(), all_tools=True)
        return _asks(_agent(script, approval=approval))


def _agent(script: Script, **options: Any) -> Agent:
    by_litellm = any(isinstance(step, list) and len(step) > 1 for step in script.steps)
    model = f"{'stub/' * by_litellm}{script.name}-{len(_scripts)}"
    _scripts[model] = script
    return Agent(
        name=script.name,
        instructions="Be brief.",
        llm=model,
        tools=list(script.tools),
        tool_config=ToolConfig(retry_policy=RetryPolicy(initial_delay_ms=1)),
        execution=ExecutionConfig(
            parallel_tool_calls=True, max_iter=100, max_tool_calls_per_turn=1000
        ),
        **options,
    )


def _answer(request: Request) -> Answer:
    """The step after as many as the conversation has: by LiteLLM, PraisonAI asks twice."""
    done = sum(bool(message.get("tool_calls")) for message in request["messages"])
    script = _scripts[request["model"]]
    script.think()
    step = script.steps[done]
    if isinstance(step, str):
        return step
    return [Call(each.name, each.arguments, each.id) for each in step]


def _asks(each: Agent) -> Ask:
    async def ask(prompt: str) -> str:
        return str(await each.achat(prompt)).strip()

    return ask
