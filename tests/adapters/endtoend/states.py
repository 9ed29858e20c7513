"""The parts of what is expected: turns and calls as `shown` gives them."""

from typing import Any

from tests.adapters.endtoend.scripts import ANSWER_USAGE
from tests.adapters.praisonai.litellm_stub import COST
from tests.adapters.praisonai.litellm_stub import MODEL as BY_LITELLM

Found = dict[str, Any]
Finding = tuple[str, str, str, list[Any]]
"""Its kind, its severity, its text and its consequences."""


def session(turns: Found, **more: Any) -> Found:
    return {"turns": turns, "ok": True, "changes": [], "findings": [], **more}


def turn(agent: str, said: list[str], answered: Found, **more: Any) -> Found:
    roles = ("user", "assistant")
    return {
        "turn": 1,
        "agent": agent,
        "status": "completed",
        "transcript": [
            {"role": role, "content": text} for role, text in zip(roles, said, strict=False)
        ],
        "times": "opened closed",
        **answered,
        **more,
    }


def call(call_id: str, name: str, arguments: Found, **more: Any) -> Found:
    found = {"id": call_id, "name": name, "status": "completed", "arguments": arguments}
    return {**found, "times": "started ended", **more}


def lookup(call_id: str, order: int) -> Found:
    return call(call_id, "lookup", {"order": order}, result=f"order {order} is shipped")


def answered(framework: str, times: int, *, over: bool = True, at_once: bool = False) -> Found:
    """What models say of themselves, after so many answers, the last of which is `over`.

    Models whose calls are made `at_once` PraisonAI asks by LiteLLM, and for the last words twice.
    """
    if framework == "praisonai" and at_once:
        usage = {**_usage(times + 1), "cost_usd": COST * (times + 1)}
        return {"model": BY_LITELLM, "stop_reason": "stop", "usage": usage}
    reasons = {
        "openai-agents": {},  # the SDK tells of neither reason nor model
        "pydantic-ai": {"model": "stub", "stop_reason": "stop" if over else "tool_call"},
        "praisonai": {"model": "stub", "stop_reason": "stop" if over else "tool_calls"},
    }
    return {"usage": _usage(times), **reasons[framework]}


def _usage(times: int) -> Found:
    return {name: times * number for name, number in ANSWER_USAGE.items()}


def reference(agent: str, call_id: str) -> Found:
    return {"runtime": agent, "turn": f"{agent}-1", "tool_call_id": call_id}


def finished_later(call: str, turn: str, events: tuple[int, int], by: str) -> tuple[Any, ...]:
    runtime, (asked, finished) = turn.rpartition("-")[0], events
    text = (
        f"{call} of {turn} ({runtime}, event {asked}) was open when {by} got the session; "
        f"{by} finished it at event {finished}"
    )
    return ("finished_later", "remark", text, [])
