"""How `journal handoffs` shows a change of runtime, in its drawing and in its table."""

from journal.events import Handoff
from projections.cli.terminal.output import Style
from projections.cli.terminal.texts import joined
from projections.handoffs.findings import ChangeStatus, RuntimeChange

STATUS_STYLES: dict[ChangeStatus, Style] = {
    "unannounced": "red",
    "pending": "yellow",
    "superseded": "dim",
}
"""A change that went as it should has no style."""


def reason_of(change: Handoff | RuntimeChange, status: str = "") -> str:
    """`pending: rate limited (turn-1)`; each part only if there is one."""
    turn = f"({change.turn_id})" if change.turn_id is not None else ""
    return joined(joined(status, change.reason, by=": "), turn)
