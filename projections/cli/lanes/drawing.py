"""The drawing as a whole: from events to lines."""

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len, set_cell_size

from journal.events import Event, Origin
from projections.cli.formats.clocks import day_of
from projections.cli.lanes.canvas import UNICODE, Glyphs, Line
from projections.cli.lanes.condense import condense
from projections.cli.lanes.layout import page_for
from projections.cli.lanes.pages import Lane, Page
from projections.cli.lanes.plot import Plot
from projections.cli.lanes.rows import Row
from projections.cli.terminal.output import colour_of, plain
from projections.handoffs.findings import HandoffAudit


def draw(
    audit: HandoffAudit,
    events: Iterable[Event],
    width: int | None = None,
    glyphs: Glyphs = UNICODE,
    origin: Origin | None = None,
) -> list[Line]:
    """The lines of the drawing of `events`; `audit` is the audit of these, `origin` a fork's.

    No line is wider than `width` columns; without a width, lines are as wide as their ids.
    The states of sets are not looked at.
    """
    plot = Plot(audit, glyphs, origin)
    for event in events:
        plot.fold(event)
    if not plot.lanes:
        return []
    plot.end(plot.rows[-1].ts)
    rows = condense(plot.rows, glyphs.more)
    lanes = [Lane(plain(runtime), colour_of(runtime)) for runtime in plot.lanes]
    page = page_for(lanes, rows, width, glyphs)
    return [_clipped(line, width) for line in _lines(page, rows)]


def legend(glyphs: Glyphs = UNICODE, width: int | None = None) -> list[Line]:
    """What the marks mean: in one line, or in as many as a narrow terminal needs."""
    dashed = glyphs.dashed * 2 + glyphs.right
    known = ((glyphs.has, "has the session"), (glyphs.write, "wrote a turn"))
    marks = (*known, (glyphs.takes, "takes over"), (dashed, "waits to be taken over"))
    lines: list[str] = []
    for mark, meaning in marks:
        longer = "   ".join([*lines[-1:], f"{mark} {meaning}"])
        if lines and width is not None and cell_len(longer) > width:
            lines.append(f"{mark} {meaning}")
        else:
            lines[-1:] = [longer]
    return [[(line, "dim")] for line in lines]


def _lines(page: Page, rows: Sequence[Row]) -> Iterator[Line]:
    day = day_of(rows[0].ts)
    yield page.heading(day)
    for row in rows:
        if row.first and day_of(row.ts) not in (day, ""):
            day = day_of(row.ts)
            yield page.day(day, row)
        yield page.line(row)


def _clipped(line: Line, width: int | None) -> Line:
    """The line, cut at the right edge, without spaces at its end."""
    result: Line = []
    left = width
    for segment in line:
        text, style = (segment, None) if isinstance(segment, str) else segment
        if left is not None:
            text = text if cell_len(text) <= left else set_cell_size(text, left)
            left -= cell_len(text)
        result.append((text, style))
    while result and not result[-1][0].strip():
        result.pop()
    return result
