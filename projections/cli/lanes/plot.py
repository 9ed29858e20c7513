"""Folds events into rows."""

from bisect import bisect_right
from collections.abc import Iterator

from journal.events import Clear, Event, Handoff, Origin, Set, Takeover
from projections.cli.formats.durations import duration
from projections.cli.lanes.canvas import Glyphs
from projections.cli.lanes.changes import STATUS_STYLES, reason_of
from projections.cli.lanes.rows import Row
from projections.cli.terminal.output import plain
from projections.handoffs.findings import HandoffAudit, RuntimeChange

_MOST_LOST = 3  # lost calls that a change names, one to a line


class Plot:
    """A projection: the rows of the events so far.

    Memory: one row for each event that is not a write, and for each run of writes of a turn.
    """

    def __init__(self, audit: HandoffAudit, glyphs: Glyphs, origin: Origin | None = None) -> None:
        self.rows: list[Row] = []
        self.lanes: dict[str, int] = {}  # by runtime, in order of appearance
        self._glyphs = glyphs
        self._origin = origin  # until the events of a fork part from its
        self._statuses = {change.handoff_seq: change.status for change in audit.changes}
        self._arrivals = {change.arrival_seq: change for change in audit.changes}
        self._announced: set[int] = set()  # the seqs of the handoffs so far
        self._late = {seq for change in audit.changes for seq in change.late_writes}
        self._double = {
            (run.runtime_id, turn.turn_id) for turn in audit.double_runs for run in turn.runs
        }
        self._children = {
            (child.runtime_id, child.turn_id): child.parent_runtime_id for child in audit.children
        }
        self._spans = audit.spans
        self._starts = [span.first_seq for span in audit.spans]

    def fold(self, event: Event) -> None:
        if self._origin is not None and event.seq > self._origin.seq:
            self.end(event.ts)
        change = self._arrivals.get(event.seq)
        match event:
            case Set():
                if change is not None:
                    self._arrive(change, event)
                self._write(event)
            case Takeover() if change is not None:
                self._arrive(change, event)
            case Takeover():
                self._take_over(event)
            case Handoff():
                self._hand_off(event)
            case Clear():
                self._clear(event)

    def end(self, ts: str) -> None:
        """What is shared with the origin of a fork ends here, if it has not ended before."""
        origin, self._origin = self._origin, None
        if origin is not None:
            note = f"forked from {plain(str(origin))}"
            mark, owner = self._glyphs.solid, self._owner(origin.seq)
            row = Row(mark=mark, note=note, style="bold", across=True, ts=ts, owner=owner)
            self.rows.append(row)

    def _lane(self, runtime_id: str) -> int:
        return self.lanes.setdefault(runtime_id, len(self.lanes))

    def _owner(self, seq: int) -> int:
        """The lane of the runtime that has the session as of an event, -1 if none has."""
        index = bisect_right(self._starts, seq) - 1
        return self._lane(self._spans[index].runtime_id) if index >= 0 else -1

    def _add(self, row: Row, event: Event, *, remark: bool = False, before: bool = False) -> None:
        """Add the row of `event`, or a remark on it. Its owner is the one then, or `before`."""
        if not remark:
            row.first = row.last = event.seq
        row.ts = event.ts
        row.owner = self._owner(event.seq - before)
        self.rows.append(row)

    # Events

    def _write(self, event: Set) -> None:
        turn = (event.runtime_id, event.turn_id)
        faults = {"run twice": turn in self._double, "late": event.seq in self._late}
        notes = [name for name, found in faults.items() if found]
        if turn in self._children and event.seq not in self._late:
            notes.append(f"for {plain(self._children[turn])}")
        row = Row(
            lane=self._lane(event.runtime_id),
            mark=self._glyphs.write,
            name=plain(event.turn_id),
            note=", ".join(notes),
            style="red" if any(faults.values()) else None,
            writes=1,
        )
        last = self.rows[-1] if self.rows else Row()
        if last.key() == row.key() and last.owner == self._owner(event.seq):
            last.last = event.seq
            last.writes += 1
        else:
            self._add(row, event)

    def _take_over(self, event: Takeover) -> None:
        """A takeover that is not a change: the runtime had the session, or nobody had it."""
        lane = self._lane(event.runtime_id)
        gets = self._owner(event.seq) == lane != self._owner(event.seq - 1)
        note = "has the session" if gets else "takes over again"
        self._add(Row(lane=lane, mark=self._glyphs.takes, note=note), event)

    def _hand_off(self, event: Handoff) -> None:
        self._announced.add(event.seq)
        status = self._statuses[event.seq]
        unanswered = status in ("pending", "superseded")
        row = Row(
            note=plain(reason_of(event, status if unanswered else "")),
            style=STATUS_STYLES.get(status),
            line=self._glyphs.dashed if unanswered else self._glyphs.solid,
            waits=status == "pending",
        )
        self._lead(row, event.source, event.target)
        self._add(row, event)

    def _clear(self, event: Clear) -> None:
        row = Row(mark=self._glyphs.clear, note="turns cleared")
        if event.runtime_id is None:
            row.note, row.across = "all turns cleared", True
        else:
            row.lane = self._lane(event.runtime_id)
        self._add(row, event)

    def _lead(self, row: Row, source: str, target: str) -> None:
        """Make the row an arrow; a handoff of a runtime to itself is a mark instead."""
        row.lane, row.to, row.handoffs = self._lane(source), self._lane(target), 1
        if row.to == row.lane:
            row.to, row.mark = None, self._glyphs.takes
            row.note = f"hands off to itself: {row.note}".removesuffix(": ")

    # Changes

    def _arrive(self, change: RuntimeChange, event: Set | Takeover) -> None:
        """A change by the takeover or the first write of its target."""
        lane, took_over = self._lane(change.target), isinstance(event, Takeover)
        is_drawn = change.handoff_seq in self._announced
        if not is_drawn and change.source is not None:
            self._cross(change, change.source, event)
        if change.announced:
            note = "takes over" if took_over else "starts writing"
            row = Row(lane=lane, mark=self._glyphs.takes, note=note, timing=_timing(change))
            remark = not (took_over and (is_drawn or change.source is None))
            self._add(row, event, remark=remark)
        for row in self._lost_rows(change, lane):
            self._add(row, event, remark=True)

    def _cross(self, change: RuntimeChange, source: str, event: Set | Takeover) -> None:
        """Draw the arrow of a change that no handoff in the history announces."""
        row = Row(note="unannounced", style="red", line=self._glyphs.heavy)
        if change.announced:
            note = f"handoff {change.handoff_seq}, not kept"
            row = Row(note=note, line=self._glyphs.solid)
        self._lead(row, source, change.target)
        self._add(row, event, remark=isinstance(event, Set), before=True)

    def _lost_rows(self, change: RuntimeChange, lane: int) -> Iterator[Row]:
        lost = [call for call in change.open_calls if call.is_lost]
        for call in lost[:_MOST_LOST]:
            name, note = plain(call.label), "never finished"
            yield Row(lane=lane, mark=self._glyphs.lost, name=name, note=note, style="red")
        if len(lost) > _MOST_LOST:
            note = f"{len(lost) - _MOST_LOST:,} calls more"
            yield Row(lane=lane, mark=self._glyphs.lost, note=note, style="red")


def _timing(change: RuntimeChange) -> str:
    """How long the handoff took, and what the takeover had seen if it had not seen everything."""
    took = f" ({duration(change.seconds)})" if change.seconds is not None else ""
    if change.takeover_seq is None or change.seen_seq in (None, change.takeover_seq - 1):
        return took
    return f"{took}, saw up to {change.seen_seq}"
