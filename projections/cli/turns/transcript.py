"""A turn as a text to read: a header, then what happened, each call where it was asked for."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from journal.events import Event
from projections.cli.documents.turns import TurnDocument
from projections.cli.formats.clocks import output_clock
from projections.cli.formats.durations import duration
from projections.cli.lines.marks import Marks, marks
from projections.cli.lines.phrases import ending
from projections.cli.terminal.output import (
    LineWriter,
    Segment,
    Style,
    colour_of,
    json_plain,
    plain,
    width,
)
from projections.cli.terminal.wrapping import flowed, wrapped
from projections.cli.turns.header import header
from projections.compare.encoding import compact_json
from projections.turns.contents import contents_of
from projections.turns.story import StoryEntry

_INDENT = "  "
_Line = list[Segment]


def print_turn(document: TurnDocument, events: Sequence[Event]) -> None:
    """Print it; `events` are those that wrote its versions, the last of which is shown."""
    writer = LineWriter(cut=False)
    signs = marks()
    text = _Text(document, signs)
    for lines in (header(document, events, signs), text.entries(), text.rest()):
        for line in lines:
            writer.line(line)


class _Text:
    def __init__(self, document: TurnDocument, signs: Marks) -> None:
        self._document = document
        self._marks = signs
        self._columns = width()
        self._clock = output_clock()

    # What happened

    def entries(self) -> Iterator[_Line]:
        for entry in self._document.entries:
            yield from self._entry(entry)

    def _entry(self, entry: StoryEntry) -> Iterator[_Line]:
        signs = self._marks
        match entry.kind:
            case "said":
                style: Style = "bold" if entry.role == "user" else None
                yield from self._head(entry, [(entry.role or "", style)])
                yield from self._body(entry.text or "")
                yield from self._cut(entry, "text")
            case "call":
                yield from self._call(entry)
            case "handoff":
                whom = entry.runtime_id or ""
                turn = f"{whom}/{entry.turn_id}" if entry.turn_id else whom
                session = f" in session {entry.session_id}" if entry.session_id else ""
                hands = (f"{signs.hand} hands over to ", "bold")
                yield from self._head(entry, [hands, (turn, colour_of(whom)), session])
            case "waits":
                yield from self._head(entry, [(f"{signs.wait} waits for a person", "yellow")])
            case "resumed":
                yield from self._head(entry, [f"{signs.start} goes on"])
            case "ended":
                mark, colour = ending(entry.status or "", signs)
                how = (f"{mark} {entry.status}", colour)
                yield from self._head(entry, [how, *_after(entry.seconds)])
                if entry.error is not None:
                    yield from self._value("", entry.error)
                    yield from self._cut_of_turn()
            case "not_kept":
                yield from self._head(entry, [(_not_kept(entry), "dim")])

    def _head(self, entry: StoryEntry, said: list[Segment]) -> Iterator[_Line]:
        time = f"{self._clock(entry.at)}  " if entry.at is not None else ""
        for line in flowed([(time, "dim"), *said], _INDENT, self._columns):
            yield [*line]

    def _call(self, entry: StoryEntry) -> Iterator[_Line]:
        name = entry.name or (f"call {entry.call_id}" if entry.call_id else "a call")
        yield from self._head(
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
        first, *more = map(plain, f"{name}{text}".splitlines() or [name])
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
        if rest is None or (not rest and (self._document.entries or self._document.erased)):
            return
        if self._document.entries:
            yield []
            yield [("its state also has", "dim")]
        for line in json.dumps(rest, indent=2, ensure_ascii=False).split("\n"):
            yield [json_plain(line)]


def _after(seconds: float | None) -> list[Segment]:
    return [(f"  {duration(seconds)}", "dim")] if seconds is not None else []


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else compact_json(value)


def _not_kept(entry: StoryEntry) -> str:
    counts = ((entry.calls, "call"), (entry.messages, "message"))
    words = [f"{count} {name}{'s' * (count != 1)}" for count, name in counts if count]
    return f"({' and '.join(words)} not kept)"
