"""A page with each row's text beside its lane."""

from rich.cells import cell_len

from projections.cli.lanes.canvas import Canvas, Line
from projections.cli.lanes.glyphs import Glyphs
from projections.cli.lanes.gutter import Gutter
from projections.cli.lanes.page import Lane, Page
from projections.cli.lanes.rows import Row
from projections.cli.texts import end_cut, middle_cut

_SHORTEST_NAME = 9  # columns of a name that are left, whatever there is to say of it


class WidePage(Page):
    """`sizes` are the columns of each lane, with the room to the next one."""

    mark_offset = 2

    def __init__(
        self, lanes: list[Lane], sizes: list[int], gutter: Gutter, glyphs: Glyphs
    ) -> None:
        places = [sum(sizes[:lane]) for lane in range(len(sizes))]
        super().__init__(lanes, places, gutter, glyphs)
        self._sizes = sizes

    def heading(self, day: str) -> Line:
        canvas = Canvas()
        for place, size, lane in zip(self.places, self._sizes, self.lanes, strict=True):
            canvas.put(place, middle_cut(lane.name, size - 1, self.glyphs.cut), lane.colour)
        return self.gutter.heading(day) + canvas.line()

    def line(self, row: Row) -> Line:
        canvas = self.drawing(row)
        if row.across:
            text = self._fitted(row, sum(self._sizes) - 3)
            canvas.put(self.places[0] + 1, f" {text} ", row.style)
        elif row.to is not None:
            self._label_arrow(canvas, row, self.places[row.lane], self.places[row.to])
        else:
            text = self._fitted(row, self._sizes[row.lane] - 5)
            canvas.put(self.places[row.lane] + 4, text, row.style)
        return self.gutter.row(row) + canvas.line()

    def _label_arrow(self, canvas: Canvas, row: Row, start: int, end: int) -> None:
        room = abs(end - start) - 6
        column = start + 2 if start < end else end + 3
        if row.note and room > len(self.glyphs.cut):
            note = end_cut(row.note, room, self.glyphs.cut)
            canvas.put(column, f" {note} ", row.style)

    def _fitted(self, row: Row, room: int) -> str:
        """Its name and its note; the name is cut first."""
        name, rest = row.text(self.glyphs.times)
        if cell_len(name) + cell_len(rest) > room:
            rest = rest.removesuffix(row.timing)
        least = min(cell_len(name), _SHORTEST_NAME)
        name = middle_cut(name, max(room - cell_len(rest) - 1, least), self.glyphs.cut)
        return end_cut(f"{name} {rest}".strip(), room, self.glyphs.cut)
