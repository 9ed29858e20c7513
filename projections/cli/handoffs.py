"""`journal handoffs`: who had the session when, what was handed over, and what was lost."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import click
import msgspec
from msgspec import Raw

from journal.backend import Past
from journal.errors import NotFoundError
from journal.events import Event, Set
from projections.cli.lanes import (
    ASCII,
    UNICODE,
    Glyphs,
    draw,
    duration,
    end_cut,
    legend,
    middle_cut,
)
from projections.cli.lines import clock, shorten
from projections.cli.main import EXIT_FAILURE
from projections.cli.options import (
    folder_option,
    opened,
    output_option,
    require_log,
    session_argument,
)
from projections.cli.shapes import HandoffsDocument, json_document
from projections.cli.tables import Table
from projections.cli.terminal import Segment, Style, Writer, colour_of, plain, width
from projections.findings import Change, HandoffAudit, OpenCall, TurnRun
from projections.handoffs import audit

_MOST_REMARKS = 10  # of a kind that is no fault
_MOST_SEQS = 6  # stretches of seqs in one sentence
_SHORTEST_NAME = 10  # columns of a runtime's name in the table, where room is short
_LEAST_REASON = 10
_GAP = 2  # columns between those of a table
_STATUS_STYLES: dict[str, Style] = {"unannounced": "red", "pending": "yellow", "superseded": "dim"}
_NO_STATE = Raw(b"null")


@click.command()
@session_argument
@output_option("all", "lanes", "table", "findings", "json")
@folder_option
def handoffs_command(session_id: str, output: str, folder: str | None) -> None:
    """Show who had the session when, and what was lost.

    A drawing with a lane for each runtime, then a table of the changes from one to another,
    then what was found, in words; -o lanes, table or findings give one of these.

    A fault is a turn that two runtimes ran without a handoff in between, a takeover or write
    without a handoff, a write by who has handed off, and a tool call that was open at a
    change and that nobody finished. A handoff that waits is none.

    A tool call is what a state names under tool_calls. It is finished once a state shows a
    result, output or error of it, or a final status, its own or the turn's. The README has
    the exact rules.

    Exit code 0 when there is no fault, 1 when there is one, 3 when there is no such session.

    \b
    Examples:
      journal handoffs my-session
      journal handoffs my-session -o findings
      journal handoffs my-session -o json | jq '.double_runs[].turn_id'
    """
    with opened(folder) as store:
        require_log(store, session_id)
        past = store.past(session_id)
        if past is None:
            raise NotFoundError(f"there is no session {session_id!r} any more")
        found = _audited(past)
    _notices(past)
    if output == "json":
        click.echo(json_document(_document(session_id, past, found.audit)), nl=False)
    else:
        _print(found, output)
    if not found.audit.ok:
        raise click.exceptions.Exit(EXIT_FAILURE)


class _Found(NamedTuple):
    """The audit, and the events that it is of without their states."""

    audit: HandoffAudit
    events: list[Event]


def _audited(past: Past) -> _Found:
    """Both from one reading, so that what is appended meanwhile is in both or neither."""
    events: list[Event] = []

    def watched() -> Iterator[Event]:
        for entry in past.in_order():
            event = entry.event
            stateless = isinstance(event, Set)
            events.append(msgspec.structs.replace(event, state=_NO_STATE) if stateless else event)
            yield event

    return _Found(audit(watched()), events)


def _notices(past: Past) -> None:
    if past.floor:
        _notice(
            f"compaction has dropped what was overwritten before event {past.floor}; "
            "the audit knows only what it kept"
        )
    if past.problems:
        _notice(
            f"the history is damaged in {len(past.problems)} places, `journal verify` lists "
            "them; the audit knows only what could be read"
        )


def _notice(text: str) -> None:
    click.echo(f"journal: {plain(text)}", err=True)


def _document(session_id: str, past: Past, found: HandoffAudit) -> HandoffsDocument:
    return HandoffsDocument(
        session_id=session_id,
        floor=past.floor,
        ok=found.ok,
        spans=found.spans,
        changes=found.changes,
        double_runs=found.double_runs,
        shared_turns=found.shared_turns,
        lost_calls=found.lost_calls,
    )


def _print(found: _Found, output: str) -> None:
    glyphs = _glyphs()
    parts = {
        "lanes": lambda: _print_lanes(found, glyphs),
        "table": lambda: _print_table(found.audit.changes, glyphs),
        "findings": lambda: _print_findings(found, glyphs),
    }
    if output == "all":
        shown = ["lanes", "table", "findings"] if found.audit.changes else ["lanes", "findings"]
    else:
        shown = [output]
    for number, name in enumerate(shown):
        if number:
            click.echo()
        parts[name]()


def _glyphs() -> Glyphs:
    """What standard output can show: one that knows only ASCII would get question marks."""
    try:
        "".join(UNICODE).encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def _print_lanes(found: _Found, glyphs: Glyphs) -> None:
    writer = Writer()
    lines = draw(found.audit, found.events, width(), glyphs)
    for line in lines:
        writer.line(line)
    if lines:
        writer.line([])
        writer.line(legend(glyphs))
    else:
        _notice("there are no events to draw")


# The table


class _Column(NamedTuple):
    """A column of the table; those with a high `rank` go first where there is no room."""

    heading: str
    cells: list[Segment | list[Segment]]
    rank: int = 0

    @property
    def columns(self) -> int:
        from rich.cells import cell_len

        sizes = (sum(cell_len(part) for part in _parts(cell)) for cell in self.cells)
        return max(len(self.heading.removesuffix(">")), *sizes)


def _parts(cell: Segment | list[Segment]) -> Iterator[str]:
    for segment in cell if isinstance(cell, list) else [cell]:
        yield plain(segment if isinstance(segment, str) else segment[0])


def _print_table(changes: Sequence[Change], glyphs: Glyphs) -> None:
    if not changes:
        _notice("no change of runtime")
        return
    columns, dropped = _fitted(changes, glyphs, width())
    table = Table(*(column.heading for column in columns))
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.row(*cells)
    table.print()
    if dropped:
        Writer().line([(f"no room for {', '.join(dropped)}; -o json has all", "dim")])


def _fitted(
    changes: Sequence[Change], glyphs: Glyphs, room: int | None
) -> tuple[list[_Column], list[str]]:
    """The columns that there is room for, and the headings of the others."""
    columns = _columns(changes, glyphs, None)
    if room is None or _breadth(columns) <= room:
        return columns, []
    columns = _columns(changes, glyphs, _SHORTEST_NAME)
    dropped = []
    while (left := room - _breadth(columns)) < 0 and len(columns) > 1:
        last = columns[-1]
        if last.heading == "REASON" and last.columns + left >= _LEAST_REASON:
            longest = last.columns + left
            columns[-1] = last._replace(
                cells=[end_cut(part, longest, glyphs.cut) for part in map(_text, last.cells)]
            )
            break
        worst = max(columns, key=lambda column: column.rank)
        columns.remove(worst)
        dropped.append(worst.heading.removesuffix(">"))
    return columns, dropped


def _text(cell: Segment | list[Segment]) -> str:
    return "".join(_parts(cell))


def _breadth(columns: Sequence[_Column]) -> int:
    return sum(column.columns + _GAP for column in columns) - _GAP


def _columns(changes: Sequence[Change], glyphs: Glyphs, longest_name: int | None) -> list[_Column]:
    """All columns that say anything; runtimes have at most so many columns for their names."""
    took = [duration(each.seconds) if each.seconds is not None else "" for each in changes]
    taken = [each.seen_seq is not None for each in changes]
    turns = [
        str(sum(map(len, each.inherited_turns.values()))) * has
        for each, has in zip(changes, taken, strict=True)
    ]
    calls = [
        str(len(each.inherited_calls)) * has for each, has in zip(changes, taken, strict=True)
    ]
    columns = [
        _Column("SEQ", [str(_seq(each) or "") for each in changes]),
        _Column("WHEN", [(_when(each, longest_name), "dim") for each in changes], 9),
        _Column("CHANGE", [_change(each, glyphs, longest_name) for each in changes]),
        _Column("HOW", [(each.status, _STATUS_STYLES.get(each.status)) for each in changes]),
        _Column("TOOK>", list(took), 6),
        _Column("TURNS>", list(turns), 7),
        _Column("CALLS>", list(calls), 8),
        _Column("OPEN>", [_open(each) for each in changes], 3),
        _Column("LATE>", [_count(len(each.late_writes), "red") for each in changes], 2),
        _Column("REASON", [_reason(each) for each in changes], 5),
    ]
    return [column for column in columns if any(map(_text, column.cells))]


def _seq(change: Change) -> int | None:
    """Of the event that the change began with."""
    if change.announced and change.handed_off_at is not None:
        return change.handoff_seq
    return change.takeover_seq or change.first_write_seq


def _when(change: Change, short: int | None) -> str:
    when = clock(change.handed_off_at or change.taken_over_at or "")
    return when if short is None else when.partition(".")[0].rpartition(" ")[2]


def _change(change: Change, glyphs: Glyphs, longest: int | None) -> list[Segment]:
    names = [plain(change.source) if change.source is not None else "?", plain(change.target)]
    if longest is not None:
        names = [middle_cut(name, longest, glyphs.cut) for name in names]
    source_style = colour_of(change.source) if change.source is not None else None
    return [
        (names[0], source_style),
        f" {glyphs.arrow} ",
        (names[1], colour_of(change.target)),
    ]


def _open(change: Change) -> Segment:
    lost = any(call.finished_seq is None for call in change.open_calls)
    return _count(len(change.open_calls), "red" if lost else "yellow")


def _count(count: int, style: Style) -> Segment:
    return (str(count), style) if count else ""


def _reason(change: Change) -> str:
    turn = f"({change.turn_id})" if change.turn_id is not None else ""
    return " ".join(filter(None, (change.reason, turn)))


# Findings


class _Finding(NamedTuple):
    text: str
    style: Style


def _print_findings(found: _Found, glyphs: Glyphs) -> None:
    from rich.console import Console
    from rich.text import Text

    columns = width()
    console = Console(width=columns)
    writer = Writer(cut=False)
    for text, style in _findings(found):
        mark = glyphs.lost if style == "red" else "-"
        lines: Iterable[str] = [plain(text)]
        if columns is not None:
            wrapped = Text(plain(text)).wrap(console, max(columns - len(mark) - 1, 1))
            lines = [line.plain.rstrip() for line in wrapped]
        for number, line in enumerate(lines):
            writer.line([(f"{' ' if number else mark} {line}", style)])


def _findings(found: _Found) -> Iterator[_Finding]:
    """What the audit found, in words: the faults first."""
    audited = found.audit
    faults = [*_double_runs(audited), *_unannounced(audited), *_late(found), *_lost(audited)]
    for text in faults:
        yield _Finding(text, "red")
    for remarks in (_pending(audited), _finished_later(audited), _shared(audited)):
        texts = list(remarks)
        for text in texts[:_MOST_REMARKS]:
            yield _Finding(text, None)
        if len(texts) > _MOST_REMARKS:
            yield _Finding(f"and {len(texts) - _MOST_REMARKS:,} more like this", "dim")
    if audited.ok:
        yield _Finding("Nothing was lost.", "green")


def _double_runs(found: HandoffAudit) -> Iterator[str]:
    for turn in found.double_runs:
        runs = " and by ".join(map(_run, turn.runs))
        yield f"{turn.turn_id} was run by {runs} without a handoff between"


def _run(run: TurnRun) -> str:
    facts = [_stretch(run.first_seq, run.last_seq, run.writes)]
    if run.finished_calls:
        facts.append(f"{_some(run.finished_calls)} finished")
    if not run.had_session:
        facts.append("without having the session")
    return f"{run.runtime_id} ({', '.join(facts)})"


def _stretch(first: int, last: int, count: int) -> str:
    if first == last:
        return f"event {first}"
    if count == last - first + 1:
        return f"events {first}-{last}"
    return f"{count:,} writes from event {first} to {last}"


def _some(names: Sequence[str], most: int = 3) -> str:
    more = [f"{len(names) - most:,} more"] if len(names) > most else []
    return ", ".join([*(shorten(name, 60) for name in names[:most]), *more])


def _unannounced(found: HandoffAudit) -> Iterator[str]:
    """One for each pair of runtimes and way, so that a quarrel is no thousand lines."""
    seqs: dict[tuple[str, str, bool], list[int]] = {}
    for change in found.changes:
        if not change.announced:
            key = (change.source or "nobody", change.target, change.takeover_seq is not None)
            seqs.setdefault(key, []).append(change.takeover_seq or change.first_write_seq or 0)
    for (source, target, took_over), where in seqs.items():
        times = f", {len(where):,} times" if len(where) > 1 else ""
        did = "took over from" if took_over else "wrote while the session was with"
        yield f"{target} {did} {source} without a handoff{times} ({_events(where)})"


def _late(found: _Found) -> Iterator[str]:
    turns = {event.seq: event.turn_id for event in found.events if isinstance(event, Set)}
    for change in found.audit.changes:
        by_turn: dict[str, list[int]] = {}
        for seq in change.late_writes:
            by_turn.setdefault(turns[seq], []).append(seq)
        for turn, seqs in by_turn.items():
            yield (
                f"{change.source} wrote {turn} ({_events(seqs)}) after it had handed off to "
                f"{change.target} at event {change.handoff_seq}"
            )


def _events(seqs: Sequence[int]) -> str:
    """`event 4`, `events 8, 9`, `events 1-7, 9-12 and 40 more`."""
    stretches: list[list[int]] = []
    for seq in seqs:
        if stretches and seq == stretches[-1][-1] + 1:
            stretches[-1].append(seq)
        else:
            stretches.append([seq])
    shown = [
        ", ".join(map(str, each)) if len(each) < 3 else f"{each[0]}-{each[-1]}"
        for each in stretches[:_MOST_SEQS]
    ]
    more = sum(map(len, stretches[_MOST_SEQS:]))
    return f"event{'s' * (len(seqs) > 1)} {', '.join(shown)}" + f" and {more:,} more" * bool(more)


def _lost(found: HandoffAudit) -> Iterator[str]:
    lost = {call.id for call in found.lost_calls}
    for change in found.changes:
        for call in change.open_calls:
            if call.id in lost:
                lost.remove(call.id)
                yield f"{change.target} never saw {_call(call)} finished; nobody finished it later"


def _call(call: OpenCall) -> str:
    return f"{call.id} ({call.runtime_id}, {call.turn_id}, event {call.named_seq})"


def _finished_later(found: HandoffAudit) -> Iterator[str]:
    told: set[str] = set()
    for change in found.changes:
        for call in change.open_calls:
            if call.finished_seq is not None and call.id not in told:
                told.add(call.id)
                by = call.finished_by
                yield (
                    f"{_call(call)} was open when {change.target} got the session; "
                    f"{by} finished it at event {call.finished_seq}"
                )


def _pending(found: HandoffAudit) -> Iterator[str]:
    for change in found.changes:
        if change.status == "pending":
            reason = f" ({change.reason})" if change.reason else ""
            yield (
                f"{change.target} has not taken over yet what {change.source} handed to it at "
                f"event {change.handoff_seq}{reason}"
            )


def _shared(found: HandoffAudit) -> Iterator[str]:
    for turn in found.shared_turns:
        runs = " and, after a handoff, by ".join(map(_run, turn.runs))
        yield f"{turn.turn_id} was run by {runs}"
