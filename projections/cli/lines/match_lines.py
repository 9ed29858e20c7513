"""Matches as lines of text: whose event, where in it, and the text around the match."""

from typing import NamedTuple

from journal.events import Event
from projections.cli.formats.clocks import output_clock
from projections.cli.lines.descriptions import describe
from projections.cli.lines.effects import Effect
from projections.cli.lines.ids import ShownIds
from projections.cli.lines.marks import marks
from projections.cli.terminal.output import Segment, Style, colour_of, plain, width
from projections.search.pattern import Match

_LONGEST_ID = 16
_LEAST_TEXT = 24  # columns for the text; where there are fewer, other columns are left out
_MATCH: Style = "red"


class _Column(NamedTuple):
    """One column before the text: its name, what it says, and how."""

    name: str
    segments: list[Segment]

    @property
    def text(self) -> str:
        return "".join(each if isinstance(each, str) else each[0] for each in self.segments)


_LEFT_OUT = ("turn", "time", "place", "runtime")
"""Columns that a narrow terminal lacks, the first one first."""


class MatchLines:
    """Lays matches out: in a pipe as they are, on a terminal so that the match is in sight."""

    def __init__(self) -> None:
        self._room = width()
        self._clock = output_clock()
        self._marks = marks()
        self._ids = ShownIds(self._marks.cut)
        self._widths: dict[str, int] = {}

    def line(self, session_id: str, event: Event, matches: list[Match]) -> list[Segment]:
        """The line of one event, without its newline. Without matches it says what happened."""
        self._room = width()
        if not matches:
            head = self._head(self._columns(session_id, event, ""), 0)
            room = None if self._room is None else self._room - _cells(head)
            return [*head, *describe(event, Effect(known=False), room, self._marks)]
        first = matches[0]
        more = f"  (+{len(matches) - 1})" if len(matches) > 1 else ""
        parts = [_shown(each) for each in _split(first)]
        head = self._head(self._columns(session_id, event, first.place), len(more))
        if self._room is not None:
            parts = _window(parts, self._room - _cells(head) - len(more), self._marks.cut)
        before, match, after = parts
        return [*head, before, (match, _MATCH), after, (more, "dim")]

    def _columns(self, session_id: str, event: Event, place: str) -> list[_Column]:
        runtime, turn = event.runtime_id or "", event.turn_id or ""
        columns = [
            _Column(
                "session", [(self._id("session", session_id), "bold"), (f":{event.seq}", "dim")]
            ),
            _Column("time", [(self._clock(event.ts), "dim")]),
            _Column(
                "runtime",
                [(self._id("runtime", runtime), colour_of(runtime) if runtime else None)],
            ),
            _Column("turn", [self._id("turn", turn)]),
        ]
        return [*columns, _Column("place", [(f"{plain(place)}:", "dim")])] if place else columns

    def _id(self, kind: str, text: str) -> str:
        text = plain(text)
        return text if self._room is None else self._ids.shown(kind, text, _LONGEST_ID)

    def _head(self, columns: list[_Column], more: int) -> list[Segment]:
        """The columns for which there is room; on a terminal, each as wide as it ever was."""
        if self._room is None:
            return [piece for column in columns for piece in (*column.segments, "  ")]
        left_out: set[str] = set()
        for name in _LEFT_OUT:
            head = self._padded([each for each in columns if each.name not in left_out])
            if self._room - _cells(head) - more >= _LEAST_TEXT:
                return head
            left_out.add(name)
        return self._padded([each for each in columns if each.name not in left_out])

    def _padded(self, columns: list[_Column]) -> list[Segment]:
        head: list[Segment] = []
        for column in columns:
            size = _cells(column.segments)
            if column.name != "place":
                self._widths[column.name] = max(self._widths.get(column.name, 0), size)
            head += [*column.segments, " " * (self._widths.get(column.name, size) - size + 2)]
        return head


def _split(match: Match) -> tuple[str, str, str]:
    text = match.text
    return text[: match.start], text[match.start : match.end], text[match.end :]


def _shown(text: str) -> str:
    """On one line: its lines are joined by `\\n`."""
    return plain(text.replace("\r\n", "\n").replace("\n", "\\n"))


def _cells(segments: list[Segment]) -> int:
    from rich.cells import cell_len

    return sum(cell_len(each if isinstance(each, str) else each[0]) for each in segments)


def _window(parts: list[str], room: int, cut: str) -> list[str]:
    """As much of the text around the match as there is room for."""
    before, match, after = parts
    room = max(room, 1)
    match = _begin(match, room, cut)
    left = room - _cells([match])
    after_size = min(_cells([after[:room]]), left)
    before = _end(before, max(left - after_size, left // 3), cut)
    return [before, match, _begin(after, left - _cells([before]), cut)]


def _begin(text: str, room: int, cut: str) -> str:
    """The beginning of a text, with an ellipsis if there is more of it."""
    from rich.cells import set_cell_size

    if _cells([text[: room + 1]]) <= room:
        return text
    size = room - len(cut)
    return set_cell_size(text[: room + 1], size).rstrip() + cut if size >= 0 else ""


def _end(text: str, room: int, cut: str) -> str:
    """The end of a text, likewise."""
    tail = text[-room - 1 :] if room > 0 else ""
    if len(tail) == len(text) and _cells([tail]) <= room:
        return text
    while tail and _cells([tail]) > room - len(cut):
        tail = tail[1:]
    return cut + tail.lstrip() if room >= len(cut) else ""
