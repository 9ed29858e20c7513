"""Lines of a few parts, which a narrow terminal shows below each other."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from projections.cli.terminal.output import LineWriter, Segment, plain, width

Part: TypeAlias = Sequence[Segment]

_GAP = "  "
_INDENT = "    "


def fold(parts: Sequence[Part]) -> Iterator[list[Segment]]:
    """The parts on one line if they fit, else each but the first on a line of its own, indented.

    A part is never cut: what is too long for a line of its own, such as a hash that is to be
    copied, goes over the edge. In a pipe there is one line.
    """
    parts = [part for part in parts if any(map(_text, part))]
    columns = width()
    whole = _joined(parts)
    if columns is None or _columns(whole) <= columns:
        yield whole
        return
    yield list(parts[0])
    for part in parts[1:]:
        yield [_INDENT, *part]


def print_folded(writer: LineWriter, *parts: Part) -> None:
    """Print them as `fold` has them, on a writer that does not cut."""
    for line in fold(parts):
        writer.line(line)


def _joined(parts: Sequence[Part]) -> list[Segment]:
    line: list[Segment] = []
    for part in parts:
        line += [_GAP, *part] if line else part
    return line


def _text(segment: Segment) -> str:
    return plain(segment if isinstance(segment, str) else segment[0])


def _columns(line: Sequence[Segment]) -> int:
    from rich.cells import cell_len

    return sum(cell_len(_text(segment)) for segment in line)
