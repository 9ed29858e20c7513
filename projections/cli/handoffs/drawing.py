"""Prints the lanes of an audit, with the marks that standard output can show."""

import sys

from journal.events import Event, Origin
from projections.cli.lanes import ASCII, UNICODE, Glyphs, draw, legend
from projections.cli.terminal.output import LineWriter, notice, width
from projections.handoffs.findings import HandoffAudit


def glyphs_of_output() -> Glyphs:
    """The glyphs that standard output can show: an encoding may not have all of them."""
    try:
        "".join(UNICODE).encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def print_lanes(
    found: HandoffAudit, events: list[Event], glyphs: Glyphs, origin: Origin | None = None
) -> None:
    """Print the drawing of the events and of their audit, and what its marks mean."""
    lines = draw(found, events, width(), glyphs, origin)
    if not lines:
        notice("there are no events to draw")
        return
    writer = LineWriter()
    for line in [*lines, [], *legend(glyphs, width())]:
        writer.line(line)
