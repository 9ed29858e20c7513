"""What keeps a session from being pruned: that more is to come in it. Pure: no I/O."""

from collections.abc import Callable
from typing import Literal, TypeAlias

from projections.summary import Summary
from projections.turns.statuses import turn_status

Why: TypeAlias = Literal[
    "open_turn", "handed_off", "damaged", "unreadable", "changed", "busy", "forked", "failed"
]
"""Why a session stays.

- `open_turn`: a turn is open, whether its writer lives or not, or waits for a person.
- `handed_off`: to a runtime that has not come. `damaged` and `unreadable`: what it holds cannot
  be told. These four stay unless forced.
- `changed`: somebody has written to it since it was looked at. `busy`: somebody holds its lock.
  `forked`: forks share its history. `failed`: it could not be deleted, or not all of it.
"""

Reason: TypeAlias = tuple[Why, str]

HasEnded: TypeAlias = Callable[[str, str], bool | None]
"""Of the writer of an event and its time: see `projections.writers.Writers.has_ended`."""


def reason_to_keep(summary: Summary, has_ended: HasEnded) -> Reason | None:
    """Why a session is not to go, and what to say of it; None if nothing is to come."""
    if summary.problem is not None:
        return "damaged", f"it is damaged: {summary.problem}"
    return _of_owner(summary, has_ended) or _of_others(summary, has_ended) or _of_handoff(summary)


def _of_owner(summary: Summary, has_ended: HasEnded) -> Reason | None:
    known = not summary.is_imported and summary.writer is not None
    writer = summary.writer or "" if known else ""  # who wrote an imported turn does not run it
    turn = f"turn {summary.turn_id!r} of {summary.owner!r}"
    return _of_turn(summary.status, turn, writer, summary.written_at or "", has_ended)


def _of_others(summary: Summary, has_ended: HasEnded) -> Reason | None:
    for other in summary.others:
        turn = f"turn {other.turn_id!r} of {other.runtime_id!r}"
        reason = _of_turn(other.status, turn, other.writer, other.written_at, has_ended)
        if reason is not None:
            return reason
    return None


def _of_turn(
    said: str | None, turn: str, writer: str, written_at: str, has_ended: HasEnded
) -> Reason | None:
    status = turn_status(said)
    if status == "waiting":
        return "open_turn", f"{turn} waits for a person"
    if status != "open":
        return None
    ended = has_ended(writer, written_at)
    alive = {True: "has ended", False: "lives", None: "may live"}[ended]
    whose = f"its writer {writer}" if writer else "its writer"
    return "open_turn", f"{turn} is open, and {whose} {alive}"


def _of_handoff(summary: Summary) -> Reason | None:
    if summary.handed_to is None:
        return None
    return "handed_off", f"it was handed to {summary.handed_to!r}, which has not taken it over"
