"""Chooses the most readable page that is not too wide."""

from collections.abc import Sequence

from rich.cells import cell_len

from projections.cli.lanes.canvas import Glyphs
from projections.cli.lanes.gutter import Gutter
from projections.cli.lanes.pages import NARROWEST_TEXT, GraphPage, Lane, Page, WidePage
from projections.cli.lanes.rows import Row
from projections.cli.terminal.fitting import fitted
from projections.cli.terminal.texts import joined

_LONGEST_REASON = 40  # columns by which a reason may widen a lane
_NARROWEST_LANE = 14
_NARROW = 60  # below so many columns, lanes may take the room of the times


def page_for(lanes: list[Lane], rows: Sequence[Row], width: int | None, glyphs: Glyphs) -> Page:
    """The most readable page that is not wider than `width`."""
    full = Gutter.of(rows)
    brief = full._replace(times=0)
    needs = _needs(lanes, rows, glyphs)
    if width is None:
        return WidePage(lanes, needs, full, glyphs)
    for gutter in [full] if width >= _NARROW else [full, brief]:
        sizes = fitted(needs, width - gutter.columns, least=_NARROWEST_LANE)
        if sizes is not None:
            return WidePage(lanes, sizes, gutter, glyphs)
    room = width - 2 * min(len(lanes), 2) - NARROWEST_TEXT
    fitting = (gutter for gutter in (full, brief) if gutter.columns <= room)
    return GraphPage(lanes, next(fitting, Gutter()), glyphs, width)


def _needs(lanes: list[Lane], rows: Sequence[Row], glyphs: Glyphs) -> list[int]:
    """How wide each lane would be if only reasons were cut."""
    needs = [cell_len(lane.name) + 2 for lane in lanes]
    for row in rows:
        if row.across:
            text = joined(*row.text(glyphs.times))
            needs[-1] = max(needs[-1], cell_len(text) + 4 - sum(needs[:-1]))
            continue
        if row.to is None:
            text = joined(*row.text(glyphs.times))
            needs[row.lane] = max(needs[row.lane], cell_len(text) + 6)
        elif abs(row.to - row.lane) == 1:
            low = min(row.lane, row.to)
            needs[low] = max(needs[low], min(cell_len(row.note), _LONGEST_REASON) + 8)
    return needs
