"""What stands above a turn: which it is, how it went, who called for it, how it was recorded."""

from collections.abc import Iterator, Sequence
from typing import Any

from journal.events import Event
from projections.cli.documents.turns import TurnDocument
from projections.cli.formats.clocks import output_clock
from projections.cli.formats.durations import duration
from projections.cli.lines.marks import Marks
from projections.cli.lines.phrases import ending
from projections.cli.terminal.output import Segment, colour_of, width
from projections.cli.terminal.wrapping import flowed, wrapped
from projections.compare.encoding import compact_json
from projections.turns.parents import Parent
from projections.turns.usage import cost_in, tokens_in

_Line = list[Segment]
_NAME = 12  # columns of the names of facts, and what is before and after them

_OMITTED = {
    "tool_calls": "calls that are over",
    "open_calls": "calls that are not over",
    "handoffs": "handoffs",
    "transcript": "messages",
}


def header(document: TurnDocument, events: Sequence[Event], signs: Marks) -> Iterator[_Line]:
    """Its lines; `events` are those that wrote the turn's versions."""
    return _Header(document, signs).lines(events)


class _Header:
    def __init__(self, document: TurnDocument, signs: Marks) -> None:
        self._document = document
        self._marks = signs
        self._columns = width()
        self._clock = output_clock()

    def lines(self, events: Sequence[Event]) -> Iterator[_Line]:
        turn = self._document
        names: list[Segment] = [
            (turn.runtime_id, colour_of(turn.runtime_id)),
            (f"  {turn.turn_id}", "bold"),
        ]
        for line in flowed(names, "  ", self._columns):
            yield [*line]
        yield from self._facts("status", self._figures())
        yield from self._facts("session", [turn.session_id])
        if turn.agent not in (None, turn.runtime_id):
            yield from self._facts("agent", [turn.agent or ""])
        times = [("opened", turn.opened_at), ("closed", turn.closed_at)]
        for name, at in times:
            if at is not None:
                yield from self._facts(name, [self._clock(at)])
        if turn.parent is not None:
            yield from self._facts("called by", _parent(turn.parent))
        yield from self._facts("recorded", _recorded(events))
        yield from self._provenance()
        if turn.erased:
            yield from self._facts("note", ["its state was erased"])
        yield []

    def _figures(self) -> list[str]:
        turn = self._document
        tokens, cost = tokens_in(turn.usage), cost_in(turn.usage)
        mark = ""
        if turn.status is not None:
            marks_of = {"open": self._marks.start, "waiting": self._marks.wait}
            mark = (
                f"{marks_of.get(turn.status) or ending(turn.status, self._marks)[0]} {turn.status}"
            )
        cached = turn.usage.get("cache_read_tokens")
        found = [
            mark,
            duration(turn.seconds) if turn.seconds is not None else "",
            f"{tokens:,} tokens" if tokens else "",
            f"{int(cached):,} of them from a cache" if cached else "",
            f"${cost:.4g}" if cost else "",
            turn.model or "",
            f"stop reason {turn.stop_reason}" if turn.stop_reason else "",
        ]
        return [each for each in found if each]

    def _provenance(self) -> Iterator[_Line]:
        state = self._document.state if isinstance(self._document.state, dict) else {}
        source, forked = state.get("source"), state.get("forked_from")
        if isinstance(source, dict):
            words = [f"{key} {_shown(value)}" for key, value in source.items()]
            yield from self._facts("imported", [", ".join(words)])
        if isinstance(forked, dict):
            words = [f"{key} {_shown(value)}" for key, value in forked.items()]
            yield from self._facts("forked", [", ".join(words)])
        if state.get("provisional") is True:
            yield from self._facts("note", ["provisional: the agent's own file will replace it"])
        dropped = state.get("notes_dropped")
        if type(dropped) is int and dropped > 0:
            yield from self._facts("note", [f"{dropped} notes of the recorder were dropped"])
        counts = self._document.omitted
        if counts:
            words = [f"{count} {_OMITTED.get(name, name)}" for name, count in counts.items()]
            what = "its state has no room for " + ", ".join(words)
            where = "; what earlier versions had of them is here" * bool(self._document.seq)
            yield from self._facts("note", [what + where])

    def _facts(self, name: str, facts: list[str]) -> Iterator[_Line]:
        """Facts behind their name, as many on a line as there is room for."""
        if not facts:
            return
        lines = [facts[0]]
        for fact in facts[1:]:
            joined = f"{lines[-1]}  {fact}"
            if self._columns is None or len(joined) + _NAME <= self._columns:
                lines[-1] = joined
            else:
                lines.append(fact)
        for number, line in enumerate(lines):
            for part in wrapped(line, "", self._columns and self._columns - _NAME):
                yield [(f"  {name if not number else '':<10}", "dim"), part]
                name = ""


def _recorded(events: Sequence[Event]) -> list[str]:
    if not events:
        return ["in the session file only, without times"]
    writers = dict.fromkeys(event.writer for event in events)
    first, last = events[0].seq, events[-1].seq
    which = f"event {first}" if first == last else f"events {first} to {last}"
    versions = f"{len(events)} version{'s' * (len(events) != 1)}"
    return [which, versions, f"by {', '.join(writers)}"]


def _parent(parent: Parent) -> list[str]:
    found = [f"{parent.runtime_id}/{parent.turn_id}"]
    if parent.tool_call_id is not None:
        found.append(f"in its call {parent.tool_call_id}")
    if parent.session_id is not None:
        found.append(f"of session {parent.session_id}")
    return found


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else compact_json(value)
