"""The drawing of `journal handoffs`: a lane for each runtime, time going down. Pure: no I/O.

It is made in three steps. `_Plot` folds the events, with what the audit says of them, into
rows, one for what happened at one moment in one lane. `_condense` takes out rows that say
nothing new; what is a fault stays, unless exactly the same is repeated. `_Wide` and `_Graph`
lay the rows out: beside each lane, as long as there is room for that, or else in one column
of text to the right of narrow lanes, as `git log --graph` does.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from journal.events import Clear, Event, Handoff, Set, Takeover
from projections.cli.terminal import Segment, Style, colour_of, plain
from projections.findings import Change, HandoffAudit, OpenCall

Line: TypeAlias = list[Segment]


class Glyphs(NamedTuple):
    """What the drawing is made of, each one column wide."""

    has: str = "┃"
    idle: str = "┊"
    write: str = "●"
    takes: str = "◆"
    clear: str = "✕"
    lost: str = "✗"
    more: str = "⋮"
    right: str = "▶"
    left: str = "◀"
    solid: str = "─"
    dashed: str = "╌"
    heavy: str = "━"
    cut: str = "…"
    times: str = "×"
    arrow: str = "→"


UNICODE = Glyphs()
ASCII = Glyphs(
    has="|",
    idle=":",
    write="o",
    takes="*",
    clear="x",
    lost="!",
    more="~",
    right=">",
    left="<",
    solid="-",
    dashed=".",
    heavy="=",
    cut="~",
    times="x",
    arrow="->",
)

_MOST_LOST = 3  # lost calls that a handover names, one a line
_MOST_WRITES = 5  # rows of quiet writes in a stretch
_LONGEST_CYCLE = 12  # rows
_FEWEST_REPEATS = 4
_MOST_CALM = 8  # handoffs without a fault in a row
_ENDS_OF_CALM = 3  # of which so many are shown at either end
_LONGEST_REASON = 40  # columns that a reason may widen a lane by
_NARROWEST_LANE = 14
_NARROWEST_TEXT = 24
_SHORTEST_NAME = 9  # columns of a name that are left, whatever there is to say of it
_NARROW = 60  # columns of a terminal in which the lanes need the room of the times


def draw(
    audit: HandoffAudit,
    events: Iterable[Event],
    width: int | None = None,
    glyphs: Glyphs = UNICODE,
) -> list[Line]:
    """The lines of the drawing of `events`, which are those that `audit` is of.

    None is wider than `width` columns; without one, they are as wide as their ids. The states
    of sets are not looked at.
    """
    plot = _Plot(audit, glyphs)
    for event in events:
        plot.fold(event)
    if not plot.runtimes:
        return []
    rows = _condense(plot.rows, glyphs)
    page = _page(list(map(plain, plot.runtimes)), list(plot.runtimes), rows, width, glyphs)
    day = _day(rows[0].ts)
    lines = [page.heading(day)]
    for row in rows:
        if row.first and _day(row.ts) != day:
            day = _day(row.ts)
            lines.append(page.gutter.line("", day) + page.lifelines(row))
        lines.append(page.line(row))
    return [_clipped(line, width) for line in lines]


def legend(glyphs: Glyphs = UNICODE) -> Line:
    """What the marks mean, in one line."""
    dashed = glyphs.dashed * 2 + glyphs.right
    known = ((glyphs.has, "has the session"), (glyphs.write, "wrote a turn"))
    marks = (*known, (glyphs.takes, "takes over"), (dashed, "waits to be taken over"))
    return [("   ".join(f"{mark} {meaning}" for mark, meaning in marks), "dim")]


def duration(seconds: float) -> str:
    """Seconds as people read them: `5 ms`, `0.8 s`, `12 s`, `4 m 10 s`, `3 h 5 m`, `2 d 4 h`."""
    sign, seconds = "-" * (seconds < 0), abs(seconds)
    if seconds < 10:
        return f"{sign}{seconds:.1f} s" if seconds >= 0.1 else f"{sign}{1000 * seconds:.0f} ms"
    whole = round(seconds)
    units = ((24 * 60 * 60, "d"), (60 * 60, "h"), (60, "m"), (1, "s"))
    parts: list[str] = []
    for size, unit in units:
        count, whole = divmod(whole, size)
        if count or parts:
            parts.append(f"{count} {unit}" * bool(count))
    return sign + " ".join(part for part in parts[:2] if part)


def middle_cut(text: str, longest: int, cut: str = UNICODE.cut) -> str:
    """`text` in at most so many columns, both its ends kept: ids often differ in the last."""
    from rich.cells import cell_len

    if cell_len(text) <= longest:
        return text
    if longest <= len(cut):
        return cut[: max(longest, 0)]
    tail_columns = (longest - len(cut)) // 2
    head_columns = longest - len(cut) - tail_columns
    head, tail = text[:head_columns], text[len(text) - tail_columns :]
    while cell_len(head) > head_columns:
        head = head[:-1]
    while cell_len(tail) > tail_columns:
        tail = tail[1:]
    return head + cut + tail


def end_cut(text: str, longest: int, cut: str = UNICODE.cut) -> str:
    """`text` in at most so many columns, its beginning kept."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= longest:
        return text
    return set_cell_size(text, max(longest - len(cut), 0)).rstrip() + cut


# Events become rows


class _Row(Struct, kw_only=True):
    """What happened at one moment in one lane, or from one lane to another.

    `first` and `last` are seqs, 0 for a remark on the event below or above. `name` is an id,
    which is cut when room is short; `note` says what is the matter with it. `owner` is the
    lane that has the session, -1 if none. `to` is the lane that an arrow leads to; it is made
    of `line`. A row with `across` is of all lanes. `handoffs` counts the changes in it.
    """

    lane: int = 0
    mark: str = ""
    name: str = ""
    note: str = ""
    timing: str = ""
    style: Style = None
    first: int = 0
    last: int = 0
    ts: str = ""
    owner: int = -1
    to: int | None = None
    line: str = ""
    writes: int = 0
    handoffs: int = 0
    across: bool = False
    waits: bool = False

    def key(self) -> tuple[object, ...]:
        """What makes a row the same as an earlier one, but for when and how often."""
        return (self.lane, self.mark, self.name, self.note, self.to, self.line, self.across)

    def text(self, times: str) -> tuple[str, str]:
        """Its name, and what follows it."""
        count = f"{times}{self.writes:,}" if self.writes > 1 else ""
        return self.name, " ".join(filter(None, (count, self.note + self.timing)))

    @property
    def calm(self) -> bool:
        return self.style in (None, "dim") and not self.waits


class _Plot:
    """A projection: the rows of the events so far. Memory: one row for each stretch of writes
    of a turn."""

    def __init__(self, audit: HandoffAudit, glyphs: Glyphs) -> None:
        self.rows: list[_Row] = []
        self.runtimes: dict[str, int] = {}  # lanes, in order of appearance
        self._glyphs = glyphs
        self._handoffs = {change.handoff_seq: change for change in audit.changes}
        self._arrivals = {_arrival_of(change): change for change in audit.changes}
        self._announced: set[int] = set()  # the seqs of the handoffs so far
        self._late = {seq for change in audit.changes for seq in change.late_writes}
        self._double = {turn.turn_id for turn in audit.double_runs}
        self._lost = {call.id for call in audit.lost_calls}  # those not drawn yet
        self._spans = audit.spans
        self._starts = [span.first_seq for span in audit.spans]

    def fold(self, event: Event) -> None:
        change = self._arrivals.get(event.seq)
        match event:
            case Set():
                lane = self._lane(event.runtime_id)
                if change is not None:
                    self._arrive(change, event)
                self._write(event, lane)
            case Takeover():
                lane = self._lane(event.runtime_id)
                if change is not None:
                    self._arrive(change, event)
                else:
                    self._mark(event, lane, self._glyphs.takes, "takes over again")
            case Handoff():
                self._hand_off(event)
            case Clear():
                self._clear(event)

    def _lane(self, runtime_id: str) -> int:
        return self.runtimes.setdefault(runtime_id, len(self.runtimes))

    def _owner(self, seq: int) -> int:
        """The lane of who has the session as of an event, -1 if nobody."""
        place = bisect_right(self._starts, seq) - 1
        return self._lane(self._spans[place].runtime_id) if place >= 0 else -1

    def _add(self, row: _Row, event: Event, *, remark: bool = False) -> None:
        if not remark:
            row.first = row.last = event.seq
        row.ts = event.ts
        self.rows.append(row)

    def _mark(self, event: Event, lane: int, mark: str, note: str) -> None:
        owner = self._owner(event.seq)
        if owner == lane and self._owner(event.seq - 1) != lane:
            note = "has the session"
        self._add(_Row(lane=lane, mark=mark, note=note, owner=owner), event)

    def _write(self, event: Set, lane: int) -> None:
        faults = {"run twice": event.turn_id in self._double, "late": event.seq in self._late}
        note = ", ".join(name for name, found in faults.items() if found)
        row = _Row(
            lane=lane,
            mark=self._glyphs.write,
            name=plain(event.turn_id),
            note=note,
            style="red" if note else None,
            owner=self._owner(event.seq),
            writes=1,
        )
        last = self.rows[-1] if self.rows else None
        if last is not None and last.key() == row.key() and last.owner == row.owner:
            last.last = event.seq
            last.writes += 1
        else:
            self._add(row, event)

    def _clear(self, event: Clear) -> None:
        glyphs, owner = self._glyphs, self._owner(event.seq)
        if event.runtime_id is None:
            row = _Row(mark=glyphs.clear, note="all turns cleared", owner=owner, across=True)
        else:
            lane = self._lane(event.runtime_id)
            row = _Row(lane=lane, mark=glyphs.clear, note="turns cleared", owner=owner)
        self._add(row, event)

    # Changes

    def _hand_off(self, event: Handoff) -> None:
        self._announced.add(event.seq)
        status = self._handoffs[event.seq].status
        source, target = self._lane(event.source), self._lane(event.target)
        waits, superseded = status == "pending", status == "superseded"
        what = "pending" if waits else "superseded" if superseded else ""
        turn = f"({event.turn_id})" if event.turn_id is not None else ""
        said = ": ".join(filter(None, (what, event.reason))), turn
        style: Style = "yellow" if waits else "dim" if superseded else None
        row = _Row(
            note=plain(" ".join(filter(None, said))),
            style=style,
            owner=self._owner(event.seq),
            line=self._glyphs.dashed if waits or superseded else self._glyphs.solid,
            waits=waits,
        )
        self._add(self._arrow(row, source, target), event)

    def _arrow(self, row: _Row, source: int, target: int) -> _Row:
        row.lane, row.to, row.handoffs = source, target, 1
        if source == target:
            row.to, row.mark = None, self._glyphs.takes
            row.note = f"hands off to itself: {row.note}".removesuffix(": ")
        return row

    def _arrive(self, change: Change, event: Set | Takeover) -> None:
        """A change by the takeover or the first write of its target."""
        lane, owner = self._lane(change.target), self._owner(event.seq)
        took_over = isinstance(event, Takeover)
        if change.handoff_seq not in self._announced:
            self._cross(change, event, lane, remark=not took_over)
        if change.announced:
            drawn = change.handoff_seq in self._announced or change.source is None
            row = _Row(lane=lane, mark=self._glyphs.takes, owner=owner)
            row.note = "takes over" if took_over else "starts writing"
            row.timing = _timing(change)
            self._add(row, event, remark=not (took_over and drawn))
        for row in self._lost_rows(change, lane, owner):
            self._add(row, event, remark=True)

    def _cross(self, change: Change, event: Set | Takeover, lane: int, *, remark: bool) -> None:
        """The arrow of a change that no handoff in the history announces."""
        style: Style = None if change.announced else "red"
        row = _Row(note="unannounced", style=style, owner=self._owner(event.seq - 1))
        if change.announced:
            row.note = f"handoff {change.handoff_seq}, not kept"
        if change.source is None:
            return
        row.line = self._glyphs.solid if change.announced else self._glyphs.heavy
        self._add(self._arrow(row, self._lane(change.source), lane), event, remark=remark)

    def _lost_rows(self, change: Change, lane: int, owner: int) -> Iterator[_Row]:
        lost = [call for call in change.open_calls if self._is_lost(call)]
        for call in lost[:_MOST_LOST]:
            row = _Row(lane=lane, mark=self._glyphs.lost, style="red", owner=owner)
            row.name, row.note = plain(call.id), "never finished"
            yield row
        if len(lost) > _MOST_LOST:
            note = f"{len(lost) - _MOST_LOST:,} calls more"
            yield _Row(lane=lane, mark=self._glyphs.lost, note=note, style="red", owner=owner)

    def _is_lost(self, call: OpenCall) -> bool:
        """Whether nobody finished it, the first time that it is asked."""
        if call.id not in self._lost:
            return False
        self._lost.remove(call.id)
        return True


def _arrival_of(change: Change) -> int | None:
    """The seq of the event by which the target got the session."""
    if change.taken_over_at is None or change.takeover_seq is not None:
        return change.takeover_seq
    return change.first_write_seq


def _timing(change: Change) -> str:
    """How long it took, and what a takeover had seen if that was not all that there was."""
    took = f" ({duration(change.seconds)})" if change.seconds is not None else ""
    if change.takeover_seq is None or change.seen_seq in (None, change.takeover_seq - 1):
        return took
    return f"{took}, saw up to {change.seen_seq}"


# Rows that say nothing new are taken out


def _condense(rows: list[_Row], glyphs: Glyphs) -> list[_Row]:
    return _without_calm(_without_cycles(_without_quiet(rows, glyphs), glyphs), glyphs)


def _without_quiet(rows: list[_Row], glyphs: Glyphs) -> list[_Row]:
    """Of a long stretch of one runtime's writes, the ends; those of a turn run twice stay."""
    result: list[_Row] = []

    def quiet(row: _Row) -> tuple[object, ...] | None:
        if row.mark != glyphs.write or row.note not in ("", "late"):
            return None
        return row.lane, row.note, row.owner

    for key, group in groupby(rows, quiet):
        stretch = list(group)
        if key is not None and len(stretch) > _MOST_WRITES:
            middle = stretch[2:-2]
            writes, turns = sum(row.writes for row in middle), len({row.name for row in middle})
            note = f"{writes:,} writes of {turns:,} turn{'s' * (turns != 1)} {stretch[0].note}"
            stretch[2:-2] = [_left_out(middle, stretch[0].lane, note, glyphs)]
        result += stretch
    return result


def _without_cycles(rows: list[_Row], glyphs: Glyphs) -> list[_Row]:
    """What is repeated again and again, once and how often. O(rows)."""
    keys = [row.key() for row in rows]
    result: list[_Row] = []
    at = 0
    while at < len(rows):
        period, times = _cycle(keys, at)
        result += rows[at : at + period]
        if times > 1:
            again = rows[at + period : at + period * times]
            note = f"the same {times - 1:,} times more"
            result.append(_left_out(again, again[0].lane, note, glyphs, across=True))
        at += period * times
    return result


def _cycle(keys: list[tuple[object, ...]], at: int) -> tuple[int, int]:
    """How many rows from there on are repeated, and how often; (1, 1) if none are enough."""
    for period in range(1, _LONGEST_CYCLE + 1):
        once, times = keys[at : at + period], 1
        while keys[at + times * period : at + (times + 1) * period] == once:
            times += 1
        if times >= _FEWEST_REPEATS:
            return period, times
    return 1, 1


def _without_calm(rows: list[_Row], glyphs: Glyphs) -> list[_Row]:
    """Of many handoffs in which nothing went wrong, the first and the last."""
    result: list[_Row] = []
    for calm, group in groupby(_stretches(rows), lambda rows: all(row.calm for row in rows)):
        found = list(group)
        if calm and len(found) > _MOST_CALM:
            middle = [row for stretch in found[_ENDS_OF_CALM:-_ENDS_OF_CALM] for row in stretch]
            count = sum(row.handoffs for row in middle)
            note = f"{count:,} handoffs more, without a fault"
            row = _left_out(middle, middle[0].lane, note, glyphs, across=True)
            found[_ENDS_OF_CALM:-_ENDS_OF_CALM] = [[row]]
        result += [row for stretch in found for row in stretch]
    return result


def _stretches(rows: list[_Row]) -> list[list[_Row]]:
    """The rows, divided before each arrow."""
    result: list[list[_Row]] = []
    for row in rows:
        if row.to is not None or not result:
            result.append([])
        result[-1].append(row)
    return result


def _left_out(
    rows: list[_Row], lane: int, note: str, glyphs: Glyphs, *, across: bool = False
) -> _Row:
    """The row that stands for others."""
    seqs = [seq for row in rows for seq in (row.first, row.last) if seq]
    red = any(row.style == "red" for row in rows)
    return _Row(
        lane=lane,
        mark=glyphs.more,
        note=note.rstrip(),
        style="red" if red else "dim",
        first=seqs[0] if seqs else 0,
        last=seqs[-1] if seqs else 0,
        ts=rows[0].ts,
        owner=rows[0].owner,
        across=across,
        handoffs=sum(row.handoffs for row in rows),
        waits=any(row.waits for row in rows),
    )


# Rows become lines


class _Gutter(NamedTuple):
    """What stands to the left of the lanes: seqs and times, as far as there is room."""

    seqs: int
    times: int

    @property
    def columns(self) -> int:
        return sum(size + 2 for size in self if size)

    def line(self, seqs: str, time: str) -> Line:
        parts = (seqs.rjust(self.seqs), time.ljust(self.times)[: self.times])
        return [(f"{part}  ", "dim") for part, size in zip(parts, self, strict=True) if size]

    def of(self, row: _Row) -> Line:
        if not row.first:
            return self.line("", "")
        return self.line(_range(row), _time(row.ts))


class _Canvas:
    """A line, put together from texts at columns; later ones hide earlier ones."""

    def __init__(self) -> None:
        self._cells: list[tuple[str, Style]] = []

    def put(self, column: int, text: str, style: Style = None) -> None:
        from rich.cells import cell_len

        size = cell_len(text)
        self._cells += [(" ", None)] * (column + size - len(self._cells))
        # a text with wide characters stays in one piece, its other columns empty
        pieces = list(text) if size == len(text) else [text, *[""] * (size - 1)]
        self._cells[column : column + size] = [(piece, style) for piece in pieces]

    def segments(self) -> Line:
        return [
            ("".join(text for text, _ in group), style)
            for style, group in groupby(self._cells, lambda cell: cell[1])
        ]


class _Page:
    """Lanes on a page: `places` are their columns, from the right edge of the gutter."""

    places: list[int]

    def __init__(
        self, names: list[str], runtimes: list[str], gutter: _Gutter, glyphs: Glyphs
    ) -> None:
        self.names = names
        self.colours: list[Style] = [colour_of(runtime) for runtime in runtimes]
        self.gutter = gutter
        self.glyphs = glyphs

    def heading(self, day: str) -> Line:
        raise NotImplementedError

    def line(self, row: _Row) -> Line:
        raise NotImplementedError

    def place(self, lane: int) -> int:
        return self.places[min(lane, len(self.places) - 1)]

    def lifelines(self, row: _Row) -> Line:
        canvas = _Canvas()
        self.draw_lifelines(canvas, row)
        return canvas.segments()

    def draw_lifelines(self, canvas: _Canvas, row: _Row) -> None:
        for lane in range(len(self.places)):
            canvas.put(self.places[lane], self.glyphs.idle, "dim")
        if row.owner >= 0:
            canvas.put(self.place(row.owner), self.glyphs.has, self.colours[row.owner])

    def draw_arrow(self, canvas: _Canvas, row: _Row) -> tuple[int, int]:
        """Returns the columns between which there is room for a text, the last excluded."""
        start, end = self.place(row.lane), self.place(row.to or 0)
        head = self.glyphs.right if start < end else self.glyphs.left
        style = row.style or self.colours[row.lane]
        low, high = min(start, end) + 1, max(start, end)
        if low >= high:  # lanes that share a place
            return low, low
        canvas.put(low, row.line * (high - low), style)
        canvas.put(high - 1 if start < end else low, head, style)
        return (low, high - 1) if start < end else (low + 1, high)


class _Wide(_Page):
    """Each row's text beside its lane."""

    def __init__(
        self,
        names: list[str],
        runtimes: list[str],
        gutter: _Gutter,
        glyphs: Glyphs,
        sizes: list[int],
    ) -> None:
        super().__init__(names, runtimes, gutter, glyphs)
        self.places = [sum(sizes[:lane]) for lane in range(len(sizes))]
        self._sizes = sizes

    def heading(self, day: str) -> Line:
        canvas = _Canvas()
        for place, size, name, colour in zip(
            self.places, self._sizes, self.names, self.colours, strict=True
        ):
            canvas.put(place, middle_cut(name, size - 1, self.glyphs.cut), colour)
        return self.gutter.line("SEQ", day) + canvas.segments()

    def line(self, row: _Row) -> Line:
        canvas = _Canvas()
        if row.across:
            self._draw_across(canvas, row)
        elif row.to is not None:
            self.draw_lifelines(canvas, row)
            self._label(canvas, row, *self.draw_arrow(canvas, row))
        else:
            self.draw_lifelines(canvas, row)
            place = self.places[row.lane]
            canvas.put(place + 2, row.mark, row.style or self.colours[row.lane])
            text = self._fitted(row, self._sizes[row.lane] - 5)
            canvas.put(place + 4, text, row.style)
        return self.gutter.of(row) + canvas.segments()

    def _draw_across(self, canvas: _Canvas, row: _Row) -> None:
        for place in self.places:
            canvas.put(place, row.mark, row.style or "dim")
        text = self._fitted(row, sum(self._sizes) - 3)
        canvas.put(self.places[0] + 1, f" {text} ", row.style)

    def _label(self, canvas: _Canvas, row: _Row, low: int, high: int) -> None:
        room = high - low - 4
        if row.note and room > len(self.glyphs.cut):
            note = end_cut(row.note, room, self.glyphs.cut)
            canvas.put(low + 1, f" {note} ", row.style)

    def _fitted(self, row: _Row, room: int) -> str:
        """Its name and its note; the name is cut first."""
        from rich.cells import cell_len

        name, rest = row.text(self.glyphs.times)
        if cell_len(name) + cell_len(rest) > room:
            rest = rest.removesuffix(row.timing)
        least = min(cell_len(name), _SHORTEST_NAME)
        name = middle_cut(name, max(room - cell_len(rest) - 1, least), self.glyphs.cut)
        return end_cut(f"{name} {rest}".strip(), room, self.glyphs.cut)


class _Graph(_Page):
    """Narrow lanes, and the text of all rows to the right of them.

    Runtimes that there is no room for share the last lane.
    """

    def __init__(
        self, names: list[str], runtimes: list[str], gutter: _Gutter, glyphs: Glyphs, width: int
    ) -> None:
        super().__init__(names, runtimes, gutter, glyphs)
        room = width - gutter.columns - _NARROWEST_TEXT
        self.places = [2 * lane for lane in range(max(1, min(len(names), room // 2)))]
        self._text = 2 * len(self.places) + 1
        self._room = width - gutter.columns - self._text

    def heading(self, day: str) -> Line:
        canvas = _Canvas()
        canvas.put(self._text, f"{len(self.names)} RUNTIMES", "dim")
        return self.gutter.line("SEQ", day) + canvas.segments()

    def line(self, row: _Row) -> Line:
        canvas = _Canvas()
        self.draw_lifelines(canvas, row)
        if row.across:
            for place in self.places:
                canvas.put(place, row.mark, row.style or "dim")
        elif row.to is not None:
            self.draw_arrow(canvas, row)
        else:
            canvas.put(self.place(row.lane), row.mark, row.style or self.colours[row.lane])
        return [*self.gutter.of(row), *canvas.segments(), *self._description(row)]

    def _description(self, row: _Row) -> Line:
        """Whose it is, and what: where all of it has no room, names give way before notes."""
        from rich.cells import cell_len

        cut = self.glyphs.cut
        name, note = row.text(self.glyphs.times)
        lanes = [] if row.across else [row.lane, *([row.to] if row.to is not None else [])]
        names = [self.names[lane] for lane in lanes]
        room = self._room - cell_len(self.glyphs.arrow) - 5 - min(cell_len(note), _SHORTEST_NAME)
        most = max(_fairest([cell_len(text) for text in (*names, name)], room), 2)
        who: Line = []
        for lane, text in zip(lanes, names, strict=True):
            arrow = [f" {self.glyphs.arrow} "] if who else []
            who += [*arrow, (middle_cut(text, most, cut), self.colours[lane])]
        said = f"{middle_cut(name, most, cut)} {note}".strip()
        pad = " " * (self._text - self.places[-1] - 1)
        return [pad, *who, "  " * bool(who), (said, row.style)]


def _page(
    names: list[str],
    runtimes: list[str],
    rows: Sequence[_Row],
    width: int | None,
    glyphs: Glyphs,
) -> _Page:
    """The most readable page that is not wider than `width`."""
    seqs = max(len("SEQ"), *(len(_range(row)) for row in rows))
    full = _Gutter(seqs, max(len(_time(row.ts)) for row in rows))
    brief = full._replace(times=0)
    needs = _needs(names, rows, glyphs)
    gutters = [full] if width is None or width >= _NARROW else [full, brief]
    for gutter in gutters:
        sizes = _shared(needs, None if width is None else width - gutter.columns)
        if sizes is not None:
            return _Wide(names, runtimes, gutter, glyphs, sizes)
    width = width or 0
    room = width - 2 * min(len(names), 2) - _NARROWEST_TEXT
    choice = next((gutter for gutter in (full, brief) if gutter.columns <= room), _Gutter(0, 0))
    return _Graph(names, runtimes, choice, glyphs, width)


def _needs(names: list[str], rows: Sequence[_Row], glyphs: Glyphs) -> list[int]:
    """How wide each lane would be with nothing cut but reasons."""
    from rich.cells import cell_len

    needs = [cell_len(name) + 2 for name in names]
    for row in rows:
        if row.across:
            continue
        lane, text = row.lane, " ".join(filter(None, row.text(glyphs.times)))
        if row.to is None:
            needs[lane] = max(needs[lane], cell_len(text) + 6)
        elif abs(row.to - lane) == 1:
            low = min(lane, row.to)
            needs[low] = max(needs[low], min(cell_len(row.note), _LONGEST_REASON) + 8)
    return needs


def _shared(needs: list[int], room: int | None) -> list[int] | None:
    """Widths for the lanes: what each needs, the widest cut to what there is room for.

    None when that would be too little to be read.
    """
    if room is None or sum(needs) <= room:
        return needs
    most = _fairest(needs, room)
    return [min(need, most) for need in needs] if most >= _NARROWEST_LANE else None


def _fairest(needs: Sequence[int], room: int) -> int:
    """To what everything has to be cut that is longer, so that all of it fits."""
    fits = (most for most in range(room, 0, -1) if sum(min(n, most) for n in needs) <= room)
    return next(fits, 0)


def _clipped(line: Line, width: int | None) -> Line:
    """The line without what is beyond the right edge, or spaces at its end."""
    from rich.cells import cell_len, set_cell_size

    result: Line = []
    left = width
    for segment in line:
        text, style = (segment, None) if isinstance(segment, str) else segment
        if left is not None:
            text = text if cell_len(text) <= left else set_cell_size(text, left)
            left -= cell_len(text)
        result.append((text, style))
    while result and not result[-1][0].strip():
        result.pop()
    return result


def _range(row: _Row) -> str:
    return str(row.first) if row.first == row.last else f"{row.first}-{row.last}"


def _local(ts: str) -> datetime | None:
    try:
        return datetime.fromisoformat(ts).astimezone()
    except (ValueError, OverflowError):
        return None


def _time(ts: str) -> str:
    when = _local(ts)
    return f"{when:%H:%M:%S}" if when is not None else plain(ts)[: len("10:18:00")]


def _day(ts: str) -> str:
    when = _local(ts)
    return f"{when:%b %d}" if when is not None else ""
