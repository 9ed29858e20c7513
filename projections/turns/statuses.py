"""What the words for a status mean, in one table: of a turn, and of a tool call. Pure: no I/O.

Each SDK and harness has words of its own. Here each of them stands for one status of a recorded
turn (`WORDS`). Case, hyphens, blanks and camel case make no difference: `in_progress`,
`IN-PROGRESS` and `inProgress` are one word. A word that is not in the table says nothing.
"""

import re
from typing import Any, Literal, TypeAlias, cast

TurnStatus: TypeAlias = Literal[
    "open", "waiting", "completed", "error", "cancelled", "interrupted", "abandoned"
]
"""Of a turn.

- `open`: it runs, as far as is known. `waiting`: for a person's approval or input.
- `completed`, `error`, `cancelled` (by a person or the program).
- `interrupted`: it ended without saying so. `abandoned`: its branch was reverted.
"""

CallStatus: TypeAlias = Literal[
    "open", "waiting", "completed", "error", "denied", "cancelled", "interrupted"
]
"""Of a tool call; `denied` was refused by a person, a rule or a guardrail."""

WORDS: dict[str, tuple[str, ...]] = {
    "open": (
        *("open", "opened", "running", "in_progress", "active", "started", "starting", "resumed"),
        *("pending", "queued", "created", "submitted", "scheduled", "not_started", "processing"),
        *("executing", "working", "streaming", "calling", "searching", "interpreting"),
        *("generating", "ongoing", "retrying", "cancelling", "canceling", "stopping"),
    ),
    "waiting": (
        *("waiting", "requires_action", "action_required", "input_required", "auth_required"),
        *("requires_approval", "approval_required", "approval_requested", "awaiting_approval"),
        *("waiting_for_approval", "needs_approval", "pending_approval", "requires_confirmation"),
        *("awaiting_confirmation", "awaiting_input", "waiting_for_input", "needs_input"),
        *("paused", "suspended", "deferred", "on_hold"),
    ),
    "completed": (
        *("completed", "complete", "done", "finished", "success", "succeeded", "successful"),
        *("ok", "ended", "resolved"),
    ),
    "error": (
        *("error", "errored", "failed", "failure", "crashed"),
        *("timeout", "timed_out", "expired"),
    ),
    "denied": ("denied", "rejected", "refused", "declined"),
    "cancelled": ("cancelled", "canceled", "aborted", "stopped", "skipped"),
    "interrupted": ("interrupted", "incomplete", "terminated", "killed"),
    "abandoned": ("abandoned", "reverted", "rolled_back", "rewound"),
}
"""By status, the words that stand for it: its own first, then those of others."""

_OF_WORD = {word: status for status, words in WORDS.items() for word in words}
_ONLY_OF_CALLS = {"denied": "cancelled"}  # and what it is for a turn
_ONLY_OF_TURNS = {"abandoned": "cancelled"}  # and what it is for a call
_NOT_OVER = frozenset({"open", "waiting"})

FINAL = frozenset(word for word, status in _OF_WORD.items() if status not in _NOT_OVER)
"""The words after which nothing more is to come, in lower case with underscores."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
_LONGEST = 40  # characters of a word that is looked up


def turn_status(value: Any) -> TurnStatus | None:
    """The status of a turn that a value stands for, None if it says nothing. Never raises.

    A value is a word, or an object with a word as its `state`, `type` or `status`.
    """
    status = _status_of(value)
    return cast("TurnStatus | None", _ONLY_OF_CALLS.get(status or "", status))


def call_status(value: Any) -> CallStatus | None:
    """Like `turn_status`, of a tool call."""
    status = _status_of(value)
    return cast("CallStatus | None", _ONLY_OF_TURNS.get(status or "", status))


def is_over(status: str | None) -> bool:
    """Whether nothing more is to come; False if nothing is known."""
    return status is not None and status not in _NOT_OVER


def _status_of(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, dict):
        words = (value.get(key) for key in ("state", "type", "status"))
        value = next((word for word in words if isinstance(word, str)), None)
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    if value in _OF_WORD:
        return _OF_WORD[value]  # as most are: written like in the table
    word = _HUMP.sub("_", value.strip())
    return _OF_WORD.get(_BETWEEN_WORDS.sub("_", word).lower())
