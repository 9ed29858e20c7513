"""The tables of `journal stat`. Columns in which there is nothing are left out."""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from projections.cli.formats.clocks import output_clock
from projections.cli.formats.durations import duration
from projections.cli.terminal.output import LineWriter, Segment, Style, colour_of
from projections.cli.terminal.tables import Table
from projections.statistics.figures import RuntimeFigures, SessionStatistics, ToolFigures

_ALL = "all"
_NOTHING = "-"
_CENTS = 1.0  # US dollars: below, an amount has four decimals


class _Amount(Struct, frozen=True):
    """A column of numbers or durations; 0 and None are nothing."""

    heading: str
    of: Callable[[RuntimeFigures], float | None]
    text: Callable[[float], str]
    style: Style = None


def _counted(number: float) -> str:
    return f"{number:,.0f}"


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= _CENTS else f"${amount:.4f}"


def _turns(heading: str, status: str, style: Style = "yellow") -> _Amount:
    return _Amount(heading, lambda each: each.statuses.get(status), _counted, style)


_AMOUNTS = (
    _turns("DONE>", "completed", None),
    _turns("ERROR>", "error", "red"),
    _turns("CANCELLED>", "cancelled"),
    _turns("INTERRUPTED>", "interrupted"),
    _turns("ABANDONED>", "abandoned"),
    _turns("WAITING>", "waiting"),
    _turns("OPEN>", "open"),
    _Amount("CALLS>", lambda each: each.calls, _counted),
    _Amount("INPUT>", lambda each: each.usage.input_tokens, _counted),
    _Amount("OUTPUT>", lambda each: each.usage.output_tokens, _counted),
    _Amount("CACHED>", lambda each: each.usage.cached_tokens, _counted),
    _Amount("COST>", lambda each: each.usage.cost_usd, _dollars),
    _Amount("MEDIAN>", lambda each: each.times.median, duration),
    _Amount("LONGEST>", lambda each: each.times.longest, duration),
)
_SPARE = ("CACHED>", "MEDIAN>", "LONGEST>", "CALLS>", "COST>")


def print_statistics(session_id: str, found: SessionStatistics) -> None:
    writer = LineWriter(cut=False)
    for line in _head(session_id, found):
        writer.line(line)
    if found.runtimes:
        writer.line([])
        _print_runtimes(found)
    if found.tools:
        writer.line([])
        _print_tools(found)
    notes = list(_notes(found))
    for note in ["", *notes] if notes else ():
        writer.line([note])


def _head(session_id: str, found: SessionStatistics) -> Iterable[list[Segment]]:
    yield [(session_id, "bold")]
    if found.first_at is not None and found.last_at is not None:
        clock = output_clock()
        first, last = (clock(at).partition(".")[0] for at in (found.first_at, found.last_at))
        lasted = f" ({duration(found.seconds)})" if found.seconds is not None else ""
        yield [("  first   ", "dim"), first]
        yield [("  last    ", "dim"), f"{last}{lasted}, event {found.events:,}"]
    if found.models:
        models = (f"{model} ({turns:,})" for model, turns in found.models.items())
        yield [("  models  ", "dim"), ", ".join(models)]


def _print_runtimes(found: SessionStatistics) -> None:
    shown = [column for column in _AMOUNTS if column.of(found.total)]
    headings = ["RUNTIME", "TURNS>", *(column.heading for column in shown)]
    spare = [heading for heading in _SPARE if heading in headings]
    table = Table(*headings, ids="RUNTIME", spare=spare)
    for each in found.runtimes:
        name = each.runtime_id or ""
        table.row((name, colour_of(name)), *_cells_of(each, shown))
    if len(found.runtimes) > 1:
        table.row((_ALL, "bold"), *_cells_of(found.total, shown))
    table.print()


def _cells_of(each: RuntimeFigures, shown: Sequence[_Amount]) -> list[Segment]:
    cells: list[Segment] = [f"{each.turns:,}"]
    for column in shown:
        amount = column.of(each)
        cells.append((column.text(amount), column.style) if amount else _NOTHING)
    return cells


_COUNTS: tuple[tuple[str, tuple[str, ...], Style], ...] = (
    ("FAILED>", ("error",), "red"),
    ("DENIED>", ("denied",), "yellow"),
    ("OPEN>", ("open", "waiting"), "yellow"),
    ("CANCELLED>", ("cancelled",), "yellow"),
    ("INTERRUPTED>", ("interrupted",), "yellow"),
)
"""Columns: the statuses of calls that each of them counts. The first one is always there."""


def _print_tools(found: SessionStatistics) -> None:
    """The tool with the most calls comes first."""
    together = found.all_tools
    shown = [each for each in _COUNTS if each is _COUNTS[0] or _number(together, each[1])]
    headings = ["TOOL", "CALLS>", *(heading for heading, _, _ in shown)]
    times = ["MEDIAN>", "LONGEST>"] if together.times.known else []
    table = Table(*headings, *times, ids="TOOL", spare=times)
    tools = sorted(found.tools, key=lambda each: each.calls, reverse=True)
    for each in [*tools, together] if len(tools) > 1 else tools:
        name: Segment = (_ALL, "bold") if each is together else each.name or "(no name)"
        counts: list[Segment] = []
        for _, statuses, style in shown:
            number = _number(each, statuses)
            counts.append((f"{number:,}", style) if number else _NOTHING)
        spread = [each.times.median, each.times.longest] if times else []
        texts = [duration(each) if each is not None else _NOTHING for each in spread]
        table.row(name, f"{each.calls:,}", *counts, *texts)
    table.print()


def _number(tool: ToolFigures, statuses: Iterable[str]) -> int:
    return sum(tool.statuses.get(status, 0) for status in statuses)


def _notes(found: SessionStatistics) -> Iterable[str]:
    unknown, left_out = found.total.unrecognised, found.total.left_out
    if unknown:
        what = "turn holds" if unknown == 1 else "turns hold"
        yield f"{unknown:,} {what} nothing that we recognise."
    if left_out:
        what = "call was" if left_out == 1 else "calls were"
        yield f"{left_out:,} more {what} left out of the turns; no state names them."
