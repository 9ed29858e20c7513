"""The results for people: tables for the terminal, and others in Markdown."""

from textwrap import wrap

from tests.benchmarks.measure import Stats
from tests.benchmarks.results import OURS, Goal, Results, Row, Unit

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_WIDTH = 80
_NAME, _CELL = 31, 9  # columns


def seconds(value: float) -> str:
    """`12.3 µs`: three digits and the unit that fits, from nanoseconds to seconds."""
    rounded = float(f"{value:.3g}")
    size, unit = next((pair for pair in _UNITS if abs(rounded) >= pair[0]), _UNITS[-1])
    return f"{number(value / size)} {unit}"


def number(value: float) -> str:
    """Three digits, or all before the decimal point if there are more."""
    rounded = float(f"{value:.3g}")
    if abs(rounded) >= 100:
        return f"{value:,.0f}"
    return f"{rounded:.1f}" if abs(rounded) >= 10 else f"{rounded:.2f}"


def quantity(value: float, unit: Unit) -> str:
    """A value in its unit."""
    match unit:
        case "s":
            return seconds(value)
        case "×":
            return f"{number(value)} ×"
        case "bytes" if abs(value) >= 1 << 20:
            return f"{value / (1 << 20):.1f} MiB"
        case "bytes":
            return f"{value:,.0f} bytes"
        case "events/s":
            return f"{value:,.0f} events/s"
        case "":
            return number(value)


def limit(goal: Goal) -> str:
    """A goal's limit in its unit, as one says it: `4.5 ×`."""
    return plain(goal.limit, goal.unit)


def plain(value: float, unit: Unit) -> str:
    """As `quantity`, without zeros after the decimal point: `20 ms`."""
    digits, *unit_name = quantity(value, unit).split(" ", 1)
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return " ".join([digits, *unit_name])


def as_text(results: Results) -> str:
    """For a terminal of 80 columns."""
    lines = []
    for name, value in results.machine.items():
        lines += wrap(value, _WIDTH, initial_indent=f"{name:>19}  ", subsequent_indent=" " * 21)
    for row in results.rows:
        lines += ["", *wrap(row.name, _WIDTH), *_text_figures(row.figures)]
        for text in (*map(_text_goal, row.goals), row.note):
            lines += wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)


def _text_figures(figures: dict[str, Stats]) -> list[str]:
    if not figures:
        return []
    header = ("median", "p90", "p99", "max", "ratio")
    lines = [" " * (_NAME + 2) + "".join(f"{cell:>{_CELL}}" for cell in header)]
    for name, stats in figures.items():
        cells = "".join(f"{cell:>{_CELL}}" for cell in _cells(stats, figures))
        lines.append(f"  {name:{_NAME}}{cells}".rstrip())
    return lines


def _text_goal(goal: Goal) -> str:
    measured = f"{quantity(goal.value, goal.unit)} {goal.text}".rstrip()
    bound = "at least" if goal.least else "at most"
    return f"{'✓' if goal.met else '✗'} {measured} (goal: {bound} {limit(goal)})"


def _cells(stats: Stats, figures: dict[str, Stats]) -> list[str]:
    """The times of one contender, and how many times longer its median is than ours."""
    times = [seconds(value) for value in (stats.median, stats.p90, stats.p99, stats.max)]
    ours = figures[OURS]
    return [*times, "" if stats is ours else quantity(stats.median / ours.median, "×")]


def as_markdown(results: Results) -> str:
    """The machine, a table of the goals, then one of all figures."""
    machine = "; ".join(f"{name} {value}" for name, value in results.machine.items())
    size = "Sizes of `--quick`, which are too small to compare. " if results.quick else ""
    goals = ["| What | Goal | Measured | |", "|---|---|--:|---|"]
    figures = [
        "| What | Who | Median | p90 | p99 | Max | Ratio |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for row in results.rows:
        goals += [f"| {row.name} | {_markdown_goal(goal)} |" for goal in row.goals]
        figures += _markdown_figures(row)
    return "\n".join([f"{size}Measured on: {machine}.", "", *goals, "", *figures])


def _markdown_goal(goal: Goal) -> str:
    bound = f"{'≥' if goal.least else '≤'} {limit(goal)} {goal.text}".rstrip()
    mark = "met" if goal.met else "**missed**"
    return f"{bound} | {quantity(goal.value, goal.unit)} | {mark}"


def _markdown_figures(row: Row) -> list[str]:
    lines = []
    what = f"{row.name}<br>({row.note})" if row.note else row.name
    for name, stats in row.figures.items():
        cells = _cells(stats, row.figures)
        who = f"**{name}**" if name == OURS else name
        lines.append(f"| {what} | {who} | {' | '.join(cells)} |")
        what = ""
    return lines
