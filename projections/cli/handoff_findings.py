"""The findings of `journal handoffs`: sentences for what the audit found, the faults first."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from journal.events import Event, Set
from projections.cli.lanes import Glyphs
from projections.cli.lines import shorten
from projections.cli.terminal import LineWriter, Style, plain, width
from projections.handoffs.findings import HandoffAudit, OpenCall, RuntimeChange, TurnRun

_MOST_REMARKS = 10  # of one kind that is not a fault
_MOST_STRETCHES = 6  # of seqs in one sentence
_MOST_CALLS = 3  # in one sentence
_LONGEST_CALL = 60


class _Finding(NamedTuple):
    text: str
    style: Style


def print_findings(audit: HandoffAudit, events: Sequence[Event], glyphs: Glyphs) -> None:
    """Print a sentence for each finding; `audit` is the audit of `events`.

    Sentences are wrapped to the width of a terminal, never cut.
    """
    columns = width()
    writer = LineWriter(cut=False)
    for text, style in _findings(audit, events):
        mark = glyphs.lost if style == "red" else "-"
        for number, line in enumerate(_wrapped(text, columns, len(mark) + 1)):
            writer.line([(f"{' ' if number else mark} {line}", style)])


def _wrapped(text: str, columns: int | None, indent: int) -> list[str]:
    if columns is None:
        return [text]
    from rich.console import Console
    from rich.text import Text

    lines = Text(plain(text)).wrap(Console(width=columns), max(columns - indent, 1))
    return [line.plain.rstrip() for line in lines]


def _findings(audit: HandoffAudit, events: Sequence[Event]) -> Iterator[_Finding]:
    faults = (_double_runs(audit), _unannounced(audit), _late(audit, events), _lost(audit))
    for text in chain(*faults):
        yield _Finding(text, "red")
    for remarks in (_pending(audit), _finished_later(audit), _shared(audit)):
        texts = list(remarks)
        for text in texts[:_MOST_REMARKS]:
            yield _Finding(text, None)
        if len(texts) > _MOST_REMARKS:
            yield _Finding(f"and {len(texts) - _MOST_REMARKS:,} more like this", "dim")
    if audit.ok:
        yield _Finding("Nothing was lost.", "green")


# Turns of several runtimes


def _double_runs(audit: HandoffAudit) -> Iterator[str]:
    for turn in audit.double_runs:
        runs = " and by ".join(map(_run, turn.runs))
        yield f"{turn.turn_id} was run by {runs} without a handoff between"


def _shared(audit: HandoffAudit) -> Iterator[str]:
    for turn in audit.shared_turns:
        runs = " and, after a handoff, by ".join(map(_run, turn.runs))
        yield f"{turn.turn_id} was run by {runs}"


def _run(run: TurnRun) -> str:
    facts = [_writes(run)]
    if run.finished_calls:
        facts.append(f"{_some(run.finished_calls)} finished")
    if not run.had_session:
        facts.append("without having the session")
    return f"{run.runtime_id} ({', '.join(facts)})"


def _writes(run: TurnRun) -> str:
    if run.first_seq == run.last_seq:
        return f"event {run.first_seq}"
    if run.writes == run.last_seq - run.first_seq + 1:
        return f"events {run.first_seq}-{run.last_seq}"
    return f"{run.writes:,} writes from event {run.first_seq} to {run.last_seq}"


def _some(calls: Sequence[str]) -> str:
    shown = [shorten(name, _LONGEST_CALL) for name in calls[:_MOST_CALLS]]
    more = [f"{len(calls) - _MOST_CALLS:,} more"] if len(calls) > _MOST_CALLS else []
    return ", ".join(shown + more)


# Changes of runtime


def _unannounced(audit: HandoffAudit) -> Iterator[str]:
    """One for each pair of runtimes and each way, so that a quarrel is not a thousand lines."""
    seqs: dict[tuple[str, str, bool], list[int]] = {}
    for change in audit.changes:
        if not change.announced:
            key = (change.source or "nobody", change.target, change.takeover_seq is not None)
            seqs.setdefault(key, []).append(change.takeover_seq or change.first_write_seq or 0)
    for (source, target, took_over), where in seqs.items():
        times = f", {len(where):,} times" if len(where) > 1 else ""
        did = f"took over from {source} without a handoff"
        if not took_over:
            did = f"wrote without a handoff while {source} had the session"
        yield f"{target} {did}{times} ({_events(where)})"


def _late(audit: HandoffAudit, events: Sequence[Event]) -> Iterator[str]:
    turns = {event.seq: event.turn_id for event in events if isinstance(event, Set)}
    for change in audit.changes:
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
        if not stretches or seq != stretches[-1][-1] + 1:
            stretches.append([])
        stretches[-1].append(seq)
    shown = [
        ", ".join(map(str, each)) if len(each) < 3 else f"{each[0]}-{each[-1]}"
        for each in stretches[:_MOST_STRETCHES]
    ]
    more = sum(map(len, stretches[_MOST_STRETCHES:]))
    return f"event{'s' * (len(seqs) > 1)} {', '.join(shown)}" + f" and {more:,} more" * bool(more)


def _pending(audit: HandoffAudit) -> Iterator[str]:
    for change in audit.changes:
        if change.status == "pending":
            reason = f" ({change.reason})" if change.reason else ""
            yield (
                f"{change.target} has not taken over yet what {change.source} handed to it at "
                f"event {change.handoff_seq}{reason}"
            )


# Calls that were open at a change


def _lost(audit: HandoffAudit) -> Iterator[str]:
    for change, call in _open_calls(audit):
        if call.finished_seq is None:
            yield f"{change.target} never saw {_call(call)} finished; nobody finished it later"


def _finished_later(audit: HandoffAudit) -> Iterator[str]:
    for change, call in _open_calls(audit):
        if call.finished_seq is not None:
            yield (
                f"{_call(call)} was open when {change.target} got the session; "
                f"{call.finished_by} finished it at event {call.finished_seq}"
            )


def _open_calls(audit: HandoffAudit) -> Iterator[tuple[RuntimeChange, OpenCall]]:
    """Each call that was open at a change, with the first such change."""
    seen: set[str] = set()
    for change in audit.changes:
        for call in change.open_calls:
            if call.id not in seen:
                seen.add(call.id)
                yield change, call


def _call(call: OpenCall) -> str:
    return f"{call.id} ({call.runtime_id}, {call.turn_id}, event {call.named_seq})"
