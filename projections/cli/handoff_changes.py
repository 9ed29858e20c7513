"""How a change of runtime is told, in the drawing of `journal handoffs` as in its table."""

from journal.events import Handoff
from projections.cli.terminal import Style
from projections.cli.texts import joined
from projections.handoffs.findings import RuntimeChange, Status

STATUS_STYLES: dict[Status, Style] = {
    "unannounced": "red",
    "pending": "yellow",
    "superseded": "dim",
}
"""Those that went as they should have none."""


def reason_of(change: Handoff | RuntimeChange, status: str = "") -> str:
    """`pending: rate limited (turn-1)`, as far as there is anything to say."""
    turn = f"({change.turn_id})" if change.turn_id is not None else ""
    return joined(joined(status, change.reason, by=": "), turn)
