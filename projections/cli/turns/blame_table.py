"""The table of `journal blame`: each value, and the event that set it.

On a terminal, what is the same in all rows stands once, in a line above the table.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from projections.cli.formats.ages import age
from projections.cli.formats.clocks import brief_clock, clock, day_of, local_time
from projections.cli.terminal.output import LineWriter, Segment, colour_of, width
from projections.cli.terminal.tables import Table
from projections.compare.blame import Blamed
from projections.compare.encoding import compact_json
from projections.erased import is_erased

_LONGEST_VALUE = 60
_NARROW = 80  # below so many columns, values stand first
_LEAST_VALUE = 30  # columns that writers may not take from the values

_Cell: TypeAlias = Segment | list[Segment]


class _Column(NamedTuple):
    heading: str
    cell: Callable[[Blamed], _Cell]


def print_blame(turn_id: str, found: Sequence[Blamed], *, names_runtime: bool) -> None:
    """Print the values of a turn. `names_runtime` says that they may be of several runtimes."""
    columns = width()
    if columns is None:
        _print(found, _all_columns(names_runtime))
        return
    LineWriter().line(_heading(turn_id, found))
    _print(found, _columns_for(found, columns))


def _print(found: Sequence[Blamed], columns: Sequence[_Column]) -> None:
    table = Table(*(column.heading for column in columns))
    for blamed in found:
        table.row(*(column.cell(blamed) for column in columns))
    table.print()


def _all_columns(names_runtime: bool) -> list[_Column]:
    runtime = [_Column("RUNTIME", _runtime)] * names_runtime
    at = _Column("AT>", lambda blamed: (clock(blamed.event.ts), "dim"))
    return [_EVENT, at, *runtime, _WRITER, _VALUE]


def _columns_for(found: Sequence[Blamed], room: int) -> list[_Column]:
    """The columns that differ from row to row, as far as they leave room for the values."""
    columns = []
    if len({blamed.event.seq for blamed in found}) > 1:
        columns += [_EVENT, _Column("AT>", _at(found, with_milliseconds=room >= _NARROW))]
    if len({blamed.event.runtime_id for blamed in found}) > 1:
        columns.append(_Column("RUNTIME", _runtime))
    if len(_writers(found)) > 1 and room - max(map(len, _writers(found))) >= 2 * _LEAST_VALUE:
        columns.append(_WRITER)
    return [_VALUE, *columns] if room < _NARROW else [*columns, _VALUE]


def _heading(turn_id: str, found: Sequence[Blamed]) -> list[Segment]:
    last = max((blamed.event for blamed in found), key=lambda event: event.seq)
    values = f"{len(found)} value{'s' * (len(found) != 1)}"
    events = {blamed.event.seq for blamed in found}
    moment = local_time(last.ts)
    ago = age(moment, datetime.now(UTC)) if moment is not None else last.ts
    if len(events) == 1:
        parts = [f"{values} of event {last.seq}", f"{brief_clock(last.ts)}, {ago}"]
    else:
        parts = [f"{values} of {len(events)} events", f"the last {ago}"]
    writers = _writers(found)
    if len(writers) == 1:
        parts.append(f"by {writers.pop()}")
    return [*_name(turn_id, found), ("  " + ", ".join(parts), "dim")]


def _name(turn_id: str, found: Sequence[Blamed]) -> list[Segment]:
    first, *more = dict.fromkeys(blamed.event.runtime_id or "" for blamed in found)
    if not more:
        return [(first, colour_of(first)), f"/{turn_id}"]
    name: list[Segment] = [f"{turn_id} of ", (first, colour_of(first))]
    for runtime in more:
        name += [" and ", (runtime, colour_of(runtime))]
    return name


def _writers(found: Sequence[Blamed]) -> set[str]:
    return {blamed.event.writer for blamed in found}


def _at(found: Sequence[Blamed], *, with_milliseconds: bool) -> Callable[[Blamed], Segment]:
    """A clock without the date if all values are of one day."""
    is_one_day = len({day_of(blamed.event.ts) for blamed in found}) == 1

    def at(blamed: Blamed) -> Segment:
        text = brief_clock(blamed.event.ts)
        if is_one_day:
            text = text.rpartition(" ")[2]
        return text if with_milliseconds else text.partition(".")[0], "dim"

    return at


def _runtime(blamed: Blamed) -> Segment:
    runtime = blamed.event.runtime_id or ""
    return runtime, colour_of(runtime)


def _value(blamed: Blamed) -> list[Segment]:
    if is_erased(blamed.event):
        return [("(erased)", "dim")]
    text = compact_json(blamed.value)
    if len(text) > _LONGEST_VALUE and width() is not None:
        text = text[: _LONGEST_VALUE - 1] + "…"
    return [(blamed.path, "bold"), f" = {text}"]


_EVENT = _Column("EVENT>", lambda blamed: str(blamed.event.seq))
_WRITER = _Column("WRITER", lambda blamed: blamed.event.writer)
_VALUE = _Column("VALUE", _value)
