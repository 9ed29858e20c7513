"""What `journal handoffs` shows of the session: the lanes, and the findings."""

from projections.cli.handoff_findings import print_findings
from projections.cli.lanes import ASCII, UNICODE, draw, legend
from projections.cli.marks import UNICODE as MARKS
from projections.cli.marks import marks
from projections.cli.terminal import LineWriter, width
from projections.handoffs.findings import HandoffAudit
from projections.store.store import DefaultSessionStore


def show_audit(
    writer: LineWriter, audit: HandoffAudit, store: DefaultSessionStore, session_id: str
) -> None:
    """Print the drawing and the findings, in the characters that the lines before them had."""
    glyphs = UNICODE if marks() == MARKS else ASCII
    past = store.past(session_id)
    events = [entry.event for entry in past.in_order()] if past is not None else []
    columns = width()
    lanes = draw(audit, events, columns, glyphs)
    for line in ([], *lanes, [], *legend(glyphs, columns), []):
        writer.line(line)
    print_findings(audit, glyphs)
    writer.line([])
