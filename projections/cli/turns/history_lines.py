"""The lines of `journal history`: what each version of a turn changed, values first."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from projections.cli.formats.ages import age
from projections.cli.formats.clocks import local_time, output_clock
from projections.cli.terminal.output import LineWriter, Segment, Style, colour_of, is_terminal
from projections.cli.turns.text_changes import text_lines
from projections.compare.difference import LeafChange, diff
from projections.compare.encoding import compact_json
from projections.erased import is_erased
from projections.replay import Version

_LONGEST_VALUE = 40  # characters, on a terminal
_MOST_CHANGES = 12  # on a terminal
_STYLES: dict[str, Style] = {"+": "green", "-": "red", "~": "yellow"}
_INDENT = "    "


def print_versions(runtime_id: str, turn_id: str, versions: list[Version]) -> None:
    """Print the versions, the oldest first; on a terminal under a line that sums them up."""
    writer, clock = LineWriter(), output_clock()
    if is_terminal():
        writer.line(_heading(runtime_id, turn_id, versions))
    before: Any = {}
    times = [clock(version.event.ts) for version in versions]
    widest = max(map(len, times))
    for number, (version, time) in enumerate(zip(versions, times, strict=True), 1):
        head = f"~{len(versions) - number:<3} {version.event.seq:>5}  {time:>{widest}}  "
        changes = _changes(before, version.state, is_new=number == 1)
        first, *rest = [[("(erased)", "dim")]] if is_erased(version.event) else changes
        writer.line([(head, "dim"), *first])
        for line in rest:
            writer.line([_INDENT, *line])
        before = version.state if version.state is not None else {}


def _heading(runtime_id: str, turn_id: str, versions: list[Version]) -> list[Segment]:
    count = f"{len(versions)} version{'s' * (len(versions) != 1)}"
    last = local_time(versions[-1].event.ts)
    ago = f", the last {age(last, datetime.now(UTC))}" if last is not None else ""
    return [(runtime_id, colour_of(runtime_id)), f"/{turn_id}", (f"  {count}{ago}", "dim")]


def _changes(old: Any, new: Any, *, is_new: bool) -> Iterator[list[Segment]]:
    """A line with all changes, then what changed in long texts."""
    if new is None:
        yield [("cleared", "red")]
        return
    changes = diff(old, new).lines()
    if not changes:
        yield [("{}" if is_new else "(unchanged)", "dim")]
        return
    left = max(0, len(changes) - _MOST_CHANGES) if is_terminal() else 0
    shown = [(change, text_lines(change)) for change in changes[: len(changes) - left]]
    shown.sort(key=lambda pair: bool(pair[1]))  # texts, which follow below, come last
    line: list[Segment] = []
    for change, text in shown:
        line += [" "] * bool(line)
        line.append((_brief(change, bool(text)), _STYLES[change.mark]))
    yield [*line, (f" … {left} more" if left else "", "dim")]
    for _, text in shown:
        yield from text


def _brief(change: LeafChange, follows: bool) -> str:
    if follows:
        return f"{change.path}=…"
    match change.mark:
        case "+":
            return f"+{change.path}={_value(change.new)}"
        case "-":
            return f"-{change.path}"
        case _:
            return f"{change.path}={_value(change.old)}→{_value(change.new)}"


def _value(value: Any) -> str:
    text = compact_json(value)
    if len(text) <= _LONGEST_VALUE or not is_terminal():
        return text
    return text[: _LONGEST_VALUE - 1] + "…"
