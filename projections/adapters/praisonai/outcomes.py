"""How turns and calls ended, as PraisonAI's errors and results tell it. Pure."""

import asyncio

from projections.adapters.calls import CallStatus
from projections.adapters.turns import Status

_REFUSALS = (
    "approval_denied",
    "approval_error",  # nobody could be asked, or nobody answered: it has not run
    "guardrail_denied",
    "loop_blocked",
    "permission_denied",
    "policy_denied",
)
"""Keys of a result by which PraisonAI says that a person, a rule or a guardrail refused a call."""


def outcome_of(error: BaseException) -> Status:
    """The status of a turn or a call that ended by an exception."""
    return "cancelled" if _is_stop(error) else "error"


def outcome_of_call(
    name: str, result: object, error: BaseException | None
) -> tuple[CallStatus, object]:
    """The status of a call that returned `result` or raised `error`, and what went wrong."""
    if error is not None:
        return "cancelled" if _is_stop(error) else "error", error
    if result == f"Execution of {name} was blocked by security policy.":  # a hook's doing
        return "denied", result
    reported = reported_error(result)
    if reported is None:
        return "completed", None
    refused = isinstance(result, dict) and any(result.get(key) is True for key in _REFUSALS)
    return "denied" if refused else "error", reported


def reported_error(result: object) -> str | None:
    """The error in a result: PraisonAI returns a dict with `error` for a failure."""
    if isinstance(result, dict) and result.get("error"):
        return str(result["error"])
    return None


def _is_stop(error: BaseException) -> bool:
    # PraisonAI raises InterruptedError when it has been asked to stop.
    stopped = isinstance(error, InterruptedError | asyncio.CancelledError)
    return stopped or not isinstance(error, Exception)
