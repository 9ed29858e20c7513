"""Lanes on a page, and what is drawn in them: lifelines, arrows and marks."""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from projections.cli.lanes.canvas import Canvas, Line
from projections.cli.lanes.glyphs import Glyphs
from projections.cli.lanes.gutter import Gutter
from projections.cli.lanes.rows import Row
from projections.cli.terminal import Style


class Lane(NamedTuple):
    """A runtime's: its name, safe to show, and its colour."""

    name: str
    colour: Style


class Page(ABC):
    """`places` are the columns of the lanes, from the right edge of the gutter.

    Lanes without one share the last.
    """

    mark_offset: ClassVar[int]  # columns from a lifeline to the marks of its lane

    def __init__(
        self, lanes: list[Lane], places: list[int], gutter: Gutter, glyphs: Glyphs
    ) -> None:
        self.lanes = lanes
        self.places = places
        self.gutter = gutter
        self.glyphs = glyphs

    @abstractmethod
    def heading(self, day: str) -> Line: ...

    @abstractmethod
    def line(self, row: Row) -> Line: ...

    def day(self, day: str, row: Row) -> Line:
        """The line that tells the day from `row` on."""
        return self.gutter.day(day) + self._lifelines(row).line()

    def place(self, lane: int) -> int:
        return self.places[min(lane, len(self.places) - 1)]

    def drawing(self, row: Row) -> Canvas:
        """The row without its text."""
        canvas = self._lifelines(row)
        if row.across:
            for place in self.places:
                canvas.put(place, row.mark, row.style or "dim")
        elif row.to is not None:
            self._draw_arrow(canvas, row, self.place(row.lane), self.place(row.to))
        else:
            place = self.place(row.lane) + self.mark_offset
            canvas.put(place, row.mark, row.style or self.lanes[row.lane].colour)
        return canvas

    def _lifelines(self, row: Row) -> Canvas:
        canvas = Canvas()
        for place in self.places:
            canvas.put(place, self.glyphs.idle, "dim")
        if row.owner >= 0:
            canvas.put(self.place(row.owner), self.glyphs.has, self.lanes[row.owner].colour)
        return canvas

    def _draw_arrow(self, canvas: Canvas, row: Row, start: int, end: int) -> None:
        low, high = sorted((start, end))
        style = row.style or self.lanes[row.lane].colour
        body = row.line * (high - low - 2)
        if start < end:
            canvas.put(low + 1, body + self.glyphs.right, style)
        elif end < start:
            canvas.put(low + 1, self.glyphs.left + body, style)
