"""The table of `journal handoffs`: a row for each change of runtime."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from rich.cells import cell_len

from projections.cli.formats.clocks import clock, output_clock
from projections.cli.formats.durations import duration
from projections.cli.handoffs.findings import wrapped
from projections.cli.lanes import Glyphs
from projections.cli.lanes.changes import STATUS_STYLES, reason_of
from projections.cli.terminal.output import LineWriter, Segment, Style, colour_of, plain, width
from projections.cli.terminal.tables import GAP, Table
from projections.cli.terminal.texts import end_cut, middle_cut
from projections.handoffs.findings import RuntimeChange

_SHORT_NAME = 10  # columns of a runtime's name if room is short
_SHORTEST_REASON = 10

_Cell: TypeAlias = Segment | list[Segment]


class _Column(NamedTuple):
    """A column of the table. If there is no room, columns with a high `rank` are left out."""

    heading: str
    rank: int
    cells: list[_Cell]

    @property
    def title(self) -> str:
        return self.heading.removesuffix(">")

    @property
    def texts(self) -> list[str]:
        return list(map(_text, self.cells))

    @property
    def columns(self) -> int:
        return max(map(cell_len, [self.title, *self.texts]))


def _text(cell: _Cell) -> str:
    segments = cell if isinstance(cell, list) else [cell]
    return "".join(plain(part if isinstance(part, str) else part[0]) for part in segments)


def print_table(changes: Sequence[RuntimeChange], glyphs: Glyphs) -> None:
    """Print the changes, at least one, as wide as standard output is."""
    columns, dropped = _chosen(changes, glyphs, width())
    table = Table(*(column.heading for column in columns))
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.row(*cells)
    table.print()
    if dropped:
        writer = LineWriter(cut=False)
        for line in wrapped(f"no room for {', '.join(dropped)}; -o json has all", width(), 0):
            writer.line([(line, "dim")])


def _chosen(
    changes: Sequence[RuntimeChange], glyphs: Glyphs, room: int | None
) -> tuple[list[_Column], list[str]]:
    """The columns that there is room for, and the titles of the others."""
    columns = _columns(changes, glyphs)
    if room is None or _breadth(columns) <= room:
        return columns, []
    columns = _columns(changes, glyphs, _SHORT_NAME)
    dropped: list[str] = []
    while (missing := _breadth(columns) - room) > 0 and len(columns) > 1:
        last = columns[-1]
        longest = last.columns - missing
        if last.title == "REASON" and longest >= _SHORTEST_REASON:
            cells: list[_Cell] = [end_cut(text, longest, glyphs.cut) for text in last.texts]
            columns[-1] = last._replace(cells=cells)
        else:
            worst = max(columns, key=lambda column: column.rank)
            columns.remove(worst)
            dropped.append(worst.title)
    return columns, dropped


def _breadth(columns: Sequence[_Column]) -> int:
    return sum(column.columns + GAP for column in columns) - GAP


def _columns(
    changes: Sequence[RuntimeChange], glyphs: Glyphs, longest_name: int | None = None
) -> list[_Column]:
    """All columns that are not empty; with `longest_name`, names are cut and times are brief."""
    kinds: list[tuple[str, int, Callable[[RuntimeChange], _Cell]]] = [
        ("SEQ", 0, _seq),
        ("WHEN>", 9, partial(_when, brief=longest_name is not None)),
        ("CHANGE", 0, partial(_change, glyphs=glyphs, longest_name=longest_name)),
        ("HOW", 0, lambda change: (change.status, STATUS_STYLES.get(change.status))),
        ("TOOK>", 6, _took),
        ("TURNS>", 7, _turns),
        ("CALLS>", 8, _calls),
        ("OPEN>", 3, _open),
        ("LATE>", 2, lambda change: _count(len(change.late_writes), "red")),
        ("REASON", 5, reason_of),
    ]
    columns = [_Column(title, rank, list(map(cell, changes))) for title, rank, cell in kinds]
    return [column for column in columns if any(column.texts)]


# Cells


def _seq(change: RuntimeChange) -> str:
    """The seq of the event with which the change began."""
    if change.announced and change.handed_off_at is not None:
        return str(change.handoff_seq)
    return str(change.takeover_seq or change.first_write_seq or "")


def _when(change: RuntimeChange, *, brief: bool) -> Segment:
    ts = change.handed_off_at or change.taken_over_at or ""
    when = clock(ts).partition(".")[0].rpartition(" ")[2] if brief else output_clock()(ts)
    return when, "dim"


def _change(change: RuntimeChange, *, glyphs: Glyphs, longest_name: int | None) -> list[Segment]:
    source = _name(change.source, glyphs, longest_name) if change.source is not None else "?"
    return [source, f" {glyphs.arrow} ", _name(change.target, glyphs, longest_name)]


def _name(runtime_id: str, glyphs: Glyphs, longest: int | None) -> Segment:
    name = plain(runtime_id)
    shown = name if longest is None else middle_cut(name, longest, glyphs.cut)
    return shown, colour_of(runtime_id)


def _took(change: RuntimeChange) -> str:
    return duration(change.seconds) if change.seconds is not None else ""


def _turns(change: RuntimeChange) -> str:
    return _inherited(change, change.inherited_turns)


def _calls(change: RuntimeChange) -> str:
    return _inherited(change, change.inherited_calls)


def _inherited(change: RuntimeChange, count: int) -> str:
    """Empty if the target has not got the session yet; 0 if it inherited nothing."""
    return str(count) if change.seen_seq is not None else ""


def _open(change: RuntimeChange) -> Segment:
    lost = any(call.is_lost for call in change.open_calls)
    return _count(change.open_count, "red" if lost else "yellow")


def _count(count: int, style: Style) -> Segment:
    return (str(count), style) if count else ""
