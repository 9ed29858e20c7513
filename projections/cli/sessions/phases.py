"""The phase of a session: what it is doing now, as far as its last turn and its writer tell.

The turn is the one that the owner of the session wrote last. Where that leaves nothing to come, a
turn that another runtime left open counts, if its writer has ended. Pure but for the clock and
for the look at this machine's processes, which are given.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from projections.cli.documents.sessions import SessionItem
from projections.cli.formats.durations import duration
from projections.cli.terminal.output import Segment, Style
from projections.cli.terminal.texts import middle_cut
from projections.handoffs.findings import TurnKey
from projections.summary import Summary
from projections.turns.statuses import turn_status

Phase: TypeAlias = Literal[
    "running",
    "open",
    "gone",
    "waiting",
    "handed_off",
    "completed",
    "error",
    "cancelled",
    "interrupted",
    "abandoned",
    "damaged",
    "unreadable",
]
"""Of a session.

- `running`: its turn is open, and the process that wrote it is alive. `gone`: that process has
  ended, or that of another runtime's open turn. `open`: which of these cannot be told, as inside
  a container or from another machine.
- `waiting`: for a person. `handed_off`: for the runtime that it was handed to.
- The other words are the final statuses of turns, but for `damaged` (events are missing or
  were changed) and `unreadable` (by this user, now).
"""

IN_PROGRESS = frozenset({"running", "open", "gone", "waiting", "handed_off"})
"""The phases after which more is to come, or ought to."""

HasEnded: TypeAlias = Callable[[str, str], bool | None]
"""Of the writer of an event and its time: see `projections.writers.Writers.has_ended`."""

_LONGEST_BRIEF = 16  # columns of a name

_STYLES: dict[str | None, Style] = {
    "running": "green",
    "open": "yellow",
    "gone": "red",
    "waiting": "yellow",
    "handed_off": "yellow",
    "error": "red",
    "cancelled": "yellow",
    "interrupted": "yellow",
    "damaged": "red",
    "unreadable": "red",
}


def judged(summary: Summary, has_ended: HasEnded) -> tuple[Phase | None, tuple[TurnKey, ...]]:
    """The phase, and the open turns whose writers have ended, the owner's first.

    The phase is None if the turn says nothing that is understood. Asks once of each open turn.
    """
    phase = _of_owner(summary, has_ended)
    gone = [(summary.owner or "", summary.turn_id or "")] if phase == "gone" else []
    gone += [
        (turn.runtime_id, turn.turn_id)
        for turn in summary.others
        if turn_status(turn.status) == "open" and has_ended(turn.writer, turn.written_at)
    ]
    return "gone" if gone and phase not in IN_PROGRESS else phase, tuple(gone)


def _of_owner(summary: Summary, has_ended: HasEnded) -> Phase | None:
    status = turn_status(summary.status)
    if status == "open":
        return _of_open(summary, has_ended)
    if status == "waiting":
        return "waiting"
    return "handed_off" if summary.handed_to is not None else status


def _of_open(summary: Summary, has_ended: HasEnded) -> Phase:
    if summary.is_imported or summary.writer is None or summary.written_at is None:
        return "open"  # who wrote it is not who runs it, or is not known
    ended = has_ended(summary.writer, summary.written_at)
    if ended is None:
        return "open"
    return "gone" if ended else "running"


def phase_cell(item: SessionItem, now: datetime, *, brief: bool) -> list[Segment]:
    """The phase in words, with how long it has run or what it waits for, and the findings.

    `brief` leaves out what somebody may guess, for a narrow terminal.
    """
    words = _words(item, now, brief)
    findings = f"{item.findings} finding{'s' * (item.findings != 1)}" if item.findings else ""
    if item.phase in ("damaged", "unreadable"):
        findings = ""
    if findings and item.phase in ("completed", None):
        words = ""
    style = _STYLES.get(item.phase)
    cell: list[Segment] = [(words, style)] if words else []
    cell += [", "] if words and findings else []
    cell += [(findings, "red")] if findings else []
    return cell or ["-"]


def _words(item: SessionItem, now: datetime, brief: bool) -> str:
    match item.phase:
        case "running" | "open":
            lasted = _lasted(item.opened_at, now)
            return f"{item.phase} {lasted}" if lasted else item.phase
        case "gone":
            runtimes = dict.fromkeys(runtime for runtime, _ in item.gone_turns)
            if brief or item.owner in runtimes:
                return "open, writer gone"
            return f"{', '.join(runtimes)} open, writer gone"
        case "waiting" if item.waits_for:
            if not brief:
                return f"waits for approval of {', '.join(item.waits_for)}"
            more = f" +{len(item.waits_for) - 1}" if len(item.waits_for) > 1 else ""
            return f"waits: {middle_cut(item.waits_for[0], _LONGEST_BRIEF)}{more}"
        case "waiting":
            return "waits"
        case "handed_off":
            target = item.handed_to or ""
            return f"handed to {middle_cut(target, _LONGEST_BRIEF) if brief else target}"
        case "damaged" | "unreadable":
            return item.phase
    return item.status or ""


def _lasted(opened_at: str | None, now: datetime) -> str:
    """How long ago a turn was opened; nothing if that is not known, or not past."""
    try:
        opened = datetime.fromisoformat(opened_at or "")
        seconds = (now - (opened if opened.tzinfo else opened.replace(tzinfo=UTC))).total_seconds()
    except (ValueError, OverflowError):
        return ""
    return duration(int(seconds)) if seconds >= 1 else ""
