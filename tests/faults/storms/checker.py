"""The checker of the whole history: what the workers of a storm say against what is there.

Of each session, the log and its archives together must hold

- everything acknowledged, and of what was not, only what was begun, each event once;
- what one writer appended in the order in which it did;
- a call that had returned before another one began, before that one (real time);
- seqs without a gap and a chain without a break;

every `get` must have shown a state of its runtime between the last event acknowledged
before it and the last one begun before it returned; every tail, across all its lives,
exactly the events from the first on; and every head that was noted down must be there.

Fails with an `AssertionError` that says what is wrong.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.events import GENESIS, Clear, Event, Handoff, Set
from projections import DefaultSessionStore
from tests.faults.storms.deeds import Began, Change, Ended, Noted, Read, Saw, deeds_in

NEVER = 1 << 63  # ns: when a call that was killed returned


class Call(NamedTuple):
    """One call that appends, and when it returned; `NEVER` if it was not acknowledged."""

    session: str
    changes: list[Change]
    began: int
    ended: int


class Placed(NamedTuple):
    """An event of the log, and the call that appended it."""

    event: Event
    change: Change
    call: Call


@dataclass
class Summary:
    """How much was looked at; a storm that did too little proves nothing."""

    acknowledged: int = 0  # events
    unacknowledged: int = 0  # events that are there all the same
    reads: int = 0
    tailed: int = 0  # events
    heads: int = 0
    compactions: int = 0
    noted: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, other: "Summary") -> None:
        for name in ("acknowledged", "unacknowledged", "reads", "tailed", "heads", "compactions"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def __str__(self) -> str:
        return (
            f"{self.acknowledged:,} events acknowledged, 0 lost, 0 twice, 0 gaps "
            f"({self.unacknowledged:,} more were begun and are there); {self.reads:,} reads, "
            f"{self.tailed:,} events tailed, {self.heads:,} heads, {self.compactions:,} archives"
        )


def check_whole_history(folder: Path, deeds: Path, sessions: Iterable[str]) -> Summary:
    summary = Summary()
    calls, reads, tails = _statements(deeds, summary)
    known = set(sessions)
    assert {call.session for call in calls} <= known
    for session in known:
        events = events_of(folder, session)
        mine = [call for call in calls if call.session == session]
        placed = match(mine, events)
        check_real_time(placed)
        summary.acknowledged += sum(len(call.changes) for call in mine if call.ended < NEVER)
        summary.unacknowledged += sum(1 for item in placed if item.call.ended == NEVER)
        check_reads([read for read in reads if read.session == session], placed)
        check_heads(folder, session, summary.noted[session], events)
        summary.heads += len(summary.noted[session])
    for name, saw in tails.items():
        check_tail(name, saw, events_of(folder, saw[0].session))
    summary.compactions = len(list((folder / "archive").glob("*.jsonl*")))
    return summary


def _statements(
    deeds: Path, summary: Summary
) -> tuple[list[Call], list[Read], dict[str, list[Saw]]]:
    calls: list[Call] = []
    reads: list[Read] = []
    tails: dict[str, list[Saw]] = defaultdict(list)
    for path in sorted(deeds.iterdir()):
        begun: Began | None = None
        for deed in deeds_in(path):
            match deed:
                case Began():
                    if begun is not None:  # killed in it
                        calls.append(Call(begun.session, begun.changes, begun.at, NEVER))
                    begun = deed
                case Ended():
                    assert begun is not None
                    calls.append(Call(begun.session, begun.changes, begun.at, deed.at))
                    begun = None
                case Read():
                    reads.append(deed)
                case Noted():
                    summary.noted[deed.session].append(deed.head)
                case Saw():
                    tails[path.name].append(deed)
        if begun is not None:
            calls.append(Call(begun.session, begun.changes, begun.at, NEVER))
    summary.reads = len(reads)
    summary.tailed = sum(map(len, tails.values()))
    return calls, reads, tails


def events_of(folder: Path, session: str) -> list[Event]:
    """Every event of the log and its archives; their chain must be whole."""
    past = Directory(str(folder), LogOptions("os")).history(session)
    assert past is not None, f"{session}: there is no log"
    assert past.floor == 0, f"{session}: history begins only after seq {past.floor}"
    events, digest = [], GENESIS
    for number, entry in enumerate(past.in_order(), 1):
        event = entry.event
        assert event.seq == number, f"{session}: seq {event.seq} where {number} should be"
        assert event.prev == digest, f"{session}: seq {number} does not follow the one before"
        digest = event.hash
        events.append(event)
    assert not past.problems, past.problems
    return events


def match(calls: list[Call], events: list[Event]) -> list[Placed]:
    """Which call appended which event, in the order of the log.

    A writer's calls come one after the other, and each runtime has one writer. So what it
    appended is there call by call: all of those acknowledged, of the others nothing or a
    beginning.
    """
    by_runtime: dict[str, list[tuple[Event, Change]]] = defaultdict(list)
    for event in events:
        change = change_of(event)
        by_runtime[change.runtime].append((event, change))
    placed = []
    for runtime, there in by_runtime.items():
        rest = iter([call for call in calls if call.changes[0].runtime == runtime])
        at = 0
        for call in rest:
            found = _common(call.changes, there[at:])
            lost = call.changes[found:]
            assert not lost or call.ended == NEVER, f"acknowledged and not there: {lost}"
            placed += [Placed(*item, call) for item in there[at : at + found]]
            at += found
        assert at == len(there), f"never begun, twice, or out of order: {there[at][0]}"
    silent = {call.changes[0].runtime for call in calls if call.ended < NEVER} - set(by_runtime)
    assert not silent, f"acknowledged and not there: all of {silent}"
    return sorted(placed, key=lambda item: item.event.seq)


def _common(changes: list[Change], there: list[tuple[Event, Change]]) -> int:
    count = 0
    for change, (_, found) in zip(changes, there, strict=False):
        if change != found:
            break
        count += 1
    return count


def change_of(event: Event) -> Change:
    match event:
        case Set():
            number = msgspec.json.decode(event.state)["n"]
            return Change("set", event.runtime_id, event.turn_id, number)
        case Clear():
            assert event.runtime_id is not None, event
            return Change("clear", event.runtime_id, "", 0)
        case Handoff():
            return Change("handoff", event.source, "", int(event.reason or 0))
        case _:
            raise AssertionError(f"nobody appends such events: {event}")


def check_real_time(placed: list[Placed]) -> None:
    """Nothing stands before what had returned when it began."""
    latest: Placed | None = None  # of those so far, the one that began last
    for item in placed:
        if latest is not None:
            assert item.call.ended >= latest.call.began, f"{item} stands after {latest}"
        if latest is None or item.call.began > latest.call.began:
            latest = item


def check_reads(reads: list[Read], placed: list[Placed]) -> None:
    by_runtime: dict[str, list[Placed]] = defaultdict(list)
    for item in placed:
        by_runtime[item.change.runtime].append(item)
    for read in reads:
        mine = by_runtime[read.runtime]
        least = sum(1 for item in mine if item.call.ended <= read.began)
        most = sum(1 for item in mine if item.call.began <= read.ended)
        shown = dict(read.turns)
        states = [folded(mine[:count]) for count in range(least, most + 1)]
        assert shown in states, f"{read} shows none of {states}"


def folded(placed: list[Placed]) -> dict[str, int]:
    turns: dict[str, int] = {}
    for item in placed:
        if item.change.op == "clear":
            turns.clear()
        elif item.change.op == "set":
            turns[item.change.turn] = item.change.number
    return turns


def check_tail(name: str, saw: list[Saw], events: list[Event]) -> None:
    there = [(event.seq, event.hash) for event in events[: len(saw)]]
    found = [(deed.seq, deed.hash) for deed in saw]
    for number, (mine, its) in enumerate(zip(found, there, strict=False), 1):
        assert mine == its, f"{name}: saw {mine} where {its} is, event {number}"
    assert len(found) == len(there), f"{name}: saw {len(found)} events, there are {len(there)}"


def check_heads(folder: Path, session: str, heads: list[str], events: list[Event]) -> None:
    """Every head that was noted is an event of the history; `verify` takes the last of them."""
    for head in heads:
        _, seq, digest = head.split(":")
        there = events[int(seq) - 1].hash if int(seq) <= len(events) else None
        assert there == digest, f"{session}: the head {head} was noted, and there is {there}"
    with DefaultSessionStore(folder, durability="os") as store:
        report = store.verify(session, heads[-1] if heads else None)
    assert report.ok, report.problems
