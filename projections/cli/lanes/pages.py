"""Rows as lines: lanes with lifelines, arrows and marks, and the text of each row.

A `WidePage` puts each row's text beside its lane. A `GraphPage` has narrow lanes, with the
text of all rows to the right of them, like `git log --graph`.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from rich.cells import cell_len

from projections.cli.lanes.canvas import Canvas, Glyphs, Line
from projections.cli.lanes.gutter import Gutter
from projections.cli.lanes.rows import Row
from projections.cli.terminal.fitting import fair_share
from projections.cli.terminal.output import Style
from projections.cli.terminal.texts import end_cut, middle_cut

NARROWEST_TEXT = 24
"""Columns that a `GraphPage` needs for its text."""

_SHORTEST_NAME = 9  # columns of a name that are never cut, however long its note is
_SHORTEST_NOTE = 9  # columns of a note that are never cut, however long the names are


class Lane(NamedTuple):
    """The lane of a runtime: its name, safe to show, and its colour."""

    name: str
    colour: Style


class Page(ABC):
    """Lanes at `columns`, counted from the right edge of the gutter.

    If there are more lanes than columns, the rest share the last column.
    """

    mark_offset: ClassVar[int]  # columns from a lifeline to the marks of its lane

    def __init__(
        self, lanes: list[Lane], columns: list[int], gutter: Gutter, glyphs: Glyphs
    ) -> None:
        self.lanes = lanes
        self.columns = columns
        self.gutter = gutter
        self.glyphs = glyphs

    @abstractmethod
    def heading(self, day: str) -> Line: ...

    @abstractmethod
    def line(self, row: Row) -> Line: ...

    def day(self, day: str, row: Row) -> Line:
        """The line that shows the day from `row` on."""
        return self.gutter.day(day) + self._lifelines(row).line()

    def column(self, lane: int) -> int:
        return self.columns[min(lane, len(self.columns) - 1)]

    def drawing(self, row: Row) -> Canvas:
        """The row without its text."""
        canvas = self._lifelines(row)
        if row.across:
            for column in self.columns:
                canvas.put(column, row.mark, row.style or "dim")
        elif row.to is not None:
            self._draw_arrow(canvas, row, self.column(row.lane), self.column(row.to))
        else:
            column = self.column(row.lane) + self.mark_offset
            canvas.put(column, row.mark, row.style or self.lanes[row.lane].colour)
        return canvas

    def _lifelines(self, row: Row) -> Canvas:
        canvas = Canvas()
        for column in self.columns:
            canvas.put(column, self.glyphs.idle, "dim")
        if row.owner >= 0:
            canvas.put(self.column(row.owner), self.glyphs.has, self.lanes[row.owner].colour)
        return canvas

    def _draw_arrow(self, canvas: Canvas, row: Row, start: int, end: int) -> None:
        low, high = sorted((start, end))
        style = row.style or self.lanes[row.lane].colour
        body = row.line * (high - low - 2)
        if start < end:
            canvas.put(low + 1, body + self.glyphs.right, style)
        elif end < start:
            canvas.put(low + 1, self.glyphs.left + body, style)


class WidePage(Page):
    """`sizes` are the columns of each lane, with the room up to the next one."""

    mark_offset = 2

    def __init__(
        self, lanes: list[Lane], sizes: list[int], gutter: Gutter, glyphs: Glyphs
    ) -> None:
        columns = [sum(sizes[:lane]) for lane in range(len(sizes))]
        super().__init__(lanes, columns, gutter, glyphs)
        self._sizes = sizes

    def heading(self, day: str) -> Line:
        canvas = Canvas()
        for column, size, lane in zip(self.columns, self._sizes, self.lanes, strict=True):
            canvas.put(column, middle_cut(lane.name, size - 1, self.glyphs.cut), lane.colour)
        return self.gutter.heading(day) + canvas.line()

    def line(self, row: Row) -> Line:
        canvas = self.drawing(row)
        if row.across:
            text = self._text(row, sum(self._sizes) - 3)
            canvas.put(self.columns[0] + 1, f" {text} ", row.style)
        elif row.to is not None:
            self._label_arrow(canvas, row, self.columns[row.lane], self.columns[row.to])
        else:
            text = self._text(row, self._sizes[row.lane] - 5)
            canvas.put(self.columns[row.lane] + 4, text, row.style)
        return self.gutter.row(row) + canvas.line()

    def _label_arrow(self, canvas: Canvas, row: Row, start: int, end: int) -> None:
        room = abs(end - start) - 6
        column = start + 2 if start < end else end + 3
        if row.note and room > len(self.glyphs.cut):
            note = end_cut(row.note, room, self.glyphs.cut)
            canvas.put(column, f" {note} ", row.style)

    def _text(self, row: Row, room: int) -> str:
        """The name and the note of a row. The name is cut first."""
        name, rest = row.text(self.glyphs.times)
        if cell_len(name) + cell_len(rest) > room:
            rest = rest.removesuffix(row.timing)
        least = min(cell_len(name), _SHORTEST_NAME)
        name = middle_cut(name, max(room - cell_len(rest) - 1, least), self.glyphs.cut)
        return end_cut(f"{name} {rest}".strip(), room, self.glyphs.cut)


class GraphPage(Page):
    """Lanes that there is no room for share the last one."""

    mark_offset = 0

    def __init__(self, lanes: list[Lane], gutter: Gutter, glyphs: Glyphs, width: int) -> None:
        room = width - gutter.columns
        most = max(1, (room - NARROWEST_TEXT) // 2)
        columns = [2 * lane for lane in range(min(len(lanes), most))]
        super().__init__(lanes, columns, gutter, glyphs)
        self._text = 2 * len(columns) + 1  # the column where texts begin
        self._room = room - self._text

    def heading(self, day: str) -> Line:
        count = f"{len(self.lanes)} RUNTIMES"
        return [*self.gutter.heading(day), " " * self._text, (count, "dim")]

    def line(self, row: Row) -> Line:
        return [*self.gutter.row(row), *self.drawing(row).line(), "  ", *self._description(row)]

    def _description(self, row: Row) -> Line:
        """The runtimes, and what happened. If there is no room, names are cut before notes."""
        name, note = row.text(self.glyphs.times)
        lanes = self._lanes_of(row)
        most = self._longest_name([*(lane.name for lane in lanes), name], note)
        who: Line = []
        for lane in lanes:
            who += [f" {self.glyphs.arrow} "] if who else []
            who.append((middle_cut(lane.name, most, self.glyphs.cut), lane.colour))
        what = f"{middle_cut(name, most, self.glyphs.cut)} {note}".strip()
        return [*who, "  " * bool(who), (what, row.style)]

    def _lanes_of(self, row: Row) -> list[Lane]:
        if row.across:
            return []
        return [self.lanes[lane] for lane in (row.lane, row.to) if lane is not None]

    def _longest_name(self, names: list[str], note: str) -> int:
        room = self._room - cell_len(self.glyphs.arrow) - 5 - min(cell_len(note), _SHORTEST_NOTE)
        return max(fair_share(list(map(cell_len, names)), room), 2)
