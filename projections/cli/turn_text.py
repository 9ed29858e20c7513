"""A turn as a text to read: a header, then what happened, each call where it was asked for."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from journal.events import Event
from projections.cli.clocks import brief_clock, clock
from projections.cli.documents.turns import TurnDocument
from projections.cli.durations import duration
from projections.cli.marks import Marks, marks
from projections.cli.phrases import ending
from projections.cli.terminal import (
    LineWriter,
    Segment,
    Style,
    colour_of,
    is_terminal,
    json_plain,
    plain,
    width,
)
from projections.cli.wrapping import wrapped
from projections.compare.encoding import compact_json
from projections.turns.contents import contents_of
from projections.turns.parents import Parent
from projections.turns.story import StoryEntry
from projections.turns.usage import cost_in, tokens_in

_INDENT = "  "
_Line = list[Segment]


def print_turn(document: TurnDocument, events: Sequence[Event]) -> None:
    """Print it; `events` are those that wrote its versions, the last of which is shown."""
    writer = LineWriter(cut=False)
    text = _Text(document, marks())
    for lines in (text.header(events), text.entries(), text.rest()):
        for line in lines:
            writer.line(line)


class _Text:
    def __init__(self, document: TurnDocument, signs: Marks) -> None:
        self._document = document
        self._marks = signs
        self._columns = width()
        self._clock = brief_clock if is_terminal() else clock

    # What it is

    def header(self, events: Sequence[Event]) -> Iterator[_Line]:
        turn = self._document
        yield [(turn.runtime_id, colour_of(turn.runtime_id)), "  ", (turn.turn_id, "bold")]
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
        yield from self._facts("recorded", self._recorded(events))
        yield from self._provenance()
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

    def _recorded(self, events: Sequence[Event]) -> list[str]:
        if not events:
            return ["in the session file only, without times"]
        writers = dict.fromkeys(event.writer for event in events)
        first, last = events[0].seq, events[-1].seq
        which = f"event {first}" if first == last else f"events {first} to {last}"
        versions = f"{len(events)} version{'s' * (len(events) != 1)}"
        return [which, versions, f"by {', '.join(writers)}"]

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
            if self._columns is None or len(joined) + 12 <= self._columns:
                lines[-1] = joined
            else:
                lines.append(fact)
        for number, line in enumerate(lines):
            for part in wrapped(line, "", self._columns and self._columns - 12):
                yield [(f"  {name if not number else '':<10}", "dim"), part]
                name = ""

    # What happened

    def entries(self) -> Iterator[_Line]:
        for entry in self._document.entries:
            yield from self._entry(entry)

    def _entry(self, entry: StoryEntry) -> Iterator[_Line]:
        signs = self._marks
        match entry.kind:
            case "said":
                style: Style = "bold" if entry.role == "user" else None
                yield self._head(entry, [(entry.role or "", style)])
                yield from self._body(entry.text or "")
                yield from self._cut(entry, "text")
            case "call":
                yield from self._call(entry)
            case "handoff":
                whom = entry.runtime_id or ""
                turn = f"/{entry.turn_id}" if entry.turn_id else ""
                session = f" in session {entry.session_id}" if entry.session_id else ""
                hands = (f"{signs.hand} hands over to ", "bold")
                yield self._head(entry, [hands, (plain(whom), colour_of(whom)), turn + session])
            case "waits":
                yield self._head(entry, [(f"{signs.wait} waits for a person", "yellow")])
            case "resumed":
                yield self._head(entry, [f"{signs.start} goes on"])
            case "ended":
                mark, colour = ending(entry.status or "", signs)
                how = (f"{mark} {entry.status}", colour)
                yield self._head(entry, [how, *_after(entry.seconds)])
                if entry.error is not None:
                    yield from self._value("", entry.error)
                    yield from self._cut_of_turn()
            case "not_kept":
                yield self._head(entry, [(_not_kept(entry), "dim")])

    def _head(self, entry: StoryEntry, said: list[Segment]) -> _Line:
        time = f"{self._clock(entry.at)}  " if entry.at is not None else ""
        return [(time, "dim"), *said]

    def _call(self, entry: StoryEntry) -> Iterator[_Line]:
        name = entry.name or (f"call {entry.call_id}" if entry.call_id else "a call")
        yield self._head(
            entry,
            [
                (f"{self._marks.ask} ", "dim"),
                (name, "bold"),
                *_after(entry.seconds),
                *([(f"  {entry.call_id}", "dim")] if entry.name and entry.call_id else []),
            ],
        )
        arguments = entry.arguments
        if isinstance(arguments, dict):
            for key, value in arguments.items():
                yield from self._value(f"{key} = ", value)
        elif arguments is not None:
            yield from self._value("", arguments)
        yield from self._cut(entry, "arguments")
        yield from self._permission(entry)
        yield from self._outcome(entry)

    def _permission(self, entry: StoryEntry) -> Iterator[_Line]:
        if entry.asked_at is not None:
            answer = entry.answer or ("" if entry.status == "waiting" else "no answer is known")
            words = f"asked for approval {self._clock(entry.asked_at)}"
            yield [_INDENT, (f"{words}{': ' * bool(answer)}{answer}", "dim")]
        if entry.status == "waiting":
            yield [_INDENT, (f"{self._marks.wait} waits for approval", "yellow")]

    def _outcome(self, entry: StoryEntry) -> Iterator[_Line]:
        signs, status = self._marks, entry.status
        if status == "open":
            yield [_INDENT, (f"{signs.start} has not ended: it may still run", "yellow")]
        elif status is None:
            yield [_INDENT, (f"{signs.answer} ended; how is not kept", "dim")]
        elif status not in ("completed", "waiting") and (status != "error" or entry.error is None):
            word = "failed" if status == "error" else status
            style: Style = "red" if status in ("error", "denied") else "yellow"
            yield [_INDENT, (f"{ending(status, signs)[0]} {word}", style)]
        if entry.exit_code is not None:
            yield [_INDENT, (f"exit code {_shown(entry.exit_code)}", "dim")]
        if entry.error is not None:
            yield from self._value(f"{signs.fail} ", entry.error)
            yield from self._cut(entry, "error")
        if entry.result is not None:
            yield from self._value(f"{signs.answer} ", entry.result)
            yield from self._cut(entry, "result")
        elif status == "completed" and entry.error is None:
            yield [_INDENT, (f"{signs.answer} done", "dim")]

    # Values

    def _body(self, text: str) -> Iterator[_Line]:
        for line in wrapped(text, _INDENT, self._columns):
            yield [line]

    def _value(self, name: str, value: Any) -> Iterator[_Line]:
        """A value behind its name; its further lines are indented a little more."""
        text = value if isinstance(value, str) else compact_json(value)
        first, *more = f"{name}{text}".splitlines() or [name]
        pieces = list(wrapped(first, _INDENT, self._columns))
        deeper = _INDENT * 2 if name else _INDENT
        if len(pieces) > 1 and self._columns is not None:
            rest = first[len(pieces[0]) - len(_INDENT) :].lstrip(" ")
            pieces = [pieces[0], *wrapped(rest, deeper, self._columns)]
        for line in more:
            pieces += wrapped(line, deeper, self._columns)
        for piece in pieces:
            yield [piece]

    def _cut(self, entry: StoryEntry, field: str) -> Iterator[_Line]:
        cut = entry.cut.get(field) if entry.cut is not None else None
        yield from self._cut_words(cut)

    def _cut_of_turn(self) -> Iterator[_Line]:
        state = self._document.state
        cut = state.get("cut") if isinstance(state, dict) else None
        yield from self._cut_words(cut.get("error") if isinstance(cut, dict) else None)

    def _cut_words(self, cut: Any) -> Iterator[_Line]:
        size = cut.get("bytes") if isinstance(cut, dict) else None
        if type(size) is int:
            yield [_INDENT, (f"(the beginning of {size:,} bytes; the rest is not kept)", "dim")]

    # What nobody here knows

    def rest(self) -> Iterator[_Line]:
        rest = contents_of(self._document.state).rest
        if rest is None or (not rest and self._document.entries):
            return
        if self._document.entries:
            yield []
            yield [("its state also has", "dim")]
        for line in json.dumps(rest, indent=2, ensure_ascii=False).split("\n"):
            yield [json_plain(line)]


_OMITTED = {
    "tool_calls": "calls that are over",
    "open_calls": "calls that are not over",
    "handoffs": "handoffs",
    "transcript": "messages",
}


def _parent(parent: Parent) -> list[str]:
    found = [f"{parent.runtime_id}/{parent.turn_id}"]
    if parent.tool_call_id is not None:
        found.append(f"in its call {parent.tool_call_id}")
    if parent.session_id is not None:
        found.append(f"of session {parent.session_id}")
    return found


def _after(seconds: float | None) -> list[Segment]:
    return [(f"  {duration(seconds)}", "dim")] if seconds is not None else []


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else compact_json(value)


def _not_kept(entry: StoryEntry) -> str:
    counts = ((entry.calls, "call"), (entry.messages, "message"))
    words = [f"{count} {name}{'s' * (count != 1)}" for count, name in counts if count]
    return f"({' and '.join(words)} not kept)"
