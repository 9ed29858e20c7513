"""What `journal handoffs` shows of the session, without its table: the lanes, and the findings."""

from projections.cli.handoffs.drawing import glyphs_of_output, print_lanes
from projections.cli.handoffs.findings import print_findings
from projections.cli.terminal.output import LineWriter
from projections.store.store import DefaultSessionStore


def show_audit(writer: LineWriter, store: DefaultSessionStore, session_id: str) -> None:
    """Print both, with an empty line around each."""
    found, past, glyphs = store.audit(session_id), store.past(session_id), glyphs_of_output()
    events = [entry.event for entry in past.in_order()] if past is not None else []
    writer.line([])
    print_lanes(found, events, glyphs)
    writer.line([])
    print_findings(found, glyphs)
    writer.line([])
