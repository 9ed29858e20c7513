"""A page of narrow lanes, the text of all rows to the right of them, as in `git log --graph`."""

from rich.cells import cell_len

from projections.cli.lanes.canvas import Line
from projections.cli.lanes.glyphs import Glyphs
from projections.cli.lanes.gutter import Gutter
from projections.cli.lanes.page import Lane, Page
from projections.cli.lanes.rows import Row
from projections.cli.texts import fairest_cut, middle_cut

NARROWEST_TEXT = 24
_SHORTEST_NOTE = 9  # columns of a note that are left, whatever the names need


class GraphPage(Page):
    """Runtimes that there is no room for share the last lane."""

    mark_offset = 0

    def __init__(self, lanes: list[Lane], gutter: Gutter, glyphs: Glyphs, width: int) -> None:
        room = width - gutter.columns
        most = max(1, (room - NARROWEST_TEXT) // 2)
        places = [2 * lane for lane in range(min(len(lanes), most))]
        super().__init__(lanes, places, gutter, glyphs)
        self._text = 2 * len(places) + 1  # the column where texts begin
        self._room = room - self._text

    def heading(self, day: str) -> Line:
        count = f"{len(self.lanes)} RUNTIMES"
        return [*self.gutter.heading(day), " " * self._text, (count, "dim")]

    def line(self, row: Row) -> Line:
        return [*self.gutter.row(row), *self.drawing(row).line(), "  ", *self._description(row)]

    def _description(self, row: Row) -> Line:
        """Whose it is, and what: where all of it has no room, names give way before notes."""
        name, note = row.text(self.glyphs.times)
        lanes = self._lanes_of(row)
        most = self._longest_name([*(lane.name for lane in lanes), name], note)
        who: Line = []
        for lane in lanes:
            who += [f" {self.glyphs.arrow} "] if who else []
            who.append((middle_cut(lane.name, most, self.glyphs.cut), lane.colour))
        said = f"{middle_cut(name, most, self.glyphs.cut)} {note}".strip()
        return [*who, "  " * bool(who), (said, row.style)]

    def _lanes_of(self, row: Row) -> list[Lane]:
        if row.across:
            return []
        return [self.lanes[lane] for lane in (row.lane, row.to) if lane is not None]

    def _longest_name(self, names: list[str], note: str) -> int:
        room = self._room - cell_len(self.glyphs.arrow) - 5 - min(cell_len(note), _SHORTEST_NOTE)
        return max(fairest_cut(list(map(cell_len, names)), room), 2)
