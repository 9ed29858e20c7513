"""The text of an event as people see it: what patterns are matched against."""

from journal.events import Event
from projections.cli.formats.clocks import clock
from projections.cli.lines.descriptions import describe
from projections.cli.lines.effects import Effect

SEPARATOR = "  "
"""Stands between two columns of a line."""


def event_text(event: Event, effect: Effect) -> str:
    """The line that `-o short` prints of an event in a pipe, without the blanks of its columns.

    So a pattern finds an event where what it looks for is said, asked for or answered, and not
    again in each later state of the turn, which still holds it.
    """
    said = "".join(each if isinstance(each, str) else each[0] for each in describe(event, effect))
    ids = (event.runtime_id or "", event.turn_id or "")
    return SEPARATOR.join((f"{event.seq:>4}", clock(event.ts), *ids, said))
