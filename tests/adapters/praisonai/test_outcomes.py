"""How calls ended, by what PraisonAI's tool execution returns or raises."""

import asyncio
from typing import Any

import pytest

from projections.adapters.praisonai.outcomes import outcome_of_call

REFUSED = [
    {"error": "no", "approval_denied": True},
    {"error": "no", "approval_error": True},
    {"error": "no", "guardrail_denied": True, "tool_guardrail": "input"},
    {"error": "no", "loop_blocked": True},
    {"error": "no", "permission_denied": True},
    {"error": "no", "policy_denied": True},
]


@pytest.mark.parametrize("result", REFUSED)
def test_what_is_refused_is_denied(result: dict[str, Any]) -> None:
    assert outcome_of_call("weather", result, None) == ("denied", "no")


def test_what_a_hook_blocks_is_denied() -> None:
    blocked = "Execution of weather was blocked by security policy."
    assert outcome_of_call("weather", blocked, None) == ("denied", blocked)
    assert outcome_of_call("forecast", blocked, None) == ("completed", None), "of another tool"


@pytest.mark.parametrize(
    "result",
    [
        {"error": "gone"},
        {"error": "gone", "circuit_open": True},
        {"error": "gone", "permission_denied": "a tool's own word"},
    ],
)
def test_an_error_that_is_returned_is_one(result: dict[str, Any]) -> None:
    assert outcome_of_call("weather", result, None) == ("error", "gone")


@pytest.mark.parametrize("result", [None, "", "sunny", [], {"error": ""}, {"denied": True}])
def test_anything_else_is_a_result(result: object) -> None:
    assert outcome_of_call("weather", result, None) == ("completed", None)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("no such city"), "error"),
        (InterruptedError("enough"), "cancelled"),
        (asyncio.CancelledError(), "cancelled"),
        (KeyboardInterrupt(), "cancelled"),
    ],
)
def test_what_is_raised_is_an_error_or_a_stop(error: BaseException, status: str) -> None:
    assert outcome_of_call("weather", None, error) == (status, error)
