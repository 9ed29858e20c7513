"""The results for people: a table for the terminal, and one in Markdown."""

from tests.benchmarks.measure import Stats
from tests.benchmarks.results import Goal, Row, Unit

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (0.0, "ns"))


def seconds(value: float) -> str:
    """`12.3 µs`: three digits and the unit that fits."""
    for size, unit in _UNITS:
        if abs(value) >= size:
            return f"{_digits(value / (size or 1e-9))} {unit}"
    raise AssertionError("the last unit takes all")


def quantity(value: float, unit: Unit) -> str:
    """A goal's value or limit in its unit."""
    match unit:
        case "s":
            return seconds(value)
        case "×":
            return f"{_digits(value)} ×"
        case "bytes":
            return f"{value / (1 << 20):.1f} MiB" if abs(value) >= 1 << 20 else f"{value:,.0f} bytes"
        case "events/s":
            return f"{value:,.0f}/s"
        case "":
            return _digits(value)


def _digits(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def as_text(machine: dict[str, str], parts: dict[str, list[Row]]) -> str:
    """For a terminal of 80 columns."""
    lines = [f"{name:>20}  {value}" for name, value in machine.items()]
    for rows in parts.values():
        for row in rows:
            lines += ["", row.name, *_text_figures(row.figures), *map(_text_goal, row.goals)]
            if row.note:
                lines.append(f"  ({row.note})")
    return "\n".join(lines)


def _text_figures(figures: dict[str, Stats]) -> list[str]:
    if not figures:
        return []
    columns = ("median", "p90", "p99", "max")
    lines = [" " * 30 + "".join(f"{column:>12}" for column in columns)]
    for name, stats in figures.items():
        cells = (seconds(getattr(stats, column)) for column in columns)
        lines.append(f"  {name:28}" + "".join(f"{cell:>12}" for cell in cells))
    return lines


def _text_goal(goal: Goal) -> str:
    mark = "✓" if goal.met else "✗"
    return f"  {mark} {goal.text}: {quantity(goal.value, goal.unit)} ({bound(goal)})"


def bound(goal: Goal) -> str:
    """`goal: at most 4.5 ×`."""
    return f"goal: at {'least' if goal.least else 'most'} {quantity(goal.limit, goal.unit)}"


def as_markdown(machine: dict[str, str], parts: dict[str, list[Row]]) -> str:
    """A table of goals, then one of all figures."""
    rows = [row for found in parts.values() for row in found]
    lines = ["| What | Goal | Measured | |", "|---|---|---|---|"]
    for row in rows:
        for goal in row.goals:
            measured = f"**{quantity(goal.value, goal.unit)}**"
            mark = "met" if goal.met else "missed"
            lines.append(f"| {row.name} | {goal.text}: {_limit(goal)} | {measured} | {mark} |")
    lines += ["", "| What | Who | Median | p90 | p99 | Max | Ratio |", "|---|---|--:|--:|--:|--:|--:|"]
    for row in rows:
        lines += _markdown_figures(row)
    described = "; ".join(f"{name} {value}" for name, value in machine.items())
    return "\n".join([f"Measured on: {described}.", "", *lines])


def _limit(goal: Goal) -> str:
    return f"{'≥' if goal.least else '≤'} {quantity(goal.limit, goal.unit)}"


def _markdown_figures(row: Row) -> list[str]:
    lines, what = [], row.name
    ours = next(iter(row.figures.values()), None)
    for name, stats in row.figures.items():
        cells = [seconds(value) for value in (stats.median, stats.p90, stats.p99, stats.max)]
        compared = "" if ours is stats or ours is None else f"{stats.median / ours.median:.2f}"
        lines.append(f"| {what} | {name} | {' | '.join(cells)} | {compared} |")
        what = ""
    return lines
