"""Events as lines of text: when, who, and what happened."""

from typing import Any, NamedTuple

from journal.events import Event, Set
from projections.cli.formats.clocks import output_clock
from projections.cli.lines.descriptions import describe
from projections.cli.lines.effects import Effect
from projections.cli.lines.ids import ShownIds
from projections.cli.lines.marks import marks
from projections.cli.terminal.output import (
    Segment,
    Style,
    colour_of,
    json_plain,
    plain,
    width,
)
from projections.cli.terminal.texts import len_of


class _Layout(NamedTuple):
    """How much room a line gives to what stands before the words, at some width.

    `session`, `runtime` and `turn` are the longest ids. Times have milliseconds or not.
    """

    columns: int
    session: int
    runtime: int
    turn: int
    gap: str
    has_seq: bool
    has_milliseconds: bool


_LAYOUTS = (
    _Layout(100, 16, 16, 15, "  ", True, True),
    _Layout(72, 12, 12, 7, "  ", True, True),
    _Layout(0, 10, 9, 7, " ", True, False),
)
"""From wide to narrow: the first for which the terminal has enough columns counts."""

_USUAL = 7  # columns that most ids take: those of the first lines are as wide as the others
_ALL = _Layout(0, 1 << 30, 1 << 30, 1 << 30, "  ", True, True)


class ShortLines:
    """Lays events out in columns that grow with the ids that come.

    On a terminal there is little room: today's events have a time but no date, ids are cut in
    the middle, and the words are fitted into what is left. Elsewhere nothing is cut.
    """

    def __init__(self, *, with_session: bool = False) -> None:
        self._with_session = with_session
        self._clock = output_clock()
        self._marks = marks()
        self._widths = {"session": 0, "time": 0, "runtime": _USUAL, "turn": _USUAL}
        self._ids = ShownIds(self._marks.cut)

    def line(self, session_id: str, event: Event, effect: Effect) -> list[Segment]:
        """The line of one event, without its newline."""
        columns = width()
        layout = _layout(columns)
        runtime, turn = event.runtime_id or "", event.turn_id or ""
        time = self._clock(event.ts)
        cells = [
            (f"{event.seq:>4}", "dim"),
            self._time(time if layout.has_milliseconds else time.partition(".")[0]),
            self._id("session", session_id, layout.session, "bold"),
            self._id("runtime", runtime, layout.runtime, colour_of(runtime) if runtime else None),
            self._id("turn", turn, layout.turn, None),
        ]
        if not self._with_session:
            del cells[2]
        elif not layout.has_milliseconds:
            del cells[1]  # what comes in several sessions is mostly new
        head: list[Segment] = [each for cell in cells for each in (cell, layout.gap)]
        if columns is None:
            return [*head, *describe(event, effect, None, self._marks)]
        used = sum(len_of(text) + len(layout.gap) for text, _ in cells)
        return [*head, *describe(event, effect, columns - used, self._marks)]

    def _time(self, text: str) -> tuple[str, Style]:
        self._widths["time"] = max(self._widths["time"], len(text))
        return text.rjust(self._widths["time"]), "dim"

    def _id(self, name: str, text: str, longest: int, style: Style) -> tuple[str, Style]:
        shown = self._ids.shown(name, plain(text), longest)
        size = len_of(shown)
        self._widths[name] = max(self._widths[name], size)
        return shown + " " * (self._widths[name] - size), style


def _layout(columns: int | None) -> _Layout:
    if columns is None:
        return _ALL
    return next(layout for layout in _LAYOUTS if columns >= layout.columns)


def event_lines(event: Event, state: Any) -> list[list[Segment]]:
    """An event over several lines, its whole state indented: `-o pretty`."""
    import json

    runtime, turn = event.runtime_id or "", event.turn_id or ""
    head: list[Segment] = [
        (f"event {event.seq}", "bold"),
        f"  {event.op}  ",
        (runtime, colour_of(runtime) if runtime else None),
        f"  {turn}",
    ]
    lines: list[list[Segment]] = [head, [("  at      ", "dim"), event.ts]]
    lines.append([("  writer  ", "dim"), event.writer])
    if isinstance(event, Set) and (event.encrypted_by is None or event.erased is not None):
        text = json.dumps(state, indent=2, ensure_ascii=False)
        lines += [[f"  {json_plain(line)}"] for line in text.split("\n")]
    else:
        lines.append(["  ", *describe(event, Effect(known=False), None, marks())])
    return lines
