"""What `journal diff` prints: the changes one by one, or how many there are."""

from collections.abc import Sequence

from projections.cli.terminal.output import LineWriter, Segment, Style
from projections.cli.terminal.tables import Table
from projections.cli.turns.text_changes import text_lines
from projections.compare.counts import PartCount, counts
from projections.compare.difference import Difference
from projections.compare.paths import ROOT, child_path
from projections.refs import Ref

_STYLES: dict[str, Style] = {"+": "green", "-": "red", "~": "yellow"}


def print_difference(found: Difference) -> None:
    """Print the changes. What stands under a change, such as a unified diff, is indented."""
    writer = LineWriter(cut=False)
    for change in found.lines():
        for line in text_lines(change) or [[(str(change), _STYLES[change.mark])]]:
            writer.line(line)


def print_counts(found: Difference, ref: Ref) -> None:
    """Print how many values changed: by turns, or by the keys of a turn, as `ref` names one."""
    depth = 2 if ref.runtime_id is None else 1
    parts = list(counts(found.old, found.new, depth))
    if not parts:
        return
    table = Table("VALUE" if ref.turn_id is not None else "TURN", *_NUMBERS)
    for part in parts:
        name: list[Segment] = [(f"{part.mark} ", _STYLES[part.mark]), (_name(part, ref), "bold")]
        table.row(name, *_cells(part.added, part.changed, part.removed, part.grown))
    if len(parts) > 1:
        columns = zip(*(part[2:] for part in parts), strict=True)
        table.row("  total", *_cells(*map(sum, columns)))
    table.print()


_NUMBERS = ("ADDED>", "CHANGED>", "REMOVED>", "BYTES>")


def _cells(added: int, changed: int, removed: int, grown: int) -> Sequence[Segment]:
    numbers: tuple[tuple[int, Style], ...] = (
        (added, "green"),
        (changed, "yellow"),
        (removed, "red"),
    )
    cells: list[Segment] = [(str(count), style if count else "dim") for count, style in numbers]
    return [*cells, f"{grown:+}"]


def _name(part: PartCount, ref: Ref) -> str:
    """A turn as `journal diff` takes it, or the path of a value."""
    if ref.turn_id is not None:
        path = ROOT
        for key in part.keys:
            path = child_path(path, key)
        return path
    keys = part.keys if ref.runtime_id is None else (ref.runtime_id, *part.keys)
    runtime_id, turn_id = (*keys, None, None)[:2]
    return str(Ref(runtime_id, turn_id)) if keys else ROOT
