"""Tables: as wide as the terminal, and elsewhere as wide as their content."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from projections.cli.terminal.fitting import fitted
from projections.cli.terminal.output import LineWriter, Piece, Segment, cut, plain, width
from projections.cli.terminal.texts import middle_cut

_LEAST_LEFT = 8  # columns of the one that yields
_PLENTY = 32  # columns of the one that yields: then ids come first
_AMPLE = 20  # columns of an id, or of the one that yields: as much as is wanted of it
_BARELY = 12  # columns of these on a narrow terminal

GAP = 2
"""Columns between two columns of a table."""

_Cell: TypeAlias = list[Piece]


class Table:
    """Rows under headings; a heading that ends in `>` is that of a column of numbers.

    If the table is wider than the terminal, these give way, in this order:

    1. The columns that `spare` names, from the first on, are left out; those of the first half
       also where a long id would have to be cut.
    2. The column of `ids` is cut in the middle, for ids often differ at their ends alone.
    3. The column that `yields` is cut, and left out where too little is left of it.
    4. The widest columns are cut, with an ellipsis in each cell that is cut. So short columns
       stay whole.
    """

    def __init__(
        self,
        *headings: str,
        yields: str | None = None,
        ids: str | None = None,
        spare: Sequence[str] = (),
    ) -> None:
        self._headings = headings
        self._yields = headings.index(yields) if yields is not None else None
        self._ids = headings.index(ids) if ids is not None else None
        self._spare = [headings.index(heading) for heading in spare]
        self.rows: list[Sequence[Segment | list[Segment]]] = []

    def row(self, *cells: Segment | list[Segment]) -> None:
        """A cell is a text, a styled text, or a list of these."""
        self.rows.append(cells)

    def print(self) -> None:
        writer = LineWriter()
        rows = [[_cell((heading.removesuffix(">"), "dim")) for heading in self._headings]]
        rows += [list(map(_cell, row)) for row in self.rows]
        needs = [max(map(_size, column)) for column in zip(*rows, strict=True)]
        columns, widths = self._fitted(needs)
        for row in rows:
            writer.line(self._laid_out([row[column] for column in columns], columns, widths))

    def _fitted(self, needs: list[int]) -> tuple[list[int], list[int]]:
        """Which columns are shown, and how wide each of them is."""
        room = width()
        shown = list(range(len(needs)))
        if room is None:
            return shown, needs
        for plan in self._plans():
            shown = [column for column in shown if column not in plan.without]
            least = [self._least(plan, column, needs[column]) for column in shown]
            if sum(least) + GAP * (len(shown) - 1) <= room:
                break
        room -= GAP * (len(shown) - 1)
        return self._cut(shown, [needs[column] for column in shown], least, room)

    def _plans(self) -> "Iterator[_Plan]":
        """What may give way, from nothing to all that may."""
        half = len(self._spare) // 2
        for count in range(half + 1):
            yield _Plan(self._spare[:count], None, _AMPLE)
        for count in range(half, len(self._spare) + 1):
            yield _Plan(self._spare[:count], _AMPLE, _AMPLE)
        yield _Plan(self._spare, _AMPLE, _BARELY)
        yield _Plan(self._spare, _BARELY, _BARELY)
        yield _Plan(self._spare, _BARELY, _LEAST_LEFT)

    def _least(self, plan: "_Plan", column: int, need: int) -> int:
        if column == self._ids and plan.ids is not None:
            return min(need, plan.ids)
        return min(need, plan.yields) if column == self._yields else need

    def _cut(
        self, shown: list[int], needs: list[int], least: list[int], room: int
    ) -> tuple[list[int], list[int]]:
        left = room - sum(least)
        if left < 0:
            if self._yields in shown:
                needs.pop(shown.index(self._yields))
                shown.remove(self._yields)
                room += GAP
            return shown, fitted(needs, room) or [1] * len(needs)
        whole = max(needs)
        for column, most in ((self._yields, _PLENTY), (self._ids, whole), (self._yields, whole)):
            if column in shown:  # what is left goes to these
                index = shown.index(column)
                more = max(0, min(left, min(needs[index], most) - least[index]))
                least[index] += more
                left -= more
        return shown, least

    def _laid_out(self, row: list[_Cell], columns: list[int], widths: list[int]) -> _Cell:
        found: _Cell = []
        for cell, column, most in zip(row, columns, widths, strict=True):
            shown, size = cell, _size(cell)
            if size > most:
                shown = _cut_id(cell, most) if column == self._ids else cut(cell, most)
                size = _size(shown)
            blanks: _Cell = [(" " * (most - size), None)]
            found += [(" " * GAP, None)] if found else []
            is_number = self._headings[column].endswith(">")
            found += blanks + shown if is_number else shown + blanks
        return _without_end(found)


class _Plan(Struct, frozen=True):
    """Which columns are left out, and how wide an id and the column that yields are at least.

    `ids` is None where ids are not cut.
    """

    without: Sequence[int]
    ids: int | None
    yields: int


def _cut_id(cell: _Cell, most: int) -> _Cell:
    style = cell[0][1] if cell else None
    return [(middle_cut("".join(text for text, _ in cell), most), style)]


def _without_end(cell: _Cell) -> _Cell:
    """The cell without blanks at its end: they would count as something to cut."""
    while cell and not cell[-1][0].strip(" "):
        cell = cell[:-1]
    return cell


def _cell(cell: Segment | list[Segment]) -> _Cell:
    pieces = cell if isinstance(cell, list) else [cell]
    return [
        (plain(piece), None) if isinstance(piece, str) else (plain(piece[0]), piece[1])
        for piece in pieces
    ]


def _size(cell: _Cell) -> int:
    if len(cell) == 1:  # as most have
        text = cell[0][0]
        return len(text) if text.isascii() else _columns(text)
    return sum(len(text) if text.isascii() else _columns(text) for text, _ in cell)


def _columns(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
